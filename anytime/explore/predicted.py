"""What networks predict on this machine, and how fast; torch is imported only to run them."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from anytime.explore.frame import NothingToShow
from anytime.explore.recorded import Runs, gather
from anytime.paths import DATA
from anytime.runs import Run

if TYPE_CHECKING:
    from torch import Tensor, nn

NETWORKS = DATA / "networks"
EMBEDDED = ("fashion", "glyphs")
IMAGES = 1000  # so many test images are predicted
KINDS = ("all", "overthinking: right, then wrong", "wrong at the end", "changed its mind")

Stored = tuple[Run, Path, str]
"""A run, the file of its trained network, and the file's SHA-256."""


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


def can_run() -> bool:
    """Whether torch is there; it is not imported to find out."""
    return find_spec("torch") is not None


def stored(runs: Runs = None) -> list[Stored]:
    """The runs whose trained network is kept, images that ship and many exits first.

    A network's file lies beside its run's record, or with the networks that ship.
    """
    found: dict[Path, Stored] = {}
    for run in gather(runs, beside=[NETWORKS]):
        if run.trained is None:
            continue
        beside = run.path.parent if run.path else NETWORKS
        files = [(folder / run.trained["file"]).resolve() for folder in (beside, NETWORKS)]
        if file := next(filter(Path.exists, files), None):
            found.setdefault(file, (run, file, run.trained["sha256"]))

    def rank(kept: Stored) -> tuple[bool, int]:
        return not kept[0].config["dataset"].startswith(EMBEDDED), -kept[0].num_exits

    return sorted(found.values(), key=rank)


@lru_cache(maxsize=4)
def watch(file: Path, dataset: str, sha256: str) -> Watched:
    """Predicts the first test images in one go and measures the exits; done once per network.

    Raises NothingToShow, saying why, where the network or the images cannot be had.
    """
    from anytime import datasets, networks
    from anytime.datasets.loading import is_here
    from anytime.training import evaluation

    try:
        if not is_here(dataset):
            raise NothingToShow(
                f"The images of {dataset} are not on this machine; `python -m anytime fetch "
                f"{dataset}` downloads them. Or choose a network that predicts images which ship."
            )
        network, data = networks.load(file, sha256), datasets.load(dataset)
    except (OSError, ValueError) as error:
        raise NothingToShow(str(error)) from error
    test = data.test[:IMAGES]
    images, labels = test.pixels.permute(0, 2, 3, 1).numpy(), test.labels.numpy()
    probabilities = evaluation.predict(network, test).softmax(-1).numpy()
    times = measure(network, test.pixels[:1])
    return Watched(images, labels, data.classes, probabilities, times)


def kinds(watched: Watched) -> dict[str, np.ndarray]:
    """The numbers of the test images of each of `KINDS`, by what happens from exit to exit."""
    answers = watched.probabilities.argmax(-1)
    right = answers == watched.labels
    wrong, changed = ~right[-1], (answers != answers[0]).any(0)
    masks = np.full(len(wrong), True), right.any(0) & wrong, wrong, changed
    return dict(zip(KINDS, map(np.flatnonzero, masks), strict=True))


def measure(network: nn.Module, image: Tensor) -> np.ndarray:
    """Milliseconds from an image (1, C, H, W) to each exit's prediction: (K,), medians."""
    from anytime.prediction.predictor import AnytimePredictor

    return 1000 * AnytimePredictor(network).calibrate(image, quantile=0.5).cumsum()
