"""Ctrl-C as an event that a prediction looks at."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def ctrl_c() -> Iterator[threading.Event]:
    """An event that Ctrl-C sets: `with ctrl_c() as stop: predictor.predict(x, interrupt=stop)`.

    A second Ctrl-C ends the program as usual. Only the main thread can open it.
    """
    event = threading.Event()

    def interrupt(*_: object) -> None:
        if event.is_set():
            raise KeyboardInterrupt
        event.set()

    before = signal.signal(signal.SIGINT, interrupt)
    try:
        yield event
    finally:
        signal.signal(signal.SIGINT, before)
