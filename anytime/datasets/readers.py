"""Readers of official releases and of the embedded clothes: images as tensors, by rule.

What torchvision has, it downloads, verifies and decodes. It is imported in the readers alone, as
that takes a second.
"""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
import torch.nn.functional as F
from tqdm import tqdm

from anytime.datasets.cache import Decoded
from anytime.datasets.catalogue import Known
from anytime.datasets.folders import resized
from anytime.datasets.images import Images, MissingDataset, from_arrays

if TYPE_CHECKING:
    from PIL.Image import Image

GTSRB = "https://sid.erda.dk/public/archives/daaeac0d7ce1152aea9b61d9f1e19370"
GTSRB += "/GTSRB_Final_Training_Images.zip"
GTSRB_MD5 = "f33fd80ac59bff73c82d25ab499e03a3"
TINY_IMAGENET = "http://cs231n.stanford.edu/tiny-imagenet-200.zip"
TINY_IMAGENET_MD5 = "90528d7ca1a48142e341f4ef8d21d0de"
Labelled = list[tuple[str, Path]]  # the class of each file


def read_cifar(row: Known, root: Path) -> Decoded:
    """CIFAR-10 or CIFAR-100; torchvision's class is the name in capitals."""
    from torchvision import datasets

    release = getattr(datasets, row.name.upper())
    parts = [release(root, train=train, download=True) for train in (True, False)]
    train, test = (from_arrays(part.data, part.targets) for part in parts)
    return train, test, tuple(parts[0].classes)


def read_svhn(row: Known, root: Path) -> Decoded:
    """The paper trains on train and extra together."""
    from torchvision.datasets import SVHN

    parts = [SVHN(root, split=split, download=True) for split in ("train", "extra", "test")]
    train, extra, test = (Images(torch.tensor(p.data), torch.from_numpy(p.labels)) for p in parts)
    both = Images(torch.cat([train.pixels, extra.pixels]), torch.cat([train.labels, extra.labels]))
    return both, test, row.classes


def read_clothes(row: Known, root: Path) -> Decoded:
    """The embedded part of Fashion-MNIST in a margin of 2: by class, mosaics of 100 a row."""
    from PIL import Image

    def read(split: str) -> Images:
        mosaic = torch.from_numpy(np.array(Image.open(root / f"fashion-{split}.png")))
        tiles = mosaic.view(-1, 28, 100, 28).transpose(1, 2).reshape(-1, 1, 28, 28)
        each = len(tiles) // len(row.classes)
        labels = torch.arange(len(row.classes)).repeat_interleave(each)
        return Images(F.pad(tiles, (2, 2, 2, 2)), labels)

    try:
        return read("train"), read("test"), row.classes
    except (OSError, SyntaxError) as error:
        raise MissingDataset(
            f"{error}: the images in {root} come with the kit; restore them from git"
        ) from error


def read_gtsrb_half(row: Known, root: Path) -> Decoded:
    """Every second frame (0, 2, 4, …) of each track to train, the official test set; all 32×32."""
    from torchvision import datasets
    from torchvision.datasets.utils import download_and_extract_archive

    home = root / "gtsrb"
    if not (home / "GTSRB/Final_Training").is_dir():
        download_and_extract_archive(GTSRB, str(home), md5=GTSRB_MD5)
    frames = sorted((home / "GTSRB/Final_Training/Images").glob("*/*_*.ppm"))  # TRACK_FRAME.ppm
    train = [(one.parent.name, one) for one in frames if int(one.stem.partition("_")[2]) % 2 == 0]

    datasets.GTSRB(root, split="test", download=True)
    with open(home / "GT-final_test.csv", newline="") as table:
        rows = list(csv.DictReader(table, delimiter=";"))
    folder = home / "GTSRB/Final_Test/Images"
    test = [(f"{int(row['ClassId']):05}", folder / row["Filename"]) for row in rows]
    return _decoded(train, test, lambda image: resized(image, 32))


def read_tiny_imagenet(row: Known, root: Path) -> Decoded:
    """Every second class by sorted id, 64×64 averaged over 2×2 pixels, tested on `val`."""
    from torchvision.datasets.utils import download_and_extract_archive

    home = root / "tiny-imagenet-200"
    if not home.is_dir():  # verifies and unpacks an archive that is there
        download_and_extract_archive(TINY_IMAGENET, str(root), md5=TINY_IMAGENET_MD5)
    words = dict(line.split("\t") for line in _lines(home / "words.txt"))
    names = {wnid: words[wnid].split(",")[0].lower() for wnid in _lines(home / "wnids.txt")}
    classes = {wnid: f"{wnid}-{names[wnid].replace(' ', '-')}" for wnid in sorted(names)[::2]}

    photographs = (home / "train").glob("*/images/*.JPEG")
    tested = [line.split("\t")[:2] for line in _lines(home / "val/val_annotations.txt")]
    train = [(classes[p.parts[-3]], p) for p in photographs if p.parts[-3] in classes]
    test = [(classes[w], home / "val/images" / file) for file, w in tested if w in classes]
    return _decoded(train, test, lambda image: image.reduce(2))


def _lines(file: Path) -> list[str]:
    return file.read_text(encoding="utf-8").splitlines()


def _decoded(train: Labelled, test: Labelled, fit: Callable[[Image], Image]) -> Decoded:
    """The images with their classes' names, sorted by class and file, and all made to fit."""
    from PIL.Image import open as opened

    classes = sorted({label for label, _ in train})

    def decoded(part: Labelled) -> Images:
        files = tqdm(sorted(part), desc="decoding", unit=" images", leave=False)
        pixels = [np.asarray(fit(opened(file).convert("RGB"))) for _, file in files]
        labels = [classes.index(label) for label, _ in sorted(part)]
        return from_arrays(np.stack(pixels), labels)

    return decoded(train), decoded(test), tuple(classes)
