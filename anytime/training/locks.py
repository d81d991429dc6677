"""One process a run: who works on it says so in a file beside the record.

The file NAME.lock names its holder, and the holder touches it every few seconds. A holder that has
ended is followed at once where that can be seen: on the same machine, in the same container. From
anywhere else it is watched, and followed once it has not touched its file for a minute. So the
clocks of two machines need not agree, and no more is asked of a shared folder than that a file is
created by one process alone and replaced as a whole.
"""

import os
import socket
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from anytime import paths
from anytime.processes import in_first, rank

HEARTBEAT = 5.0  # seconds between two touches
STALE = 60.0  # seconds without one after which a holder elsewhere counts as gone
PAUSE = 0.1  # seconds between two looks at a lock


class Busy(RuntimeError):
    """Another process works on the run; the message says which."""


@contextmanager
def held(*files: paths.PathLike | None) -> Iterator[None]:
    """While open, no other process trains the run of these files, or the writing of them fails.

    Of processes that train together the first one holds it for all. Within itself it does nothing.
    Raises Busy where another process works on the run, OSError where no file could be written.
    """
    before = paths.held_locks.get()
    names = {_lock_of(Path(file)) for file in files if file is not None}
    locks = [Lock(name) for name in sorted(names - {lock.path for lock in before})]
    with ExitStack() as stack:
        in_first(lambda: [stack.enter_context(lock.held()) for lock in locks])
        stack.callback(paths.held_locks.reset, paths.held_locks.set((*before, *locks)))
        yield


def _lock_of(file: Path) -> Path:
    """A record and the checkpoint beside it have one lock."""
    stem = file.stem if file.suffix in (".json", ".ckpt") else file.name
    return Path(os.path.abspath(file)).with_name(f"{stem}.lock")


def holder(record: paths.PathLike) -> str:
    """Who works on the run of a record now, as a sentence says it; "" where nobody does."""
    text, touched = _look(_lock_of(Path(record)))
    alive = paths.is_alive(text.partition(" ")[0])
    recent = time.time() - touched / 1e9 < STALE
    return _who(text, touched) if touched and (recent if alive is None else alive) else ""


class Lock:
    """The file that says who works on a run; whose text it holds is the holder."""

    def __init__(self, path: Path) -> None:
        since = time.strftime("%Y-%m-%d %H:%M:%S")
        who = f"process {os.getpid()} on {socket.gethostname()}, since {since}"
        # The token tells two holders apart that share everything else.
        self.text = f"{paths.process_name()} {os.urandom(8).hex()} {who}"
        self.path, self._ended = path, threading.Event()

    @contextmanager
    def held(self) -> Iterator[None]:
        """Takes the lock, after a holder that is gone too, and lets it go. Raises Busy."""
        try:
            while not self._create():
                self._follow(*_look(self.path))
            threading.Thread(target=self._beat, daemon=True).start()
            yield
        finally:
            self._ended.set()
            with suppress(OSError, Busy):
                self.check()
                self.path.unlink()

    def check(self) -> None:
        """Raises Busy where another process has taken the run over."""
        if rank() == 0 and (now := _look(self.path))[0] != self.text:
            who = _who(*now)
            raise Busy(f"stopped for so long that {who}, has taken over; nothing more is written")

    def _create(self) -> bool:
        """Creates the file, which one process alone can do; whether it is there and ours."""
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with open(self.path, "x", encoding="utf-8") as file:
                file.write(self.text)
        except FileExistsError:
            return _look(self.path)[0] == self.text
        return True

    def _follow(self, text: str, touched: int) -> None:
        """Puts this process in the place of a holder that is gone, unless another was faster."""
        works = _works(self.path, text, touched)
        if works:
            run = str(self.path).removesuffix(".lock")
            raise Busy(f"{_who(text, touched)}, works on {run}; wait for it, or end it first")
        if works is False:
            # Of several that come at once one alone may do so, and none after one that came since.
            with Lock(self.path.with_name(f"{self.path.name}.lock")).held():
                if _look(self.path)[0] == text:
                    with paths.whole_file(self.path) as temporary:
                        temporary.write_text(self.text, encoding="utf-8")

    def _beat(self) -> None:
        while not self._ended.wait(HEARTBEAT):
            with suppress(OSError, Busy):
                self.check()
                os.utime(self.path)


def _look(path: Path) -> tuple[str, int]:
    """What a lock says and when it was touched, in nanoseconds: nothing and 0 where it is not."""
    try:
        # Opening it makes a shared folder look anew.
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read(), os.fstat(file.fileno()).st_mtime_ns
    except FileNotFoundError:
        return "", 0


def _works(path: Path, text: str, touched: int) -> bool | None:
    """Whether a lock's holder still works, watched where that cannot be seen; None: look again."""
    alive = paths.is_alive(text.partition(" ")[0])
    if alive is not None or not touched:
        return alive
    if text:
        print(f"waiting to see whether there is still {_who(text, touched)}", file=sys.stderr)
    # An empty file is one that its maker had no room, or no time, to fill.
    end = time.monotonic() + (STALE if text else HEARTBEAT)
    while (now := _look(path)) == (text, touched) and time.monotonic() < end:
        time.sleep(PAUSE)
    return now[1] != touched if now[0] == text else None


def _who(text: str, touched: int) -> str:
    who = text.split(" ", 2)[-1] or "a process without a name"
    return f"{who}, last heard of {max(0.0, time.time() - touched / 1e9):.0f} s ago"
