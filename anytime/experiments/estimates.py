"""What jobs will cost: by counting, from finished records, and by measuring."""

from __future__ import annotations

import functools
import time
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from tqdm import tqdm

from anytime import runs
from anytime.experiments.job import Job
from anytime.training.recipe import Recipe

if TYPE_CHECKING:
    from anytime.datasets import Dataset

# Images of whole training sets, so that work can be counted without the data.
WHOLE = {
    "fashion": 6_000,
    "svhn": 604_388,
    "cifar10": 50_000,
    "cifar100": 50_000,
    "gtsrb-half": 19_605,
    "tiny-imagenet-100": 50_000,
}


@functools.cache
def multiply_adds(network: str) -> np.ndarray:
    """The cost (K,) of a network's exits on 32x32 images, by its name."""
    import torch

    from anytime import networks
    from anytime.networks import cost

    with torch.device("meta"):  # no weights are needed to count
        return cost.multiply_adds(networks.build(network))


def epoch_work(job: Job) -> float:
    """Multiply-adds of one epoch's forward passes: how much a job's epoch weighs beside others."""
    images = job.train_images or WHOLE.get(job.dataset_name, 50_000)
    return float(multiply_adds(job.network)[-1]) * (images - job.validation)


def estimate(todo: list[Job], folders: Iterable[Path]) -> tuple[pd.DataFrame, list[str]]:
    """The jobs as a table with the minutes that each will take, and what keeps some from it.

    Minutes of one core, or of the accelerator where there is one. The pace is that of finished
    records below the folders, of the same network and way to compute, on the same kind of device;
    of the same data where there are such. A network that was cut takes its share of the whole
    one's time. Where there are no records, the pace is measured in a few training steps on one
    thread, not compiled; of known data that are not on this machine, on noise of their shape. For
    data that cannot be read the minutes are nan.
    """
    paces, amiss, rows = _finished_paces(folders), {}, []
    for job in tqdm(todo, desc="estimating", leave=False, delay=2.0):
        seconds = float("nan")
        try:
            if job.dataset not in amiss:
                seconds = _pace(job, paces) * _images(job)
        except (ValueError, OSError) as error:
            amiss[job.dataset] = str(error)
        rows.append(_described(job) | {"minutes": seconds * job.recipe.epochs / 60})
    return pd.DataFrame(rows), list(amiss.values())


def _described(job: Job) -> dict[str, str | int]:
    return {
        "dataset": job.dataset_name,
        "network": job.network,
        "weighting": job.weighting,
        "epochs": job.recipe.epochs,
        "seed": job.seed,
    }


def _images(job: Job) -> int:
    """Images of one epoch."""
    whole = job.train_images or WHOLE.get(job.dataset_name)
    return (whole or len(_data(job).train)) - job.validation


def _way(recipe: Recipe) -> tuple:
    return recipe.batch_size, recipe.compile, recipe.autocast, recipe.channels_last


STEP_WORK = 20e9  # multiply-adds of a measured step on the CPU
ANY = ""  # in the place of a data set: the pace on whichever was recorded


def _finished_paces(folders: Iterable[Path]) -> dict[tuple, float]:
    """Seconds per image of the finished runs that were made on this kind of device."""
    import torch

    from anytime.processes import best_device
    from anytime.training.provenance import environment

    here = environment(torch.device(best_device()))["device"]
    paces = {}
    for run in runs.find(folders):
        if run.environment.get("device") == here:
            config = run.config
            seconds = run.cpu_seconds if here == "cpu" else run.seconds
            rest = config["network"], _way(Recipe.from_dict(config["recipe"]))
            pace = seconds / len(run.history) / config["train_images"]
            paces[config["dataset"], *rest] = paces[ANY, *rest] = pace
    return paces


def _pace(job: Job, paces: dict[tuple, float]) -> float:
    """Seconds that an image takes in training; what had to be measured is added to `paces`."""
    whole, way = job.network.partition("-to")[0], _way(job.recipe)
    for network in dict.fromkeys((job.network, whole)):
        for dataset in (job.dataset_name, ANY):
            if pace := paces.get((dataset, network, way)):
                share = multiply_adds(job.network)[-1] / multiply_adds(network)[-1]
                return pace * share
    paces[job.dataset_name, whole, way] = _measured_pace(replace(job, network=whole))
    return _pace(job, paces)


def _measured_pace(job: Job, steps: int = 5, patience: float = 2.0) -> float:
    """Seconds an image takes in the first steps; the very first are for warming up."""
    import torch

    from anytime import networks, weighting
    from anytime.processes import best_device
    from anytime.training.session import Session

    data, device = _data(job), best_device()
    network = networks.build(job.network, len(data.classes), data.train.pixels.shape[1])
    scheme = weighting.build(job.weighting, network.num_exits)
    recipe = replace(job.recipe, compile=False, batch_size=_measured_batch(job, device))
    session = Session(network.to(device), scheme, data, recipe)
    session.begin()
    clock = time.process_time if device == "cpu" else time.perf_counter
    times: list[float] = []
    before = torch.get_num_threads()
    torch.set_num_threads(1)  # as the workers do
    try:
        for batch in session.batches()[: steps + 2]:
            start = clock()
            session.train_step(batch)
            session.sums.losses.tolist()  # waits for the device
            times.append(clock() - start)
            if sum(times[2:]) > patience:
                break
    finally:
        torch.set_num_threads(before)
    return float(np.median(times[2:] or times)) / session.batch_size


def _measured_batch(job: Job, device: str) -> int:
    """Images of a measured step: a whole batch, but no more than some seconds of a CPU's work."""
    if device != "cpu":
        return job.recipe.batch_size
    each = 3 * multiply_adds(job.network)[-1]  # backward is twice forward
    return int(np.clip(STEP_WORK / each, 2, job.recipe.batch_size))


def _data(job: Job) -> Dataset:
    """A job's data set, or noise in the place of a download: no estimate is worth that."""
    import torch

    from anytime import datasets

    source = datasets.SOURCES.get(job.dataset)
    root = datasets.downloads_folder()
    if not source or any(any(root.glob(pattern)) for pattern in source.local.split()):
        return datasets.load(job.dataset, train_size=job.train_images)
    if job.dataset not in WHOLE:
        raise datasets.MissingDataset(
            f"{job.dataset} is not on this machine, so its runs are listed without an estimate; "
            f"`python -m anytime fetch {job.dataset}` downloads it"
        )
    size = 10 * job.recipe.batch_size
    noise = torch.randint(256, (size, 3, 32, 32), dtype=torch.uint8, generator=torch.Generator())
    images = datasets.Images(noise, torch.arange(size) % 10)
    classes = tuple("0123456789")
    return datasets.Dataset(job.dataset, source.title, images, images, classes, source.augmentation)
