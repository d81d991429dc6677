"""What is known of each data set without its images, one row a set; nothing here needs torch."""

import re
from dataclasses import dataclass

import numpy as np

from anytime.names import dataset_name

DIGITS = tuple("0123456789")
GARMENTS = tuple(
    "T-shirt/top|Trouser|Pullover|Dress|Coat|Sandal|Shirt|Sneaker|Bag|Ankle boot".split("|")
)
# The first n are the classes of glyphs-n: what comes later looks more alike.
CHARACTERS = (
    "ABCDEFGHIJKLMNOPQRSTUVWXYZ23456789abdefghijmnqrty"
    "ΓΔΘΛΞΠΣΦΨΩαβγδεζηθλμξπστφχψωБДЖИЛЦЧШЩЪЫЭЮЯ&@#%$?!+="
)


@dataclass(frozen=True)
class Source:
    """Where the images of a data set come from.

    reader: the function that makes tensors of its files, in `readers`; of glyphs, in `glyphs`.
    archives: what is downloaded, in words; empty where nothing is.
    local: what that unpacks to: globs that all find something where the data set is there.
    """

    reader: str
    archives: str = ""
    local: tuple[str, ...] = ()


@dataclass(frozen=True)
class Known:
    """A data set that is known by name.

    images: how many the whole set has to train and to test.
    augmentation: the steps that the paper trains with.
    classes: their names; empty where these come with the files.
    copy: the title of a folder or an archive of this name, which is no official release.
    """

    name: str
    title: str
    images: tuple[int, int]
    augmentation: tuple[str, ...]
    source: Source
    classes: tuple[str, ...] = ()
    copy: str = ""


CLOTHES, GLYPHS = Source("read_clothes"), Source("load_glyphs")
CIFAR10 = Source("read_cifar", "cifar-10-python.tar.gz", ("cifar-10-batches-py",))
CIFAR100 = Source("read_cifar", "cifar-100-python.tar.gz", ("cifar-100-python",))
SVHN = Source("read_svhn", "{train,extra,test}_32x32.mat", ("*_32x32.mat",))
GTSRB = Source(
    "read_gtsrb_half",
    "gtsrb/GTSRB_Final_{Training_Images,Test_Images,Test_GT}.zip",
    ("gtsrb/GTSRB/Final_Training", "gtsrb/GTSRB/Final_Test", "gtsrb/GT-final_test.csv"),
)
TINY = Source("read_tiny_imagenet", "tiny-imagenet-200.zip", ("tiny-imagenet-200*",))

CROP, FLIP, STREET = ("crop",), ("crop", "flip"), ("crop", "colour", "deform")
SIGNS, THINGS = "GTSRB (every second frame)", "Tiny-ImageNet (every second class)"
ROWS = (
    Known("fashion", "Fashion-MNIST (subset)", (6_000, 1_000), FLIP, CLOTHES, GARMENTS),
    Known("cifar10", "CIFAR-10", (50_000, 10_000), FLIP, CIFAR10, copy="CIFAR-10 (JPEG copy)"),
    Known("cifar100", "CIFAR-100", (50_000, 10_000), FLIP, CIFAR100),
    # The paper trains on "train" and "extra" together.
    Known("svhn", "SVHN", (604_388, 26_032), STREET, SVHN, DIGITS),
    Known("gtsrb-half", SIGNS, (19_605, 12_630), CROP, GTSRB, copy=SIGNS),
    Known("tiny-imagenet-100", THINGS, (50_000, 5_000), FLIP, TINY, copy=THINGS),
)

_BY_NAME = {row.name: row for row in ROWS}
_GLYPHS = re.compile(r"glyphs(?:-([0-9]+)(?:-([0-9]*\.?[0-9]+))?)?")


def find(name: str) -> Known | None:
    """What is known of a data set; None of a name that is no data set's.

    >>> find("glyphs-20-0.80").name
    'glyphs-20-0.8'
    """
    if (knobs := glyphs(name)) is None:
        return _BY_NAME.get(name)
    classes, clutter = knobs
    name = f"glyphs-{classes}-{np.format_float_positional(clutter, trim='-')}"
    title = f"glyphs ({classes} classes, clutter {clutter:g})"
    return Known(name, title, (5_000, 1_000), CROP, GLYPHS, tuple(CHARACTERS[:classes]))


def glyphs(name: str) -> tuple[int, float] | None:
    """(classes, clutter) of "glyphs", "glyphs-20" or "glyphs-20-0.8"; None of other names.

    There are 2 to 100 classes, and a clutter from 0 to 1; plain "glyphs" is glyphs-10-0.5.
    """
    match = _GLYPHS.fullmatch(name)
    classes, clutter = (int(match[1] or 10), float(match[2] or 0.5)) if match else (0, 0)
    return (classes, clutter) if 2 <= classes <= len(CHARACTERS) and clutter <= 1 else None


def names() -> tuple[str, ...]:
    """The data sets known by name; glyphs also as glyphs-CLASSES-CLUTTER, such as glyphs-20-0.8."""
    return "fashion", "glyphs", *downloads()


def downloads() -> tuple[str, ...]:
    """Those of them that are downloaded."""
    return tuple(row.name for row in ROWS if row.source.archives)


def canonical(name: str) -> str:
    """The one name that a record keeps of a data set, whatever its spelling or its path."""
    row = find(name)
    return row.name if row else dataset_name(name)


def augmentation(name: str) -> tuple[str, ...]:
    """The steps that the paper trains with, by the name of a data set or of a folder."""
    row = find(name)
    return row.augmentation if row else CROP


def copy_title(name: str) -> str:
    """The title of a folder or an archive of this name, which is no official release."""
    row = find(name)
    return row.copy if row and row.copy else name
