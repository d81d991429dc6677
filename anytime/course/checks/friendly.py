"""What all checks share: their verdict, their limit of time, and how an answer is compared."""

import functools
import sysconfig
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from anytime.course.checks.attempts import OutOfTime, attempt
from anytime.course.checks.drawn import draw_by

TOLERANCE = 5e-4  # relative: an answer of four digits is right, too
COARSE = {"float16": 2e-3, "torch.float16": 2e-3, "torch.bfloat16": 2e-2}  # those hold fewer
ROUNDING = 1e-6  # absolute: what single precision leaves of numbers near 1 that cancel
LONGEST = 10_000  # numbers that are taken of an answer which yields them one by one
SECONDS = 20.0  # after which a check ends
LIBRARIES = sysconfig.get_path("stdlib"), str(Path(__file__).parents[2])  # Python's, and the kit


@dataclass(frozen=True)
class Verdict:
    """What a check says of an answer; true where the answer is right, printed as one sentence."""

    exercise: str
    passed: bool
    message: str

    def __bool__(self) -> bool:
        return self.passed

    def __str__(self) -> str:
        return f"Exercise {self.exercise}: {self.message}"

    def _ipython_display_(self) -> None:
        """Shows nothing below a cell that ends with a check: the check has printed it."""


Answer = Callable[..., Any]
Check = Callable[..., Verdict]  # of an answer and, by name, the seed of its inputs
Cases = Iterator[tuple]
Problems = Iterator[str | None]


def exercise(number: str) -> Callable[[Callable[[Answer], Problems]], Check]:
    """Makes a check of a generator that looks at an answer, point by point.

    It yields a sentence on what is off, or None; the first sentence is printed. An exercise that
    is not done yet is said to be so, and whatever it raises is shown, not raised: the notebook runs
    on. A check that takes too long ends and says so. What it draws, it draws with `drawn()`.
    """

    def decorate(look: Callable[[Answer], Problems]) -> Check:
        def check(answer: Answer, seed: int | None = None) -> Verdict:
            def first_problem() -> str:
                draw_by(seed)
                return next(filter(None, look(answer)), "")

            problem, error = attempt(first_problem, SECONDS)
            message = _told(error) if error else problem
            verdict = Verdict(number, not message, " ".join(message.split()) or "right.")
            print(verdict)
            return verdict

        check.__name__, check.__doc__ = look.__name__, look.__doc__
        return check

    return decorate


def _told(error: BaseException) -> str:
    """What is said of an answer that raises this."""
    if isinstance(error, NotImplementedError):
        return "not done yet."
    if isinstance(error, OutOfTime):
        what = f"It was stopped after {SECONDS:g} seconds: does a loop never end?"
    else:
        what = f"{type(error).__name__}: {error}"
    return f"not yet. {what}{_own_line(error)}"


def _own_line(error: BaseException) -> str:
    """The last line of the reader's own code that an error went through; "" where there is none."""
    frames = traceback.extract_tb(error.__traceback__)
    written = [f for f in frames if "-packages" not in f.filename]
    own = [frame for frame in written if not frame.filename.startswith(LIBRARIES)]
    return f" (line {own[-1].lineno}: `{own[-1].line}`)" if own and own[-1].line else ""


def cases(number: str, asked: str) -> Callable[[Callable[[], Cases]], Check]:
    """Makes a check of a table: arguments, the right answer, pairs (wrong answer, hint).

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
    found = list(islice(found, LONGEST)) if isinstance(found, Iterator) else found
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
    close = COARSE.get(str(getattr(found, "dtype", "")), TOLERANCE)
    found, wanted = _numbers(found), _numbers(wanted)
    return found.shape == wanted.shape and np.allclose(found, wanted, rtol=close, atol=ROUNDING)


def _numbers(values: Any) -> np.ndarray:
    """Numbers, tensors of any kind, arrays, and lists of all these as one array.

    Raises TypeError or ValueError for what is none of these, or of no shape.
    """
    if isinstance(values, str):
        raise TypeError(f"{values!r} is a text: return numbers")
    if isinstance(values, list | tuple):
        values = [_numbers(one) for one in values]
    if hasattr(values, "detach"):
        values = values.detach().cpu().double()
    return np.asarray(values, dtype=float)


def _shown(values: Any) -> str:
    if values is None:
        return "None"
    digits = np.vectorize("{:g}".format, otypes=[object])
    return str(digits(_numbers(values)).tolist()).replace("'", "")
