"""Networks, weightings, data sets and options of one's own that cannot be trained with."""

import math

import torch
from bad import cases, refused
from torch import nn

from anytime import networks, weighting
from anytime.datasets import Dataset, Images
from anytime.networks import AnytimeNetwork, attach, cost
from anytime.prediction import AnytimePredictor
from anytime.training import Recipe, train

PIXELS = torch.arange(12 * 64).remainder(256).to(torch.uint8).view(12, 1, 8, 8)
TOY = Dataset(
    "toy",
    "toy",
    Images(PIXELS, torch.arange(12) % 2),
    Images(PIXELS, torch.arange(12) % 2),
    ("a", "b"),
    (),
)
ONCE = Recipe(1, 6)


class Own(nn.Module):
    """The protocol; `change` is done to the logits of each exit."""

    def __init__(self, change=lambda logits, k: logits, num_exits=2, answers=2, classes=2):
        super().__init__()
        self.name, self.num_exits, self.answers, self.change = "own", num_exits, answers, change
        self.linear = nn.Linear(64, classes)

    def refine(self, images):
        for k in range(self.answers):
            yield self.change(self.linear(images.float().flatten(1) / 255), k)


def trained(network=None, scheme=None, dataset=TOY, recipe=ONCE, **options):
    network = Own() if network is None else network
    scheme = weighting.Const(2) if scheme is None else scheme
    return train(network, scheme, dataset, recipe, progress=False, **options)


def test_a_right_one_is_trained():
    assert trained().finished


def test_a_weighting_in_evaluation_mode_adapts_in_training_all_the_same():
    network = Own(lambda logits, k: logits * (1 + 9 * k))
    run = trained(network, weighting.AdaLoss(2, every=1).eval(), recipe=Recipe(3, 3))
    assert min(run.history[-1]["weights"]) < 1


class Single(Own):
    def refine(self, images):
        return self.linear(images.float().flatten(1))


def frozen():
    network = Own()
    return network.requires_grad_(False)


def without(name):
    network = Own()
    delattr(network, name)
    return network


@cases(
    "networks of one's own",
    [
        ("nothing", lambda: "resann-1-4"),
        ("a class", lambda: Own),
        ("no exits", lambda: without("num_exits")),
        ("a plain module", lambda: nn.Linear(64, 2)),
        ("a backbone", lambda: nn.Sequential(nn.Flatten(), nn.Linear(64, 2))),
        ("fewer answers than exits", lambda: Own(answers=1)),
        ("more answers than exits", lambda: Own(answers=3)),
        ("no answer", lambda: Own(answers=0)),
        ("exits in a text", lambda: Own(num_exits="2")),
        ("a tensor", Single),
        ("three classes", lambda: Own(classes=3)),
        ("one class", lambda: Own(classes=1)),
        ("classes that differ", lambda: Own(lambda logits, k: logits[:, : 2 - k])),
        ("no images", lambda: Own(lambda logits, k: logits.mean(0))),
        ("half of the images", lambda: Own(lambda logits, k: logits[::2])),
        ("a map of answers", lambda: Own(lambda logits, k: logits[..., None, None])),
        ("a tuple", lambda: Own(lambda logits, k: (logits, logits))),
        ("a dict", lambda: Own(lambda logits, k: {"a": logits})),
        ("numpy", lambda: Own(lambda logits, k: logits.detach().numpy())),
        ("labels", lambda: Own(lambda logits, k: logits.argmax(1))),
        ("whole numbers", lambda: Own(lambda logits, k: logits.long())),
        ("detached", lambda: Own(lambda logits, k: logits.detach())),
        ("frozen", frozen),
        ("nan", lambda: Own(lambda logits, k: logits * math.nan)),
        ("inf", lambda: Own(lambda logits, k: logits + math.inf * k)),
        ("other channels", lambda: networks.build("resann-1-4-stride2", 2, 3, seed=0).up_to(2)),
        ("other exits", lambda: networks.build("resann-1-4-stride4", 2, 1, seed=0)),
    ],
    ids=lambda row: row[0],
)
def test_a_network_that_cannot_be_trained_is_refused(case):
    refused(lambda: trained(case[1]()))


@cases(
    "parts that do not fit",
    [
        {"scheme": "adaloss"},
        {"scheme": weighting.Const},
        {"scheme": weighting.Const(3)},
        {"scheme": torch.ones(2)},
        {"scheme": nn.Identity()},
        {"dataset": "fashion"},
        {"dataset": TOY.train},
        {"dataset": (PIXELS, torch.arange(12))},
        {"recipe": None},
        {"recipe": {"epochs": 1}},
        {"recipe": 1},
        {"recipe": Recipe(1, 6, augmentation=("spin",))},
        {"seed": 1.5},
        {"seed": "one"},
        {"seed": None},
        {"evaluate_every": 0},
        {"evaluate_every": -1},
        {"evaluate_every": "never"},
        {"threads": -1},
        {"threads": 1.5},
        {"threads": "two"},
        {"record": 3},
        {"record": "."},
        {"record": "/proc/run.json"},
        {"record": "file/run.json"},
        {"record": "x" * 300 + ".json"},
        {"record": "a\0b.json"},
        {"checkpoint": "."},
        {"checkpoint": "/proc/run.ckpt"},
        {"checkpoint": "file/run.ckpt"},
        {"keep_network": "network.pt"},
        {"keep_network": "."},
    ],
    ids=str,
)
def test_parts_that_do_not_fit_are_refused(case, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").write_text("")
    refused(lambda: trained(**case))
    assert [path.name for path in tmp_path.rglob("*")] == ["file"]


@cases(
    "weights of one's own",
    [
        [],
        [0.0, 0.0],
        [1.0, -1.0],
        [1.0, math.nan],
        [1.0, math.inf],
        [[1.0, 1.0]],
        1.0,
        None,
        "1, 2",
        ["1", "2"],
    ],
)
def test_weights_that_are_none_are_refused(case):
    refused(lambda: weighting.Weighting(case))


LAYERS = nn.Sequential(
    nn.Conv2d(1, 4, 3), nn.ReLU(), nn.Conv2d(4, 4, 3), nn.Flatten(), nn.Linear(64, 2)
)


@cases(
    "calls with networks",
    [
        lambda: AnytimeNetwork(nn.Identity(), [], []),
        lambda: AnytimeNetwork(nn.Identity(), [nn.Identity()], []),
        lambda: AnytimeNetwork(nn.Identity(), [nn.Identity()] * 2, [nn.Identity()]),
        lambda: AnytimeNetwork(nn.Identity(), nn.Identity(), nn.Identity()),
        lambda: AnytimeNetwork("stem", ["segment"], ["head"]),
        lambda: networks.build("resann-1-4", 0),
        lambda: networks.build("resann-1-4", -1),
        lambda: networks.build("resann-1-4", 2.5),
        lambda: networks.build("resann-1-4", "ten"),
        lambda: networks.build("resann-1-4", 10, 0),
        lambda: networks.build("resann-1-4", 10, "grey"),
        lambda: networks.build("resann-1-4", 10, seed="one"),
        lambda: networks.build("resann-1-4").up_to(0),
        lambda: networks.build("resann-1-4").up_to(4),
        lambda: networks.build("resann-1-4").up_to(1.5),
        lambda: networks.build("resann-1-4").up_to("last"),
        lambda: networks.build("resann-1-4")(torch.zeros(1, 1, 32, 32)),
        lambda: networks.build("resann-1-4")(torch.zeros(3, 32, 32)),
        lambda: attach(LAYERS, exits=[], num_classes=2),
        lambda: attach(LAYERS, exits=["9"], num_classes=2),
        lambda: attach(LAYERS, exits=["0", "0"], num_classes=2),
        lambda: attach(LAYERS, exits="0", num_classes=2),
        lambda: attach(LAYERS, exits=[0], num_classes=2),
        lambda: cost.multiply_adds(networks.build("resann-1-4"), (1, 32, 32)),
        lambda: cost.multiply_adds(networks.build("resann-1-4"), (32, 32)),
        lambda: networks.eann([]),
        lambda: networks.eann(["resann-9"]),
        lambda: networks.load("nowhere.pt"),
        lambda: networks.load("."),
        lambda: networks.save(nn.Linear(1, 1), "network.pt"),
        lambda: networks.save(networks.build("resann-1-4"), "."),
        lambda: AnytimePredictor(None),
        lambda: AnytimePredictor("network.pt"),
        lambda: AnytimePredictor(nn.Linear(1, 1)),
    ],
    ids=lambda row: None,
)
def test_a_call_that_cannot_be_is_refused(case, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    refused(case)
