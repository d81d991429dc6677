"""The checks of notebook 09's exercises: right answers, undone ones, and likely mistakes."""

import numpy as np
import pytest
import torch

from anytime.course import checks


def by_autograd(losses):
    losses = torch.tensor(np.asarray(losses), requires_grad=True)
    losses.log().mean().exp().backward()
    return losses.grad.numpy()


def step_by_autograd(s, loss, rate):
    s = torch.tensor(s, dtype=torch.float64, requires_grad=True)
    (s.exp() * loss - s).backward()
    return float(s.detach() - rate * s.grad)


def above(losses, offsets, epsilon=1e-3):
    rest = [max(loss - offset, epsilon) for loss, offset in zip(losses, offsets, strict=True)]
    return [min(rest) / one for one in rest]


def product_of(losses):
    return np.prod(losses) ** (1 / len(losses))


RIGHT = {
    checks.gls_weights: by_autograd,
    checks.learned_step: step_by_autograd,
    checks.offset_weights: above,
}


@pytest.mark.parametrize(
    "name, answer, hint",
    [
        ("gls_weights", lambda x: product_of(x) / x, "divide by K"),
        ("gls_weights", lambda x: 1 / x, "multiply by G / K"),
        ("gls_weights", lambda x: 1 / (len(x) * x), "derivative of ln G"),
        ("gls_weights", lambda x: np.prod(x) / x, "K-th root"),
        ("gls_weights", lambda x: x.mean() / (3 * x), "not the arithmetic one"),
        ("gls_weights", lambda x: x, "gives [4, 1, 2], but"),
        ("learned_step", lambda s, x, r: s + r * (np.exp(s) * x - 1), "uphill"),
        ("learned_step", lambda s, x, r: s - r * np.exp(s) * x, "derivative -1"),
        ("learned_step", lambda s, x, r: s - r * (np.exp(s) * x + 1), "not 1"),
        ("learned_step", lambda s, x, r: s - r * (np.exp(-s) * x - 1), "not e^-s"),
        ("learned_step", lambda s, x, r: -r * (np.exp(s) * x - 1), "add it to s"),
        ("learned_step", lambda s, x, r: s - 5 * r, "but 1 is right"),
        ("learned_step", lambda s, x, r: None, "end it with `return`"),
        ("offset_weights", lambda x, c, epsilon=0: 1 / (x - c), "divide by the largest"),
        ("offset_weights", lambda x, c, epsilon=0: x.min() / x, "before you invert"),
        ("offset_weights", lambda x, c, epsilon=0: (x - c) / (x - c).max(), "the inverse"),
        ("offset_weights", lambda x, c, epsilon=0: (x - c).min() / (x - c), "take epsilon"),
        ("offset_weights", lambda x, c, epsilon=0: above(x, c), "is right"),
        ("offset_weights", lambda x, c, epsilon=0: abs(x - c).min() / abs(x - c), "take epsilon"),
    ],
)
def test_a_wrong_answer_is_told_what_is_off(capsys, name, answer, hint):
    getattr(checks, name)(answer)
    assert hint in capsys.readouterr().out
