"""Images as tensors: what ships with the kit, downloads, any folder or archive of images."""

from typing import TYPE_CHECKING

from anytime import lazily

if TYPE_CHECKING:
    from anytime.datasets.augmentation import augment, check_steps, pixel_mean
    from anytime.datasets.catalogue import names
    from anytime.datasets.images import Dataset, DatasetError, Images, MissingDataset, split, subset
    from anytime.datasets.loading import fetch, load

LATE = {"augmentation": "augment check_steps pixel_mean", "catalogue": "names"}
LATE |= {"images": "Dataset DatasetError Images MissingDataset split subset"}
LATE |= {"loading": "fetch load"}
__getattr__ = lazily(__name__, LATE)  # the catalogue does without torch
