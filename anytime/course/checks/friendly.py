"""What all checks share: how they are printed, and how an answer is compared."""

import functools
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

Answer = Callable[..., Any]
Check = Callable[[Answer], None]
Cases = Iterator[tuple]
Problems = Iterator[str | None]

TOLERANCE = 5e-4  # relative: an answer of four digits is right, too


def exercise(number: str) -> Callable[[Callable[[Answer], Problems]], Check]:
    """Makes a printed check of a generator that looks at an answer, point by point.

    It yields a sentence on what is off, or None; the first sentence is printed. An exercise that
    is not done yet is said to be so, and an error is shown, not raised: the notebook runs on.
    """

    def decorate(look: Callable[[Answer], Problems]) -> Check:
        def check(answer: Answer) -> None:
            try:
                verdict = next(filter(None, look(answer)), "right.")
            except NotImplementedError:
                verdict = "not done yet."
            except Exception as error:
                verdict = f"not yet. {type(error).__name__}: {error}"
            print(f"Exercise {number}: {' '.join(verdict.split())}")

        check.__name__, check.__doc__ = look.__name__, look.__doc__
        return check

    return decorate


def cases(number: str, asked: str) -> Callable[[Callable[[], Cases]], Check]:
    """Makes a printed check of a table: arguments, the right answer, pairs (wrong answer, hint).

    asked: what is said of a case, with places for its arguments. A function that fits the first
    case alone must not pass, so there are at least two; hints belong to the first they can meet.

        @cases("9.9", "double({})")
        def double() -> Cases:
            # x -> twice x
            yield (3,), 6, (9, "that is the square; double it.")
            yield (4,), 8
    """

    def decorate(table: Callable[[], Cases]) -> Check:
        @functools.wraps(table)
        def look(answer: Answer) -> Problems:
            for arguments, wanted, *mistakes in table():
                before = [np.copy(one) for one in arguments if isinstance(one, np.ndarray)]
                yield differs(answer(*arguments), wanted, asked.format(*arguments), *mistakes)

                after = [one for one in arguments if isinstance(one, np.ndarray)]
                if not all(map(np.array_equal, before, after)):
                    yield "your function changes its arguments, which others need: work on a copy."

        return exercise(number)(look)

    return decorate


def differs(found: Any, wanted: Any, asked: str, *mistakes: tuple[Any, str]) -> str | None:
    """None where an answer is right; else the likely mistake that gives it, or both answers.

    found, wanted: numbers, lists, arrays or tensors of them, or None. mistakes: pairs of a wrong
    answer and a hint.
    """
    found = list(found) if isinstance(found, Iterator) else found
    if _same(found, wanted):
        return None
    for value, hint in mistakes:
        if _same(found, value):
            return hint

    gives = f"{asked} gives {_shown(found)}, but {_shown(wanted)} is right"
    if found is None:
        return f"{gives}: end it with `return`, or see why it finds nothing."
    if wanted is None or _numbers(wanted).size == 1:
        return f"{gives}."
    return _array_differs(_numbers(found), _numbers(wanted), asked) or f"{gives}."


def _array_differs(found: np.ndarray, wanted: np.ndarray, asked: str) -> str | None:
    """What is off in an array as a whole: its shape, order or scale; None where it is none."""
    if found.shape != wanted.shape:
        return f"{asked}: the shape should be {wanted.shape}, yours is {found.shape}."
    if _same(found[::-1], wanted):
        return f"{asked}: right, but from the last to the first; turn them round."
    largest = found.max()
    if wanted.max() == 1 and largest > 0 and _same(found / largest, wanted):
        return f"{asked}: right but for the scale; your largest is {largest:.3g}, not 1."
    return None


def _same(found: Any, wanted: Any) -> bool:
    if found is None or wanted is None:
        return found is wanted
    found, wanted = _numbers(found), _numbers(wanted)
    return found.shape == wanted.shape and np.allclose(found, wanted, rtol=TOLERANCE, atol=1e-9)


def _numbers(values: Any) -> np.ndarray:
    return np.asarray(values.detach() if hasattr(values, "detach") else values, dtype=float)


def _shown(values: Any) -> str:
    if values is None:
        return "None"
    digits = np.vectorize("{:g}".format, otypes=[object])
    return str(digits(_numbers(values)).tolist()).replace("'", "")
