"""The checks of notebook 00's exercises: answers written as their readers would write them."""

import numpy as np
import pytest
import torch

from anytime.course import checks


def errors_in_a_loop(answers, labels):
    wrong = [0.0] * len(answers)
    for k, row in enumerate(answers.tolist()):
        for said, right in zip(row, labels.tolist(), strict=True):
            wrong[k] += (said != right) / len(labels)
    return wrong


def gained_and_spoiled_by_counting(answers, labels):
    firsts, lasts, labels = answers[0].tolist(), answers[-1].tolist(), labels.tolist()
    images = list(zip(firsts, lasts, labels, strict=True))
    gained = sum(last == label != first for first, last, label in images)
    spoiled = sum(first == label != last for first, last, label in images)
    return gained / len(labels), spoiled / len(labels)


RIGHT = {
    checks.exit_errors: errors_in_a_loop,
    checks.gained_and_spoiled: gained_and_spoiled_by_counting,
}


def said(capsys, check, answer):
    check(answer)
    return capsys.readouterr().out


@pytest.mark.parametrize(
    "answer",
    [
        lambda a, y: (a != y).float().mean(1),
        lambda a, y: (a != y).half().mean(dim=-1, dtype=torch.float64),
        lambda a, y: 1 - (a == y).sum(1) / len(y),
        lambda a, y: [(row != y).float().mean() for row in a],
        lambda a, y: [(row != y).float().mean().item() for row in a],
        lambda a, y: np.mean(a.numpy() != y.numpy(), axis=1),
        lambda a, y: (np.asarray(a) != np.asarray(y)).mean(1).astype(np.float32),
    ],
)
def test_errors_of_exits_may_be_tensors_arrays_or_lists(capsys, answer):
    assert said(capsys, checks.exit_errors, answer) == "Exercise 0.1: right.\n"


@pytest.mark.parametrize(
    "answer, hint",
    [
        (lambda a, y: (a == y).float().mean(1), "shares of right answers"),
        (lambda a, y: (a != y).sum(1), "divide them by how many"),
        (lambda a, y: 100 * (a != y).float().mean(1), "in percent"),
        (lambda a, y: (a != y).float().mean(), "one number for each exit"),
        (lambda a, y: (a != y).float().mean(0), "take them over the images"),
        (lambda a, y: [0.2] * 6, "is right"),
        (lambda a, y: torch.zeros(7, 7), "the shape should be (6,), yours is (7, 7)"),
        (lambda a, y: (a != y).float().mean(1).flip(0), "turn them round"),
        (lambda a, y: (a != y).mean(1), "RuntimeError"),
        (lambda a, y: None, "end it with `return`"),
    ],
)
def test_wrong_errors_of_exits_are_told_what_is_off(capsys, answer, hint):
    assert hint in said(capsys, checks.exit_errors, answer)


def shares(answers, labels, number=float):
    return [number(share) for share in gained_and_spoiled_by_counting(answers, labels)]


def means_of_first_and_last(answers, labels):
    right = (answers == labels).float().mean(1)
    return right[-1], right[0]


def spoiled_by_any_later_exit(answers, labels):
    right = answers == labels
    spoiled = (right[:-1].any(0) & ~right[-1]).float().mean()
    return shares(answers, labels)[0], spoiled


@pytest.mark.parametrize("number", [torch.tensor, np.float32, np.array])
def test_two_shares_may_be_numbers_of_any_kind(capsys, number):
    answer = lambda a, y: tuple(shares(a, y, number))  # noqa: E731
    assert said(capsys, checks.gained_and_spoiled, answer) == "Exercise 0.2: right.\n"


@pytest.mark.parametrize(
    "answer, hint",
    [
        (lambda a, y: shares(a, y)[::-1], "the gained share comes first"),
        (lambda a, y: [len(y) * share for share in shares(a, y)], "numbers of images"),
        (lambda a, y: [100 * share for share in shares(a, y)], "in percent"),
        (means_of_first_and_last, "that both exits get right"),
        (spoiled_by_any_later_exit, "compare with exit 1 alone"),
        (lambda a, y: shares(a, y)[0], "the shape should be (2,), yours is ()"),
        (lambda a, y: (0.12, 0.03), "but ["),
        (lambda a, y: shares(a[1:], y), "is right"),
        (lambda a, y: a.exit_1, "AttributeError"),
    ],
)
def test_wrong_shares_are_told_what_is_off(capsys, answer, hint):
    assert hint in said(capsys, checks.gained_and_spoiled, answer)


def test_each_call_of_a_check_asks_something_else(capsys):
    asked = []
    for _ in range(2):
        checks.exit_errors(lambda answers, labels: asked.append(answers.tolist()))
    assert asked[0] != asked[1]
