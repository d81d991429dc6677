"""Run by `make wheel` in an environment that has the kit's wheel and its core packages alone.

Outside the repository: the core trains, and each command works or says in one line what it needs.
"""

import os
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import torch

import anytime
from anytime import networks, weighting
from anytime.datasets import Dataset, Images
from anytime.prediction import AnytimePredictor
from anytime.training import Recipe, train

DATA = Path(__file__).resolve().parent.parent / "data"


def train_on_tensors() -> None:
    generator = torch.Generator().manual_seed(0)
    labels = torch.arange(40) % 2
    noise = torch.randint(128, (40, 3, 16, 16), generator=generator)
    images = Images((noise + 127 * labels.view(-1, 1, 1, 1)).to(torch.uint8), labels)
    data = Dataset("two", "two", images, images, ("dark", "bright"))
    network = networks.build("resann-1-4-stride2", 2, seed=0)
    adaloss = weighting.AdaLoss(network.num_exits, every=1)
    recipe = Recipe(epochs=4, batch_size=10)
    run = train(network, adaloss, data, recipe, record="run.json", progress=False)
    assert run.final("test_error")[-1] == 0
    answer = AnytimePredictor(network).predict(images.pixels[:4])
    assert answer.label.tolist() == [0, 1, 0, 1]


def says(*command: str, **environment: str) -> str:
    """What a command says; it may fail, but only in one line."""
    run = subprocess.run(
        [sys.executable, "-m", "anytime", *command],
        env=os.environ | environment,
        capture_output=True,
        text=True,
    )
    assert "Traceback" not in run.stderr, run.stderr
    assert run.returncode == 0 or run.stderr.count("\n") <= 1 or command == ("doctor",), run.stderr
    print(f"{' '.join(command)}: {(run.stderr or run.stdout).strip().splitlines()[-1]}")
    return run.stdout + run.stderr


def main() -> None:
    assert "site-packages" in anytime.__file__, anytime.__file__
    installed = {distribution.name.lower() for distribution in metadata.distributions()}
    assert not installed & {"pillow", "pandas", "torchvision", "matplotlib", "scipy", "jupyterlab"}
    train_on_tensors()

    assert "ANYTIME_DATA" in says("train", "--data", "fashion")
    with_data = {"ANYTIME_DATA": str(DATA)}
    assert "pip install pillow" in says("train", "--data", "fashion", **with_data)
    assert "[course]" in says("report", **with_data)
    says("run", "schemes", "--profile", "quick", "--dry-run")
    says("fetch", "nothing")
    says("doctor")
    says("--help")


if __name__ == "__main__":
    main()
