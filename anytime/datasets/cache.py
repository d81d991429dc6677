"""Decoded images on disk, so that a data set is decoded once."""

import hashlib
import os
import warnings
from collections.abc import Callable
from pathlib import Path

import torch

from anytime.datasets.images import Images
from anytime.paths import cache_folder, whole_file

Decoded = tuple[Images, Images, tuple[str, ...]]  # train, test, class names


def cached(name: str, *key: object, decode: Callable[[], Decoded]) -> Decoded:
    """What `decode` returns, from the cache where it was decoded before from the same `key`.

    Where the cache cannot be written, warns (naming ANYTIME_CACHE) and returns the data.
    """
    digest = hashlib.sha256(repr(key).encode()).hexdigest()[:16]
    path = cache_folder() / f"{name[:80]}-{digest}.pt"
    if path.exists():
        try:
            return _read(path)
        except Exception:  # torch.load says of damaged bytes whatever they make it stumble over
            warnings.warn(f"{path} is damaged and is decoded anew", stacklevel=2)

    train, test, classes = decode()
    parts = {"train": _pair(train), "test": _pair(test), "classes": classes}
    try:
        with whole_file(path) as temporary:
            torch.save(parts | {"digests": (train.digest, test.digest)}, temporary)
    except (OSError, RuntimeError) as error:  # torch.save says RuntimeError where a disk is full
        warnings.warn(
            f"{path.name} could not be kept in {path.parent} ({error}); it is decoded anew next "
            "time. Free some space there, or set ANYTIME_CACHE to a folder with room.",
            stacklevel=2,
        )
    return train, test, classes


def _read(path: Path) -> Decoded:
    """What was kept; raises anything where the file is damaged, or its images are others."""
    # Mapped: the system shares the pixels between processes.
    stored = torch.load(path, weights_only=True, mmap=True)
    train, test = Images(*stored["train"]), Images(*stored["test"])
    # The format has no checksum of its own that would be looked at.
    if (train.digest, test.digest) != stored["digests"]:
        raise ValueError("the images are not those that were stored")
    return train, test, tuple(stored["classes"])


def _pair(images: Images) -> tuple[torch.Tensor, torch.Tensor]:
    return images.pixels, images.labels


def stamp(path: Path) -> tuple:
    """What changes when a file, or anything in a folder, does: names, sizes, times of change.

    The second time is of any change, and no program can set it back.
    """
    path = path.resolve()
    names = walk(path)
    found = [(path / name).stat() for name in ("", *names)]
    return str(path), names, [(one.st_size, one.st_mtime_ns, one.st_ctime_ns) for one in found]


def walk(folder: Path) -> list[str]:
    """All that lies below a folder, through links too, in order; folders' names end in "/"."""
    found = []
    for where, folders, files in os.walk(folder, followlinks=True):
        inside = Path(where).relative_to(folder).as_posix()
        found += [f"{inside}/{name}" for name in files]
        found += [f"{inside}/{name}/" for name in folders]
    return sorted(name.removeprefix("./") for name in found)
