"""Image files as tensors: what a pixel becomes, whatever the format of its file."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import IO, TYPE_CHECKING, NamedTuple
from unicodedata import normalize

import numpy as np
import torch
from tqdm import tqdm

from anytime.datasets.cache import Decoded
from anytime.datasets.images import DatasetError, Images

if TYPE_CHECKING:
    from PIL.Image import Image

Fit = Callable[["Image"], "Image"]
Read = Callable[[str], bytes]
BITS_PER_SAMPLE = 258  # a tag of TIFF


class Entry(NamedTuple):
    """One image to decode: its split ("train" or "test"), its class, its file."""

    split: str
    label: str
    file: str


def decoded(path: Path, read: Read, images: list[Entry], fit: Fit | None) -> Decoded:
    """The images as tensors, sorted by class and file name; reads in the order of `images`.

    path: where they lie, for messages.
    fit: what is done to each RGB image to make all of one size.
    Raises DatasetError for an unreadable image and for differing sizes.
    """

    # Accents in file names come in two ways (NFC, NFD), which must be sorted alike.
    ordered = sorted(images, key=lambda one: (one[0] != "train", one[1], normalize("NFC", one[2])))
    position = {one.file: row for row, one in enumerate(ordered)}
    classes, labels = np.unique([one.label for one in ordered], return_inverse=True)

    # Every image is kept once, and none is copied later.
    whole = np.empty((0, 0, 0, 0), np.uint8)
    for one in tqdm(images, desc=f"decoding {path.name}", unit=" images", leave=False):
        pixels = _pixels(path, one.file, read(one.file), fit)
        whole = whole if len(whole) else np.empty((len(images), *pixels.shape), np.uint8)
        if pixels.shape != whole.shape[1:]:
            raise DatasetError(
                f"{path}: {one.file} is {_size(pixels)} pixels but {images[0].file} is "
                f"{_size(whole[0])}; resize them all with image_size (--image-size)"
            )
        whole[position[one.file]] = pixels

    both = Images(torch.from_numpy(whole), torch.from_numpy(labels))
    to_train = sum(one.split == "train" for one in images)
    return both[:to_train], both[to_train:], tuple(classes.tolist())


def rgb(file: IO[bytes]) -> Image:
    """The image of a file as 8-bit RGB, upright and on white.

    It is turned as its EXIF orientation says. What is transparent is laid on white. Grey of 16
    bits is divided by 257 and rounded (12 bits, of TIFF, are scaled to 0 … 255 alike); of 16-bit
    colours Pillow keeps the high byte.
    Raises ValueError for 32 bits, floats and signed numbers: which of them is white is not known.
    """
    from PIL import Image, ImageOps

    image: Image.Image = Image.open(file)
    deep = image.mode.startswith("I;16") or (image.mode, image.format) == ("I", "PPM")
    if image.mode in ("I", "F") and not deep:
        raise ValueError("its numbers are signed, of 32 bits or floats: store 8 bits, 0 … 255")
    ImageOps.exif_transpose(image, in_place=True)
    if deep:
        grey = np.asarray(image)
        bits = getattr(image, "tag_v2", {}).get(BITS_PER_SAMPLE, (16,))[0]
        scaled = np.rint(grey / ((2**bits - 1) / 255)).astype(np.uint8)
        scaled[grey == image.info.get("transparency", -1)] = 255
        image = Image.fromarray(scaled)
    elif image.has_transparency_data:
        white = Image.new("RGBA", image.size, "white")
        image = Image.alpha_composite(white, image.convert("RGBA"))
    return image.convert("RGB")


def resized(image: Image, side: int) -> Image:
    """The image as a square of that side, bilinear."""
    from PIL.Image import Resampling

    return image.resize((side, side), Resampling.BILINEAR)


def _pixels(path: Path, file: str, data: bytes, fit: Fit | None) -> np.ndarray:
    """One image as uint8 (3, H, W)."""
    try:
        image = rgb(io.BytesIO(data))
        return np.asarray(fit(image) if fit else image).transpose(2, 0, 1)
    except Exception as error:  # damaged bytes make Pillow raise whatever it stumbles over
        reason = str(error).partition(" <_io")[0]  # the name of no file
        raise DatasetError(
            f"{path}: {file} is no readable image ({reason}); replace or remove it"
        ) from error


def _size(pixels: np.ndarray) -> str:
    return f"{pixels.shape[2]}×{pixels.shape[1]}"
