"""Images from an `.npz` file of arrays, with the keys of Keras or of MedMNIST."""

from __future__ import annotations

import warnings
import zipfile
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from anytime.datasets.cache import Decoded
from anytime.datasets.catalogue import SPLITS
from anytime.datasets.images import DatasetError, Images, fault, from_arrays

KEYS = ("x_{}", "y_{}"), ("{}_images", "{}_labels")  # of pixels and of labels
KNOWN = [{key.format(split) for key in pair for split in SPLITS} for pair in KEYS]
FORM = (
    "Write it with np.savez(path, x_train=…, y_train=…, x_test=…, y_test=…), pixels as uint8 "
    "(N, H, W) or (N, H, W, 3), labels as whole numbers (N,) from 0 on"
)


def read_npz(path: Path, names: tuple[str, ...], splits: Iterable[str] = SPLITS) -> Decoded:
    """Train, test and class names of the arrays in a file, in their order.

    Keras's keys are x_train, y_train, x_test, y_test, and class_names if need be; MedMNIST's are
    train_images, train_labels, test_images, test_labels. All else is left out, validation images
    too, and named in a warning. Pixels are uint8 (N, H, W), (N, H, W, 1) or (N, H, W, 3), or have
    the channels first where that is plain; labels are integers (N,) or (N, 1).

    names: what the classes are called if there are so many; else it is what the file says, else
    "0", "1", ….
    splits: those that are needed; another one has no images then.
    Raises DatasetError, naming the file and the fix; nothing is ever unpickled.
    """
    arrays = _arrays(path)
    used = [pair for pair, known in zip(KEYS, KNOWN, strict=True) if known & set(arrays)]
    _require(len(used) == 1, path, "it has keys of Keras and of MedMNIST; keep those of one")
    x, y = used[0]
    parts = {split: _images(path, arrays, x.format(split), y.format(split)) for split in splits}
    first, last = list(parts.values())[0], list(parts.values())[-1]

    one, other = first.pixels.shape[1:], last.pixels.shape[1:]
    _require(one == other, path, f"images to train are {tuple(one)}, images to test {tuple(other)}")

    given = tuple(arrays["class_names"].ravel().astype(str).tolist())
    count = len(given) or int(first.labels.max()) + 1
    found = len(first.labels.unique())
    _require(found >= count, path, f"only {found} of the labels 0 to {count - 1} are there")
    swapped = given != names and sorted(given) == sorted(names)
    _require(not swapped, path, "its class_names are in another order than the official ones")
    classes = names if len(names) == count else given or tuple(map(str, range(count)))
    _require(not (reason := fault(first, last, classes)), path, reason)
    return parts.get("train", last[:0]), parts.get("test", first[:0]), classes


def _arrays(path: Path) -> dict[str, np.ndarray]:
    """What the file has under the known keys; other keys are named in a warning."""
    _require(zipfile.is_zipfile(path), path, "it is no .npz file, or cut off")
    known = KNOWN[0] | KNOWN[1]
    arrays, rest = {"class_names": np.array((), str)}, []
    try:
        with np.load(path, allow_pickle=False) as file:
            rest = [key for key in file.files if key not in known | set(arrays)]
            arrays |= {key: file[key] for key in file.files if key not in rest}
    except Exception as error:  # hostile bytes make zipfile and numpy raise whatever they will
        _require(False, path, f"it cannot be read ({' '.join(str(error).split())})")
    _require(known & set(arrays), path, f"it has no key that is known, but {rest or 'none at all'}")
    if rest:
        warnings.warn(f"{path}: {', '.join(rest)} are not read", stacklevel=2)
    return arrays


def _images(path: Path, arrays: dict[str, np.ndarray], x: str, y: str) -> Images:
    """The images of one split by its keys: x of the pixels, y of the labels."""
    lacks = " and ".join(key for key in (x, y) if key not in arrays)
    _require(not lacks, path, f"it lacks {lacks}")
    pixels, labels = arrays[x], arrays[y]
    _require(pixels.dtype == np.uint8, path, f"{x} is {pixels.dtype}; bring it to 0 … 255")
    shape = pixels.shape
    places = [axis for axis in (1, 3) if pixels.ndim == 4 and shape[axis] in (1, 3)]
    plain = pixels.size and (pixels.ndim == 3 or len(places) == 1)
    _require(plain, path, f"the shape of {x} is {shape}")

    number = labels.dtype.kind in "iu" and labels.shape in (shape[:1], (shape[0], 1))
    _require(number, path, f"{y} is {labels.dtype} {labels.shape}")
    low, high = int(labels.min()), int(labels.max())
    _require(0 <= low <= high < 2**31, path, f"{y} has the label {low if low < 0 else high}")
    pixels = np.moveaxis(pixels, places[0], 3) if places else pixels[..., None]
    return from_arrays(pixels, labels.ravel().astype(np.int64))


def _require(right: object, path: Path, wrong: str) -> None:
    """Raises DatasetError where something is not right."""
    if not right:
        raise DatasetError(f"{path}: {wrong}. {FORM}.")
