"""Lists of jobs carried out side by side on this machine, each in a process of its own."""

from __future__ import annotations

import functools
import math
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor, wait
from pathlib import Path
from typing import Any

from tqdm import tqdm

from anytime import runs
from anytime.experiments.estimates import epoch_work
from anytime.experiments.job import Job
from anytime.runs import Run
from anytime.training.recipe import Recipe

EVALUATE_EVERY = 4  # epochs between two looks at the test set; the last is one
STOPPED = 130  # the exit status of a worker that was asked to stop, as after Ctrl-C
BUSY = 75  # that of a worker whose job another process works on


def missing(
    todo: Iterable[Job], *folders: Path, fingerprint_of: Callable[[Job], str] | None = None
) -> list[Job]:
    """The jobs that have no finished record, made on today's data, below any of the folders.

    Where the data are not on this machine, a record counts by its name. fingerprint_of: of data
    that were looked at already; they are looked at now unless given.
    """
    fingerprint_of = fingerprint_of or fingerprints()
    records = defaultdict(list)
    for path in runs.record_files(folders):
        records[path.stem].append(path)

    def done(job: Job) -> bool:
        if not (named := records[job.name]):
            return False
        fingerprint = fingerprint_of(job)
        named = named + records[f"{job.name}_{fingerprint[:8]}"]
        return any(job.made(run, fingerprint) for run in map(Run.load, named) if run.finished)

    return [job for job in dict.fromkeys(todo) if not done(job)]


def fingerprints(fetch: bool = False) -> Callable[[Job], str]:
    """A function that gives the fingerprint of a job's data, and reads each data set once.

    It gives "" where they are not on this machine, or cannot be read. fetch: data that are not
    here are downloaded, and what is amiss is printed, as they are to be trained on.
    """

    @functools.cache
    def look(dataset: str, *numbers: Any) -> str:
        from anytime.datasets.loading import is_here

        try:
            one = Job(dataset, "", "", Recipe(), 0, *numbers)
            return one.load().fingerprint if fetch or is_here(dataset) else ""
        except (ValueError, OSError) as error:
            if fetch:
                print(f"the runs on {dataset} are left out: {error}", file=sys.stderr)
            return ""

    return lambda job: look(job.dataset, job.train_images, job.validation, job.image_size)


def run(
    todo: Iterable[Job],
    folder: Path,
    workers: int = 1,
    *also: Path,
    networks: Path | None = None,
    minutes: float = math.inf,
) -> list[Job]:
    """Carries out jobs side by side and returns those that failed.

    A job that is finished, in the folder or below those in `also`, is not repeated. One that was
    cut off goes on from its checkpoint, one whose process died is tried once more, and one that
    another process works on is left to it. However this process ends, the workers store their
    checkpoints and stop. The log of a failed job is put into the folder. networks: a folder for
    the trained networks, each named as its record; see `planned` for those that are refused.
    minutes: after these it stores what is under way and ends. Where there are several GPUs, each
    worker has one of them.
    """
    listed = list(dict.fromkeys(todo))
    good, refused = planned(listed, folder, *also, networks=networks)
    print(f"{len(good)} of {len(listed)} runs to do")
    if there := len(listed) - len(good) - len(refused):
        print(f"{there} already finished on the same images, not trained again")
    end = time.monotonic() + 60 * minutes
    return refused + _side_by_side(good, Path(folder), workers, networks, end)


def _side_by_side(
    good: list[Job], folder: Path, workers: int, networks: Path | None, end: float
) -> list[Job]:
    folder.mkdir(parents=True, exist_ok=True)
    progress, stopping = Progress(good, folder), threading.Event()
    # All workers read from one pipe. It ends when this process closes it, and if it is killed.
    theirs, ours = os.pipe()
    supervised = functools.partial(_supervised, folder, networks, theirs, stopping)
    with progress.bar, ThreadPoolExecutor(workers) as pool:
        futures = {job: pool.submit(supervised, job) for job in good}
        try:
            while wait(futures.values(), timeout=1).not_done and time.monotonic() < end:
                progress.show()
            progress.show()
            if over := time.monotonic() >= end:
                tqdm.write("the time is up; the same call goes on from there")
        except BaseException:
            print("storing what is under way; the same call goes on from there", file=sys.stderr)
            raise
        finally:
            stopping.set()
            os.close(ours)
            pool.shutdown(cancel_futures=True)
            os.close(theirs)
    ended = {job: one.result() for job, one in futures.items() if not one.cancelled()}
    if busy := [*ended.values()].count(BUSY):
        print(f"{busy} left to other processes that work on them")
    good_ends = {0, BUSY} | ({STOPPED, -signal.SIGTERM} if over else set())
    return [job for job, status in ended.items() if status not in good_ends]


def _supervised(
    folder: Path, networks: Path | None, stdin: int, stopping: threading.Event, job: Job
) -> int:
    """Carries out a job in a process of its own; returns its exit status."""
    environment = _variables(int(threading.current_thread().name.rpartition("_")[2]))
    command = [sys.executable, "-m", __name__, str(folder), job.to_json()]
    command += [str(networks)] if networks else []
    for others in (1, 0):
        with tempfile.TemporaryFile() as out:
            status = subprocess.run(
                command,
                env=environment,
                stdin=stdin,
                stdout=out,
                stderr=out,
                start_new_session=True,  # a Ctrl-C in the terminal is for the parent alone
            ).returncode
            out.seek(0)
            told = out.read().decode(errors="replace")
        last = told.splitlines()[-5:]
        if status == 0:
            tqdm.write(f"finished {job.name}")
        if status == BUSY:
            tqdm.write(f"left out: {last[-1]}")
        if status in (0, BUSY) or (stopping.is_set() and status in (STOPPED, -signal.SIGTERM)):
            return status
        if others:
            tqdm.write(f"{job.name} died (exit status {status}): once more")
    log = folder / f"{job.name}.log"
    log.write_text(told, encoding="utf-8")
    lines = [f"{job.name} failed (exit status {status}); its log {log} ends with", *last]
    tqdm.write("\n    ".join(lines))
    return status


def _variables(worker: int) -> dict[str, str]:
    """The environment of a worker, by its number: one thread, and of several GPUs one."""
    import torch

    gpus = torch.cuda.device_count()
    seen = os.environ.get("CUDA_VISIBLE_DEVICES", ",".join(map(str, range(gpus)))).split(",")
    own = {"CUDA_VISIBLE_DEVICES": seen[worker % gpus]} if gpus > 1 else {}
    # Two runs of one thread each are faster than one run of two.
    return {"OMP_NUM_THREADS": "1"} | os.environ | own


def planned(
    todo: Iterable[Job], folder: Path, *also: Path, networks: Path | None = None
) -> tuple[list[Job], list[Job]]:
    """The jobs to carry out, and those refused, with the reason printed.

    Refused is a job whose data cannot be read, or one that is finished where its network is wanted
    in the folder `networks`, is not there, and no checkpoint is left to take it from. Data are
    fetched and decoded here, once, and not by several workers at the same time.
    """
    listed, fingerprint_of, fetched = list(todo), fingerprints(), fingerprints(fetch=True)
    undone = missing(listed, folder, *also, fingerprint_of=fingerprint_of)
    good: list[Job] = []
    refused: list[Job] = []
    for job in listed:
        path = job.record_path(folder, fingerprint_of(job))
        lacking = networks is not None and not (networks / f"{path.stem}.pt").exists()
        if job in undone or (lacking and path.with_suffix(".ckpt").exists()):
            (good if fingerprint_of(job) or fetched(job) else refused).append(job)
        elif lacking:
            refused.append(job)
            reason = "is finished and its network was not kept; remove its record to train again"
            print(f"{job.name} {reason}", file=sys.stderr)
    return good, refused


class Progress:
    """A bar over the work of jobs, so that the time left is right where they differ."""

    def __init__(self, listed: list[Job], folder: Path) -> None:
        fingerprint_of = fingerprints()
        self.epochs = dict.fromkeys(listed, 0)
        self.paths = {job: job.record_path(folder, fingerprint_of(job)) for job in listed}
        self.work = {job: epoch_work(job) for job in listed}
        self.bar = tqdm(
            total=sum(work * job.recipe.epochs for job, work in self.work.items()),
            initial=self.done(),
            bar_format="{percentage:3.0f}%|{bar:20}| {elapsed} gone, {remaining} left",
            smoothing=0,  # the mean pace so far: the epochs of large jobs come in bursts
            miniters=0,
            mininterval=1 if sys.stderr.isatty() else 60,
        )

    def done(self) -> float:
        """The work of all epochs that are recorded by now."""
        for job in (job for job in self.work if self.epochs[job] < job.recipe.epochs):
            path = self.paths[job]
            self.epochs[job] = Run.load(path).epochs if path.exists() else 0
        return sum(work * self.epochs[job] for job, work in self.work.items())

    def show(self) -> None:
        """Moves the bar to what is done by now."""
        self.bar.update(self.done() - self.bar.n)


def carry_out(job: Job, folder: Path, networks: Path | None = None) -> Run:
    """A job as one of a list: without a bar, seldom tested, its network kept in a folder."""
    return job.carry_out(folder, networks=networks, progress=False, evaluate_every=EVALUATE_EVERY)


def work(job: Job, folder: Path, networks: Path | None = None) -> int:
    """What a worker's process does; returns its exit status."""
    from anytime.training.locks import Busy

    threading.Thread(target=_wait_for_end_of_parent, daemon=True).start()
    try:
        carry_out(job, folder, networks)
    except KeyboardInterrupt:
        return STOPPED
    except Busy as busy:
        print(busy, file=sys.stderr)
        return BUSY
    return 0


def _wait_for_end_of_parent() -> None:
    # The pipe ends when the parent closes it, and also when the parent is killed.
    os.read(sys.stdin.fileno(), 1)
    signal.raise_signal(signal.SIGTERM)


if __name__ == "__main__":
    sys.exit(work(Job.from_json(sys.argv[2]), Path(sys.argv[1]), *map(Path, sys.argv[3:])))
