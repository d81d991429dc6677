"""The checks of notebook 03's exercises."""

from __future__ import annotations

from collections.abc import Callable

from anytime.course.checks.friendly import NOTHING, exercise, number_differs, weights_differ


@exercise("3.1")
def running_means(answer: Callable) -> str | None:
    """Losses (steps, K), rho -> running means after each step (steps, K)."""
    import numpy as np

    losses = np.array([[2.0, 4.0], [1.0, 0.0], [0.0, 4.0]])
    wanted = np.array([[2.0, 4.0], [1.8, 3.2], [1.44, 3.36]])
    mistakes = [
        ("rho is the share of the old mean that is kept, 1 - rho that of the new loss.",
         [[2.0, 4.0], [1.2, 0.8], [0.24, 3.36]]),
        ("the mean starts at the losses of the first batch, not at 0.",
         [[0.4, 0.8], [0.52, 0.64], [0.416, 1.312]]),
        ("that is the mean of all batches so far; a running mean forgets old ones.",
         [[2.0, 4.0], [1.5, 2.0], [1.0, 8 / 3]]),
    ]  # fmt: skip
    found = answer(losses.copy(), 0.8)
    if found is None:
        return NOTHING
    if np.shape(found) != wanted.shape:
        return f"for 3 steps and 2 exits return an array (3, 2), yours is {np.shape(found)}."
    for text, values in mistakes:
        if np.allclose(found, values):
            return text
    step = int(np.abs(found - wanted).max(1).argmax())
    if not np.allclose(found, wanted):
        return f"after step {step + 1} the means should be {wanted[step]}, yours are {found[step]}."
    return None


@exercise("3.2")
def weights_inverse_to_loss(answer: Callable) -> str | None:
    """(K,) mean losses, gamma -> (K,) weights inverse to them, the largest 1, floor gamma."""
    import numpy as np

    means = np.array([1.25, 0.5, 0.25])
    found = answer(means.copy())
    if found is not None and np.allclose(found, means / means.max()):
        return "these weights grow with the losses; take the inverse, 1 / mean_losses."
    if off := weights_differ(found, [0.2, 0.5, 1.0], "without gamma"):
        return off + " Divide by the largest at the end." if "the scale" in off else off
    found = answer(means.copy(), gamma=0.2)
    if found is not None and np.allclose(found, [0.4, 0.7, 1.2]):
        return "your largest weight is 1.2: scale the inverse by 1 - gamma before adding gamma."
    return weights_differ(found, [0.36, 0.6, 1.0], "gamma = 0.2")


@exercise("3.3")
def ratio_where_floor_takes_over(answer: Callable) -> str | None:
    """gamma -> the ratio r at which (1 - gamma) / r is gamma."""
    near = "close: 1 / gamma is what remains if you forget the factor 1 - gamma."
    for gamma, wanted in ((0.2, 4.0), (0.5, 1.0)):
        mistakes = {1 / gamma: near, 1 / wanted: "that is the ratio upside down; r is at least 1."}
        if off := number_differs(answer(gamma), wanted, mistakes, f"gamma = {gamma:g}"):
            return off
    return None


@exercise("3.4")
def best_weights(answer: Callable) -> str | None:
    """Losses (K,), importance c (K,) -> the weights that minimise B l - c ln B."""
    import numpy as np

    losses, importance = np.array([2.0, 0.5, 0.1]), np.array([1.0, 3.0, 0.5])
    found = answer(losses.copy(), importance.copy())
    if found is None:
        return NOTHING
    slopes = losses - importance / np.asarray(found, dtype=float)
    if np.allclose(slopes, 0, atol=1e-4):
        return None
    if np.allclose(found, 1 / losses):
        return "that is the answer for importance 1; with c the derivative by B is l - c / B."
    k = int(np.abs(slopes).argmax())
    return f"at your weight of exit {k + 1} the derivative by B is {slopes[k]:.3g}, and not 0."
