"""Run by the tests where Windows is simulated: what a user does, one line of JSON a step."""

import json
import multiprocessing
import os
import sys
import threading
import time
from pathlib import Path

import torch

from anytime import networks, paths
from anytime.__main__ import main
from anytime.experiments import Job, workers
from anytime.networks.folding import folded
from anytime.prediction import AnytimePredictor
from anytime.training import Recipe

JOB = Job("fashion", "resann-1-4-stride4", "adaloss:every=1", Recipe(3, 25), train_images=50)


def lacks() -> bool:
    """Whether it is simulated here."""
    kind = multiprocessing.get_start_method()
    return kind == "spawn" and not hasattr(os, "fork") and sys.modules["fcntl"] is None


def trained() -> bool:
    command = (
        "train --data fashion --network resann-1-4-stride4 --weighting adaloss:every=2 --quiet"
    )
    command += " --epochs 1 --batch-size 25 --train-images 100 --device cpu --keep-network kept.pt"
    again = f"{command} --out train"
    return main(again.split()) == main(again.split()) == 0 and Path("kept.pt").exists()


def resumed() -> bool:
    def stop(run):
        if run.epochs == 2:
            raise InterruptedError

    whole = JOB.carry_out(Path("whole"), device="cpu", progress=False)
    try:
        JOB.carry_out(Path("cut"), device="cpu", progress=False, after_epoch=stop)
    except InterruptedError:
        there = sorted(path.suffix for path in Path("cut").iterdir())
    run = JOB.carry_out(Path("cut"), device="cpu", progress=False)
    left = [path.suffix for path in Path("cut").iterdir()]
    return there == [".ckpt", ".json"] and left == [".json"] and run.history == whole.history


def listed() -> bool:
    names = "const", "linear", "adaloss:every=1"
    todo = [Job(JOB.dataset, JOB.network, one, JOB.recipe, train_images=50) for one in names]
    failed = workers.run(todo, Path("list"), 2) + workers.run(todo, Path("list"), 2)
    return not failed and len([*Path("list").glob("*.json")]) == len([*Path("list").iterdir()]) == 3


def predicted() -> bool:
    network = networks.build("resann-1-4-stride4", 10, 1, seed=0).eval()
    images = torch.arange(0, 256, dtype=torch.uint8).repeat(4).view(1, 1, 32, 32)
    with torch.no_grad():
        same = torch.allclose(network(images), folded(network)(images), atol=1e-4)
    predictor = AnytimePredictor(network)
    predictor.calibrate(images, repeats=2)
    return same and predictor.predict(images, deadline=1e6).exit.item() == network.num_exits


def replaced() -> bool:
    """A file is replaced that somebody reads a while longer."""
    Path("read.txt").write_text("old")
    reader = open("read.txt")  # noqa: SIM115
    threading.Timer(0.5, reader.close).start()
    began = time.monotonic()
    with paths.whole_file("read.txt") as temporary:
        temporary.write_text("new")
    return Path("read.txt").read_text() == "new" and time.monotonic() - began >= 0.4


def held_on_to() -> bool:
    """A file that is never let go stays as it was, and nothing else is left."""
    Path("held").mkdir()
    Path("held/it.txt").write_text("old")
    with open("held/it.txt"):
        try:
            with paths.whole_file("held/it.txt") as temporary:
                temporary.write_text("new")
        except PermissionError:
            return Path("held/it.txt").read_text() == "old" and len(os.listdir("held")) == 1
    return False


def reported() -> bool:
    return main(["report", "--out", "ledger.csv"]) == 0 and Path("ledger.csv").stat().st_size > 1000


def examined() -> bool:
    return main(["doctor"]) in (0, 1)


STEPS = lacks, trained, resumed, listed, predicted, replaced, held_on_to, reported, examined

if __name__ == "__main__":
    for step in STEPS:
        try:
            outcome = step()
        except Exception as error:
            outcome = repr(error)
        print(json.dumps({step.__name__: outcome}), flush=True)
