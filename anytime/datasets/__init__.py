"""Images as tensors: what ships with the kit, and any folder or archive of images."""

from __future__ import annotations

from pathlib import Path

from anytime.datasets.augmentation import augment, check_steps, pixel_mean, standardise
from anytime.datasets.fashion import load_fashion
from anytime.datasets.folders import LAYOUT, load_folder, path_stem
from anytime.datasets.images import Dataset, DatasetError, Images, MissingDataset, split, subset

TITLES = {
    "fashion": "Fashion-MNIST (subset)",
    "cifar10": "CIFAR-10 (JPEG copy)",
    "gtsrb": "GTSRB (every second frame)",
    "tiny-imagenet-100": "Tiny-ImageNet (every second class)",
}
# Traffic signs, digits and letters change their meaning in a mirror.
AUGMENTATION = dict.fromkeys(("fashion", "cifar10", "tiny-imagenet-100"), ("crop", "flip"))

__all__ = [
    "Dataset",
    "DatasetError",
    "Images",
    "MissingDataset",
    "augment",
    "load",
    "names",
    "pixel_mean",
    "split",
    "standardise",
    "subset",
]


def names() -> tuple[str, ...]:
    """The data sets known by name."""
    return ("fashion",)


def load(
    name_or_path: str | Path,
    *,
    train_size: int | None = None,
    seed: int = 0,
    image_size: int | None = None,
    augmentation: tuple[str, ...] | None = None,
) -> Dataset:
    """A data set by its name, or from a folder or archive laid out {train,test}/{class}/image.

    train_size: a fixed random part of the training set, drawn with `seed`.
    Raises DatasetError or MissingDataset, each naming the file and the fix.
    """
    name = str(name_or_path)
    if name == "fashion":
        train, test, classes = load_fashion()
    else:
        path = Path(name).expanduser()
        if not path.exists() and len(path.parts) == 1 and not path.suffix:
            raise MissingDataset(
                f"unknown data set {name!r}; there are {', '.join(names())}. Or give the path of "
                f"a folder or archive (tar, tar.gz, zip) laid out {LAYOUT}"
            )
        train, test, classes = load_folder(path, image_size)
        name = path_stem(path)
    if train_size is not None:
        train = subset(train, train_size, seed)
    steps = AUGMENTATION.get(name, ("crop",)) if augmentation is None else augmentation
    return Dataset(name, TITLES.get(name, name), train, test, classes, check_steps(steps))
