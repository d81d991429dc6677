"""The mathematics of the course in numpy: AdaLoss's weights, competing losses, EANN's cost."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

SMALLEST = 1e-12
"""Mean losses below this share of the largest one count as that much: a loss of 0 is no failure."""


def const(num_exits: int) -> np.ndarray:
    """CONST: every exit counts the same, B_i = 1. Returns (K,) weights."""
    return np.ones(num_exits)


def linear(num_exits: int, first: float = 0.25) -> np.ndarray:
    """LINEAR: (K,) weights that grow evenly from `first` to 1."""
    if not 0 <= first < np.inf:
        raise ValueError(f"first must be a number from 0 on, not {first}")
    share = np.arange(num_exits) / (num_exits - 1) if num_exits > 1 else np.ones(1)
    return first + (1.0 - first) * share


def half_end(num_exits: int) -> np.ndarray:
    """HALF-END: the last exit has weight 1, the others share 1 evenly. Returns (K,) weights."""
    early = num_exits - 1
    return np.append(np.full(early, 1.0 / max(early, 1)), 1.0)


def sieve(num_exits: int) -> np.ndarray:
    """SIEVE: an exit d before the end weighs 1 + v2(d), the number of times that 2 divides d.

    The exits are visited like the marks of a ruler. The last weighs as much as all others
    together. Returns (K,) weights, scaled so that it is 1. The authors' limit,
    v2(d) <= ceil(log2 K) - 1, holds for every d < K.
    """
    distance = np.arange(num_exits - 1, 0, -1)
    marks = 1.0 + np.log2(distance & -distance)
    return np.append(marks / max(marks.sum(), 1.0), 1.0)


def exponential(num_exits: int, base: float = 2.0) -> np.ndarray:
    """Each exit weighs `base` times the one before; (K,) weights, the largest 1."""
    powers = np.arange(num_exits) - (num_exits - 1 if base > 1 else 0)
    return float(base) ** powers


def opt(num_exits: int, exit: int | None = None) -> np.ndarray:
    """OPT: all weight on one exit, counted from 1; the last unless given. Returns (K,) weights."""
    return np.eye(num_exits)[(exit or num_exits) - 1]


STATIC = {"const": const, "linear": linear, "half-end": half_end, "sieve": sieve}
STATIC |= {"exponential": exponential, "opt": opt}
"""The weights that do not change in training, by the names of their weightings."""


def adaloss_weights(mean_losses: Any, gamma: float = 0.07, extra: float = 0.0) -> Any:
    """B = (1 - gamma) u + gamma for running mean losses m (K,); u is 1/m, its largest 1.

    mean_losses: a numpy array or anything like one, or a torch tensor; the weights (K,) are of
    the same kind. gamma: share of a uniform weight that is mixed in, in [0, 1]. extra: e, added to
    the last u before u is divided by its largest again.
    The weights do not depend on the scale of the losses. One below `SMALLEST` times the largest
    counts as that much: so a loss of 0 gets the largest u, and the others stay above 0.
    Raises ValueError for losses that are negative or not finite; a tensor's device is waited for.

    >>> adaloss_weights([2.0, 1.0, 0.5], gamma=0.0)
    array([0.25, 0.5 , 1.  ])
    """
    tensor = mean_losses if hasattr(mean_losses, "new_tensor") else None
    m = np.asarray(mean_losses if tensor is None else tensor.tolist(), dtype=float)
    if m.ndim != 1 or not len(m) or not ((m >= 0) & (m < np.inf)).all():
        raise ValueError(f"mean losses must be (K,) finite numbers, at least 0, not {m}")

    weights = mixed(inverse(m, np.finfo(float).tiny), gamma, extra)
    return weights if tensor is None else (tensor + 0.0).new_tensor(weights)


def inverse(mean_losses: Any, tiny: float) -> Any:
    """u = 1/m, its largest 1, for m (K,), an array or a tensor; nothing waits for its device.

    tiny: the smallest number with all digits, far below any loss that is not 0; so losses of 0
    alone get equal u.
    """
    m = mean_losses.clip(SMALLEST * mean_losses.max() + tiny)
    return m.min() / m


def mixed(u: Any, gamma: float, extra: float) -> Any:
    """u (K,), its largest 1, with `extra` for the last exit and a share gamma of a uniform weight.

    An array or a tensor; nothing waits for its device.
    """
    if extra:
        u[-1] = u[-1] + extra
        u = u / u.max()
    return (1.0 - gamma) * u + gamma


def adaloss_trajectory(
    losses: ArrayLike,
    gamma: float = 0.07,
    momentum: float = 0.9,
    every: int = 100,
    extra: float = 0.0,
) -> np.ndarray:
    """AdaLoss's weights (steps, K) in force at each step of a recorded training (steps, K).

    momentum: rho, the share of the old running mean that is kept. every: T; the weights change
    only after steps T, 2 T, ...; before that they are all 1.
    Raises ValueError for losses that are negative or not finite: no step is left out here.
    """
    losses = np.asarray(losses, dtype=float)
    if not ((losses >= 0) & (losses < np.inf)).all():
        raise ValueError("recorded losses must be at least 0 and finite")
    weights = np.ones_like(losses)
    mean, current = losses[0], np.ones(losses.shape[1])
    for step, loss in enumerate(losses):
        weights[step] = current
        mean = momentum * mean + (1.0 - momentum) * loss
        if (step + 1) % every == 0:
            current = adaloss_weights(mean, gamma, extra)
    return weights


def likelihood_objective(weights: ArrayLike, losses: ArrayLike) -> np.ndarray:
    """Sum of B_i l_i - ln B_i over the last axis, for positive weights and losses (..., K)."""
    weights = np.asarray(weights, dtype=float)
    return (weights * np.asarray(losses) - np.log(weights)).sum(-1)


def adaloss_optimal_weights(losses: ArrayLike) -> np.ndarray:
    """The weights 1 / l_i, which minimise `likelihood_objective` for positive losses.

    They also turn the losses' gradients into that of the sum of ln l_i, which is K times the log of
    the geometric mean.
    """
    if not (np.asarray(losses) > 0).all():
        raise ValueError("the losses must be positive: at 0 the best weight is infinite")
    return 1.0 / np.asarray(losses, dtype=float)


@dataclass(frozen=True)
class QuadraticLosses:
    """K losses of D shared parameters: l_i = s_i (x - c_i)' A_i (x - c_i) / 2 + f_i.

    scales s (K,), centres c (K, D), curvatures A (K, D, D) symmetric and positive definite,
    floors f (K,): what is left of each loss at its own best point.
    """

    scales: np.ndarray
    centres: np.ndarray
    curvatures: np.ndarray
    floors: np.ndarray

    def losses(self, point: ArrayLike) -> np.ndarray:
        """Parameters (..., D) -> losses (..., K)."""
        apart = np.asarray(point, dtype=float)[..., None, :] - self.centres
        squares = np.einsum("...kd,kde,...ke->...k", apart, self.curvatures, apart)
        return 0.5 * self.scales * squares + self.floors

    def gradients(self, point: ArrayLike) -> np.ndarray:
        """Parameters (D,) -> the gradient of each loss (K, D)."""
        apart = np.asarray(point, dtype=float) - self.centres
        return self.scales[:, None] * np.einsum("kde,ke->kd", self.curvatures, apart)

    def minimiser(self, weights: ArrayLike) -> np.ndarray:
        """The parameters (D,) at which the sum of B_i l_i is smallest, in closed form."""
        pulls = (np.asarray(weights, dtype=float) * self.scales)[:, None, None] * self.curvatures
        return np.linalg.solve(pulls.sum(0), np.einsum("kde,ke->d", pulls, self.centres))

    def gradient_shares(self, point: ArrayLike, weights: ArrayLike) -> np.ndarray:
        """How much of the gradients' length each weighted loss brings: (K,), summing to 1."""
        gradients = np.asarray(weights, dtype=float)[:, None] * self.gradients(point)
        lengths = np.linalg.norm(gradients, axis=-1)
        return lengths / lengths.sum()

    def descend(
        self, start: ArrayLike, weigh: Callable[[np.ndarray], ArrayLike], rate: float, steps: int
    ) -> np.ndarray:
        """Gradient descent from `start`: the path (steps + 1, D), the start included.

        weigh: losses (K,) -> weights (K,), asked at each step; `np.ones_like` is CONST.
        """
        path = [np.asarray(start, dtype=float)]
        for _ in range(steps):
            weights = np.asarray(weigh(self.losses(path[-1])), dtype=float)
            path.append(path[-1] - rate * weights @ self.gradients(path[-1]))
        return np.array(path)


def two_loss_toy(big: float = 100.0, small: float = 1.0, floor: float = 0.1) -> QuadraticLosses:
    """Two losses, of scales `big` and `small`, that pull two parameters to (-1, 0) and (1, 0).

    floor: what remains of each at its best point, as a share of its scale.
    """
    scales = np.array([big, small], dtype=float)
    curvatures = np.array([[[1.0, 0.3], [0.3, 0.5]], [[1.0, -0.3], [-0.3, 0.5]]])
    centres = np.array([[-1.0, 0.0], [1.0, 0.0]])
    return QuadraticLosses(scales, centres, curvatures, floor * scales)


def standing(expected_errors: np.ndarray) -> np.ndarray:
    """The exit of a chain, from 0, that answers once exits 1 ... k are finished: (K,).

    It is the one with the lowest expected error (K,) so far, and of equals the latest.
    """
    best = expected_errors == np.minimum.accumulate(expected_errors)
    return np.maximum.accumulate(np.where(best, np.arange(len(best)), 0))


def eann_cost_factor(budget: ArrayLike, base: float) -> np.ndarray:
    """C(R): how many times cheaper the budget's answer is to have without a chain.

    budget: R > 0, in costs of the first network; any shape, which is the result's. base: b > 1.
    Network j = 0, 1, 2, ... costs b^j; before it S_j = (b^j - 1) / (b - 1) is spent. Take each
    network to be near-optimal from 1/b of its own depth on. At depth x of network j >= 1 the
    best answer is that of depth b^(j-1), left by the network before, until x passes it; so
    C = (S_j + x) / max(b^(j-1), x). The first network has none before it and is taken to be
    near-optimal throughout: C = 1.
    """
    spent, depth, x = _place_in_chain(budget, base)
    return (spent + x) / np.where(depth > 1, np.maximum(depth / base, x), x)


def eann_chain_cost(networks: ArrayLike, base: float) -> np.ndarray:
    """The cost of a chain of so many networks, 1 + b + ... + b^(networks - 1)."""
    _check_base(base)
    return (base ** np.asarray(networks, dtype=float) - 1.0) / (base - 1.0)


def eann_sup(base: float) -> float:
    """The supremum of C over all budgets, 2 + 1/(b - 1), falling with b; no budget attains it.

    C peaks at x = b^(j-1), with 1 + S_j / b^(j-1), which tends to 1 + b / (b - 1) from below.
    """
    _check_base(base)
    return 2.0 + 1.0 / (base - 1.0)


def eann_mean(limit: ArrayLike, base: float) -> np.ndarray:
    """E[C] for a budget drawn uniformly from (0, limit], exactly: the integral of C, over limit."""
    _place_in_chain(limit, base)  # for its checks
    limit = np.asarray(limit, dtype=float)
    area, spent, depth = np.minimum(limit, 1.0), 1.0, base
    while (spent < limit).any():
        x, d = np.clip(limit - spent, 0.0, depth), depth / base
        early, late = np.minimum(x, d), np.maximum(x, d)
        area = area + (spent * early + early**2 / 2) / d + spent * np.log(late / d) + late - d
        spent, depth = spent + depth, depth * base
    return area / limit


def eann_mean_bound(base: float) -> float:
    """The bound 1 - 1/(2b) + (1 + ln b)/(b - 1) on E[C] for a uniform budget, falling with b.

    With t = x / b^(j-1) and s = S_j / b^(j-1), the mean of C over network j >= 1 is
    1/b (int_0^1 (s + t) dt + int_1^b (s + t)/t dt) = 1 - 1/(2b) + s (1 + ln b)/b.
    As s < b/(b - 1), its limit, every network's mean is below the bound, and so is the mean up
    to the end of any network: `eann_mean(eann_chain_cost(n, b), b)`. The bound is its limit.
    It does not cover budgets that end inside a network, past its expensive first part: there
    the mean can exceed it, for b = 2 by up to 1.9 % and for b = 4 by up to 7.9 %.
    Both this and `eann_sup` ask for a large b; but the larger b, the earlier in its depth, 1/b,
    each network must be near-optimal already.
    """
    _check_base(base)
    return 1.0 - 1.0 / (2.0 * base) + (1.0 + np.log(base)) / (base - 1.0)


def eann_mean_simulated(
    limit: float, base: float, draws: int, generator: np.random.Generator
) -> tuple[float, float]:
    """E[C] over budgets uniform in (0, limit] by simulation: the mean and its standard error."""
    factors = eann_cost_factor(limit * (1.0 - generator.random(draws)), base)
    return float(factors.mean()), float(factors.std(ddof=1) / np.sqrt(draws))


def _place_in_chain(budget: ArrayLike, base: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Spent before the network that runs at this budget, its whole depth, and the depth in it."""
    _check_base(base)
    budget = np.asarray(budget, dtype=float)
    if not (budget > 0).all():
        raise ValueError("a budget must be positive: before any cost there is no answer")
    # C is continuous where networks meet, so a rounded logarithm may choose either side.
    number = np.maximum(np.ceil(np.log1p(budget * (base - 1.0)) / np.log(base)) - 1.0, 0.0)
    spent = eann_chain_cost(number, base)
    return spent, base**number, np.maximum(budget - spent, 0.0)


def _check_base(base: float) -> None:
    if not base > 1:
        raise ValueError(f"the base of the chain must be greater than 1, not {base}")
