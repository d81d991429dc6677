"""What all checks share: how they are printed, and how an answer is compared."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Iterable
from typing import Any

Verify = Callable[[Any], str | None]
NOTHING = "your function returns nothing: end it with `return`."


def exercise(number: str) -> Callable[[Verify], Callable[[Any], None]]:
    """Makes a printed check of a function that returns None where an answer is right.

    The decorated function takes the learner's answer and returns a sentence on what is off, or
    None. An exercise that is not done yet is said to be so, and an error is shown, not raised:
    the notebook runs on.
    """

    def decorate(verify: Verify) -> Callable[[Any], None]:
        @functools.wraps(verify)
        def check(answer: Any) -> None:
            try:
                off = verify(answer)
            except NotImplementedError:
                print(f"Exercise {number}: not done yet.")
            except Exception as error:
                print(f"Exercise {number}: not yet. {type(error).__name__}: {error}")
            else:
                print(f"Exercise {number}: right." if off is None else f"Exercise {number}: {off}")

        return check

    return decorate


def number_differs(found: Any, wanted: float, mistakes: dict[float, str], asked: str) -> str | None:
    """None where a number is right; else the likely mistake that gives it, or both numbers."""
    if found is None:
        return NOTHING
    near = [text for value, text in mistakes.items() if math.isclose(found, value, rel_tol=1e-4)]
    if math.isclose(found, wanted, rel_tol=1e-4, abs_tol=1e-9):
        return None
    return near[0] if near else f"{asked} gives {float(found):g}, but {wanted:g} is right."


def numbers_differ(answer: Callable, asked: str, cases: Iterable[tuple]) -> str | None:
    """What is off in the first case that a function gets wrong, see `number_differs`; or None.

    asked: has a place for each argument. cases: arguments, the right number, likely mistakes.
    """
    for arguments, wanted, mistakes in cases:
        found = answer(*arguments)
        if off := number_differs(found, wanted, mistakes, asked.format(*arguments)):
            return off
    return None


def weights_differ(found: Any, wanted: Any, asked: str) -> str | None:
    """None where weights (K,) are right; else what is off: their number, scale or values."""
    import numpy as np

    if found is None:
        return NOTHING
    found, wanted = np.asarray(found, dtype=float), np.asarray(wanted, dtype=float)
    if found.shape != wanted.shape:
        return f"{asked}: {wanted.shape} weights are asked for, yours have shape {found.shape}."
    if np.allclose(found, wanted, rtol=1e-3):
        return None
    if found.max() > 0 and np.allclose(found / found.max(), wanted / wanted.max(), rtol=1e-3):
        return f"{asked}: right but for the scale; your largest weight is {found.max():.3g}, not 1."
    if np.allclose(found[::-1], wanted, rtol=1e-3):
        return f"{asked}: right, but from the last exit to the first; turn them round."
    k = int(np.abs(found - wanted).argmax())
    return (
        f"{asked}: the weight of exit {k + 1} should be {wanted[k]:.4g}, yours is {found[k]:.4g}."
    )


def array_differs(found: Any, wanted: Any, mistakes: list[tuple[Any, str]]) -> str | None:
    """None where an array is right; else the likely mistake that gives it, or both arrays."""
    import numpy as np

    if found is None:
        return NOTHING
    found, wanted = np.asarray(found), np.asarray(wanted)
    if found.shape != wanted.shape:
        return f"return an array of shape {wanted.shape}, yours has {found.shape}."
    if np.allclose(found, wanted):
        return None
    near = [hint for values, hint in mistakes if np.allclose(found, values)]
    return near[0] if near else f"yours gives {found.round(3)}, but {wanted.round(3)} is right."
