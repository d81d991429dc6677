"""Readers of official releases and of the embedded clothes: images as tensors, by rule.

What torchvision has, it downloads, verifies and decodes. It is imported in the readers alone, as
that takes a second.
"""

from __future__ import annotations

import csv
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F

from anytime.datasets.cache import Decoded
from anytime.datasets.catalogue import SPLITS, Known, Part, Parts, find
from anytime.datasets.decoding import Entry, decoded, resized
from anytime.datasets.images import Images, MissingDataset, from_arrays

GTSRB = "https://sid.erda.dk/public/archives/daaeac0d7ce1152aea9b61d9f1e19370"
GTSRB += "/GTSRB_Final_Training_Images.zip"
GTSRB_MD5 = "f33fd80ac59bff73c82d25ab499e03a3"
TINY_IMAGENET = "http://cs231n.stanford.edu/tiny-imagenet-200.zip"
TINY_IMAGENET_MD5 = "90528d7ca1a48142e341f4ef8d21d0de"


def taken(parts: Parts, whole: Decoded) -> Decoded:
    """The images of two parts, in their order; labels count the classes that are kept."""
    images = dict(zip(SPLITS, whole, strict=False))
    kept = parts[0].classes or tuple(range(len(whole[2])))
    train, test = (_chosen(part, images[part.split], kept) for part in parts)
    return train, test, tuple(name for label, name in enumerate(whole[2]) if label in kept)


def _chosen(part: Part, images: Any, kept: tuple[int, ...]) -> Images:
    if part == Part(part.split):
        return images
    positions = np.setdiff1d(np.arange(len(images))[part.start : part.stop], part.without)
    some = images[torch.from_numpy(positions[np.isin(images.labels[positions], kept)])]
    return Images(some.pixels, torch.searchsorted(torch.tensor(kept), some.labels))


def read_cifar(row: Known, root: Path) -> Decoded:
    """CIFAR-10 or CIFAR-100; torchvision's class is the name in capitals."""
    from torchvision import datasets

    whole = find(row.whole) or row
    release = getattr(datasets, whole.name.upper())
    parts = [release(root, train=train, download=True) for train in (True, False)]
    train, test = (from_arrays(part.data, part.targets) for part in parts)
    return train, test, whole.classes


def read_svhn(row: Known, root: Path) -> Decoded:
    """The paper trains on train and extra together; of what no part needs nothing is fetched."""
    from torchvision.datasets import SVHN

    def read(*splits: str) -> Images:
        parts = [SVHN(root, split=split, download=True) for split in splits]
        pixels = np.concatenate([part.data for part in parts])
        labels = np.concatenate([part.labels for part in parts])
        return Images(torch.from_numpy(pixels), torch.from_numpy(labels))

    test = read("test")
    if all(part.split == "test" for part in row.parts):
        return test[:0], test, row.classes
    return read("train", "extra"), test, row.classes


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
    frames = (home / "GTSRB/Final_Training/Images").glob("*/*_*.ppm")  # TRACK_FRAME.ppm
    even = [file for file in frames if int(file.stem.partition("_")[2]) % 2 == 0]
    images = [Entry("train", file.parent.name, str(file)) for file in even]

    datasets.GTSRB(root, split="test", download=True)
    with open(home / "GT-final_test.csv", newline="") as table:
        for line in csv.DictReader(table, delimiter=";"):
            file = home / "GTSRB/Final_Test/Images" / line["Filename"]
            images.append(Entry("test", f"{int(line['ClassId']):05}", str(file)))
    return decoded(home, _bytes, images, partial(resized, side=32))


def read_tiny_imagenet(row: Known, root: Path) -> Decoded:
    """Every second class by sorted id, 64×64 averaged over 2×2 pixels, tested on `val`."""
    from torchvision.datasets.utils import download_and_extract_archive

    home = root / "tiny-imagenet-200"
    if not home.is_dir():  # verifies and unpacks an archive that is there
        download_and_extract_archive(TINY_IMAGENET, str(root), md5=TINY_IMAGENET_MD5)
    words = dict(line.split("\t") for line in _lines(home / "words.txt"))
    kept = sorted(_lines(home / "wnids.txt"))[::2]
    names = {wnid: words[wnid].partition(",")[0].lower().replace(" ", "-") for wnid in kept}

    files = [("train", file.parts[-3], file) for file in home.glob("train/*/images/*.JPEG")]
    for line in _lines(home / "val/val_annotations.txt"):
        name, wnid = line.split("\t")[:2]
        files.append(("test", wnid, home / "val/images" / name))
    images = [Entry(split, f"{w}-{names[w]}", str(file)) for split, w, file in files if w in names]
    return decoded(home, _bytes, images, lambda image: image.reduce(2))


def _lines(file: Path) -> list[str]:
    return file.read_text(encoding="utf-8").splitlines()


def _bytes(file: str) -> bytes:
    return Path(file).read_bytes()
