"""Ctrl-C and termination held back until it is safe to stop."""

import signal
import threading
import time
from typing import Any, Self

ONE = 1.0  # seconds within which signals count as one: a launcher passes on what all were sent


class HeldInterrupts:
    """While open, the first Ctrl-C (or SIGTERM) only sets `pending`; a later one is raised.

    A cluster's signal USR2 is held too, where somebody has set a handler for it, and is handed to
    that handler at the end: it ends the program from wherever it is called.
    Outside the main thread, where Python allows no signal handlers, it changes nothing.
    """

    def __init__(self) -> None:
        self.pending = False
        self._before: dict[int, Any] = {}
        self._owed: int | None = None
        self._first = 0.0

    def __enter__(self) -> Self:
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGINT, signal.SIGTERM):
                self._before[number] = signal.signal(number, self._hold)
            cluster = getattr(signal, "SIGUSR2", None)  # Windows has none
            if cluster and callable(signal.getsignal(cluster)):
                self._before[cluster] = signal.signal(cluster, self._owe)
        return self

    def __exit__(self, *error: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)
        if self._owed is not None:
            signal.raise_signal(self._owed)

    def _hold(self, number: int, frame: object) -> None:
        if self._first and time.monotonic() - self._first > ONE:
            raise KeyboardInterrupt
        self.pending, self._first = True, self._first or time.monotonic()

    def _owe(self, number: int, frame: object) -> None:
        self.pending, self._owed = True, number
