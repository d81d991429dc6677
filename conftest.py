"""Tests and notebooks run alike everywhere: one thread, no window, no draw without a seed."""

import os
import random
from itertools import groupby

import hypothesis
import matplotlib
import numpy as np

from anytime.course.notebooks import steady_kernels
from anytime.paths import REPOSITORY

steady_kernels()
os.environ["ANYTIME_CACHE"] = str(REPOSITORY / "build" / "cache")
os.environ.pop("ANYTIME_DOWNLOADS", None)
matplotlib.use("Agg")  # not by the environment: kernels draw into the notebook
hypothesis.settings.register_profile("steady", derandomize=True, deadline=None)
hypothesis.settings.load_profile("steady")


def pytest_addoption(parser):
    parser.addoption("--shuffle", type=int, metavar="SEED", help="tests in another order")


def pytest_collection_modifyitems(config, items):
    """Shuffles the files and the tests within each; the cells of a notebook keep their order."""
    if (seed := config.getoption("--shuffle")) is not None:
        drawn = random.Random(seed)
        files = [[*tests] for _, tests in groupby(items, lambda item: item.path)]
        drawn.shuffle(files)
        for tests in files:
            if tests[0].path.suffix == ".py":
                drawn.shuffle(tests)
        items[:] = sum(files, [])


def pytest_runtest_setup(item):
    """What draws without a generator of its own begins alike in every test, whatever ran before."""
    import torch

    random.seed(0)
    np.random.seed(0)
    torch.manual_seed(0)
