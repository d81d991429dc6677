"""Images from a folder or an archive laid out {train,test}/{class}/image, as tensors."""

from __future__ import annotations

import io
import re
import tarfile
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import IO, TYPE_CHECKING, NamedTuple, cast

import numpy as np
from tqdm import tqdm

from anytime.datasets.cache import Decoded, cached, stamp, walk
from anytime.datasets.images import DatasetError, Images, MissingDataset, from_arrays
from anytime.names import dataset_name

if TYPE_CHECKING:
    from PIL.Image import Image

LAYOUT = "{train,test}/{class}/image"
OTHER = {"train": "test", "test": "train"}
SUFFIXES = (".jpg", ".jpeg", ".png", ".ppm", ".pgm", ".bmp", ".gif", ".webp", ".tif", ".tiff")
PLACED = re.compile(r"(?s)(?:.*/)?(train|test)/([^/]+)/[^/]*")  # a class's folder, or its files
HIDDEN = re.compile(r"(?:^|/)(?:__MACOSX/|\.[^/]*[^/.])")
Fit = Callable[["Image"], "Image"]
Files = dict[str, Callable[[], bytes]]  # reads each file; the names of folders end in "/"


class Entry(NamedTuple):
    """One image to decode: its split ("train" or "test"), its class, its file."""

    split: str
    label: str
    file: str


def load_folder(path: Path, image_size: int | None = None) -> Decoded:
    """Train, test and class names of a folder or archive laid out {train,test}/{class}/image.

    Images become RGB; `image_size` resizes them to squares of that side (bilinear).
    Raises MissingDataset or DatasetError, each naming the file and the fix.
    """
    if not path.exists():
        raise MissingDataset(f"{path} does not exist; give a folder or archive laid out {LAYOUT}")

    fit = partial(resized, side=image_size) if image_size else None

    def decode() -> Decoded:
        with opened(path) as files:
            return decoded(path, files, entries(path, files), fit)

    return cached(dataset_name(path), image_size, stamp(path), decode=decode)


@contextmanager
def opened(path: Path) -> Iterator[Files]:
    """The files of a folder, tar or zip, in the order to read them; none is unpacked to the disk.

    Raises DatasetError where one that is asked for is missing, or what is read is damaged.
    """
    try:
        if path.is_dir():
            yield {name: (path / name).read_bytes for name in walk(path)}
        elif zipfile.is_zipfile(path):
            with zipfile.ZipFile(path) as archive:
                yield {name: partial(archive.read, name) for name in archive.namelist()}
        else:
            with tarfile.open(path) as archive:
                yield _members(archive)
    except KeyError as error:
        raise DatasetError(f"{path} lacks {error.args[0]}; get the whole of it again") from error
    except (DatasetError, ImportError, MemoryError):
        raise
    except Exception as error:  # hostile bytes make an archive's reader raise whatever it will
        raise DatasetError(
            f"{path} cannot be read: it is damaged, incomplete, or no tar or zip archive "
            f"({' '.join(str(error).split())}). "
            f"Copy it again, or give a folder or archive laid out {LAYOUT}."
        ) from error


def _members(archive: tarfile.TarFile) -> Files:
    members = archive.getmembers()
    # A tar that was cut between two members lacks only its end mark. Reading on to the end
    # of the file lets gzip compare its checksum.
    stream = cast(IO[bytes], archive.fileobj)
    stream.seek(archive.offset)
    if stream.read(tarfile.BLOCKSIZE) != bytes(tarfile.BLOCKSIZE):
        raise tarfile.ReadError("the end of the archive is missing")
    while stream.read(1 << 20):
        pass

    def read(member: tarfile.TarInfo) -> bytes:
        return cast(IO[bytes], archive.extractfile(member)).read()

    files: Files = {member.name: partial(read, member) for member in members if member.isfile()}
    return files | {f"{member.name}/": bytes for member in members if member.isdir()}


def entries(path: Path, files: Files) -> list[Entry]:
    """The images of a {train,test}/{class}/image layout, at any depth inside the archive.

    Raises DatasetError for a class without images.
    """
    seen = [name for name in files if not HIDDEN.search(name)]
    placed = [Entry(m[1], m[2], m[0]) for m in map(PLACED.fullmatch, seen) if m]
    images = [entry for entry in placed if entry.file.lower().endswith(SUFFIXES)]
    filled = {(entry.split, entry.label) for entry in images}
    for split, label, folder in placed:
        empty = folder.endswith("/") and (split, label) not in filled
        # Where all lies in a folder test/, test/train is no class.
        if empty and not any(image.file.startswith(folder) for image in images):
            raise DatasetError(f"{path}: {folder[:-1]} has no image; add one or remove it")
    return images


def decoded(path: Path, files: Files, images: list[Entry], fit: Fit | None) -> Decoded:
    """The images as tensors, sorted by class and file name; reads in the order of `images`.

    path: where they lie, for messages.
    fit: what is done to each RGB image to make all of one size.
    Raises DatasetError for an unreadable image, differing sizes, splits of differing classes.
    """
    _check_classes(path, images)
    first, pixels = images[0].file, {}
    for _, _, file in tqdm(images, desc=f"decoding {path.name}", unit=" images", leave=False):
        pixels[file] = _pixels(path, file, files[file](), fit)
        if pixels[file].shape != pixels[first].shape:
            raise DatasetError(
                f"{path}: {file} is {_size(pixels[file])} pixels but {first} is "
                f"{_size(pixels[first])}; resize them all with image_size (--image-size)"
            )
    train, test = (_stacked(pixels, sorted(e for e in images if e.split == s)) for s in OTHER)
    return train, test, tuple(sorted({entry.label for entry in images}))


def resized(image: Image, side: int) -> Image:
    """The image as a square of that side, bilinear."""
    from PIL.Image import Resampling

    return image.resize((side, side), Resampling.BILINEAR)


def _stacked(pixels: dict[str, np.ndarray], images: list[Entry]) -> Images:
    """The images in their order; labels count the class names in theirs."""
    labels = np.unique([entry.label for entry in images], return_inverse=True)[1]
    return from_arrays(np.stack([pixels[entry.file] for entry in images]), labels)


def _check_classes(path: Path, images: list[Entry]) -> None:
    """Raises DatasetError where a split has no images, or the two have not the same classes."""
    classes = {split: {one.label for one in images if one.split == split} for split in OTHER}
    for split, other in OTHER.items():
        if not classes[split]:
            raise DatasetError(f"{path} has no images to {split}; it must be laid out {LAYOUT}")
        if lonely := sorted(classes[split] - (classes[other] or classes[split])):
            raise DatasetError(
                f"{path}: the class {lonely[0]} is in {split} but not in {other}; "
                "both must have the same classes"
            )


def _pixels(path: Path, file: str, data: bytes, fit: Fit | None) -> np.ndarray:
    from PIL import Image

    try:
        image = Image.open(io.BytesIO(data)).convert("RGB")
        return np.asarray(fit(image) if fit else image)
    except Exception as error:  # damaged bytes make Pillow raise whatever it stumbles over
        raise DatasetError(
            f"{path}: {file} is no readable image ({error}); replace or remove it"
        ) from error


def _size(pixels: np.ndarray) -> str:
    return f"{pixels.shape[1]}×{pixels.shape[0]}"
