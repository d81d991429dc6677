"""The checks of notebook 01's exercises."""

import numpy as np

from anytime.course.checks.drawn import drawn
from anytime.course.checks.friendly import Answer, Problems, differs, exercise


def _staircase(exits: int) -> tuple[np.ndarray, np.ndarray, int]:
    """Rising costs, falling errors but for one, and the place of that one, from 1 to K - 2."""
    generator = drawn()
    costs = generator.integers(20, 90, exits).cumsum()
    errors = 0.9 - generator.uniform(0.02, 0.08, exits).cumsum()
    worse = int(generator.integers(1, exits - 1))
    errors[[worse - 1, worse]] = errors[[worse, worse - 1]]
    return costs, errors.round(3), worse


@exercise("1.1")
def error_at_budget(answer: Answer) -> Problems:
    """(K,) costs, (K,) errors, a budget -> the error of the last exit that it pays for, or 1."""
    early = "that exit costs more than the budget."
    lowest = "that is the lowest error so far; the answer at hand is the last exit's."
    level = "between two exits the answer stays as it is: take no mean of their errors."
    exact = "a budget of exactly an exit's cost pays for that exit."
    none = "no exit is paid for, and no answer counts as wrong: the error is 1."
    behind = "no exit is paid for: take care that the place -1 is not read as the last one."
    for exits in (6, 3, 9):
        costs, errors, k = _staircase(exits)
        middle = (costs[k] + costs[k + 1]) / 2
        between = np.interp(middle, costs, errors)
        wrong = [(errors[k - 1], lowest), (errors[k + 1], early), (between, level)]
        unpaid = [(errors[-1], behind), (errors[0], early), (0.0, none)]
        for budget, wanted, mistakes in (
            (middle, errors[k], wrong),
            (costs[-1], errors[-1], [(errors[-2], exact)]),
            (costs[0] - 9, 1.0, unpaid),
            (2 * costs[-1], errors[-1], []),
        ):
            asked = f"a budget of {budget:g} at the costs {costs} and errors {errors}"
            found = answer(costs.copy(), errors.copy(), float(budget))
            yield differs(found, wanted, asked, *mistakes)


def _overtaking(costs, errors, other_costs, other_errors) -> float | None:
    """The smallest budget at which the other's answer is better, by trying every exit's cost."""

    def at(costs: np.ndarray, errors: np.ndarray, budget: float) -> float:
        return [1.0, *errors][np.searchsorted(costs, budget, side="right")]

    budgets = np.union1d(costs, other_costs)
    ahead = [b for b in budgets if at(other_costs, other_errors, b) < at(costs, errors, b)]
    return ahead[0] if ahead else None


@exercise("1.2")
def overtaking_budget(answer: Answer) -> Problems:
    """Costs and errors of two networks -> the first budget at which the second is better."""
    depth = "that compares exits of equal number; compare the answers at equal budgets."
    number = "that is the number of an exit; give the budget at which it answers."
    for exits, others in ((6, 6), (3, 5), (8, 4)):
        costs, errors, _ = _staircase(exits)
        other_costs = 3 * costs[0] + _staircase(others)[0]
        other_errors = np.interp(other_costs, costs, errors) + 0.3 - np.linspace(0.1, 0.5, others)
        other_errors[0] = errors[0] - 0.01  # better at equal depth, at first not at equal cost
        given = costs, errors, other_costs, other_errors.round(3)
        wanted, asked = _overtaking(*given), f"costs and errors {', '.join(map(str, given))}"
        mistakes = [(other_costs[0], depth)]
        if wanted in other_costs:
            place = list(other_costs).index(wanted)
            mistakes += [(place, number), (place + 1, number)]
        yield differs(answer(*given), wanted, asked, *mistakes)

    unit = float(drawn().integers(2, 50))
    costs, errors, other = unit * np.arange(1, 4), np.array([0.4, 0.2, 0.3]), np.array([0.25])
    own = "at that budget the first network is better; it gets worse at a later exit of its own."
    given = costs, errors, 2.5 * unit * np.ones(1), other
    yield differs(answer(*given), 3 * unit, "a network that gets worse later", (2.5 * unit, own))

    never = "costs and errors of a network that is never ahead"
    yield differs(answer(costs, errors, costs, errors), None, never)
