"""A recipe: its learning rates, what it refuses, and that a record keeps all of it."""

import json
from dataclasses import FrozenInstanceError, fields, replace

import numpy as np
import pytest

from anytime.paths import DATA
from anytime.runs import find
from anytime.training import CIFAR_PAPER, Recipe


def test_one_cycle_rises_over_a_quarter_of_the_epochs_and_falls_to_zero():
    recipe = Recipe(epochs=20, lr=0.4)
    points = {0: 0.0, 2.5: 0.2, 5: 0.4, 12.5: 0.2, 20: 0.0}
    for epoch, rate in points.items():
        assert recipe.learning_rate(epoch) == pytest.approx(rate)


def test_one_cycle_is_never_above_its_peak_nor_below_zero():
    recipe = Recipe(epochs=7, lr=0.3)
    rates = [recipe.learning_rate(step / 100) for step in range(701)]
    assert 0 <= min(rates) and max(rates) <= 0.3 + 1e-12


def test_milestones_hold_from_their_epoch_on():
    recipe = Recipe(epochs=9, lr=0.1, schedule="milestones", milestones=((3, 0.01), (6, 0.002)))
    rates = [recipe.learning_rate(epoch) for epoch in (0, 2.99, 3, 5.99, 6, 8.99)]
    assert rates == [0.1, 0.1, 0.01, 0.01, 0.002, 0.002]


def test_milestones_may_be_given_in_any_order():
    milestones = ((6, 0.002), (3, 0.01))
    recipe = Recipe(epochs=9, lr=0.1, schedule="milestones", milestones=milestones)
    assert [recipe.learning_rate(epoch) for epoch in (0, 3, 5, 6, 8)] == [
        *(0.1, 0.01, 0.01, 0.002, 0.002)
    ]


def test_milestones_without_any_keep_the_rate():
    recipe = Recipe(epochs=3, lr=0.2, schedule="milestones")
    assert {recipe.learning_rate(epoch) for epoch in (0, 1.5, 2.9)} == {0.2}


def test_the_papers_recipe_drops_its_rate_where_the_paper_does():
    epochs = (0, 139.9, 140, 209.9, 210, 249.9, 250, 299.9)
    rates = [CIFAR_PAPER.learning_rate(epoch) for epoch in epochs]
    assert rates == [0.1, 0.1, 0.01, 0.01, 0.001, 0.001, 0.0002, 0.0002]
    assert (CIFAR_PAPER.epochs, CIFAR_PAPER.batch_size) == (300, 64)
    assert (CIFAR_PAPER.momentum, CIFAR_PAPER.weight_decay) == (0.9, 2e-4)


EVERY_FIELD_CHANGED = Recipe(
    epochs=5,
    batch_size=32,
    lr=0.05,
    schedule="milestones",
    milestones=((2, 0.01), (4, 0.001)),
    momentum=0.8,
    weight_decay=1e-4,
    head_decay="even",
    augmentation=("crop", "flip"),
    backward="scaled",
    distil=0.5,
    temperature=2.0,
    backbone_epochs=1,
    after_backbone="heads",
    autocast="bfloat16",
    channels_last=False,
    compile=True,
)


@pytest.mark.parametrize("recipe", [Recipe(), EVERY_FIELD_CHANGED, Recipe(augmentation=())])
def test_a_recipe_comes_back_from_json_as_it_was(recipe):
    again = Recipe.from_dict(json.loads(json.dumps(recipe.to_dict())))
    assert again == recipe
    assert hash(again) == hash(recipe)


def test_the_dictionary_of_a_recipe_has_all_its_fields_and_is_equal_to_its_json():
    content = EVERY_FIELD_CHANGED.to_dict()
    assert set(content) == {field.name for field in fields(Recipe)}
    assert json.loads(json.dumps(content)) == content
    assert content["milestones"] == [[2, 0.01], [4, 0.001]]


def test_no_augmentation_and_the_data_sets_own_are_not_the_same():
    assert Recipe().to_dict()["augmentation"] is None
    assert Recipe(augmentation=()).to_dict()["augmentation"] == []


def test_a_recipe_cannot_be_changed_but_copied():
    recipe = Recipe()
    with pytest.raises(FrozenInstanceError):
        recipe.lr = 0.5
    assert replace(recipe, lr=0.5).lr == 0.5 and recipe.lr == 0.1


def test_every_field_says_in_words_what_it_means():
    for field in fields(Recipe):
        assert len(field.metadata["help"].split()) > 1, field.name
        assert not field.metadata["choices"] or field.default in (None, *field.metadata["choices"])


def test_the_recipe_of_an_older_record_is_read_without_its_newer_fields():
    content = Recipe(epochs=7, augmentation=("crop",)).to_dict()
    del content["head_decay"], content["channels_last"]
    assert Recipe.from_dict(content) == Recipe(epochs=7, augmentation=("crop",))


def test_the_recipe_of_an_older_record_keeps_a_value_that_is_no_longer_offered():
    recipe = Recipe.from_dict(Recipe().to_dict() | {"autocast": "float16"})
    assert recipe.autocast == "float16"
    with pytest.raises(ValueError, match="unknown autocast"):
        replace(recipe, epochs=3)


def test_a_field_of_a_newer_record_is_named():
    with pytest.raises(ValueError, match="'warmup'"):
        Recipe.from_dict({"epochs": 3, "warmup": 1})


@pytest.mark.parametrize("folder", ["runs", "pilot"])
def test_the_recipes_of_all_records_that_ship_can_be_read(folder):
    for run in find(DATA / folder, finished=False):
        recipe = Recipe.from_dict(run.config["recipe"])
        assert recipe.to_dict().items() >= run.config["recipe"].items()


@pytest.mark.parametrize(
    "options, message",
    [
        ({"epochs": 0}, "epochs must be a whole number from 1 on, not 0"),
        ({"epochs": 1.5}, "epochs must be a whole number from 1 on, not 1.5"),
        ({"epochs": True}, "epochs"),
        ({"batch_size": 0}, "batch_size must be a whole number from 1 on, not 0"),
        ({"batch_size": 64.0}, "batch_size"),
        ({"lr": 0.0}, "lr must be above 0 and finite, not 0.0"),
        ({"lr": -1}, "lr must be"),
        ({"lr": float("nan")}, "lr must be"),
        ({"lr": float("inf")}, "lr must be"),
        ({"lr": "0.1"}, "lr must be above 0 and finite, not '0.1'"),
        ({"lr": True}, "lr must be"),
        ({"lr": np.float32(0.1)}, "lr must be"),
        ({"momentum": None}, "momentum"),
        ({"weight_decay": "0"}, "weight_decay"),
        ({"channels_last": "yes"}, "channels_last must be True or False, not 'yes'"),
        ({"compile": 2}, "compile must be True or False, not 2"),
        ({"momentum": 1.0}, "momentum must be from 0 to below 1, not 1.0"),
        ({"momentum": -0.1}, "momentum"),
        ({"momentum": float("nan")}, "momentum"),
        ({"weight_decay": -1}, "weight_decay must be from 0 on and finite, not -1"),
        ({"weight_decay": float("nan")}, "weight_decay"),
        ({"weight_decay": float("inf")}, "weight_decay"),
        ({"head_decay": "none"}, "unknown head_decay 'none'; there is sieve or even"),
        ({"schedule": "cosine"}, "unknown schedule 'cosine'; there is one-cycle or milestones"),
        ({"autocast": "float16"}, "unknown autocast .float16.; there is bfloat16"),
        ({"autocast": "float64"}, "unknown autocast 'float64'; there is bfloat16"),
        ({"autocast": ""}, "unknown autocast"),
        ({"augmentation": "crop"}, "augmentation must be a tuple of texts, or None, not 'crop'"),
        ({"augmentation": ["crop"]}, "a tuple"),
        ({"augmentation": (1,)}, "a tuple of texts"),
        ({"milestones": ((3, 0.1),)}, "belong to schedule='milestones'"),
        ({"schedule": "milestones", "milestones": 3}, r"a tuple of \(epoch, rate\)"),
        ({"schedule": "milestones", "milestones": {3: 0.1}}, "a tuple of"),
        ({"schedule": "milestones", "milestones": ((3,),)}, "a tuple of"),
        ({"schedule": "milestones", "milestones": ((3, 0.1), (3, 0.2))}, "each epoch once"),
        ({"schedule": "milestones", "milestones": ((3, "x"),)}, "milestone 3:x needs"),
        ({"schedule": "milestones", "milestones": ((0, -1.0),)}, "milestone 0:-1.0 needs an epoch"),
        ({"schedule": "milestones", "milestones": ((0, 0.1),)}, "milestone 0:0.1"),
        ({"schedule": "milestones", "milestones": ((1, -1.0),)}, "milestone 1:-1.0"),
        ({"schedule": "milestones", "milestones": ((1, float("inf")),)}, "milestone 1:inf"),
        (
            {"schedule": "milestones", "milestones": ((10, 0.1),)},
            "milestone 10 is never reached in 10 epochs",
        ),
    ],
)
def test_a_recipe_that_cannot_be_followed_is_refused_with_the_reason(options, message):
    with pytest.raises(ValueError, match=message):
        Recipe(**options)
