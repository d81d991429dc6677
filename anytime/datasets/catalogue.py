"""What is known of each data set without its images, by catalogue.toml; nothing needs torch."""

import re
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from anytime.names import dataset_name


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
    reader: the function that makes tensors of the files, in `readers`; glyphs have none.
    archives: what is downloaded, in words; empty where nothing is.
    local: what that unpacks to: globs that all find something where the data set is there.
    classes: their names; empty where these come with the files.
    copy: the title of a folder or an archive of this name, which is no official release.
    whole: the name of the set that this one is a part of, and
    parts: what of it is to train on and what to test on.
    track: so many training images of a class in a row are frames of one track, and look alike.
    fingerprint: by which a file of arrays is known to hold this set.
    """

    name: str
    title: str
    images: tuple[int, int]
    augmentation: tuple[str, ...]
    reader: str = ""
    archives: str = ""
    local: tuple[str, ...] = ()
    classes: tuple[str, ...] = ()
    copy: str = ""
    whole: str = ""
    parts: Parts = WHOLE
    track: int = 1
    fingerprint: str = ""


def _frozen(value: Any) -> Any:
    """The same with tuples in the place of lists."""
    if isinstance(value, dict):
        return {key: _frozen(one) for key, one in value.items()}
    return tuple(map(_frozen, value)) if isinstance(value, list) else value


def _rows(table: dict[str, Any]) -> dict[str, Known]:
    """The table's rows by name; a part is as its whole in what is not said of itself."""
    rows: dict[str, Known] = {}
    for name, told in table.items():
        row = vars(rows[told["whole"]]) | {"copy": "", "fingerprint": ""} if "whole" in told else {}
        parts = tuple(Part(**part) for part in told.get("parts", ())) or WHOLE
        if kept := parts[0].classes:
            row["classes"] = tuple(row["classes"][label] for label in kept)
        rows[name] = Known(**row | told | {"name": name, "parts": parts})
    return rows


_TABLE = _frozen(tomllib.loads(Path(__file__).with_suffix(".toml").read_text("utf-8")))
CHARACTERS: str = _TABLE.pop("characters")
CROP = ("crop",)
ROWS = _rows(_TABLE)
_GLYPHS = re.compile(r"glyphs(?:-([0-9]+)(?:-([0-9]*\.?[0-9]+))?)?")


def find(name: str) -> Known | None:
    """What is known of a data set; None of a name that is no data set's.

    >>> find("glyphs-20-0.80").name
    'glyphs-20-0.8'
    """
    if (knobs := glyphs(name)) is None:
        return ROWS.get(name)
    classes, clutter = knobs
    name = f"glyphs-{classes}-{np.format_float_positional(clutter, trim='-')}"
    title = f"glyphs ({classes} classes, clutter {clutter:g})"
    return Known(name, title, (5_000, 1_000), CROP, classes=tuple(CHARACTERS[:classes]))


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
    return tuple(name for name, row in ROWS.items() if row.archives)


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
