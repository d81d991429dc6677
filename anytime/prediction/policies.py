"""Early exit (budgeted prediction): when is a sample's answer good enough to stop?

All of it works on recorded logits (K, N, classes) in numpy. Exits are counted from 0 here.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable

import numpy as np
from numpy.typing import ArrayLike

from anytime import metrics

Policy = Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray]
"""How sure a policy is after an exit: it stops a sample at the first score >= its threshold.

It gets the probabilities (N, classes) at this exit, those at the exit before and the scores (N,)
there, both 0 at the first exit, and gives the scores (N,) at this exit.
"""


def confidence(now: np.ndarray, before: np.ndarray, scores: np.ndarray) -> np.ndarray:
    """The largest probability, in (0, 1]."""
    return now.max(-1)


def entropy(now: np.ndarray, before: np.ndarray, scores: np.ndarray) -> np.ndarray:
    """1 - entropy / ln(classes): 0 for equal probabilities, 1 for a certain answer."""
    logs = np.log(now, where=now > 0, out=np.zeros_like(now))
    return 1.0 + (now * logs).sum(-1) / np.log(max(now.shape[-1], 2))  # one class is certain


def patience(now: np.ndarray, before: np.ndarray, scores: np.ndarray) -> np.ndarray:
    """How many exits in a row, up to this one, gave the same label: 1, 2, ..."""
    return np.where(now.argmax(-1) == before.argmax(-1), scores + 1.0, 1.0)


def agreement(now: np.ndarray, before: np.ndarray, scores: np.ndarray) -> np.ndarray:
    """The probability that this exit and the one before share, in [0, 1]; 0 at the first exit."""
    return np.minimum(now, before).sum(-1)


POLICIES: dict[str, Policy] = {
    policy.__name__: policy for policy in (confidence, entropy, patience, agreement)
}


def find(policy: str | Policy) -> Policy:
    """A policy by name, or the policy itself. Raises ValueError for an unknown name."""
    if callable(policy):
        return policy
    if policy not in [*POLICIES]:
        raise ValueError(f"unknown policy {policy!r}; there are {', '.join(POLICIES)}")
    return POLICIES[policy]


class Sureness:
    """A policy's scores of N samples, exit by exit; samples may leave on the way.

    An answer that stands unchanged, as in a chain, is no new opinion: its score stays.
    """

    def __init__(self, policy: str | Policy, count: int) -> None:
        self.policy, self.scores = find(policy), np.zeros(count)
        self.logits = self.before = np.empty((count, 0))

    def after(self, logits: ArrayLike, here: np.ndarray) -> np.ndarray:
        """The scores (n,) after the next exit, for the logits (n, classes) of samples `here`."""
        logits, now = metrics.as_floats(logits), metrics.probabilities(logits)
        if not self.logits.shape[1]:
            shape = (len(self.scores), logits.shape[-1])
            self.logits, self.before = np.full(shape, np.nan), np.zeros(shape)
        new = (logits != self.logits[here]).any(-1)
        scores = self.policy(now, self.before[here], self.scores[here])
        self.scores[here] = np.where(new, scores, self.scores[here])
        self.logits[here], self.before[here] = logits, now
        return self.scores[here]


def exit_scores(policy: str | Policy, logits: ArrayLike) -> np.ndarray:
    """How sure the policy is of each sample at each exit: (K, N, classes) -> (K, N)."""
    everyone = np.arange(np.shape(logits)[1])
    sureness = Sureness(policy, len(everyone))
    return np.array([sureness.after(at_exit, everyone) for at_exit in metrics.as_floats(logits)])


def stops(policy: str | Policy, logits: ArrayLike, threshold: float) -> np.ndarray:
    """The exit, from 0, at which each sample stops: (N,); the last one where none is sure."""
    return _first(exit_scores(policy, logits), threshold)


def _first(scores: np.ndarray, threshold: float) -> np.ndarray:
    sure = scores >= threshold
    sure[-1] = True
    return sure.argmax(0)


def threshold_for(policy: str | Policy, logits: ArrayLike, cost: ArrayLike, budget: float) -> float:
    """The threshold that spends as much of an average budget as it can without exceeding it.

    logits: (K, N, classes) on images set aside. cost: (K,), and budget in the same unit. It lies
    midway between two scores, or is infinite. Raises ValueError for a budget below cost[0].
    """
    cost, scores = np.asarray(cost, dtype=float), exit_scores(policy, logits)
    if not budget >= cost[0]:
        raise ValueError(f"a budget of {budget:g} is less than the first exit, {cost[0]:g}")
    candidates = np.unique(scores[:-1])
    borders = [-np.inf, *(candidates[1:] + candidates[:-1]) / 2, np.inf]
    low, high = 0, len(borders)  # the average cost grows with the threshold
    while high - low > 1:
        middle = (low + high) // 2
        affordable = average_cost(_first(scores, borders[middle]), cost) <= budget * (1 + 1e-9)
        low, high = (middle, high) if affordable else (low, middle)
    return float(borders[low])


GRID = tuple(np.linspace(0.0, 1.0, 101).tolist())
"""Thresholds that were chosen before any image was seen, which is what makes a bound hold."""


def threshold_with_risk(
    policy: str | Policy,
    logits: ArrayLike,
    losses: ArrayLike,
    limit: float,
    delta: float | None = None,
    thresholds: Iterable[float] = GRID,
) -> float:
    """The lowest threshold that keeps the expected loss of new images to a limit.

    logits: (K, N, classes) on images set aside. losses: (K, N), what stopping each image at each
    exit costs, at most 1, such as `disagreement`.
    delta: without it, the expectation over such sets of images is kept to the limit (conformal
    risk control), if an image's loss grows where it stops earlier. With it, the risk is above the
    limit for at most this share of such sets (learn then test), and losses have to be in [0, 1].
    thresholds: tried from the safest on; the last before the first that fails is taken, and
    infinity, which stops nobody early, where already the first fails.
    Jazbec et al., "Fast yet safe: early-exiting with risk control" (2024).
    """
    scores, losses = exit_scores(policy, logits), np.asarray(losses, dtype=float)
    if losses.shape != scores.shape or losses.max() > 1 or (delta is not None and losses.min() < 0):
        raise ValueError(
            f"losses must be {scores.shape}, exits by images, at most 1, and with delta from 0 on"
        )
    everyone, safe = np.arange(losses.shape[1]), np.inf
    for threshold in sorted(thresholds, reverse=True):
        risk = float(losses[_first(scores, threshold), everyone].mean())
        if not _is_kept(risk, len(everyone), limit, delta):
            break
        safe = threshold
    return float(safe)


def _is_kept(risk: float, count: int, limit: float, delta: float | None) -> bool:
    if delta is None:
        return (count * risk + 1.0) / (count + 1.0) <= limit  # one more image, of the largest loss
    return risk_p_value(risk, count, limit) <= delta


def risk_p_value(risk: float, count: int, limit: float) -> float:
    """How likely so small a mean loss in [0, 1] of `count` images is, were its expectation `limit`.

    The bound of Hoeffding and Bentkus: the smaller of exp(-n kl(risk, limit)) and e times the
    chance of at most ceil(n risk) successes among n, of chance `limit` each.
    """
    if not 0 < limit < 1:
        raise ValueError(f"the limit of a risk must be between 0 and 1, not {limit}")
    if risk >= limit:
        return 1.0
    apart = (1.0 - risk) * math.log((1.0 - risk) / (1.0 - limit))
    apart += risk * math.log(risk / limit) if risk > 0 else 0.0

    # By logarithms: the coefficients are beyond what a float holds.
    successes = np.arange(math.ceil(count * risk - 1e-9) + 1)
    ways = [
        math.lgamma(count + 1) - math.lgamma(i + 1) - math.lgamma(count - i + 1) for i in successes
    ]
    logs = ways + successes * math.log(limit) + (count - successes) * math.log(1.0 - limit)
    return min(1.0, math.exp(-count * apart), math.e * float(np.exp(logs).sum()))


def disagreement(logits: ArrayLike) -> np.ndarray:
    """1 where an exit's label is not the last exit's, else 0: (K, N, classes) -> (K, N)."""
    labels = metrics.as_floats(logits).argmax(-1)
    return (labels != labels[-1]).astype(float)


def average_cost(exits: ArrayLike, cost: ArrayLike) -> float:
    """What a sample costs on average, for the exits (N,), from 0, and the exits' costs (K,)."""
    return float(np.asarray(cost, dtype=float)[np.asarray(exits)].mean())


def error(logits: ArrayLike, labels: ArrayLike, exits: ArrayLike) -> float:
    """The share of wrong answers where each sample stops at its own exit (N,), from 0."""
    at, labels = np.asarray(exits, dtype=int), np.asarray(labels)
    answers = metrics.as_floats(logits).argmax(-1)[at, np.arange(len(labels))]
    return float((answers != labels).mean())


def outcome(
    policy: str | Policy, logits: ArrayLike, labels: ArrayLike, cost: ArrayLike, threshold: float
) -> tuple[float, float]:
    """Average cost of a sample, and error in [0, 1], of a policy with this threshold."""
    left_at = stops(policy, logits, threshold)
    return average_cost(left_at, cost), error(logits, labels, left_at)
