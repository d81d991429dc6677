"""Images with labels as two tensors, and parts of them that keep the classes' shares."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch


class DatasetError(ValueError):
    """Data that cannot be read as asked; the message names the file and the fix."""


class MissingDataset(FileNotFoundError):
    """Data that is not on this machine; the message says where it may lie and how to get it."""


@dataclass(frozen=True, eq=False)
class Images:
    """Labelled images of one size: pixels (N, C, H, W) uint8, labels (N,) int64.

    Raises ValueError where shapes or types differ from these.
    """

    pixels: torch.Tensor
    labels: torch.Tensor

    def __post_init__(self) -> None:
        if self.pixels.dtype != torch.uint8 or self.pixels.dim() != 4:
            raise ValueError(f"pixels must be uint8 (N, C, H, W), not {_described(self.pixels)}")
        if self.labels.dtype != torch.int64 or self.labels.shape != self.pixels.shape[:1]:
            raise ValueError(f"labels must be int64 (N,), not {_described(self.labels)}")

    def __repr__(self) -> str:
        return f"Images: {len(self):,} of {_by(self.pixels)}"

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, index: slice | torch.Tensor) -> Images:
        """Some of the images: a slice, a tensor of positions, or a mask."""
        if isinstance(index, int):
            raise TypeError(f"images[{index}] is one image; write images[{index}:{index + 1}]")
        return Images(self.pixels[index], self.labels[index])

    def to(self, device: torch.device | str) -> Images:
        """The same images on another device."""
        return Images(self.pixels.to(device), self.labels.to(device))

    @property
    def digest(self) -> str:
        """BLAKE2b (128 bits, as hexadecimal text) over shapes, types, pixels and labels.

        It is remembered until one of the tensors is changed in place.
        """
        versions = self.pixels._version, self.labels._version
        if self.__dict__.get("_digest", ("",))[1:] != versions:
            digest = hashlib.blake2b(digest_size=16)
            for tensor in (self.pixels, self.labels):
                digest.update(_described(tensor).encode())
                digest.update(tensor.cpu().contiguous().numpy().data)
            self.__dict__["_digest"] = digest.hexdigest(), *versions
        return self.__dict__["_digest"][0]


def from_arrays(pixels: np.ndarray, labels: Sequence[int] | np.ndarray) -> Images:
    """Images of pixels (N, H, W, C), as files hold them."""
    channels_first = np.ascontiguousarray(pixels.transpose(0, 3, 1, 2))
    return Images(torch.from_numpy(channels_first), torch.as_tensor(labels))


@dataclass(frozen=True, eq=False)
class Dataset:
    """A training and a test set; `augmentation` names the steps the paper would train with.

    validation: so many training images were set aside and stand in the place of the test set.
    image_size: the side to which all images were resized, if they were.
    """

    name: str
    title: str
    train: Images
    test: Images
    classes: tuple[str, ...]
    augmentation: tuple[str, ...] = ("crop",)
    validation: int = 0
    image_size: int | None = None

    def __repr__(self) -> str:
        numbers = f"{len(self.train):,} + {len(self.test):,} images of {_by(self.train.pixels)}"
        return f"Dataset {self.name}: {numbers}, {len(self.classes)} classes"

    @property
    def fingerprint(self) -> str:
        """BLAKE2b (128 bits, as hexadecimal text) over the images, labels and class names.

        It is of both parts as they are now: decoded, resized, chosen, set aside, not augmented.
        Two data sets of one fingerprint are one, whatever files they came from.
        """
        content = json.dumps([self.train.digest, self.test.digest, *self.classes])
        return hashlib.blake2b(content.encode(), digest_size=16).hexdigest()

    def set_aside(self, images: int, seed: int = 0) -> Dataset:
        """The same training set with some of its images in the place of the test set.

        What is chosen with it has not seen the test set. See `split` for classes and errors.
        """
        train, held_out = split(self.train, images, seed)
        return replace(self, train=train, test=held_out, validation=images)


def subset(images: Images, size: int, seed: int) -> Images:
    """A random part of `size` images in which every class keeps its share, rounded.

    The same seed picks the same images. Raises ValueError where `size` is not in 1 … N.
    """
    return images[_drawn(images.labels, size, seed)]


def split(images: Images, validation: int, seed: int) -> tuple[Images, Images]:
    """Training images and `validation` held-out ones; both keep the classes' shares.

    Frames of one video track look alike: on GTSRB such a hold-out flatters the network.
    Raises ValueError where `validation` is not in 1 … N − 1.
    """
    if validation >= len(images):
        raise ValueError(f"holding out {validation} of {len(images)} images leaves none to train")
    held_out = torch.zeros(len(images), dtype=torch.bool)
    held_out[_drawn(images.labels, validation, seed)] = True
    return images[~held_out], images[held_out]


def _drawn(labels: torch.Tensor, size: int, seed: int) -> torch.Tensor:
    """Positions (size,) in ascending order, by largest remainders of the classes' shares."""
    if not 1 <= size <= len(labels):
        raise ValueError(f"{size} images asked for; there are {len(labels)}: ask for 1 to that")
    generator = torch.Generator().manual_seed(seed)
    counts = labels.bincount()
    wanted = counts * size // len(labels)
    # Ties between equal remainders go to the lower class, on every machine.
    remainder = counts * size % len(labels)
    wanted[remainder.argsort(descending=True, stable=True)[: size - int(wanted.sum())]] += 1
    chosen = []
    for label, count in enumerate(wanted.tolist()):
        members = (labels == label).nonzero().flatten()
        chosen.append(members[torch.randperm(len(members), generator=generator)[:count]])
    return torch.cat(chosen).sort().values


def _by(pixels: torch.Tensor) -> str:
    """The size of one image, such as 1×32×32."""
    return "×".join(map(str, pixels.shape[1:]))


def _described(tensor: torch.Tensor) -> str:
    return f"{str(tensor.dtype).removeprefix('torch.')} {tuple(tensor.shape)}"
