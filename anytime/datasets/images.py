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

    tracks: (N,) int64, where images of one track look alike, as frames of a video; else None.
    Raises ValueError where shapes or types differ from these.
    """

    pixels: torch.Tensor
    labels: torch.Tensor
    tracks: torch.Tensor | None = None

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
        tracks = None if self.tracks is None else self.tracks[index]
        return Images(self.pixels[index], self.labels[index], tracks)

    def to(self, device: torch.device | str) -> Images:
        """The same images on another device."""
        tracks = None if self.tracks is None else self.tracks.to(device)
        return Images(self.pixels.to(device), self.labels.to(device), tracks)

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
    Raises DatasetError for less than two classes, a part without images, labels of no class.
    """

    name: str
    title: str
    train: Images
    test: Images
    classes: tuple[str, ...]
    augmentation: tuple[str, ...] = ("crop",)
    validation: int = 0
    image_size: int | None = None

    def __post_init__(self) -> None:
        if reason := fault(self.train, self.test, self.classes):
            raise DatasetError(reason)

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

        What is chosen with it has not seen the test set. Where images come in tracks, whole ones
        are set aside: about so many images. See `split` for classes and errors.
        """
        train, held_out = split(self.train, images, seed)
        return replace(self, train=train, test=held_out, validation=len(held_out))


def fault(train: Images, test: Images, classes: Sequence[str]) -> str:
    """Why one cannot train on these images and test, in words; "" where one can."""
    if len(classes) < 2:
        return f"it takes two classes, not {', '.join(classes) or 'none'}"
    for part, images in (("train", train), ("test", test)):
        if not len(images):
            return f"there is no image to {part}"
        low, high = int(images.labels.min()), int(images.labels.max())
        if low < 0 or high >= len(classes):
            return f"labels to {part} are {low} to {high}, the classes 0 to {len(classes) - 1}"
    return ""


def in_tracks(images: Images, frames: int) -> Images:
    """The images with their tracks, where so many of a class in a row are one."""
    place = torch.empty_like(images.labels)
    for label in images.labels.unique():
        members = images.labels == label
        place[members] = torch.arange(int(members.sum())) // frames
    return replace(images, tracks=images.labels * len(images) + place)


def subset(images: Images, size: int, seed: int) -> Images:
    """A random part of `size` images in which every class keeps its share, rounded.

    The same seed picks the same images. Of every class there is at least one.
    Raises ValueError where `size` is less than the number of classes, or more than of images.
    """
    return images[_drawn(images.labels, size, seed)]


def split(images: Images, validation: int, seed: int) -> tuple[Images, Images]:
    """Training images and `validation` held-out ones; both keep the classes' shares.

    Both have at least one image of every class. Where images come in tracks, whole ones are held
    out: that share of the tracks, rounded. Raises ValueError where that cannot be.
    """
    alone = images.tracks is None  # then each image is a track of its own
    tracks = torch.arange(len(images)) if images.tracks is None else images.tracks
    numbers, track = tracks.unique(return_inverse=True)
    labels = torch.empty_like(numbers).scatter(0, track, images.labels)
    share = round(validation * len(numbers) / len(images))
    chosen = _drawn(labels, share, seed, spared=1, what="image" if alone else "track")
    held_out = torch.isin(track, chosen)
    return images[~held_out], images[held_out]


def _drawn(
    labels: torch.Tensor, size: int, seed: int, spared: int = 0, what: str = "image"
) -> torch.Tensor:
    """Positions (size,) in ascending order, by largest remainders of the classes' shares.

    At least one of each class is drawn, and `spared` of each are not.
    """
    counts = labels.bincount()
    low = counts.clamp(max=1)
    high = counts - spared * low
    least, most = int(low.sum()), int(high.sum())
    if (scarce := high < low).any():
        raise ValueError(
            f"class {int(scarce.nonzero()[0])} has a single {what}; it takes two of each class to "
            "hold one out"
        )
    if not least <= size <= most:
        raise ValueError(
            f"{size} {what}s asked for; there are {len(labels)}, in {least} classes: ask for "
            f"{least} to {most}" + ", which leaves one of each class to train" * spared
        )

    wanted = counts * size // len(labels)
    # Ties between equal remainders go to the lower class, on every machine.
    remainder = counts * size % len(labels)
    wanted[remainder.argsort(descending=True, stable=True)[: size - int(wanted.sum())]] += 1
    wanted = wanted.clamp(low, high)
    while lacking := size - int(wanted.sum()):  # a rare class takes from the most frequent one
        room = high - wanted if lacking > 0 else wanted - low
        wanted[room.argmax()] += 1 if lacking > 0 else -1

    generator = torch.Generator().manual_seed(seed)
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
