"""What is known of each data set without its images, one row a set; nothing here needs torch."""

import re
from dataclasses import dataclass

import numpy as np

from anytime.names import dataset_name

DIGITS = tuple("0123456789")
GARMENTS = tuple(
    "T-shirt/top|Trouser|Pullover|Dress|Coat|Sandal|Shirt|Sneaker|Bag|Ankle boot".split("|")
)
THINGS10 = tuple("airplane automobile bird cat deer dog frog horse ship truck".split())
THINGS100 = tuple(
    """
apple aquarium_fish baby bear beaver bed bee beetle bicycle bottle bowl boy bridge bus butterfly
camel can castle caterpillar cattle chair chimpanzee clock cloud cockroach couch crab crocodile cup
dinosaur dolphin elephant flatfish forest fox girl hamster house kangaroo keyboard lamp lawn_mower
leopard lion lizard lobster man maple_tree motorcycle mountain mouse mushroom oak_tree orange
orchid otter palm_tree pear pickup_truck pine_tree plain plate poppy porcupine possum rabbit
raccoon ray road rocket rose sea seal shark shrew skunk skyscraper snail snake spider squirrel
streetcar sunflower sweet_pepper table tank telephone television tiger tractor train trout tulip
turtle wardrobe whale willow_tree wolf woman worm
""".split()
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
class Part:
    """Some images of an official split ("train" or "test"), in its order.

    start, stop: the positions that they are taken from; None is the end.
    without: positions that are left out.
    classes: the labels that are kept, in ascending order; they become 0, 1, …. Empty keeps all.
    """

    split: str
    start: int = 0
    stop: int | None = None
    without: tuple[int, ...] = ()
    classes: tuple[int, ...] = ()


LAYOUT = "{train,test}/{class}/image"
SUFFIXES = (".jpg", ".jpeg", ".png", ".ppm", ".pgm", ".bmp", ".gif", ".webp", ".tif", ".tiff")
SPLITS = "train", "test"
Parts = tuple[Part, ...]  # what to train on, what to test on
WHOLE: Parts = (Part("train"), Part("test"))


@dataclass(frozen=True)
class Known:
    """A data set that is known by name.

    images: how many the whole set has to train and to test.
    augmentation: the steps that the paper trains with.
    classes: their names; empty where these come with the files.
    copy: the title of a folder or an archive of this name, which is no official release.
    whole: the name of the set that this one is a part of, and
    parts: what of it is to train on and what to test on.
    track: so many training images of a class in a row are frames of one track, and look alike.
    """

    name: str
    title: str
    images: tuple[int, int]
    augmentation: tuple[str, ...]
    source: Source
    classes: tuple[str, ...] = ()
    copy: str = ""
    whole: str = ""
    parts: Parts = WHOLE
    track: int = 1


CLOTHES, GLYPHS = Source("read_clothes"), Source("load_glyphs")
CIFAR10 = Source("read_cifar", "cifar-10-python.tar.gz", ("cifar-10-batches-py",))
CIFAR100 = Source("read_cifar", "cifar-100-python.tar.gz", ("cifar-100-python",))
SVHN = Source("read_svhn", "{train,extra,test}_32x32.mat", ("*_32x32.mat",))
SVHN_TEST = Source("read_svhn", "test_32x32.mat", ("test_32x32.mat",))
GTSRB = Source(
    "read_gtsrb_half",
    "gtsrb/GTSRB_Final_{Training_Images,Test_Images,Test_GT}.zip",
    ("gtsrb/GTSRB/Final_Training", "gtsrb/GTSRB/Final_Test", "gtsrb/GT-final_test.csv"),
)
TINY = Source("read_tiny_imagenet", "tiny-imagenet-200.zip", ("tiny-imagenet-200*",))

CROP, FLIP, STREET = ("crop",), ("crop", "flip"), ("crop", "colour", "deform")
SIGNS, THINGS = "GTSRB (every second frame)", "Tiny-ImageNet (every second class)"
# The images, to train and to test, that some copies of CIFAR-10 hold as pixels out of a JPEG.
_FROM_JPEG = (
    """
4298 5949 7066 7237 7248 7630 8006 8831 8968 9415 10336 10408 12762 12834 13546 21493 25728 26098
26927 27621 28435 28728 29694 29747 30329 31367 31462 31625 32777 33641 33661 34067 34276 34387
34825 35160 35646 36733 37329 37474 37567 38384 38925 39358 39385 39613 39840 39888 39971 40805
41779 42004 42389 42611 43357 43883 44882 45168 45240 46175 46435 46538 46624 47393 47597 48081
48124 48333 48821 48836 49321 49429 49631 49830 49857
""",
    """
722 1259 1369 1422 2245 2737 2935 3695 3718 4085 4496 5791 5896 6286 7580 7707 7724 7832 8117 8551
9254
""",
)
NOT_EXACT = tuple(tuple(map(int, text.split())) for text in _FROM_JPEG)


EXACT = tuple(Part(split, without=out) for split, out in zip(SPLITS, NOT_EXACT, strict=True))
TESTED = Part("test", 0, 8_000), Part("test", 8_000, 10_000)
MANY, SOME = "CIFAR-10 without 96 images", "SVHN, 8,000 + 2,000 of the official test images"


def _ten(letter: str, first: int) -> Known:
    """Every tenth class of CIFAR-100."""
    title = f"CIFAR-100 (ten classes: {first}, {first + 10}, …, {first + 90})"
    kept, names = tuple(range(first, 100, 10)), THINGS100[first::10]
    parts = Part("train", classes=kept), Part("test", classes=kept)
    name = f"cifar100-10{letter}"
    return Known(name, title, (5_000, 1_000), FLIP, CIFAR100, names, "", "cifar100", parts)


ROWS = (
    Known("fashion", "Fashion-MNIST (subset)", (6_000, 1_000), FLIP, CLOTHES, GARMENTS),
    Known("cifar10", "CIFAR-10", (50_000, 10_000), FLIP, CIFAR10, THINGS10, "CIFAR-10 (JPEG copy)"),
    Known("cifar100", "CIFAR-100", (50_000, 10_000), FLIP, CIFAR100, THINGS100),
    # The paper trains on "train" and "extra" together.
    Known("svhn", "SVHN", (604_388, 26_032), STREET, SVHN, DIGITS),
    Known("gtsrb-half", SIGNS, (19_605, 12_630), CROP, GTSRB, copy=SIGNS, track=15),
    Known("tiny-imagenet-100", THINGS, (50_000, 5_000), FLIP, TINY, copy=THINGS),
    Known("cifar10-59904", MANY, (49_925, 9_979), FLIP, CIFAR10, THINGS10, "", "cifar10", EXACT),
    Known("svhn-10k", SOME, (8_000, 2_000), STREET, SVHN_TEST, DIGITS, "", "svhn", TESTED),
    _ten("a", 0),
    _ten("b", 5),
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
