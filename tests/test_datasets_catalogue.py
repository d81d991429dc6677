import doctest
import json
import subprocess
import sys

import pytest

from anytime import datasets
from anytime.datasets import catalogue, check_steps, loading, readers
from anytime.paths import RUNS


def output(code, *absent):
    """What a new process prints in which these packages are not installed."""
    blocked = f"import sys; sys.modules.update(dict.fromkeys({absent}));"
    return subprocess.check_output([sys.executable, "-c", blocked + code], text=True).strip()


def test_the_catalogue_needs_no_torch():
    code = "from anytime.datasets import catalogue; print(catalogue.find('svhn').images[0])"
    assert output(code, "torch", "PIL", "torchvision", "pandas", "scipy") == "604388"


def test_tensors_become_a_data_set_and_are_augmented_with_torch_and_numpy_alone():
    code = """
import torch
from anytime.datasets import Dataset, Images, augment, check_steps, pixel_mean
images = Images(torch.full((6, 3, 8, 8), 7, dtype=torch.uint8), torch.arange(6) % 2)
data = Dataset("own", "Own images", images, images[:2], ("cat", "dog")).set_aside(2)
steps = check_steps(("crop", "flip", "colour", "deform"))
pixels = augment(data.train.pixels, steps, torch.Generator().manual_seed(0))
print(tuple(pixels.shape), pixel_mean(images.pixels).unique().tolist())
"""
    absent = "PIL", "torchvision", "pandas", "matplotlib", "scipy"
    assert output(code, *absent) == "(4, 3, 8, 8) [7.0]"


def test_what_is_missing_to_decode_images_is_named_as_one_installs_it(tmp_path):
    code = f"""
import os
os.environ["ANYTIME_CACHE"] = {str(tmp_path)!r}
from anytime import datasets
try:
    datasets.load("fashion")
except datasets.DatasetError as error:
    print(error)
"""
    assert output(code, "PIL") == "fashion needs pillow: run `pip install pillow`"


@pytest.mark.parametrize("module", [catalogue, loading])
def test_the_examples_in_the_docstrings_are_true(module):
    found = doctest.testmod(module)
    assert found.attempted and not found.failed


@pytest.mark.parametrize("name", ["fashion", "glyphs-4-1"])
def test_what_the_catalogue_says_of_an_embedded_set_is_what_its_images_say(
    name, tmp_path, monkeypatch
):
    monkeypatch.setenv("ANYTIME_CACHE", str(tmp_path))
    row, dataset = catalogue.find(name), datasets.load(name)
    assert row.images == (len(dataset.train), len(dataset.test))
    assert row.classes == dataset.classes
    assert (row.name, row.title) == (dataset.name, dataset.title)
    assert row.augmentation == catalogue.augmentation(name) == dataset.augmentation


@pytest.mark.parametrize("row", catalogue.ROWS.values(), ids=lambda row: row.name)
def test_every_row_has_a_reader_known_steps_and_one_name_for_each_class(row):
    assert callable(getattr(readers, row.reader))
    assert check_steps(row.augmentation) == row.augmentation
    assert len(set(row.classes)) == len(row.classes)
    assert bool(row.archives) == bool(row.local)


@pytest.mark.parametrize(
    ("spelling", "name"),
    [
        ("glyphs", "glyphs-10-0.5"),
        ("glyphs-10", "glyphs-10-0.5"),
        ("glyphs-10-0.50", "glyphs-10-0.5"),
        ("glyphs-010-.5", "glyphs-10-0.5"),
        ("glyphs-10-1.0", "glyphs-10-1"),
        ("glyphs-10-0.00", "glyphs-10-0"),
        ("glyphs-10-0.00001", "glyphs-10-0.00001"),
        ("glyphs-10-0.1234567", "glyphs-10-0.1234567"),
        ("glyphs-1", "glyphs-1"),  # no data set: whatever it is keeps its name
        ("glyphs-mine", "glyphs-mine"),
        ("cifar10", "cifar10"),
    ],
)
def test_a_data_set_has_one_name_however_it_is_spelled(spelling, name):
    assert catalogue.canonical(spelling) == name
    assert catalogue.canonical(name) == name
    assert catalogue.glyphs(spelling) == catalogue.glyphs(name)


def test_the_shipped_records_call_their_data_by_the_one_name():
    records = [json.loads(path.read_text()) for path in RUNS.rglob("*.json")]
    names = {record["config"]["dataset"] for record in records}
    assert {"cifar10", "glyphs-10-0", "glyphs-10-1", "glyphs-40-0.5"} < names
    assert names == {catalogue.canonical(name) for name in names}


def test_the_number_of_images_of_an_unknown_set_is_not_made_up():
    assert catalogue.find("cifar10").images[0] == 50_000
    assert catalogue.find("holiday") is None and catalogue.find("glyphs-x") is None


def test_a_folder_is_cropped_only_unless_it_is_named_as_a_known_set():
    assert catalogue.augmentation("holiday") == ("crop",)
    assert catalogue.augmentation("cifar100") == ("crop", "flip")
    assert catalogue.augmentation("gtsrb-half") == ("crop",)  # a mirrored sign is another sign


def test_a_copy_never_has_the_title_of_an_official_release():
    assert catalogue.copy_title("cifar10") == "CIFAR-10 (JPEG copy)"
    assert catalogue.copy_title("cifar100") == "cifar100"
    assert catalogue.copy_title("gtsrb-half") == "GTSRB (every second frame)"
    assert catalogue.copy_title("holiday") == "holiday"
