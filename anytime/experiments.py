"""The paper's comparisons as lists of jobs, in three profiles, and how a list is carried out."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

import pandas as pd
from tqdm import tqdm

from anytime import metrics, paper, runs
from anytime.jobs import Job, describe
from anytime.recipe import CIFAR_PAPER, Recipe

PROFILES = ("quick", "laptop", "paper")
ADALOSS = ("adaloss", "adaloss:extra=1")
SEEDS = (0, 1, 2)


@dataclass(frozen=True)
class Setting:
    """What the jobs of a comparison share: the data, how much of it, and the recipe."""

    dataset: str
    recipe: Recipe
    train_images: int | None = None

    def job(self, network: str, weighting: str, seed: int = 0) -> Job:
        return Job(self.dataset, network, weighting, self.recipe, seed, self.train_images)


QUICK = Recipe(epochs=2, batch_size=64)
# Without crops a small network fits 10,000 images within minutes: the regime of the paper, whose
# networks train for 300 epochs. Compiling pays back after about three minutes.
LAPTOP = Recipe(epochs=80, augmentation=("flip",), compile=True)
SIGNS = replace(LAPTOP, augmentation=())
PAPER = replace(CIFAR_PAPER, channels_last=True)
DIGITS = Recipe(
    epochs=60,
    batch_size=64,
    schedule="milestones",
    milestones=((15, 0.01), (30, 0.001), (45, 0.0002)),
)

SETTINGS: dict[str, tuple[Setting, ...]] = {
    "quick": (Setting("fashion", QUICK, 600),),
    "laptop": (
        Setting("gtsrb", SIGNS, 10_000),
        Setting("cifar10", LAPTOP, 10_000),
        Setting("tiny-imagenet-100", LAPTOP, 10_000),
    ),
    "paper": (
        Setting("svhn", DIGITS),
        Setting("cifar10", PAPER),
        Setting("cifar100", PAPER),
    ),
}


def schemes(profile: str, setting: Setting) -> list[Job]:
    """Every static scheme and AdaLoss on one network, and OPT at the quarters of its cost."""
    networks = {
        "quick": ["resann-1-4-stride2"],
        "laptop": ["resann-3-16-stride2"],
        "paper": [f"resann-{n}-{c}" + ("-s3" if n == 25 else "") for n, c in paper.NETWORKS],
    }[profile]
    seeds = SEEDS[:1] if profile == "quick" else SEEDS
    jobs = []
    for seed in seeds:
        for network in networks:
            jobs += [setting.job(network, scheme, seed) for scheme in ("const", *ADALOSS, "linear")]
            quarters = _quarters(network)
            jobs += [
                setting.job(cut, "opt", seed) for cut in quarters if seed == 0 or cut == network
            ]
            if seed == 0:
                jobs += [setting.job(network, scheme) for scheme in ("half-end", "sieve")]
    return jobs


def small_beats_large(profile: str, setting: Setting) -> list[Job]:
    """AdaLoss on smaller networks against CONST on larger ones."""
    names = {
        "quick": ["resann-1-4-stride2", "resann-2-4-stride2"],
        "laptop": [f"resann-{n}-16-stride2" for n in (2, 3, 5)],
        "paper": [f"resann-{n}-{c}" for c in (16, 32) for n in (9, 17)],
    }[profile]
    seeds = SEEDS[:1] if profile == "quick" else SEEDS
    return [
        setting.job(name, scheme, s)
        for s in seeds
        for name in names
        for scheme in ("adaloss", "const")
    ]


def difficulty(profile: str, setting: Setting) -> list[Job]:
    """AdaLoss on equally many images of each data set, long enough to fit them."""
    network = {
        "quick": "resann-1-4-stride2",
        "laptop": "resann-3-16-stride2",
        "paper": "resann-25-32-s3",
    }[profile]
    if profile == "laptop":
        setting = replace(setting, train_images=5_000, recipe=SIGNS)
    seeds = SEEDS[:1] if profile == "quick" else SEEDS
    return [setting.job(network, "adaloss", seed) for seed in seeds]


EXPERIMENTS = {
    "schemes": schemes,
    "small-beats-large": small_beats_large,
    "difficulty": difficulty,
}
GLYPHS = ("glyphs-10-0", "glyphs-10-0.5", "glyphs-10-1", "glyphs-40-0.5")


def jobs(
    experiment: str,
    profile: str = "laptop",
    datasets: Iterable[str] | None = None,
    folder: Path | None = None,
) -> list[Job]:
    """The jobs of an experiment, the most telling first.

    datasets: names or paths instead of the profile's own; a set that the profile does not know
    takes the recipe of its last one. folder: where archives `{name}.tar.gz` lie.
    Raises ValueError for an unknown experiment or profile.
    """
    if experiment not in EXPERIMENTS:
        raise ValueError(f"unknown experiment {experiment!r}; there are {', '.join(EXPERIMENTS)}")
    if profile not in PROFILES:
        raise ValueError(f"unknown profile {profile!r}; there are {', '.join(PROFILES)}")
    settings = SETTINGS[profile]
    if datasets is None and experiment == "difficulty" and profile == "laptop":
        settings += tuple(Setting(name, SIGNS, 5_000) for name in GLYPHS)
    if datasets is not None:
        known = {setting.dataset: setting for setting in settings}
        settings = tuple(
            known.get(name) or replace(settings[-1], dataset=name) for name in datasets
        )
    if folder is not None:
        settings = tuple(replace(s, dataset=_archive(folder, s.dataset)) for s in settings)
    per_setting = [EXPERIMENTS[experiment](profile, setting) for setting in settings]
    # Seed by seed over all data sets: an unfinished list still compares like with like.
    return sorted((job for part in per_setting for job in part), key=lambda job: job.seed)


def _archive(folder: Path, name: str) -> str:
    archive = Path(folder) / f"{name}.tar.gz"
    return str(archive) if archive.exists() else name


def _quarters(network: str) -> list[str]:
    """The network cut at the exits nearest to the quarters of its cost."""
    from anytime import networks
    from anytime.networks import cost

    macs = cost.multiply_adds(networks.build(network))
    exits = sorted({metrics.exit_nearest(macs, share) + 1 for share in metrics.QUARTERS})
    return [network if k == len(macs) else f"{network}-to{k}" for k in reversed(exits)]


def estimate(todo: list[Job], folder: Path) -> pd.DataFrame:
    """The jobs as a table with the processor seconds that each will take.

    Measured: the pace of finished runs of the same network and recipe where there are any, and
    otherwise that of a few training steps made now, without compiling.
    """
    known = {_pace_key(run): run.cpu_seconds / len(run.history) for run in runs.find(folder)}
    rows = []
    for job in todo:
        row = describe(job)
        key = (job.dataset_name, job.network, job.train_images, job.recipe.epochs)
        if key not in known:
            known[key] = _measure_epoch(job)
        rows.append(row | {"minutes": known[key] * job.recipe.epochs / 60})
    return pd.DataFrame(rows)


def _pace_key(run: runs.Run) -> tuple:
    config = run.config
    size = config.get("train_images")
    return (config["dataset"], config["network"], size, config["recipe"]["epochs"])


def _measure_epoch(job: Job, steps: int = 3) -> float:
    """Seconds that one epoch of a job takes on this machine."""
    import torch

    from anytime import datasets, networks, weighting
    from anytime.training import Session

    torch.set_num_threads(1)
    data = datasets.load(job.dataset, train_size=job.train_images)
    network = networks.build(job.network, len(data.classes), data.train.pixels.shape[1])
    scheme = weighting.build(job.weighting, network.num_exits)
    session = Session(network, scheme, data, replace(job.recipe, compile=False))
    network.train()
    times = []
    for batch in list(session.batches())[: steps + 1]:
        start = time.process_time()
        session.train_step(batch)
        times.append(time.process_time() - start)
    return sum(times[1:]) / max(len(times) - 1, 1) * session.steps_per_epoch


def run(todo: list[Job], folder: Path, workers: int = 1, tries: int = 2) -> list[Job]:
    """Carries out jobs side by side, each in a process of its own, and returns those that failed.

    A finished job is not repeated, one that was cut off goes on from its checkpoint, and one
    whose process died is tried again. Progress counts epochs, over all jobs.
    """
    missing = [job for job in todo if not job.finished(folder)]
    print(f"{len(todo) - len(missing)} of {len(todo)} runs are there; {len(missing)} to do")
    queue, running, failed = [(job, tries) for job in missing], {}, []
    work = {job: job.recipe.epochs for job in missing}
    with tqdm(total=sum(work.values()), unit="epoch", mininterval=1.0) as bar:
        try:
            while queue or running:
                while queue and len(running) < workers:
                    job, left = queue.pop(0)
                    running[_start(job, folder)] = (job, left - 1)
                time.sleep(0.5)
                for process in [process for process in running if process.poll() is not None]:
                    job, left = running.pop(process)
                    if process.returncode == 0:
                        bar.write(f"finished {job.name}")
                    elif left:
                        bar.write(f"{job.name} died (exit status {process.returncode}): once more")
                        queue.insert(0, (job, left))
                    else:
                        failed.append(job)
                        bar.write(f"{job.name} failed; see {_log(job, folder)}")
                bar.update(sum(_epochs_done(job, folder) for job in missing) - bar.n)
        finally:
            for process in running:
                process.terminate()
            for process in running:
                process.wait()
    return failed


def _start(job: Job, folder: Path) -> subprocess.Popen:
    folder.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "anytime.jobs", str(folder)]
    threads = {"OMP_NUM_THREADS": os.environ.get("OMP_NUM_THREADS", "1")}
    with open(_log(job, folder), "a") as log:
        process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=log, stderr=log, env=os.environ | threads
        )
    process.stdin.write(job.to_json().encode())
    process.stdin.close()
    return process


def _log(job: Job, folder: Path) -> Path:
    return folder / f"{job.name}.log"


def _epochs_done(job: Job, folder: Path) -> int:
    path = job.record(folder)
    return len(json.loads(path.read_text())["history"]) if path.exists() else 0


def submit(todo: list[Job], folder: Path, cluster: str = "slurm", **parameters) -> list:
    """Hands the missing jobs to a cluster through submitit and returns its handles.

    cluster: "slurm", or "local" to try it out. parameters: submitit's, such as slurm_partition
    or timeout_min. A job that the cluster cuts off goes on from its checkpoint when it is
    submitted again.
    """
    import submitit

    executor = submitit.AutoExecutor(folder / "cluster", cluster=cluster)
    executor.update_parameters(**parameters)
    missing = [job for job in todo if not job.finished(folder)]
    with executor.batch():
        return [executor.submit(job.carry_out, folder, progress=False) for job in missing]
