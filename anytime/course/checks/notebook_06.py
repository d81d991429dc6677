"""The checks of notebook 06's exercises."""

from anytime.course.checks.friendly import Cases, cases


@cases("6.1", "an error of at most {2}")
def cheapest_exit() -> Cases:
    """(K,) errors, (K,) costs, a level -> the cost of the cheapest exit that reaches it."""
    curve = [0.5, 0.3, 0.35, 0.2], [10, 25, 40, 70]
    last = "that is the last exit; exit 2 reaches 0.4 for less."
    number = "that is the exit; return its cost."
    place = "that is the exit's position in the list; return its cost."
    error = "that is the error; return the cost."
    yield (*curve, 0.4), 25, (70, last), (2, number), (1, place), (0.3, error)
    yield (*curve, 0.3), 25, (70, "an error of exactly the level reaches it.")
    yield (*curve, 0.6), 10, (70, "all exits reach 0.6, the cheapest for 10.")
    yield (*curve, 0.2), 70
    yield (*curve, 0.1), None, (70, "no exit has an error of 0.1 or less: return None.")


@cases("6.2", "errors {} and {} on {:,} images")
def difference_bar() -> Cases:
    """Two errors, n images -> the standard error of their difference."""
    variance = "that is the variance; take the square root."
    added = "add the squares of the two error bars, then take the root."
    first = "that is the error bar of the first error alone."
    second = "that is the error bar of the second error alone."
    less = "the squares of the error bars add, also for a difference."
    wrong = (0.0001, variance), (0.014, added), (0.008, first), (0.006, second), (0.002, less)
    yield (0.2, 0.1, 2500), 0.01, *wrong, (0.0052915, less), (0.5, "divide by n.")
    yield (0.5, 0.5, 1250), 0.02


@cases("6.3", "CONST {} %, AdaLoss {} %")
def break_even() -> Cases:
    """Percents above the own OPT, of CONST and AdaLoss -> how much worse the small OPT may be."""
    minus = "that is the difference; the percents are of two different errors, so divide."
    ratio = "that is the ratio of the two OPT errors; how many percent is it above 1?"
    hundred = "that is the ratio in percent; how much is it above 100?"
    share = "right, but as a share; give it in percent."
    upside = "upside down: the more CONST loses, the more the small one may."
    wrong = (15, minus), (1.125, ratio), (112.5, hundred), (0.125, share), (-100 / 9, upside)
    yield (35, 20), 12.5, *wrong
    yield (10, 10), 0.0
