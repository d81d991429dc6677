"""Decoded images on disk, so that a data set is decoded once."""

import hashlib
import os
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

import torch

from anytime.datasets.catalogue import LAYOUT, SUFFIXES
from anytime.datasets.images import DatasetError, Images
from anytime.paths import cache_folder, whole_file

STRAYS = 10_000  # files and folders beside images that a data set may have, and as many as images
RULES = 2  # counts changes to how files are read, so that an old cache is not used
Decoded = tuple[Images, Images, tuple[str, ...]]  # train, test, class names


def cached(name: str, *key: object, decode: Callable[[], Decoded]) -> Decoded:
    """What `decode` returns, from the cache where it was decoded before from the same `key`.

    Where the cache cannot be written, warns (naming ANYTIME_CACHE) and returns the data.
    """
    digest = hashlib.sha256(repr((RULES, *key)).encode()).hexdigest()[:16]
    file = f"{name[:40]}-{digest}.pt"  # 255 bytes are the most that a name may have
    try:
        return _read(cache_folder() / file)
    except OSError:
        pass  # it is not there; where it could not be, that is said below
    except Exception:  # torch.load says of damaged bytes whatever they make it stumble over
        warnings.warn(f"{cache_folder() / file} is damaged and is decoded anew", stacklevel=2)

    train, test, classes = decode()
    pairs = [(images.pixels, images.labels) for images in (train, test)]
    digests = train.digest, test.digest
    try:
        with whole_file(cache_folder() / file) as temporary, open(temporary, "wb") as opened:
            torch.save((*pairs, classes, digests), opened)
    except OSError as error:
        warnings.warn(
            f"{file} could not be kept ({error}); it is decoded anew next time. Free some space, "
            "or set ANYTIME_CACHE to a folder with room.",
            stacklevel=2,
        )
    return train, test, classes


def _read(path: Path) -> Decoded:
    """What was kept; raises anything where the file is damaged, or its images are others."""
    # Mapped: the system shares the pixels between processes.
    train, test, classes, digests = torch.load(path, weights_only=True, mmap=True)
    train, test = Images(*train), Images(*test)
    # The format has no checksum of its own that would be looked at.
    if (train.digest, test.digest) != digests:
        raise ValueError("the images are not those that were stored")
    return train, test, classes


def stamp(path: Path) -> tuple:
    """What changes when a file, or anything in a folder, does: names, sizes, times of change.

    The second time is of any change, and no program can set it back.
    Raises what `walk` does.
    """
    path = path.resolve()
    names = walk(path) if path.is_dir() else []
    files = [str(path), *(f"{path}/{name}" for name in names)]
    # Of a link to nothing it is the link's own.
    found = [os.stat(file, follow_symlinks=os.path.exists(file)) for file in files]
    return str(path), names, [(one.st_size, one.st_mtime_ns, one.st_ctime_ns) for one in found]


def walk(folder: Path) -> list[str]:
    """All that lies below a folder, through links too, in order; folders' names end in "/".

    Raises OSError for what cannot be read, DatasetError for a link to a folder that it lies in, and
    where there is so much else than images that it is no data set.
    """
    found, others = [], 0
    for name in _below(folder, frozenset(map(str, Path(os.path.realpath(folder)).parents))):
        found.append(name)
        others += not name.lower().endswith(SUFFIXES)
        if 2 * others > STRAYS + len(found):
            raise DatasetError(
                f"{folder} is no data set: {others:,} files and folders that are no images were "
                f"seen there, and {len(found) - others:,} images; give one laid out {LAYOUT}"
            )
    return sorted(found)


def _below(folder: Path, above: frozenset[str]) -> Iterator[str]:
    """What lies below a folder; above: where the folders truly lie that this one is in."""
    here = os.path.realpath(folder)
    if here in above:
        raise DatasetError(f"{folder} is a link to a folder that it lies in; remove it")
    for one in list(os.scandir(folder)):
        yield one.name + "/" * one.is_dir()
        if one.is_dir():
            yield from (f"{one.name}/{name}" for name in _below(Path(one), above | {here}))
