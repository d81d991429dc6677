"""Runs whose numbers break: at whichever step, nothing broken is kept, and the advice fits."""

import json
import warnings
from dataclasses import replace

import pytest
import torch
from torch import nn

from anytime import networks, weighting
from anytime.datasets import Dataset, Images
from anytime.training import Recipe, train
from anytime.training.sums import NotFinite

STEPS = Recipe(
    epochs=2, batch_size=15, lr=0.05, schedule="milestones", weight_decay=0.0, augmentation=()
)


def shapes(number: int = 60) -> Dataset:
    generator = torch.Generator().manual_seed(0)
    pixels = torch.randint(0, 256, (number, 3, 8, 8), generator=generator, dtype=torch.uint8)
    images = Images(pixels, torch.arange(number) % 3)
    return Dataset("shapes", "shapes", images, images[:30], ("a", "b", "c"), ())


class Breaking(weighting.Const):
    """CONST, whose gradients become as large as can be at one step: so its update breaks."""

    def __init__(self, num_exits: int, at: int) -> None:
        super().__init__(num_exits)
        self.at, self.now = at, 0

    def forward(self, losses):
        self.now += 1
        return super().forward(losses) * (3e38 if self.now == self.at else 1.0)


def run_that_breaks(at: int, folder, recipe: Recipe = STEPS, **options) -> str:
    network = networks.build("resann-1-4-stride2", 3, seed=0)
    scheme = Breaking(network.num_exits, at)
    files = {"record": "run.json", "checkpoint": "run.ckpt", "keep_network": "network.pt"}
    files = {key: folder / name for key, name in files.items()}
    with pytest.raises(NotFinite) as caught:
        train(network, scheme, shapes(), recipe, **files, progress=False, **options)
    return str(caught.value)


@pytest.mark.parametrize("evaluate_every", [1, 5])
@pytest.mark.parametrize("at", range(1, 9))
def test_at_whichever_step_a_run_breaks_it_is_an_error_and_nothing_broken_is_kept(
    at, evaluate_every, tmp_path
):
    message = run_that_breaks(at, tmp_path, evaluate_every=evaluate_every)
    assert "not finite" in message or "nan" in message
    assert "smaller learning rate than 0.05, such as 0.017" in message
    assert not (tmp_path / "network.pt").exists()
    record = json.loads((tmp_path / "run.json").read_text())
    assert not record["finished"] and len(record["history"]) == int(at > 4)
    if at <= 4:  # in the first epoch
        assert not (tmp_path / "run.ckpt").exists() and "no checkpoint is kept" in message
        return
    state = torch.load(tmp_path / "run.ckpt", weights_only=True)
    assert f"{tmp_path / 'run.ckpt'} stays, of a step at which all was finite" in message
    assert all(value.isfinite().all() for value in state["network"].values())


def test_a_checkpoint_in_mid_epoch_is_not_written_of_a_broken_network(tmp_path):
    message = run_that_breaks(2, tmp_path, checkpoint_seconds=0.0)
    assert "answers are not finite after step 2" in message
    state = torch.load(tmp_path / "run.ckpt", weights_only=True)
    assert state["step"] == 1


def test_where_single_precision_could_help_it_is_named(tmp_path):
    message = run_that_breaks(3, tmp_path, replace(STEPS, autocast="bfloat16"))
    assert ", or single precision in place of autocast='bfloat16'" in message


def test_no_learning_rate_is_blamed_where_the_first_step_is_broken(tmp_path):
    network = networks.build("resann-1-4-stride2", 3, seed=0)
    with torch.no_grad():
        network.heads[0][-1].bias.fill_(float("nan"))
    with pytest.raises(
        NotFinite, match="exit 1 was .* at step 1.*try other layers or first weights"
    ) as e:
        train(network, weighting.Const(3), shapes(), STEPS, progress=False)
    assert "learning rate" not in str(e.value)


class BrokenAtTests(nn.Module):
    """The protocol; in evaluation mode its second exit answers more images than so many by NaN."""

    def __init__(self, images: int) -> None:
        super().__init__()
        self.num_exits, self.name, self.images = 2, "broken-at-tests", images
        self.head = nn.Linear(3, 3)

    def refine(self, images):
        logits = self.head(images.float().mean((2, 3)) / 255)
        yield logits
        yield logits if self.training or len(images) <= self.images else logits * float("nan")


@pytest.mark.parametrize(
    ("images", "message"),
    [
        (0, "in evaluation mode the network's answers are not finite after step 4, though all"),
        (20, r"after epoch 1, step 4, the test loss is \[.*, nan\], exit by exit"),
    ],
)
def test_a_network_that_breaks_at_tests_alone_is_said_to_do_so(images, message, tmp_path):
    record, network = tmp_path / "run.json", BrokenAtTests(images)
    with pytest.raises(NotFinite, match=message):
        train(network, weighting.Const(2), shapes(), STEPS, record=record, progress=False)
    assert not json.loads(record.read_text())["finished"]


@pytest.mark.parametrize(("every", "said"), [(100, True), (8, True), (7, False)])
def test_a_run_that_ends_before_adaloss_first_changes_anything_says_so_at_its_start(every, said):
    network = networks.build("resann-1-4-stride2", 3, seed=0)
    scheme = weighting.AdaLoss(3, every=every)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        train(network, scheme, shapes(), STEPS, progress=False)
    texts = [str(warning.message) for warning in caught]
    assert any(f"every {every} steps, and the run has only 8" in text for text in texts) == said
    assert all("every=1," in text for text in texts)
