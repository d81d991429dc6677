"""What jobs will cost: their multiply-adds, times the pace of finished or of measured training."""

from __future__ import annotations

import functools
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from anytime import names, runs
from anytime.datasets import catalogue
from anytime.experiments.job import Job
from anytime.training.recipe import Recipe

if TYPE_CHECKING:
    import pandas as pd


@functools.cache
def training_images(dataset: str, image_size: int | None = None) -> int:
    """Images of a whole training set, by name or path; raises what `datasets.load` raises."""
    row = catalogue.find(dataset)
    if row and image_size is None:
        return row.images[0]

    from anytime import datasets

    return len(datasets.load(dataset, image_size=image_size).train)


@functools.cache
def multiply_adds(network: str) -> np.ndarray:
    """The cost (K,) of a network's exits on 32x32 images, by its name."""
    from anytime.experiments import skeletons

    whole, last = names.cut(network)
    if last is not None and "+" not in network:  # counted once for all cuts
        return multiply_adds(whole)[:last]
    return np.array(skeletons.multiply_adds(network))


def epoch_work(job: Job) -> float:
    """Multiply-adds of one epoch's forward passes: how much a job's epoch weighs beside others."""
    images = job.train_images or training_images(job.dataset, job.image_size)
    pixels = ((job.image_size or 32) / 32) ** 2
    return float(multiply_adds(job.network)[-1]) * pixels * (images - job.validation)


COLUMNS = ["dataset", "network", "weighting", "epochs", "seed", "minutes"]


def estimate(todo: list[Job], folders: Iterable[Path]) -> tuple[pd.DataFrame, list[str]]:
    """The jobs as a table with the minutes that each will take, and what is amiss with their data.

    Minutes of one core, or of the accelerator where there is one: the work of all epochs at the
    `pace` of the records below the folders. For data that cannot be read they are nan.
    """
    import pandas as pd

    speed, amiss, rows = pace(folders), {}, []
    for job in todo:
        minutes = float("nan")
        try:
            if job.dataset not in amiss:
                # Reads a path, so that it is known here whether one can; a name is trusted.
                training_images(job.dataset, job.image_size)
                minutes = speed * epoch_work(job) * job.recipe.epochs / 60
        except (ValueError, OSError) as error:
            amiss[job.dataset] = str(error)
        what = job.dataset_name, job.network, job.weighting, job.recipe.epochs, job.seed
        rows.append((*what, minutes))
    return pd.DataFrame(rows, columns=COLUMNS), list(amiss.values())


def pace(folders: Iterable[Path]) -> float:
    """Seconds of training per multiply-add of the forward passes, on this kind of device.

    Of all finished records below the folders that were made on one; else of a short measurement.
    """
    import torch

    from anytime.processes import best_device
    from anytime.training.provenance import environment

    device = best_device()
    here = environment(torch.device(device))["device"]
    done = [run for run in runs.find(folders) if run.environment.get("device") == here]
    done = done or [_measured(device)]
    seconds = sum(run.cpu_seconds if here == "cpu" else run.seconds for run in done)
    work = [run.cost[-1] * run.config["train_images"] * len(run.history) for run in done]
    return seconds / sum(work)  # not the mean of paces: short runs are slow for other reasons


def _measured(device: str) -> runs.Run:
    """A training of a few steps on embedded images, after another that warms up."""
    from anytime import datasets, networks, weighting
    from anytime.training import train

    data = datasets.load("fashion", train_size=74).set_aside(10)
    for epochs in (1, 4):
        network = networks.build("resann-2-16", in_channels=1, seed=0).to(device)
        scheme = weighting.build("const", network.num_exits)
        run = train(network, scheme, data, Recipe(epochs, 64), progress=False)
    return run
