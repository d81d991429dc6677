"""Exits on a backbone through all that is done with a network; by name, too."""

import pytest
import torch

from anytime import networks, weighting
from anytime.__main__ import main
from anytime.datasets import Dataset, Images
from anytime.networks import cost
from anytime.prediction import AnytimePredictor, predict_early
from anytime.runs import Run
from anytime.training import Recipe, predict, train

NAME = "torchvision:resnet18@layer2,layer3"
RECIPE = Recipe(epochs=1, batch_size=8, lr=0.01, augmentation=())


@pytest.fixture(scope="module")
def images() -> Images:
    generator = torch.Generator().manual_seed(0)
    labels = torch.arange(16) % 2
    noise = torch.randint(128, (16, 3, 32, 32), generator=generator)
    return Images((noise + 127 * labels.view(-1, 1, 1, 1)).to(torch.uint8), labels)


@pytest.fixture(scope="module")
def trained(images, tmp_path_factory):
    """A network built by its name and trained, its record and the file it is kept in."""
    folder = tmp_path_factory.mktemp("attached")
    network = networks.build(NAME, 2, seed=0)
    data = Dataset("two", "two", images, images, ("dark", "bright"))
    files = {"record": folder / "run.json", "keep_network": folder / "kept.pt"}
    run = train(network, weighting.AdaLoss(3), data, RECIPE, **files, progress=False)
    return network.eval(), run, folder / "kept.pt"


def test_the_record_names_the_backbone_and_its_exits(trained):
    network, run, _ = trained
    assert run.config["network"] == network.name == NAME and run.config["start"] == "seed 0"
    assert run.cost == cost.multiply_adds(network).tolist()
    assert run.parameters[-1] == sum(p.numel() for p in network.parameters())
    assert network.standardise.is_set


def test_heads_are_decayed_by_their_exit_and_the_backbone_fully(images):
    from anytime.training import Session

    network = networks.build(NAME, 2, seed=0)
    data = Dataset("two", "two", images, images, ("dark", "bright"))
    session = Session(network, weighting.Const(3), data, Recipe(weight_decay=0.3))
    decays = {
        parameter: group["weight_decay"]
        for group in session.optimizer.param_groups
        for parameter in group["params"]
    }
    heads = [decays[head[-1].weight] for head in network.heads]
    assert heads == pytest.approx([0.3 * 2 / 3, 0.3 * 1 / 3])  # SIEVE of three exits: 2/3, 1/3, 1
    backbone = {decays[p] for p in network.backbone.parameters() if p.dim() > 1}
    assert backbone == {0.3} and decays[network.backbone.bn1.weight] == 0


def test_it_is_kept_and_loaded_again(trained, images):
    network, _, file = trained
    again = networks.load(file)
    assert again.name == NAME
    assert torch.allclose(predict(again, images), predict(network, images), atol=0.05)


def test_it_answers_within_a_budget_and_leaves_early(trained, images):
    network, run, _ = trained
    logits = predict(network, images)
    predictor = AnytimePredictor(network)
    answer = predictor.predict(images.pixels, budget=float(run.cost[1]))
    assert answer.exit.tolist() == [2] * 16
    assert torch.equal(answer.label, logits[1].argmax(-1))
    early = predict_early(predictor, images.pixels, "confidence", 0.0)
    assert early.exit.tolist() == [1] * 16
    assert torch.equal(early.label, logits[0].argmax(-1))


def test_it_is_cut_at_an_exit_by_its_name():
    cut = networks.build(f"{NAME}-to2", 5)
    assert cut.num_exits == 2 and cut.name == f"{NAME}-to2"
    assert cut(torch.zeros(2, 3, 32, 32)).shape == (2, 2, 5)


def test_it_is_trained_from_the_command_line(tmp_path, capsys):
    options = "--epochs 1 --batch-size 16 --train-images 16 --quiet --no-channels-last".split()
    command = ["train", "--data", "glyphs-2-0", "--network", NAME, "--out", str(tmp_path)]
    assert main([*command, *options]) == 0
    (record,) = tmp_path.glob("*.json")
    assert Run.load(record).config["network"] == NAME
    assert main(["train", "--data", "glyphs", "--network", "torchvision:resnet18@layer9"]) == 1
    assert "the nearest are layer" in capsys.readouterr().err
