"""One way to every data set: by its name, or from a folder, an archive or an .npz file."""

import os
import socket
import sys
from dataclasses import replace
from pathlib import Path

from anytime.datasets import catalogue, readers
from anytime.datasets.cache import Decoded, cached, stamp
from anytime.datasets.catalogue import LAYOUT, WHOLE, Known, Parts
from anytime.datasets.folders import load_folder
from anytime.datasets.glyphs import load_glyphs
from anytime.datasets.images import Dataset, DatasetError, MissingDataset, in_tracks, subset
from anytime.datasets.npz import read_npz
from anytime.names import dataset_name
from anytime.paths import cache_folder, data_folder

PATIENCE = 15  # seconds that a silent network is waited for


def downloads_folder(folder: str | Path | None = None) -> Path:
    """Where downloads lie: `folder`, else ANYTIME_DOWNLOADS, else `downloads` in the cache."""
    chosen = folder or os.environ.get("ANYTIME_DOWNLOADS")
    return Path(chosen).expanduser() if chosen else cache_folder() / "downloads"


def is_here(name: str) -> bool:
    """Whether a data set's files are on this machine; True of one that is no download."""
    row, root = catalogue.find(name), downloads_folder()
    if row is None or _copies(row, root):
        return True
    return all(any(root.glob(pattern)) for pattern in row.local)


def fetch(name: str, folder: str | Path | None = None) -> Path:
    """Download a data set and decode it once; returns the folder it lies in."""
    there_are = catalogue.downloads()
    if name not in there_are:
        raise DatasetError(f"{name!r} is no download; there are {', '.join(there_are)}")
    load(name, folder=folder)
    return downloads_folder(folder)


def load(
    name_or_path: str | Path,
    *,
    train_size: int | None = None,
    seed: int = 0,
    folder: str | Path | None = None,
    image_size: int | None = None,
) -> Dataset:
    """A data set by its name, or from a folder or archive laid out {train,test}/{class}/image.

    Or from a file of arrays, NAME.npz: see `anytime.datasets.npz.read_npz` for its keys.

    name_or_path: a text with a folder or an archive's ending is a path: ./fashion is a folder.
    train_size: a fixed random part of the training set; glyphs are drawn in any number.
    seed: of that part.
    folder: where downloads lie. A file NAME.npz in it is used in place of a download: cifar10.npz
    for cifar10, and also for its part cifar10-59904.
    image_size: resizes the images of a folder or an archive.
    Raises DatasetError or MissingDataset, each naming the file and the fix.

    >>> load("fashion", train_size=500)
    Dataset fashion: 500 + 1,000 images of 1×32×32, 10 classes
    """
    name = os.fspath(name_or_path)
    # A path is a path: only what names no folder and has no archive's ending is looked up.
    row = catalogue.find(name) if name_or_path == dataset_name(name) else None
    if image_size is not None and image_size < 1:
        raise DatasetError(f"image_size is a number of pixels from 1 on, not {image_size}")
    if row and image_size is not None:
        raise DatasetError(f"{name} has its size; image_size is for folders and archives")

    try:
        dataset = _known(row, folder, train_size) if row else _from_path(name, image_size)
    except ImportError as error:
        module = (error.name or "").partition(".")[0]
        package = {"PIL": "pillow"}.get(module, module)
        raise DatasetError(f"{name} needs {package}: run `pip install {package}`") from error

    train = dataset.train
    if (known := catalogue.find(dataset.name)) and known.track > 1:
        train = in_tracks(train, known.track)
    return replace(dataset, train=train if train_size is None else subset(train, train_size, seed))


def _known(row: Known, folder: str | Path | None, train_size: int | None) -> Dataset:
    if row.archives:
        decoded = _official(row, downloads_folder(folder))
    elif knobs := catalogue.glyphs(row.name):
        decoded = load_glyphs(*knobs, max(train_size or 0, row.images[0]), row.images[1])
    else:
        decoded = getattr(readers, row.reader)(row, data_folder() / "images")
    return Dataset(row.name, row.title, *decoded, row.augmentation)


def _official(row: Known, root: Path) -> Decoded:
    """A set from a folder of downloads; raises DatasetError where it is not the whole of it."""
    copies = _copies(row, root)
    decoded = _from_arrays(*copies[0]) if copies else _downloaded(row, root)
    train, test, classes = decoded
    if (len(train), len(test)) != row.images or (row.classes and classes != row.classes):
        raise DatasetError(
            f"{copies[0][0] if copies else root} holds {len(train):,} + {len(test):,} images of "
            f"{len(classes)} classes; {row.title} has {row.images[0]:,} + {row.images[1]:,}"
            + f" of {len(row.classes)}" * bool(row.classes)
            + ". Get the whole again, or put it elsewhere and give its path"
        )
    return decoded


def _copies(row: Known, root: Path) -> list[tuple[Path, Parts]]:
    """Files of arrays there that hold the set, or what it is a part of; and which part it is."""
    named = [(row.name, WHOLE), (row.whole, row.parts)]
    files = [(root / f"{name}.npz", parts) for name, parts in named if name]
    return [(path, parts) for path, parts in files if path.is_file()]


def _from_arrays(path: Path, parts: Parts = WHOLE) -> Decoded:
    name = dataset_name(path)
    known = catalogue.find(name)
    classes = known.classes if known else ()

    def decode() -> Decoded:
        splits = dict.fromkeys(part.split for part in parts)
        return readers.taken(parts, read_npz(path, classes, splits))

    return cached(name, parts, classes, stamp(path), decode=decode)


def _downloaded(row: Known, root: Path) -> Decoded:
    """What the reader makes of a folder of downloads; only what is missing there is fetched."""

    def copy() -> list[tuple]:
        return [stamp(path) for glob in row.local for path in sorted(root.glob(glob))]

    fresh = None if copy() else _read(row, root)
    return cached(row.name, row.parts, copy(), decode=lambda: fresh or _read(row, root))


def _read(row: Known, root: Path) -> Decoded:
    # Said before the network is asked, which may be silent for a while.
    what = f"{row.archives} in {root}"
    print(f"{row.name}: reading {what}; what is missing is downloaded", file=sys.stderr)
    patience = socket.getdefaulttimeout()
    socket.setdefaulttimeout(PATIENCE)
    try:
        return readers.taken(row.parts, getattr(readers, row.reader)(row, root))
    except (OSError, RuntimeError) as error:
        raise MissingDataset(
            f"{row.name} is not on this machine, or damaged, and could not be downloaded ({error})."
            f" Put {row.archives}, or a copy {row.whole or row.name}.npz, into {root} "
            f"(elsewhere: ANYTIME_DOWNLOADS), or run `python -m anytime fetch {row.name}` on a "
            "machine with a network and copy its folder."
        ) from error
    finally:
        socket.setdefaulttimeout(patience)


def _from_path(path: str, image_size: int | None) -> Dataset:
    name, place = dataset_name(path), Path(path).expanduser()
    if path == name and not place.exists():
        raise MissingDataset(
            f"unknown data set {name!r}; there are {', '.join(catalogue.names())}, and "
            f"glyphs-CLASSES-CLUTTER with 2 to {len(catalogue.CHARACTERS)} classes and a clutter "
            "from 0 to 1, such as glyphs-20-0.8. Or give the path of a folder or archive (tar, "
            f"tar.gz, zip) laid out {LAYOUT}, or of a file of arrays, NAME.npz"
        )
    arrays = place.suffix.lower() == ".npz" and place.is_file()
    decoded = _from_arrays(place) if arrays else load_folder(place, image_size)
    sides = set(decoded[0].pixels.shape[2:])
    if image_size is not None and sides != {image_size}:
        raise DatasetError(f"{place}: arrays are not resized; leave out image_size (--image-size)")
    title = name if arrays else catalogue.copy_title(name)
    made = Dataset(name, title, *decoded, catalogue.augmentation(name), image_size=image_size)
    known = catalogue.find(name)
    if arrays and known and known.fingerprint and made.fingerprint == known.fingerprint:
        made = replace(made, title=known.title)
    return made
