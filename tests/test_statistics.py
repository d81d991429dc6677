"""Comparisons over seeds against closed forms, slow obvious versions and simulated runs."""

import math
from itertools import chain, combinations

import numpy as np
import pytest
from scipy import stats

from anytime.experiments import power, statistics
from anytime.paths import DATA
from anytime.runs import Run

NET = "resann-4-16"
SCATTER = 0.34  # of a run's last error in the first edition, in points


def errors(seed=0, counts=(5, 5, 5, 3), names=("const", "adaloss", "linear", "opt")):
    """Errors in points with the plan's numbers of seeds, and the truth that they do not differ."""
    rng = np.random.default_rng(seed)
    drawn = [40 + SCATTER * rng.standard_normal(count) for count in counts]
    return dict(zip(names, drawn, strict=False))


# Against other ways to the same numbers


def test_two_groups_alone_are_compared_by_student_s_test():
    groups = errors(counts=(5, 3))
    ours = statistics.difference(groups, "adaloss", "const")
    theirs = stats.ttest_ind(groups["adaloss"], groups["const"])
    assert ours.p == pytest.approx(theirs.pvalue)
    assert ours.interval(0.9) == pytest.approx(theirs.confidence_interval(0.9))


def test_scatter_is_pooled_as_in_a_regression_on_the_groups():
    groups = errors()
    names = [name for name in groups for _ in groups[name]]
    design = np.array([[name == one for one in groups] for name in names], dtype=float)
    means, squares, rank, _ = np.linalg.lstsq(design, np.concatenate([*groups.values()]))
    freedom = len(names) - rank
    contrast = np.array([-1.0, 1.0, 0.0, 0.0])
    variance = squares[0] / freedom * contrast @ np.linalg.inv(design.T @ design) @ contrast
    wanted = contrast @ means, math.sqrt(variance), freedom
    assert statistics.difference(groups, "adaloss", "const") == pytest.approx(wanted)


def test_a_third_group_sharpens_a_comparison_and_moves_it_nowhere():
    groups = errors()
    few = {name: groups[name] for name in ("adaloss", "opt")}
    alone, among = (statistics.difference(g, "adaloss", "opt") for g in (few, groups))
    assert alone.difference == pytest.approx(among.difference)
    assert (alone.freedom, among.freedom) == (6, 14)


def test_groups_that_scatter_in_their_own_ways_are_compared_by_welch_s_test():
    groups = errors(counts=(5, 3))
    ours = statistics.welch(groups["const"], 3 * groups["adaloss"])
    theirs = stats.ttest_ind(groups["const"], 3 * groups["adaloss"], equal_var=False)
    assert (ours.p, ours.freedom) == pytest.approx((theirs.pvalue, theirs.df))
    assert ours.interval() == pytest.approx(theirs.confidence_interval(0.95))


@pytest.mark.parametrize("margin", [0.2, 0.6, 1.5])
@pytest.mark.parametrize("shift", [-1.0, -0.3, 0.0, 0.4])
def test_equivalence_is_the_larger_p_of_two_one_sided_tests(margin, shift):
    groups = errors(counts=(5, 3))
    one, other = groups["const"] + shift, groups["adaloss"]
    below = stats.ttest_ind(one + margin, other, alternative="greater").pvalue
    above = stats.ttest_ind(one - margin, other, alternative="less").pvalue
    ours = statistics.difference({"const": one, "adaloss": other}, "const", "adaloss")
    assert ours.equivalence(margin) == pytest.approx(max(below, above))
    low, high = ours.interval(0.9)
    assert (ours.equivalence(margin) < 0.05) == (-margin < low and high < margin)


def test_a_ratio_to_opt_has_the_scatter_of_both():
    groups = {"const": [0.44, 0.40], "opt": [0.30, 0.35, 0.33]}
    ours = statistics.log_ratio(groups, "const")
    logs = [np.log(values) for values in groups.values()]
    assert ours.difference == pytest.approx(logs[0].mean() - logs[1].mean())
    assert ours.error**2 == pytest.approx(logs[0].var(ddof=1) / 2 + logs[1].var(ddof=1) / 3)
    # nearly the ratio of the means
    assert statistics.percent(ours.difference) == pytest.approx(100 * (0.42 / 0.3267 - 1), abs=0.5)


def test_percent_turns_logarithms_of_ratios_back():
    assert statistics.percent(math.log(1.03)) == pytest.approx(3)
    assert statistics.percent(math.log(0.97)) == pytest.approx(-3)


def test_dunnett_s_own_example():
    # Blood counts of Dunnett (1955), with p as R's multcomp has them.
    groups = {
        "const": [7.40, 8.50, 7.20, 8.24, 9.84, 8.32],
        "a": [9.76, 8.80, 7.68, 9.36],
        "b": [12.80, 9.68, 12.16, 9.20, 10.55],
    }
    assert statistics.dunnett(groups) == pytest.approx({"a": 0.6201, "b": 0.0058}, abs=2e-4)
    assert statistics.dunnett(groups) == statistics.dunnett(groups)


def test_dunnett_s_p_is_how_often_the_largest_of_the_differences_is_as_large():
    groups = errors(4, counts=(5, 5, 3))
    scatter, freedom = statistics.pooled_scatter(groups)
    sizes = [len(values) for values in groups.values()]
    rng, many = np.random.default_rng(0), 200_000
    means = [rng.standard_normal(many) / math.sqrt(size) for size in sizes]
    scales = np.sqrt(rng.chisquare(freedom, many) / freedom)
    widths = [math.sqrt(1 / sizes[0] + 1 / size) for size in sizes[1:]]
    largest = np.max([np.abs(m - means[0]) / w for m, w in zip(means[1:], widths, strict=True)], 0)
    for (name, p), width in zip(statistics.dunnett(groups).items(), widths, strict=True):
        seen = abs(groups[name].mean() - groups["const"].mean()) / (scatter * width)
        assert p == pytest.approx((largest / scales >= seen).mean(), abs=0.005)


@pytest.mark.parametrize("seed", range(5))
def test_holm_is_the_closure_of_bonferroni_s_test(seed):
    p = dict(zip("abcdef", np.random.default_rng(seed).random(6) ** 3, strict=True))
    sets = [*chain.from_iterable(combinations(p, size) for size in range(1, 7))]
    # A claim holds where every set of claims that it is in is refuted.
    slow = {
        claim: max(min(1, len(s) * min(p[one] for one in s)) for s in sets if claim in s)
        for claim in p
    }
    assert statistics.holm(p) == pytest.approx(slow)
    assert [*statistics.holm(p)] == [*p]


def test_holm_takes_whatever_is_a_probability():
    assert statistics.holm({"a": 0.0, "b": 1.0}) == {"a": 0.0, "b": 1.0}


def first_reached(error, cost, level):
    """The cost at which a level is reached, exit by exit."""
    best = 0
    for k in range(len(error)):
        if error[k] <= level:
            if k == 0:
                return cost[0]
            share = (error[best] - level) / (error[best] - error[k])
            return cost[best] * (cost[k] / cost[best]) ** share
        if error[k] < error[best]:
            best = k
    return math.inf


@pytest.mark.parametrize("level", [55, 50, 45, 40, 36, 30, 29])
def test_the_cost_at_which_an_error_is_first_reached(level):
    error, cost = [50, 40, 42, 40, 30], [1, 2, 3, 4, 8]
    ours = statistics.cost_to_reach(error, cost, level)
    assert ours == pytest.approx(first_reached(error, cost, level))


def test_a_large_network_s_cost_for_a_small_one_s_error():
    # Errors fall by 10 points with each doubling of the cost: 35 is reached at 4 * sqrt(2).
    cost, curve = [1, 2, 4, 8], np.array([60.0, 50, 40, 30])
    large = [curve - 0.2, curve, curve + 0.2]
    ours = statistics.cost_factor([34.9, 35.0, 35.1], 4, large, cost)
    assert math.exp(ours.difference) == pytest.approx(math.sqrt(2))
    slope = math.log(2) / 10
    assert ours.error == pytest.approx(slope * math.sqrt((0.1**2 + 0.2**2) / 3))


def test_what_one_way_to_train_the_small_network_saves_over_another():
    # On the same curves 35 is reached at 4 * sqrt(2), and 37.5 at 4 * 2 ** 0.25.
    cost, curve = [1, 2, 4, 8], np.array([60.0, 50, 40, 30])
    large = [curve - 0.2, curve, curve + 0.2]
    ours = statistics.cost_saving([34.9, 35.0, 35.1], [37.4, 37.5, 37.6], large, cost)
    assert math.exp(ours.difference) == pytest.approx(2**0.25)
    slope = math.log(2) / 10
    # the large one's scatter moves both alike, and cancels
    assert ours.error == pytest.approx(slope * math.sqrt(2 * 0.1**2 / 3))
    assert ours.freedom == pytest.approx(4)


def test_a_rank_correlation_is_spearman_s():
    rng = np.random.default_rng(1)
    one = rng.integers(0, 6, 10).astype(float)
    other = one + 2 * rng.standard_normal(10)
    middle, low, high = statistics.rank_correlation(one, other)
    assert middle == pytest.approx(stats.spearmanr(one, other).statistic)
    assert -1 <= low < middle < high <= 1


def test_draws_of_one_pair_alone_take_no_part_in_a_correlation_s_interval():
    # Of 2,000 draws of five pairs some three are such.
    _, low, high = statistics.rank_correlation([1, 2, 3, 4, 5], [2, 1, 4, 3, 5])
    assert -1 <= low < high <= 1


# False alarms: with the plan's numbers of seeds, and errors that are not normal

MANY = 3_000
LIMIT = 0.05 + 3 * math.sqrt(0.05 * 0.95 / MANY)  # 5 % and three standard errors of the simulation


def normal(rng, count):
    return rng.standard_normal(count)


def skewed(rng, count):
    """A scatter of 1 and a skewness of 1."""
    return (rng.gamma(4, 1, count) - 4) / 2


def alarms(decide, draw, counts, factors=(1, 1, 1, 1), shift=0.0):
    """How often runs without a difference, but for a shift of the first, are decided."""
    rng, found = np.random.default_rng(7), 0
    names = ("adaloss", "const", "linear", "opt")
    for _ in range(MANY):
        drawn = [40 + SCATTER * f * draw(rng, n) for f, n in zip(factors, counts, strict=False)]
        drawn[0] = drawn[0] + shift
        found += bool(decide(dict(zip(names, drawn, strict=False))))
    return found / MANY


SHAPES = pytest.mark.parametrize("draw", [normal, skewed])


@SHAPES
@pytest.mark.parametrize("counts", [(5, 5, 5, 5), (3, 5, 5, 5), (5, 3, 5, 5), (3, 3, 3, 3)])
def test_a_difference_by_pooled_scatter_is_rarely_a_false_alarm(draw, counts):
    found = alarms(lambda g: statistics.difference(g, "adaloss", "const").p < 0.05, draw, counts)
    assert 0.03 < found < LIMIT


@SHAPES
@pytest.mark.parametrize("counts", [(5, 5), (5, 3)])
@pytest.mark.parametrize("factor", [1, 1.5])
def test_a_ratio_is_rarely_a_false_alarm_also_where_one_scatters_more(draw, counts, factor):
    def decide(groups):
        return statistics.log_ratio(groups, "adaloss", "const").p < 0.05

    assert alarms(decide, draw, counts, factors=(1, factor)) < LIMIT


@SHAPES
def test_a_saving_of_cost_is_rarely_a_false_alarm(draw):
    rungs = np.array([20.0, 10, 5, 0, -5])  # the large network's curve, in points above the small

    def decide(groups):
        curves = [rungs + last for last in groups["linear"]]
        small = groups["adaloss"], groups["const"]
        return statistics.cost_saving(*small, curves, [1, 2, 4, 8, 16]).p < 0.05

    assert alarms(decide, draw, (3, 3, 3, 3)) < LIMIT


@SHAPES
@pytest.mark.parametrize("counts", [(5, 5, 5, 5), (5, 3, 5, 5)])
@pytest.mark.parametrize("side", [-1, 1])
def test_equivalence_is_rarely_found_at_its_border(draw, counts, side):
    def decide(groups):
        return statistics.difference(groups, "adaloss", "const").equivalence(1.5) < 0.05

    assert 0.025 < alarms(decide, draw, counts, shift=1.5 * side) < LIMIT


@SHAPES
@pytest.mark.parametrize("counts", [(5, 5, 5), (3, 5, 3)])
def test_dunnett_s_test_rarely_alarms_at_all(draw, counts):
    """Decided by the largest of the differences: where p is 0.05 is looked up once."""
    names, low, high = ("adaloss", "const", "linear"), 1.0, 5.0
    widths = {name: math.sqrt(1 / n + 1 / counts[1]) for name, n in zip(names, counts, strict=True)}

    def largest(groups):
        scatter, _ = statistics.pooled_scatter(groups)
        apart = {name: abs(groups[name].mean() - groups["const"].mean()) for name in names}
        return max(apart[name] / (scatter * widths[name]) for name in ("adaloss", "linear"))

    base = {name: np.resize([-1.0, 1.0], n) for name, n in zip(names, counts, strict=True)}
    base = {name: values - values.mean() for name, values in base.items()}
    scatter, _ = statistics.pooled_scatter(base)
    for _ in range(12):
        middle = (low + high) / 2
        moved = base | {"adaloss": base["adaloss"] + middle * scatter * widths["adaloss"]}
        small = statistics.dunnett(moved)["adaloss"] < 0.05
        low, high = (low, middle) if small else (middle, high)
    assert 0.03 < alarms(lambda g: largest(g) > high, draw, counts) < LIMIT


@SHAPES
def test_nine_claims_together_rarely_make_a_false_alarm(draw):
    rng, found = np.random.default_rng(3), 0
    for _ in range(600):
        claims = {}
        for block, counts in enumerate([(5, 5, 5, 5), (5, 5, 3, 3), (3, 3, 3, 3)]):
            groups = {str(k): draw(rng, count) for k, count in enumerate(counts)}
            for other in "123":  # three that share a group, so that they go together
                claims[f"{block}{other}"] = statistics.difference(groups, "0", other).p
        found += min(statistics.holm(claims).values()) < 0.05
    assert found / 600 < 0.05 + 3 * math.sqrt(0.05 * 0.95 / 600)


@pytest.mark.parametrize("shape", [(3, 3), (12, 3), (5, 4)])
@pytest.mark.parametrize("scales", [(1, 0), (0, 1), (1, 1), (1, 0.3), (0.3, 1)])
def test_an_average_over_networks_and_data_sets_rarely_alarms_and_others_would(shape, scales):
    rng, found, naive = np.random.default_rng(5), 0, 0
    for _ in range(MANY // 3):
        networks, data = map(rng.normal, (0, 0), scales, shape)
        table = networks[:, None] + data + 0.3 * rng.standard_normal(shape)
        found += statistics.average(table).p < 0.05
        naive += abs(table.mean()) > 2 * table.std(ddof=1) / math.sqrt(table.size)
    limit = 0.05 + 3 * math.sqrt(0.05 * 0.95 / (MANY // 3))
    assert found / (MANY // 3) < limit < naive / (MANY // 3)


@SHAPES
def test_a_factor_of_cost_of_1_is_rarely_a_false_alarm(draw):
    rng, found = np.random.default_rng(11), 0
    cost, curve = 2.0 ** np.arange(6), 60 - 5.0 * np.arange(6)
    for _ in range(1_000):
        small = 45 + SCATTER * draw(rng, 3)  # is reached at a cost of 8
        large = curve + SCATTER * (draw(rng, (3, 1)) + 0.5 * rng.standard_normal((3, 6)))
        found += statistics.cost_factor(small, 8, large, cost).p < 0.05
    assert found / 1_000 < 0.05 + 3 * math.sqrt(0.05 * 0.95 / 1_000)


def test_a_correlation_over_ten_data_sets_is_rarely_a_false_alarm():
    rng, found = np.random.default_rng(13), 0
    for _ in range(300):
        _, low, high = statistics.rank_correlation(rng.random(10), rng.exponential(1, 10))
        found += low > 0 or high < 0
    assert found / 300 < 0.05 + 3 * math.sqrt(0.05 * 0.95 / 300)


# Power


@pytest.mark.parametrize("counts, apart", [((5, 5), 0.6), ((5, 3), 0.6), ((3, 3), 0.9)])
def test_power_is_how_often_a_difference_is_seen(counts, apart):
    rng, many = np.random.default_rng(17), 100_000
    one, other = (SCATTER * rng.standard_normal((many, count)) for count in counts)
    seen = stats.ttest_ind(one + apart, other, axis=1)
    wanted = ((seen.pvalue < 0.05) & (seen.statistic > 0)).mean()
    error = power.standard_error(SCATTER, *counts)
    assert power.power(apart, error, sum(counts) - 2) == pytest.approx(wanted, abs=0.006)


@pytest.mark.parametrize(
    "seeds, known, pooled", [(5, 0.60, 0.62), (10, 0.43, 0.44), (20, 0.30, 0.31)]
)
def test_what_so_many_seeds_see_four_times_in_five(seeds, known, pooled):
    error = power.standard_error(SCATTER, seeds, seeds)
    # of a normal distribution, 80 % lie above -0.8416 and 2.5 % above 1.96
    assert power.smallest_difference(error, math.inf) == pytest.approx(
        (1.96 + 0.8416) * error, 1e-4
    )
    assert round(power.smallest_difference(error, math.inf), 2) == known
    assert round(power.smallest_difference(error, 30), 2) == pooled


@pytest.mark.parametrize("freedom, alpha", [(2, 1e-4), (8, 0.05 / 9), (16, 0.05), (math.inf, 0.05)])
def test_the_smallest_difference_has_the_power_that_is_asked_for(freedom, alpha):
    for chance in (0.5, 0.8, 0.99):
        apart = power.smallest_difference(0.2, freedom, alpha, chance)
        assert power.power(apart, 0.2, freedom, alpha) == pytest.approx(chance)


@pytest.mark.parametrize("apart", [0.0, 0.5, 1.0])
def test_the_power_of_equivalence_is_how_often_it_is_found(apart):
    rng, many, margin = np.random.default_rng(19), 100_000, 1.0
    one, other = (SCATTER * rng.standard_normal((many, 5)) for _ in range(2))
    difference = (one + apart - other).mean(1)
    error = np.sqrt((one.var(1, ddof=1) + other.var(1, ddof=1)) / 5)
    found = ((margin - abs(difference)) / error > stats.t.ppf(0.95, 8)).mean()
    ours = power.equivalence_power(margin, power.standard_error(SCATTER, 5, 5), 8, apart)
    assert ours == pytest.approx(found, abs=0.006)


def test_the_plan_s_table_of_power_is_what_the_code_gives():
    lines = (DATA / "plan.md").read_text(encoding="utf-8").splitlines()
    start = next(k for k, line in enumerate(lines) if line.startswith("| seeds each"))
    rows = [
        [float(cell) for cell in line.strip("| ").split("|")] for line in lines[start + 2 :][:4]
    ]
    for seeds, *shown in rows:
        error = power.standard_error(SCATTER, int(seeds), int(seeds))
        freedoms = math.inf, 30, 2 * seeds - 2
        ours = [round(power.smallest_difference(error, freedom), 2) for freedom in freedoms]
        assert ours == shown
    assert [row[0] for row in rows] == [3, 5, 10, 20]


# What is refused


def run(seed=0, finished=True, **changes):
    config = {"dataset": "toy", "fingerprint": "f", "train_images": 90, "network": NET}
    config |= {"weighting": "const", "recipe": {"epochs": 2, "batch_size": 64}, "seed": seed}
    config |= {"start": f"seed {seed}"} | changes
    entry = {"epoch": 1, "test_error": [0.5, 0.4 + seed / 100]}
    return Run(config, [1, 2], history=[entry], finished=finished)


def last(run):
    return run.final("test_error")[-1]


def test_runs_are_grouped_by_weighting_and_totals_are_not_thrown_together():
    found = [run(seed, weighting=w) for w in ("const", "const:total=2", "opt") for seed in (0, 1)]
    groups = statistics.samples([*found, run(2)], last)
    assert {name: [*values] for name, values in groups.items()} == {
        "const": pytest.approx([0.4, 0.41, 0.42]),
        "const:total=2": pytest.approx([0.4, 0.41]),
        "opt": pytest.approx([0.4, 0.41]),
    }


def test_a_cut_network_of_opt_counts_as_the_whole_one_and_never_for_it():
    cut = run(weighting="opt", network=f"{NET}-to3")
    assert {*statistics.samples([run(), cut], last)} == {"const", "opt"}
    with pytest.raises(ValueError, match="is there twice; leave it out"):
        statistics.samples([cut, run(weighting="opt")], last)


@pytest.mark.parametrize(
    "changes, key",
    [
        ({"dataset": "other"}, "dataset"),
        ({"fingerprint": "g"}, "fingerprint"),
        ({"network": "resann-9-16"}, "network"),
        ({"train_images": 80}, "train_images"),
        ({"validation_images": 10}, "validation_images"),
        ({"image_size": 64}, "image_size"),
        ({"recipe": {"epochs": 3, "batch_size": 64}}, "epochs"),
        ({"recipe": {"epochs": 2, "batch_size": 128}}, "batch_size"),
        ({"start": "state abc"}, "start"),
        ({"start": "seed 5"}, "start"),
    ],
)
def test_runs_that_differ_in_anything_else_are_refused_by_its_name(changes, key):
    for found in ([run(), run(1, **changes)], [run(1, **changes), run()]):
        with pytest.raises(ValueError, match=f"has {key} = .* or name it in `apart`"):
            statistics.samples(found, last)


def test_what_runs_are_meant_to_differ_in_may_be_a_part_of_the_recipe():
    large = {"recipe": {"epochs": 2, "batch_size": 128}}
    found = [run(), run(1), run(**large), run(1, **large)]
    groups = statistics.samples(found, last, apart=("weighting", "batch_size"))
    assert {name: len(values) for name, values in groups.items()} == {"const 64": 2, "const 128": 2}


def test_a_run_that_is_there_twice_or_unfinished_is_refused():
    with pytest.raises(ValueError, match="seed0.* is there twice"):
        statistics.samples([run(), run()], last)
    with pytest.raises(ValueError, match="seed1.* is unfinished"):
        statistics.samples([run(), run(1, finished=False)], last)


TESTS = {
    "difference": lambda groups: statistics.difference(groups, "const", "opt"),
    "log_ratio": lambda groups: statistics.log_ratio(groups, "const"),
    "dunnett": lambda groups: statistics.dunnett(groups, "opt"),
}


@pytest.mark.parametrize("test", TESTS)
@pytest.mark.parametrize(
    "groups, message",
    [
        ({"const": [0.4, 0.5]}, "there is no run of 'opt', only of const|nothing to compare"),
        ({"opt": [0.4, 0.5]}, "there is no run of 'const', only of opt|nothing to compare"),
        ({}, "only of nothing|nothing to compare"),
        ({"const": [0.4], "opt": [0.4, 0.5]}, "'const' has 1 run: it takes two"),
        ({"const": [0.4, 0.5], "opt": [0.4]}, "'opt' has 1 run: it takes two"),
        ({"const": [0.4, 0.5], "opt": []}, "'opt' has 0 run"),
        ({"const": 0.4, "opt": [0.4, 0.5]}, "'const' has 1 run"),
        ({"const": [0.4, math.nan], "opt": [0.4, 0.5]}, "'const' holds nan: leave that run out"),
        ({"const": [0.4, 0.5], "opt": [0.4, math.inf]}, "'opt' holds inf"),
        ({"const": [0.4, 0.4], "opt": [0.5, 0.5]}, "nothing scatters: .* not copies of one run"),
    ],
)
def test_what_cannot_be_compared_is_refused_and_named(test, groups, message):
    with pytest.raises(ValueError, match=message):
        TESTS[test](groups)


def test_a_group_of_one_run_beside_those_compared_says_nothing_of_the_scatter():
    groups = errors(counts=(5, 5))
    with_one = groups | {"linear": [50.0]}
    one, other = (statistics.difference(g, "adaloss", "const") for g in (groups, with_one))
    assert one == other
    with pytest.raises(ValueError, match="'linear' has 1 run"):
        statistics.difference(with_one, "linear", "const")


def test_no_ratio_is_taken_to_no_errors():
    with pytest.raises(ValueError, match="makes no errors in a run"):
        statistics.log_ratio({"const": [0.1, 0.2], "opt": [0.0, 0.1]}, "const")


@pytest.mark.parametrize("margin", [0, -0.6, math.nan])
def test_a_difference_that_matters_is_above_0(margin):
    with pytest.raises(ValueError, match="must be above 0"):
        statistics.difference(errors(), "const", "opt").equivalence(margin)


@pytest.mark.parametrize("wrong", [math.nan, -0.1, 1.1])
def test_a_claim_without_a_p_is_not_corrected(wrong):
    with pytest.raises(ValueError, match="p of 'b' is .*; leave the claim out"):
        statistics.holm({"a": 0.01, "b": wrong})
    assert statistics.holm({}) == {}


@pytest.mark.parametrize(
    "table, message",
    [
        (np.arange(6.0).reshape(2, 3), r"takes three of both, not \(2, 3\)"),
        (np.arange(6.0).reshape(3, 2), r"takes three of both, not \(3, 2\)"),
        (np.arange(9.0), "takes three of both"),
        (np.where(np.eye(3) == 1, math.nan, 1.0), "every network on every data set"),
        (np.ones((3, 4)), "nothing scatters"),
    ],
)
def test_an_average_over_too_few_networks_or_data_sets_is_refused(table, message):
    with pytest.raises(ValueError, match=message):
        statistics.average(table)


def test_a_factor_of_cost_needs_two_seeds_of_either_and_an_error_that_is_reached():
    large, cost = [[50, 40], [51, 41]], [1, 2]
    for last_errors, curves, message in (
        ([45], large, "'the small network' has 1 run"),
        ([45, 46], large[:1], "'the large network' has 1 run"),
        ([45, 30], large, "never makes as few errors"),
        ([40.5, 40.5], large, "never makes as few errors"),  # one of its seeds does not
    ):
        with pytest.raises(ValueError, match=message):
            statistics.cost_factor(last_errors, 1, curves, cost)


@pytest.mark.parametrize(
    "one, other, message",
    [
        ([1, 2, 3, 4], [1, 2, 3, 4], "five pairs"),
        ([1, 2, 3, 4, math.nan], [1, 2, 3, 4, 5], "no nan"),
        ([1, 1, 1, 1, 1], [1, 2, 3, 4, 5], "the same everywhere"),
    ],
)
def test_a_correlation_of_too_little_is_refused(one, other, message):
    with pytest.raises(ValueError, match=message):
        statistics.rank_correlation(one, other)
