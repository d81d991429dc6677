"""The explorer of one image: on predictions written by hand, and on a small real network."""

import re
import subprocess
import sys

import numpy as np
import pytest
import torch

from anytime import datasets, explore, networks
from anytime.explore import predicted, watch
from anytime.runs import Run

NAME = "resann-1-4-stride2"


def said(explorer) -> str:
    return re.sub("<[^>]*>", "", explorer.text.value)


@pytest.fixture
def by_hand():
    """Three exits, two classes, four images: how likely class "b" is, image by image."""
    b = [[0.6, 0.9, 0.2, 0.1], [0.7, 0.4, 0.3, 0.8], [0.8, 0.3, 0.4, 0.9]]
    likely = np.stack([1 - np.array(b), b], -1)
    right = np.array([1, 1, 1, 1])
    return predicted.Watched(
        np.zeros((4, 2, 2, 1)), right, ("a", "b"), likely, np.array([1, 2, 4.0])
    )


@pytest.fixture(scope="module")
def kept(tmp_path_factory):
    """A folder with the record and the network of a run on images that ship (not trained)."""
    return keep(tmp_path_factory.mktemp("kept"), "fashion")


def keep(folder, dataset):
    network = networks.build(NAME, num_classes=10, in_channels=1, seed=0)
    about = networks.save(network.eval(), folder / "net.pt")
    config = {"dataset": dataset, "network": NAME, "weighting": "adaloss", "seed": 0, "recipe": {}}
    history = [{"epoch": 1, "test_error": [0.5, 0.4, 0.3]}]
    run = Run(config, [10**6, 2 * 10**6, 4 * 10**6], history=history, finished=True, trained=about)
    run.save(folder / "run.json")
    return folder


@pytest.fixture(autouse=True)
def nothing_ships(tmp_path, monkeypatch):
    monkeypatch.setattr(predicted, "NETWORKS", tmp_path)
    monkeypatch.setattr(explore.recorded, "RUNS", tmp_path)


# By hand


def test_images_are_told_apart_by_what_happens_from_exit_to_exit(by_hand):
    numbers = [list(kind) for kind in predicted.kinds(by_hand).values()]
    assert numbers == [[0, 1, 2, 3], [1], [1, 2], [1, 3]]


def test_the_exits_at_which_the_answer_changes_are_counted_from_the_second(by_hand):
    cost = [10, 20, 40]
    assert watch.changes(watch.watch_data(by_hand, 0, cost)) == []
    assert watch.changes(watch.watch_data(by_hand, 1, cost)) == [2]


def test_an_answer_comes_with_its_confidence_cost_and_time(by_hand):
    data = watch.watch_data(by_hand, 3, [10, 20, 40])
    assert list(data["answer"]) == ["a", "b", "b"] and list(data["right"]) == [False, True, True]
    assert list(data["confidence"]) == [0.9, 0.8, 0.9]
    assert list(data["cost"]) == [10, 20, 40] and list(data["milliseconds"]) == [1, 2, 4]


@pytest.mark.parametrize(
    ("image", "budget", "words"),
    [
        (0, 5e6, "no exit has answered. Exits at which the answer changes: none."),
        (1, 15e6, "exit 1 is the last to answer, after 1.00 ms on this machine: b, with confid"),
        (1, 40e6, "confidence 70%. That is wrong: it is b. Exits at which the answer changes: 2."),
        (1, 15e6, "This is overthinking: exit 1 was right, and the last exit is wrong with con"),
        (3, 40e6, "That is right."),
        (3, 40e6, "Of 4 test images, 50.0% are wrong at the last exit; 25.0% were right at an"),
    ],
)
def test_the_sentence_tells_what_the_budget_buys(by_hand, image, budget, words):
    data = watch.watch_data(by_hand, image, [10e6, 20e6, 40e6])
    assert words in watch._words(by_hand, image, data, budget)


# A real network


def test_what_is_shown_is_what_the_network_predicts(kept):
    explorer = explore.watch_one_image(kept)
    explorer.controls["image"].value = 7
    data = explorer.data
    network, images = networks.load(kept / "net.pt"), datasets.load("fashion")
    with torch.no_grad():
        likely = network(images.test.pixels[7:8].float()).softmax(-1)[:, 0]
    np.testing.assert_allclose(data["confidence"], likely.max(-1).values, rtol=1e-4)
    assert list(data["answer"]) == [images.classes[i] for i in likely.argmax(-1)]
    assert (np.diff(data["milliseconds"]) > 0).all() and data["milliseconds"][0] > 0


def test_image_and_budget_change_the_picture_and_run_no_network(kept):
    explorer = explore.watch_one_image(kept)
    ran, picture = predicted.watch.cache_info().misses, explorer.picture.value
    for name, value in [("image", 5), ("budget", 1e6), ("budget", 2e6)]:
        explorer.controls[name].value = value
        assert explorer.picture.value != picture, name
        picture = explorer.picture.value
    assert "exit 2 is the last to answer" in said(explorer)
    assert predicted.watch.cache_info().misses == ran


def test_only_images_of_the_wanted_kind_can_be_chosen(kept):
    explorer = explore.watch_one_image(kept)
    assert [value for _, value in explorer.controls["image"].options] == list(range(1000))
    explorer.controls["show"].value = "wrong at the end"
    for _, number in explorer.controls["image"].options[:5]:
        explorer.controls["image"].value = number
        assert not explorer.data["right"].iloc[-1]
    explorer.controls["show"].value = "all"
    assert len(explorer.controls["image"].options) == 1000


@pytest.mark.parametrize("image", [0, 1, 3])
def test_right_and_wrong_differ_in_mark_hatch_and_colour(by_hand, image):
    data = watch.watch_data(by_hand, image, [10, 20, 40])
    figure = explore.frame.Picture(layout="none")
    watch.draw_watch(figure, by_hand, image, data, 20)
    times = figure.axes[-1]
    bars = sorted(times.patches, key=lambda bar: bar.get_y())
    marks = sorted(times.texts, key=lambda text: text.xy[1])
    assert [mark.get_text() == "✓" for mark in marks] == list(data["right"])
    looks = {
        right: {(bar.get_hatch() or "", bar.get_facecolor()) for bar in part}
        for right in (True, False)
        if (part := [bar for bar, one in zip(bars, data["right"], strict=True) if one == right])
    }
    assert all(len(one) == 1 for one in looks.values())
    if len(looks) == 2:
        (right,), (wrong,) = looks[True], looks[False]
        assert right[0] != wrong[0] and right[1] != wrong[1]
    assert times.get_title() == "✓ right, ✗ wrong"


def test_the_right_class_is_shown_where_there_are_many(by_hand):
    likely = np.tile(np.geomspace(1, 1e-3, 40), (3, 4, 1))
    many = by_hand._replace(
        probabilities=likely / likely[0, 0].sum(),
        classes=[f"c{i}" for i in range(40)],
        labels=np.full(4, 39),
    )
    figure = explore.frame.Picture(layout="none")
    watch.draw_watch(figure, many, 0, watch.watch_data(many, 0, [1, 2, 3]), 2)
    names = [text.get_text() for text in figure.axes[1].get_xticklabels()]
    assert names == [*(f"c{i}" for i in range(9)), "c39"]


def test_images_that_ship_come_first(kept, tmp_path):
    cifar = keep(tmp_path, "cifar10")
    stored = predicted.stored([cifar, kept])
    assert [run.config["dataset"] for run, *_ in stored] == ["fashion", "cifar10"]


# Nothing to show


def test_without_a_network_the_way_to_one_is_said():
    assert "python -m anytime train --data fashion" in said(explore.watch_one_image())


def test_without_torch_the_explorer_says_so(kept, monkeypatch):
    monkeypatch.setattr(predicted, "can_run", lambda: False)
    assert "pip install torch" in said(explore.watch_one_image(kept))


def test_images_that_are_not_here_are_not_downloaded(tmp_path, monkeypatch):
    monkeypatch.setenv("ANYTIME_DOWNLOADS", str(tmp_path))
    explorer = explore.watch_one_image(keep(tmp_path / "own", "cifar10"))
    assert "python -m anytime fetch cifar10" in said(explorer)


def test_a_network_that_is_not_the_recorded_one_is_refused(tmp_path):
    folder = keep(tmp_path / "own", "fashion")
    networks.save(networks.build(NAME, 10, 1, seed=1), folder / "net.pt")
    assert "net.pt has changed" in said(explore.watch_one_image(folder))


def test_the_explorers_are_imported_without_torch():
    code = "import sys, anytime.explore.watch; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
