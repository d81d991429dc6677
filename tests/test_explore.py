"""The explorers on small records made here, with answers worked out by hand."""

import base64
import importlib
import io
import re

import numpy as np
import pandas as pd
import pytest
from ipywidgets import Dropdown, Play
from PIL import Image

from anytime import explore, networks, weighting
from anytime.explore import anatomy, chain, curves, designer, frame, predicted, recorded
from anytime.names import weighting_title
from anytime.networks import cost
from anytime.runs import Run

# the package has a function of this name
difficulty = importlib.import_module("anytime.explore.final_weights")


def record(dataset="easy", network="net", scheme="adaloss", seed=0, **changes) -> Run:
    """Three exits, two epochs; the weights end as `weights`, the test errors as `error`."""
    given = {"weights": [0.5, 0.5, 1.0], "error": [0.4, 0.3, 0.2], "images": 640} | changes
    recipe = {"epochs": 2, "batch_size": 64, "augmentation": given.get("augment", ["flip"])}
    config = {"dataset": dataset, "train_images": given["images"], "network": network}
    config |= {"weighting": scheme, "recipe": recipe, "seed": seed}
    start = {"weights": [1.0, 1.0, 1.0], "train_loss": [2.0, 2.0, 2.0]}
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
    return re.sub("<[^>]*>", "", explorer.text.value)


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
    assert recorded.labels(runs[1:3], ()) == ["seed 0", "seed 1"]
    assert recorded.labels(runs[1:2], ()) == ["AdaLoss"]
    assert recorded.data_sets(runs) == ["hard", "easy", "easy", "easy"]
    more = [*runs[:2], record("easy", images=1280)]
    assert recorded.data_sets(more) == ["hard", "easy, 640 images", "easy, 1,280 images"]


def test_a_brief_name_says_no_more_than_it_takes():
    runs = [record(), record(images=1280, augment=["crop"]), record("hard", augment=["crop"])]
    assert recorded.data_sets(runs)[1] == "easy, 1,280 images, augmentation crop"
    assert recorded.data_sets(runs, brief=True) == [
        "easy, 640 images",
        "easy, 1,280 images",
        "hard",
    ]
    assert recorded.labels(runs[:1], (), brief=True) == ["AdaLoss"]
    assert recorded.labels(runs[:2], (), brief=True) == ["640 images", "1,280 images"]


def test_the_same_run_in_two_folders_is_told_apart_by_the_folder(runs, tmp_path):
    twice = [Run.load(runs[0].save(tmp_path / name / "run.json")) for name in ("mine", "theirs")]
    assert recorded.labels(twice, ()) == ["in mine", "in theirs"]


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


def test_final_weights_are_means_and_ranges_over_seeds_from_the_easiest_data_set_on(runs):
    sets = {"hard": runs[:1], "easy": runs[1:3]}
    data = difficulty.final_weights_data(sets, above_floor=False)
    assert list(data["data_set"]) == ["easy"] * 3 + ["hard"] * 3
    assert list(data["weight"]) == [0.5, 1.0, 1.0, 0.0, 0.0, 1.0]
    assert list(data["weight_low"]) == [0.0, 1.0, 1.0, 0.0, 0.0, 1.0]
    assert list(data["weight_high"]) == [1.0, 1.0, 1.0, 0.0, 0.0, 1.0]
    # Each run's own shares are 1/3, 1/3, 1/3 and 0, 1/2, 1/2.
    np.testing.assert_allclose(data["share"], [1 / 6, 5 / 12, 5 / 12, 0.0, 0.0, 1.0])
    np.testing.assert_allclose(data["last_error"], [0.15] * 3 + [0.6] * 3)
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
    data = difficulty.final_weights_data({"one": [run]})
    np.testing.assert_allclose(data["weight"], above)
    np.testing.assert_allclose(data["share"], np.divide(above, sum(above)))


@pytest.mark.parametrize(("epoch", "weight"), [(1, 1.0), (2, 0.0), (9, 0.0), (np.inf, 0.0)])
def test_final_weights_can_be_seen_at_any_epoch(runs, epoch, weight):
    data = difficulty.final_weights_data({"hard": runs[:1]}, [epoch], above_floor=False)
    assert data["weight"][0] == weight


def test_at_equal_fit_weights_are_between_the_epochs_around_the_first_crossing():
    run = record(scheme="const")
    ends = [(2.0, 1.0), (1.0, 0.8), (0.5, 0.4), (0.9, 0.7), (0.1, 0.2)]
    run.history = [
        {"epoch": i, "train_loss": [3.0, 2.5, loss], "weights": [w] * 3, "test_error": [0.5] * 3}
        for i, (loss, w) in enumerate(ends, 1)
    ]
    data = difficulty.final_weights_data({"one": [run]}, [2.0, 1.5, 1.0, 0.6, 0.1, 0.05], "fit")
    data = data[data["exit"] == 3]
    # Below 2 it was at the end of the first epoch, which nobody saw begin; to 0.05 it never came.
    np.testing.assert_allclose(data["epoch"], [np.nan, 1.5, 2.0, 2.8, 5.0, np.nan])
    np.testing.assert_allclose(data["weight"], [np.nan, 0.9, 0.8, 0.48, 0.2, np.nan])
    np.testing.assert_allclose(data["loss"], [np.nan, 1.5, 1.0, 0.6, 0.1, np.nan])
    assert list(data["runs"]) == [0, 1, 1, 1, 1, 0]


def test_only_the_runs_that_come_to_a_loss_are_counted_there(runs):
    late = record("easy", seed=2)
    late.history[1]["train_loss"] = [1.0, 0.9, 0.6]
    data = difficulty.final_weights_data({"easy": [runs[1], late]}, [0.5], "fit", False)
    np.testing.assert_allclose(data["weight"], 1.0)
    assert list(data["runs"]) == [1] * 3


def test_runs_stand_side_by_side_only_in_one_setting():
    few, whole = record(images=50), record("hard", images=900)
    known = [few, record("hard", images=50), whole, record(images=700), record("hard", scheme="c")]
    plain = record("hard", images=50, augment=[])
    other = record(images=50)
    other.config["recipe"]["batch_size"] = 32
    groups = recorded.settings([*known, plain, other])
    assert sorted(groups.values()) == [[0, 1], [2, 3], [4], [5], [6]]
    assert [key[-1] for key, runs in groups.items() if runs == [2, 3]] == ["all"]


def test_the_film_of_final_weights_starts_at_the_epoch_that_is_shown(runs):
    longer = record("other", network="longer")
    longer.history.append({**longer.history[1], "epoch": 3})
    explorer = explore.final_weights([*runs, longer])
    (play,) = [child for child in explorer.children[1].children if isinstance(child, Play)]
    assert (play.value, play.max) == (explorer.controls["epoch"].value, 3) == (2, 3)


def test_many_data_sets_are_shown_as_a_map(runs):
    few = [record(f"set {i}") for i in range(4)]
    assert not explore.final_weights(few).controls["as_map"].value
    assert explore.final_weights([*few, record("set 4")]).controls["as_map"].value


def test_each_control_of_final_weights_changes_what_is_shown(runs):
    explorer = explore.final_weights(runs)
    first, picture = explorer.data, explorer.picture.value
    for name, value in [("sets", ("easy",)), ("seed", 1), ("as_map", True), ("epoch", 1)]:
        explorer.controls[name].value = value
        assert explorer.picture.value != picture, name
        picture = explorer.picture.value
    assert set(first["data_set"]) == {"easy", "hard"}
    assert list(explorer.data["weight"]) == [1.0, 1.0, 1.0]
    explorer.controls["epoch"].value = 2
    assert list(explorer.data["weight"]) == [0.0, 1.0, 1.0]
    explorer.controls["weighting"].value = "const"
    assert "No run is of this choice" in said(explorer)
    explorer.controls["seed"].value = "mean of all"
    assert list(explorer.data["weight"]) == [1.0, 1.0, 1.0]


@pytest.mark.parametrize("as_map", [False, True])
def test_a_static_scheme_is_drawn_beside_the_weights(runs, as_map):
    figure = explore.final_weights(runs).figure(static="LINEAR", as_map=as_map)
    left = figure.axes[0]
    drawn = left.images[0].get_array()[-1] if as_map else left.lines[0].get_ydata()
    np.testing.assert_allclose(drawn, [0.25, 0.625, 1.0])


def test_a_map_of_one_data_set_fills_its_axes(runs):
    left = explore.final_weights(runs[:1]).figure(as_map=True).axes[0]
    assert left.get_xlim() == (0.5, 3.5) and left.get_ylim() == (0.5, -0.5)


def test_exits_are_counted_in_whole_numbers(runs):
    for ax in explore.final_weights(runs).figure().axes:
        assert all(tick == round(tick) for tick in ax.get_xticks())


def test_a_choice_without_a_run_says_which_there_are(runs):
    explorer = explore.final_weights(runs)
    explorer.controls["sets"].value = ("hard",)
    explorer.controls["weighting"].value = "const"
    assert "hard, net, AdaLoss, seed 0" in said(explorer)
    assert "easy, net, CONST, seed 0" in said(explorer) and "easy, net, AdaLoss" not in said(
        explorer
    )
    assert explorer.data.empty and explorer.picture.layout.display == "none"


def test_final_weights_start_where_adaloss_covers_most_data_sets():
    few = [record(name, "net", images=50) for name in ("easy", "hard")]
    whole = [record("easy", images=900), record("hard", images=700, augment=["crop"])]
    third = [record("third", images=300), record("third", "other", images=300)]
    rest = [record(n, "other", "adaloss:extra=1") for n in "abcdef"] + [
        record("easy", scheme="opt")
    ]
    known = [*rest[:6], *few, *whole, *third]
    images = [known[i].config["train_images"] for i in recorded.usual_runs(known)]
    assert sorted(images) == [300, 700, 900]
    controls = explore.final_weights([*rest, *few, *whole, *third]).controls
    assert controls["network"].value == "net" and controls["weighting"].value == "adaloss"
    assert controls["sets"].value == (
        "easy, 900 images",
        "hard, 700 images, augmentation crop",
        "third",
    )
    assert "OPT" not in [words for words, _ in controls["weighting"].options]


def test_as_many_images_of_each_data_set_are_preferred_where_they_cover_more():
    same = [record(name, images=50) for name in ("easy", "hard", "third")]
    whole = [record("easy", images=900), record("hard", images=700)]
    more = record("third", scheme="const", images=800)
    assert recorded.usual_runs([*whole, *same, more]) == [2, 3, 4]


def test_more_training_images_are_preferred_where_as_many_data_sets_are_covered():
    few, whole = record(images=50), record(images=900)
    assert recorded.usual_runs([few, whole]) == [1]


def test_a_chosen_data_set_without_such_a_run_is_named(runs):
    explorer = explore.final_weights(runs)
    explorer.controls["weighting"].value = "const"
    assert "No such run is of hard." in said(explorer)


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
    scheme, exits, sliders = explorer.children[1].children[2:]
    exits.value = 3
    scheme.value = "LINEAR"
    assert list(explorer.data["weight"]) == [0.25, 0.625, 1.0]
    assert [slider.value for slider in sliders.children] == [0.25, 0.62, 1.0]
    sliders.children[0].value = 0.5
    assert list(explorer.data["weight"]) == [0.5, 0.625, 1.0] and scheme.value == "my own"
    explorer.controls["weights"].value = "1 2"
    assert [slider.value for slider in sliders.children] == [1.0, 2.0] and exits.value == 2


# Anytime curves


def test_the_best_run_at_a_budget_is_that_of_the_best_latest_answer(runs):
    data = curves.curves_data(runs[1:])
    assert curves.best_at(data, 999_999, "error") is None
    assert curves.best_at(data, 1_000_000, "error")["run"] == "CONST, seed 0"
    late = curves.best_at(data, 5_000_000, "error")
    assert (late["run"], late["exit"], late["error"]) == ("AdaLoss, seed 1", 3, 0.1)


def test_the_increase_is_known_at_the_exits_for_which_opt_was_trained(runs):
    opt = record("easy", scheme="opt", error=[1.0, 1.0, 0.16], weights=[0, 0, 1])
    data = curves.curves_data(runs[1:2], [opt, runs[0]][:1])
    assert data["increase"].isna().tolist() == [True, True, False]
    assert data["increase"][2] == pytest.approx(0.25)


def test_curves_follow_runs_measure_and_budget(runs):
    explorer = explore.anytime_curves(runs)
    controls = explorer.controls
    controls["chosen"].value = (1, 3)
    picture = explorer.picture.value
    controls["budget"].value = 1.5e6
    assert "exit 1 of CONST, with 30.0% test error" in said(explorer)
    controls["budget"].value = 4e6
    assert "exit 3 of AdaLoss, with 20.0% test error" in said(explorer)
    assert explorer.picture.value != picture
    controls["measure"].value = "increase"
    assert "no run of OPT" in said(explorer)
    controls["chosen"].value = ()
    assert "Choose one run" in said(explorer)


def test_networks_of_opt_are_one_row_of_points_and_no_anytime_predictor(runs):
    cut = record("easy", "net-to2", "opt")
    cut.cost, cut.history = cut.cost[:2], [{"test_error": [0.9, 0.2], "weights": [0, 1]}]
    opt = record("easy", scheme="opt", error=[0.9, 0.9, 0.1], weights=[0, 0, 1])
    data = curves.curves_data([opt, runs[1], cut])
    points = data[data["weighting"] == "opt"]
    assert list(points["run"]) == ["OPT", "OPT"] and list(points["exit"]) == [2, 3]
    assert list(points["error"]) == [0.2, 0.1]
    assert curves.best_at(data, 4e6, "error")["run"] == "AdaLoss"


def test_curves_start_with_the_weightings_of_one_setting(runs):
    other = record("easy", "net-to2", "opt", weights=[0, 1, 1])
    explorer = explore.anytime_curves([record("easy", "more"), *runs, other])
    assert [
        explorer.controls["chosen"].options[i][0] for i in explorer.controls["chosen"].value
    ] == [
        "easy, net, AdaLoss, seed 0",
        "easy, net, CONST, seed 0",
        "easy, net-to2, OPT, seed 0",
    ]


@pytest.fixture(scope="module")
def timed():
    """A run of a network that can be built, with the cost it has on images of 32 pixels."""
    name, run = "resann-1-4-stride2", record(network="resann-1-4-stride2")
    run.cost = cost.multiply_adds(networks.build(name)).tolist()
    return run


def test_time_grows_from_exit_to_exit_and_a_cut_network_has_that_of_the_whole(timed):
    whole = predicted.milliseconds(timed)
    assert (np.diff([0, *whole]) > 0).all()
    cut = record(network=timed.config["network"] + "-to2")
    cut.cost = timed.cost[:2]
    assert list(predicted.milliseconds(cut)) == list(whole[:2])


def test_a_network_without_a_known_name_has_no_time(runs):
    assert np.isnan(predicted.milliseconds(runs[0])).all()


@pytest.mark.parametrize("side", [16, 32, 48])
def test_the_size_of_the_images_is_known_from_the_cost(side):
    name = "resann-1-4-stride2"
    macs = cost.multiply_adds(networks.build(name), (3, side, side))
    assert predicted._side(name, int(macs[-1])) == side


def test_curves_can_be_drawn_against_time_and_its_budget(timed):
    explorer = explore.anytime_curves([timed])
    controls = explorer.controls
    assert controls["deadline"].layout.display == "none"
    controls["axis"].value = "milliseconds"
    assert controls["budget"].layout.display == "none" and not controls["deadline"].layout.display
    controls["deadline"].value = 100.0
    assert "Within 100 ms the best answer is exit 3" in said(explorer)
    controls["deadline"].value = 10**-1.5
    assert "Within 0.0316 ms" in said(explorer)
    assert (np.diff(explorer.data["milliseconds"]) > 0).all()


def test_time_is_offered_only_where_networks_can_run(runs, monkeypatch):
    monkeypatch.setattr(predicted, "can_run", lambda: False)
    choices = explore.anytime_curves(runs).controls["axis"].options
    assert [key for _, key in choices] == ["cost"]


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
        before, picture = explorer.data["weight"].copy(), explorer.picture.value
        explorer.controls[name].value = value
        assert not explorer.data["weight"].equals(before), name
        assert explorer.picture.value != picture, name


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
    explorer.controls["budget"].value = 4.0
    assert "network 3 of the chain runs and network 2 answers. C = 2.00" in said(explorer)
    assert "C stays below 3.00" in said(explorer)
    picture = explorer.picture.value
    explorer.controls["base"].value = 3.0
    assert "C stays below 2.50" in said(explorer) and explorer.picture.value != picture


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
    parts = [make(runs) for make in [*makers, explore.watch_one_image]]
    return [*parts, explore.adaloss_anatomy(runs=runs), explore.eann()]


def test_without_any_run_explorers_say_how_to_make_some():
    says = [said(part) for part in each([])]
    assert sum("python -m anytime run" in text for text in says) == 3
    assert sum("python -m anytime train" in text for text in says) == 1
    assert all("not drawn" not in text for text in says)


def test_the_data_and_the_picture_shown_can_be_downloaded(shown):
    for explorer in each(shown):
        files = dict(
            re.findall(r'download="([^"]+)" href="data:[^,]+,([^"]+)"', explorer.text.value)
        )
        csv, png = (base64.b64decode(files[f"{explorer.name}.{end}"]) for end in ("csv", "png"))
        assert pd.read_csv(io.BytesIO(csv)).shape == explorer.data.shape
        assert png == explorer.picture.value
        assert Image.open(io.BytesIO(png)).width >= 700


def test_a_figure_without_a_kernel_is_the_picture_itself(runs):
    explorer, png = explore.final_weights(runs), io.BytesIO()
    explorer.figure().savefig(png, dpi=100)
    shown = Image.open(io.BytesIO(explorer.picture.value))
    assert np.array_equal(np.asarray(Image.open(png)), np.asarray(shown))


def test_a_notebook_shows_a_figure_without_pyplot(runs):
    shown = explore.anytime_curves(runs).figure(budget=2e6)._repr_png_()
    assert Image.open(io.BytesIO(shown)).size == (1000, 420)


def test_an_error_in_a_callback_is_shown_as_a_sentence(runs):
    explorer = explore.final_weights(runs)
    losses = runs[0].history[0].pop("train_loss")
    explorer.controls["epoch"].value = 1
    assert "ValueError, not drawn: " in said(explorer)
    runs[0].history[0]["train_loss"] = losses
    explorer.controls["epoch"].value = 2
    assert "not drawn" not in said(explorer) and explorer.picture.layout.display is None


def test_words_are_escaped(runs):
    explorer = explore.adaloss_anatomy(record("<b>bold</b>"))
    assert "<b>bold" not in explorer.text.value and "&lt;b&gt;bold" in explorer.text.value


def test_every_control_is_named(runs):
    controls = [control for part in each(runs) for control in part.controls.values()]
    assert controls and all(control.description for control in controls)


def test_every_drop_down_shows_what_is_chosen(runs):
    controls = [control for part in each(runs) for control in part.controls.values()]
    choices = [control for control in controls if isinstance(control, Dropdown)]
    assert len(choices) > 5
    for choice in choices:
        for index in reversed(range(len(choice.options))):
            choice.index = index
            assert choice.index == index, choice.description


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
