"""Friendly checks of the course's exercises: each says "right", or what is off and why."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

Verify = Callable[[Any], str | None]


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
