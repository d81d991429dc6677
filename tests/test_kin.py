"""AdaLoss's kin against figures of other libraries, slow transcriptions, and steps by hand."""

import math
import warnings

import numpy as np
import pytest
import torch
import torch.distributed as dist
import torch.multiprocessing as multiprocessing
from test_weighting import NoWaiting
from torch import nn

from anytime import networks, weighting
from anytime.datasets import Dataset, Images
from anytime.training import Recipe, Session
from anytime.weighting import gradients

KIN = [
    "uw",
    "imtl-l:rate=0.1",
    "gls",
    "dwa:every=2,temperature=0.1",
    "rlw",
    "gradnorm:rate=0.1",
    "first-order:momentum=0.5,every=1",
    "first-order:gamma=0,every=1,root=True",
]
PLAIN = KIN[:5]
LOSSES = [2.0, 0.5, 1.0]


def call(scheme, losses, seed=0):
    """The training loss of a scheme of any kind, with gradients drawn where it asks for them."""
    if not scheme.gradients_in:
        return scheme(losses)
    drawn = torch.randn(len(losses), 4, generator=torch.Generator().manual_seed(seed))
    return scheme(losses, drawn.to(losses.device))


# Total, slopes of the losses, and slopes of what is learned, as LibMTL and TorchJD give them.
ORACLE = {
    "uw": (1.75, [0.5, 0.5, 0.5], [-0.5, 0.25, 0.0]),
    "imtl-l": (3.5, [1.0, 1.0, 1.0], [1.0, -0.5, 0.0]),
    "gls": (1.0, [1 / 6, 2 / 3, 1 / 3], None),
}


@pytest.mark.parametrize("spec", ORACLE)
def test_totals_and_slopes_are_those_of_other_libraries(spec):
    scheme, losses = weighting.build(spec, 3), torch.tensor(LOSSES, requires_grad=True)
    total, slopes, learned = ORACLE[spec]
    loss = scheme(losses)
    loss.backward()
    assert loss.item() == pytest.approx(total)
    np.testing.assert_allclose(losses.grad, slopes, rtol=1e-6)
    np.testing.assert_allclose(scheme.weights, slopes, rtol=1e-6)
    assert [p.grad.tolist() for p in scheme.parameters()] == ([learned] if learned else [])


def transcribed(spec, losses, s):
    """The objectives as the papers write them."""
    if spec == "uw":
        return sum(0.5 * torch.exp(-s[i]) * losses[i] + 0.5 * s[i] for i in range(len(s)))
    if spec == "imtl-l":
        return sum(torch.exp(s[i]) * losses[i] - s[i] for i in range(len(s)))
    return losses.prod() ** (1 / len(losses))


@pytest.mark.parametrize("spec", ORACLE)
@pytest.mark.parametrize("seed", range(3))
def test_an_objective_and_its_slopes_are_those_of_its_transcription(spec, seed):
    generator = torch.Generator().manual_seed(seed)
    losses = 0.05 + 3 * torch.rand(5, generator=generator)
    s = torch.randn(5, generator=generator)
    scheme = weighting.build(spec, 5)
    for learned in scheme.parameters():
        learned.data.copy_(s)
    ours = losses.clone().requires_grad_()
    theirs, s = losses.double().requires_grad_(), s.double().requires_grad_()
    loss, expected = scheme(ours), transcribed(spec, theirs, s)
    loss.backward(), expected.backward()
    assert loss.item() == pytest.approx(expected.item(), rel=1e-5)
    torch.testing.assert_close(ours.grad.double(), theirs.grad, rtol=1e-5, atol=0)
    torch.testing.assert_close(scheme.weights, ours.grad)
    for learned in scheme.parameters():
        torch.testing.assert_close(learned.grad.double(), s.grad, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    ("name", "spec"), [("GeometricMean", "gls"), ("UW", "uw"), ("IMTLL", "imtl-l")]
)
def test_torchjd_joins_losses_to_the_same_number(name, spec):
    scalarization = pytest.importorskip(
        "torchjd.scalarization", reason="torchjd is not installed: pip install torchjd"
    )
    theirs = getattr(scalarization, name)
    theirs = theirs() if name == "GeometricMean" else theirs(3)
    losses = torch.tensor(LOSSES)
    assert weighting.build(spec, 3)(losses).item() == pytest.approx(theirs(losses).item())


@pytest.mark.parametrize(
    ("spec", "at_rest"), [("uw", [0.25, 1.0, 0.5]), ("imtl-l", [0.5, 2.0, 1.0])]
)
@pytest.mark.parametrize("total", [None, 2.0])
def test_what_is_learned_comes_to_rest_at_the_inverse_losses(spec, at_rest, total):
    scheme = weighting.SCHEMES[spec](3, total=total)
    optimizer = torch.optim.SGD(scheme.parameters(), 0.2)
    for _ in range(300):
        optimizer.zero_grad()
        scheme(torch.tensor(LOSSES)).backward()
        optimizer.step()
    expected = np.array(at_rest) * (1 if total is None else total / sum(at_rest))
    np.testing.assert_allclose(scheme.weights, expected, rtol=1e-3)


def test_a_total_below_zero_is_no_fault_of_uncertainty_weighting():
    scheme = weighting.build("uw", 2)
    scheme.s.data.fill_(math.log(0.01))
    losses = torch.full((2,), 0.01, requires_grad=True)
    loss = scheme(losses)
    loss.backward()
    assert loss < 0
    assert losses.grad.tolist() == pytest.approx([50.0, 50.0])
    assert scheme.s.grad.tolist() == pytest.approx([0.0, 0.0], abs=1e-6)


def test_the_geometric_mean_of_many_small_losses_does_not_vanish():
    losses = torch.full((60,), 1e-3, requires_grad=True)
    assert losses.prod() == 0
    loss = weighting.build("gls", 60)(losses)
    loss.backward()
    assert loss.item() == pytest.approx(1e-3)
    np.testing.assert_allclose(losses.grad, 1 / 60, rtol=1e-5)


@pytest.mark.parametrize("losses", [[0.0, 1.0], [0.0, 0.0]])
def test_a_loss_of_zero_leaves_the_geometric_mean_finite(losses):
    scheme = weighting.build("gls", 2)
    assert scheme(torch.tensor(losses)).isfinite()
    assert scheme.weights.isfinite().all() and (scheme.weights > 0).all()


def test_the_rates_of_falling_losses_give_the_weights_of_other_libraries():
    scheme = weighting.build("dwa:every=1", 3)
    for losses in (LOSSES, [1.0, 0.4, 0.9]):
        scheme(torch.tensor(losses))
    np.testing.assert_allclose(scheme.weights, [0.8867, 1.0302, 1.0830], atol=5e-5)


def dwa_slowly(losses, every, temperature):
    """Yields the weights after each step."""
    means = []
    for step in range(1, len(losses) + 1):
        if step % every == 0:
            means.append(
                [math.fsum(part) / every for part in zip(*losses[step - every : step], strict=True)]
            )
        if len(means) < 2:
            yield [1.0] * len(losses[0])
            continue
        powers = [math.exp(now / old / temperature) for old, now in zip(*means[-2:], strict=True)]
        yield [len(powers) * power / math.fsum(powers) for power in powers]


@pytest.mark.parametrize(("every", "temperature"), [(1, 2.0), (3, 0.5), (10, 2.0)])
def test_dynamic_averages_are_those_of_the_slow_version(every, temperature):
    losses = np.random.default_rng(every).gamma(1.0, size=(25, 4)) + 0.1
    scheme = weighting.DWA(4, every=every, temperature=temperature)
    expected = list(dwa_slowly(losses.tolist(), every, temperature))
    for step, weights in zip(losses, expected, strict=True):
        scheme(torch.tensor(step, dtype=torch.float32))
        np.testing.assert_allclose(scheme.weights, weights, rtol=1e-4)


@pytest.mark.parametrize(("spec", "total"), [("rlw", 1.0), ("rlw:total=3", 3.0)])
def test_random_weights_are_the_softmax_of_normal_draws(spec, total):
    scheme = weighting.build(spec, 3)
    drawn = torch.randn(5, 3, generator=torch.Generator().manual_seed(4))
    torch.manual_seed(4)
    for z in drawn:
        loss = scheme(torch.tensor(LOSSES))
        expected = total * z.softmax(0).numpy()
        np.testing.assert_allclose(scheme.weights, expected, rtol=1e-5)
        assert loss.item() == pytest.approx(float(expected @ np.array(LOSSES)), rel=1e-5)


# Two losses of one shared number x, and of u and v, one each: their slopes are chosen here.
def two_losses(x, u, v, slopes, constants=(0.0, 0.0)):
    (a, b), (c, d) = slopes
    return [a * x + b * u + constants[0], c * x + d * v + constants[1]]


def first_order_steps(constants, root=False):
    x, u, v = (torch.tensor(1.0, requires_grad=True) for _ in range(3))
    scheme = weighting.FirstOrder(2, gamma=0.0, momentum=0.5, every=1, root=root)
    seen = []
    for slopes in ([(3.0, 1.0), (1.0, 2.0)], [(1.0, 1.0), (2.0, 2.0)]):
        losses = two_losses(x, u, v, slopes, constants)
        scheme(losses, gradients(losses, [[x, u, v]] * 2)).backward()
        seen.append(scheme.weights.tolist())
    return scheme, seen


def test_two_steps_of_first_order_are_those_worked_by_hand():
    # Half the squared norm over 2 numbers each: (9 + 1) / 4, (1 + 4) / 4; then 2 / 4, 8 / 4.
    scheme, seen = first_order_steps((0.0, 0.0))
    assert scheme.mean_losses.tolist() == [1.5, 1.625]
    assert seen == [[0.5, 1.0], [1.0, pytest.approx(1.5 / 1.625)]]


def test_two_steps_of_first_order_with_a_root_are_those_worked_by_hand():
    scheme, seen = first_order_steps((0.0, 0.0), root=True)
    means = [(2.5**0.5 + 0.5**0.5) / 2, (1.25**0.5 + 2**0.5) / 2]
    assert scheme.mean_losses.tolist() == pytest.approx(means)
    assert seen[0] == pytest.approx([0.5**0.5, 1.0])
    assert seen[1] == pytest.approx([1.0, means[0] / means[1]])


def test_a_constant_added_to_a_loss_changes_adaloss_and_not_first_order():
    for constants in ((5.0, 0.0), (0.0, -7.0)):
        assert first_order_steps(constants)[1] == first_order_steps((0.0, 0.0))[1]
    plain, other = (weighting.AdaLoss(2, every=1) for _ in range(2))
    plain(torch.tensor([2.0, 1.0])), other(torch.tensor([7.0, 1.0]))
    assert not torch.equal(plain.weights, other.weights)


def test_two_steps_of_gradnorm_are_those_worked_by_hand():
    x = torch.tensor(1.0, requires_grad=True)
    scheme = weighting.GradNorm(2)
    optimizer = torch.optim.SGD(scheme.parameters(), 0.1)

    def step(losses):
        optimizer.zero_grad()
        made = [2 * x + (losses[0] - 2), x + (losses[1] - 1)]  # slopes 2 and 1, these values
        loss = scheme(made, gradients(made, [[x]] * 2))
        loss.backward()
        optimizer.step()
        return loss.item()

    # Weights 1, 1: norms 2, 1 and aim 1.5, 1.5, so slopes 2, -1 in the weights, whose slopes in
    # p are 1/2 and -1/2: 1.5, -1.5 in p.
    assert step([2.0, 1.0]) == pytest.approx(3.0)
    assert scheme.p.tolist() == pytest.approx([-0.15, 0.15])
    # Weights 2 / (1 + e^0.3) = 0.8511145 and 1.1488855: norms 1.7022290, 1.1488855, their mean
    # 1.4255573. Losses have fallen to 0.5, 0.8, so aims are that times (0.7692, 1.2308)^1.5:
    # 0.9617655, 1.9464825. Slopes 2, -1 again, now by 0.4889166: 1.4667498 in p.
    assert step([1.0, 0.8]) == pytest.approx(0.8511145 + 0.8 * 1.1488855)
    assert scheme.weights.tolist() == pytest.approx([0.8511145, 1.1488855])
    assert scheme.p.tolist() == pytest.approx([-0.29667498, 0.29667498])


def test_gradnorm_weighs_the_network_by_its_weights_alone():
    scheme, losses = weighting.GradNorm(3), torch.tensor(LOSSES, requires_grad=True)
    scheme.p.data.copy_(torch.tensor([0.3, -0.2, 0.5]))
    call(scheme, losses).backward()
    torch.testing.assert_close(losses.grad, scheme.weights)
    assert scheme.weights.sum().item() == pytest.approx(3.0)


@pytest.mark.parametrize("spec", ["gradnorm", "first-order"])
@pytest.mark.parametrize("found", [(), [torch.ones(2)] * 2], ids=["none", "too few"])
def test_missing_gradients_are_named_with_the_call_that_gives_them(spec, found):
    with pytest.raises(TypeError, match="takes 3 gradients .*scheme.losses, gradients.losses, par"):
        weighting.build(spec, 3)(torch.tensor(LOSSES), found)


def test_a_loss_that_shares_no_parameter_is_refused():
    x, y = torch.ones(2, requires_grad=True)
    with pytest.raises(ValueError, match="GradNorm needs some that all losses share"):
        list(gradients([x * 2], [[y]]))


@pytest.mark.parametrize("spec", KIN)
def test_a_text_and_the_weighting_built_from_it_are_one(spec):
    scheme = weighting.build(spec, 3)
    assert scheme.spec == spec
    assert not scheme.weights.requires_grad and scheme.weights.shape == (3,)


@pytest.mark.parametrize("spec", KIN)
def test_a_total_is_the_sum_of_the_weights_after_each_step(spec):
    scheme = weighting.build(spec + ("," if ":" in spec else ":") + "total=7", 3)
    assert scheme.weights.sum().item() == pytest.approx(7)
    for seed, losses in enumerate(torch.rand(5, 3, generator=torch.Generator().manual_seed(0))):
        losses = (losses + 0.1).requires_grad_()
        call(scheme, losses, seed).backward()
        assert scheme.weights.sum().item() == pytest.approx(7)
        assert losses.grad.sum().item() == pytest.approx(7)


@pytest.mark.parametrize("spec", KIN)
def test_in_evaluation_mode_nothing_moves_and_no_gradient_is_asked_for(spec):
    scheme = weighting.build(spec, 3)
    call(scheme, torch.tensor(LOSSES))
    call(scheme, torch.tensor([1.0, 2.0, 3.0]))
    before = {key: value.clone() for key, value in scheme.eval().state_dict().items()}
    assert scheme(torch.ones(3)).isfinite()
    assert all(torch.equal(value, before[key]) for key, value in scheme.state_dict().items())


@pytest.mark.parametrize("spec", KIN)
def test_weighing_never_waits_for_the_device(spec):
    scheme, losses = weighting.build(spec, 3), torch.tensor(LOSSES, requires_grad=True)
    with NoWaiting():
        for _ in range(4):
            call(scheme, losses).backward()


@pytest.mark.parametrize("spec", PLAIN)
def test_weighing_reads_no_number_off_a_device_that_has_none(spec):
    scheme = weighting.build(spec, 3).to("meta")
    scheme(torch.ones(3, device="meta", requires_grad=True)).backward()
    assert {state.device.type for state in scheme.state_dict().values()} == {"meta"}


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("uw:rate=0", "rate to learn with must be positive"),
        ("imtl-l:rate=inf", "rate to learn with must be positive"),
        ("dwa:every=0", "a whole every >= 1"),
        ("dwa:every=1.5", "a whole every >= 1"),
        ("dwa:temperature=0", "temperature above 0"),
        ("dwa:temperature=nan", "temperature above 0"),
        ("gradnorm:alpha=-1", "alpha >= 0 and rate > 0, not -1"),
        ("gradnorm:rate=nan", "alpha >= 0 and rate > 0"),
        ("first-order:root=2", "root must be True or False"),
        ("first-order:gamma=2", "gamma=2"),
        ("rlw:every=2", "no option 'every'; there are total"),
    ],
)
def test_a_value_out_of_range_is_refused_with_the_range(spec, message):
    with pytest.raises(ValueError, match=f"^weighting '{spec}': .*{message}"):
        weighting.build(spec, 3)


def test_negative_losses_are_said_to_have_no_logarithm_and_what_takes_them():
    scheme = weighting.AdaLoss(2, every=1)
    scheme(torch.tensor([-1.3, 0.5]))
    with pytest.warns(UserWarning, match="densities, have to be shifted above 0, or .*first-order"):
        scheme.state_dict()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        x = torch.tensor(1.0, requires_grad=True)
        losses = [-3 * x, 2 * x]
        other = weighting.build("first-order:every=1", 2)
        other(losses, gradients(losses, [[x]] * 2))
        other.state_dict()


def a_session(spec, **options):
    generator = torch.Generator().manual_seed(0)
    pixels = torch.randint(0, 256, (24, 3, 8, 8), generator=generator, dtype=torch.uint8)
    images = Images(pixels, torch.arange(24) % 3)
    dataset = Dataset("noise", "noise", images, images, ("a", "b", "c"), ("flip",))
    network = networks.build("resann-1-4-stride2", 3, seed=0)
    scheme = weighting.build(spec, network.num_exits)
    session = Session(network, scheme, dataset, Recipe(epochs=2, batch_size=4, **options), seed=1)
    session.begin()
    return session


def advance(session, steps):
    for batch in list(session.batches())[:steps]:
        session.train_step(batch)


@pytest.mark.parametrize("spec", KIN)
def test_a_training_step_never_waits_for_the_device(spec):
    session = a_session(spec)
    batches = list(session.batches())[:2]
    with NoWaiting():
        for batch in batches:
            session.train_step(batch)
    assert session.used.isfinite().all()


@pytest.mark.parametrize("spec", KIN)
def test_a_run_that_is_resumed_ends_in_the_state_of_one_that_was_not(spec, tmp_path):
    whole, first, second = (a_session(spec) for _ in range(3))
    advance(whole, 6)
    advance(first, 3)
    first.write_checkpoint(tmp_path / "checkpoint.pt")
    second.resume(tmp_path / "checkpoint.pt")
    advance(second, 3)
    assert second.step == whole.step
    for name in ("network", "weighting"):
        expected, state = whole.parts[name].state_dict(), second.parts[name].state_dict()
        assert all(torch.equal(state[key], expected[key]) for key in expected), name
    assert not torch.equal(whole.weighting.weights, weighting.build(spec, 3).weights)


def test_the_gradients_in_training_are_those_of_each_loss_alone():
    session = a_session("first-order:every=1,momentum=0,gamma=0")
    network, batch = session.network, session.batches()[0]
    twin = networks.build("resann-1-4-stride2", 3, seed=0)
    twin.load_state_dict(network.state_dict())
    twin.to(memory_format=torch.channels_last).train()
    images = session.images.pixels[batch].float()
    session.augmentation = ()
    session.train_step(batch)
    for k, logits in enumerate(twin.refine(images)):
        twin.zero_grad(set_to_none=True)
        nn.functional.cross_entropy(logits, session.images.labels[batch]).backward(
            retain_graph=True
        )
        slopes = [p.grad.flatten() for p in twin.parameters() if p.grad is not None]
        expected = torch.cat(slopes).square().mean() / 2
        torch.testing.assert_close(session.weighting.mean_losses[k], expected)


def test_gradnorm_looks_at_what_all_exits_share():
    session = a_session("gradnorm")
    network = session.network
    shared = {id(p) for part in (network.stem, network.segments[0]) for p in part.parameters()}
    assert [{id(p) for p in row} for row in session.followed] == [shared] * network.num_exits


def test_a_backward_pass_goes_no_further_than_its_exit():
    session = a_session("first-order")
    passes = [0] * session.network.num_exits

    def count(exit):
        def add(*_):
            passes[exit] += 1

        return add

    for exit, head in enumerate(session.network.heads):
        head.register_full_backward_hook(count(exit))
    advance(session, 1)
    assert passes == [2] * len(passes)  # the exit's own loss, and the training loss


@pytest.mark.parametrize("spec", ["gradnorm", "first-order"])
def test_a_record_says_that_a_weighting_by_gradients_was_not_compiled(spec):
    session = a_session(spec, compile=True)
    assert session.run.sittings[-1]["compiled"] is False
    advance(session, 1)


class TwoExits(nn.Module):
    """A shared layer and two heads."""

    def __init__(self):
        super().__init__()
        self.shared, self.heads = nn.Linear(4, 4), nn.ModuleList([nn.Linear(4, 1) for _ in "ab"])

    def forward(self, x):
        features = self.shared(x).tanh()
        return tuple(head(features) for head in self.heads)


def weights_seen(rank, count):
    """The weights of all kin over three steps, as one of so many processes."""
    seen = {}
    for spec in KIN:
        torch.manual_seed(0)
        network, scheme = TwoExits(), weighting.build(spec, 2)
        x, y = torch.randn(3, 8, 4), torch.randn(3, 8, 2)
        model = nn.parallel.DistributedDataParallel(network) if count > 1 else network
        optimizer = torch.optim.SGD([*network.parameters(), *scheme.parameters()], 0.05)
        torch.manual_seed(rank)
        for images, targets in zip(x[:, rank::count], y[:, rank::count], strict=True):
            optimizer.zero_grad()
            answers = zip(model(images), targets.T, strict=True)
            losses = [(answer[:, 0] - wanted).square().mean() for answer, wanted in answers]
            extra = (
                (gradients(losses, [[*network.parameters()]] * 2),) if scheme.gradients_in else ()
            )
            scheme(losses, *extra).backward()
            for learned in scheme.parameters():
                learned.grad = mean_over_all(learned.grad)
            optimizer.step()
            seen.setdefault(spec, []).append(scheme.weights.clone())
    return {spec: torch.stack(weights) for spec, weights in seen.items()}


def mean_over_all(values):
    if dist.is_initialized():
        dist.all_reduce(values)
        values = values / dist.get_world_size()
    return values


def as_one_of_two(rank, folder):
    dist.init_process_group("gloo", init_method=f"file://{folder}/store", rank=rank, world_size=2)
    torch.save(weights_seen(rank, 2), f"{folder}/{rank}.pt")
    dist.destroy_process_group()


def test_two_processes_hold_the_weights_that_one_has_for_the_whole_batch(tmp_path):
    multiprocessing.spawn(as_one_of_two, (str(tmp_path),), nprocs=2)
    one, other = (torch.load(tmp_path / f"{rank}.pt", weights_only=True) for rank in (0, 1))
    whole = weights_seen(0, 1)
    for spec in KIN:
        assert torch.equal(one[spec], other[spec]), spec
        torch.testing.assert_close(one[spec], whole[spec], msg=spec, rtol=1e-4, atol=1e-6)
