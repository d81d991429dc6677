"""Files that were damaged, cut off, swapped or made by others: noticed, named, and nothing lost."""

import json
import random
import warnings

import pytest
import torch
from bad import cases, refused

from anytime import networks, runs
from anytime.datasets import Images
from anytime.datasets.cache import cached
from anytime.experiments import Job
from anytime.runs import Run
from anytime.training import Recipe

JOB = Job("fashion", "resann-1-4-stride4", "adaloss:every=1", Recipe(3, 20), train_images=40)


def damages(number: int) -> list[tuple[str, int]]:
    """Ways to damage a file: cut off at a share of its length, or a bit flipped there."""
    drawn = random.Random(number)
    ways = [("cut", 0), ("cut", 1), ("cut", 999_999)]
    while len(ways) < number:
        ways.append((drawn.choice(["cut", "flip", "flip"]), drawn.randrange(1_000_000)))
    return ways


def damaged(content: bytes, way: tuple[str, int]) -> bytes:
    """The content with one such damage; the place is in millionths of the length."""
    kind, where = way
    place = min(len(content) * where // 1_000_000, len(content) - 1)
    if kind == "cut":
        return content[:place]
    return content[:place] + bytes([content[place] ^ 0b100]) + content[place + 1 :]


@pytest.fixture(scope="module")
def stopped(tmp_path_factory):
    """A run that was stopped after its second epoch: its folder, and its record when whole."""

    def stop(run):
        if run.epochs == 2:
            raise InterruptedError

    folder = tmp_path_factory.mktemp("stopped")
    whole = JOB.carry_out(tmp_path_factory.mktemp("whole"), device="cpu", progress=False)
    with pytest.raises(InterruptedError):
        JOB.carry_out(folder, device="cpu", progress=False, after_epoch=stop)
    return folder, whole


def went_on(stopped, tmp_path, change) -> Run:
    """The run taken up again from a checkpoint that was changed: bytes to bytes."""
    folder, _ = stopped
    for path in folder.iterdir():
        content = path.read_bytes()
        content = change(content) if path.suffix == ".ckpt" else content
        (tmp_path / path.name).write_bytes(content)
    return JOB.carry_out(tmp_path, device="cpu", progress=False)


@cases("checkpoints, damaged", damages(40))
def test_a_damaged_checkpoint_is_refused_by_its_name(case, stopped, tmp_path):
    message = refused(lambda: went_on(stopped, tmp_path, lambda content: damaged(content, case)))
    assert f"{JOB.name}.ckpt" in message
    assert list(tmp_path.glob("*.ckpt"))  # it is left for who wants to look


def test_an_undamaged_checkpoint_goes_on(stopped, tmp_path):
    assert went_on(stopped, tmp_path, lambda content: content).history == stopped[1].history


def record() -> dict:
    entry = {"lr": 0.1, "train_loss": [2.0, 1.0], "train_error": [0.5, 0.4], "weights": [1.0, 1.0]}
    entry |= {"test_loss": [2.0, 1.0], "test_error": [0.5, 0.4]}
    config = {"dataset": "toy", "fingerprint": "0" * 32, "network": "net", "weighting": "const"}
    config |= {"seed": 0, "recipe": {"epochs": 2}, "train_images": 10}
    history = [{"epoch": 1} | entry, {"epoch": 2} | entry]
    return {"config": config, "cost": [1, 2], "history": history, "finished": True, "schema": 2}


def changed(value, *keys) -> bytes:
    """A record with another value at a place; `...` for none at all."""
    content = inside = record()
    for key in keys[:-1]:
        inside = inside[key]
    if value is ...:
        del inside[keys[-1]]
    else:
        inside[keys[-1]] = value
    return json.dumps(content).encode()


GOOD = json.dumps(record()).encode()


@cases(
    "records",
    [
        b"",
        b"{}",
        b"[]",
        b"null",
        b"3",
        b'"a run"',
        b"[1, 2]",
        b"\xff\xfe\x00",
        b'{"config": {}, "cost": [1], "finished": true}',
        GOOD[:10],
        GOOD[:-1],
        GOOD + b"}",
        GOOD.replace(b"0.4", b"NaN", 1),
        GOOD.replace(b"0.4", b"Infinity", 1),
        changed(3, "schema"),
        changed(99, "schema"),
        changed("two", "schema"),
        changed(..., "config"),
        changed({}, "config"),
        changed([], "config"),
        *[
            changed(..., "config", key)
            for key in ("dataset", "network", "weighting", "seed", "recipe")
        ],
        changed(..., "cost"),
        changed([], "cost"),
        changed(3, "cost"),
        changed([], "history"),
        changed(None, "history"),
        changed(2, "history", 0, "epoch"),
        changed(..., "history", 1, "epoch"),
        changed([0.1], "history", 1, "test_error"),
        changed([0.1, 0.2, 0.3], "history", 1, "weights"),
        changed([0.1, None], "history", 1, "test_error"),
        changed(["a", "b"], "history", 1, "test_error"),
        changed(0.5, "history", 1, "test_error"),
        changed(..., "history", 1, "test_error"),
        changed(1, "unknown"),
    ],
)
def test_what_is_no_record_is_left_out_and_named(case, tmp_path):
    (tmp_path / "bad.json").write_bytes(case)
    (tmp_path / "good.json").write_bytes(GOOD)
    refused(lambda: Run.load(tmp_path / "bad.json"), "bad.json", "is not the record of a run")
    with pytest.warns(UserWarning, match=r"bad\.json"):
        assert [run.name for run in runs.find(tmp_path)] == ["good"]
    assert (tmp_path / "bad.json").read_bytes() == case


DECODED = (
    Images(
        torch.arange(1200, dtype=torch.int32).to(torch.uint8).view(4, 3, 10, 10), torch.arange(4)
    ),
    Images(torch.zeros(2, 3, 10, 10, dtype=torch.uint8), torch.arange(2)),
    ("a", "b", "c", "d"),
)


@cases("decoded images in the cache", damages(40))
def test_a_damaged_cache_gives_the_right_images_all_the_same(case, tmp_path, monkeypatch):
    monkeypatch.setenv("ANYTIME_CACHE", str(tmp_path))
    cached("toy", decode=lambda: DECODED)
    (stored,) = tmp_path.iterdir()
    stored.write_bytes(damaged(stored.read_bytes(), case))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a flipped bit in a margin hurts nobody
        train, test, classes = cached("toy", decode=lambda: DECODED)
    assert (train.digest, test.digest, classes) == (
        DECODED[0].digest,
        DECODED[1].digest,
        DECODED[2],
    )


@cases(
    "things in the place of a cache",
    [{}, [], None, 3, "images", torch.zeros(3), (1, 2), (1, 2, 3, 4), ((1, 2), (3, 4), (), ())],
    ids=lambda row: None,
)
def test_another_thing_in_the_place_of_a_cache_is_decoded_anew(case, tmp_path, monkeypatch):
    monkeypatch.setenv("ANYTIME_CACHE", str(tmp_path))
    cached("toy", decode=lambda: DECODED)
    (stored,) = tmp_path.iterdir()
    torch.save(case, stored)
    with pytest.warns(UserWarning, match="is damaged and is decoded anew"):
        assert cached("toy", decode=lambda: DECODED) is not None
    train, _, classes = cached("toy", decode=lambda: pytest.fail("the cache was not mended"))
    assert train.digest == DECODED[0].digest and classes == DECODED[2]


@pytest.fixture(scope="module")
def kept(tmp_path_factory) -> tuple[bytes, str]:
    """A stored network's bytes, and their SHA-256."""
    path = tmp_path_factory.mktemp("kept") / "network.pt"
    told = networks.save(networks.build("resann-1-4-stride4", 10, 1, seed=0), path)
    return path.read_bytes(), told["sha256"]


@cases("stored networks, damaged", damages(30))
def test_a_damaged_network_is_refused(case, kept, tmp_path):
    content, sha256 = kept
    path = tmp_path / "network.pt"
    path.write_bytes(damaged(content, case))
    refused(lambda: networks.load(path, sha256), "network.pt", "has changed")


def other(**changes):
    network = networks.build("resann-1-4-stride4", 10, 1, seed=0)
    stored = {"name": network.name, "num_classes": 10, "in_channels": 1}
    return stored | {"state": network.state_dict()} | changes


@cases(
    "stored things that are no network",
    [
        {},
        [],
        None,
        3,
        "a network",
        torch.zeros(3),
        {"state": {}},
        other(name="resnet"),
        other(name=""),
        other(name=3),
        other(name="resann-1-8-stride4"),
        other(num_classes=11),
        other(num_classes="ten"),
        other(in_channels=3),
        other(state={}),
        other(state=[]),
    ],
    ids=lambda row: None,
)
def test_what_is_no_network_is_refused(case, tmp_path):
    torch.save(case, tmp_path / "network.pt")
    refused(lambda: networks.load(tmp_path / "network.pt"), "network.pt")


@cases(
    "things in the place of a checkpoint",
    [
        {},
        [],
        None,
        "a checkpoint",
        {"config": {}},
        {"config": None},
        {"config": {"dataset": "fashion"}},
        torch.zeros(3),
    ],
    ids=lambda row: None,
)
def test_what_is_no_checkpoint_is_refused(case, tmp_path):
    torch.save(case, tmp_path / f"{JOB.name}.ckpt")
    refused(lambda: JOB.carry_out(tmp_path, device="cpu", progress=False), f"{JOB.name}.ckpt")
    assert (tmp_path / f"{JOB.name}.ckpt").exists()
