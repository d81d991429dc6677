"""Locks of runs against real processes that are killed, paused, or come all at once."""

import multiprocessing
import os
import signal
import threading
import time

import pytest
from test_training import RECIPE, dataset, fresh

from anytime import networks, paths
from anytime.paths import whole_file
from anytime.runs import Run
from anytime.training import Session, checkpoints, locks, train
from anytime.training.locks import Busy, held

FORK = multiprocessing.get_context("fork")


def hold(commands, *files) -> None:
    """A process that holds a run, and writes or ends when it is told to."""
    try:
        with held(*files):
            commands.send("held")
            while commands.recv() == "write":
                try:
                    with whole_file(files[0]) as temporary:
                        temporary.write_text("the first holder's")
                    commands.send("written")
                except Busy as busy:
                    commands.send(str(busy))
    except Busy as busy:
        commands.send(str(busy))


class Holder:
    """Such a process, and the end of a pipe to it."""

    def __init__(self, *files) -> None:
        self.pipe, theirs = FORK.Pipe()
        self.process = FORK.Process(target=hold, args=(theirs, *files), daemon=True)
        self.process.start()
        theirs.close()  # so that its end is noticed
        assert self.pipe.recv() == "held"

    def ask(self, command: str) -> str:
        self.pipe.send(command)
        return self.pipe.recv()

    def kill(self) -> None:
        self.process.kill()
        self.process.join()


@pytest.fixture
def holder(tmp_path):
    """Starts holders of run.json; they end with the test."""
    begun = []

    def start(*files) -> Holder:
        begun.append(Holder(*(files or (tmp_path / "run.json",))))
        return begun[-1]

    yield start
    for one in begun:
        one.kill()


@pytest.fixture
def elsewhere(monkeypatch):
    """Processes that start from here on cannot be seen by those outside, as on another machine."""
    here = paths.process_name
    monkeypatch.setattr(paths, "process_name", lambda number="self": f"beef-{os.getpid()}-1")

    def back() -> None:
        monkeypatch.setattr(paths, "process_name", here)

    return back


@pytest.fixture
def record(tmp_path):
    return tmp_path / "run.json"


def contents(folder) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_a_second_process_is_told_who_works_on_the_run_and_changes_nothing(
    record, holder, tmp_path
):
    first = holder()
    before = contents(tmp_path)
    with pytest.raises(Busy) as told, held(record):
        pass
    host = os.uname().nodename
    assert f"process {first.process.pid} on {host}, since 2" in str(told.value)
    assert "last heard of" in str(told.value) and "works on" in str(told.value)
    assert str(tmp_path / "run") in str(told.value) and "\n" not in str(told.value)
    assert contents(tmp_path) == before


def test_what_is_let_go_leaves_no_lock_and_can_be_taken(record, holder, tmp_path):
    first = holder()
    first.pipe.send("end")
    first.process.join()
    assert contents(tmp_path) == {}
    with held(record):
        assert [*contents(tmp_path)] == ["run.lock"]


def test_an_error_lets_the_run_go(record, tmp_path):
    with pytest.raises(ZeroDivisionError), held(record):
        raise ZeroDivisionError
    assert contents(tmp_path) == {}


@pytest.mark.parametrize("joined", [True, False])
def test_a_killed_holder_is_followed_at_once(record, holder, joined):
    first = holder()
    first.process.kill()
    if joined:
        first.process.join()
    else:  # it has ended, and its parent has not asked yet: a zombie
        os.waitid(os.P_PID, first.process.pid, os.WEXITED | os.WNOWAIT)
    with held(record), whole_file(record) as temporary:
        temporary.write_text("the second's")
    assert record.read_text() == "the second's"


def test_a_number_that_another_process_has_by_now_is_not_the_holder(record, tmp_path):
    place, _, started = paths.process_name().split("-")
    ours = f"{place}-{os.getpid()}-{int(started) - 1} token process {os.getpid()} on here"
    (tmp_path / "run.lock").write_text(ours)
    with held(record):
        pass
    assert contents(tmp_path) == {}


def test_a_record_and_its_checkpoint_are_one_run_wherever_they_lie(record, holder, tmp_path):
    holder()
    with pytest.raises(Busy), held(None, tmp_path / "run.ckpt"):
        pass
    other = tmp_path / "other"
    holder(other / "a.json", other / "b.ckpt")
    for name in ("a.ckpt", "b.json"):
        with pytest.raises(Busy), held(other / "c.json", other / name):
            pass
    # What was taken before the second of two was found busy is let go.
    assert {*contents(other)} == {"a.lock", "b.lock"}


def test_names_that_differ_after_a_point_are_two_runs(tmp_path, holder):
    holder(tmp_path / "const-0.5")
    with held(tmp_path / "const-0.7"):
        pass


def test_within_itself_a_lock_changes_nothing_and_another_thread_is_told(record):
    seen = []

    def other() -> None:
        try:
            with held(record):
                seen.append("held")
        except Busy as busy:
            seen.append(str(busy))

    with held(record), held(record.with_suffix(".ckpt"), record):
        thread = threading.Thread(target=other)
        thread.start()
        thread.join()
    assert f"process {os.getpid()} on" in seen[0]
    thread = threading.Thread(target=other)
    thread.start()
    thread.join()
    assert seen[1] == "held"


def test_a_holder_elsewhere_that_is_heard_of_is_left_alone(
    record, holder, elsewhere, monkeypatch, capsys
):
    monkeypatch.setattr(locks, "HEARTBEAT", 0.02)
    first = holder()
    elsewhere()
    with pytest.raises(Busy, match=f"process {first.process.pid} on"), held(record):
        pass
    assert "waiting to see whether there is still process" in capsys.readouterr().err
    assert first.ask("write") == "written"


def test_a_holder_elsewhere_that_is_silent_is_followed(record, holder, elsewhere, monkeypatch):
    first = holder()
    elsewhere()
    first.kill()
    monkeypatch.setattr(locks, "STALE", 0.2)
    # Its clock may have been ahead.
    os.utime(record.with_suffix(".lock"), (time.time() + 9999,) * 2)
    with held(record):
        pass


def test_who_was_paused_until_another_took_over_writes_nothing(
    record, holder, elsewhere, monkeypatch
):
    first = holder()
    assert first.ask("write") == "written"
    os.kill(first.process.pid, signal.SIGSTOP)
    elsewhere()
    monkeypatch.setattr(locks, "STALE", 0.2)
    with held(record):
        with whole_file(record) as temporary:
            temporary.write_text("the second's")
        before = contents(record.parent)
        os.kill(first.process.pid, signal.SIGCONT)
        told = first.ask("write")
        assert f"process {os.getpid()} on" in told and "nothing more is written" in told
        first.pipe.send("end")
        first.process.join()
        assert contents(record.parent) == before  # the lock of the second one, too


@pytest.mark.parametrize("lost", [b"another's", None])
def test_every_file_of_a_run_that_was_lost_stays_as_it_was(record, lost):
    writers = {
        "run.json": Run({}, [1]).save,
        "run.ckpt": lambda path: checkpoints.write(path, {"config": {}}),
        "run.pt": lambda path: networks.save(networks.build("resann-1-4", 2), path),
    }
    for name in writers:
        record.with_name(name).write_text("as it was")
    lock = record.with_suffix(".lock")
    with held(record):
        if lost:
            lock.write_bytes(lost)
        else:
            lock.unlink()
        before = contents(record.parent)
        for name, write in writers.items():
            with pytest.raises(Busy):
                write(record.with_name(name))
    assert contents(record.parent) == before


def test_a_training_that_has_lost_its_run_leaves_its_files_to_the_one_that_took_over(record):
    checkpoint, lock = record.with_suffix(".ckpt"), record.with_suffix(".lock")
    before = {}

    def lose(run) -> None:
        if run.epochs == 2:
            for path in (record, checkpoint, lock):
                path.write_text("of the one that took over")
            before.update(contents(record.parent))

    options = {"record": record, "checkpoint": checkpoint, "progress": False}
    with pytest.raises(Busy):
        train(*fresh(), dataset(), RECIPE, after_epoch=lose, **options)
    assert contents(record.parent) == before


def test_a_run_that_is_lost_at_its_end_keeps_the_checkpoint_of_the_one_that_took_over(
    record, monkeypatch
):
    checkpoint = record.with_suffix(".ckpt")
    finish = Session.finish

    def late(session, *files) -> None:
        record.with_suffix(".lock").write_text("of the one that took over")
        finish(session, *files)

    monkeypatch.setattr(Session, "finish", late)
    with pytest.raises(Busy):
        train(*fresh(), dataset(), RECIPE, checkpoint=checkpoint, progress=False)
    assert checkpoint.exists()


def compete(record, start, results, everyone) -> None:
    start.wait()
    try:
        with held(record):
            results.put("held")
            everyone.wait()
    except Busy:
        results.put("busy")
        everyone.wait()


@pytest.mark.parametrize("left", ["", "dead", "dead twice"])
def test_of_many_processes_that_come_at_once_one_alone_gets_the_run(record, left, tmp_path):
    number, rounds = 6, 5
    for _ in range(rounds):
        dead = FORK.Process(target=print)
        dead.start()
        name = paths.process_name(str(dead.pid)) or paths.process_name()[:9] + f"{dead.pid}-1"
        dead.join()
        if left:
            (tmp_path / "run.lock").write_text(f"{name} token one that was killed")
        if left == "dead twice":  # and another one while it took over from the first
            (tmp_path / "run.lock.lock").write_text(f"{name} token another that was killed")
        start, everyone, results = FORK.Barrier(number), FORK.Barrier(number), FORK.Queue()
        args = (record, start, results, everyone)
        crowd = [FORK.Process(target=compete, args=args) for _ in range(number)]
        for one in crowd:
            one.start()
        said = sorted(results.get(timeout=120) for _ in crowd)
        for one in crowd:
            one.join()
        assert said == ["busy"] * (number - 1) + ["held"]
        assert contents(tmp_path) == {}


def test_who_found_a_holder_gone_does_not_follow_the_one_that_came_since(
    record, holder, monkeypatch
):
    holder().kill()
    found, faster = locks._works, []

    def works(*now) -> bool:
        monkeypatch.undo()
        alive = found(*now)
        faster.append(holder())  # comes and takes over between the look and the deed
        return alive

    monkeypatch.setattr(locks, "_works", works)
    with pytest.raises(Busy) as told, held(record):
        pass
    assert f"process {faster[0].process.pid} on" in str(told.value)
    assert faster[0].ask("write") == "written"


@pytest.mark.parametrize("content", ["", "\x00\xff half", "notes of somebody's"])
def test_a_lock_that_names_nobody_is_watched_and_followed(
    record, content, monkeypatch, tmp_path, capsys
):
    (tmp_path / "run.lock").write_text(content, encoding="utf-8")
    monkeypatch.setattr(locks, "STALE", 0.2)
    monkeypatch.setattr(locks, "HEARTBEAT", 0.2)
    with held(record):
        pass
    assert contents(tmp_path) == {}
    assert bool(content) == ("waiting to see" in capsys.readouterr().err)


def test_a_system_that_tells_nothing_of_processes_goes_by_what_is_heard(
    record, holder, monkeypatch, tmp_path
):
    monkeypatch.setattr(paths, "process_name", lambda number="self": "")
    monkeypatch.setattr(locks, "HEARTBEAT", 0.02)
    first = holder()
    with pytest.raises(Busy), held(record):
        pass
    first.kill()
    monkeypatch.setattr(locks, "STALE", 0.2)
    with held(record):
        pass
    assert contents(tmp_path) == {}


def test_what_runs_nowhere_is_unknown_and_what_runs_here_is_alive():
    name = paths.process_name()
    place = name.split("-")[0]
    assert paths.is_alive(name) is True
    assert paths.is_alive(f"{place}-{os.getppid()}-1") is False
    assert [paths.is_alive(text) for text in ("", "x", "-1-1", f"beef-{os.getpid()}-1")] == (
        [None] * 4
    )
