"""Trained networks that are kept, and what they predict for test images; torch comes in late."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from anytime.explore import timing
from anytime.explore.frame import NothingToShow
from anytime.explore.recorded import Runs, gather
from anytime.paths import DATA
from anytime.runs import Run

NETWORKS = DATA / "networks"
EMBEDDED = ("fashion", "glyphs")
IMAGES = 1000  # so many test images are predicted


class Watched(NamedTuple):
    """What a network predicts for test images, and how long each exit takes on this machine.

    images: (N, H, W, C) pixels. labels: (N,), the right classes. probabilities: (K, N, classes).
    milliseconds: (K,), from one image to each exit's prediction.
    """

    images: np.ndarray
    labels: np.ndarray
    classes: Sequence[str]
    probabilities: np.ndarray
    milliseconds: np.ndarray


def stored(runs: Runs = None) -> list[tuple[Run, Path]]:
    """The runs whose trained network is kept, with its file: images that ship and many exits first.

    A network's file lies beside its run's record, or with the networks that ship.
    """
    found: dict[Path, Run] = {}
    for run in gather(runs, beside=[NETWORKS]):
        folders = [run.path.parent, NETWORKS] if run.path else [NETWORKS]
        files = [folder / run.trained["file"] for folder in folders if run.trained]
        if file := next(filter(Path.exists, files), None):
            found.setdefault(file.resolve(), run)
    pairs = [(run, file) for file, run in found.items()]

    def rank(pair: tuple[Run, Path]) -> tuple[bool, int]:
        return not pair[0].config["dataset"].startswith(EMBEDDED), -pair[0].num_exits

    return sorted(pairs, key=rank)


@functools.lru_cache(maxsize=4)
def watch(file: Path, dataset: str, sha256: str) -> Watched:
    """Predicts the first test images in one go and measures the exits; done once per network.

    Raises NothingToShow, saying why, where the network or the images cannot be had.
    """
    from anytime import datasets, networks
    from anytime.training import evaluation

    try:
        _check_presence(dataset)
        network, data = networks.load(file, sha256), datasets.load(dataset)
    except (OSError, ValueError) as error:
        raise NothingToShow(str(error)) from error
    test = data.test[:IMAGES]
    images, labels = test.pixels.permute(0, 2, 3, 1).numpy(), test.labels.numpy()
    probabilities = evaluation.predict(network, test).softmax(-1).numpy()
    times = timing.measure(network, test.pixels[:1])
    return Watched(images, labels, data.classes, probabilities, times)


def _check_presence(dataset: str) -> None:
    """Raises NothingToShow where images would have to be downloaded."""
    from anytime.datasets.loading import is_here

    if not is_here(dataset):
        raise NothingToShow(
            f"The images of {dataset} are not on this machine; `python -m anytime fetch {dataset}` "
            "downloads them. Or choose a network that predicts images which ship."
        )


def kinds(watched: Watched) -> dict[str, np.ndarray]:
    """The numbers of the test images of each kind, by what happens from exit to exit."""
    answers = watched.probabilities.argmax(-1)
    right = answers == watched.labels
    masks = {
        "all": np.full(len(watched.labels), True),
        "overthinking: right, then wrong": right.any(0) & ~right[-1],
        "wrong at the end": ~right[-1],
        "changed its mind": (answers != answers[0]).any(0),
    }
    return {kind: np.flatnonzero(mask) for kind, mask in masks.items()}
