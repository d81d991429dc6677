"""A call that ends: what a reader wrote is tried for a while and no longer."""

import contextvars
import ctypes
import threading
import time
from collections.abc import Callable
from typing import Any

TRIES = 10  # an answer may catch whatever is raised in it, a few times


class OutOfTime(BaseException):
    """Raised in a call that takes too long; no Exception, which answers may catch."""


def attempt(call: Callable[[], Any], seconds: float) -> tuple[Any, BaseException | None]:
    """What a call returns and what it raises: OutOfTime where it takes longer than `seconds`.

    The call has a thread of its own, which works on every system and outside the main thread too.
    One that waits in another program's code cannot be stopped; it is left to itself.
    """
    outcome: list[tuple[Any, BaseException | None]] = []
    context = contextvars.copy_context()  # a kernel knows by it which cell prints
    ended = threading.Event()

    def work() -> None:
        try:
            outcome.append((context.run(call), None))
        except BaseException as error:  # SystemExit and KeyboardInterrupt, too, are the call's own
            outcome.append((None, error))
        finally:
            ended.set()

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    end = time.monotonic() + seconds
    try:
        while not ended.wait(0.1) and time.monotonic() < end:
            pass  # in small parts, as not every system interrupts the waiting itself
    finally:
        _stop(thread, ended)
    return outcome[0] if outcome else (None, OutOfTime())


def _stop(thread: threading.Thread, ended: threading.Event) -> None:
    raise_in = ctypes.pythonapi.PyThreadState_SetAsyncExc
    for _ in range(TRIES):
        if ended.is_set():
            return thread.join()
        raise_in(ctypes.c_ulong(thread.ident or 0), ctypes.py_object(OutOfTime))
        ended.wait(0.1)
