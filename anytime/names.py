"""Data sets' names and titles, without the data."""

from __future__ import annotations

import os
import re
from pathlib import Path

# Archives of these names are no official releases; their figures must not be taken for such.
COPIES = {
    "gtsrb-half": "GTSRB (every second frame)",
    "cifar10": "CIFAR-10 (JPEG copy)",
    "tiny-imagenet-100": "Tiny-ImageNet (every second class)",
}


def dataset_name(dataset: str | os.PathLike) -> str:
    """A data set's name, as a record keeps it: a path loses its folder and an archive's ending."""
    # A link keeps its own name: so an archive can be given the name of the data set that it holds.
    return re.sub(r"(\.(tar|tgz|zip|gz|xz|bz2))+$", "", Path(os.path.abspath(dataset)).name)
