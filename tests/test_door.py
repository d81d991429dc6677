"""The README and its picture: short, with links that lead somewhere, drawn from the records."""

import importlib.util
import json
import re
from functools import cache

import matplotlib.image
import numpy as np
import pytest

from anytime import runs
from anytime.paths import REPOSITORY, RUNS

spec = importlib.util.spec_from_file_location("picture", REPOSITORY / "docs" / "picture.py")
door = importlib.util.module_from_spec(spec)
spec.loader.exec_module(door)

SETS = list(door.LOOKS)
README = (REPOSITORY / "README.md").read_text("utf-8")
PAGES = ["README.md", "CHANGELOG.md", "data/README.md", "data/LEDGER.md"]
PAGES += [f"docs/{path.name}" for path in sorted((REPOSITORY / "docs").glob("*.md"))]


@cache
def found():
    return runs.find(RUNS / "first-edition" / "schemes")


@cache
def last(column, **wanted):
    """The last values (S, K) of a column in the schemes' files, read as plain JSON."""
    network = wanted.pop("network", door.NETWORK)
    values = []
    for path in sorted((RUNS / "first-edition" / "schemes").glob("*.json")):
        record = json.loads(path.read_text("utf-8"))
        if record["config"].items() >= (wanted | {"network": network}).items():
            values.append(record["history"][-1][column])
    return np.array(values)


def test_the_readme_has_at_most_1500_words():
    assert len(README.split()) <= 1500


@pytest.mark.parametrize("page", PAGES)
def test_every_link_of_a_page_leads_to_a_file_or_a_heading(page):
    text = (REPOSITORY / page).read_text("utf-8")
    headings = {
        re.sub(r"[^\w -]", "", line).strip().lower().replace(" ", "-")
        for line in re.findall(r"^#+ (.*)$", text, re.MULTILINE)
    }
    for link in re.findall(r"\]\(([^)]+)\)", text):
        path, _, heading = link.partition("#")
        if not link.startswith("https://"):
            assert (REPOSITORY / page).parent.joinpath(path).exists(), link
            assert not heading or heading in headings, link


def test_the_picture_is_described_in_words_and_light():
    (alt,) = re.findall(r"!\[([^]]+)\]\(docs/picture\.png\)", README)
    assert all(word in alt for word in ("AdaLoss", "CONST", "LINEAR", "OPT", "GTSRB", "weights"))
    assert door.PICTURE.stat().st_size < 250_000


def test_the_picture_that_ships_is_that_of_the_records_that_ship(tmp_path):
    new, old = (matplotlib.image.imread(p) for p in (door.write(tmp_path / "p.png"), door.PICTURE))
    assert new.shape == old.shape
    # Other versions of the libraries may round an edge differently; a curve that moved is more.
    assert (np.abs(new - old).max(-1) > 0.2).mean() < 0.001


@pytest.mark.parametrize("weighting", ["adaloss", "const", "linear"])
def test_the_curves_are_means_and_deviations_over_the_seeds_of_the_records(weighting):
    gtsrb = [run for run in found() if run.config["dataset"] == "gtsrb-half"]
    table = door.errors([run for run in gtsrb if run.config["network"] == door.NETWORK])
    rows = table[table["weighting"] == weighting].sort_values("cost")
    wanted = last("test_error", dataset="gtsrb-half", weighting=weighting)
    assert len(wanted) >= 3 and (rows["seeds"] == len(wanted)).all()
    np.testing.assert_allclose(rows["mean"], wanted.mean(0))
    np.testing.assert_allclose(rows["std"], wanted.std(0, ddof=1))


def test_opt_is_shown_where_a_network_was_trained_for_an_exit_alone_and_nowhere_else():
    opt = [run for run in found() if run.config["weighting"] == "opt"]
    table = door.errors([run for run in opt if run.config["dataset"] == "gtsrb-half"])
    kind = {"dataset": "gtsrb-half", "weighting": "opt"}
    cuts = [f"{door.NETWORK}-to3", f"{door.NETWORK}-to6", f"{door.NETWORK}-to9", door.NETWORK]
    wanted = [last("test_error", network=network, **kind)[:, -1] for network in cuts]
    rows = table.sort_values("cost")
    np.testing.assert_allclose(rows["mean"], [errors.mean() for errors in wanted])


@pytest.mark.parametrize("dataset", SETS)
def test_the_weights_are_those_that_adaloss_ends_with(dataset):
    adaloss = [run for run in found() if run.config["weighting"] == "adaloss"]
    table = door.weights(adaloss)
    wanted = last("weights", dataset=dataset, weighting="adaloss")
    rows = table[table["dataset"] == dataset]
    assert rows["exit"].tolist() == list(range(1, 13))
    np.testing.assert_allclose(rows["mean"], wanted.mean(0))


def test_every_line_is_named():
    left, right = door.picture(found()).axes
    named = [text.get_text() for text in left.get_legend().get_texts()]
    assert named == ["AdaLoss", "LINEAR", "CONST", "OPT"]
    names = " ".join(text.get_text().replace("\n", " ") for text in right.texts)
    for name in ("GTSRB (every second frame)", "CIFAR-10 (JPEG copy)"):
        assert name in names
    assert "Tiny-ImageNet (every second class)" in names
    assert len(right.lines) == len(right.texts) == 3


def test_what_the_readme_says_in_words_is_what_the_records_say():
    said = " ".join(README.split())
    adaloss, const = (
        {dataset: last("test_error", dataset=dataset, weighting=scheme).mean(0) for dataset in SETS}
        for scheme in ("adaloss", "const")
    )
    pays = {dataset: adaloss[dataset] - const[dataset] for dataset in SETS}
    easy = "gtsrb-half"

    assert "first exit is wrong on three images of four, CONST's on fewer than half" in said
    assert adaloss[easy][0] == pytest.approx(0.75, abs=0.02) and const[easy][0] < 0.5
    assert "From half of the cost on AdaLoss's mean error is the lower one" in said
    cost = np.array(next(r.cost for r in found() if r.config["network"] == door.NETWORK))
    assert (pays[easy][cost >= 0.5 * cost[-1]] < 0).all()
    assert "On the two harder data sets the first exits pay less" in said
    for harder in ("cifar10", "tiny-imagenet-100"):
        assert (pays[harder][:3] < pays[easy][:3]).all()
    assert "AdaLoss and CONST differ there by about half a point" in said
    assert all(0.25 < -100 * pays[dataset][-1] < 0.75 for dataset in SETS)
