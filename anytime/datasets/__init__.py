"""Images as tensors: what ships with the kit, downloads, any folder or archive of images."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from anytime.datasets.augmentation import augment, check_steps, pixel_mean
from anytime.datasets.decoding import LAYOUT
from anytime.datasets.downloads import SOURCES, downloads_folder, load_download
from anytime.datasets.fashion import load_fashion
from anytime.datasets.folders import load_folder
from anytime.datasets.glyphs import TRAIN, load_glyphs, parse_name
from anytime.datasets.images import Dataset, DatasetError, Images, MissingDataset, split, subset
from anytime.names import COPIES, dataset_name


def names() -> tuple[str, ...]:
    """The data sets known by name; glyphs also as glyphs-CLASSES-CLUTTER, such as glyphs-20-0.8."""
    return "fashion", "glyphs", *SOURCES


def fetch(name: str, folder: str | Path | None = None) -> Path:
    """Download a data set and decode it once; returns the folder it lies in."""
    if name not in SOURCES:
        raise DatasetError(f"{name!r} is no download; there are {', '.join(SOURCES)}")
    load_download(name, folder)
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

    train_size: a fixed random part of the training set, drawn with `seed`; glyphs are drawn in
    any number. folder: where downloads lie. image_size: resizes the images of a folder or archive.
    Raises DatasetError or MissingDataset, each naming the file and the fix.
    """
    name = str(name_or_path)
    known = name in SOURCES or name == "fashion" or parse_name(name)
    if image_size is not None and image_size < 1:
        raise DatasetError(f"image_size is a number of pixels from 1 on, not {image_size}")
    if known and image_size is not None:
        raise DatasetError(f"image_size is for folders and archives; {name} has its size")
    if not known:
        dataset = _from_path(name, image_size)
    elif name in SOURCES:
        decoded = load_download(name, folder)
        dataset = Dataset(name, SOURCES[name].title, *decoded, SOURCES[name].augmentation)
    elif name == "fashion":
        dataset = Dataset(name, "Fashion-MNIST (subset)", *load_fashion(), ("crop", "flip"))
    else:
        classes, clutter = parse_name(name)
        decoded = load_glyphs(classes, clutter, max(train_size or 0, TRAIN))
        dataset = Dataset(name, f"glyphs ({classes} classes, clutter {clutter:g})", *decoded)
    if train_size is None:
        return dataset
    return replace(dataset, train=subset(dataset.train, train_size, seed))


def _from_path(name: str, image_size: int | None) -> Dataset:
    path = Path(name).expanduser()
    if not path.exists() and len(path.parts) == 1 and not path.suffix:
        raise MissingDataset(
            f"unknown data set {name!r}; there are {', '.join(names())}. Or give the path of a "
            f"folder or archive (tar, tar.gz, zip) laid out {LAYOUT}"
        )
    stem, decoded = dataset_name(path), load_folder(path, image_size)
    steps = SOURCES[stem].augmentation if stem in SOURCES else ("crop",)
    return Dataset(stem, COPIES.get(stem, stem), *decoded, steps, image_size=image_size)
