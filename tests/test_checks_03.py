"""The checks of notebook 03's exercises: answers made without the formulas they ask for."""

import numpy as np
import pandas as pd
import pytest
import torch

from anytime.course import checks


def smoothed(losses, rho):
    """The exponential moving average of pandas, which starts at the first value too."""
    return pd.DataFrame(losses).ewm(alpha=1 - rho, adjust=False).mean().to_numpy()


def equalised(mean_losses, gamma=0.0):
    """The smallest loss has the weight 1, and one of r times its size gets 1/r of it."""
    ratios = mean_losses / mean_losses.min()
    return gamma * np.ones(len(ratios)) + (1 - gamma) * ratios**-1.0


def crossing(gamma):
    """Where the falling part of the weight meets the floor, on a fine grid."""
    ratio = np.linspace(1, 20, 1_900_001)
    return ratio[np.abs((1 - gamma) / ratio - gamma).argmin()]


def descended(losses, importance):
    """By gradient descent on the logarithm of the weights."""
    log_weights = torch.zeros(len(losses), dtype=torch.float64, requires_grad=True)
    losses, importance = torch.tensor(losses), torch.tensor(importance)
    for _ in range(2000):
        objective = (log_weights.exp() * losses - importance * log_weights).sum()
        (slope,) = torch.autograd.grad(objective, log_weights)
        with torch.no_grad():
            log_weights -= 0.1 * slope
    return log_weights.detach().exp().numpy()


RIGHT = {
    checks.running_means: smoothed,
    checks.weights_inverse_to_loss: equalised,
    checks.ratio_where_floor_takes_over: crossing,
    checks.best_weights: descended,
}


def from_zero(losses, rho):
    return smoothed(np.vstack([np.zeros(losses.shape[1]), losses]), rho)[1:]


@pytest.mark.parametrize(
    "answer, hint",
    [
        (lambda losses, rho: smoothed(losses, 1 - rho), "rho is the share of the old mean"),
        (from_zero, "not at 0"),
        (lambda losses, rho: pd.DataFrame(losses).expanding().mean(), "forgets old ones"),
        (lambda losses, rho: smoothed(losses, rho)[-1], "shape should be (2, 2), yours is (2,)"),
        (lambda losses, rho: losses, "but [[2, 4], [1.8, 3.2]] is right"),
    ],
    ids=["swapped", "from zero", "all batches", "last only", "no mean"],
)
def test_wrong_running_means_are_told_what_is_off(capsys, answer, hint):
    checks.running_means(answer)
    assert hint in capsys.readouterr().out


@pytest.mark.parametrize(
    "answer, hint",
    [
        (lambda m, gamma=0.0: m / m.max(), "take the inverse"),
        (lambda m, gamma=0.0: 1 / m, "Divide by the largest at the end"),
        (lambda m, gamma=0.0: 1 / m / (1 / m).sum(), "right but for the scale"),
        (lambda m, gamma=0.0: equalised(m) + gamma, "scale the inverse by 1 - gamma"),
        (
            lambda m, gamma=0.0: equalised(m).clip(gamma),
            "but [0.36, 0.6, 1] is right",
        ),
        (lambda m: equalised(m), "TypeError"),
    ],
    ids=["not inverse", "not scaled", "sum 1", "gamma added", "gamma as limit", "no gamma"],
)
def test_wrong_weights_are_told_what_is_off(capsys, answer, hint):
    checks.weights_inverse_to_loss(answer)
    assert hint in capsys.readouterr().out


@pytest.mark.parametrize(
    "answer, hint",
    [
        (lambda gamma: 1 / gamma, "forget the factor 1 - gamma"),
        (lambda gamma: 1 / crossing(gamma), "upside down"),
        (lambda gamma: 14.0, "gives 14, but 4 is right"),
    ],
)
def test_a_wrong_ratio_is_told_what_is_off(capsys, answer, hint):
    checks.ratio_where_floor_takes_over(answer)
    assert hint in capsys.readouterr().out


@pytest.mark.parametrize(
    "answer, hint",
    [
        (lambda losses, importance: 1 / losses, "answer for importance 1"),
        (lambda losses, importance: losses / importance, "that is the inverse"),
    ],
)
def test_weights_that_are_not_the_best_are_told_what_is_off(capsys, answer, hint):
    checks.best_weights(answer)
    assert hint in capsys.readouterr().out
