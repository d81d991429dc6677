import numpy as np
import pandas as pd
import pytest
from scipy import stats

from anytime import metrics
from anytime.runs import Run, table

COST = [100, 200, 300, 400]


def run(error, weighting="const", network="net", dataset="toy", seed=0, cost=COST, **config) -> Run:
    entry = {"epoch": 1, "test_error": error, "test_loss": error}
    config = {"dataset": dataset, "network": network, "weighting": weighting, "seed": seed} | config
    return Run(config, cost=cost[: len(error)], history=[entry], finished=True)


def opt_runs(errors=(0.4, 0.3, 0.2, 0.1), **config) -> list[Run]:
    shorter = [
        run([0.9] * (k - 1) + [errors[k - 1]], "opt", f"net-to{k}", **config) for k in (1, 2, 3)
    ]
    return [*shorter, run([0.9, 0.9, 0.9, errors[3]], "opt", **config)]


def test_an_error_half_as_large_again_is_an_increase_of_fifty_percent():
    increase = metrics.relative_increase([0.3, 0.1, 0.05], [0.2, 0.1, 0.1])
    np.testing.assert_allclose(increase, [50.0, 0.0, -50.0])


def test_an_optimal_error_of_zero_has_no_relative_increase():
    with pytest.raises(ValueError, match="optimal error is 0"):
        metrics.relative_increase([0.3, 0.1], [0.2, 0.0])


def test_the_nearest_exit_may_cost_more_than_the_share():
    assert [metrics.exit_nearest([10, 40, 60, 100], s) for s in (0.25, 0.38, 0.75, 1)] == [
        0,
        1,
        2,
        3,
    ]


def test_the_exit_at_a_share_is_the_latest_that_is_paid_for():
    values = [0.9, 0.5, 0.3]
    assert metrics.at_share(values, [10, 50, 100], 0.5) == 0.5
    assert metrics.at_share(values, [10, 50, 100], 0.99) == 0.5
    assert metrics.at_share(values, [10, 50, 100], 1.0) == 0.3
    assert np.isnan(metrics.at_share(values, [10, 50, 100], 0.05))


def test_each_exit_is_compared_with_the_network_cut_after_it():
    out = metrics.relative_increase_table([run([0.8, 0.3, 0.3, 0.1])], opt_runs())
    assert out["exit"].tolist() == [1, 2, 3, 4]
    assert out["opt_error"].tolist() == [0.4, 0.3, 0.2, 0.1]
    np.testing.assert_allclose(out["increase"], [100.0, 0.0, 50.0, 0.0], atol=1e-9)


def test_opt_of_several_seeds_counts_by_its_mean():
    opt = opt_runs(seed=0) + opt_runs((0.6, 0.3, 0.2, 0.1), seed=1)
    out = metrics.relative_increase_table([run([0.8, 0.3, 0.3, 0.1])], opt, shares=[0.25])
    assert out[["opt_error", "opt_seeds", "increase"]].iloc[0].tolist() == pytest.approx(
        [0.5, 2, 60]
    )


def test_opt_of_a_named_exit_in_the_whole_network_counts_for_that_exit():
    opt = [
        run([0.9, 0.25, 0.9, 0.9], "opt:exit=2"),
        run([0.9, 0.9, 0.2, 0.9], "opt:total=4,exit=3"),
    ]
    out = metrics.relative_increase_table([run([0.5] * 4)], opt, shares=[0.5, 0.75])
    np.testing.assert_allclose(out["increase"], [100.0, 150.0])


def test_a_missing_opt_run_is_named():
    with pytest.raises(ValueError, match="net-to2 with weighting 'opt'"):
        metrics.relative_increase_table([run([0.5] * 4)], [opt_runs()[0]])


@pytest.mark.parametrize(
    "other", [{"recipe": {"epochs": 2}}, {"train_images": 10}, {"dataset": "other"}]
)
def test_opt_of_another_setting_is_no_yardstick(other):
    with pytest.raises(ValueError, match="no OPT run"):
        metrics.relative_increase_table([run([0.5] * 4)], opt_runs(**other))
    assert np.isnan(metrics.optimal_error(run([0.5] * 4), opt_runs(**other))).all()


def test_the_optimal_error_is_known_at_the_exits_for_which_opt_was_trained():
    opt = opt_runs()[1:3] + opt_runs((0.4, 0.5, 0.2, 0.1), seed=1)[1:2]
    optimal = metrics.optimal_error(run([0.5] * 4), opt)
    np.testing.assert_allclose(optimal, [np.nan, 0.4, 0.2, np.nan])


def test_a_run_that_is_not_opt_is_refused_as_the_yardstick():
    with pytest.raises(ValueError, match="its weighting must be .opt."):
        metrics.relative_increase_table([run([0.5] * 4)], [run([0.5] * 4, "const")])


def test_the_summary_averages_data_sets_within_a_seed_and_then_seeds():
    errors = {("a", 0): 0.2, ("b", 0): 0.4, ("a", 1): 0.3, ("b", 1): 0.5}
    opt = [run([0.1], "opt", dataset=name) for name in "ab"]
    runs = [run([error], dataset=name, seed=seed) for (name, seed), error in errors.items()]
    increases = metrics.relative_increase_table(runs, opt, shares=[1.0])
    row = metrics.summary(increases).iloc[0]
    assert row["mean"] == pytest.approx(250.0)  # seeds: (100 + 300) / 2 and (200 + 400) / 2
    assert row["std"] == pytest.approx(100 / np.sqrt(2))
    assert row["seeds"] == 2


def test_the_summary_of_one_seed_has_no_spread():
    row = metrics.summary(table([run([0.5])]), by=["weighting", "exit"], column="test_error").iloc[
        0
    ]
    assert row["mean"] == 0.5 and np.isnan(row["std"]) and row["seeds"] == 1


@pytest.mark.parametrize(
    "incomplete",
    [
        [("const", "a", 0), ("const", "b", 0), ("const", "a", 1)],
        [("const", "a", 0), ("const", "b", 0), ("linear", "a", 0)],
    ],
)
def test_the_summary_refuses_means_over_different_data_sets(incomplete):
    runs = [run([0.5], weighting, dataset=name, seed=s) for weighting, name, s in incomplete]
    with pytest.raises(ValueError, match="seeds or schemes differ in dataset"):
        metrics.summary(table(runs), by=["weighting", "exit"], column="test_error")
    by_dataset = metrics.summary(
        table(runs), by=["dataset", "weighting", "exit"], column="test_error"
    )
    assert by_dataset["seeds"].sum() == 3


def test_the_summary_averages_only_within_what_by_names():
    # Other networks on another data set, with another number of seeds.
    runs = [run([0.5], "linear", seed=s, dataset="b", network="small") for s in (0, 1)]
    runs += [run([0.2], "const", dataset="a", network="large")]
    by_dataset = metrics.summary(table(runs), ["weighting", "dataset"], "test_error")
    assert by_dataset["mean"].tolist() == [0.5, 0.2]  # in the order of the table
    assert by_dataset["seeds"].tolist() == [2, 1]


def test_mean_and_std_are_those_of_a_sample_and_one_seed_has_no_spread():
    assert metrics.mean_std([1.0, 2.0, 3.0]) == pytest.approx((2.0, 1.0))
    mean, std = metrics.mean_std([4.0])
    assert mean == 4.0 and np.isnan(std)


def test_the_interval_over_seeds_is_student_s_and_one_seed_has_none():
    values = np.random.default_rng(0).normal(size=(5, 3))
    mean, reach = metrics.interval(values)
    low, high = stats.t.interval(0.95, 4, values.mean(0), stats.sem(values))
    np.testing.assert_allclose([mean - reach, mean + reach], [low, high])
    mean, reach = metrics.interval([4.0])
    assert mean == 4.0 and np.isnan(reach)
    mean, reach = metrics.interval([[4.0, 5.0, 6.0]])
    assert mean.tolist() == [4, 5, 6] and reach.shape == (3,) and np.isnan(reach).all()


@pytest.mark.parametrize("exits", [2, 4, 9, 15])
def test_equal_weights_are_a_quarter_in_the_last_quarter_and_lie_in_the_middle(exits):
    assert metrics.concentration([0.3] * exits) == pytest.approx((0.25, 0.5))


def test_weight_on_one_end_is_all_or_none_of_the_last_quarter():
    assert metrics.concentration([0, 0, 0, 0, 2.0]) == pytest.approx((1.0, 1.0))
    assert metrics.concentration([2.0, 0, 0, 0, 0]) == pytest.approx((0.0, 0.0))


def test_an_exit_on_the_border_of_the_last_quarter_counts_in_part():
    # The last quarter of 6 exits begins in the middle of exit 5.
    assert metrics.concentration([0, 0, 0, 0, 1, 1]).last_quarter == pytest.approx(0.75)


def learning_run() -> Run:
    """Four epochs in which the weight moves from the first exit of two to the last."""
    entries = zip([3, 4, 5, 6], [0.9, 0.5, 0.6, 0.2], [0.0, 0.5, 0.75, 1.0], strict=True)
    history = [
        {"epoch": epoch, "train_loss": [2.0, loss], "weights": [1 - later, later]}
        for epoch, loss, later in entries
    ]
    history[3]["test_error"] = [0.5, 0.1]
    return Run({}, cost=COST[:2], history=history)


def test_the_weights_of_each_epoch_are_placed_between_the_first_exit_and_the_last():
    table = metrics.concentration_over_epochs(learning_run())
    assert table["epoch"].tolist() == [3, 4, 5, 6]
    assert table["mean_position"].tolist() == pytest.approx([0.0, 0.5, 0.75, 1.0])
    # Half of the last exit is the last quarter of two.
    assert table["last_quarter"].tolist() == pytest.approx([0.0, 0.25, 0.375, 0.5])


def test_the_first_epoch_below_a_level_counts_even_if_the_loss_rises_again():
    assert metrics.first_epoch_below(learning_run(), 0.55) == 4


def test_a_loss_of_exactly_the_level_is_not_below_it():
    assert metrics.first_epoch_below(learning_run(), 0.5) == 6


def test_a_level_that_is_never_reached_has_no_first_epoch():
    assert metrics.first_epoch_below(learning_run(), 0.2) is None


def test_the_mean_error_over_budgets_is_that_of_drawing_budgets():
    error, cost = np.array([0.9, 0.6, 0.2, 0.1]), np.array([10.0, 30.0, 40.0, 90.0])
    generator = np.random.default_rng(0)
    for log in (False, True):
        uniform = generator.uniform(0, 1, 200_000)
        budgets = 20 * 6.0**uniform if log else 20 + 100 * uniform  # from 20 to 120
        answers = error[np.searchsorted(cost, budgets, side="right") - 1]
        auc = metrics.anytime_auc(error, cost, low=20, high=120, log=log)
        assert auc == pytest.approx(answers.mean(), abs=0.004)


def test_budgets_before_the_first_answer_are_refused():
    with pytest.raises(ValueError, match="first exit's cost"):
        metrics.anytime_auc([0.5, 0.2], [10, 20], low=5)
    with pytest.raises(ValueError, match="first exit's cost"):
        metrics.anytime_auc([0.5, 0.2], [10, 20], low=15, high=15)


def test_a_chain_adds_costs_and_keeps_an_answer_until_a_deeper_one_is_there():
    small, large = ([0.5, 0.4], [10, 30]), ([0.6, 0.45, 0.35, 0.2], [10, 29, 30, 60])
    error, cost = metrics.chain_curve([small, large])
    # The large network starts at 30; its exits at 10 and 29 are less deep than what was there.
    assert cost.tolist() == [10, 30, 40, 59, 60, 90]
    assert error.tolist() == [0.5, 0.4, 0.4, 0.4, 0.35, 0.2]


def test_a_chain_answers_with_the_deeper_exit_even_where_it_is_worse():
    error, cost = metrics.chain_curve([([0.3], [1]), ([0.9, 0.4, 0.2], [1, 2, 4])])
    assert (error.tolist(), cost.tolist()) == ([0.3, 0.9, 0.4, 0.2], [1, 2, 3, 5])


def test_a_chain_with_expected_errors_answers_with_the_exit_expected_to_be_best():
    small, large = ([0.5, 0.4], [10, 30]), ([0.6, 0.45, 0.35, 0.2], [10, 29, 30, 60])
    expected = [[0.3, 0.2], [0.4, 0.1, 0.1, 0.15]]
    error, cost = metrics.chain_curve([small, large], expected)
    assert error.tolist() == [0.5, 0.4, 0.4, 0.45, 0.35, 0.35]
    assert cost.tolist() == [10, 30, 40, 59, 60, 90]


def test_one_network_alone_is_a_chain():
    error, cost = metrics.chain_curve([([0.3, 0.2], [5, 9])])
    assert (error.tolist(), cost.tolist()) == ([0.3, 0.2], [5, 9])


def test_curves_cross_where_the_other_one_becomes_lower():
    a, b = [0.5, 0.4, 0.3, 0.3, 0.1], [0.6, 0.4, 0.2, 0.2, 0.2]
    assert metrics.crossings(a, b, [1, 2, 3, 4, 5]).tolist() == [3, 5]


def test_curves_that_only_touch_do_not_cross():
    assert len(metrics.crossings([0.5, 0.4, 0.1], [0.6, 0.4, 0.2], [1, 2, 3])) == 0


def test_the_cost_to_reach_an_error_is_that_of_the_cheapest_exit_that_has_it():
    error = [0.5, 0.3, 0.4, 0.2]
    assert metrics.cost_to_reach(error, COST, 0.35) == 200
    assert metrics.cost_to_reach(error, COST, 0.2) == 400
    assert np.isnan(metrics.cost_to_reach(error, COST, 0.1))


def test_the_cost_ratio_is_above_one_where_the_small_network_is_cheaper():
    small, large = ([0.5, 0.3, 0.2], [10, 20, 30]), ([0.5, 0.3, 0.1], [20, 80, 90])
    ratio = metrics.cost_ratio(small, large, [0.6, 0.3, 0.1])
    np.testing.assert_allclose(ratio, [2.0, 4.0, np.nan])


def test_the_standard_error_is_that_of_counting_coin_flips():
    counts = np.random.default_rng(0).binomial(400, 0.2, 100_000) / 400
    assert metrics.binomial_std_error(0.2, 400) == pytest.approx(counts.std(), rel=0.01)


def test_tables_of_runs_can_be_summarised_for_plotting():
    runs = [run([0.5, 0.3], seed=0), run([0.7, 0.3], seed=1)]
    out = metrics.summary(table(runs), by=["weighting", "exit", "cost"], column="test_error")
    expected = pd.DataFrame(
        {
            "weighting": "const",
            "exit": [1, 2],
            "cost": [100, 200],
            "mean": [0.6, 0.3],
            "std": [0.2 / np.sqrt(2), 0.0],
            "seeds": 2,
        }
    )
    pd.testing.assert_frame_equal(out, expected, check_dtype=False)


def test_a_member_of_a_chain_that_is_no_pair_of_errors_and_costs_is_refused():
    with pytest.raises(ValueError):
        metrics.chain_curve([([0.3], [1]), ([0.2], [2], [3])])


def test_probabilities_are_right_however_far_apart_the_logits_of_two_samples_lie():
    known = [[0.5, 0.5], [0.5, 0.5], [1.0, 0.0]]
    assert metrics.probabilities([[0, 0], [5e3, 5e3], [1e4, 0]]).tolist() == known
