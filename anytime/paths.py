"""Where the kit finds what it ships and keeps what it downloads."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

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

    It is ~/.cache/anytime, or what ANYTIME_CACHE says.
    Raises OSError, naming the fix, where it cannot be made.
    """
    folder = Path(os.environ.get("ANYTIME_CACHE") or "~/.cache/anytime").expanduser()
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OSError(
            f"The cache folder {folder} cannot be made ({error.strerror}). "
            "Set ANYTIME_CACHE to a folder you can write to."
        ) from error
    return folder


@contextmanager
def whole_file(path: str | os.PathLike) -> Iterator[Path]:
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
