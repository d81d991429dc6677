"""The networks that ship are those of their records, and do what the records say."""

import pytest

from anytime import datasets, networks, runs
from anytime.paths import DATA
from anytime.training.evaluation import evaluate

FOLDER = DATA / "networks"
RECORDS = [run for run in runs.find(DATA) if run.trained]


def test_every_network_that_ships_has_a_record():
    told = {run.trained["file"] for run in RECORDS}
    assert told == {path.name for path in FOLDER.glob("*.pt")} != set()


@pytest.mark.parametrize("run", RECORDS, ids=lambda run: run.trained["file"])
def test_a_shipped_network_is_small_and_unchanged(run):
    path = FOLDER / run.trained["file"]
    assert path.stat().st_size == run.trained["bytes"] <= 1.5e6
    network = networks.load(path, run.trained["sha256"])
    assert (network.name, network.num_exits) == (run.config["network"], run.num_exits)


def test_all_shipped_networks_together_stay_small():
    assert sum(path.stat().st_size for path in FOLDER.glob("*.pt")) <= 12e6


SHIPPED_IMAGES = ("fashion", "glyphs-40-0.5")


@pytest.mark.parametrize(
    "run",
    [run for run in RECORDS if run.config["dataset"] in SHIPPED_IMAGES],
    ids=lambda run: run.trained["file"],
)
def test_a_network_for_embedded_images_errs_as_its_record_says(run):
    aside = run.config["validation_images"]
    size = run.config["train_images"] + aside
    data = datasets.load(run.config["dataset"], train_size=size).set_aside(aside)
    _, errors = evaluate(networks.load(FOLDER / run.trained["file"]), data.test)
    # The record is of the network before it was stored in half precision.
    assert errors.tolist() == pytest.approx(run.final("test_error"), abs=0.004)
