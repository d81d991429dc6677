"""Weighting schemes against closed forms, and AdaLoss against a slow version in numpy."""

import copy
import io
import math
import pickle
import re
import shutil
import warnings

import hypothesis.strategies as st
import numpy as np
import pytest
import torch
import torch.distributed as dist
import torch.multiprocessing as multiprocessing
from hypothesis import given, settings
from torch.utils._python_dispatch import TorchDispatchMode

from anytime import networks, weighting
from anytime.datasets import Dataset, Images
from anytime.training import Recipe, Session

NUMBERS_OF_EXITS = [1, 2, 3, 9, 15]
SPECS = [
    "const",
    "linear",
    "linear:first=0.5",
    "half-end",
    "sieve",
    "exponential",
    "exponential:base=0.5",
    "opt",
    "opt:exit=1",
    "adaloss",
    "adaloss:gamma=0,momentum=0.99,every=1,extra=0.5",
]


def closed_form(spec: str, num_exits: int) -> list[float]:
    """The weights, exit by exit, written out from their descriptions."""
    exits = range(1, num_exits + 1)
    if spec == "linear":
        return [1 - 0.75 * (num_exits - i) / max(num_exits - 1, 1) for i in exits]
    if spec == "half-end":
        return [1 if i == num_exits else 1 / (num_exits - 1) for i in exits]
    if spec == "exponential:base=3":
        return [3.0 ** (i - num_exits) for i in exits]
    if spec == "exponential:base=0.5":
        return [0.5 ** (i - 1) for i in exits]
    if spec == "opt":
        return [float(i == num_exits) for i in exits]
    return [1.0 for _ in exits]


@pytest.mark.parametrize("num_exits", NUMBERS_OF_EXITS)
@pytest.mark.parametrize(
    "spec",
    ["const", "linear", "half-end", "exponential:base=3", "exponential:base=0.5", "opt", "adaloss"],
)
def test_a_schemes_first_weights_are_its_closed_form(spec, num_exits):
    weights = weighting.build(spec, num_exits).weights
    np.testing.assert_allclose(weights, closed_form(spec, num_exits), rtol=1e-6)


# Parts of the sum of all early exits; the last exit weighs as much as they do together.
RULERS = {
    1: [],
    2: [1],
    3: [2, 1],
    9: [4, 1, 2, 1, 3, 1, 2, 1],
    15: [2, 1, 3, 1, 2, 1, 4, 1, 2, 1, 3, 1, 2, 1],
}


@pytest.mark.parametrize("num_exits", NUMBERS_OF_EXITS)
def test_sieve_visits_the_exits_like_the_marks_of_a_ruler(num_exits):
    ruler = RULERS[num_exits]
    expected = [mark / sum(ruler) for mark in ruler] + [1]
    np.testing.assert_allclose(weighting.build("sieve", num_exits).weights, expected, rtol=1e-6)


def test_sieve_of_nine_exits_has_the_weights_of_the_authors():
    expected = [0.267, 0.067, 0.133, 0.067, 0.2, 0.067, 0.133, 0.067, 1]
    np.testing.assert_allclose(weighting.build("sieve", 9).weights, expected, atol=5e-4)


@pytest.mark.parametrize("num_exits", [2, 5, 8, 16, 17, 33, 64, 65])
def test_sieve_keeps_the_authors_limit_on_its_marks(num_exits):
    limit = math.ceil(math.log2(num_exits)) - 1
    marks = []
    for distance in range(num_exits - 1, 0, -1):
        halvings = max(power for power in range(8) if distance % 2**power == 0)
        marks.append(1 + min(halvings, limit))
    expected = [mark / sum(marks) for mark in marks] + [1]
    np.testing.assert_allclose(weighting.build("sieve", num_exits).weights, expected, rtol=1e-6)


def test_linear_starts_where_it_is_told_to():
    weights = weighting.build("linear:first=0.1", 4).weights
    np.testing.assert_allclose(weights, [0.1, 0.4, 0.7, 1.0], rtol=1e-6)


@pytest.mark.parametrize("exit", [1, 2, 5])
def test_opt_puts_all_weight_on_the_exit_it_names(exit):
    weights = weighting.build(f"opt:exit={exit}", 5).weights
    assert weights.tolist() == [float(i == exit) for i in range(1, 6)]


@pytest.mark.parametrize("exit", [1, 3, 4])
def test_opt_teaches_nothing_to_other_exits(exit):
    losses = torch.rand(4, generator=torch.Generator().manual_seed(0)).requires_grad_()
    weighting.build(f"opt:exit={exit}", 4)(losses).backward()
    assert losses.grad.tolist() == [float(i == exit) for i in range(1, 5)]


@pytest.mark.parametrize("num_exits", NUMBERS_OF_EXITS)
@pytest.mark.parametrize("spec", SPECS)
def test_a_total_rescales_all_weights_by_one_factor(spec, num_exits):
    free = weighting.build(spec, num_exits).weights
    separator = "," if ":" in spec else ":"
    fixed = weighting.build(f"{spec}{separator}total=7", num_exits).weights
    assert fixed.sum().item() == pytest.approx(7)
    np.testing.assert_allclose(fixed, free * (7 / free.sum()), rtol=1e-5)


@pytest.mark.parametrize("spec", SPECS)
def test_the_training_loss_is_the_weighted_sum_of_the_losses(spec):
    scheme = weighting.build(spec, 4)
    before = scheme.weights.tolist()
    losses = [2.5, 0.25, 1.0, 0.5]
    expected = math.fsum(b * loss for b, loss in zip(before, losses, strict=True))
    assert scheme(torch.tensor(losses)).item() == pytest.approx(expected)


@pytest.mark.parametrize("spec", SPECS)
def test_a_scheme_remembers_the_text_it_was_built_from(spec):
    scheme = weighting.build(spec, 4)
    assert scheme.spec == spec
    assert scheme.num_exits == 4
    assert not scheme.weights.requires_grad


def test_an_unknown_scheme_is_refused_with_those_there_are():
    with pytest.raises(ValueError, match="unknown weighting 'adaless'; there are const, .*adaloss"):
        weighting.build("adaless:gamma=0.1", 3)


@pytest.mark.parametrize(
    ("spec", "option", "known"),
    [
        ("linear:last=1", "last", "total, first"),
        ("const:num_exits=3", "num_exits", "total"),
        ("adaloss:gama=0.1", "gama", "total, gamma, momentum, every, extra, look_first"),
    ],
)
def test_an_unknown_option_is_refused_with_those_the_scheme_has(spec, option, known):
    with pytest.raises(
        ValueError, match=f"{re.escape(spec)}.*no option '{option}'; there are {known}$"
    ):
        weighting.build(spec, 3)


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("const:total=0", "total weight must be positive and finite, not 0"),
        ("const:total=nan", "total weight must be positive and finite, not nan"),
        ("const:total=inf", "total weight must be positive and finite, not inf"),
        ("const:total=", "'total=' is no option; write NAME=VALUE"),
        ("const:9", "'9' is no option; write NAME=VALUE"),
        ("const:nine", "'nine' is no option of const; write NAME=VALUE"),
        ("adaloss:gamma=.1,gamma=.9", "'gamma' is given twice"),
        ("linear:first=much", "first=much is no number"),
        ("linear:first=inf", "first must be a number from 0 on, not inf"),
        ("linear:first=-1", "first must be a number from 0 on, not -1"),
        ("exponential:base=0", "base must be between 0.001 and 1000, not 0"),
        ("exponential:base=1e200", "base must be between 0.001 and 1000"),
        ("opt:exit=0", "exit must be between 1 and 3, not 0"),
        ("opt:exit=4", "exit must be between 1 and 3, not 4"),
        ("opt:exit=1.5", "exit must be between 1 and 3, not 1.5"),
        ("adaloss:gamma=1.1", "gamma=1.1"),
        ("adaloss:gamma=nan", "gamma=nan"),
        ("adaloss:momentum=1", "momentum=1"),
        ("adaloss:every=0", "every=0"),
        ("adaloss:every=1.5", "every=1.5"),
        ("adaloss:every=inf", "every=inf"),
        ("adaloss:extra=-1", "extra=-1"),
        ("adaloss:look_first=3", "look_first=3"),
        ("adaloss:every=1e30", "every="),
        ("adaloss:every=True", "every=True is no number"),
        ("adaloss:total=1e-50", "weights must be finite numbers from 0 on, not all 0"),
        ("const:total=1e39", "weights must be finite numbers"),
        ("const:total=True", "total=True is no number"),
        ("linear:first=1e39", "weights must be finite numbers"),
        ("adaloss:extra=1e300", r"extra=1e\+300"),
    ],
)
def test_a_value_out_of_range_is_refused_with_the_range(spec, message):
    with pytest.raises(ValueError, match=f"^weighting '{re.escape(spec)}': .*{message}"):
        weighting.build(spec, 3)


@pytest.mark.parametrize("spec", SPECS)
@pytest.mark.parametrize("shape", [(4,), (2,), (3, 1), ()])
def test_another_number_of_losses_than_exits_is_refused_with_the_fix(spec, shape):
    scheme = weighting.build(spec, 3)
    with pytest.raises(ValueError, match="expected 3 losses, .* build the weighting with"):
        scheme(torch.ones(shape))


def adaloss_slowly(losses, gamma, momentum, every, extra):
    """Yields the weights under which each step is taken, exit by exit in plain floats."""
    means, weights = None, [1.0] * len(losses[0])
    for step, now in enumerate(losses, start=1):
        yield list(weights)
        if means is None:
            means = [float(loss) for loss in now]
        for i in range(len(now)):
            means[i] = momentum * means[i] + (1 - momentum) * float(now[i])
        if step % every == 0:
            inverse = [1 / mean for mean in means]
            largest = max(inverse)
            inverse = [value / largest for value in inverse]
            inverse[-1] += extra
            largest = max(inverse)
            weights = [(1 - gamma) * value / largest + gamma for value in inverse]


@pytest.mark.parametrize("every", [1, 3, 100])
@pytest.mark.parametrize("extra", [0, 0.5, 1])
@pytest.mark.parametrize("momentum", [0, 0.9, 0.99])
@pytest.mark.parametrize("gamma", [0, 0.07, 0.14, 1])
def test_adaloss_weighs_each_loss_by_its_inverse_running_mean(gamma, momentum, extra, every):
    scheme = weighting.AdaLoss(4, gamma=gamma, momentum=momentum, every=every, extra=extra)
    steps = 205 if every == 100 else 25
    losses = np.random.default_rng(every).gamma(1.0, size=(steps, 4)).astype(np.float32) + 0.01
    expected = list(adaloss_slowly(losses, gamma, momentum, every, extra))
    in_force = []
    for step in torch.from_numpy(losses):
        in_force.append(scheme.weights.tolist())
        scheme(step)
    np.testing.assert_allclose(in_force, expected, rtol=2e-5)


def test_adaloss_weights_of_losses_one_two_four_are_known_by_hand():
    losses = torch.tensor([4.0, 2.0, 1.0])
    plain = weighting.adaloss_weights(losses, gamma=0.2)
    np.testing.assert_allclose(plain, [0.4, 0.6, 1.0], rtol=1e-6)
    with_extra = weighting.adaloss_weights(losses, gamma=0.0, extra=1.0)
    np.testing.assert_allclose(with_extra, [0.125, 0.25, 1.0], rtol=1e-6)


def test_without_gamma_all_weighted_losses_are_of_one_size():
    losses = torch.tensor([2.3, 0.7, 0.02])
    weighted = losses * weighting.adaloss_weights(losses, gamma=0.0)
    np.testing.assert_allclose(weighted, [0.02] * 3, rtol=1e-6)


def test_a_total_given_to_adaloss_holds_after_every_update():
    scheme = weighting.build("adaloss:every=1,extra=1,total=5", 3)
    free = weighting.build("adaloss:every=1,extra=1", 3)
    for losses in torch.rand(6, 3, generator=torch.Generator().manual_seed(2)):
        scheme(losses)
        free(losses)
        np.testing.assert_allclose(scheme.weights, free.weights * 5 / free.weights.sum(), rtol=1e-5)


def test_unless_told_otherwise_adaloss_updates_its_weights_at_the_hundredth_step():
    scheme = weighting.AdaLoss(2)
    for step in range(1, 101):
        assert scheme.weights.tolist() == [1, 1], step
        scheme(torch.tensor([2.0, 1.0]))
    assert scheme.weights[0] < 1


def test_before_adaloss_first_update_all_weights_are_one():
    scheme = weighting.build("adaloss:every=4", 3)
    losses = torch.tensor([3.0, 2.0, 1.0])
    for _ in range(3):
        scheme(losses)
        assert scheme.weights.tolist() == [1.0, 1.0, 1.0]
    scheme(losses)
    assert scheme.weights.min() < 1


def test_a_step_is_taken_under_the_weights_from_before_it():
    scheme = weighting.build("adaloss:every=1", 2)
    assert scheme(torch.tensor([3.0, 1.0])).item() == pytest.approx(4.0)


@pytest.mark.parametrize("spec", SPECS)
def test_in_evaluation_mode_no_weight_and_no_state_moves(spec):
    scheme = weighting.build(spec, 3)
    generator = torch.Generator().manual_seed(0)
    scheme(torch.rand(3, generator=generator))
    before = {key: value.clone() for key, value in scheme.eval().state_dict().items()}
    for _ in range(3):
        scheme(torch.rand(3, generator=generator))
    after = scheme.state_dict()
    assert all(torch.equal(after[key], before[key]) for key in before)


def test_the_gradient_of_the_training_loss_is_the_weights_alone():
    scheme = weighting.build("adaloss:every=1", 3)
    parameter = torch.tensor(1.0, requires_grad=True)
    for _ in range(4):
        weights = scheme.weights.clone()
        losses = parameter * torch.tensor([3.0, 2.0, 1.0])
        losses.retain_grad()
        scheme(losses).backward()
        assert torch.equal(losses.grad, weights)
    assert not any(state.requires_grad for state in scheme.state_dict().values())


@pytest.mark.parametrize("after", [1, 5, 11])
def test_adaloss_stored_in_mid_sequence_goes_on_exactly(after):
    losses = torch.rand(20, 3, generator=torch.Generator().manual_seed(1)) + 0.1
    whole, first, second = (weighting.build("adaloss:every=3", 3) for _ in range(3))
    for step in losses:
        whole(step)
    for step in losses[:after]:
        first(step)
    file = io.BytesIO()
    torch.save(first.state_dict(), file)
    file.seek(0)
    second.load_state_dict(torch.load(file, weights_only=True))
    for step in losses[after:]:
        second(step)
    expected, state = whole.state_dict(), second.state_dict()
    assert expected.keys() == state.keys()
    assert all(torch.equal(state[key], expected[key]) for key in expected)
    assert whole.weights.min() < 1


@pytest.mark.parametrize("spec", ["linear", "adaloss:every=1"])
def test_losses_in_bfloat16_are_weighted_in_single_precision(spec):
    scheme, exact = weighting.build(spec, 3), weighting.build(spec, 3)
    for losses in torch.rand(5, 3, generator=torch.Generator().manual_seed(0)) + 0.5:
        rounded = losses.bfloat16()
        with torch.autocast("cpu", dtype=torch.bfloat16):
            loss = scheme(rounded)
        assert loss.dtype == torch.float32
        assert torch.equal(loss, exact(rounded.float()))
    assert scheme.weights.dtype == torch.float32
    assert torch.equal(scheme.weights, exact.weights)


def losses_of(rank: int) -> torch.Tensor:
    return torch.rand(7, 3, generator=torch.Generator().manual_seed(rank)) + 0.1


def weigh_as_one_of_two(rank: int, folder: str) -> None:
    store = f"file://{folder}/store"
    dist.init_process_group("gloo", init_method=store, rank=rank, world_size=2)
    scheme = weighting.build("adaloss:every=2", 3)
    seen = []
    for step in losses_of(rank):
        scheme(step)
        seen.append(scheme.weights)
    torch.save(torch.stack(seen), f"{folder}/{rank}.pt")
    dist.destroy_process_group()


def test_two_processes_hold_the_weights_of_their_mean_losses(tmp_path):
    multiprocessing.spawn(weigh_as_one_of_two, (str(tmp_path),), nprocs=2)
    one, other = (torch.load(tmp_path / f"{rank}.pt", weights_only=True) for rank in (0, 1))
    assert torch.equal(one, other)
    scheme = weighting.build("adaloss:every=2", 3)
    for step, weights in zip((losses_of(0) + losses_of(1)) / 2, one, strict=True):
        scheme(step)
        torch.testing.assert_close(scheme.weights, weights)


class NoWaiting(TorchDispatchMode):
    """Stands in for a device that computes on its own: nothing may ask it for a number."""

    WAITING = ("_local_scalar_dense", "nonzero", "masked_select", "equal", "is_nonzero")

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        name = function._schema.name.removeprefix("aten::")
        assert name not in self.WAITING, f"{name} waits for the device"
        return function(*args, **(kwargs or {}))


@pytest.mark.parametrize("waiting", [float, bool, int, torch.nonzero, lambda x: [1, 2][x > 0]])
def test_the_watch_sees_what_waits_for_the_device(waiting):
    with NoWaiting(), pytest.raises(AssertionError, match="waits for the device"):
        waiting(torch.tensor(1.0))


@pytest.mark.parametrize("spec", SPECS)
def test_weighing_never_waits_for_the_device(spec):
    scheme = weighting.build(spec, 3)
    losses = torch.tensor([3.0, 2.0, 1.0], requires_grad=True)
    with NoWaiting():
        for _ in range(3):
            scheme(losses).backward()


@pytest.mark.parametrize("spec", SPECS)
def test_weighing_reads_no_number_off_a_device_that_has_none(spec):
    # Tensors on "meta" have shapes only: even tolist() or cpu() fails on them.
    scheme = weighting.build(spec, 3).to("meta")
    loss = scheme(torch.ones(3, device="meta", requires_grad=True))
    loss.backward()
    assert loss.shape == ()
    assert {state.device.type for state in scheme.state_dict().values()} == {"meta"}


@pytest.mark.parametrize("spec", ["linear", "adaloss:every=2"])
def test_a_training_step_never_waits_for_the_device(spec):
    generator = torch.Generator().manual_seed(0)
    pixels = torch.randint(0, 256, (12, 3, 8, 8), generator=generator, dtype=torch.uint8)
    images = Images(pixels, torch.arange(12) % 3)
    steps = ("crop", "flip", "colour", "deform")
    dataset = Dataset("noise", "noise", images, images, ("a", "b", "c"), steps)
    network = networks.build("resann-1-4-stride2", 3, seed=0)
    scheme = weighting.build(spec, network.num_exits)
    session = Session(network, scheme, dataset, Recipe(epochs=1, batch_size=4))
    before = network.heads[0][-1].weight.clone()
    network.train()
    batches = list(session.batches())
    with NoWaiting():
        for batch in batches:
            session.train_step(batch)
    assert session.step == 3
    assert not torch.equal(network.heads[0][-1].weight, before)


CASES = [
    ("const", weighting.Const(3)),
    ("adaloss", weighting.AdaLoss(3, gamma=0.07, every=100)),
    ("adaloss:gamma=0.1,extra=1", weighting.AdaLoss(num_exits=3, extra=1.0, gamma=0.1)),
    ("linear:total=2", weighting.Linear(3, 2.0)),
    ("opt", weighting.Opt(3, exit=3)),
    ("opt:exit=1", weighting.Opt(3, exit=1)),
]


@pytest.mark.parametrize(("spec", "made"), CASES, ids=[spec for spec, _ in CASES])
def test_text_and_constructor_make_one_thing_with_one_text(spec, made):
    built = weighting.build(spec, 3)
    assert built.spec == made.spec == spec
    theirs, ours = built.state_dict(), made.state_dict()
    assert all(torch.equal(theirs[key], ours[key]) for key in ours)


@pytest.mark.parametrize(
    "spelling",
    ["adaloss", "adaloss:gamma=0.07", "adaloss:gamma=.07", "adaloss:gamma=7e-2"]
    + ["adaloss:every=100,gamma=0.07", "adaloss:every=100.0,extra=0", "adaloss:"],
)
def test_every_spelling_of_the_defaults_is_one_text(spelling):
    assert weighting.build(spelling, 3).spec == "adaloss"


@pytest.mark.parametrize("spelling", ["True", "1", "1.0"])
def test_yes_has_one_spelling(spelling):
    assert weighting.build(f"adaloss:look_first={spelling}", 3).spec == "adaloss:look_first=True"


class Steep(weighting.Weighting):
    """Weights (i / K)^power."""

    def __init__(self, num_exits: int, total: float | None = None, power: float = 2.0) -> None:
        super().__init__((torch.arange(1, num_exits + 1) / num_exits) ** power, total)


def test_a_weighting_of_ones_own_is_named_by_its_class_and_arguments_and_built_by_that_name():
    made = Steep(4, power=3)
    assert made.spec == f"{__name__}:Steep:power=3"
    assert torch.equal(weighting.build(made.spec, 4).weights, made.weights)
    assert Steep(4, power=2.0).spec == f"{__name__}:Steep"


@pytest.mark.parametrize("spec", ["math:pi", "os:getcwd", "json:JSONEncoder", "torch.nn:Linear"])
def test_what_is_no_weighting_is_refused(spec):
    with pytest.raises(ValueError, match=f"{spec} is no class of weightings"):
        weighting.build(spec, 3)


def test_a_registered_weighting_has_a_short_name(monkeypatch):
    monkeypatch.setitem(weighting.SCHEMES, "steep", None)  # removed in the end

    @weighting.register("steep")
    class Steeper(Steep):
        pass

    assert weighting.build("steep:power=1", 4).spec == "steep:power=1"
    assert Steeper(4).spec == "steep"


class Heir(weighting.AdaLoss):
    """Another thing than AdaLoss, whatever it changes."""


def test_a_subclass_does_not_go_by_its_parents_name():
    assert Heir(3, gamma=0.1).spec == f"{__name__}:Heir:gamma=0.1"


class Short(weighting.Weighting):
    """It calls itself by another word."""

    def __init__(me, num_exits: int, power: float = 2.0) -> None:
        super().__init__(torch.arange(1.0, num_exits + 1) ** power)


def test_a_weighting_may_call_itself_what_it_likes():
    assert Short(3, power=3).spec == f"{__name__}:Short:power=3"
    assert repr(Short(3)) == f"Short({__name__}:Short)"


class FromTensor(weighting.Weighting):
    """Its argument fits no text."""

    def __init__(self, weights: torch.Tensor) -> None:
        super().__init__(weights)


def test_what_fits_no_text_has_no_name():
    assert FromTensor(torch.ones(3)).spec == ""


def test_a_copy_keeps_its_name():
    made = weighting.AdaLoss(3, gamma=0.2)
    assert copy.deepcopy(made).spec == pickle.loads(pickle.dumps(made)).spec == made.spec


@pytest.mark.parametrize("spec", ["adaloss:every=1", "linear"])
def test_losses_come_as_a_tensor_a_list_or_a_dict(spec):
    losses = torch.tensor([2.0, 0.5, 1.0])
    forms = [losses, [*losses], (*losses,), {"a": losses[0], "b": losses[1], "c": losses[2]}]
    schemes = [weighting.build(spec, 3) for _ in forms]
    for _ in range(3):
        totals = [scheme(form) for scheme, form in zip(schemes, forms, strict=True)]
        assert all(torch.equal(total, totals[0]) for total in totals)


def test_a_look_at_the_first_losses_weighs_the_first_step_by_them():
    losses = torch.tensor([4.0, 2.0, 1.0])
    scheme = weighting.build("adaloss:look_first=True,gamma=0", 3)
    assert float(scheme(losses)) == pytest.approx(3.0)  # 4 / 4 + 2 / 2 + 1
    assert float(scheme(2 * losses)) == pytest.approx(6.0)


COMPILES = pytest.mark.skipif(not shutil.which("c++"), reason="torch.compile needs a compiler")


def in_single_precision(losses, gamma, momentum, every, extra):
    """Yields the weights after each step by the authors' rule, rounded after each operation."""
    f, one = np.float32, np.float32(1)
    means, weights = list(losses[0]), [one] * len(losses[0])
    for step, now in enumerate(losses, start=1):
        means = [
            f(momentum) * mean + f(1 - momentum) * loss
            for mean, loss in zip(means, now, strict=True)
        ]
        if step % every == 0:
            u = [min(means) / mean for mean in means]
            u[-1] = u[-1] + f(extra)
            u = [value / max(u) for value in u]
            weights = [f(1 - gamma) * value + f(gamma) for value in u]
        yield list(weights)


@pytest.mark.parametrize(
    ("compiled", "extra"), [(False, 0.0), (False, 0.5), pytest.param(True, 0.5, marks=COMPILES)]
)
def test_ordinary_losses_give_the_weights_of_the_plain_rule_bit_for_bit(compiled, extra):
    generator = np.random.default_rng(5)
    losses = generator.lognormal(0.0, 2.0, size=(60, 7)).astype(np.float32)
    scheme = weighting.AdaLoss(7, momentum=0.9, every=3, extra=extra)
    call = torch.compile(scheme) if compiled else scheme
    expected = list(in_single_precision(losses, 0.07, 0.9, 3, extra))
    for step, weights in zip(torch.from_numpy(losses), expected, strict=True):
        call(step)
        assert scheme.weights.tolist() == [float(weight) for weight in weights]


NUMBERS = [0.0, -0.0, 1e-45, 1e-39, 1e-30, 1e-7, 0.3, 1.0, 2.5, 40.0, 1e30, 9e37]
BAD = [-1.0, -1e-45, math.nan, math.inf, -math.inf, 3e38]


@settings(derandomize=True, deadline=None, max_examples=150)
@given(
    st.lists(st.lists(st.sampled_from(NUMBERS + BAD), min_size=3, max_size=3), max_size=12),
    st.sampled_from([0.0, 0.9]),
    st.sampled_from([1, 3]),
    st.sampled_from([0.0, 1.0]),
    st.booleans(),
)
def test_whatever_the_losses_are_adaloss_stays_finite_and_its_largest_weight_is_one(
    steps, momentum, every, extra, look_first
):
    scheme = weighting.AdaLoss(
        3, momentum=momentum, every=every, extra=extra, look_first=look_first
    )
    for losses in steps:
        scheme(torch.tensor(losses))
        assert all(state.isfinite().all() for state in (scheme.weights, scheme.mean_losses))
        assert scheme.weights.max() == 1 and scheme.weights.min() > 0
    with np.errstate(over="ignore"):
        bad = [[loss in BAD or math.isnan(loss) for loss in losses] for losses in steps]
    assert scheme.refused.tolist() == (np.sum(bad, 0).tolist() if bad else [0, 0, 0])


@settings(derandomize=True, deadline=None, max_examples=100)
@given(
    st.lists(st.floats(0.0, 1e3, width=32, allow_subnormal=False), min_size=4, max_size=4),
    st.integers(-130, 100),
)
def test_the_weights_do_not_depend_on_the_scale_of_the_losses(losses, power):
    losses = torch.tensor([loss if loss == 0 or loss > 1e-3 else 1e-3 for loss in losses])
    scaled = losses * 2.0**power
    plain, other = (weighting.AdaLoss(4, every=1, momentum=0.0) for _ in range(2))
    plain(losses), other(scaled)
    if torch.equal(scaled / 2.0**power, losses):  # nothing was too small to keep its digits
        assert torch.equal(plain.weights, other.weights)


@pytest.mark.parametrize("bad", BAD)
@pytest.mark.parametrize("when", [1, 2, 5])
def test_a_loss_that_is_none_leaves_its_mean_as_it_was(bad, when):
    generator = np.random.default_rng(when)
    losses = generator.gamma(1.0, size=(9, 3)).astype(np.float32) + 0.1
    broken = losses.copy()
    broken[when, 1] = bad
    scheme = weighting.AdaLoss(3, every=1)
    for step in torch.from_numpy(broken):
        scheme(step)
    whole = weighting.AdaLoss(3, every=1)
    for step in torch.from_numpy(losses):
        whole(step)
    spared = weighting.AdaLoss(1, every=1)
    for step in torch.from_numpy(np.delete(losses[:, 1:2], when, axis=0)):
        spared(step)
    means = [whole.mean_losses[0], spared.mean_losses[0], whole.mean_losses[2]]
    assert scheme.mean_losses.tolist() == [float(mean) for mean in means]
    assert scheme.refused.tolist() == [0, 1, 0]


@pytest.mark.parametrize("look_first", [False, True])
def test_a_mean_starts_at_the_first_good_loss_and_no_weight_changes_before(look_first):
    scheme = weighting.AdaLoss(2, every=1, gamma=0.0, look_first=look_first)
    for bad in (math.nan, -3.0):
        scheme(torch.tensor([bad, 1.0]))
        assert scheme.weights.tolist() == [1.0, 1.0]
    scheme(torch.tensor([4.0, 1.0]))
    assert scheme.mean_losses.tolist() == pytest.approx([4.0, 1.0])
    assert scheme.weights.tolist() == pytest.approx([0.25, 1.0])


def test_what_was_left_out_is_said_once_when_the_state_is_stored():
    scheme = weighting.AdaLoss(2, every=1)
    for losses in ([1.0, 1.0], [-1.0, 1.0], [math.nan, 1.0]):
        scheme(torch.tensor(losses))
    with pytest.warns(UserWarning, match=r"left out \[2, 0\] losses of its exits in 3 steps"):
        scheme.state_dict()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        scheme.eval().state_dict()


@pytest.mark.parametrize(
    "losses",
    [[1.0, 2.0], (1.0, 2.0), {"a": 1.0, "b": 2.0}, np.ones(2), [], 3.0, None, "ab"]
    + [[torch.ones(1), torch.ones(1)], [torch.ones(()), torch.ones(3)], [torch.ones(()), 1.0]],
    ids=str,
)
@pytest.mark.parametrize("spec", ["const", "adaloss"])
def test_what_autograd_cannot_follow_is_refused_with_what_to_give(spec, losses):
    with pytest.raises(TypeError, match=r"tensor \(K,\), or a list, tuple or dict of K tensors"):
        weighting.build(spec, 2)(losses)


@pytest.mark.parametrize("zero", [0.0, 1e-39])
def test_a_loss_of_zero_gets_the_largest_weight_and_the_others_stay_finite(zero):
    scheme = weighting.AdaLoss(3, gamma=0.0, every=1, momentum=0.0)
    for _ in range(2):
        scheme(torch.tensor([zero, 1.0, 2.0]))
    assert scheme.weights[0] == 1.0
    assert scheme.weights.isfinite().all() and (scheme.weights[1:] < 1e-6).all()
    scheme(torch.zeros(3))
    assert torch.equal(scheme.weights, torch.ones(3))
