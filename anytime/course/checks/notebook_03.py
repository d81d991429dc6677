"""The checks of notebook 03's exercises."""

import numpy as np

from anytime import theory
from anytime.course.checks.friendly import Cases, cases


@cases("3.1", "the losses {}, rho = {}")
def running_means() -> Cases:
    """Losses (steps, K), rho -> running means after each step (steps, K)."""
    swapped = "rho is the share of the old mean that is kept, 1 - rho that of the new loss."
    zero = "the mean starts at the losses of the first batch, not at 0."
    all_batches = "that is the mean of all batches so far; a running mean forgets old ones."
    losses = np.array([[2.0, 4.0], [1.0, 0.0], [0.0, 4.0]])
    wrong = ([[2, 4], [1.2, 0.8]], swapped), ([[0.4, 0.8], [0.52, 0.64]], zero)
    yield (losses[:2], 0.8), [[2, 4], [1.8, 3.2]], *wrong, ([[2, 4], [1.5, 2]], all_batches)
    yield (losses, 0.5), [[2, 4], [1.5, 2], [0.75, 3]]


@cases("3.2", "the mean losses {}, gamma = {}")
def weights_inverse_to_loss() -> Cases:
    """(K,) mean losses, gamma -> (K,) weights inverse to them, the largest 1, floor gamma."""
    means = np.array([1.25, 0.5, 0.25])
    grow = "these weights grow with the losses; take the inverse, 1 / mean_losses."
    scale = "right but for the scale: your largest is 4, not 1. Divide by the largest at the end."
    added = "your largest weight is 1.2: scale the inverse by 1 - gamma before adding gamma."
    yield (means, 0.0), theory.adaloss_weights(means, 0.0), (means / 1.25, grow), (1 / means, scale)
    yield (means, 0.2), theory.adaloss_weights(means, 0.2), ([0.4, 0.7, 1.2], added)


@cases("3.3", "gamma = {}")
def ratio_where_floor_takes_over() -> Cases:
    """gamma -> the ratio r at which (1 - gamma) / r is gamma."""
    near = "close: 1 / gamma is what remains if you forget the factor 1 - gamma."
    yield (0.2,), 4.0, (5.0, near), (0.25, "that is the ratio upside down; r is at least 1.")
    yield (0.5,), 1.0


@cases("3.4", "the losses {}, importance {}")
def best_weights() -> Cases:
    """Losses (K,), importance c (K,) -> the weights that minimise B l - c ln B."""
    losses, c = np.array([2.0, 0.5, 0.1]), np.array([1.0, 3.0, 0.5])
    one = "that is the answer for importance 1; with c the derivative by B is l - c / B."
    turned = "that is the inverse: the derivative by B is l - c / B, and has to be 0."
    yield (losses, c), c / losses, (1 / losses, one), (losses / c, turned)
    yield (losses, 4 * c), 4 * c / losses
