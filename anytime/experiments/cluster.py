"""Lists of jobs handed to a cluster."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from anytime.experiments.job import Job
from anytime.experiments.workers import carry_out

DAY = 24 * 60  # minutes; submitit's own limit is a few minutes


@dataclass(frozen=True)
class Task:
    """A job as submitit calls it; cut off by the cluster, it is queued again and goes on."""

    job: Job
    folder: Path
    networks: Path | None = None

    def __call__(self) -> str:
        return str(carry_out(self.job, self.folder, self.networks).path)

    def checkpoint(self) -> Any:
        """Called at the limit of time and before a preemption: the same task once more."""
        from submitit.helpers import DelayedSubmission

        return DelayedSubmission(self)


def submit(
    listed: list[Job],
    folder: Path,
    cluster: str,
    networks: Path | None = None,
    **parameters: int | str,
) -> list:
    """Hands jobs to a cluster through submitit and returns its handles.

    cluster: "slurm", or "local", which starts all at once, to try it out. networks: a folder
    for the trained networks. parameters: submitit's, such as slurm_partition; timeout_min is a
    day unless given.
    Raises ValueError where submitit is missing or does not know a parameter.
    """
    try:
        import submitit
    except ImportError as error:
        raise ValueError("--cluster needs submitit: pip install submitit") from error
    folder = Path(folder).resolve()
    executor = submitit.AutoExecutor(folder / "cluster", cluster=cluster)
    try:
        executor.update_parameters(**{"timeout_min": DAY, "name": "anytime"} | parameters)
    except (NameError, TypeError, AssertionError) as error:
        raise ValueError(f"submitit takes no such options: {error}") from error
    if not listed:
        return []
    with executor.batch():
        return [executor.submit(Task(job, folder, networks)) for job in listed]
