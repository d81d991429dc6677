"""One way to every data set: by its name, or from a folder or an archive of images."""

import os
from dataclasses import replace
from pathlib import Path

from anytime.datasets import catalogue, readers
from anytime.datasets.cache import Decoded, cached, stamp
from anytime.datasets.catalogue import Known
from anytime.datasets.folders import LAYOUT, load_folder
from anytime.datasets.glyphs import load_glyphs
from anytime.datasets.images import Dataset, DatasetError, MissingDataset, subset
from anytime.names import dataset_name
from anytime.paths import cache_folder, data_folder


def downloads_folder(folder: str | Path | None = None) -> Path:
    """Where downloads lie: `folder`, else ANYTIME_DOWNLOADS, else `downloads` in the cache."""
    chosen = folder or os.environ.get("ANYTIME_DOWNLOADS")
    return Path(chosen).expanduser() if chosen else cache_folder() / "downloads"


def is_here(name: str) -> bool:
    """Whether a data set's files are on this machine; True of one that is no download."""
    row, root = catalogue.find(name), downloads_folder()
    return row is None or all(any(root.glob(pattern)) for pattern in row.source.local)


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

    name_or_path: a text with a folder or an archive's ending is a path: ./fashion is a folder.
    train_size: a fixed random part of the training set; glyphs are drawn in any number.
    seed: of that part.
    folder: where downloads lie.
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
        raise DatasetError(
            f"image_size (--image-size) is for folders and archives; leave it out, as {name} has "
            "its size"
        )

    try:
        dataset = _known(row, folder, train_size) if row else _from_path(name, image_size)
    except ImportError as error:
        module = (error.name or "").partition(".")[0]
        package = {"PIL": "pillow"}.get(module, module)
        raise DatasetError(f"{name} needs {package}: run `pip install {package}`") from error

    if train_size is None:
        return dataset
    return replace(dataset, train=subset(dataset.train, train_size, seed))


def _known(row: Known, folder: str | Path | None, train_size: int | None) -> Dataset:
    if row.source.archives:
        decoded = _downloaded(row, downloads_folder(folder))
    elif knobs := catalogue.glyphs(row.name):
        decoded = load_glyphs(*knobs, max(train_size or 0, row.images[0]), row.images[1])
    else:
        decoded = getattr(readers, row.source.reader)(row, data_folder() / "images")
    return Dataset(row.name, row.title, *decoded, row.augmentation)


def _downloaded(row: Known, root: Path) -> Decoded:
    """What the reader makes of a folder of downloads; only what is missing there is fetched."""

    def copy() -> list[tuple]:
        return [stamp(path) for glob in row.source.local for path in sorted(root.glob(glob))]

    fresh = None if copy() else _read(row, root)
    return cached(row.name, copy(), decode=lambda: fresh or _read(row, root))


def _read(row: Known, root: Path) -> Decoded:
    try:
        return getattr(readers, row.source.reader)(row, root)
    except (OSError, RuntimeError) as error:
        raise MissingDataset(
            f"{row.name} is not on this machine, or damaged, and could not be downloaded ({error})."
            f" Put {row.source.archives} into {root} (elsewhere: ANYTIME_DOWNLOADS), or run "
            f"`python -m anytime fetch {row.name}` on a machine with a network and copy its folder."
        ) from error


def _from_path(path: str, image_size: int | None) -> Dataset:
    name, place = dataset_name(path), Path(path).expanduser()
    if path == name and not place.exists():
        raise MissingDataset(
            f"unknown data set {name!r}; there are {', '.join(catalogue.names())}, and "
            f"glyphs-CLASSES-CLUTTER with 2 to {len(catalogue.CHARACTERS)} classes and a clutter "
            "from 0 to 1, such as glyphs-20-0.8. Or give the path of a folder or archive (tar, "
            f"tar.gz, zip) laid out {LAYOUT}"
        )
    decoded, steps = load_folder(place, image_size), catalogue.augmentation(name)
    return Dataset(name, catalogue.copy_title(name), *decoded, steps, image_size=image_size)
