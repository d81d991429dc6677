"""The checks of notebook 02's exercises: answers written as their readers would write them."""

import numpy as np
import pytest
import torch

from anytime.course import checks


def even_by_hand(lengths):
    shortest = min(float(length) for length in lengths)
    return [shortest / float(length) for length in lengths]


def seed_by_seed(errors, others):
    found = []
    for k in range(len(errors[0])):
        signs = {np.sign(ours[k] - theirs[k]) for ours, theirs in zip(errors, others, strict=True)}
        found.append(signs.pop() if len(signs) == 1 else 0)
    return found


RIGHT = {checks.even_weights: even_by_hand, checks.in_every_seed: seed_by_seed}


@pytest.mark.parametrize(
    "answer",
    [
        lambda lengths: (1 / lengths) / (1 / lengths).max(),
        lambda lengths: torch.as_tensor(lengths).min() / torch.tensor(lengths, dtype=torch.float32),
        lambda lengths: np.float16(lengths.min() / lengths),
        lambda lengths: [torch.tensor(weight) for weight in even_by_hand(lengths)],
    ],
)
def test_even_weights_may_be_of_any_kind_and_precision(capsys, answer):
    checks.even_weights(answer)
    assert capsys.readouterr().out == "Exercise 2.1: right.\n"


@pytest.mark.parametrize(
    "answer, hint",
    [
        (lambda lengths: lengths / lengths.max(), "the smaller its weight"),
        (lambda lengths: np.ones(len(lengths)), "as uneven as the lengths are"),
        (lambda lengths: (lengths.min() / lengths) ** 2, "the first power"),
        (lambda lengths: 1 / lengths / (1 / lengths).sum(), "right but for the scale"),
        (lambda lengths: lengths.max() / lengths, "right but for the scale"),
        (lambda lengths: 1.0, "the shape should be (6,), yours is ()"),
        (lambda lengths: np.linspace(1, 0, len(lengths)), "is right"),
        (lambda lengths: [1 / 6] * 6, "is right"),
        (lambda lengths: lengths.inverse(), "AttributeError"),
    ],
)
def test_wrong_even_weights_are_told_what_is_off(capsys, answer, hint):
    checks.even_weights(answer)
    assert hint in capsys.readouterr().out


@pytest.mark.parametrize(
    "answer",
    [
        lambda e, o: (e > o).all(0).astype(float) - (e < o).all(0),
        lambda e, o: np.sign(e - o).mean(0).astype(int),
        lambda e, o: np.trunc(np.sign(e - o).mean(0)).tolist(),
        lambda e, o: torch.sign(torch.as_tensor(e - o)).mean(0).trunc(),
        lambda e, o: np.where((e > o).all(0), 1, np.where((e < o).all(0), -1, 0)).astype("int8"),
    ],
)
def test_the_agreement_of_seeds_may_be_of_any_kind_and_precision(capsys, answer):
    checks.in_every_seed(answer)
    assert capsys.readouterr().out == "Exercise 2.2: right.\n"


@pytest.mark.parametrize(
    "answer, hint",
    [
        (lambda e, o: -np.array(seed_by_seed(e, o)), "sign turned round"),
        (lambda e, o: np.sign((e - o).mean(0)), "that compares means"),
        (lambda e, o: np.sign(e.mean(0) - o.mean(0)), "that compares means"),
        (lambda e, o: np.where((e > o).any(0), 1, -1), "one seed is not enough"),
        (lambda e, o: (e > o).any(0) * 1 - (e < o).any(0), "equal errors are neither"),
        (lambda e, o: (e > o).all(0), "and -1 where the first is lower"),
        (lambda e, o: (e >= o).all(0) * 1 - (e <= o).all(0), "equal errors are neither"),
        (lambda e, o: (e > o).all(1), "the shape should be (6,), yours is (3,)"),
        (lambda e, o: [0] * 6, "is right"),
        (lambda e, o: e - o, "the shape should be (6,), yours is (3, 6)"),
        (lambda e, o: 1 if e > o else -1, "ValueError"),
    ],
)
def test_a_wrong_agreement_of_seeds_is_told_what_is_off(capsys, answer, hint):
    checks.in_every_seed(answer)
    assert hint in capsys.readouterr().out
