"""The explorers on small records made here, with answers worked out by hand."""

import asyncio
import base64
import html
import importlib
import io
import re

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from anytime import explore, networks, weighting
from anytime.explore import (
    anatomy,
    chain,
    curves,
    designer,
    frame,
    recorded,
    settings,
    totals,
    watch,
    weight_tables,
)
from anytime.names import weighting_title
from anytime.runs import Run

# the package has a function of this name
difficulty = importlib.import_module("anytime.explore.final_weights")


def record(dataset="easy", network="net", scheme="adaloss", seed=0, **changes) -> Run:
    """Three exits, two epochs; the weights end as `weights`, the test errors as `error`."""
    given = {"weights": [0.5, 0.5, 1.0], "error": [0.4, 0.3, 0.2], "images": 640} | changes
    recipe = {"epochs": 2, "batch_size": 64, "augmentation": given.get("augment", ["flip"])}
    config = {"dataset": dataset, "train_images": given["images"], "network": network}
    config |= {"weighting": scheme, "recipe": recipe, "seed": seed}
    first = given["weights"] if scheme.startswith("const") else [1.0, 1.0, 0.9]
    start = {"weights": first, "train_loss": [2.0, 2.0, 2.0]}
    end = {"weights": given["weights"], "train_loss": [1.0, 0.8, 0.4]}
    history = [{"epoch": 1, "lr": 0.1, **start}, {"epoch": 2, "lr": 0.1, **end}]
    history[1] |= {"test_error": given["error"]}
    return Run(config, [1_000_000, 2_000_000, 4_000_000], history=history, finished=True)


@pytest.fixture
def runs():
    return [
        record("hard", error=[0.9, 0.7, 0.6], weights=[0.0, 0.0, 1.0]),
        record("easy", seed=0, weights=[1.0, 1.0, 1.0], error=[0.4, 0.3, 0.2]),
        record("easy", seed=1, weights=[0.0, 1.0, 1.0], error=[0.4, 0.3, 0.1]),
        record("easy", scheme="const", weights=[1.0, 1.0, 1.0], error=[0.3, 0.28, 0.26]),
    ]


def said(explorer) -> str:
    return html.unescape(re.sub("<[^>]*>", "", explorer.text.value))


def picture(explorer) -> bytes:
    """The picture as PNG."""
    return base64.b64decode(re.search('base64,([^"]+)"', explorer.picture.value)[1])


def alt(explorer) -> str:
    return html.unescape(re.search('alt="([^"]*)"', explorer.picture.value)[1])


def offered(explorer, key) -> list:
    """The values of the options of a control."""
    return [value for _, value in explorer.controls[key].options]


# Recorded runs and their names


def test_folders_appear_beside_the_shipped_runs(runs, tmp_path, monkeypatch):
    shipped, own = tmp_path / "shipped", tmp_path / "own"
    runs[0].save(shipped / "a.json")
    runs[1].save(own / "deep" / "b.json")
    monkeypatch.setattr(recorded, "RUNS", shipped)
    assert [run.config["dataset"] for run in recorded.gather()] == ["hard"]
    assert [run.config["dataset"] for run in recorded.gather(own)] == ["hard", "easy"]
    assert [run.config["dataset"] for run in recorded.gather([own, shipped])] == ["hard", "easy"]


def test_a_list_of_runs_is_shown_alone(runs):
    assert recorded.gather(runs[:1]) == runs[:1]
    assert recorded.gather(run for run in runs) == runs


def test_a_folder_that_is_not_there_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match="no folder .*missing"):
        recorded.gather([tmp_path / "missing"])


def test_runs_that_were_cut_off_or_never_tested_are_left_out(runs, tmp_path, monkeypatch):
    monkeypatch.setattr(recorded, "RUNS", tmp_path)
    runs[0].finished = False
    del runs[1].history[1]["test_error"]
    for i, run in enumerate(runs[:3]):
        run.save(tmp_path / f"{i}.json")
    assert [run.config["seed"] for run in recorded.gather()] == [1]


def test_a_name_says_only_what_tells_runs_apart(runs):
    assert recorded.data_sets(runs) == ["hard", "easy", "easy", "easy"]
    more = [*runs[:2], record("easy", images=1280)]
    assert recorded.data_sets(more) == ["hard", "easy, 640 images", "easy, 1,280 images"]


def test_a_name_says_no_more_than_it_takes():
    runs = [record(), record(images=1280, augment=["crop"]), record("hard", augment=["crop"])]
    assert recorded.data_sets(runs) == ["easy, 640 images", "easy, 1,280 images", "hard"]
    assert recorded.run_titles(runs[:1]) == ["easy, net (3 exits), AdaLoss, seed 0"]


def test_networks_are_named_in_words_and_told_apart():
    names = ["resann-4-16-stride2", "resann-4-16", "resann-4-8", "resann-4-8-to2", "own"]
    runs = [record(network=name) for name in names]
    assert recorded.network_titles(runs[:1]) == ["3 exits, 16 channels"]
    assert recorded.network_titles(runs) == [
        "3 exits, 16 channels: resann-4-16-stride2",
        "3 exits, 16 channels: resann-4-16",
        "3 exits, 8 channels",
        "3 exits, 8 channels, cut",
        "own (3 exits)",
    ]


def test_a_run_of_opt_is_one_of_the_network_from_which_its_own_was_cut():
    cut = record(network="resann-4-8-to2", scheme="opt")
    cut.cost = cut.cost[:2]
    runs = [cut, record(network="resann-4-8"), record(network="resann-4-8-to2")]
    found = recorded.facts([recorded.whole(run) for run in runs])["network"]
    assert list(found[:2]) == ["3 exits, 8 channels"] * 2 and found[2].endswith("cut")


def test_the_same_run_in_two_folders_is_told_apart_by_the_folder(runs, tmp_path):
    twice = [Run.load(runs[0].save(tmp_path / name / "run.json")) for name in ("mine", "theirs")]
    assert recorded.data_sets(twice) == ["hard, in mine", "hard, in theirs"]


def test_weightings_are_named_in_the_symbols_of_the_paper():
    words = weighting_title("adaloss:gamma=0.1,momentum=0.99,every=1,extra=1")
    assert words == "AdaLoss γ=0.1 ρ=0.99 T=1 e=1"
    assert weighting_title("half-end") == "HALF-END"


@pytest.mark.parametrize("scheme", recorded.STATIC)
@pytest.mark.parametrize("exits", [2, 3, 4, 9, 16])
def test_static_weights_are_those_that_networks_are_trained_with(scheme, exits):
    trained = weighting.build(scheme.lower(), exits).weights.numpy()
    np.testing.assert_allclose(recorded.STATIC[scheme](exits), trained, rtol=1e-6)


# Final weights


def test_final_weights_are_means_and_ranges_over_seeds(runs):
    sets = {"easy": runs[1:3], "hard": runs[:1]}
    data = weight_tables.final_weights_data(sets, above_floor=False)
    assert list(data["data_set"]) == ["easy"] * 3 + ["hard"] * 3
    assert list(data["weight"]) == [0.5, 1.0, 1.0, 0.0, 0.0, 1.0]
    assert list(data["weight_low"]) == [0.0, 1.0, 1.0, 0.0, 0.0, 1.0]
    assert list(data["weight_high"]) == [1.0, 1.0, 1.0, 0.0, 0.0, 1.0]
    # Each run's own shares are 1/3, 1/3, 1/3 and 0, 1/2, 1/2.
    np.testing.assert_allclose(data["share"], [1 / 6, 5 / 12, 5 / 12, 0.0, 0.0, 1.0])
    # A quarter of three exits is 3/4 of the last one.
    np.testing.assert_allclose(data["last_quarter"], [0.75 * 5 / 12] * 3 + [0.75] * 3)
    np.testing.assert_allclose(data["mean_position"], [(0.5 + 0.75) / 2] * 3 + [1.0] * 3)
    assert list(data["runs"]) == [2] * 3 + [1] * 3


@pytest.mark.parametrize(
    ("scheme", "above"),
    [("adaloss", [0.43, 0.0, 0.93]), ("adaloss:gamma=0.2", [0.3, 0.0, 0.8])]
    + [("adaloss:gamma=0", [0.5, 0.05, 1.0]), ("const", [0.5, 0.05, 1.0])]
    + [("mine:thing", [0.5, 0.05, 1.0])],
)
def test_weights_count_above_the_floor_of_their_own_weighting(scheme, above):
    run = record(scheme=scheme, weights=[0.5, 0.05, 1.0])
    data = weight_tables.final_weights_data({"one": [run]})
    np.testing.assert_allclose(data["weight"], above)
    np.testing.assert_allclose(data["share"], np.divide(above, sum(above)))


@pytest.mark.parametrize(("epoch", "weight"), [(1, 1.0), (2, 0.0), (9, 0.0), (np.inf, 0.0)])
def test_final_weights_can_be_seen_at_any_epoch(runs, epoch, weight):
    data = weight_tables.final_weights_data({"hard": runs[:1]}, [epoch], above_floor=False)
    assert data["weight"][0] == weight


def test_at_equal_fit_weights_are_between_the_epochs_around_the_first_crossing():
    run = record(scheme="const")
    ends = [(2.0, 1.0), (1.0, 0.8), (0.5, 0.4), (0.9, 0.7), (0.1, 0.2)]
    run.history = [
        {"epoch": i, "train_loss": [3.0, 2.5, loss], "weights": [w] * 3, "test_error": [0.5] * 3}
        for i, (loss, w) in enumerate(ends, 1)
    ]
    data = weight_tables.final_weights_data({"one": [run]}, [2.0, 1.5, 1.0, 0.6, 0.1, 0.05], "fit")
    data = data[data["exit"] == 3]
    # Below 2 it was at the end of the first epoch, which nobody saw begin; to 0.05 it never came.
    np.testing.assert_allclose(data["epoch"], [np.nan, 1.5, 2.0, 2.8, 5.0, np.nan])
    np.testing.assert_allclose(data["weight"], [np.nan, 0.9, 0.8, 0.48, 0.2, np.nan])
    np.testing.assert_allclose(data["loss"], [np.nan, 1.5, 1.0, 0.6, 0.1, np.nan])
    assert list(data["runs"]) == [0, 1, 1, 1, 1, 0]


def test_only_the_runs_that_come_to_a_loss_are_counted_there(runs):
    late = record("easy", seed=2)
    late.history[1]["train_loss"] = [1.0, 0.9, 0.6]
    data = weight_tables.final_weights_data({"easy": [runs[1], late]}, [0.5], "fit", False)
    # From 2 to 0.4 in an epoch, so 0.5 comes at 15/16 of it.
    np.testing.assert_allclose(data["weight"], [1.0, 1.0, 0.9 + 0.1 * 15 / 16])
    assert list(data["runs"]) == [1] * 3


def test_runs_stand_side_by_side_only_in_one_setting():
    few, whole = record(images=50), record("hard", images=900)
    known = [few, record("hard", images=50), whole, record(images=700), record("hard", scheme="c")]
    plain = record("hard", images=50, augment=[])
    other = record(images=50)
    other.config["recipe"]["batch_size"] = 32
    known += [plain, other]
    groups = settings.settings(known)
    numbers = {one.words: [known.index(run) for run in one.runs] for one in groups}
    assert sorted(numbers.values()) == [[0, 1], [2, 3], [4], [5], [6]]
    assert [one.whole for one in groups if numbers[one.words] == [2, 3]] == [True]


def test_data_sets_stand_from_the_least_test_error_to_the_most(runs):
    (setting,) = settings.settings(runs)
    assert list(setting.sets) == ["easy", "hard"]
    assert [len(found) for found in setting.sets.values()] == [2, 1]
    runs[0].history[-1]["test_error"] = [0.1, 0.1, 0.1]
    (setting,) = settings.settings(runs)
    assert list(setting.sets) == ["hard", "easy"]


def chosen(known) -> list[int]:
    """The numbers of the runs in the first of the settings."""
    first = settings.settings(known)[0]
    return [i for i, run in enumerate(known) if any(run is one for one in first.runs)]


def test_settings_begin_where_adaloss_covers_most_data_sets():
    few = [record(name, "net", images=50) for name in ("easy", "hard")]
    whole = [record("easy", images=900), record("hard", images=700, augment=["crop"])]
    third = [record("third", images=300), record("third", "other", images=300)]
    rest = [record(n, "other", "adaloss:extra=1") for n in "abcdef"]
    known = [*rest, *few, *whole, *third]
    images = [known[i].config["train_images"] for i in chosen(known)]
    assert sorted(images) == [300, 700, 900]


def test_as_many_images_of_each_data_set_are_preferred_where_they_cover_more():
    same = [record(name, images=50) for name in ("easy", "hard", "third")]
    whole = [record("easy", images=900), record("hard", images=700)]
    more = record("third", scheme="c", images=800)
    assert chosen([*whole, *same, more]) == [2, 3, 4]


def test_more_training_images_are_preferred_where_as_many_data_sets_are_covered():
    assert chosen([record(images=50), record(images=900)]) == [1]


def slow(dataset="slow", seed=0):
    """Like `record`, on data that are harder to fit."""
    run = record(dataset, seed=seed, error=[0.9, 0.9, 0.9], weights=[0.2, 0.5, 1.0])
    run.history[-1]["train_loss"] = [1.9, 1.8, 1.5]
    return run


def drawn(figure) -> dict:
    """Per small picture its name: note, bars, ranges, position of the mean, shaded from where."""
    found = {}
    for ax in figure.axes:
        name, note = ax.texts[0].get_text().rsplit("\n", 1)
        steps = [patch for patch in ax.patches if hasattr(patch, "get_data")]
        values = np.max([patch.get_data().values for patch in steps], axis=0) if steps else []
        ranges = [one.get_segments() for one in ax.collections]
        mean = [line.get_xdata()[0] for line in ax.lines]
        exits = [text.get_text() for text in ax.texts[1:] if text.get_text().isdigit()]
        found[name] = note, list(values), ranges, mean, exits, (ax.get_xlim(), ax.get_ylim())
    return found


def test_a_small_picture_for_each_data_set_shows_bars_ranges_and_the_mean_position(runs):
    parts = drawn(explore.final_weights(runs).figure(counted="all"))
    assert list(parts) == ["easy", "hard"]
    note, bars, lines, mean, exits, _ = parts["easy"]
    assert bars == [0.5, 1.0, 1.0] and note == "mean position 0.62"
    # The mean position of 1/3, 1/3, 1/3 is 1/2, that of 0, 1/2, 1/2 is 3/4: of exits 1 to 3, 2.25.
    assert mean == [pytest.approx(2.25)] and {"1", "2", "3"} <= set(exits)
    ends = [[point[1] for point in segment] for segment in lines[1]]
    assert ends == [[0.0, 1.0], [1.0, 1.0], [1.0, 1.0]]
    assert parts["hard"][1] == [0.0, 0.0, 1.0]


def test_all_small_pictures_have_the_same_axes_at_any_moment(runs):
    explorer = explore.final_weights(runs)
    axes = {
        part[-1]
        for epoch in (1, 2)
        for part in drawn(explorer.figure(epoch=epoch, counted="all")).values()
    }
    assert axes == {((0.5, 3.5), (0.0, 1.0))}


def test_weights_are_counted_above_the_floor_at_the_start(runs):
    explorer = explore.final_weights(runs)
    assert explorer.controls["counted"].value == "above"
    np.testing.assert_allclose(drawn(explorer.figure())["easy"][1], [0.465, 0.93, 0.93])
    assert "counted above the floor of 0.07" in said(explorer)
    explorer.controls["counted"].value = "share"
    assert "floor" not in said(explorer)
    np.testing.assert_allclose(drawn(explorer.figure())["easy"][1], [1 / 6, 5 / 12, 5 / 12])
    explorer.controls["counted"].value = "loss"
    np.testing.assert_allclose(drawn(explorer.figure())["easy"][1], [1.0, 0.8, 0.4])


def test_at_equal_fit_each_small_picture_names_its_epoch(runs):
    explorer = explore.final_weights([*runs, slow()])
    explorer.controls["by"].value = "fit"
    explorer.controls["fit"].value = -1.0
    # From 2 to 0.4 in an epoch, so 1 comes after 0.625 of it.
    assert drawn(explorer.figure())["easy"][0].startswith("epoch 1.6, mean position")
    grey = drawn(explorer.figure())["slow"]
    assert grey[0] == "not seen there" and grey[1] == []
    assert "Grey: slow never came to this loss." in said(explorer)


def test_a_loss_that_was_there_after_the_first_epoch_is_said(runs):
    quick = record("quick")
    quick.history[0]["train_loss"] = [0.7, 0.7, 0.7]
    explorer = explore.final_weights([*runs, quick])
    words = said_at_fit(explorer, 1.0)
    assert "Grey: quick was below this loss within its first epoch." in words


def said_at_fit(explorer, loss) -> str:
    explorer.controls["by"].value = "fit"
    explorer.controls["fit"].value = -loss
    return said(explorer)


def test_the_film_draws_each_epoch_and_ends_at_the_last(runs, monkeypatch):
    monkeypatch.setattr(frame, "PAUSE", 0)
    for run in runs:
        run.history = [{**run.history[i > 0], "epoch": i + 1} for i in range(4)]
        run.history[1]["weights"], run.history[2]["weights"] = [0.9, 0.9, 1], [0.8, 0.8, 1]
    explorer = explore.final_weights(runs)
    seen = []
    explorer.picture.observe(lambda change: seen.append(said(explorer)[:10]), "value")
    assert explorer.controls["epoch"].value == 4
    asyncio.run(explorer.film())
    assert explorer.controls["epoch"].value == 4 and len(seen) == 4
    assert explorer.play.description == "Play"
    explorer.controls["epoch"].value = 3
    asyncio.run(explorer.film())
    assert len(seen) == 6


def test_a_film_is_stopped_by_its_button(runs, monkeypatch):
    monkeypatch.setattr(frame, "PAUSE", 0)
    explorer = explore.final_weights(runs)
    explorer.controls["epoch"].value = 1

    async def start_and_stop():
        explorer.play.click()
        await asyncio.sleep(0)
        assert explorer.play.description == "Stop"
        explorer.play.click()
        await asyncio.gather(explorer._film, return_exceptions=True)

    asyncio.run(start_and_stop())
    assert explorer.play.description == "Play" and explorer.controls["epoch"].value == 1


def test_presets_choose_setting_and_data_sets():
    clutter = [record(name) for name in ("glyphs-10-0", "glyphs-10-0.5", "glyphs-10-1")]
    explorer = explore.final_weights([*clutter, record("other"), record("glyphs-10-0", images=50)])
    assert explorer.controls["preset"].value == "clutter 0, 0.5, 1"
    assert set(explorer.data["data_set"]) == {run.config["dataset"] for run in clutter}
    explorer.controls["sets"].value = ("other",)
    assert explorer.controls["preset"].value == "a choice of my own"
    explorer.controls["preset"].value = "clutter 0, 0.5, 1"
    assert set(explorer.data["data_set"]) == {run.config["dataset"] for run in clutter}


def test_seeds_are_offered_that_each_chosen_data_set_has(runs):
    explorer = explore.final_weights(runs)
    assert offered(explorer, "seed") == ["all", 0]
    explorer.controls["sets"].value = ("easy",)
    assert offered(explorer, "seed") == ["all", 0, 1]
    explorer.controls["counted"].value = "all"
    explorer.controls["seed"].value = 1
    assert list(explorer.data["weight"]) == [0.0, 1.0, 1.0]


def test_without_a_data_set_the_place_of_the_picture_stays(runs):
    explorer = explore.final_weights(runs)
    size = Image.open(io.BytesIO(picture(explorer))).size
    explorer.controls["sets"].value = ()
    assert "Choose one data set or more." in said(explorer) and explorer.data.empty
    assert Image.open(io.BytesIO(picture(explorer))).size == size
    assert "Choose one data set or more." in alt(explorer)


def test_weightings_whose_weights_never_move_are_named(runs):
    assert "CONST" not in offered(explore.final_weights(runs), "weighting")
    assert "do not change in training: CONST." in said(explore.final_weights(runs[3:]))


def test_names_of_data_sets_are_no_formulas():
    explorer = explore.final_weights([record("a$b_{c$"), record("数据 $x$")])
    assert "not drawn" not in said(explorer)
    assert set(drawn(explorer.figure())) == {"a$b_{c$", "数据 $x$"}


# Scheme designer


def test_equal_weights_leave_the_gradient_to_the_larger_losses():
    data = designer.scheme_data([1, 1, 1], ratio=4)
    np.testing.assert_allclose(data["share"], [1 / 3] * 3)
    np.testing.assert_allclose(data["gradient_share"], [4 / 7, 2 / 7, 1 / 7])


def test_weights_inverse_to_the_losses_balance_the_gradient():
    data = designer.scheme_data([1, 2, 4], ratio=4)
    np.testing.assert_allclose(data["gradient_share"], [1 / 3] * 3)


def test_the_nearest_run_is_found_whatever_the_total_of_the_weights(runs):
    assert designer.nearest_run([30, 30, 30], runs) == (1, 0.0)
    number, apart = designer.nearest_run([0, 1, 3], runs)
    assert (number, round(apart, 6)) == (0, 0.25)


def test_the_designer_starts_with_as_many_exits_as_most_runs_have(runs):
    assert len(explore.scheme_designer(runs).data) == 3
    assert len(explore.scheme_designer([]).data) == 9


def test_a_scheme_for_which_there_is_no_run_is_still_shown(runs):
    explorer = explore.scheme_designer(runs)
    explorer.controls["weights"].value = "1, 3"
    assert list(explorer.data["share"]) == [0.25, 0.75]
    assert "No recorded run has 2 exits" in said(explorer) and explorer.picture.value


@pytest.mark.parametrize("text", ["", "1", "1, two", "1, -1", "0 0 0", "1, nan"])
def test_weights_that_are_none_are_refused_in_words(runs, text):
    explorer = explore.scheme_designer(runs)
    explorer.controls["weights"].value = text
    assert "Type two weights or more" in said(explorer)


def test_scheme_exits_sliders_and_text_agree(runs):
    explorer = explore.scheme_designer(runs)
    controls = explorer.controls

    def levels():
        keys = [key for key in controls if key.startswith("weight ")]
        return [controls[key].value for key in keys if controls[key].layout.display is None]

    controls["exits"].value = 3
    controls["scheme"].value = "LINEAR"
    assert list(explorer.data["weight"]) == [0.25, 0.625, 1.0]
    assert levels() == [0.25, 0.62, 1.0]
    controls["weight 1"].value = 0.5
    assert list(explorer.data["weight"]) == [0.5, 0.625, 1.0]
    assert controls["scheme"].value == "my own" and controls["exits"].layout.display == "none"
    controls["weights"].value = "1 2"
    assert levels() == [1.0, 2.0] and list(explorer.data["weight"]) == [1.0, 2.0]
    controls["scheme"].value = "CONST"
    assert list(explorer.data["weight"]) == [1.0] * 3 and controls["weights"].value == "1, 1, 1"
    controls["scheme"].value = "my own"
    assert list(explorer.data["weight"]) == [1.0] * 3


# Anytime curves


def test_the_best_at_a_budget_is_that_of_the_best_latest_answer(runs):
    data = curves.curves_data([runs[2], runs[3]])
    assert curves.best_at(data, 999_999, "error") is None
    assert curves.best_at(data, 1_000_000, "error")["weighting"] == "const"
    late = curves.best_at(data, 5_000_000, "error")
    assert (late["weighting"], late["exit"], late["error"]) == ("adaloss", 3, 0.1)


def test_curves_are_means_and_ranges_over_seeds(runs):
    data = curves.curves_data(runs[1:3])
    np.testing.assert_allclose(data["error"], [0.4, 0.3, 0.15])
    np.testing.assert_allclose(data["error_low"], [0.4, 0.3, 0.1])
    np.testing.assert_allclose(data["error_high"], [0.4, 0.3, 0.2])
    assert list(data["cost"]) == runs[1].cost


def test_the_increase_is_known_at_the_exits_for_which_opt_was_trained(runs):
    opt = record("easy", scheme="opt", error=[1.0, 1.0, 0.16], weights=[0, 0, 1])
    data = curves.curves_data(runs[1:2], [opt])
    assert data["increase"].isna().tolist() == [True, True, False]
    assert data["increase"][2] == pytest.approx(0.25)


def test_curves_follow_weightings_seed_and_budget(runs):
    explorer = explore.anytime_curves(runs)
    controls, before = explorer.controls, picture(explorer)
    assert controls["data_set"].value == "easy" and offered(explorer, "measure") == ["error"]
    controls["budget"].value = min(offered(explorer, "budget"), key=lambda b: abs(b - 1.5e6))
    assert "exit 1 of CONST, with 30.0% test error" in said(explorer)
    controls["budget"].value = 4e6
    assert "exit 3 of AdaLoss, with 15.0% test error" in said(explorer)
    controls["seed"].value = 0
    assert "exit 3 of AdaLoss, with 20.0% test error" in said(explorer)
    assert picture(explorer) != before
    controls["weightings"].value = ("CONST",)
    assert "exit 3 of CONST, with 26.0% test error" in said(explorer)
    controls["weightings"].value = ()
    assert "Choose one weighting" in said(explorer)


def test_the_axes_of_curves_stay_whichever_are_drawn(runs):
    explorer = explore.anytime_curves(runs)
    views = ({}, {"budget": 1e6}, {"weightings": ("CONST",)})
    axes = [explorer.figure(**view).axes[0] for view in views]
    assert len({(ax.get_xlim(), ax.get_ylim()) for ax in axes}) == 1


def test_networks_of_opt_are_one_row_of_points_and_no_anytime_predictor(runs):
    cut = record("easy", "net-to2", "opt")
    cut.cost, cut.history = cut.cost[:2], [{"test_error": [0.9, 0.2], "weights": [0, 1]}]
    opt = record("easy", scheme="opt", error=[0.9, 0.9, 0.1], weights=[0, 0, 1])
    data = curves.curves_data([opt, runs[1], cut])
    points = data[data["weighting"] == "opt"]
    assert points["network"].nunique() == 1 and list(points["exit"]) == [2, 3]
    assert list(points["error"]) == [0.2, 0.1]
    assert curves.best_at(data, 4e6, "error")["weighting"] == "adaloss"


def test_all_networks_can_stand_side_by_side(runs):
    explorer = explore.anytime_curves([*runs, record("easy", "other", "const", error=[0.5] * 3)])
    assert explorer.controls["network"].value == "net (3 exits)"
    explorer.controls["network"].value = "all"
    explorer.controls["budget"].value = 4e6
    assert "exit 3 of AdaLoss, net (3 exits), with 15.0%" in said(explorer)
    labels = [text.get_text() for text in explorer.figure().axes[0].get_legend().get_texts()]
    assert len(set(labels)) == 4


# AdaLoss anatomy


def adaloss_by_hand(losses, gamma, rho, every, extra):
    """The update as in the paper, step by step: the weights after the last step."""
    mean, weights = list(losses[0]), [1.0] * len(losses[0])
    for step, now in enumerate(losses, 1):
        mean = [rho * m + (1 - rho) * loss for m, loss in zip(mean, now, strict=True)]
        if step % every == 0:
            u = [min(mean) / m for m in mean]
            u[-1] += extra
            weights = [(1 - gamma) * one / max(u) + gamma for one in u]
    return weights


@pytest.mark.parametrize("options", [(0, 0.5, 1, 0), (0.07, 0.9, 10, 0), (0.2, 0.99, 7, 1.5)])
def test_a_replay_is_adaloss_on_every_step(options):
    losses = np.array([[2.0, 1.5, 1.0], [1.8, 1.0, 0.5], [1.7, 0.8, 0.1]])
    names = ("gamma", "momentum", "every", "extra")
    weights = anatomy.replay(losses, 10, **dict(zip(names, options, strict=True)))
    for epoch in (1, 2, 3):
        by_hand = adaloss_by_hand(np.repeat(losses[:epoch], 10, axis=0), *options)
        np.testing.assert_allclose(weights[epoch - 1], by_hand)


def test_a_long_training_is_replayed_in_strides_with_the_same_weights():
    losses = np.linspace([2.0, 1.9], [1.5, 0.1], 20)
    weights = anatomy.replay(losses, 750, gamma=0.07, momentum=0.999, every=100, extra=0)
    by_hand = adaloss_by_hand(np.repeat(losses, 750, axis=0), 0.07, 0.999, 100, 0)
    np.testing.assert_allclose(weights[-1], by_hand, rtol=0.02)


def test_every_slider_of_adaloss_moves_the_weights(runs):
    explorer = explore.adaloss_anatomy(runs[0])
    for name, value in [("every", 1), ("momentum", 0.5), ("gamma", 0.5), ("extra", 1.0)]:
        before, shown = explorer.data["weight"].copy(), picture(explorer)
        explorer.controls[name].value = value
        assert not explorer.data["weight"].equals(before), name
        assert picture(explorer) != shown, name


def test_the_run_to_replay_is_chosen_by_what_it_is_of(runs):
    explorer = explore.adaloss_anatomy(runs=runs)
    explorer.controls["data_set"].value = "easy"
    explorer.controls["seed"].value = 1
    assert list(explorer.data["recorded"][3:]) == [0.0, 1.0, 1.0]
    explorer.controls["weighting"].value = "CONST"
    assert offered(explorer, "seed") == [0] and "CONST, seed 0" in said(explorer)


def test_a_run_of_unknown_size_counts_an_epoch_as_a_step():
    assert anatomy.steps_per_epoch(record(images=640)) == 10
    assert anatomy.steps_per_epoch(record(images=None)) == 1


# EANN


@pytest.mark.parametrize(
    ("budget", "running", "answering", "factor"),
    # Base 2: networks of cost 1, 2, 4 end at 1, 3, 7. Each answers from its middle on.
    [(1, 1, 1, 1), (1.5, 2, 1, 1.5), (2.5, 2, 2, 2.5 / 1.5), (3, 2, 2, 1.5), (4, 3, 2, 2)]
    + [(6, 3, 3, 2), (7, 3, 3, 1.75)],
)
def test_the_chain_answers_with_the_network_before_until_the_next_is_half_done(
    budget, running, answering, factor
):
    row = chain.chain_data([budget], 2.0).iloc[0]
    assert (row["running"], row["answering"]) == (running, answering)
    assert row["factor"] == pytest.approx(factor)


def test_the_chain_follows_base_and_budget():
    explorer = explore.eann()
    explorer.controls["budget"].value = 3.98
    assert "network 3 of the chain runs and network 2 answers. C = 1.99" in said(explorer)
    assert "C stays below 3.00" in said(explorer)
    before = picture(explorer)
    explorer.controls["base"].value = 3.0
    assert "C stays below 2.50" in said(explorer) and picture(explorer) != before


# Totals and shares


def test_totals_and_shares_are_means_over_the_training_and_errors_over_the_runs(runs):
    data = totals.totals_data([runs[3], runs[2], record("easy", seed=0, weights=[0.5, 0.5, 1])])
    const, adaloss = data[data["scheme"] == "CONST"], data[data["scheme"] == "AdaLoss"]
    assert set(const["total"]) == {3.0} and set(const["runs"]) == {1}
    np.testing.assert_allclose(const["share"], 1 / 3)
    # Totals 2.9 and 2 of each; shares 0.9/2.9 and 1/2.
    np.testing.assert_allclose(adaloss["total"], 2.45)
    np.testing.assert_allclose(adaloss["share"], (0.9 / 2.9 + 0.5) / 2)
    np.testing.assert_allclose(adaloss["error"], [0.4, 0.3, 0.15])
    np.testing.assert_allclose(adaloss["low"], [0.4, 0.3, 0.1])
    assert list(adaloss["exit"]) == [1, 2, 3] and set(adaloss["runs"]) == {2}


def test_of_opt_only_the_exit_counts_for_which_it_was_trained():
    opt = record(scheme="opt:total=3", weights=[0, 0, 3])
    data = totals.totals_data([opt])
    assert list(data["exit"]) == [3] and list(data["scheme"]) == ["OPT"]


def several_totals():
    runs = []
    for total, error in ((None, 0.3), (2, 0.2), (6, 0.25)):
        scheme = f"const:total={total}" if total else "const"
        weights = [(total or 3) / 3] * 3
        runs.append(record(scheme=scheme, weights=weights, error=[0.5, 0.4, error]))
    return runs


def test_what_the_total_alone_does_is_said_and_joined_by_a_line(runs):
    explorer = explore.totals_and_shares([*several_totals(), record()])
    assert "The total alone, with CONST: 20.0% at 2, 30.0% at 3, 25.0% at 6." in said(explorer)
    assert "errs least with AdaLoss, 20.0%" in said(explorer) or "CONST, 20.0%" in said(explorer)
    left, right = explorer.figure().axes
    line = next(line for line in left.lines if line.get_label() == "CONST")
    np.testing.assert_allclose(line.get_xdata(), [2, 3, 6])
    np.testing.assert_allclose(line.get_ydata(), [0.2, 0.3, 0.25])
    line = next(line for line in right.lines if line.get_label() == "CONST")
    np.testing.assert_allclose(line.get_xdata(), 1 / 3)
    explorer.controls["exit"].value = 1
    assert "50.0% at 2, 50.0% at 3" in said(explorer)


def test_what_is_missing_is_said_where_no_weighting_has_several_totals(runs):
    explorer = explore.totals_and_shares(runs)
    assert "cannot be told apart" in said(explorer) and "const:total=2" in said(explorer)
    assert offered(explorer, "data_set") == ["easy"]  # on the other there is but one weighting


# What all explorers share


@pytest.fixture
def shown(runs, tmp_path):
    """Runs for which every explorer has something to show: one kept its network."""
    run = record("fashion", "resann-1-4-stride2")
    network = networks.build(run.config["network"], num_classes=10, in_channels=1, seed=0)
    run.trained = networks.save(network, tmp_path / "net.pt")
    run.save(tmp_path / "run.json")
    return [*runs, run]


def each(runs):
    makers = [explore.final_weights, explore.anytime_curves, explore.scheme_designer]
    makers += [explore.totals_and_shares, explore.watch_one_image]
    return [*(make(runs) for make in makers), explore.adaloss_anatomy(runs=runs), explore.eann()]


def test_without_any_run_explorers_say_how_to_make_some():
    says = [said(part) for part in each([])]
    assert sum("python -m anytime run" in text for text in says) == 4
    assert sum("python -m anytime train" in text for text in says) == 1
    assert all("not drawn" not in text for text in says)


def test_the_data_and_the_picture_shown_can_be_downloaded(shown):
    for explorer in each(shown):
        files = dict(
            re.findall(r'download="([^"]+)" href="data:[^,]+,([^"]+)"', explorer.text.value)
        )
        csv, png = (base64.b64decode(files[f"{explorer.name}.{end}"]) for end in ("csv", "png"))
        assert pd.read_csv(io.BytesIO(csv)).shape == explorer.data.shape
        assert png == picture(explorer)
        assert Image.open(io.BytesIO(png)).width >= 700


def test_every_choice_that_is_offered_has_something_to_show(shown, monkeypatch):
    monkeypatch.setattr(frame.Picture, "_repr_png_", lambda figure: b"")  # drawn elsewhere
    monkeypatch.setattr(watch, "draw_watch", lambda *args, **kwargs: None)
    for explorer in each(shown):
        for key in list(explorer.controls):
            widget = explorer.controls[key]
            for value in offered(explorer, key)[:6] if hasattr(widget, "options") else ():
                several = isinstance(widget.value, tuple)
                widget.value = (value,) if several else value
                assert len(explorer.data) > 0, (explorer.title, key, value, said(explorer))


def test_the_alternative_text_follows_the_view(shown):
    for explorer in each(shown):
        assert alt(explorer).startswith(explorer.title)
        assert alt(explorer).removeprefix(f"{explorer.title}. ") in said(explorer)
    explorer = explore.eann()
    explorer.controls["base"].value = 3.0
    assert "C stays below 2.50" in alt(explorer)


def test_a_value_that_is_not_offered_is_refused(runs):
    explorer = explore.anytime_curves(runs)
    for wrong in ({"seed": 7}, {"nonsense": 1}, {"weightings": ("OPT",)}):
        with pytest.raises(ValueError, match="is not offered here"):
            explorer.figure(**wrong)


def test_a_figure_without_a_kernel_is_the_picture_itself(runs):
    explorer, png = explore.final_weights(runs), io.BytesIO()
    explorer.figure().savefig(png, dpi=100)
    shown = Image.open(io.BytesIO(picture(explorer)))
    assert np.array_equal(np.asarray(Image.open(png)), np.asarray(shown))


def test_a_notebook_shows_a_figure_without_pyplot(runs):
    shown = explore.anytime_curves(runs).figure(budget=4e6)._repr_png_()
    assert Image.open(io.BytesIO(shown)).size == (950, 420)


def test_letters_are_no_smaller_than_a_notebooks_text(shown):
    for explorer in each(shown):
        figure = explorer.figure()
        figure.draw_without_rendering()
        for ax in figure.axes:
            texts = [*ax.texts, ax.title, ax.xaxis.label, ax.yaxis.label]
            legend = ax.get_legend()
            texts += [*ax.get_xticklabels(), *(legend.get_texts() if legend else ())]
            sizes = [text.get_fontsize() for text in texts if text.get_text()]
            # Of a notebook's 14 pixels at 100 dots an inch.
            assert min(sizes, default=99) >= 10, explorer.title


def test_an_error_in_a_callback_is_shown_as_a_sentence(runs, monkeypatch):
    explorer = explore.final_weights(runs)
    size = Image.open(io.BytesIO(picture(explorer))).size
    with monkeypatch.context() as patch:
        patch.setattr(difficulty, "_draw_bars", lambda *args: 1 / 0)
        explorer.controls["epoch"].value = 1
    assert "ZeroDivisionError, not drawn: " in said(explorer)
    assert Image.open(io.BytesIO(picture(explorer))).size == size
    explorer.controls["epoch"].value = 2
    assert "not drawn" not in said(explorer)


def test_words_are_escaped(runs):
    explorer = explore.adaloss_anatomy(record("<b>bold</b>"))
    assert "&lt;b&gt;bold" in explorer.text.value and "&lt;b&gt;bold" in explorer.picture.value
    assert "<b>bold" not in explorer.text.value + explorer.picture.value


def test_every_control_is_named(runs):
    controls = [control for part in each(runs) for control in part.controls.values()]
    assert controls and all(control.description for control in controls)


def test_an_explorer_links_to_the_notebook_that_explains_it(tmp_path, monkeypatch):
    (tmp_path / "notebooks" / "solutions").mkdir(parents=True)
    (tmp_path / "notebooks" / "07_chains.ipynb").touch()
    monkeypatch.setattr(frame, "REPOSITORY", tmp_path)
    monkeypatch.chdir(tmp_path / "notebooks" / "solutions")
    assert 'href="../07_chains.ipynb"' in explore.eann().text.value
    (tmp_path / "notebooks" / "07_chains.ipynb").unlink()
    assert "Notebook 07 explains this." in explore.eann().text.value


def test_runs_on_other_data_of_one_name_are_told_apart():
    def run(fingerprint: str, images: int = 100) -> Run:
        made = {"dataset": "pets", "network": "net", "weighting": "const", "seed": 0}
        made |= {"train_images": images, "recipe": {"epochs": 1}, "fingerprint": fingerprint}
        return Run(made, [1])

    one, other = "0123456789", "9876543210"
    assert recorded.data_sets([run(one), run(other)]) == [
        "pets, data 01234567",
        "pets, data 98765432",
    ]
    assert recorded.data_sets([run(one), run(one)]) == ["pets", "pets"]
    # A part of the images is another fingerprint by itself.
    assert recorded.data_sets([run(one), run(other, 50)]) == ["pets, 100 images", "pets, 50 images"]
