"""Where the kit finds what it ships and keeps what it downloads."""

import os
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
