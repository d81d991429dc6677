"""Lists of jobs carried out side by side on this machine, each in a process of its own."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from tqdm import tqdm

from anytime import runs
from anytime.experiments.estimates import epoch_work
from anytime.experiments.job import EVALUATE_EVERY, Job

TRIES = 2  # for a job whose process died
STOPPED = 130  # the exit status of a worker that was asked to stop, as after Ctrl-C


def missing(todo: Iterable[Job], *folders: Path) -> list[Job]:
    """The jobs that have no finished record below any of the folders."""
    wanted = {job.name: job for job in todo}
    for path in runs.record_files(folders):
        if path.stem in wanted and runs.Run.load(path).finished:
            del wanted[path.stem]
    return list(wanted.values())


def run(
    todo: Iterable[Job],
    folder: Path,
    workers: int = 1,
    *also: Path,
    networks: Path | None = None,
) -> list[Job]:
    """Carries out jobs side by side and returns those that failed.

    A job that is finished, in the folder or below those in `also`, is not repeated. One that was
    cut off goes on from its checkpoint, and one whose process died is tried once more. However
    this process ends, the workers store their checkpoints and stop. The log of a failed job
    stays in the folder. networks: a folder for the trained networks, each named as its record; see
    `planned` for those that are finished without.
    """
    listed, folder = list(dict.fromkeys(todo)), Path(folder)
    undone, refused = planned(listed, folder, *also, networks=networks)
    print(f"{len(undone)} of {len(listed)} runs to do")
    good, failed = ready(undone)
    failed += refused
    queue, running, progress = [(job, TRIES) for job in good], [], Progress(good, folder)
    with _stopping(running), progress.bar:
        while queue or running:
            while queue and len(running) < workers:
                running.append(Worker(*queue.pop(0), folder, networks))
            time.sleep(0.2)
            ended = [worker for worker in running if worker.ended]
            progress.show([worker.job for worker in running])
            for worker in ended:
                running.remove(worker)
                progress.bar.write(worker.verdict())
                if worker.failed and worker.tries > 1:
                    queue.insert(0, (worker.job, worker.tries - 1))
                elif worker.failed:
                    failed.append(worker.job)
    return failed


def planned(
    todo: Iterable[Job], folder: Path, *also: Path, networks: Path | None = None
) -> tuple[list[Job], list[Job]]:
    """The jobs to carry out, and those refused, with the reason printed.

    Refused is a job that is finished where its network is wanted in the folder `networks`, is not
    there, and no checkpoint is left to take it from.
    """
    listed = list(todo)
    undone = missing(listed, folder, *also)
    lacking = [
        job
        for job in listed
        if networks is not None and job not in undone and not job.network_file(networks).exists()
    ]
    undone += [job for job in lacking if job.checkpoint(folder).exists()]
    refused = [job for job in lacking if job not in undone]
    for job in refused:
        reason = "is finished and its network was not kept; remove its record to train again"
        print(f"{job.name} {reason}", file=sys.stderr)
    return undone, refused


def ready(listed: list[Job]) -> tuple[list[Job], list[Job]]:
    """The jobs whose data can be read, and the others, whose reasons are printed.

    Data are fetched and decoded here, once, and not by several workers at the same time.
    """
    from anytime import datasets

    amiss = set()
    for part in dict.fromkeys((job.dataset, job.train_images) for job in listed):
        try:
            datasets.load(part[0], train_size=part[1])
        except (ValueError, OSError) as error:
            amiss.add(part)
            print(f"the runs on {part[0]} are left out: {error}", file=sys.stderr)
    good = [job for job in listed if (job.dataset, job.train_images) not in amiss]
    return good, [job for job in listed if (job.dataset, job.train_images) in amiss]


class Worker:
    """A process that carries out one job, or stops when the pipe to it is closed."""

    def __init__(self, job: Job, tries: int, folder: Path, networks: Path | None = None) -> None:
        self.job, self.tries = job, tries
        self.log = folder / f"{job.name}.log"
        folder.mkdir(parents=True, exist_ok=True)
        command = [sys.executable, "-m", "anytime.experiments.workers", str(folder), job.to_json()]
        command += [str(job.network_file(networks))] if networks else []
        # Two runs of one thread each are faster than one run of two.
        threads = {"OMP_NUM_THREADS": os.environ.get("OMP_NUM_THREADS", "1")}
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                env=os.environ | threads,
                start_new_session=True,  # a Ctrl-C in the terminal is for the parent alone
            )

    @property
    def ended(self) -> bool:
        return self.process.poll() is not None

    @property
    def failed(self) -> bool:
        return self.process.returncode != 0

    def verdict(self) -> str:
        """How an ended process went. The log of a success is removed."""
        if not self.failed:
            self.log.unlink()
            return f"finished {self.job.name}"
        status = f"exit status {self.process.returncode}"
        if self.tries > 1:
            return f"{self.job.name} died ({status}): once more"
        last = self.log.read_text(errors="replace").splitlines()[-5:]
        lines = [f"{self.job.name} failed ({status}); its log {self.log} ends with", *last]
        return "\n    ".join(lines)

    def stop(self) -> None:
        """Waits until an asked process has stored its checkpoint and ended."""
        if self.process.wait() in (STOPPED, -signal.SIGTERM):
            self.log.unlink()


@contextmanager
def _stopping(running: list[Worker]) -> Iterator[None]:
    """However it is left, the workers stop; all are asked before one is waited for."""
    try:
        yield
    finally:
        if running:
            print("storing what is under way; the same call goes on from there", file=sys.stderr)
        for worker in running:
            worker.process.stdin.close()
        for worker in running:
            worker.stop()


class Progress:
    """A bar over the work of jobs, so that the time left is right where they differ."""

    def __init__(self, listed: list[Job], folder: Path) -> None:
        self.folder = folder
        self.work = {job: epoch_work(job) for job in listed}
        self.epochs = {job: self._recorded(job) for job in listed}
        self.total = sum(work * job.recipe.epochs for job, work in self.work.items())
        self.bar = tqdm(
            total=self.total,
            initial=self.done,
            bar_format="{percentage:3.0f}%|{bar:20}| {elapsed} gone, {remaining} left{postfix}",
            smoothing=0,  # the mean pace so far: the epochs of large jobs come in bursts
        )
        self.shown = 0.0

    @property
    def done(self) -> float:
        return sum(work * self.epochs[job] for job, work in self.work.items())

    def show(self, jobs: list[Job]) -> None:
        """Counts the epochs that these jobs have recorded; draws now and then."""
        self.epochs.update({job: self._recorded(job) for job in jobs})
        self.bar.n = self.done
        ended = sum(epochs == job.recipe.epochs for job, epochs in self.epochs.items())
        self.bar.set_postfix_str(f"{ended} of {len(self.work)} runs done", refresh=False)
        if time.monotonic() - self.shown > (1 if sys.stderr.isatty() else 60):
            self.shown = time.monotonic()
            self.bar.refresh()

    def _recorded(self, job: Job) -> int:
        path = job.record(self.folder)
        return len(json.loads(path.read_text())["history"]) if path.exists() else 0


def work(job: Job, folder: Path, network: Path | None = None) -> int:
    """What a worker's process does; returns its exit status."""
    threading.Thread(target=_wait_for_end_of_parent, daemon=True).start()
    try:
        job.carry_out(folder, progress=False, evaluate_every=EVALUATE_EVERY, keep_network=network)
    except KeyboardInterrupt:
        return STOPPED
    return 0


def _wait_for_end_of_parent() -> None:
    # The pipe ends when the parent closes it, and also when the parent is killed.
    os.read(sys.stdin.fileno(), 1)
    signal.raise_signal(signal.SIGTERM)


if __name__ == "__main__":
    sys.exit(work(Job.from_json(sys.argv[2]), Path(sys.argv[1]), *map(Path, sys.argv[3:])))
