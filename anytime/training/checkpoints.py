"""Checkpoints: written whole or not at all, read only where they belong."""

import io
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch

from anytime.paths import PathLike, whole_file

CHECK = 4  # bytes of the checksum at the end of the file


def write(path: PathLike, state: dict[str, Any]) -> None:
    """Stores a training state; "config" in it says which run it belongs to."""
    with whole_file(path) as temporary, open(temporary, "w+b") as file:
        torch.save(state, file)
        file.seek(0)
        file.write(zlib.crc32(file.read()).to_bytes(CHECK))


def read(path: PathLike | None, device: torch.device) -> dict[str, Any] | None:
    """The stored state, or None where there is no file yet.

    Raises ValueError for a file that cannot be read, or is not as it was written.
    """
    if path is None or not Path(path).exists():
        return None
    with legible(path):
        content = Path(path).read_bytes()
        # torch checks no sum.
        if zlib.crc32(content[:-CHECK]) != int.from_bytes(content[-CHECK:]):
            raise ValueError("its checksum does not fit: it is damaged, or of an older version")
        state = torch.load(io.BytesIO(content), map_location=device, weights_only=True)
        dict(state["config"])
    return state


@contextmanager
def legible(path: PathLike | None) -> Iterator[None]:
    """Says of anything that goes wrong with a checkpoint's content which file it is."""
    try:
        yield
    except Exception as error:  # torch says of foreign content whatever it stumbles over
        reason = f"it has no {error}" if isinstance(error, KeyError) else str(error)
        raise ValueError(
            f"{path} is not a checkpoint to read ({reason}); delete it to start this run anew"
        ) from error


def check(path: PathLike | None, state: dict[str, Any], config: dict[str, Any]) -> None:
    """Raises ValueError for a state that belongs to a run of another configuration."""
    theirs = state["config"]
    differing = [key for key in sorted({*config, *theirs}) if config.get(key) != theirs.get(key)]
    if differing:
        says = "; ".join(f"{k}: {theirs.get(k)!r}, not {config.get(k)!r}" for k in differing)
        raise ValueError(f"{path} belongs to another run ({says}); choose another file")
