"""Lists of jobs carried out by real processes, which are killed, stopped and broken here."""

import contextlib
import io
import os
import signal
import subprocess
import sys
import threading
import time
from dataclasses import dataclass, replace
from pathlib import Path

import psutil
import pytest
import torch

from anytime.__main__ import main
from anytime.experiments import Job, cluster, workers
from anytime.experiments import lists as experiments
from anytime.runs import Run
from anytime.training import Recipe
from anytime.training.locks import held

SMALL = Job("fashion", "resann-1-4-stride2", "const", Recipe(2, 64), train_images=128)
ENDLESS = replace(SMALL, recipe=Recipe(100_000, 64))


def wait_for(happened, what: str, seconds: float = 120):
    """The value of `happened` once it is true."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if value := happened():
            return value
        time.sleep(0.02)
    raise AssertionError(f"waited in vain for {what}")


def worker_of(parent: int, job: Job) -> psutil.Process | None:
    for child in psutil.Process(parent).children() if psutil.pid_exists(parent) else []:
        with contextlib.suppress(psutil.Error):  # it may end while it is looked at
            if job.to_json() in child.cmdline():
                return child
    return None


def begun(job: Job, epochs: int = 0) -> Run:
    """The record of a job that was cut off."""
    entry = {"test_error": [0.5]}
    config = job.identity | {"fingerprint": job.load().fingerprint}
    return Run(config, [1], history=[{"epoch": 1 + k, **entry} for k in range(epochs)])


def finished(job: Job, folder: Path) -> bool:
    return Run.load(job.record_path(folder)).finished


def epochs(job: Job, folder: Path) -> int:
    path = job.record_path(folder)
    return len(Run.load(path).history) if path.exists() else 0


KILLED, BROKEN, DONE = (replace(SMALL, seed=seed) for seed in (1, 2, 3))
BEGUN = replace(SMALL, recipe=Recipe(3, 64))


class CutOff(Exception):
    """Something that ends a run where no checkpoint is written."""


def cut_off(run: Run) -> None:
    if len(run.history) == 2:
        raise CutOff


@dataclass
class Outcome:
    """A list of four jobs, carried out two at a time."""

    folder: Path
    failed: list[Job]
    shown: str
    done_before: bytes


@pytest.fixture(scope="module")
def outcome(tmp_path_factory) -> Outcome:
    folder = tmp_path_factory.mktemp("runs")
    with pytest.raises(CutOff):
        BEGUN.carry_out(folder, progress=False, after_epoch=cut_off)
    DONE.carry_out(folder, progress=False)
    (folder / f"{BROKEN.name}.ckpt").write_text("this is no checkpoint")
    before = DONE.record_path(folder).read_bytes()

    def kill() -> None:
        wait_for(lambda: worker_of(os.getpid(), KILLED), "a worker to kill").kill()

    killer = threading.Thread(target=kill)
    killer.start()
    with contextlib.redirect_stdout(io.StringIO()) as shown:
        failed = workers.run([KILLED, BROKEN, BEGUN, DONE, BEGUN], folder, 2)
    killer.join()
    return Outcome(folder, failed, shown.getvalue(), before)


def test_a_job_whose_worker_was_killed_is_done_all_the_same(outcome):
    assert f"{KILLED.name} died (exit status -9): once more" in outcome.shown
    assert finished(KILLED, outcome.folder)


def test_what_was_cut_off_goes_on_from_its_checkpoint(outcome):
    record = Run.load(BEGUN.record_path(outcome.folder))
    assert record.finished and len(record.history) == 3 and len(record.sittings) == 2


def test_what_is_finished_is_not_repeated(outcome):
    assert DONE.record_path(outcome.folder).read_bytes() == outcome.done_before
    assert outcome.shown.startswith("3 of 4 runs to do")


def test_a_job_that_always_dies_is_reported_with_its_log_and_the_others_go_on(outcome):
    assert outcome.failed == [BROKEN]
    log = outcome.folder / f"{BROKEN.name}.log"
    assert str(log) in outcome.shown
    why = "delete it to start this run anew"
    assert why in log.read_text() and outcome.shown.count(why) == 1


def test_successful_jobs_leave_nothing_but_their_records(outcome):
    left = {path.name for path in outcome.folder.iterdir()}
    ended = {f"{job.name}.json" for job in (KILLED, BEGUN, DONE)}
    assert left == ended | {f"{BROKEN.name}.ckpt", f"{BROKEN.name}.log"}


def check_stopped(folder: Path) -> None:
    """The record is unfinished, and the checkpoint holds every epoch of it."""
    path = ENDLESS.record_path(folder)
    state = torch.load(path.with_suffix(".ckpt"), weights_only=True)
    assert not Run.load(path).finished
    assert len(state["history"]) == epochs(ENDLESS, folder) > 0


def test_ctrl_c_stops_the_workers_with_their_checkpoints(tmp_path, monkeypatch, capfd):
    monkeypatch.setattr(experiments, "jobs", lambda *arguments: [ENDLESS])
    seen = []

    def interrupt() -> None:
        wait_for(lambda: epochs(ENDLESS, tmp_path), "the first epoch")
        seen.append(worker_of(os.getpid(), ENDLESS))
        os.kill(os.getpid(), signal.SIGINT)

    thread = threading.Thread(target=interrupt)
    thread.start()
    assert main(["run", "schemes", "--out", str(tmp_path)]) == 130
    thread.join()
    assert not seen[0].is_running()
    assert "the same call goes on" in capfd.readouterr().err
    check_stopped(tmp_path)
    assert not list(tmp_path.glob("*.log"))


def test_workers_stop_with_their_checkpoints_even_where_their_parent_is_killed(tmp_path):
    code = (
        "import sys, pathlib; from anytime.experiments import job as jobs, workers;"
        "workers.run([jobs.Job.from_json(sys.argv[1])], pathlib.Path(sys.argv[2]))"
    )
    command = [sys.executable, "-c", code, ENDLESS.to_json(), str(tmp_path)]
    with subprocess.Popen(command, stderr=subprocess.DEVNULL) as parent:
        wait_for(lambda: epochs(ENDLESS, tmp_path), "the first epoch")
        worker = worker_of(parent.pid, ENDLESS)
        parent.kill()
    try:
        worker.wait(60)
    finally:
        with contextlib.suppress(psutil.NoSuchProcess):
            worker.kill()
    check_stopped(tmp_path)


def test_a_list_ends_in_time_with_its_checkpoints(tmp_path, capfd):
    listed = [ENDLESS, replace(ENDLESS, seed=1)]
    begun = ENDLESS.record_path(tmp_path)
    assert workers.run(listed, tmp_path, minutes=0.5) == []
    assert "the time is up" in capfd.readouterr().out
    assert [*tmp_path.glob("*.ckpt")] == [begun.with_suffix(".ckpt")]
    assert not [*tmp_path.glob("*.log")]


def test_workers_share_several_gpus_in_turn(monkeypatch):
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    assert "CUDA_VISIBLE_DEVICES" not in workers._variables(0)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    assert [workers._variables(k)["CUDA_VISIBLE_DEVICES"] for k in range(3)] == ["0", "1", "0"]
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "5,7")
    assert [workers._variables(k)["CUDA_VISIBLE_DEVICES"] for k in range(3)] == ["5", "7", "5"]


def test_a_data_set_that_is_not_there_is_named_once_and_the_others_are_run(tmp_path, capfd):
    SMALL.carry_out(tmp_path, progress=False)
    lost = [replace(SMALL, dataset="nowhere", seed=seed) for seed in (0, 1)]
    few = replace(SMALL, train_images=10**6)
    assert workers.run([*lost, SMALL, few], tmp_path) == [*lost, few]
    shown = capfd.readouterr().err
    assert shown.count("unknown data set 'nowhere'") == 1
    assert "1000000 images asked for" in shown


def test_a_worker_that_is_terminated_alone_is_tried_once_more(tmp_path, capsys):
    def terminate() -> None:
        wait_for(lambda: epochs(ENDLESS, tmp_path), "the first epoch")
        first = worker_of(os.getpid(), ENDLESS)
        first.terminate()
        # Its parent alone waits for it to end: who waits besides takes the exit status away.
        second = wait_for(lambda: other_than(first), "the second worker")
        second.kill()

    def other_than(first: psutil.Process) -> psutil.Process | None:
        found = worker_of(os.getpid(), ENDLESS)
        return found if found != first else None

    thread = threading.Thread(target=terminate)
    thread.start()
    assert workers.run([ENDLESS], tmp_path) == [ENDLESS]
    thread.join()
    shown = capsys.readouterr().out
    assert "died (exit status 130): once more" in shown
    assert "failed (exit status -9); its log" in shown


def test_two_lists_at_once_leave_to_each_other_what_is_worked_on(tmp_path, capsys):
    theirs, failed = replace(SMALL, seed=1), []
    lists = [
        threading.Thread(target=lambda: failed.extend(workers.run([theirs, SMALL], tmp_path)))
        for _ in range(2)
    ]
    with held(theirs.record_path(tmp_path)):
        for thread in lists:
            thread.start()
        for thread in lists:
            thread.join()
    assert failed == [] and finished(SMALL, tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {SMALL.record_path(tmp_path).name}
    shown = capsys.readouterr().out
    told = f"left out: process {os.getpid()} on "
    assert shown.count(told) == 2 and str(tmp_path / theirs.name) in shown
    assert "left to other processes that work on them" in shown
    assert "died" not in shown and "failed" not in shown


def test_a_run_that_another_comparison_has_made_is_not_missing(tmp_path):
    done = tmp_path / "schemes"
    SMALL.carry_out(done, progress=False)
    other = replace(SMALL, seed=1)
    here = tmp_path / "small-beats-large"
    assert workers.missing([SMALL, other], here) == [SMALL, other]
    assert workers.missing([SMALL, other], here, tmp_path) == [other]


def test_a_finished_run_without_the_wanted_network_is_refused_aloud(tmp_path, capfd):
    records, kept = tmp_path / "records", tmp_path / "networks"
    SMALL.carry_out(records, progress=False)
    assert workers.run([SMALL], records, networks=kept) == [SMALL]
    assert "its network was not kept; remove its record" in capfd.readouterr().err
    SMALL.record_path(records).with_suffix(".ckpt").touch()  # as where it could not be stored
    assert workers.planned([SMALL], records, networks=kept) == ([SMALL], [])
    kept.mkdir()
    (kept / f"{SMALL.name}.pt").touch()
    assert workers.planned([SMALL], records, networks=kept) == ([], [])


def test_an_unfinished_record_is_missing(tmp_path):
    begun(SMALL).save(SMALL.record_path(tmp_path))
    assert workers.missing([SMALL], tmp_path) == [SMALL]


def test_progress_weighs_an_epoch_by_its_multiply_adds_and_images(tmp_path):
    # 3 epochs of 100 images, and 2 of 300: 300 + 600 images by the same network
    one = replace(SMALL, train_images=100, recipe=Recipe(3, 64))
    two = replace(SMALL, train_images=300)
    for job in (one, two):
        begun(job, 1).save(job.record_path(tmp_path))
    progress = workers.Progress([one, two], tmp_path)
    progress.bar.close()
    assert progress.done() / progress.bar.total == pytest.approx(400 / 900)
    begun(two, 2).save(two.record_path(tmp_path))
    assert progress.done() / progress.bar.total == pytest.approx(700 / 900)


def test_progress_weighs_a_deeper_network_more(tmp_path):
    # Units of the three blocks cost the same; a second unit in each doubles all but the stem.
    deep = replace(SMALL, network="resann-2-4-stride2")
    progress = workers.Progress([SMALL, deep], tmp_path)
    progress.bar.close()
    assert 1.8 < progress.work[deep] / progress.work[SMALL] < 2.2


def test_a_cluster_s_job_that_is_cut_off_is_queued_again_and_goes_on(tmp_path):
    pytest.importorskip("submitit", reason="submitit is not installed: pip install submitit")
    (handle,) = cluster.submit([ENDLESS], tmp_path, "local", timeout_min=60)
    controller = psutil.Process(int(handle.job_id))
    try:
        before = wait_for(lambda: epochs(ENDLESS, tmp_path), "the first epoch")
        (task,) = controller.children()
        record = ENDLESS.record_path(tmp_path)
        task.send_signal(signal.SIGUSR2)  # what SLURM sends before it takes the machine
        wait_for(lambda: len(Run.load(record).sittings) == 2, "the second sitting")
        wait_for(lambda: epochs(ENDLESS, tmp_path) > before, "another epoch")
    finally:
        for process in [*controller.children(recursive=True), controller]:
            process.kill()


def test_a_cluster_s_job_ends_with_the_place_of_its_record(tmp_path):
    assert cluster.Task(SMALL, tmp_path)() == str(SMALL.record_path(tmp_path))
    assert finished(SMALL, tmp_path)


def test_a_cluster_s_job_keeps_its_network(tmp_path):
    networks = tmp_path / "networks"
    cluster.Task(SMALL, tmp_path, networks)()
    (kept,) = networks.iterdir()
    assert Run.load(SMALL.record_path(tmp_path)).trained["bytes"] == kept.stat().st_size


def test_a_cluster_s_options_that_do_not_exist_are_named(tmp_path):
    pytest.importorskip("submitit", reason="submitit is not installed: pip install submitit")
    with pytest.raises(ValueError, match="speed"):
        cluster.submit([SMALL], tmp_path, "local", speed=3)


def test_nothing_is_submitted_where_nothing_is_missing(tmp_path):
    pytest.importorskip("submitit", reason="submitit is not installed: pip install submitit")
    assert cluster.submit([], tmp_path, "local") == []
