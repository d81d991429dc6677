"""What the jobs of a comparison share: data, recipe and seeds, in three profiles."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path
from typing import Any

from anytime.datasets import catalogue
from anytime.experiments.estimates import training_images
from anytime.experiments.job import Job
from anytime.training.recipe import CIFAR_PAPER, Recipe

Names = tuple[str, ...]
Seeds = tuple[int, ...]


@dataclass(frozen=True)
class Setting:
    """What the jobs of a comparison share: the data, how much of it, and the recipe.

    networks: for these data instead of the comparison's own.
    """

    dataset: str
    recipe: Recipe
    train_images: int | None = None
    image_size: int | None = None
    networks: Names = ()

    @property
    def name(self) -> str:
        """That of the data, which may be given as a path."""
        return catalogue.canonical(self.dataset)

    def job(self, network: str, weighting: str, seed: int = 0, validation: int = 0) -> Job:
        images = self.train_images, validation, self.image_size
        return Job(self.dataset, network, weighting, self.recipe, seed, *images)

    def jobs(self, networks: Names, weightings: Names, seeds: Seeds = (0,)) -> list[Job]:
        """Each network with each weighting and each seed."""
        return [self.job(*one) for one in product(networks, weightings, seeds)]

    def by(self, **changes: Any) -> Setting:
        """The same by another recipe: changes are fields of it, such as epochs."""
        return replace(self, recipe=replace(self.recipe, **changes))

    @property
    def images(self) -> int:
        """So many are there to train with; data of unknown size are read."""
        return self.train_images or training_images(self.dataset, self.image_size)


# Two epochs of 75 steps: enough to see every part at work and AdaLoss change its weights, not to
# compare schemes.
QUICK = Recipe(epochs=2, batch_size=8)
# One cycle ends at a rate of 0, so that seeds scatter little. Crops as in the paper: without them
# the last exit fits CIFAR-10, but OPT is not the best there (the records in data/pilot).
# Compiling pays back in three minutes.
LAPTOP = Recipe(epochs=20, batch_size=64, augmentation=("crop", "flip"), compile=True)
# A mirrored sign or character is another one.
SIGNS = replace(LAPTOP, augmentation=("crop",))
# Three times as long: AdaLoss gains on the other weightings while the last exit learns to fit.
LONG = 60
# The augmentation of the paper is each data set's own.
PAPER = CIFAR_PAPER
# The authors drop the rate after these epochs; to which values is known for CIFAR only, and is
# taken from there.
DIGITS = replace(
    CIFAR_PAPER, epochs=60, milestones=tuple(zip((15, 30, 45), (0.01, 0.001, 0.0002), strict=True))
)

# The authors' unit and stem, in the shapes of 26 and 50 layers but with fewer channels.
BOTTLENECKS = ("resann-2.2.2.2-32-preact", "resann-3.4.6.3-48-preact")
# From easy to hard. ILSVRC is in no profile: its images don't fit into memory as one tensor.
SETTINGS: dict[str, tuple[Setting, ...]] = {
    "quick": (Setting("fashion", QUICK, 600),),
    # Those that are not trained on as all others are. The first two are shipped, trained on
    # images that ship: the live parts of the course predict with them.
    "laptop": (
        Setting("fashion", replace(LAPTOP, epochs=40)),
        Setting("glyphs-40-0.5", replace(SIGNS, epochs=40), 6_000),
        Setting("imagenette-64", LAPTOP, image_size=64, networks=BOTTLENECKS),
    ),
    "paper": (Setting("svhn", DIGITS), Setting("cifar10", PAPER), Setting("cifar100", PAPER)),
}
PROFILES = tuple(SETTINGS)
# For data that a profile doesn't know. On the laptop nothing is flipped of which it is not known
# that it may be.
UNKNOWN = {"quick": QUICK, "laptop": SIGNS, "paper": PAPER}
SEEDS: dict[str, Seeds] = {"quick": (0,), "laptop": (0, 1, 2), "paper": (0, 1, 2)}


def find(profile: str, dataset: str, folder: Path | None = None) -> Setting:
    """A data set's own setting in a profile, or that of all others.

    folder: where its `{dataset}.tar.gz` or `{dataset}.npz` is used, if there is one.
    """
    name = catalogue.canonical(dataset)
    flips = profile == "laptop" and "flip" in catalogue.augmentation(name)
    recipe = LAPTOP if flips else UNKNOWN[profile]
    unknown = Setting(dataset, recipe, SETTINGS[profile][0].train_images)
    known = {one.dataset: one for one in SETTINGS[profile]}.get(name, unknown)
    files = [folder / f"{dataset}{ending}" for ending in (".tar.gz", ".npz")] if folder else []
    return replace(known, dataset=next((str(f) for f in files if f.exists()), dataset))
