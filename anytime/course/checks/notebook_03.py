"""The checks of notebook 03's exercises."""

import numpy as np

from anytime.course.checks.drawn import drawn
from anytime.course.checks.friendly import Cases, cases
from anytime.runs import Run


@cases("3.1", "the losses {}, importance {}")
def best_weights() -> Cases:
    """Losses (K,), importance c (K,) -> the weights that minimise B l - c ln B."""
    losses, c = np.array([2.0, 0.5, 0.1]), np.array([1.0, 3.0, 0.5])
    one = "that is the answer for importance 1; with c the derivative by B is l - c / B."
    turned = "that is the inverse: the derivative by B is l - c / B, and has to be 0."
    times = "the derivative of c ln B by B is c / B: the importance does not multiply the loss."
    largest = "right but for the scale: do not divide by the largest or by the total."
    best = c / losses
    scaled = (best / best.max(), largest), (best / best.sum(), largest)
    wrong = (1 / losses, one), (losses / c, turned), (1 / (c * losses), times), *scaled
    yield (losses, c), best, *wrong

    draw = drawn()
    losses, c = draw.uniform(0.1, 3.0, (2, 5))
    yield (losses, c), c / losses


@cases("3.2", "the run with {0.num_exits} exits")
def spread_of_weighted_losses() -> Cases:
    """A run -> its largest weighted loss over its smallest, at the last epoch."""
    turned = "that is the smallest divided by the largest; turn it round."
    losses = "that is the spread of the losses alone; multiply them by the weights."
    weights = "that is the spread of the weights alone; multiply them by the losses."
    test = "those are the test losses; the weights balance the training losses."
    ends = "that compares the first exit with the last; take the largest and the smallest of all."
    minus = "that is the difference; divide the largest by the smallest."
    early = "that is the first epoch; take the last one."
    first = {"train_loss": [4.0, 2.0, 1.0], "test_loss": [4.0, 2.0, 1.0], "weights": [1.0] * 3}
    last = {"train_loss": [2.0, 0.5, 0.1], "test_loss": [2.0, 1.5, 3.0], "weights": [0.2, 1.0, 0.5]}
    run = Run({}, cost=[1, 2, 3], history=[{"epoch": 1, **first}, {"epoch": 2, **last}])
    spreads = (0.1, turned), (20.0, losses), (5.0, weights), (3.75, test), (8.0, ends)
    yield (run,), 10.0, *spreads, (0.45, minus), (4.0, early)

    draw = drawn()
    losses, weights = draw.uniform(0.1, 3.0, (2, 6))
    entry = {"epoch": 1, "train_loss": [*losses], "weights": [*weights]}
    weighted = losses * weights
    yield (Run({}, cost=[*range(6)], history=[entry]),), weighted.max() / weighted.min()
