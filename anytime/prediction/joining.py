"""Answers joined from all exits that are finished, and exits whose confidence is set right.

All of it works on recorded logits (K, N, classes) in numpy, and what is joined comes as logits
again: their softmax is the answer, and every measure of logits takes them.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from anytime import metrics

SHARPEST, FLATTEST = 0.01, 100.0
"""The temperatures between which one is looked for."""


def averages(logits: ArrayLike) -> np.ndarray:
    """The mean probability of exits 1 ... k, as logits: (K, N, classes) -> the same shape."""
    probabilities = metrics.probabilities(logits)
    counts = np.arange(1, len(probabilities) + 1)[:, None, None]
    return _log(probabilities.cumsum(0) / counts)


def products(logits: ArrayLike, weights: ArrayLike | None = None) -> np.ndarray:
    """The product of exits 1 ... k as experts, as logits: (K, N, classes) -> the same shape.

    The probability after exit k is proportional to the product of max(z_i, 0)^w_i over the logits
    z_i of exits i <= k: a class that one exit has ruled out stays out, and so the right class gets
    less likely far more rarely. Where all classes are ruled out, exit k answers alone.
    weights: w (K,); 1 unless given.
    Jazbec et al., "Towards anytime classification in early-exit architectures" (2023).
    """
    z = metrics.as_floats(logits)
    w = np.ones(len(z)) if weights is None else np.asarray(weights, dtype=float)
    if w.shape != (len(z),) or not (w > 0).all():
        raise ValueError(f"weights must be {len(z)} numbers above 0, one per exit, not {w}")
    joined = (w[:, None, None] * _log(np.maximum(z, 0.0))).cumsum(0)
    possible = (joined > -np.inf).any(-1, keepdims=True)
    return np.where(possible, joined, z)


def temperatures(logits: ArrayLike, labels: ArrayLike) -> np.ndarray:
    """The temperature of each exit with the least cross-entropy: (K, N, classes), (N,) -> (K,).

    logits: on images set aside; those of new images are divided by temperatures[:, None, None].
    Guo et al., "On calibration of modern neural networks" (2017).
    """
    z, labels = metrics.as_floats(logits), np.asarray(labels, dtype=int)
    wanted = z[:, np.arange(len(labels)), labels].mean(-1)
    low, high = np.full((2, len(z)), np.log([[SHARPEST], [FLATTEST]]))

    # The cross-entropy is convex in 1 / T, and its slope falls with T: halved until it is 0.
    for _ in range(50):
        middle = (low + high) / 2
        answers = metrics.probabilities(z / np.exp(middle)[:, None, None])
        too_sharp = (answers * z).sum(-1).mean(-1) > wanted
        low, high = np.where(too_sharp, middle, low), np.where(too_sharp, high, middle)
    return np.exp(low)


def _log(values: np.ndarray) -> np.ndarray:
    with np.errstate(divide="ignore"):
        return np.log(values)
