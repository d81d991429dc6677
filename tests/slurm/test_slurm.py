"""Lists of runs on a true SLURM, where they are signalled, preempted, cancelled and requeued."""

import os
import subprocess
import time
from dataclasses import replace

import pytest

from anytime.__main__ import main
from anytime.experiments import Job, cluster
from anytime.runs import Run
from anytime.training import Recipe

pytest.importorskip("submitit", reason="submitit is not installed: pip install submitit")
pytestmark = [pytest.mark.usefixtures("slurm"), pytest.mark.timeout(900)]

SHORT = Job("fashion", "resann-1-4-stride2", "const", Recipe(2, 64), train_images=128)
long = pytest.mark.skipif(not os.environ.get("CAMPAIGN"), reason="minutes: make campaign-slurm")
# Long enough to be cut off several times, a second or so an epoch.
LONG = Job("fashion", "resann-1-8", "adaloss:every=5", Recipe(20, 64), train_images=600)


def waited(happened, what: str, seconds: float = 300):
    """The value of `happened` once it is true."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if value := happened():
            return value
        time.sleep(0.1)
    raise AssertionError(f"waited in vain for {what}")


def state(job, folder):
    return cluster.standings([job], folder)[0].state


def epochs(job, folder):
    path = job.record_path(folder)
    return Run.load(path).epochs if path.exists() else 0


def submit(job, folder, **options):
    (handle,) = cluster.submit([job], folder, "slurm", timeout_min=30, **options)
    return handle.job_id


def slurm_command(*words):
    return subprocess.run(words, check=True, capture_output=True, text=True).stdout


def log_of(job, folder):
    return (folder / "cluster" / f"{job.name}.log").read_text()


def test_a_list_is_submitted_once_and_its_runs_finish(tmp_path, capsys):
    command = ["run", "networks", "--profile", "quick", "--out", str(tmp_path), "--train-images"]
    command += ["128", "--dataset", "fashion"]
    submission = [*command, "--cluster", "slurm", "--cluster-options", "timeout_min=30"]
    assert main(submission) == 0
    first = capsys.readouterr().out
    assert "2 runs submitted" in first
    assert main(submission) == 0
    again = capsys.readouterr().out
    assert "0 runs submitted" in again and again.count(" already: ") == 2

    def said():
        main([*command, "--status"])
        return capsys.readouterr().out

    waited(lambda: "2 finished, 0 running" in said(), "both runs")
    assert main(submission) == 0
    assert "0 runs submitted" in capsys.readouterr().out


def test_a_run_signalled_preempted_and_queued_again_ends_as_one_left_alone(tmp_path):
    number = submit(LONG, tmp_path)
    waited(lambda: epochs(LONG, tmp_path) >= 1, "the first epoch")
    slurm_command("scancel", "--signal=USR2", number)  # as before the limit of time

    def after(more):
        """Waits until the run was started again and is this much further."""
        before = epochs(LONG, tmp_path)
        waited(lambda: state(LONG, tmp_path) != cluster.RUNNING, "the end of its sitting")
        # SLURM lets two minutes pass before it starts a job again.
        slurm_command("scontrol", "update", f"JobId={number}", "StartTime=now")
        waited(lambda: epochs(LONG, tmp_path) >= before + more, "its next epochs")

    after(2)
    slurm_command("sbatch", "--partition=high", "--ntasks=2", "--output=/dev/null", "--wrap=true")
    after(2)
    slurm_command("scontrol", "requeue", number)
    after(1)
    waited(lambda: state(LONG, tmp_path) == cluster.FINISHED, "the end")

    run = Run.load(LONG.record_path(tmp_path))
    assert len(run.sittings) == 4
    alone = LONG.carry_out(tmp_path / "alone", device="cpu", progress=False, evaluate_every=4)
    assert run.history == alone.history


@long
def test_the_limit_of_time_stores_the_step_and_queues_the_run_again(tmp_path):
    endless = replace(LONG, recipe=Recipe(10_000, 64))
    # A busy machine takes long to come to the first step.
    options = {"timeout_min": 2, "slurm_signal_delay_s": 70}
    (handle,) = cluster.submit([endless], tmp_path, "slurm", **options)
    checkpoint = endless.record_path(tmp_path).with_suffix(".ckpt")
    waited(checkpoint.exists, "the checkpoint at the limit of time", seconds=600)
    waited(lambda: state(endless, tmp_path) == cluster.WAITING, "its place in the queue")
    assert "stopped after step" in log_of(endless, tmp_path)
    slurm_command("scancel", handle.job_id)
    waited(lambda: state(endless, tmp_path) == cluster.FAILED, "its end")


@long
def test_a_run_that_was_cancelled_is_submitted_again_and_goes_on(tmp_path):
    job = replace(LONG, seed=1, recipe=Recipe(6, 64))
    number = submit(job, tmp_path)
    waited(lambda: epochs(job, tmp_path) >= 1, "the first epoch")
    slurm_command("scancel", number)
    waited(lambda: state(job, tmp_path) == cluster.FAILED, "its end")
    assert job.record_path(tmp_path).with_suffix(".ckpt").exists()
    submit(job, tmp_path)
    waited(lambda: state(job, tmp_path) == cluster.FINISHED, "the end")
    first, second = Run.load(job.record_path(tmp_path)).sittings
    assert second["from_step"] > first["from_step"] == 0


def test_a_failed_run_is_listed_with_its_log(tmp_path):
    (tmp_path / "pets").mkdir()
    job = replace(SHORT, dataset=str(tmp_path / "pets"), train_images=None)
    submit(job, tmp_path)
    waited(lambda: state(job, tmp_path) == cluster.FAILED, "its failure")
    ((_, _, log),) = cluster.standings([job], tmp_path)
    assert log.endswith(f"{job.name}.log") and "pets" in log_of(job, tmp_path)


@pytest.mark.parametrize(
    "options, told",
    [
        ({"slurm_partition": "nosuch"}, "partition"),
        ({"gpus_per_node": 8}, "SLURM refuses"),
        ({"slurm_nonsense": 1}, "nonsense"),
        ({"slurm_setup": "module load cuda"}, "list of lines"),
        ({"tasks_per_node": 2}, "one task"),
    ],
)
def test_what_the_cluster_cannot_do_is_said(tmp_path, options, told):
    with pytest.raises(ValueError, match=told):
        cluster.submit([SHORT], tmp_path, "slurm", **options)


def test_a_queue_that_is_down_is_said(tmp_path, monkeypatch):
    assert state(SHORT, tmp_path) == cluster.TO_DO
    (tmp_path / "cluster").mkdir()
    (tmp_path / "cluster" / f"{SHORT.name}.log").symlink_to("1_0_log.out")
    (tmp_path / "slurm.conf").write_text("nonsense")
    monkeypatch.setenv("SLURM_CONF", str(tmp_path / "slurm.conf"))
    with pytest.raises(ValueError, match="the queue does not answer"):
        cluster.standings([SHORT], tmp_path)


@long
def test_lines_before_the_run_and_options_from_a_file_reach_it(tmp_path, capsys):
    (tmp_path / "cluster.toml").write_text(
        f'timeout_min = 30\nslurm_partition = "high"\nslurm_setup = ["touch {tmp_path}/loaded"]\n'
    )
    command = ["run", "networks", "--profile", "quick", "--out", str(tmp_path), "--train-images"]
    command += ["128", "--cluster", "slurm", "--cluster-options", str(tmp_path / "cluster.toml")]
    assert main(command) == 0
    assert "2 runs submitted" in capsys.readouterr().out
    waited((tmp_path / "loaded").exists, "the line before the run")
    (job, *_) = slurm_command("squeue", "--noheader", "--array", "--format=%P").split() or ["high"]
    assert job == "high"
