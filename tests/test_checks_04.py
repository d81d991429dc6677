"""The checks of notebook 04's exercises: right answers, undone ones, and likely mistakes."""

import math

import pytest
import torch
import torch.nn.functional as F

from anytime import weighting
from anytime.course import checks


def losses_one_by_one(logits, labels):
    """Exit by exit and image by image, from the definition of cross-entropy."""
    losses = [
        sum(exit[b].logsumexp(0) - exit[b][label] for b, label in enumerate(labels)) / len(labels)
        for exit in logits
    ]
    return torch.stack(losses)


def mixed_up(logits, labels):
    repeated = labels.repeat_interleave(len(logits))
    losses = F.cross_entropy(logits.flatten(0, 1), repeated, reduction="none")
    return losses.view(len(logits), -1).mean(1)


class Power(weighting.Weighting):
    def __init__(self, num_exits, total=None, power=2.0):
        weights = [math.exp(power * math.log(i / num_exits)) for i in range(1, num_exits + 1)]
        super().__init__(torch.tensor(weights), total)


class FromZero(weighting.Weighting):
    def __init__(self, num_exits, total=None, power=2.0):
        super().__init__((torch.arange(num_exits) / num_exits) ** power, total)


class NoTotal(Power):
    def __init__(self, num_exits, total=None, power=2.0):
        super().__init__(num_exits, power=power)


class NotHandedOn(weighting.Weighting):
    def __init__(self, num_exits, total=None, power=2.0):
        torch.nn.Module.__init__(self)


class NoScheme(torch.nn.Module):
    def __init__(self, num_exits, total=None, power=2.0):
        super().__init__()


class MeanInstead(Power):
    def forward(self, losses):
        return super().forward(losses) / len(losses)


def last_errors(run):
    return [(entry["epoch"], entry.get("test_error", [9.0])[-1]) for entry in run.history]


def first_below(run, level):
    return min((epoch for epoch, error in last_errors(run) if error < level), default=None)


def nth_entry(run, level, of_evaluated=True, start=1):
    entries = [error for _, error in last_errors(run) if error < 9 or not of_evaluated]
    return next((n for n, error in enumerate(entries, start) if error < level), None)


RIGHT = {
    checks.exit_losses: losses_one_by_one,
    checks.power_weighting: Power,
    checks.first_epoch_below: first_below,
    checks.effective_learning_rate: lambda lr, weights: weights.mean().item() * lr,
}


@pytest.mark.parametrize(
    "answer, hint",
    [
        (lambda x, y: None, "end it with `return`"),
        (lambda x, y: losses_one_by_one(x, y).mean(), "shape should be (3,), yours is ()"),
        (lambda x, y: list(losses_one_by_one(x, y)), "with torch.stack"),
        (lambda x, y: 4 * losses_one_by_one(x, y), "sum over the images"),
        (mixed_up, "use labels.repeat(K)"),
        (lambda x, y: losses_one_by_one(x.softmax(-1), y), "leave out the softmax"),
        (lambda x, y: losses_one_by_one(x, y).detach(), "without gradients"),
        (lambda x, y: losses_one_by_one(x, y) + 1, "but [1.9913, 1.72098, 2.20195] is right"),
    ],
)
def test_wrong_losses_of_exits_are_told_what_is_off(capsys, answer, hint):
    checks.exit_losses(answer)
    assert hint in capsys.readouterr().out


@pytest.mark.parametrize(
    "answer, hint",
    [
        (FromZero, "but [0.0625, 0.25, 0.5625, 1] is right"),
        (NoTotal, "pass `total` on"),
        (NotHandedOn, "super().__init__(weights, total)"),
        (NoScheme, "derive your class from weighting.Weighting"),
        (MeanInstead, "the training loss of losses 1, 2, 3, 4"),
    ],
    ids=lambda value: getattr(value, "__name__", None),
)
def test_a_wrong_weighting_is_told_what_is_off(capsys, answer, hint):
    checks.power_weighting(answer)
    assert hint in capsys.readouterr().out


@pytest.mark.parametrize(
    "answer, hint",
    [
        (lambda run, level: None, "below 0.45 gives None, but 4 is right"),
        (lambda run, level: run.history[0]["test_error"], "KeyError"),
        (nth_entry, "return entry['epoch']"),
        (lambda run, level: nth_entry(run, level, False, 0), "counted from 0"),
        (
            lambda run, level: first_below(run, level + 1e-9),
            "an error of exactly the level is not below it",
        ),
        (
            lambda run, level: max(epoch for epoch, error in last_errors(run) if error < level),
            "that is the last time",
        ),
        (lambda run, level: first_below(run, level) or -1, "below 0.1 gives -1, but None is right"),
    ],
)
def test_a_wrong_epoch_is_told_what_is_off(capsys, answer, hint):
    checks.first_epoch_below(answer)
    assert hint in capsys.readouterr().out


@pytest.mark.parametrize(
    "answer, hint",
    [
        (lambda lr, weights: lr * sum(weights), "divide the total by the number of exits"),
        (lambda lr, weights: sum(weights) / len(weights), "multiply it by the learning rate"),
        (lambda lr, weights: lr * max(weights), "the largest weight"),
        (lambda lr, weights: lr / (sum(weights) / len(weights)), "don't divide"),
        (lambda lr, weights: None, "end it with `return`"),
        (lambda lr, weights: 7.0, "gives 7, but 0.045 is right"),
        (lambda lr, weights: lr * sum(weights) / 4, "but 0.225 is right"),
    ],
)
def test_a_wrong_effective_learning_rate_is_told_what_is_off(capsys, answer, hint):
    checks.effective_learning_rate(answer)
    assert hint in capsys.readouterr().out


def test_losses_in_double_precision_are_right(capsys):
    checks.exit_losses(lambda logits, labels: losses_one_by_one(logits.double(), labels))
    assert capsys.readouterr().out == "Exercise 4.1: right.\n"
