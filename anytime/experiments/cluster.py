"""Lists of jobs handed to a cluster, and what has become of them."""

from __future__ import annotations

import io
import os
import shutil
import signal
import subprocess
from collections.abc import Iterable
from contextlib import redirect_stderr
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from anytime.experiments.job import Job
from anytime.experiments.workers import carry_out, missing

DAY = 24 * 60  # minutes; submitit's own limit is a few minutes
REQUEUES = 10_000  # how often a run may reach its time limit: each time it has got further
# As many threads as there are processors for a run; one, unless more are asked for.
SETUP = ["export OMP_NUM_THREADS=${SLURM_CPUS_PER_TASK:-1}"]
STATES = ("finished", "running", "waiting", "failed", "to do")
FINISHED, RUNNING, WAITING, FAILED, TO_DO = STATES


@dataclass(frozen=True)
class Task:
    """A job as submitit calls it; cut off by the cluster, it is queued again and goes on."""

    job: Job
    folder: Path
    networks: Path | None = None

    def __call__(self) -> str:
        from anytime.training.locks import Busy

        try:
            return str(carry_out(self.job, self.folder, self.networks).path)
        except Busy as busy:  # submitted twice at once: the other one's record is the run's
            return str(busy)
        except KeyboardInterrupt:
            # SLURM queues only those again that it has to kill, and this one stops by itself.
            if _is_preempted():
                signal.raise_signal(signal.SIGUSR2)
            raise

    def checkpoint(self) -> Any:
        """Called at the limit of time and before a preemption: the same task once more."""
        from submitit.helpers import DelayedSubmission

        return DelayedSubmission(self)


class Standing(NamedTuple):
    """What has become of a job: one of the words above, and who works on it, or its log."""

    job: Job
    state: str
    told: str = ""


def submit(
    listed: list[Job],
    folder: Path,
    cluster: str,
    networks: Path | None = None,
    **parameters: Any,
) -> list:
    """Hands jobs to a cluster through submitit and returns its handles.

    On SLURM each job's output is found as `cluster/{name}.log` in the folder.
    cluster: "slurm", or "local", which starts all at once, to try it out. networks: a folder
    for the trained networks. parameters: submitit's, such as slurm_partition; timeout_min is a
    day unless given.
    Raises ValueError where submitit is missing or does not know a parameter, and where the cluster
    refuses the jobs.
    """
    try:
        import submitit
    except ImportError as error:
        raise ValueError("--cluster needs submitit: pip install submitit") from error
    if several := [name for name in ("nodes", "tasks_per_node") if parameters.get(name, 1) != 1]:
        raise ValueError(f"a run is one task: leave out {several[0]}, or start it with torchrun")
    logs = Path(folder).resolve() / "cluster"
    given: dict[str, Any] = {"timeout_min": DAY, "name": "anytime", "stderr_to_stdout": True}
    setup = parameters.get("slurm_setup", [])
    if not isinstance(setup, list):
        raise ValueError(f'slurm_setup is a list of lines, ["module load cuda"], not {setup!r}')
    given |= parameters | {"slurm_setup": SETUP + setup}
    try:
        limits = {"slurm_max_num_timeout": REQUEUES} if cluster == "slurm" else {}
        executor = submitit.AutoExecutor(logs, cluster=cluster, **limits)
        executor.update_parameters(**given)
    except (NameError, TypeError, AssertionError) as error:
        raise ValueError(f"submitit takes no such options: {error}") from error
    except RuntimeError as error:
        raise ValueError(f"there is no SLURM to submit to on this machine: {error}") from error
    if not listed:
        return []

    try:
        # submitit prints what sbatch says, and then raises it.
        with redirect_stderr(io.StringIO()), executor.batch():
            handles = [executor.submit(Task(job, logs.parent, networks)) for job in listed]
    except submitit.core.utils.FailedJobError as error:
        reason = str(error).replace("sbatch: error: ", "")
        raise ValueError(f"SLURM refuses the runs: {reason}; see --cluster-options") from error
    for job, handle in zip(listed, handles if cluster == "slurm" else [], strict=False):
        log = _log(logs.parent, job)
        log.unlink(missing_ok=True)
        log.symlink_to(handle.paths.stdout.name)
    return handles


def _log(folder: Path, job: Job) -> Path:
    """Where a job's output on SLURM is found: a link that is there once it was submitted."""
    return Path(folder) / "cluster" / f"{job.name}.log"


def standings(listed: Iterable[Job], folder: Path, *also: Path) -> list[Standing]:
    """What has become of jobs, by the records, the locks, the queue of SLURM, and the logs.

    folder: of the records. also: more folders of records. Raises ValueError where the queue does
    not answer.
    """
    listed = list(listed)
    found = {one.job: one for one in unfinished(missing(listed, folder, *also), folder)}
    return [found.get(job) or Standing(job, FINISHED) for job in listed]


def unfinished(undone: list[Job], folder: Path) -> list[Standing]:
    """The same of jobs of which it is known that they have no finished record."""
    queued = _queue() if any(_log(folder, job).is_symlink() for job in undone) else {}
    return [_standing(job, Path(folder), queued) for job in undone]


def _standing(job: Job, folder: Path, queued: dict[str, str]) -> Standing:
    from anytime.training.locks import holder

    log = _log(folder, job)
    number = log.readlink().name.removesuffix("_0_log.out") if log.is_symlink() else ""
    if number in queued:
        return Standing(job, queued[number], f"{number}, {log}")
    if works := holder(job.record_path(folder)):
        return Standing(job, RUNNING, works)
    for left in (log, folder / f"{job.name}.log"):
        if left.is_symlink() or left.exists():
            return Standing(job, FAILED, str(left))
    return Standing(job, TO_DO)


def _is_preempted() -> bool:
    """Whether the job of this process makes room for another one, and was not cancelled."""
    command = ["scontrol", "show", "job", os.environ.get("SLURM_JOB_ID", "")]
    if shutil.which("scontrol") is None:
        return False
    told = subprocess.run(command, capture_output=True, text=True).stdout
    return "PreemptTime=2" in told  # a date; otherwise "None"


def _queue() -> dict[str, str]:
    """The state of each of the user's jobs in SLURM's queue, by its number: waiting or running."""
    command = ["squeue", "--me", "--array", "--noheader", "--format=%i %t"]
    try:
        ended = subprocess.run(command, capture_output=True, text=True, timeout=60)
    except subprocess.TimeoutExpired as error:
        raise ValueError("squeue does not answer within a minute; try again later") from error
    except FileNotFoundError as error:
        raise ValueError("there is no squeue here; ask on the machine that submits") from error
    if ended.returncode:
        told = ended.stderr.strip().rpartition("\n")[-1]
        raise ValueError(f"the queue does not answer ({told}); try again once `squeue` works")
    lines = [line.split() for line in ended.stdout.splitlines()]
    # PD is pending, RQ, RH and RD are queued again; all others hold a node.
    waits = {"PD", "RQ", "RH", "RD"}
    return {number: WAITING if state in waits else RUNNING for number, state in lines}
