"""Files written whole or not at all: their temporary names, what the dead leave, full disks."""

import multiprocessing
import os
import secrets
import time
from pathlib import Path

import pytest
import torch

from anytime import networks, paths
from anytime.paths import whole_file
from anytime.training import checkpoints

FORK = multiprocessing.get_context("fork")
DAY = 24 * 3600
LARGEST = 10_000  # bytes


@pytest.fixture
def path(tmp_path) -> Path:
    return tmp_path / "a [1].json"  # with letters that a pattern would take for its own


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def write(path: Path, text: str) -> None:
    with whole_file(path) as temporary:
        temporary.write_text(text)


def test_two_writers_have_files_of_their_own_and_the_last_one_stays(path):
    with whole_file(path) as one, whole_file(path) as other:
        assert one != other
        one.write_text("one"), other.write_text("other")
    assert path.read_text() == "one" and names(path.parent) == {path.name}


def test_what_two_containers_call_process_one_has_two_names(path, monkeypatch):
    monkeypatch.setattr(os, "getpid", lambda: 1)
    seen = set()
    for place in ("here", "there", ""):
        monkeypatch.setattr(paths, "process_name", lambda *_, place=place: f"{place}-1-1")
        with whole_file(path) as temporary:
            seen.add(temporary.name)
            temporary.touch()
    assert len(seen) == 3


def leave(path: Path, pipe) -> None:
    with whole_file(path) as temporary:
        temporary.write_text("half")
        pipe.send(temporary.name)
        pipe.recv()


@pytest.fixture
def writer(path):
    """A process that is in the middle of writing, and the name of its temporary file."""
    ours, theirs = FORK.Pipe()
    process = FORK.Process(target=leave, args=(path, theirs), daemon=True)
    process.start()
    theirs.close()
    yield process, ours.recv()
    process.kill()
    process.join()


def test_what_a_killed_process_left_is_removed_when_its_file_is_written_again(path, writer):
    process, left = writer
    process.kill()
    process.join()
    assert names(path.parent) == {left}
    write(path, "new")
    assert names(path.parent) == {path.name}


def test_what_a_living_process_writes_is_left_alone_however_long_it_takes(path, writer):
    process, left = writer
    long_ago = time.time() - 30 * DAY
    os.utime(path.with_name(left), (long_ago, long_ago))
    write(path, "new")
    assert names(path.parent) == {path.name, left}


@pytest.mark.parametrize(("days", "stays"), [(0.5, True), (2, False)])
@pytest.mark.parametrize("middle", ["beef-1-1.0a1b2c3d", ".0a1b2c3d", "4711"])
def test_what_unknown_processes_left_is_removed_after_a_day(path, middle, days, stays):
    left = path.with_name(f"{path.name}.{middle}.tmp")
    left.touch()
    then = time.time() - days * DAY
    os.utime(left, (then, then))
    write(path, "new")
    assert left.exists() is stays


def test_files_of_other_names_are_left_alone(path):
    others = [f"{path.name}.tmp.bak", "b.json.4711.tmp", "a 1.json.4711.tmp", f"{path.name}.old"]
    for name in others:
        path.with_name(name).touch()
        os.utime(path.with_name(name), (0, 0))
    write(path, "new")
    assert names(path.parent) == {path.name, *others}


@pytest.fixture(params=["at once", "on the way"])
def full(request, monkeypatch, path):
    """From when this is called there is no room for a temporary file, or for all of it."""
    resource = pytest.importorskip("resource", reason="this system has no limits to set")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)

    def fill() -> None:
        if request.param == "on the way":
            resource.setrlimit(resource.RLIMIT_FSIZE, (LARGEST, before[1]))
            return
        monkeypatch.setattr(os, "urandom", lambda number: bytes(number))
        for name in (path.name, "run.ckpt", "net.pt"):
            temporary = f"{name}.{paths.process_name()}.{bytes(4).hex()}.tmp"
            path.with_name(temporary).symlink_to("/dev/full")

    if not Path("/dev/full").exists():
        pytest.skip("this system has no device that is always full")
    yield fill
    resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_full_disk_is_said_plainly_and_what_was_there_stays(path, full):
    state = {"config": {}, "weights": torch.zeros(LARGEST)}
    checkpoint, network = path.with_name("run.ckpt"), path.with_name("net.pt")
    net = networks.build("resann-1-4-stride2", 2)
    writers = {
        path: lambda: write(path, secrets.token_hex(LARGEST)),
        checkpoint: lambda: checkpoints.write(checkpoint, state),
        network: lambda: networks.save(net, network),
    }
    for writer in writers.values():
        writer()
    before = {file: file.read_bytes() for file in writers}
    full()
    for file, writer in writers.items():
        with pytest.raises(OSError) as told:
            writer()
        assert str(told.value).startswith(f"no room left on the disk of {file}")
        assert "free some" in str(told.value) and "enforce" not in str(told.value)
    assert {file: file.read_bytes() for file in writers} == before
    assert names(path.parent) == {file.name for file in writers}
