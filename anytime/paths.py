"""Where the kit finds what it ships and keeps what it downloads, and how it writes a file."""

import errno
import glob
import hashlib
import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from pathlib import Path
from typing import Any

PathLike = str | os.PathLike
REPOSITORY = Path(__file__).resolve().parent.parent
DATA = Path(os.environ.get("ANYTIME_DATA") or REPOSITORY / "data").expanduser()
RUNS = DATA / "runs"


def data_folder() -> Path:
    """The folder of embedded images and recorded runs.

    Raises FileNotFoundError, naming the fix, where it is missing.
    """
    if DATA.is_dir():
        return DATA
    raise FileNotFoundError(
        f"The kit's data folder {DATA} does not exist. Install the kit from its checkout with "
        "`pip install -e .`, or set ANYTIME_DATA to the `data` folder of a checkout."
    )


def cache_folder() -> Path:
    """The folder for downloads and decoded images, made if absent.

    It is what ANYTIME_CACHE says; else ~/.cache/anytime; else, without a home that can be written
    to, as in a container, a folder among the temporary files.
    Raises OSError, naming the fix, where what ANYTIME_CACHE says cannot be made.
    """
    if not (chosen := os.environ.get("ANYTIME_CACHE")):
        return _home_for(".cache/anytime") or temporary_folder("cache")
    folder = Path(chosen).expanduser()
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OSError(
            f"The cache folder {folder} cannot be made ({error.strerror}). "
            "Set ANYTIME_CACHE to a folder you can write to."
        ) from error
    return folder


def settle_home() -> None:
    """Gives this process a home among the temporary files where it has none to write to.

    Jupyter does not start without.
    """
    if _home_for(".local/share") is None:
        os.environ["HOME"] = str(temporary_folder("home"))


def _home_for(name: str) -> Path | None:
    """A folder of the user's home, made if absent; None where it cannot be written to."""
    try:
        folder = Path.home() / name
        folder.mkdir(parents=True, exist_ok=True)
    except (OSError, RuntimeError):  # RuntimeError: there is no home at all
        return None
    return folder if os.access(folder, os.W_OK) else None


def temporary_folder(name: str) -> Path:
    """A folder of this user's among the temporary files, made if absent."""
    user = os.getuid() if hasattr(os, "getuid") else os.environ.get("USERNAME", "user")
    folder = Path(tempfile.gettempdir(), f"anytime-{name}-{user}")
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return folder


# What the caller has locked (see `anytime.training.locks`); checked before a file is replaced.
held_locks: ContextVar[tuple[Any, ...]] = ContextVar("held_locks", default=())

FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
ABANDONED = 24 * 3600.0  # seconds after which a temporary file of an unknown process is removed


@contextmanager
def whole_file(path: PathLike) -> Iterator[Path]:
    """A path to write to; what was written becomes `path` at the end, or is removed on an error.

    Whoever reads `path` finds the old file or the whole new one, whatever interrupts the writing.
    Raises Busy where the caller holds a lock and another process has taken it over.
    """
    path = Path(path)
    temporary = path.with_name(f"{path.name}.{process_name()}.{os.urandom(4).hex()}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _remove_abandoned(path)
        yield temporary
        check_locks()
        _replace(path, temporary)
    except (OSError, RuntimeError) as error:
        # torch.save, which cannot end a file either then, has the reason in its context.
        reason = error if isinstance(error, OSError) else error.__context__
        if not isinstance(reason, OSError) or reason.errno not in FULL:
            raise
        told = f"no room left on the disk of {path}, which stays as it was ({reason.strerror})"
        raise OSError(f"{told}: free some and type the same again") from error
    finally:
        with suppress(OSError):
            temporary.unlink()


def _replace(path: Path, temporary: Path) -> None:
    """Puts a file in the place of another, which Windows refuses for as long as that is read."""
    for _ in range(20):
        try:
            return os.replace(temporary, path)
        except PermissionError as error:
            if not hasattr(error, "winerror"):
                raise  # elsewhere it would be refused again
            time.sleep(0.05)
    os.replace(temporary, path)


def check_locks() -> None:
    """Raises Busy where the caller holds a lock and another process has taken it over."""
    for lock in held_locks.get():
        lock.check()


def _remove_abandoned(path: Path) -> None:
    """Removes what processes that have ended left of their attempts to write this file."""
    for left in path.parent.glob(f"{glob.escape(path.name)}.*.tmp"):
        alive = is_alive(left.name.removeprefix(f"{path.name}.").partition(".")[0])
        with suppress(OSError):  # another process may be faster
            if alive is False or (alive is None and left.stat().st_mtime < time.time() - ABANDONED):
                left.unlink()


def process_name(number: str = "self") -> str:
    """A name that no other process has; "" for one that has ended, or where nothing tells.

    It says where numbers of processes mean the same (this boot, this container, this user: hosts
    may share their name, containers their numbers), then the number, and when that one started.
    """
    try:
        number = Path("/proc", number).resolve().name
        boot = Path("/proc/sys/kernel/random/boot_id").read_text()
        told = boot, os.readlink("/proc/self/ns/pid"), os.getuid()
        status = Path(f"/proc/{number}/stat").read_text(errors="replace")
    except OSError:
        return ""
    fields = status.rpartition(")")[2].split()
    where = hashlib.blake2b(repr(told).encode(), digest_size=4).hexdigest()
    # Z: it has ended, and nobody has asked how.
    return "" if fields[0] in "ZX" else f"{where}-{number}-{fields[19]}"


def is_alive(process: str) -> bool | None:
    """Whether the process of this name still runs; None where that cannot be seen from here."""
    where, number = f"{process}-".split("-")[:2]
    near = where and process_name().startswith(f"{where}-")
    return process_name(number) == process if near else None
