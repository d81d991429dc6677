"""The Fashion-MNIST subset that ships with the kit: 6,000 and 1,000 clothes in grey."""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image

from anytime.datasets.cache import Decoded
from anytime.datasets.images import DatasetError, Images, MissingDataset
from anytime.paths import DATA

CLASSES = ("T-shirt/top", "Trouser", "Pullover", "Dress", "Coat")
CLASSES += ("Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot")
SIDE, PER_ROW = 28, 100


def load_fashion() -> Decoded:
    """The embedded clothes, 28×28 grey in a black margin of 2: pixels (N, 1, 32, 32)."""
    return _images("train"), _images("test"), CLASSES


def _images(split: str) -> Images:
    """One mosaic: the images class by class, `PER_ROW` a row, as many of each class."""
    path = DATA / "images" / f"fashion-{split}.png"
    if not path.exists():
        raise MissingDataset(f"{path} is missing; it comes with the kit: restore it from git")
    try:
        mosaic = torch.from_numpy(np.array(Image.open(path)))
    except (OSError, SyntaxError) as error:
        raise DatasetError(f"{path} is damaged ({error}); restore it from git") from error
    tiles = mosaic.view(-1, SIDE, PER_ROW, SIDE).permute(0, 2, 1, 3).reshape(-1, 1, SIDE, SIDE)
    labels = torch.arange(len(CLASSES)).repeat_interleave(len(tiles) // len(CLASSES))
    return Images(F.pad(tiles, (2, 2, 2, 2)), labels)
