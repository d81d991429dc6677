"""The checks of notebook 03's exercises: answers made without the formulas they ask for."""

import numpy as np
import pytest
import torch

from anytime.course import checks


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


def weighted(run, entry=-1):
    """The weighted losses of an epoch, number by number."""
    pairs = zip(run.history[entry]["train_loss"], run.history[entry]["weights"], strict=True)
    return sorted(loss * weight for loss, weight in pairs)


def spread(run):
    *_, largest = weighted(run)
    return largest / weighted(run)[0]


RIGHT = {checks.best_weights: descended, checks.spread_of_weighted_losses: spread}


def kinds(answer):
    """The same answer as other people give it."""
    return [
        lambda *given: torch.tensor(answer(*given)),
        lambda *given: torch.tensor(answer(*given), dtype=torch.float32),
        lambda *given: np.float32(answer(*given)),
        lambda *given: np.asarray(answer(*given)).tolist(),
    ]


@pytest.mark.parametrize("check", RIGHT, ids=lambda check: check.__name__)
def test_right_answers_are_right_in_any_form_and_precision(capsys, check):
    for answer in kinds(RIGHT[check]):
        check(answer)
        assert capsys.readouterr().out.endswith(": right.\n")


@pytest.mark.parametrize(
    "answer, hint",
    [
        (lambda losses, c: 1 / losses, "answer for importance 1"),
        (lambda losses, c: losses / c, "that is the inverse"),
        (lambda losses, c: 1 / (c * losses), "does not multiply the loss"),
        (lambda losses, c: descended(losses, c) / descended(losses, c).max(), "but for the scale"),
        (lambda losses, c: descended(losses, c) / descended(losses, c).sum(), "but for the scale"),
        (lambda losses, c: descended(losses, c)[::-1], "from the last to the first"),
        (lambda losses, c: descended(losses, c)[0], "the shape should be (3,), yours is ()"),
        (lambda losses, c: np.array([0.5, 6.0, 5.0]), "the shape should be (5,), yours is (3,)"),
        (lambda losses, c: -losses, "but [0.5, 6, 5] is right"),
        (lambda losses: 1 / losses, "TypeError"),
        (lambda losses, c: None, "end it with `return`"),
    ],
)
def test_weights_that_are_not_the_best_are_told_what_is_off(capsys, answer, hint):
    checks.best_weights(answer)
    assert hint in capsys.readouterr().out


def of_last(column):
    return lambda run: max(run.history[-1][column]) / min(run.history[-1][column])


@pytest.mark.parametrize(
    "answer, hint",
    [
        (lambda run: 1 / spread(run), "turn it round"),
        (of_last("train_loss"), "the losses alone"),
        (of_last("weights"), "the weights alone"),
        (lambda run: max(run.final("test_loss") * run.final("weights")) / 0.4, "the test losses"),
        (lambda run: 0.4 / 0.05, "the first exit with the last"),
        (lambda run: weighted(run)[-1] - weighted(run)[0], "that is the difference"),
        (lambda run: weighted(run, 0)[-1] / weighted(run, 0)[0], "that is the first epoch"),
        (lambda run: 10.0, "the run with 6 exits gives 10, but"),
        (lambda run: -3.0, "gives -3, but 10 is right"),
        (lambda run: weighted(run), "but 10 is right"),
        (lambda run: run.final("weight"), "KeyError"),
    ],
)
def test_a_wrong_spread_is_told_what_is_off(capsys, answer, hint):
    checks.spread_of_weighted_losses(answer)
    assert hint in capsys.readouterr().out
