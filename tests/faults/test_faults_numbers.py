"""Numbers that are none, out of range or of another kind: refused, or passed over and told."""

import math

import numpy as np
import pytest
import torch
from bad import cases, refused

from anytime import datasets, metrics, networks, theory, weighting
from anytime.datasets import Dataset, Images
from anytime.experiments import statistics
from anytime.prediction import AnytimePredictor, policies, predict_early
from anytime.training import evaluate

INF, NAN = math.inf, math.nan
BAD = (NAN, INF, -INF, -1.0, -1e-30, 1e38 * 2)


@cases("losses that are none", [(bad, place, step) for bad in BAD for place in (0, 2)
                                for step in (1, 2, 4)])  # fmt: skip
def test_a_loss_that_is_none_leaves_every_weight_a_number(case):
    bad, place, step = case
    adaloss = weighting.AdaLoss(3, every=2)
    with pytest.warns(UserWarning, match="left out"):
        for now in range(1, 7):
            losses = [2.0, 1.0, 0.5]
            losses[place] = bad if now == step else losses[place]
            adaloss(torch.tensor(losses))
        adaloss.eval()
    assert adaloss.weights.isfinite().all() and adaloss.weights.max() == 1
    assert adaloss.weights.argmax() == 2 and adaloss.refused[place] == 1


@cases("losses of tiny or huge size", [0.0, 1e-45, 1e-39, 1e-30, 1e-7, 1e7, 1e30, 9e37])
def test_a_loss_of_any_size_leaves_every_weight_a_number(case):
    adaloss = weighting.AdaLoss(3, every=1, momentum=0.0)
    for _ in range(3):
        adaloss(torch.tensor([1.0, case, 2.0]))
    assert adaloss.weights.isfinite().all() and adaloss.weights.max() == 1
    assert adaloss.weights.argmax() == (1 if case < 1 else 0)


@cases(
    "losses of another kind",
    [
        None,
        1.0,
        "123",
        [],
        {},
        [1.0, 2.0, 3.0],
        (1, 2, 3),
        np.ones(3),
        torch.ones(2),
        torch.ones(4),
        torch.ones(3, 1),
        torch.ones(1, 3),
        torch.tensor(1.0),
        [torch.tensor(1.0)] * 2,
        [torch.ones(1)] * 3,
        [torch.tensor(1.0), torch.tensor(1.0), 1.0],
        {"a": torch.tensor(1.0)},
        {"a": 1.0, "b": 1.0, "c": 1.0},
    ],
    ids=lambda row: None,
)
def test_losses_of_another_kind_are_refused(case):
    refused(lambda: weighting.AdaLoss(3)(case), "losses")


PIXELS = torch.arange(2 * 28 * 28, dtype=torch.float32).remainder(256).view(2, 1, 28, 28)


@pytest.fixture(scope="module")
def predictor():
    made = AnytimePredictor(networks.build("resann-1-4-stride4", 10, 1, seed=0))
    made.calibrate(PIXELS, repeats=1)
    return made


def changed(value: float) -> torch.Tensor:
    pixels = PIXELS.clone()
    pixels[1, 0, 3, 3] = value
    return pixels


@cases(
    "images to answer",
    [
        None,
        3,
        "images.png",
        PIXELS.numpy(),
        PIXELS.tolist(),
        [*PIXELS],
        PIXELS[0],
        PIXELS[0, 0],
        PIXELS[None],
        PIXELS[:0],
        PIXELS / 255,
        PIXELS - 255,
        PIXELS * 257,
        PIXELS / 127.5 - 1,
        *[changed(value) for value in (NAN, INF, -INF, -0.5, 255.5)],
        *[PIXELS.to(kind) for kind in (torch.float64, torch.int64, torch.int32, torch.int8)],
        PIXELS > 127,
        PIXELS.repeat(1, 3, 1, 1),
        PIXELS.repeat(1, 2, 1, 1),
        PIXELS[:, :0],
        PIXELS.permute(0, 2, 3, 1),
    ],
    ids=lambda row: None,
)
def test_images_that_are_none_are_not_answered(case, predictor):
    refused(lambda: predictor.predict(case))


@cases(
    "limits of an answer",
    [
        {"deadline": NAN},
        {"deadline": [1.0, 2.0, 3.0]},
        {"deadline": [[1.0, 2.0]]},
        {"deadline": [1.0, NAN]},
        {"deadline": "soon"},
        {"budget": NAN},
        {"budget": [1.0] * 3},
        {"budget": "little"},
        {"budget": [NAN, 1.0]},
        {"early": "confidence"},
        {"early": 0.9},
        {"early": ("confidence",)},
        {"early": ("confidence", None)},
        {"early": ("confidence", NAN)},
        {"early": ("confidence", "0.9")},
        {"early": ("confident", 0.9)},
        {"early": (None, 0.9)},
        {"early": (["confidence"], 0.9)},
        {"early": ["confidence", 0.9]},
        {"early": ("confidence", 0.9, 1)},
    ],
)
def test_limits_that_are_none_are_refused(case, predictor):
    refused(lambda: predictor.predict(PIXELS, **case))


def test_a_deadline_for_other_images_than_were_measured_is_refused(predictor):
    refused(lambda: predictor.predict(PIXELS[..., :20, :20], deadline=1.0), "calibrate()")


LABELS = torch.arange(6) % 2
BYTES = torch.zeros(6, 1, 4, 4, dtype=torch.uint8)
FEW = Images(BYTES, LABELS)
PAIR = ("a", "b")


@cases(
    "tensors as data sets",
    [
        lambda: Images(BYTES.float(), LABELS),
        lambda: Images(BYTES.float() / 255, LABELS),
        lambda: Images(BYTES.to(torch.int16), LABELS),
        lambda: Images(BYTES[0], LABELS),
        lambda: Images(BYTES[None], LABELS),
        lambda: Images(BYTES, LABELS[:5]),
        lambda: Images(BYTES, LABELS.int()),
        lambda: Images(BYTES, LABELS.float()),
        lambda: Images(BYTES, LABELS[:, None]),
        lambda: Images(BYTES, LABELS > 0),
        lambda: FEW[0],
        lambda: Dataset("toy", "toy", FEW, FEW, ()),
        lambda: Dataset("toy", "toy", FEW, FEW, ("a",)),
        lambda: Dataset("toy", "toy", FEW[:0], FEW, PAIR),
        lambda: Dataset("toy", "toy", FEW, FEW[:0], PAIR),
        lambda: Dataset("toy", "toy", Images(BYTES, LABELS + 1), FEW, PAIR),
        lambda: Dataset("toy", "toy", FEW, Images(BYTES, LABELS - 1), PAIR),
        lambda: Dataset("toy", "toy", FEW, Images(BYTES, LABELS * -100), PAIR),
        lambda: datasets.subset(FEW, 0, 0),
        lambda: datasets.subset(FEW, 1, 0),
        lambda: datasets.subset(FEW, 7, 0),
        lambda: datasets.subset(FEW, -2, 0),
        lambda: datasets.split(FEW, 0, 0),
        lambda: datasets.split(FEW, 1, 0),
        lambda: datasets.split(FEW, 5, 0),
        lambda: datasets.split(FEW, 6, 0),
        lambda: datasets.split(FEW[:3], 2, 0),
        lambda: datasets.load("fashion", train_size=-5),
        lambda: datasets.load("fashion", train_size=0),
        lambda: datasets.load("fashion", train_size=6001),
        lambda: datasets.load("fashion", image_size=32),
        lambda: datasets.load("fashion", image_size=-1),
        lambda: datasets.fetch("fashion"),
        lambda: datasets.augment(BYTES, ("spin",), torch.Generator()),
        lambda: datasets.augment(BYTES, "crop", torch.Generator()),
        lambda: evaluate(networks.build("resann-1-4-stride4", 2, 1, seed=0), FEW[:0]),
    ],
    ids=lambda row: None,
)
def test_tensors_that_are_no_data_set_are_refused(case):
    refused(case)


LOGITS = torch.randn(3, 4, 2, generator=torch.Generator().manual_seed(0)).numpy()
PAIRS = {"a": [1.0, 2.0], "b": [2.0, 4.0]}


@cases(
    "figures",
    [
        lambda: metrics.relative_increase([0.5], [0.0]),
        lambda: metrics.anytime_auc([0.5, 0.2], [1, 2], low=0.5),
        lambda: metrics.anytime_auc([0.5, 0.2], [1, 2], low=2),
        lambda: metrics.anytime_auc([0.5, 0.2], [1, 2], high=NAN),
        lambda: theory.adaloss_weights([1.0, 0.0, -1.0]),
        lambda: theory.adaloss_weights([1.0, NAN]),
        lambda: theory.eann_sup(1.0),
        lambda: theory.eann_mean(3.0, NAN),
        lambda: theory.eann_cost_factor(0.0, 2),
        lambda: policies.find("sure"),
        lambda: policies.threshold_for("confidence", LOGITS, [1, 2, 3], 0.5),
        lambda: policies.threshold_for("confidence", LOGITS, [1, 2, 3], NAN),
        lambda: predict_early(networks.build("resann-1-4-stride4", 10, 1), PIXELS, "sure", 1.0),
        lambda: statistics.difference(PAIRS, "a", "c"),
        lambda: statistics.difference({"a": [1.0], "b": [2.0, 3.0]}, "a", "b"),
        lambda: statistics.difference(PAIRS | {"a": [1.0, NAN]}, "a", "b"),
        lambda: statistics.difference({"a": [1.0, 1.0], "b": [2.0, 2.0]}, "a", "b"),
        lambda: statistics.log_ratio(PAIRS | {"opt": [0.0, 1.0]}, "a"),
        lambda: statistics.dunnett({"const": [1.0, 2.0]}),
        lambda: statistics.holm({"a": NAN}),
        lambda: statistics.holm({"a": 1.5}),
        lambda: statistics.average(np.ones((3, 2))),
        lambda: statistics.average(np.full((3, 3), NAN)),
        lambda: statistics.average(np.ones((3, 3))),
        lambda: statistics.welch([1.0, 1.0], [1.0, 1.0]),
        lambda: statistics.welch([1.0, INF], [1.0, 2.0]),
        lambda: statistics.rank_correlation([1, 2, 3, 4], [1, 2, 3, 4]),
        lambda: statistics.rank_correlation([1] * 5, [1, 2, 3, 4, 5]),
        lambda: statistics.rank_correlation([1, 2, 3, 4, NAN], [1, 2, 3, 4, 5]),
        lambda: statistics.Comparison(1.0, 1.0, 3).equivalence(0.0),
        lambda: statistics.Comparison(1.0, 1.0, 3).equivalence(NAN),
    ],
    ids=lambda row: None,
)
def test_figures_that_would_mean_nothing_are_not_made(case):
    refused(case)
