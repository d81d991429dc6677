"""Images as tensors: what ships with the kit, downloads, any folder or archive of images."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from anytime.datasets.augmentation import augment, check_steps, pixel_mean
    from anytime.datasets.catalogue import names
    from anytime.datasets.images import Dataset, DatasetError, Images, MissingDataset, split, subset
    from anytime.datasets.loading import fetch, load

__all__ = [
    "Dataset",
    "DatasetError",
    "Images",
    "MissingDataset",
    "augment",
    "check_steps",
    "fetch",
    "load",
    "names",
    "pixel_mean",
    "split",
    "subset",
]

# What needs torch is imported when it is first asked for: the catalogue does without.
_MODULES = {
    "augmentation": ("augment", "check_steps", "pixel_mean"),
    "catalogue": ("names",),
    "images": ("Dataset", "DatasetError", "Images", "MissingDataset", "split", "subset"),
    "loading": ("fetch", "load"),
}


def __getattr__(name: str) -> Any:
    for module, names_there in _MODULES.items():
        if name in names_there:
            return getattr(import_module(f"{__name__}.{module}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
