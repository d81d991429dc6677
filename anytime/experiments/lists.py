"""The paper's comparisons as lists of jobs, in three profiles; what for stands in data/plan.md."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Iterable
from dataclasses import replace
from itertools import product
from pathlib import Path

from anytime import metrics, paper
from anytime.experiments import settings
from anytime.experiments.estimates import multiply_adds
from anytime.experiments.job import Job
from anytime.experiments.settings import LONG, PROFILES, SEEDS, SETTINGS, Names, Seeds, Setting
from anytime.names import up_to

MAIN = ("const", "adaloss", "linear", "opt")
EXTRA = "adaloss:extra=1"


# Those on the laptop whose number of seeds is another one.
FIVE = (0, 1, 2, 3, 4)
LAPTOP_SEEDS: dict[str, Seeds] = {"final-weights": FIVE, "schemes": FIVE, "chain": (0,)}

# The paper's three data sets, as far as they are at hand, and cuts of the hardest to ten classes.
THREE = ("svhn-10k", "cifar10-59904", "cifar100")
CUTS = ("cifar100-10a", "cifar100-10b")
GLYPHS = ("glyphs-10-0", "glyphs-10-0.5", "glyphs-10-1", "glyphs-40-0.5")

# Chosen on images set aside, by the records of `totals`; provisional until these are there.
# OPT's total where it is not 1, by data set and network.
OPT_TOTALS: dict[tuple[str, str], float] = {}
# What AdaLoss's weights sum to on CIFAR-100, as a mean over its 20 epochs.
MEAN_TOTAL = 10


def final_weights(setting: Setting, networks: Names, seeds: Seeds) -> list[Job]:
    """AdaLoss on equally many images of each data set, long enough to fit them."""
    return setting.jobs(networks, ("adaloss",), seeds)


def laptop_weights(setting: Setting, networks: Names, seeds: Seeds) -> list[Job]:
    """`final_weights` on 5,000 images, cropped alike; the paper's data sets also whole.

    These and the cuts of CIFAR-100 are trained without AdaLoss's floor as well.
    """
    few = replace(setting, train_images=5_000).by(epochs=LONG, augmentation=("crop",))
    if setting.name not in THREE + CUTS:
        return few.jobs(networks, ("adaloss",), seeds[:3])
    whole = setting.jobs(networks, ("adaloss",)) if setting.name in THREE else []
    return few.jobs(networks, ("adaloss", "adaloss:gamma=0"), seeds) + whole


def totals(setting: Setting, networks: Names, seeds: Seeds) -> list[Job]:
    """What the weights should sum to, on images set aside: OPT's, and on CIFAR-100 the others'."""
    cuts = [cut for network in networks for cut in _quarters(network)]
    pairs = [*product(cuts, ("opt", "opt:total=3", "opt:total=12"))]
    if setting.name == "cifar100":
        schemes = [scheme + total for total in ("", ":total=2") for scheme in MAIN[:3]]
        pairs = [*product(networks, schemes), *pairs]
    aside = max(1, setting.images // 10)  # so that nothing is chosen by the test set
    return [setting.job(*pair, validation=aside) for pair in pairs]


def schemes(setting: Setting, networks: Names, seeds: Seeds) -> list[Job]:
    """Every static scheme and AdaLoss on one network, and OPT at the quarters of its cost."""
    listed = _main(setting, networks, seeds, seeds) + setting.jobs(networks, (EXTRA,), seeds)
    return listed + setting.jobs(networks, ("half-end", "sieve"))


def laptop_schemes(setting: Setting, networks: Names, seeds: Seeds) -> list[Job]:
    """CONST, AdaLoss, LINEAR and OPT; on CIFAR-100 at two lengths, and with what is confounded."""
    if setting.name != "cifar100":
        return _main(setting, networks, seeds[:3], seeds[:1])
    equal = tuple(f"{scheme}:total={MEAN_TOTAL}" for scheme in ("const", "linear"))
    return [
        *_main(setting.by(epochs=LONG), networks, seeds, seeds[:3]),
        *_main(setting, networks, seeds),
        *setting.jobs(networks, equal, seeds),
        *_authors(setting, networks, seeds),
    ]


def _main(setting: Setting, networks: Names, seeds: Seeds, cut_seeds: Seeds = ()) -> list[Job]:
    """The four on whole networks, then OPT at the other quarters of their cost."""
    listed = setting.jobs(networks, MAIN[:3], seeds)
    for network in networks:
        for cut in _quarters(network):
            total = OPT_TOTALS.get((setting.name, cut))
            opt = f"opt:total={total}" if total else "opt"
            listed += setting.jobs((cut,), (opt,), seeds if cut == network else cut_seeds)
    return listed


def _authors(setting: Setting, networks: Names, seeds: Seeds) -> list[Job]:
    """The authors' batches of CONST and OPT, and LINEAR with the sum of its weights as theirs."""
    listed = setting.by(batch_size=128).jobs(networks, ("const", "opt"), seeds)
    for network in networks:
        listed += setting.jobs((network,), (logarithmic(network),), seeds)
    return listed


def logarithmic(network: str) -> str:
    """LINEAR for a network of K exits with the authors' sum of its weights, log2 K."""
    return f"linear:total={math.log2(len(multiply_adds(network))):.4g}"


def small_beats_large(setting: Setting, networks: Names, seeds: Seeds) -> list[Job]:
    """AdaLoss and CONST on small and on large networks: where is which error reached first?"""
    return setting.jobs(networks, ("adaloss", "const"), seeds[:3])


def depth(setting: Setting, networks: Names, seeds: Seeds) -> list[Job]:
    """CONST, AdaLoss, LINEAR and OPT on a deep network with all of its exits, and with a third."""
    return setting.jobs(networks, MAIN, seeds[:3])


def chain(setting: Setting, networks: Names, seeds: Seeds) -> list[Job]:
    """The members of an EANN with AdaLoss, and as controls with CONST and as OPT."""
    return setting.jobs(networks, ("adaloss", "const", "opt"), seeds)


def length(setting: Setting, networks: Names, seeds: Seeds) -> list[Job]:
    """The four, trained for very long, and at a middle length those that are not among them."""
    cycle = setting.by(schedule="one-cycle", milestones=())
    listed = cycle.by(epochs=3 * LONG).jobs(networks, MAIN)
    return listed + cycle.by(epochs=LONG).jobs(networks, (EXTRA, "half-end"), seeds)


def shipped_networks(setting: Setting, networks: Names, seeds: Seeds) -> list[Job]:
    """Small networks to predict with; a thousand training images are left to choose limits with."""
    aside = min(1_000, max(1, setting.images // 6))
    pairs = [(network, "adaloss") for network in networks] + [(networks[0], "const")]
    return [setting.job(*pair, validation=aside) for pair in pairs]


EXPERIMENTS: dict[str, Callable[[Setting, Names, Seeds], list[Job]]] = {
    "final-weights": final_weights,
    "totals": totals,
    "schemes": schemes,
    "small-beats-large": small_beats_large,
    "depth": depth,
    "chain": chain,
    "length": length,
    "networks": shipped_networks,
}
# On the laptop these are other lists.
LAPTOP_LISTS = {"final-weights": laptop_weights, "schemes": laptop_schemes}

TINY = ("resann-1-4-stride2", "resann-2-4-stride2")
SMALL = tuple(f"resann-{n}-16-stride2" for n in (1, 2, 4, 8))
GRID = tuple(f"resann-{n}-{c}" + ("-s3" if n == 25 else "") for n, c in paper.NETWORKS)
PAIRS = ("resann-9-16", "resann-17-16", "resann-9-32", "resann-17-32")
CHAIN = tuple(f"resann-{n}-32" for n in (1, 2, 4, 8, 16))
DEEP = ("resann-25-32-s3",)
DEPTH = ("resann-9-8-stride2", "resann-9-8-stride2-s3")
# The networks of each comparison, by profile in their order.
NETWORKS: dict[str, tuple[Names, Names, Names]] = {
    "final-weights": (TINY[:1], SMALL[2:3], DEEP),
    "totals": (TINY[:1], SMALL[2:3], PAIRS[:1]),
    "schemes": (TINY[:1], SMALL[2:3], GRID),
    "small-beats-large": (TINY, SMALL, PAIRS),
    "depth": (TINY, DEPTH, ("resann-25-32", *DEEP)),
    "chain": (TINY, SMALL[:3], CHAIN),
    "length": (TINY[:1], SMALL[2:3], PAIRS[:1]),
    "networks": (TINY[:1], SMALL[2::-1], DEEP),
}
# The data sets of each comparison on the laptop, the most telling first.
LAPTOP_DATA: dict[str, Names] = {
    "final-weights": (*THREE, *CUTS, "gtsrb-half", *GLYPHS),
    "totals": ("cifar100", "cifar10-59904", "gtsrb-half"),
    "schemes": ("cifar100", "cifar10-59904", "gtsrb-half"),
    "small-beats-large": ("cifar100",),
    "depth": ("cifar100",),
    "chain": ("imagenette-64",),
    "length": ("cifar100",),
    "networks": ("fashion", "glyphs-40-0.5"),
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
    folder: where `{name}.tar.gz` or `{name}.npz` lie, used for the data sets that have one there.
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
        datasets = LAPTOP_DATA[experiment] if profile == "laptop" else own

    make, networks = EXPERIMENTS[experiment], NETWORKS[experiment][PROFILES.index(profile)]
    seeds = SEEDS[profile]
    if profile == "laptop":
        make, seeds = LAPTOP_LISTS.get(experiment, make), LAPTOP_SEEDS.get(experiment, seeds)
    listed = []
    for dataset in dict.fromkeys(map(str, datasets)):
        one = settings.find(profile, dataset, folder)
        size, images = image_size or one.image_size, train_images or one.train_images
        one = replace(one, train_images=images, image_size=size)
        listed += make(one, one.networks or networks, seeds)
    if train_images:
        listed = [replace(job, train_images=train_images) for job in listed]
    # Seed by seed over all data sets: an unfinished list still compares like with like.
    return sorted(listed, key=lambda job: job.seed)


@functools.cache
def _quarters(network: str) -> Names:
    """The network cut at the exits nearest to the quarters of its cost, the whole one first.

    Counted for 10 classes; it takes some hundred for the nearest exits to be others.
    """
    macs = multiply_adds(network)
    exits = sorted({metrics.exit_nearest(macs, share) + 1 for share in metrics.QUARTERS})
    return tuple(network if k == len(macs) else up_to(network, k) for k in reversed(exits))
