"""What is known of each data set without its images, one row a set; nothing here needs torch."""

import re
from dataclasses import dataclass

import numpy as np

DIGITS = tuple("0123456789")
CLOTHES = ("T-shirt/top", "Trouser", "Pullover", "Dress", "Coat")
CLOTHES += ("Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot")
THINGS = tuple("airplane automobile bird cat deer dog frog horse ship truck".split())
# The first n are the classes of glyphs-n: what comes later looks more alike.
CHARACTERS = (
    "ABCDEFGHIJKLMNOPQRSTUVWXYZ23456789abdefghijmnqrty"
    "ΓΔΘΛΞΠΣΦΨΩαβγδεζηθλμξπστφχψωБДЖИЛЦЧШЩЪЫЭЮЯ&@#%$?!+="
)


@dataclass(frozen=True)
class Known:
    """A data set that is known by name.

    images: how many the whole set has to train and to test.
    classes: their names, or their number where the names come with the files.
    shape: (C, H, W) of an image.
    augmentation: the steps that the paper trains with.
    reader: the function that makes tensors of its files, in `readers`; of glyphs, in `glyphs`.
    archives: what is downloaded, in words; empty where nothing is.
    local: what that unpacks to: globs that all find something where the data set is there.
    copy: the title of a folder or an archive of this name, which is no official release.
    """

    name: str
    title: str
    images: tuple[int, int]
    classes: tuple[str, ...] | int
    shape: tuple[int, int, int]
    augmentation: tuple[str, ...]
    reader: str
    archives: str = ""
    local: tuple[str, ...] = ()
    copy: str = ""

    @property
    def num_classes(self) -> int:
        """How many classes there are, whether or not their names are known."""
        return self.classes if isinstance(self.classes, int) else len(self.classes)


# Where each comes from: its reader, its archives, its local files.
CIFAR10 = ("read_cifar", "cifar-10-python.tar.gz", ("cifar-10-batches-py",))
CIFAR100 = ("read_cifar", "cifar-100-python.tar.gz", ("cifar-100-python",))
SVHN = ("read_svhn", "{train,extra,test}_32x32.mat", ("*_32x32.mat",))
FASHION = ("read_fashion_mnist", "FashionMNIST/raw/*-ubyte.gz", ("FashionMNIST/raw/*-ubyte",))
TESTED = ("gtsrb/GTSRB/Final_Test", "gtsrb/GT-final_test.csv")
GTSRB = (
    "read_gtsrb",
    "gtsrb/GTSRB-Training_fixed.zip and gtsrb/GTSRB_Final_Test_{Images,GT}.zip",
    ("gtsrb/GTSRB/Training", *TESTED),
)
GTSRB_HALF = (
    "read_gtsrb_half",
    "gtsrb/GTSRB_Final_{Training_Images,Test_Images,Test_GT}.zip",
    ("gtsrb/GTSRB/Final_Training", *TESTED),
)
TINY = ("read_tiny_imagenet", "tiny-imagenet-200.zip", ("tiny-imagenet-200*",))

GREY, COLOUR = (1, 32, 32), (3, 32, 32)
CROP, FLIP, STREET = ("crop",), ("crop", "flip"), ("crop", "colour", "deform")
JPEG = "CIFAR-10 (JPEG copy)"
HALF_GTSRB, HALF_TINY = "GTSRB (every second frame)", "Tiny-ImageNet (every second class)"
ROWS = (
    Known("fashion", "Fashion-MNIST (subset)", (6_000, 1_000), CLOTHES, GREY, FLIP, "read_clothes"),
    Known("cifar10", "CIFAR-10", (50_000, 10_000), THINGS, COLOUR, FLIP, *CIFAR10, JPEG),
    Known("cifar100", "CIFAR-100", (50_000, 10_000), 100, COLOUR, FLIP, *CIFAR100),
    # The paper trains on "train" and "extra" together.
    Known("svhn", "SVHN", (604_388, 26_032), DIGITS, COLOUR, STREET, *SVHN),
    Known("fashion-mnist", "Fashion-MNIST", (60_000, 10_000), CLOTHES, GREY, FLIP, *FASHION),
    Known("gtsrb", "GTSRB", (26_640, 12_630), 43, COLOUR, CROP, *GTSRB),
    Known("gtsrb-half", HALF_GTSRB, (19_605, 12_630), 43, COLOUR, CROP, *GTSRB_HALF, HALF_GTSRB),
    Known("tiny-imagenet-100", HALF_TINY, (50_000, 5_000), 100, COLOUR, FLIP, *TINY, HALF_TINY),
)

_BY_NAME = {row.name: row for row in ROWS}
GLYPHS = re.compile(r"glyphs(?:-([0-9]+)(?:-([0-9]*\.?[0-9]+))?)?")


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
    return Known(
        name, title, (5_000, 1_000), tuple(CHARACTERS[:classes]), COLOUR, CROP, "load_glyphs"
    )


def glyphs(name: str) -> tuple[int, float] | None:
    """(classes, clutter) of "glyphs", "glyphs-20" or "glyphs-20-0.8"; None of other names.

    There are 2 to 100 classes, and a clutter from 0 to 1; plain "glyphs" is glyphs-10-0.5.
    """
    match = GLYPHS.fullmatch(name)
    classes, clutter = (int(match[1] or 10), float(match[2] or 0.5)) if match else (0, 0)
    return (classes, clutter) if 2 <= classes <= len(CHARACTERS) and clutter <= 1 else None


def names() -> tuple[str, ...]:
    """The data sets known by name; glyphs also as glyphs-CLASSES-CLUTTER, such as glyphs-20-0.8."""
    return "fashion", "glyphs", *downloads()


def downloads() -> tuple[str, ...]:
    """Those of them that are downloaded."""
    return tuple(row.name for row in ROWS if row.archives)


def canonical(name: str) -> str:
    """The one spelling of a data set's name: "glyphs" is glyphs-10-0.5; others are their own."""
    row = find(name)
    return row.name if row else name


def images(name: str) -> int | None:
    """How many training images the whole of a data set has; None where that is not known."""
    row = find(name)
    return row.images[0] if row else None


def augmentation(name: str) -> tuple[str, ...]:
    """The steps that the paper trains with, by the name of a data set or of a folder."""
    row = find(name)
    return row.augmentation if row else CROP


def copy_title(name: str) -> str:
    """The title of a folder or an archive of this name, which is no official release."""
    row = find(name)
    return row.copy if row and row.copy else name
