"""Where the kit finds what it ships and keeps what it downloads."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

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


@contextmanager
def whole_file(path: PathLike) -> Iterator[Path]:
    """A path to write to; what was written becomes `path` at the end, or is removed on an error.

    Whoever reads `path` finds the old file or the whole new one, whatever interrupts the writing.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    try:
        yield temporary
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
