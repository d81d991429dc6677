"""The paper's comparisons as lists of jobs, in three profiles."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path

from anytime import metrics, paper
from anytime.experiments.estimates import multiply_adds, training_images
from anytime.experiments.job import Job
from anytime.names import dataset_name, up_to
from anytime.training.recipe import CIFAR_PAPER, Recipe

ADALOSS = ("adaloss", "adaloss:extra=1")
Names = tuple[str, ...]
Seeds = tuple[int, ...]


@dataclass(frozen=True)
class Setting:
    """What the jobs of a comparison share: the data, how much of it, and the recipe."""

    dataset: str
    recipe: Recipe
    train_images: int | None = None
    image_size: int | None = None

    def job(self, network: str, weighting: str, seed: int = 0, validation: int = 0) -> Job:
        images = self.train_images, validation, self.image_size
        return Job(self.dataset, network, weighting, self.recipe, seed, *images)

    @property
    def images(self) -> int:
        """So many are there to train with; data of unknown size are read."""
        return self.train_images or training_images(self.dataset, self.image_size)


# Two epochs on 600 images: enough to see every part at work, not to compare schemes.
QUICK = Recipe(epochs=2, batch_size=64)
# One cycle ends at a rate of 0, so that seeds scatter little. Crops as in the paper: without them
# the last exit fits CIFAR-10, but OPT is not the best there (the records in data/pilot).
# Compiling pays back in three minutes.
LAPTOP = Recipe(epochs=20, batch_size=64, augmentation=("crop", "flip"), compile=True)
# A mirrored sign or character is another one.
SIGNS = replace(LAPTOP, augmentation=("crop",))
# Few images as they are, seen often enough to fit them.
FITTED = replace(LAPTOP, epochs=60, augmentation=())
# The augmentation of the paper is each data set's own.
PAPER = CIFAR_PAPER
# The authors drop the rate after these epochs; to which values is known for CIFAR only, and is
# taken from there.
DIGITS = replace(
    CIFAR_PAPER, epochs=60, milestones=tuple(zip((15, 30, 45), (0.01, 0.001, 0.0002), strict=True))
)

# From easy to hard. ILSVRC is in no profile: its images don't fit into memory as one tensor.
SETTINGS: dict[str, tuple[Setting, ...]] = {
    "quick": (Setting("fashion", QUICK, 600),),
    # Whole training sets. On a fifth of CIFAR-10 OPT is not the best: see the records in
    # data/runs/first-edition/few-images.
    "laptop": (
        Setting("gtsrb-half", SIGNS),
        Setting("cifar10", LAPTOP),
        Setting("tiny-imagenet-100", LAPTOP),
    ),
    "paper": (Setting("svhn", DIGITS), Setting("cifar10", PAPER), Setting("cifar100", PAPER)),
}
PROFILES = tuple(SETTINGS)
SEEDS: dict[str, Seeds] = {"quick": (0,), "laptop": (0, 1, 2), "paper": (0, 1, 2)}
# For data that a profile doesn't know: no flips on the laptop, as nothing is known of mirroring.
UNKNOWN = {"quick": QUICK, "laptop": SIGNS, "paper": PAPER}
# Trained to be shipped, on images that ship: the live parts of the course predict with them.
SHIPPED = (
    Setting("fashion", replace(LAPTOP, epochs=40)),
    Setting("glyphs-40-0.5", replace(SIGNS, epochs=40), 6_000),
)
GLYPHS = ("glyphs-10-0", "glyphs-10-0.5", "glyphs-10-1", "glyphs-40-0.5")


def schemes(setting: Setting, networks: Names, seeds: Seeds) -> list[Job]:
    """Every static scheme and AdaLoss on one network, and OPT at the quarters of its cost."""
    jobs = []
    for seed, network in product(seeds, networks):
        jobs += [setting.job(network, scheme, seed) for scheme in ("const", *ADALOSS, "linear")]
        jobs += [setting.job(cut, "opt", seed) for cut in _quarters(network)]
        if seed == 0:
            jobs += [setting.job(network, scheme) for scheme in ("half-end", "sieve")]
    return jobs


def small_beats_large(setting: Setting, networks: Names, seeds: Seeds) -> list[Job]:
    """AdaLoss on smaller networks against CONST on larger ones."""
    pairs = product(networks, ("adaloss", "const"))
    return [setting.job(*pair, seed) for pair, seed in product(pairs, seeds)]


def difficulty(setting: Setting, networks: Names, seeds: Seeds) -> list[Job]:
    """AdaLoss on equally many images of each data set, long enough to fit them."""
    return [setting.job(network, "adaloss", seed) for network in networks for seed in seeds]


def chain(setting: Setting, networks: Names, seeds: Seeds) -> list[Job]:
    """The members of an EANN with AdaLoss, and its last member with CONST and as OPT."""
    pairs = [(member, "adaloss") for member in networks]
    pairs += [(networks[-1], scheme) for scheme in ("const", "opt")]
    return [setting.job(*pair, seed) for pair, seed in product(pairs, seeds)]


def pilot(setting: Setting, networks: Names, seeds: Seeds) -> list[Job]:
    """Whether the last exit fits, and OPT is best there: with and without crops.

    Without any augmentation at all where a recipe leaves it to the data set.
    Tested on a tenth of the training images, so that a setting is chosen without the test set.
    """
    aside = max(1, setting.images // 10)
    steps = tuple(step for step in setting.recipe.augmentation or () if step != "crop")
    without = replace(setting, recipe=replace(setting.recipe, augmentation=steps))
    both = product((setting, without), networks, ("opt", "const"))
    return [one.job(network, scheme, validation=aside) for one, network, scheme in both]


def shipped_networks(setting: Setting, networks: Names, seeds: Seeds) -> list[Job]:
    """Small networks to predict with; a thousand training images are left to choose limits with."""
    aside = min(1_000, max(1, setting.images // 6))
    pairs = [(network, "adaloss") for network in networks] + [(networks[0], "const")]
    return [setting.job(*pair, validation=aside) for pair in pairs]


EXPERIMENTS: dict[str, Callable[[Setting, Names, Seeds], list[Job]]] = {
    "schemes": schemes,
    "small-beats-large": small_beats_large,
    "difficulty": difficulty,
    "chain": chain,
    "pilot": pilot,
    "networks": shipped_networks,
}

TINY = ("resann-1-4-stride2", "resann-2-4-stride2")
SMALL = ("resann-1-16-stride2", "resann-2-16-stride2", "resann-4-16-stride2")
GRID = tuple(f"resann-{n}-{c}" + ("-s3" if n == 25 else "") for n, c in paper.NETWORKS)
PAIRS = ("resann-9-16", "resann-17-16", "resann-9-32", "resann-17-32")
CHAIN = tuple(f"resann-{n}-32" for n in (1, 2, 4, 8, 16))
DEEP = ("resann-25-32-s3",)
# The networks of each comparison, by profile in their order.
NETWORKS: dict[str, tuple[Names, Names, Names]] = {
    "schemes": (TINY[:1], SMALL[-1:], GRID),
    "small-beats-large": (TINY, SMALL, PAIRS),
    "difficulty": (TINY[:1], SMALL[-1:], DEEP),
    "chain": (TINY, SMALL, CHAIN),
    "pilot": (TINY[:1], SMALL[-1:], ("resann-9-32",)),
    "networks": (TINY[:1], SMALL[::-1], DEEP),
}
# The data sets of a comparison on the laptop that does not take its profile's.
LAPTOP_DATA = {
    "difficulty": (*(setting.dataset for setting in SETTINGS["laptop"]), *GLYPHS),
    "pilot": ("cifar10",),
    "networks": tuple(setting.dataset for setting in SHIPPED),
}


def jobs(
    experiment: str,
    profile: str = "laptop",
    datasets: Iterable[str] | None = None,
    folder: Path | None = None,
    train_images: int | None = None,
    image_size: int | None = None,
) -> list[Job]:
    """The jobs of an experiment, the most telling first.

    experiment, profile: of EXPERIMENTS and PROFILES.
    datasets: names or paths instead of the profile's own.
    folder: where archives `{name}.tar.gz` lie, used for the data sets that have one there.
    train_images: instead of the profile's.
    image_size: the side to resize the images of folders and archives to.
    Raises ValueError for an unknown experiment or profile.
    """
    if experiment not in EXPERIMENTS:
        raise ValueError(f"unknown experiment {experiment!r}; there are {', '.join(EXPERIMENTS)}")
    if profile not in PROFILES:
        raise ValueError(f"unknown profile {profile!r}; there are {', '.join(PROFILES)}")
    if datasets is None:
        own = tuple(setting.dataset for setting in SETTINGS[profile])
        datasets = LAPTOP_DATA.get(experiment, own) if profile == "laptop" else own

    networks = NETWORKS[experiment][PROFILES.index(profile)]
    listed = []
    for dataset in dict.fromkeys(map(str, datasets)):
        setting = _setting(experiment, profile, dataset, folder)
        images = train_images or setting.train_images
        setting = replace(setting, train_images=images, image_size=image_size)
        listed += EXPERIMENTS[experiment](setting, networks, SEEDS[profile])
    # Seed by seed over all data sets: an unfinished list still compares like with like.
    return sorted(listed, key=lambda job: job.seed)


def _setting(experiment: str, profile: str, dataset: str, folder: Path | None) -> Setting:
    known = SETTINGS[profile] + (SHIPPED if profile == "laptop" else ())
    settings = {setting.dataset: setting for setting in known}
    unknown = Setting(dataset, UNKNOWN[profile], SETTINGS[profile][0].train_images)
    setting = settings.get(dataset_name(dataset), unknown)
    if (experiment, profile) == ("difficulty", "laptop"):  # so that only the data differ
        setting = replace(setting, train_images=5_000, recipe=FITTED)
    archive = Path(folder or "", f"{dataset}.tar.gz")
    return replace(setting, dataset=str(archive) if folder and archive.exists() else dataset)


@functools.cache
def _quarters(network: str) -> Names:
    """The network cut at the exits nearest to the quarters of its cost, the whole one first.

    Counted for 10 classes; it takes some hundred for the nearest exits to be others.
    """
    macs = multiply_adds(network)
    exits = sorted({metrics.exit_nearest(macs, share) + 1 for share in metrics.QUARTERS})
    return tuple(network if k == len(macs) else up_to(network, k) for k in reversed(exits))
