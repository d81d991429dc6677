"""The core needs torch, numpy and tqdm, and nothing else."""

import subprocess
import sys

import pytest

from anytime.paths import REPOSITORY

ELSE = "PIL pandas scipy torchvision matplotlib seaborn ipywidgets jupyterlab nbformat".split()
BLOCK = f"import sys; sys.modules.update(dict.fromkeys({ELSE}))\n"

TRAIN = """
import torch
from anytime import networks, weighting
from anytime.datasets import Dataset, Images
from anytime.networks import cost
from anytime.prediction import AnytimePredictor, predict_early
from anytime.training import Recipe, evaluate, train

generator = torch.Generator().manual_seed(0)
labels = torch.arange(40) % 2
pixels = torch.randint(128, (40, 3, 16, 16), generator=generator) + 127 * labels.view(-1, 1, 1, 1)
images = Images(pixels.to(torch.uint8), labels)
data = Dataset("two", "two", images, images, ("dark", "bright"))

network = networks.build("resann-1-4-stride2", 2, seed=0)
weights = weighting.AdaLoss(network.num_exits, every=1)
recipe = Recipe(epochs=4, batch_size=10)
run = train(network, weights, data, recipe, record="run.json", progress=False)
print(run.final("test_error")[-1], cost.multiply_adds(network, (3, 16, 16))[-1] > 0)
losses, errors = evaluate(network, images)
predictor = AnytimePredictor(network)
answer = predictor.predict(images.pixels[:4], budget=1e9)
early = predict_early(predictor, images.pixels[:4], "confidence", 0.9)
networks.save(network, "kept.pt")
networks.load("kept.pt")
"""


def python(code: str, folder) -> subprocess.CompletedProcess:
    command = [sys.executable, "-c", BLOCK + code]
    paths = {"PYTHONPATH": str(REPOSITORY), "OMP_NUM_THREADS": "1", "HOME": str(folder)}
    return subprocess.run(command, cwd=folder, env=paths, capture_output=True, text=True)


def test_a_data_set_of_tensors_is_trained_on_recorded_and_predicted_with(tmp_path):
    run = python(TRAIN, tmp_path)
    assert run.returncode == 0, run.stderr
    assert run.stdout.split() == ["0.0", "True"]
    assert (tmp_path / "run.json").exists()


CORE = (
    "weighting networks training training.loop prediction prediction.predictor runs metrics theory"
)


@pytest.mark.parametrize("module", CORE.split())
def test_a_module_of_the_core_opens_alone(module, tmp_path):
    run = python(f"import anytime.{module}", tmp_path)
    assert run.returncode == 0, run.stderr
