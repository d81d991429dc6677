"""Decoded images on disk, so that a data set is decoded once."""

from __future__ import annotations

import hashlib
import os
import pickle
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
    path = cache_folder() / f"{name}-{digest}.pt"
    if path.exists():
        try:
            # Mapped, not read: pixels come from the disk when they are first used.
            stored = torch.load(path, weights_only=True, mmap=True)
            return Images(*stored["train"]), Images(*stored["test"]), tuple(stored["classes"])
        except (OSError, RuntimeError, ValueError, KeyError, EOFError, pickle.UnpicklingError):
            warnings.warn(f"{path} is damaged and is decoded anew", stacklevel=2)
    train, test, classes = decode()
    _write(path, {"train": _pair(train), "test": _pair(test), "classes": list(classes)})
    return train, test, classes


def stamp(path: Path) -> tuple[str, list]:
    """What changes when a file, or any file in a folder, does: path, size, time of change."""
    path = path.resolve()
    found = [str(path)] if path.is_file() else walk(path)[0]
    statuses = [(file, os.stat(file)) for file in found]
    return str(path), [(file, s.st_size, s.st_mtime_ns) for file, s in statuses]


def walk(folder: Path) -> tuple[list[str], list[str]]:
    """The files and the folders below a folder, through links too, each in order."""
    steps = list(os.walk(folder, followlinks=True))
    files = [os.path.join(where, name) for where, _, names in steps for name in names]
    return sorted(files), sorted(where for where, _, _ in steps[1:])


def _pair(images: Images) -> tuple[torch.Tensor, torch.Tensor]:
    return images.pixels.contiguous(), images.labels.contiguous()


def _write(path: Path, stored: dict) -> None:
    try:
        with whole_file(path) as temporary:
            torch.save(stored, temporary)
    except (OSError, RuntimeError) as error:  # torch.save says RuntimeError where a disk is full
        warnings.warn(
            f"{path.name} could not be kept in {path.parent} ({error}); it is decoded anew next "
            "time. Free some space there, or set ANYTIME_CACHE to a folder with room.",
            stacklevel=3,
        )
