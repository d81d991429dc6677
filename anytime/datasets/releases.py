"""Traffic signs and Tiny-ImageNet at 32×32, made by rule from the official releases."""

from __future__ import annotations

import csv
import io
from pathlib import Path, PurePosixPath

from anytime.datasets.cache import Decoded
from anytime.datasets.decoding import Entry, decoded
from anytime.datasets.folders import Contents, opened

GTSRB = (
    "https://sid.erda.dk/public/archives/daaeac0d7ce1152aea9b61d9f1e19370/"
    "GTSRB_Final_Training_Images.zip"
)
GTSRB_MD5 = "f33fd80ac59bff73c82d25ab499e03a3"
TINY_IMAGENET = "http://cs231n.stanford.edu/tiny-imagenet-200.zip"
TINY_IMAGENET_MD5 = "90528d7ca1a48142e341f4ef8d21d0de"


def read_gtsrb(path: Path, training: str, every: int) -> Decoded:
    """Traffic signs, whole images resized to 32×32 (bilinear), with the official test set.

    path: the folder with GT-final_test.csv and GTSRB/. training: below that, the folder of
    class/TRACK_FRAME.ppm. every: 2 keeps the frames 0, 2, 4, … of each track.
    """
    with opened(path) as contents:
        train = [
            Entry("train", file.parent.name, str(file))
            for file in map(PurePosixPath, contents.files)
            if file.match(f"GTSRB/{training}/*/*.ppm") and int(file.stem.split("_")[1]) % every == 0
        ]
        rows = csv.DictReader(io.StringIO(_text(contents, "GT-final_test.csv")), delimiter=";")
        test = [
            Entry("test", f"{int(row['ClassId']):05}", f"GTSRB/Final_Test/Images/{row['Filename']}")
            for row in rows
        ]
        return decoded(path, contents.read, train + test, image_size=32)


def read_tiny_imagenet(path: Path) -> Decoded:
    """Every second class by sorted id, 64×64 averaged over 2×2 pixels, tested on `val`.

    path: the folder or zip of the release.
    """
    with opened(path) as contents:
        chosen = sorted(_text(contents, "wnids.txt").split())[::2]
        words = dict(line.split("\t") for line in _text(contents, "words.txt").splitlines())
        names = {wnid: _class_name(wnid, words[wnid]) for wnid in chosen}
        train = [
            Entry("train", names[parts[-3]], file)
            for file in contents.files
            if (parts := file.split("/"))[-2:-1] == ["images"] and parts[-3] in names
        ]
        annotations = _text(contents, "val/val_annotations.txt").splitlines()
        labelled = dict(line.split("\t")[:2] for line in annotations)
        test = [
            Entry("test", names[labelled[name]], file)
            for file in contents.files
            if (name := PurePosixPath(file).name) in labelled and labelled[name] in names
        ]
        return decoded(path, contents.read, train + test, shrink=lambda image: image.reduce(2))


def _class_name(wnid: str, words: str) -> str:
    return f"{wnid}-{words.split(',')[0].lower().replace(' ', '-')}"


def _text(contents: Contents, end: str) -> str:
    """The text of the file whose path ends so, wherever in the archive its folder begins."""
    found = [file for file in contents.files if f"/{file}".endswith(f"/{end}")]
    return contents.read(found[0] if found else end).decode()
