"""A recipe: its learning rates, what it refuses, and that a record keeps all of it."""

import json
from dataclasses import FrozenInstanceError, fields, replace

import pytest

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
    augmentation=("crop", "flip"),
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


@pytest.mark.parametrize(
    "options, message",
    [
        ({"epochs": 0}, "epochs >= 1.*not 0, 128"),
        ({"batch_size": 0}, "batch_size >= 1"),
        ({"lr": 0.0}, "lr > 0"),
        ({"lr": float("nan")}, "lr > 0"),
        ({"schedule": "cosine"}, "unknown schedule 'cosine'; there are .*milestones.*one-cycle"),
        ({"milestones": ((3, 0.1),)}, "belong to schedule='milestones'"),
        (
            {"schedule": "milestones", "milestones": ((10, 0.1),)},
            "milestone 10 is never reached in 10 epochs",
        ),
    ],
)
def test_a_recipe_that_cannot_be_followed_is_refused_with_the_reason(options, message):
    with pytest.raises(ValueError, match=message):
        Recipe(**options)
