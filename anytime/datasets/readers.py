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
from anytime.datasets.folders import Entry, Fit, decoded, resized
from anytime.datasets.images import Images, MissingDataset, from_arrays

GTSRB = "https://sid.erda.dk/public/archives/daaeac0d7ce1152aea9b61d9f1e19370"
GTSRB += "/GTSRB_Final_Training_Images.zip"
GTSRB_MD5 = "f33fd80ac59bff73c82d25ab499e03a3"
TINY_IMAGENET = "http://cs231n.stanford.edu/tiny-imagenet-200.zip"
TINY_IMAGENET_MD5 = "90528d7ca1a48142e341f4ef8d21d0de"


def taken(parts: Parts, whole: Decoded) -> Decoded:
    """The images of two parts, in their order; labels count the classes that are kept."""
    train, test = (_chosen(part, dict(zip(SPLITS, whole, strict=False))) for part in parts)
    kept = parts[0].classes or range(len(whole[2]))
    return train, test, tuple(name for label, name in enumerate(whole[2]) if label in kept)


def _chosen(part: Part, whole: dict[str, Any]) -> Images:
    images: Images = whole[part.split]
    if part == Part(part.split):
        return images
    positions = np.setdiff1d(np.arange(len(images))[part.start : part.stop], part.without)
    if not part.classes:
        return images[torch.from_numpy(positions)]
    some = images[torch.from_numpy(positions[np.isin(images.labels[positions], part.classes)])]
    return Images(some.pixels, torch.searchsorted(torch.tensor(part.classes), some.labels))


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

    def read(split: str) -> Images:
        release = SVHN(root, split=split, download=True)
        return Images(torch.tensor(release.data), torch.from_numpy(release.labels))

    if all(part.split == "test" for part in row.parts):
        test = read("test")
        return test[:0], test, row.classes
    train, extra, test = map(read, ("train", "extra", "test"))
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
    frames = (home / "GTSRB/Final_Training/Images").glob("*/*_*.ppm")  # TRACK_FRAME.ppm
    even = [file for file in frames if int(file.stem.partition("_")[2]) % 2 == 0]
    images = [Entry("train", file.parent.name, str(file)) for file in even]

    datasets.GTSRB(root, split="test", download=True)
    with open(home / "GT-final_test.csv", newline="") as table:
        for line in csv.DictReader(table, delimiter=";"):
            file = home / "GTSRB/Final_Test/Images" / line["Filename"]
            images.append(Entry("test", f"{int(line['ClassId']):05}", str(file)))
    return _released(home, images, partial(resized, side=32))


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
    files = [("train", file.parts[-3], file) for file in photographs]
    for line in _lines(home / "val/val_annotations.txt"):
        name, wnid = line.split("\t")[:2]
        files.append(("test", wnid, home / "val/images" / name))
    chosen = [(split, wnid, str(file)) for split, wnid, file in files if wnid in classes]
    images = [Entry(split, classes[wnid], file) for split, wnid, file in chosen]
    return _released(home, images, lambda image: image.reduce(2))


def _lines(file: Path) -> list[str]:
    return file.read_text(encoding="utf-8").splitlines()


def _released(home: Path, images: list[Entry], fit: Fit) -> Decoded:
    files = {image.file: Path(image.file).read_bytes for image in images}
    return decoded(home, files, images, fit)
