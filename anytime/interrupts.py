"""Ctrl-C and termination held back until it is safe to stop."""

from __future__ import annotations

import signal
import threading


class HeldInterrupts:
    """While open, the first Ctrl-C (or SIGTERM) only sets `pending`; a second one is raised.

    Outside the main thread, where Python allows no signal handlers, it changes nothing.
    """

    def __init__(self) -> None:
        self.pending = False
        self._before: dict[int, object] = {}

    def __enter__(self) -> HeldInterrupts:
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGINT, signal.SIGTERM):
                self._before[number] = signal.signal(number, self._hold)
        return self

    def __exit__(self, *error: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _hold(self, number: int, frame: object) -> None:
        if self.pending:
            raise KeyboardInterrupt
        self.pending = True
