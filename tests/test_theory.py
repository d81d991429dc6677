import hypothesis.strategies as st
import numpy as np
import pytest
import torch
from hypothesis import given, settings

from anytime import theory
from anytime.weighting import AdaLoss

PAPER = {2: (3.000, 2.443), 3: (2.500, 1.883), 4: (2.333, 1.670)}


@pytest.mark.parametrize(
    ("gamma", "momentum", "every", "extra", "steps"),
    [
        (0.07, 0.9, 1, 0.0, 40),
        (0.0, 0.99, 7, 1.0, 40),
        (0.14, 0.9, 100, 0.5, 230),
    ],
)
def test_the_trajectory_is_that_of_the_torch_module_step_by_step(
    gamma, momentum, every, extra, steps
):
    losses = np.random.default_rng(3).uniform(0.05, 2.5, (steps, 5))
    module = AdaLoss(5, gamma=gamma, momentum=momentum, every=every, extra=extra).train()
    in_force = []
    for loss in torch.tensor(losses, dtype=torch.float32):
        in_force.append(module.weights.tolist())
        module(loss)
    ours = theory.adaloss_trajectory(losses, gamma, momentum, every, extra)
    np.testing.assert_allclose(ours, in_force, rtol=1e-5)


def test_adaloss_weights_of_losses_one_two_four_are_known_by_hand():
    weights = theory.adaloss_weights([1.0, 2.0, 4.0], gamma=0.2)
    np.testing.assert_allclose(weights, [1.0, 0.6, 0.4])
    with_extra = theory.adaloss_weights([1.0, 2.0, 4.0], gamma=0.0, extra=1.0)
    np.testing.assert_allclose(with_extra, [0.8, 0.4, 1.0])


def test_the_weights_given_are_not_changed_in_place():
    losses = np.array([1.0, 2.0])
    theory.adaloss_weights(losses, extra=1.0)
    theory.adaloss_trajectory(losses[None], every=1, extra=1.0)
    assert losses.tolist() == [1.0, 2.0]


def test_no_weights_nearby_have_a_smaller_likelihood_objective_than_the_inverse_losses():
    generator = np.random.default_rng(0)
    losses = np.array([2.3, 0.7, 0.02])
    best = theory.adaloss_optimal_weights(losses)
    others = best * np.exp(generator.normal(scale=0.5, size=(500, 3)))
    objective = theory.likelihood_objective(others, losses)
    assert (objective > theory.likelihood_objective(best, losses)).all()


def test_the_likelihood_objective_is_right_where_it_is_known():
    assert theory.likelihood_objective([1.0, np.e], [2.0, 1.0]) == pytest.approx(1.0 + np.e)


def test_the_inverse_losses_are_the_gradient_of_the_log_of_the_geometric_mean():
    losses = torch.tensor([2.3, 0.7, 0.02], dtype=torch.float64, requires_grad=True)
    (3 * torch.log(losses.prod() ** (1 / 3))).backward()
    np.testing.assert_allclose(theory.adaloss_optimal_weights(losses.detach()), losses.grad)


def test_a_loss_of_zero_has_no_best_weight():
    with pytest.raises(ValueError, match="positive"):
        theory.adaloss_optimal_weights([0.5, 0.0])


NO_LOSSES = [[0.5, -0.1], [0.5, float("nan")], [np.inf, 1.0], [-np.inf, 1.0], [], [[1.0, 2.0]], 1.0]


@pytest.mark.parametrize("kind", [np.array, torch.tensor, list])
@pytest.mark.parametrize("losses", NO_LOSSES, ids=str)
def test_losses_that_have_no_weights_are_refused_by_both_kinds(losses, kind):
    if kind is list and losses == 1.0:
        kind = float
    with pytest.raises(ValueError, match="finite numbers, at least 0"):
        theory.adaloss_weights(kind(losses))


@pytest.mark.parametrize("losses", [[0.5, -0.1], [0.5, np.nan], [0.5, np.inf]])
def test_a_recorded_training_with_a_loss_that_is_none_has_no_trajectory(losses):
    with pytest.raises(ValueError, match="at least 0 and finite"):
        theory.adaloss_trajectory([[1.0, 1.0], losses])


LOSSES = st.lists(
    st.one_of(
        st.floats(0.0, 2.0**120, width=32),
        st.sampled_from([0.0, -0.0, 1e-45, 1e-39, 1e-30, 1.0, 2.5]),
    ),
    min_size=1,
    max_size=6,
)


@settings(derandomize=True, deadline=None, max_examples=300)
@given(LOSSES, st.sampled_from([0.0, 0.07, 1.0]), st.sampled_from([0.0, 1.0]))
def test_one_rule_serves_numpy_and_torch_and_the_module(losses, gamma, extra):
    ours = theory.adaloss_weights(np.array(losses), gamma, extra)
    assert isinstance(ours, np.ndarray) and np.isfinite(ours).all()
    assert ours.max() == 1 and ours[np.argmin(losses[:-1] or losses)] == max(ours[:-1], default=1)
    for dtype, places in ((torch.float64, 1e-12), (torch.float32, 1e-6)):
        theirs = theory.adaloss_weights(torch.tensor(losses, dtype=dtype), gamma, extra)
        assert theirs.dtype == dtype
        np.testing.assert_allclose(theirs, ours, rtol=places)
    module = AdaLoss(len(losses), gamma=gamma, extra=extra, every=1, momentum=0.0)
    module(torch.tensor(losses))
    np.testing.assert_allclose(module.weights, ours, rtol=1e-6)


def test_a_chain_of_equal_networks_is_no_chain():
    with pytest.raises(ValueError, match="greater than 1"):
        theory.eann_chain_cost(3, 1)


def test_the_gradients_of_the_toy_losses_are_those_of_autograd():
    toy, point = theory.two_loss_toy(), torch.tensor([0.3, -1.7], dtype=torch.float64)

    def losses(x):
        apart = x - torch.tensor(toy.centres)
        pairs = zip(apart, torch.tensor(toy.curvatures), toy.scales, toy.floors, strict=True)
        return torch.stack([s * (d @ a @ d) / 2 + f for d, a, s, f in pairs])

    np.testing.assert_allclose(toy.losses(point), losses(point))
    jacobian = torch.autograd.functional.jacobian(losses, point)
    np.testing.assert_allclose(toy.gradients(point), jacobian)


def test_the_weighted_gradients_cancel_at_the_closed_form_minimiser():
    toy, weights = theory.two_loss_toy(), np.array([0.2, 3.0])
    gradients = toy.gradients(toy.minimiser(weights))
    np.testing.assert_allclose(weights @ gradients, 0.0, atol=1e-12)
    assert np.abs(gradients).max() > 0.1


def test_equal_weights_let_the_big_loss_have_its_way():
    toy = theory.two_loss_toy(big=100.0, small=1.0)
    np.testing.assert_allclose(toy.minimiser([1.0, 1.0]), toy.centres[0], atol=0.05)
    assert toy.gradient_shares([0.0, 1.0], [1.0, 1.0])[0] > 0.98


def test_weights_inverse_to_the_scales_give_both_losses_the_same_say():
    toy = theory.two_loss_toy(big=100.0, small=1.0)
    np.testing.assert_allclose(toy.gradient_shares([0.0, 1.0], [0.01, 1.0]), 0.5)
    assert toy.minimiser([0.01, 1.0])[0] == pytest.approx(0.0)


def test_descent_ends_at_the_closed_form_minimiser():
    toy = theory.two_loss_toy(big=10.0)
    path = toy.descend([0.0, 2.0], np.ones_like, rate=0.05, steps=500)
    assert path.shape == (501, 2)
    np.testing.assert_allclose(path[-1], toy.minimiser([1.0, 1.0]), atol=1e-9)


def test_losses_of_many_points_are_those_of_each_point():
    toy, points = theory.two_loss_toy(), np.random.default_rng(1).normal(size=(3, 4, 2))
    one_by_one = [[toy.losses(point) for point in row] for row in points]
    np.testing.assert_allclose(toy.losses(points), one_by_one)


def test_the_cost_factor_of_base_two_is_known_by_hand():
    # Networks of 1, 2, 4 layers. After 1 + 1 layers the best answer is still that of depth 1,
    # after 1 + 2 that of depth 2, after 1 + 2 + 2 still that of depth 2, after 7 that of depth 4.
    factors = theory.eann_cost_factor([0.3, 1.0, 2.0, 3.0, 5.0, 7.0], 2)
    np.testing.assert_allclose(factors, [1.0, 1.0, 2.0, 1.5, 2.5, 7 / 4])


@pytest.mark.parametrize("base", [1.5, 2, 3.7])
def test_the_cost_factor_is_that_of_walking_down_the_chain(base):
    def walk(budget):
        depth, best, left = 1.0, 0.0, budget
        while left > depth:
            left, best, depth = left - depth, depth, depth * base
        return budget / max(best, left)

    budgets = np.random.default_rng(0).uniform(0.01, 500.0, (20, 10))
    expected = [[walk(budget) for budget in row] for row in budgets]
    np.testing.assert_allclose(theory.eann_cost_factor(budgets, base), expected)


@pytest.mark.parametrize("base", PAPER)
def test_the_supremum_is_the_papers_and_is_approached_but_not_reached(base):
    assert theory.eann_sup(base) == pytest.approx(PAPER[base][0], abs=5e-4)
    factors = theory.eann_cost_factor(np.geomspace(0.1, 1e6, 400_000), base)
    assert theory.eann_sup(base) - 1e-3 < factors.max() < theory.eann_sup(base)


@pytest.mark.parametrize("base", PAPER)
def test_the_bound_of_the_mean_is_the_papers_and_the_limit_of_growing_chains(base):
    assert theory.eann_mean_bound(base) == pytest.approx(PAPER[base][1], abs=5e-4)
    means = theory.eann_mean(theory.eann_chain_cost(np.arange(1, 25), base), base)
    assert (np.diff(means) > 0).all() and means[0] == 1.0
    assert means[-1] < theory.eann_mean_bound(base) < means[-1] + 1e-5


@pytest.mark.parametrize(("base", "limit"), [(2, 0.5), (2, 40.0), (3, 13.0), (2.5, 100.0)])
def test_the_exact_mean_is_that_of_a_fine_grid(base, limit):
    middles = (np.arange(400_000) + 0.5) * limit / 400_000
    grid = theory.eann_cost_factor(middles, base).mean()
    assert theory.eann_mean(limit, base) == pytest.approx(grid, rel=1e-7)


def test_the_exact_mean_is_within_the_error_of_the_simulation():
    generator = np.random.default_rng(0)
    mean, error = theory.eann_mean_simulated(127.0, 2, 100_000, generator)
    assert error < 0.002
    assert theory.eann_mean(127.0, 2) == pytest.approx(mean, abs=4 * error)


@pytest.mark.parametrize(("base", "percent"), [(2, 1.9), (4, 7.9)])
def test_a_budget_range_that_ends_inside_a_network_can_exceed_the_bound(base, percent):
    ends = theory.eann_chain_cost([20, 21], base)
    means = theory.eann_mean(np.linspace(*ends, 5000), base)
    excess = 100 * (means.max() / theory.eann_mean_bound(base) - 1)
    assert excess == pytest.approx(percent, abs=0.05)


def test_a_larger_base_lowers_the_supremum_and_the_mean():
    bases = np.linspace(1.1, 30, 300)
    for function in (theory.eann_sup, theory.eann_mean_bound):
        assert (np.diff([function(base) for base in bases]) < 0).all()


@pytest.mark.parametrize("base", [1, 0.5, -2])
def test_a_chain_that_does_not_deepen_is_refused(base):
    for call in (theory.eann_sup, theory.eann_mean_bound):
        with pytest.raises(ValueError, match="greater than 1"):
            call(base)
    for call in (theory.eann_cost_factor, theory.eann_mean):
        with pytest.raises(ValueError, match="greater than 1"):
            call(3.0, base)


def test_a_budget_of_nothing_is_refused():
    with pytest.raises(ValueError, match="positive"):
        theory.eann_cost_factor([1.0, 0.0], 2)
