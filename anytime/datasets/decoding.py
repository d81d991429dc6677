"""Encoded images, listed with their classes, as tensors."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from tqdm import tqdm

from anytime.datasets.cache import Decoded
from anytime.datasets.images import DatasetError, Images

LAYOUT = "{train,test}/{class}/image"


@dataclass(frozen=True)
class Entry:
    """One image to decode: its split ("train" or "test"), its class, its file."""

    split: str
    label: str
    file: str


def decoded(
    path: Path,
    read: Callable[[str], bytes],
    images: list[Entry],
    image_size: int | None = None,
    shrink: Callable[[Image.Image], Image.Image] = lambda image: image,
) -> Decoded:
    """The images as tensors, sorted by class and file name; reads in the order of `images`.

    path: where they lie, for messages. read: a file's bytes. shrink: applied to each image.
    Raises DatasetError for an unreadable image, differing sizes, splits of differing classes.
    """
    classes = _classes(path, images)
    pixels: dict[Entry, np.ndarray] = {}
    for entry in tqdm(images, desc=f"decoding {path.name}", unit=" images", leave=False):
        pixels[entry] = _pixels(path, entry.file, read(entry.file), image_size, shrink)
        first = images[0]
        if pixels[entry].shape != pixels[first].shape:
            raise DatasetError(
                f"{path}: {entry.file} is {_size(pixels[entry])} pixels but {first.file} is "
                f"{_size(pixels[first])}; resize them all with image_size (--image-size)"
            )
    train, test = (_gathered(pixels, split, classes) for split in ("train", "test"))
    return train, test, tuple(classes)


def _gathered(pixels: dict[Entry, np.ndarray], split: str, classes: list[str]) -> Images:
    chosen = sorted((e for e in pixels if e.split == split), key=lambda e: (e.label, e.file))
    stacked = torch.from_numpy(np.stack([pixels[entry] for entry in chosen]))
    number = {label: i for i, label in enumerate(classes)}
    labels = torch.tensor([number[entry.label] for entry in chosen])
    return Images(stacked.permute(0, 3, 1, 2).contiguous(), labels)


def _classes(path: Path, images: list[Entry]) -> list[str]:
    """The class names in order; raises DatasetError where the splits differ in them."""
    found = {s: {e.label for e in images if e.split == s} for s in ("train", "test")}
    for split, labels in found.items():
        if not labels:
            raise DatasetError(f"{path} has no images to {split}; it must be laid out {LAYOUT}")
    for label in sorted(found["train"] ^ found["test"]):
        present, absent = ("train", "test") if label in found["train"] else ("test", "train")
        raise DatasetError(
            f"{path}: the class {label} is in {present} but not in {absent}; "
            "both must have the same classes"
        )
    return sorted(found["train"])


def _pixels(
    path: Path, file: str, data: bytes, image_size: int | None, shrink: Callable
) -> np.ndarray:
    try:
        image = shrink(Image.open(io.BytesIO(data)).convert("RGB"))
        if image_size is not None:
            image = image.resize((image_size, image_size), Image.Resampling.BILINEAR)
        return np.asarray(image)
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise DatasetError(
            f"{path}: {file} is no readable image ({error}); replace or remove it"
        ) from error


def _size(pixels: np.ndarray) -> str:
    return f"{pixels.shape[1]}×{pixels.shape[0]}"
