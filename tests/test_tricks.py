"""Tricks of multi-exit networks, at prediction and in training, against slow versions by hand."""

import copy
import itertools
import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from anytime import metrics, networks, weighting
from anytime.datasets import Dataset, Images
from anytime.prediction import joining, policies
from anytime.training import Recipe, Session, exit_losses
from anytime.training.answers import _slowed
from anytime.training.losses import losses_apart, training_losses
from anytime.training.stages import Stages

K, N, CLASSES = 5, 60, 4


@pytest.fixture(scope="module")
def logits():
    return np.random.default_rng(0).normal(size=(K, N, CLASSES)).cumsum(0)


@pytest.fixture(scope="module")
def labels(logits):
    drawn = np.random.default_rng(1).integers(0, CLASSES, N)
    return np.where(np.arange(N) % 3 > 0, logits[-1].argmax(-1), drawn)


def test_the_product_of_experts_is_that_of_its_authors_code():
    z = np.array([[2, 1, -1], [1, 3, 0.5], [4, 0.5, -2]])[:, None]
    expected = [[0.667, 0.333, 0], [0.4, 0.6, 0], [0.842, 0.158, 0]]
    answers = metrics.probabilities(joining.products(z))[:, 0]
    np.testing.assert_allclose(answers, expected, atol=5e-4)


def test_where_all_classes_are_ruled_out_the_last_exit_answers():
    z = np.array([[2.0, -1.0], [-1.0, 2.0]])[:, None]
    answers = metrics.probabilities(joining.products(z))[:, 0]
    np.testing.assert_allclose(answers, [[1, 0], metrics.probabilities(z[1, 0])])


def test_weights_of_a_product_are_its_exponents(logits):
    weights = np.linspace(0.5, 2, K)
    answers = metrics.probabilities(joining.products(np.abs(logits), weights))
    plain = np.prod(np.abs(logits) ** weights[:, None, None], axis=0)
    np.testing.assert_allclose(answers[-1], plain / plain.sum(-1, keepdims=True))


@pytest.mark.parametrize("weights", [[1.0], [1.0] * (K - 1) + [0.0], [-1.0] * K])
def test_weights_that_are_none_of_a_product_are_refused(logits, weights):
    with pytest.raises(ValueError, match="must be 5 numbers above 0, one per exit"):
        joining.products(logits, weights)


def test_averages_are_mean_probabilities_of_the_finished_exits(logits):
    plain = metrics.probabilities(logits)
    answers = metrics.probabilities(joining.averages(logits))
    for k in range(K):
        np.testing.assert_allclose(answers[k], sum(plain[: k + 1]) / (k + 1))


def test_falls_are_counted_over_all_pairs_of_exits(logits, labels):
    tolerances = [0.0, 0.01, 0.05, 0.1, 0.2, 0.5]
    right = metrics.probabilities(logits)[:, np.arange(N), labels]
    pairs = list(itertools.combinations(range(K), 2))
    expected = [
        sum(any(right[i, n] - right[j, n] > t for i, j in pairs) for n in range(N)) / N
        for t in tolerances
    ]
    np.testing.assert_allclose(metrics.falls(logits, labels, tolerances), expected)
    assert metrics.falls(logits, labels).shape == ()


def test_small_falls_of_neighbours_add_up_over_all_pairs():
    right = np.array([0.9, 0.86, 0.82, 0.78])
    z = np.log(np.stack([right, 1 - right], -1))[:, None]
    assert metrics.falls(z, [0], [0.05, 0.1, 0.2]).tolist() == [1, 1, 0]


def test_a_product_falls_less_than_the_exits_it_is_made_of(logits, labels):
    before = metrics.falls(logits, labels, 0.05)
    assert metrics.falls(joining.products(logits), labels, 0.05) < before


def test_failure_prediction_is_the_share_of_pairs_in_the_right_order(logits, labels):
    rounded = np.round(logits)  # with ties
    after = metrics.probabilities(rounded)
    for k, area in enumerate(metrics.failure_auroc(rounded, labels)):
        right = after[k].argmax(-1) == labels
        scores = after[k].max(-1)
        pairs = [(a > b) + 0.5 * (a == b) for a in scores[right] for b in scores[~right]]
        assert area == pytest.approx(sum(pairs) / len(pairs))


def test_failure_prediction_has_no_meaning_where_nothing_is_wrong(logits):
    assert np.isnan(metrics.failure_auroc(logits, logits[-1].argmax(-1))[-1])


def test_a_temperature_has_the_least_cross_entropy(logits, labels):
    found = joining.temperatures(logits, labels)
    grid = np.exp(np.linspace(-1.5, 3, 1800))
    for k in range(K):
        entropies = [
            -np.log(metrics.probabilities(logits[k] / t)[np.arange(N), labels]).mean() for t in grid
        ]
        assert found[k] == pytest.approx(grid[np.argmin(entropies)], rel=5e-3)


def test_a_temperature_undoes_a_scale():
    drawn = np.random.default_rng(0)
    z = drawn.normal(size=(1, 4000, 3)) * 2
    labels = np.array([drawn.choice(3, p=p) for p in metrics.probabilities(z[0])])
    one, three = joining.temperatures(np.concatenate([z, 3 * z]), labels)
    assert three == pytest.approx(3 * one)
    assert one == pytest.approx(1, abs=0.1)


def test_the_p_value_is_that_of_the_authors_of_learn_then_test():
    assert policies.risk_p_value(0.03, 1000, 0.05) == pytest.approx(0.003471, abs=5e-7)


@pytest.mark.parametrize(
    ("risk", "count", "limit"), [(0.0, 20, 0.1), (0.1, 50, 0.3), (0.02, 400, 0.05)]
)
def test_the_p_value_is_that_of_exact_fractions(risk, count, limit):
    wrong = math.ceil(round(count * risk, 9))
    chances = [
        math.comb(count, i) * limit**i * (1 - limit) ** (count - i) for i in range(wrong + 1)
    ]
    other = (limit / risk) ** (count * risk) if risk else 1.0
    other *= ((1 - limit) / (1 - risk)) ** (count * (1 - risk))
    expected = min(1, other, math.e * math.fsum(chances))
    assert policies.risk_p_value(risk, count, limit) == pytest.approx(expected)


def test_a_risk_that_reaches_its_limit_is_never_certified():
    assert policies.risk_p_value(0.05, 1000, 0.05) == policies.risk_p_value(0.2, 10, 0.05) == 1


@pytest.mark.parametrize("limit", [0, 1, -1, math.nan])
def test_a_limit_that_is_no_risk_is_refused(limit):
    with pytest.raises(ValueError, match="between 0 and 1"):
        policies.risk_p_value(0.0, 10, limit)


def kept(logits, threshold, limit, delta):
    """Whether a threshold keeps the risk, image by image."""
    at = [next((k for k in range(K) if p[k].max() >= threshold), K - 1) for p in logits]
    risk = sum(p[k].argmax() != p[-1].argmax() for p, k in zip(logits, at, strict=True)) / N
    if delta is None:
        return risk <= limit * (N + 1) / N - 1 / N + 1e-12
    return policies.risk_p_value(risk, N, limit) <= delta


@pytest.mark.parametrize("limit", [0.01, 0.05, 0.1, 0.2, 0.4])
@pytest.mark.parametrize("delta", [None, 0.1])
def test_the_threshold_is_the_last_one_certified_and_not_the_first_that_is_not(
    logits, limit, delta
):
    losses = policies.disagreement(logits)
    found = policies.threshold_with_risk("confidence", logits, losses, limit, delta)
    samples = list(metrics.probabilities(logits).transpose(1, 0, 2))
    safe = math.inf
    for threshold in sorted(policies.GRID, reverse=True):
        if not kept(samples, threshold, limit, delta):
            break
        safe = threshold
    assert found == safe
    if safe < math.inf:
        assert kept(samples, found, limit, delta) and not kept(samples, found - 0.01, limit, delta)


def test_the_risks_above_lead_to_thresholds_of_both_kinds(logits):
    losses = policies.disagreement(logits)
    found = [
        policies.threshold_with_risk("confidence", logits, losses, limit, delta)
        for limit in (0.01, 0.1, 0.2, 0.4)
        for delta in (None, 0.1)
    ]
    assert math.inf in found and len(set(found)) >= 3


def test_conformal_risk_control_keeps_the_mean_risk_of_new_images():
    drawn, risks = np.random.default_rng(0), []
    for _ in range(150):
        z = drawn.normal(size=(3, 300, 3)).cumsum(0) * 2
        losses = policies.disagreement(z)
        safe = policies.threshold_with_risk("confidence", z[:, :100], losses[:, :100], 0.1)
        stops = policies.stops("confidence", z[:, 100:], safe)
        risks.append(losses[:, 100:][stops, np.arange(200)].mean())
    assert 0.05 < np.mean(risks) < 0.1


@pytest.mark.parametrize(
    ("losses", "delta"),
    [(np.zeros((K, 3)), None), (np.full((K, N), 1.5), None), (np.full((K, N), -0.5), 0.1)],
    ids=["shape", "above 1", "below 0"],
)
def test_losses_that_no_bound_is_known_for_are_refused(logits, losses, delta):
    with pytest.raises(ValueError, match="exits by images, at most 1, and with delta from 0 on"):
        policies.threshold_with_risk("confidence", logits, losses, 0.1, delta)


def test_disagreement_is_with_the_last_exit(logits):
    labels = torch.tensor(logits).argmax(-1)
    assert policies.disagreement(logits).tolist() == (labels != labels[-1]).double().tolist()


RECIPE = Recipe(epochs=1, batch_size=8, augmentation=(), weight_decay=0.0)


def a_session(recipe, spec="const", name="resann-1-4-stride2"):
    generator = torch.Generator().manual_seed(0)
    pixels = torch.randint(0, 256, (16, 3, 8, 8), generator=generator, dtype=torch.uint8)
    images = Images(pixels, torch.arange(16) % 3)
    dataset = Dataset("noise", "noise", images, images, ("a", "b", "c"), ())
    network = networks.build(name, 3, seed=0)
    session = Session(network, weighting.build(spec, network.num_exits), dataset, recipe)
    session.begin()
    return session


def slopes_of_each_loss(session):
    """By exit, the gradient of its loss in each parameter of a network that has learned nothing."""
    network, batch = copy.deepcopy(session.network), session.batches()[0]
    logits = network(session.images.pixels[batch].float())
    found = []
    for loss in exit_losses(logits, session.images.labels[batch]):
        network.zero_grad(set_to_none=True)
        loss.backward(retain_graph=True)
        found.append({name: p.grad.clone() for name, p in network.named_parameters()})
    return found


def after_a_step(session):
    session.train_step(session.batches()[0])
    return {name: p.grad for name, p in session.network.named_parameters()}


def segment_of(name):
    """The segment that a parameter belongs to, from 0, and whether it is of its head."""
    kind, _, rest = name.partition(".")
    return (0, False) if kind == "stem" else (int(rest.partition(".")[0]), kind == "heads")


def test_gradient_equilibrium_gives_each_segment_the_mean_of_the_exits_behind_it():
    session = a_session(replace(RECIPE, backward="scaled"))
    plain = slopes_of_each_loss(session)
    for name, gradient in after_a_step(session).items():
        segment, is_head = segment_of(name)
        behind = plain[segment : segment + 1] if is_head else plain[segment:]
        expected = sum(slopes[name] for slopes in behind) / len(behind)
        torch.testing.assert_close(gradient, expected, msg=name, rtol=1e-4, atol=1e-6)


def test_stopped_gradients_leave_each_segment_the_loss_of_its_own_exit():
    session = a_session(replace(RECIPE, backward="stopped"))
    plain = slopes_of_each_loss(session)
    for name, gradient in after_a_step(session).items():
        expected = plain[segment_of(name)[0]][name]
        torch.testing.assert_close(gradient, expected, msg=name, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("backward", ["scaled", "stopped"])
def test_a_way_back_changes_no_answer(backward):
    plain, other = a_session(RECIPE), a_session(replace(RECIPE, backward=backward))
    pixels = plain.images.pixels.float()
    assert torch.equal(torch.stack(plain.model(pixels)), torch.stack(other.model(pixels)))


def test_what_has_no_segments_in_a_row_is_refused_another_way_back():
    with pytest.raises(ValueError, match="'stopped' needs an AnytimeNetwork.*backward='whole'"):
        a_session(replace(RECIPE, backward="stopped"), name="resann-1-4+resann-2-4")


def test_features_of_several_scales_are_slowed_one_by_one():
    x, y = torch.ones(2, 3, requires_grad=True).unbind()
    x.retain_grad(), y.retain_grad()
    a, b = _slowed([x, y], 0.25)
    (a.sum() + 2 * b.sum()).backward()
    assert x.grad.tolist() == [0.25] * 3 and y.grad.tolist() == [0.5] * 3


def test_a_recipe_says_nothing_of_what_records_from_before_did_not_know():
    assert "backward" not in Recipe().to_dict()
    told = Recipe(backward="scaled").to_dict()
    assert told["backward"] == "scaled"
    assert Recipe.from_dict(told) == Recipe(backward="scaled")
    assert Recipe.from_dict(Recipe().to_dict()) == Recipe()


def distilled_slowly(answers, labels, share, temperature):
    """The losses of all exits, image by image and class by class."""

    def softmax(row, t):
        powers = [math.exp(value / t) for value in row]
        return [power / math.fsum(powers) for power in powers]

    teacher = [softmax(row, temperature) for row in answers[-1]]
    for k, exit in enumerate(answers):
        entropy = [-math.log(softmax(row, 1.0)[y]) for row, y in zip(exit, labels, strict=True)]
        pairs = list(zip(teacher, [softmax(row, temperature) for row in exit], strict=True))
        apart = [sum(p * math.log(p / q) for p, q in zip(*pair, strict=True)) for pair in pairs]
        of = share if k < len(answers) - 1 else 0.0
        images = [
            (1 - of) * e + of * temperature**2 * a for e, a in zip(entropy, apart, strict=True)
        ]
        yield math.fsum(images) / len(images)


@pytest.mark.parametrize(("share", "temperature"), [(0.0, 3.0), (0.3, 3.0), (1.0, 1.5)])
def test_earlier_exits_are_distilled_from_the_last(share, temperature):
    answers = [*torch.randn(3, 7, 4, generator=torch.Generator().manual_seed(0))]
    labels = torch.arange(7) % 4
    recipe = Recipe(distil=share, temperature=temperature)
    rows = [answer.tolist() for answer in answers]
    expected = list(distilled_slowly(rows, labels.tolist(), share, temperature))
    losses = training_losses(torch.stack(answers), labels, recipe)
    np.testing.assert_allclose(losses, expected, rtol=1e-5)
    np.testing.assert_allclose(torch.stack(losses_apart(answers, labels, recipe)), losses)


def test_the_last_exit_learns_nothing_from_those_it_teaches():
    answers = [*torch.randn(3, 7, 4, generator=torch.Generator().manual_seed(0))]
    last = answers[-1].requires_grad_()
    recipe = Recipe(distil=0.5)
    losses = training_losses(torch.stack(answers), torch.arange(7) % 4, recipe)
    assert torch.autograd.grad(losses[:-1].sum(), last, allow_unused=True)[0].abs().max() == 0
    losses = losses_apart(answers, torch.arange(7) % 4, recipe)
    assert not losses[0].requires_grad and losses[-1].requires_grad


@pytest.mark.parametrize("spec", ["adaloss", "first-order"])
def test_a_step_with_distillation_sums_up_the_losses_it_makes_small(spec):
    recipe = replace(RECIPE, distil=0.4)
    session, twin = a_session(recipe, spec), a_session(recipe, spec)
    batch = session.batches()[0]
    answers = twin.model(twin.images.pixels[batch].float())
    expected = training_losses(torch.stack(answers), twin.images.labels[batch], recipe)
    session.train_step(batch)
    losses = session.sums.losses / session.sums.images
    torch.testing.assert_close(losses, expected.detach(), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    ("option", "message"),
    [
        ({"distil": 1.5}, "distil must be from 0 to 1"),
        ({"distil": -0.1}, "distil must be from 0 to 1"),
        ({"temperature": 0.0}, "temperature must be above 0"),
        ({"temperature": math.inf}, "temperature must be above 0"),
        ({"backbone_epochs": 10}, "backbone_epochs must be whole and below epochs, not 10"),
        ({"backbone_epochs": 1.5}, "backbone_epochs must be whole"),
        ({"after_backbone": "heads"}, "needs backbone_epochs of 1 or more"),
        ({"backward": "half"}, "unknown backward 'half'; there is whole or scaled or stopped"),
    ],
)
def test_an_option_out_of_range_is_refused_with_the_range(option, message):
    with pytest.raises(ValueError, match=message):
        Recipe(**option)


def parts(network):
    """The state of the backbone, with the last exit's head, and of the other heads."""
    early = tuple(f"heads.{k}." for k in range(network.num_exits - 1))
    state = {name: value.clone() for name, value in network.state_dict().items()}
    heads = {name: value for name, value in state.items() if name.startswith(early)}
    return {name: value for name, value in state.items() if name not in heads}, heads


def moved(before, after):
    return {name for name in before if not torch.equal(before[name], after[name])}


def an_epoch(session):
    """Trains an epoch, and gives the names of what it changed in the backbone and in the heads."""
    before = parts(session.network)
    session.network.train()
    for batch in session.batches():
        session.train_step(batch)
        session.check()  # a look in evaluation mode on the way
    session.end_epoch()
    return [moved(*pair) for pair in zip(before, parts(session.network), strict=True)]


STAGED = replace(RECIPE, epochs=2, backbone_epochs=1, weight_decay=0.1)


def test_the_last_exit_learns_alone_at_first():
    session = a_session(STAGED, "adaloss:every=1")
    plain = slopes_of_each_loss(session)[-1]
    session.train_step(session.batches()[0])
    early = {f"heads.{k}" for k in range(session.network.num_exits - 1)}
    for name, parameter in session.network.named_parameters():
        if name.rpartition(".")[0].rpartition(".")[0] in early:
            assert parameter.grad is None
        else:
            torch.testing.assert_close(parameter.grad, plain[name], rtol=1e-4, atol=1e-6)
    assert session.used.tolist() == [0.0] * (session.network.num_exits - 1) + [1.0]
    assert session.weighting.step == 0


@pytest.mark.parametrize(("after", "resting"), [("heads", True), ("joint", False)])
def test_after_the_backbone_the_heads_learn_alone_or_everything(after, resting):
    session = a_session(replace(STAGED, after_backbone=after), "adaloss:every=1")
    backbone, heads = an_epoch(session)
    assert backbone and not heads
    backbone, heads = an_epoch(session)
    assert bool(backbone) is not resting
    assert heads == set(parts(session.network)[1])
    assert session.weighting.step == 2


def test_a_head_that_drops_still_does_where_the_backbone_rests():
    session = a_session(replace(STAGED, after_backbone="heads"))
    session.network.heads[0].append(torch.nn.Dropout())
    stages = Stages(session.network, session.recipe, session.shape)
    session.network.train()
    stages.set_mode(1)
    trained = {name for name, module in session.network.named_modules() if module.training}
    early = [f"heads.{k}" for k in range(session.network.num_exits - 1)]
    assert {name.rpartition(".")[0] or name for name in trained} == {"heads", *early}
    assert session.network.heads[0][-1].training


def test_stages_are_for_one_process(monkeypatch):
    monkeypatch.setattr("anytime.training.session.world_size", lambda: 2)
    with pytest.raises(ValueError, match="leave out backbone_epochs"):
        a_session(STAGED)


def test_each_stage_has_a_cycle_of_its_own():
    recipe = Recipe(epochs=10, backbone_epochs=4, lr=0.4)
    first, second = Recipe(epochs=4, lr=0.4), Recipe(epochs=6, lr=0.4)
    for epoch in np.arange(0, 10, 0.25):
        one = first.learning_rate(epoch) if epoch < 4 else second.learning_rate(epoch - 4)
        assert recipe.learning_rate(epoch) == pytest.approx(one)


def test_a_run_that_is_resumed_in_its_second_stage_goes_on_as_one_that_was_not(tmp_path):
    recipe = replace(STAGED, backward="scaled", distil=0.3)
    whole, second = a_session(recipe, "uw"), a_session(recipe, "uw")
    an_epoch(whole)
    first, last = whole.batches()
    whole.train_step(first)
    whole.write_checkpoint(tmp_path / "checkpoint.pt")
    second.resume(tmp_path / "checkpoint.pt")
    for session in (whole, second):
        session.train_step(last)
    for name in ("network", "weighting"):
        expected, state = whole.parts[name].state_dict(), second.parts[name].state_dict()
        assert all(torch.equal(state[key], expected[key]) for key in expected), name
