"""The checks of notebook 08's exercises."""

import numpy as np

from anytime.course.checks.friendly import Cases, cases


@cases("8.1", "the weights {}")
def mean_position() -> Cases:
    """(K,) weights -> their mean position, from 0 for the first exit to 1 for the last."""
    from_1 = "exits 1 to 4 are counted, but the first has position 0 and the last 1."
    from_0 = "that is counted in exits from 0 to 3; the last one has position 1."
    quarter = "the first exit has position 0, not 1/4: use steps of 1 / (K - 1)."
    end = "the last exit has position 1, not 3/4: use steps of 1 / (K - 1)."
    total = "divide by the total of the weights: they need not sum to 1."
    number = "divide by the total of the weights, not by their number."
    wrong = (2.75, from_1), (1.75, from_0), (2.75 / 4, quarter), (1.75 / 4, end)
    yield (np.array([2.0, 1.0, 2.0, 3.0]),), 14 / 24, *wrong, (14 / 3, total), (14 / 12, number)
    yield (np.array([0.5, 0.5]),), 0.5


@cases("8.2", "weight {}, gamma {}")
def loss_ratio() -> Cases:
    """An exit's weight, gamma -> its loss divided by the smallest loss."""
    no_gamma = "take gamma into account: only B - gamma falls as 1 / loss."
    above = "subtract gamma from the weight first."
    below = "multiply by 1 - gamma."
    upside = "that is the ratio upside down: a small weight is a large loss."
    yield (0.6, 0.2), 2.0, (1 / 0.6, no_gamma), (0.8 / 0.6, above), (2.5, below), (0.5, upside)
    yield (0.163, 0.07), 10.0
    yield (1.0, 0.07), 1.0


@cases("8.3", "the first time below {2}")
def value_at_fit() -> Cases:
    """(epochs,) losses, (epochs,) values, a level -> the value when the loss is first below it."""
    run = [2.0, 0.9, 0.4, 0.6, 0.3], [0.51, 0.62, 0.73, 0.84, 0.95]
    last = "that is the last epoch below 0.5; take the first."
    loss = "that is the loss itself; return the value of that epoch."
    place = "that is a position in the list; return values[2]."
    epoch = "that is the number of the epoch; return the value of that epoch."
    yield (*run, 0.5), 0.73, (0.95, last), (0.4, loss), (2, place), (3, epoch)
    yield (*run, 0.9), 0.73, (0.62, "a loss of exactly the level is not below it.")
    yield (*run, 1.5), 0.62
    yield (*run, 0.1), None, (0.95, "the loss never falls below 0.1 there: return None.")
