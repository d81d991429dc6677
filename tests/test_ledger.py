"""The ledger on records made here, with figures worked out by hand or by another way."""

import re
import resource

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from anytime import metrics
from anytime.__main__ import main
from anytime.experiments import claims, ledger, lists, report, settings
from anytime.experiments.statistics import Comparison
from anytime.paths import RUNS
from anytime.runs import Run

LONG, SHORT = (
    settings.find("laptop", "cifar100").by(epochs=epochs).recipe.to_dict() for epochs in (60, 20)
)
FEW = LONG | {"augmentation": ["crop"]}
COST = {network: 100 * 2**k for k, network in enumerate(lists.SMALL)}


def record(
    folder, weighting, errors, network=claims.NET, seed=0, recipe=LONG, loss=None, **changes
) -> Run:
    """Saves a finished run of an hour with these test errors of 12 exits, or of its last alone."""
    errors = [0.9] * 11 + [errors] if np.isscalar(errors) else list(errors)
    config = {"dataset": "cifar100", "fingerprint": "f", "train_images": 50_000}
    config |= {"network": network, "weighting": weighting, "recipe": recipe, "seed": seed}
    weights = changes.pop("weights", [[1.0] * len(errors)])
    losses = loss or [1.0] * len(weights)
    history = [
        {"epoch": k + 1, "weights": one, "train_loss": [losses[k]] * len(errors)}
        for k, one in enumerate(weights)
    ]
    history[-1]["test_error"] = errors
    whole = COST.get(network.partition("-to")[0], 100) / 12
    cost = [whole * (k + 1) for k in range(len(errors))]
    run = Run(config | changes, cost, history=history, cpu_seconds=3600.0, finished=True)
    run.save(folder / f"{len(list(folder.glob('*')))}.json")
    return run


def row(folder, number: str, **where):
    """The row that decides a claim, or the one of it that has these values."""
    table = ledger.ledger(folder)
    for column, value in ({"number": number} | (where or {"standing": "primary"})).items():
        table = table[table[column] == value]
    (found,) = table.itertuples()
    return found


def numbers(text: str) -> list[float]:
    return [float(part) for part in re.findall(r"-?\d+\.\d+", text)]


# Errors in points, five seeds each and three of OPT, and for the early exit another.
ERRORS = {
    "const": [40.1, 40.5, 39.8, 40.2, 40.4],
    "adaloss": [38.9, 39.2, 38.6, 39.1, 39.0],
    "linear": [39.3, 39.0, 38.8, 39.4, 39.1],
    "opt": [38.8, 38.9, 39.1, 39.0, 38.9],
}
EARLY = {"const": 70, "adaloss": 73, "linear": 75, "opt": 90}


@pytest.fixture
def planned(tmp_path):
    for scheme, errors in ERRORS.items():
        for seed, error in enumerate(errors):
            curve = [(EARLY[scheme] + error - 40) / 100] * 11 + [error / 100]
            record(tmp_path, scheme, curve, seed=seed)
    return tmp_path


def test_without_runs_every_claim_is_said_not_to_be_run(tmp_path):
    table = ledger.ledger(tmp_path)
    assert table.number.tolist() == [*claims.CLAIMS]
    assert (table.verdict == "not run").all() and (table.ours == "").all()


def test_claims_over_opt_are_ratios_by_welch_s_test_on_logarithms(planned):
    const, opt = (np.log(ERRORS[name]) for name in ("const", "opt"))
    wanted = stats.ttest_ind(const, opt, equal_var=False)
    interval = wanted.confidence_interval()
    inside = np.expm1([const.mean() - opt.mean(), interval.low, interval.high]) * 100
    found = row(planned, "1")
    assert numbers(found.ours) == pytest.approx(inside, abs=0.006)
    assert found.verdict == "shown" and found.seeds == "5, 5"
    assert (found.data, found.setting) == (
        "cifar100",
        "50,000 images, 60 epochs, augmentation: crop, flip",
    )
    assert row(planned, "2").verdict == "shown"
    assert row(planned, "2").could_show.endswith("chance to find it, were there no difference")


def test_adaloss_is_held_against_const_by_dunnett_s_test_and_pooled_scatter(planned):
    found = row(planned, "3a")
    groups = [np.array(ERRORS[name]) for name in ERRORS]
    pooled = np.sqrt(np.mean([group.var(ddof=1) for group in groups]))
    reach = stats.t.ppf(0.975, 16) * pooled * np.sqrt(2 / 5)
    apart = groups[0].mean() - groups[1].mean()
    wanted = [apart, apart - reach, apart + reach]
    assert numbers(found.ours) == pytest.approx(wanted, abs=0.006)
    p = stats.dunnett(*groups[1:3], control=groups[0], rng=0).pvalue[0]
    assert found.p == "< 0.001" and p < 0.001
    assert found.verdict == "shown" and found.core_hours == 10.0
    assert row(planned, "3b").verdict == "shown"  # AdaLoss makes about 3 points more, early


def test_a_difference_that_is_not_there_is_said_not_to_matter(planned):
    assert row(planned, "4").verdict == "no difference that matters"


def test_p_is_corrected_for_the_claims_that_were_tested(planned):
    table = ledger.ledger(planned)
    tested = table[table.corrected != ""]
    assert tested.number.tolist() == ["1", "2", "3a", "3b", "4"]
    (linear,) = tested[tested.number == "4"].itertuples()
    assert linear.corrected == linear.p  # the largest of them is multiplied by 1


@pytest.mark.parametrize(
    "number, parts, p, said",
    [
        ("3a", [(1.0, 0.1)], 0.001, "shown"),
        ("3a", [(-1.0, 0.1)], 0.001, "reversed"),
        ("3a", [(1.0, 0.1)], 0.06, "undecided"),  # p is what decides, after its correction
        ("3a", [(0.3, 0.1)], 0.04, "shown, but too small to matter"),
        ("3a", [(-0.3, 0.1)], 0.04, "reversed, but too small to matter"),
        ("3a", [(0.1, 0.1)], 0.3, "no difference that matters"),
        ("3a", [(0.1, 0.5)], 0.8, "undecided"),
        ("2", [(0.0, 0.005)], 0.001, "shown"),
        ("2", [(0.06, 0.01)], 0.99, "reversed"),
        ("2", [(0.03, 0.01)], 0.5, "undecided"),
        ("5", [(0.5, 0.01), (0.2, 0.01)], 0.001, "shown"),
        ("5", [(0.5, 0.01), (-0.2, 0.01)], 0.001, "undecided"),  # both have to hold
        ("5", [(-0.5, 0.01), (-0.2, 0.01)], 0.001, "reversed"),
        ("8", [(0.9, 0.1), (-0.9, 0.1), (0.0, 0.1)], 0.001, "shown"),  # any is enough
        ("8", [(0.1, 0.1), (-0.1, 0.1), (0.0, 0.1)], 0.4, "no difference that matters"),
    ],
)
def test_a_verdict_follows_the_plan_s_rule(number, parts, p, said):
    compared = {str(k): Comparison(*part, 20) for k, part in enumerate(parts)}
    if number == "2":
        compared = {"": compared["0"]}
    assert ledger.verdict(number, compared, p) == said


def test_what_stands_beside_the_claims_decides_nothing(tmp_path):
    for seed in range(3):
        for dataset in ("cifar100", "cifar10-59904"):
            record(tmp_path, "const", 0.5 + seed / 1000, seed=seed, dataset=dataset, recipe=SHORT)
            record(tmp_path, "adaloss", 0.4 + seed / 1000, seed=seed, dataset=dataset, recipe=SHORT)
    found = row(tmp_path, "3a", data="cifar100")
    assert (found.standing, found.verdict, found.corrected) == ("secondary", "", "")
    assert found.ours.startswith("10.00 [") and found.p == "< 0.001"
    assert row(tmp_path, "3a", standing="primary").verdict == "not run"


def test_records_without_a_fingerprint_are_of_the_first_edition(tmp_path):
    for seed in range(2):
        for scheme in ("const", "adaloss"):
            record(tmp_path, scheme, 0.5 + seed / 100, seed=seed, dataset="toy", fingerprint=None)
    assert row(tmp_path, "3a", data="toy").standing == "first edition"


@pytest.mark.parametrize(
    "change",
    [
        {"dataset": "other"},
        {"fingerprint": "g"},
        {"train_images": 91},
        {"recipe": LONG | {"epochs": 3}},
        {"image_size": 16},
        {"network": lists.SMALL[0]},
        {"validation_images": 10},
        {"start": "seed 7"},
    ],
)
def test_runs_that_differ_are_never_compared(tmp_path, change):
    for seed in range(3):
        record(tmp_path, "const", 0.5 + seed / 1000, seed=seed)
        record(tmp_path, "adaloss", 0.4 + seed / 1000, seed=seed, **change)
    table = ledger.ledger(tmp_path)
    assert (table.verdict == "not run").all() and len(table) == len(claims.CLAIMS)


def test_opt_of_another_total_is_another_yardstick(tmp_path):
    for seed in range(3):
        record(tmp_path, "const", 0.5 + seed / 1000, seed=seed)
        record(tmp_path, "opt:total=3", 0.4 + seed / 1000, seed=seed)
    assert row(tmp_path, "1").verdict == "not run"


def test_opt_at_a_quarter_is_held_against_the_exit_there(tmp_path):
    for seed in range(2):
        curve = [0.5 + seed / 100] * 11 + [0.9]
        record(tmp_path, "const", curve, seed=seed)
        record(tmp_path, "opt", [0.9, 0.9, 0.4 + seed / 100], f"{claims.NET}-to3", seed=seed)
    found = row(tmp_path, "1", standing="secondary")
    assert found.compared == "CONST over OPT at 0.25 of the cost"
    assert numbers(found.ours)[0] == pytest.approx(
        100 * (np.sqrt(0.5 * 0.51 / 0.4 / 0.41) - 1), abs=0.01
    )


def test_equal_totals_and_kinds_of_adaloss_have_rows_of_their_own(tmp_path):
    for seed in range(2):
        for scheme in ("const", "adaloss", "const:total=9", "linear:total=9", "adaloss:extra=1"):
            record(tmp_path, scheme, 0.4 + len(scheme) / 1000 + seed / 100, seed=seed)
    table = ledger.ledger(tmp_path)
    late = table[(table.number == "3a") & (table.standing == "secondary")]
    assert sorted(late.compared) == ["AdaLoss e=1, not CONST", "AdaLoss, not CONST total=9"]
    assert row(tmp_path, "4", standing="secondary").compared == "AdaLoss, not LINEAR total=9"


def test_one_seed_is_no_test_and_says_so(tmp_path):
    for scheme in ("const", "adaloss"):
        record(tmp_path, scheme, 0.5)
        record(tmp_path, scheme, 0.5, dataset="toy")
    found = row(tmp_path, "3a")  # beside the plan nothing is said of it
    assert found.verdict == "undecided" and "has 1 run: it takes two" in found.note


def test_one_seed_of_a_third_weighting_keeps_no_two_others_from_being_compared(tmp_path):
    for seed in range(3):
        record(tmp_path, "const", 0.5 + seed / 1000, seed=seed)
        record(tmp_path, "adaloss", 0.4 + seed / 1000, seed=seed)
    alone = row(tmp_path, "3a")
    record(tmp_path, "linear", 0.45)
    assert row(tmp_path, "3a").ours == alone.ours != ""
    assert row(tmp_path, "3a").p == alone.p and row(tmp_path, "4").ours == ""


@pytest.mark.parametrize("text", ["mine:", "mine:a", "my:b=1,b=2", "adalossy", "数据 =:"])
def test_a_weighting_of_one_s_own_may_go_by_any_text(tmp_path, text):
    for seed in range(2):
        record(tmp_path, "const", 0.5 + seed / 100, seed=seed)
        record(tmp_path, text, 0.4 + seed / 100, seed=seed)
    table = ledger.ledger(tmp_path)
    assert (table.verdict == "not run").all() and len(table) == len(claims.CLAIMS)


def test_groups_that_scatter_too_differently_get_welch_s_test_beside(tmp_path):
    for seed in range(3):
        record(tmp_path, "const", 0.5 + seed / 100, seed=seed)
        record(tmp_path, "adaloss", 0.4 + seed / 1000, seed=seed)
    wanted = stats.ttest_ind([50, 51, 52], [40, 40.1, 40.2], equal_var=False).pvalue
    assert row(tmp_path, "3a").note.endswith(f"10.0 times as much; p of Welch's test: {wanted:.3f}")


def test_a_small_network_is_held_against_what_a_large_one_pays_for_its_error(tmp_path):
    small, large = lists.SMALL[2:]
    straight = [0.9 - 0.05 * k for k in range(12)]  # 0.60 at exit 7, 0.55 at exit 8
    for seed in range(3):
        jitter = seed / 1e5
        record(tmp_path, "adaloss", 0.55 + jitter, small, seed, SHORT)
        record(tmp_path, "const", 0.60 + jitter, small, seed, SHORT)
        record(tmp_path, "const", [e + jitter for e in straight], large, seed, SHORT)
    found = row(tmp_path, "5")
    factor, _, _, saving, _, _ = numbers(found.ours)
    # the large one's 8 of 12 exits cost 8 / 12 of 800, the small network 400; 7 exits less
    assert (factor, saving) == pytest.approx((8 / 12 * 2, 8 / 7), abs=0.006)
    assert found.verdict == "shown" and found.seeds == "3, 3, 3"


def test_difficulty_is_the_share_above_the_floor_over_the_last_ten_epochs(tmp_path):
    floor = [0.07] * 9
    late = {
        "svhn-10k": (0.2, 1.0, 1.0),
        "cifar10-59904": (0.1, 0.3, 1.0),
        "cifar100": (0.08, 0.1, 1.0),
    }
    for seed in range(3):
        for dataset, last in late.items():
            weights = [[1.0] * 12] * 4 + [[0.5 + seed / 1000, *floor[1:], *last]] * 10
            images = {"train_images": 5_000, "fingerprint": dataset}
            record(
                tmp_path, "adaloss", 0.5, seed=seed, recipe=FEW, dataset=dataset, weights=weights,
                loss=[2.0, 1.0, 0.2] + [0.2] * 11, **images,
            )  # fmt: skip
    found = row(tmp_path, "6", standing="primary")
    above = {name: sum(last) - 0.21 for name, last in late.items()}
    share = [value / (value + 0.43 + 1e-3) for value in above.values()]
    wanted = [b - a for a, b in zip(share, share[1:], strict=False)]
    assert numbers(found.ours)[0::3] == pytest.approx(wanted, abs=0.002)
    assert found.verdict == "reversed" and found.data.count("<") == 2
    at_fit = row(tmp_path, "6", compared="AdaLoss, at a training loss of 0.6")
    assert at_fit.note == "nothing scatters: it takes two seeds that differ, not copies of one run"


def test_a_level_is_reached_between_two_epochs():
    history = [
        {"epoch": k, "train_loss": [9.0, loss], "weights": [weight, 1.0]}
        for k, (loss, weight) in enumerate([(1.0, 0.8), (0.7, 0.4), (0.3, 0.2), (0.7, 0.9)])
    ]
    run = Run({"dataset": "toy"}, [1, 2], history=history)
    epochs = metrics.epochs_at_loss(run, [0.6, 2.0, 0.1])
    # a quarter of the way; when it was at 2 nobody saw; and it never came to 0.1
    assert epochs == pytest.approx([2.25, np.nan, np.nan], nan_ok=True)
    assert metrics.at_epochs(run, "weights", epochs[:1])[0] == pytest.approx([0.35, 1.0])


def test_a_chain_answers_budgets_drawn_evenly_in_the_logarithm(tmp_path):
    rng = np.random.default_rng(0)
    wanted = {"adaloss": [], "const": []}
    for seed in range(3):
        for scheme, network in ((s, n) for s in wanted for n in lists.SMALL):
            curve = np.linspace(0.8, 0.5, 12) + 0.01 * rng.random(12) + 0.02 * (scheme == "const")
            record(tmp_path, scheme, curve, network, seed, SHORT)
    # slowly: at each of many budgets, the latest finished network's best-paid exit answers
    for scheme in wanted:
        for seed in range(3):
            by_network = {run.config["network"]: run for run in claims_runs(tmp_path, scheme, seed)}
            members = [by_network[network] for network in lists.SMALL]
            wanted[scheme].append(np.mean([100 * answer(members, b) for b in budgets(members)]))
    apart = np.mean(wanted["const"]) - np.mean(wanted["adaloss"])
    found = row(tmp_path, "7")
    assert numbers(found.ours)[0] == pytest.approx(apart, abs=0.02)
    assert found.verdict == "shown"


def claims_runs(folder, scheme, seed):
    runs = [Run.load(path) for path in folder.glob("*.json")]
    return [r for r in runs if (r.config["weighting"], r.config["seed"]) == (scheme, seed)]


def budgets(members):
    return np.geomspace(members[0].cost[0], sum(run.cost[-1] for run in members), 4001)[:-1]


def answer(members, budget):
    """The error of the answer that stands: of the exit that costs most in its own network."""
    best, spent = (-1.0, np.nan), 0.0
    for run in members:
        for cost, error in zip(run.cost, run.final("test_error"), strict=True):
            if spent + cost <= budget * (1 + 1e-12) and cost > best[0]:
                best = cost, error
        spent += run.cost[-1]
    return best[1]


def test_the_authors_settings_count_as_three(tmp_path):
    large = SHORT | {"batch_size": 128}
    for seed in range(3):
        for scheme, shift in (("const", 0.01), ("opt", 0.0)):
            record(tmp_path, scheme, 0.4 + seed / 1000, seed=seed, recipe=SHORT)
            record(tmp_path, scheme, 0.4 + shift + seed / 1000, seed=seed, recipe=large)
        record(tmp_path, "linear", 0.4 + seed / 1000, seed=seed, recipe=SHORT)
        record(tmp_path, "linear:total=3.585", 0.4 + seed / 1000, seed=seed, recipe=SHORT)
    found = row(tmp_path, "8")
    p = 3 * stats.ttest_ind([41, 41.1, 41.2], [40, 40.1, 40.2]).pvalue
    assert found.verdict == "shown"
    assert claims.findings(map(Run.load, sorted(tmp_path.glob("*.json"))))[0].p == pytest.approx(p)
    parts = re.findall(r": (-?[0-9.]+) \[", found.ours)
    assert [float(part) for part in parts] == [1.0, 0.0, 0.0]


def test_runs_on_other_data_by_the_same_name_are_refused(planned):
    for scheme, errors in ERRORS.items():
        for seed, error in enumerate(errors):
            record(planned, scheme, error / 100, seed=seed, fingerprint="other")
    with pytest.raises(ValueError, match="different data by the name of 'cifar100'"):
        ledger.ledger(planned)


def test_no_recalled_figure_stands_anywhere_without_its_mark(tmp_path):
    for text in ledger.ledger(tmp_path).paper:
        assert text.count("%") == text.count("confirmed")


def test_a_run_that_lies_in_two_folders_counts_once(tmp_path):
    for folder in (tmp_path / "schemes", tmp_path / "small-beats-large"):
        for seed in range(2):
            record(folder, "const", 0.5 + seed / 100, seed=seed)
            record(folder, "adaloss", 0.4 + seed / 100, seed=seed)
    found = row(tmp_path, "3a")
    assert (found.seeds, found.core_hours) == ("2, 2", 4.0)


def test_an_unfinished_run_does_not_count(tmp_path):
    record(tmp_path, "const", 0.5)
    run = record(tmp_path, "adaloss", 0.4)
    run.finished = False
    run.save(run.path)
    assert row(tmp_path, "3a").verdict == "not run"


def test_the_written_ledger_is_the_ledger(tmp_path):
    record(tmp_path / "runs", "const", [0.9, 0.9, 0.9, 0.5])
    table = ledger.ledger(tmp_path / "runs")
    ledger.write(table, tmp_path / "ledger.csv")
    read = pd.read_csv(tmp_path / "ledger.csv", keep_default_na=False)
    pd.testing.assert_frame_equal(read, table)


def test_a_ledger_that_cannot_be_written_whole_leaves_the_old_one(tmp_path):
    path = tmp_path / "ledger.csv"
    path.write_text("the old ledger")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, hard))  # as on a full disk
    try:
        with pytest.raises(OSError):
            ledger.write(ledger.ledger(tmp_path / "runs"), path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert path.read_text() == "the old ledger"
    assert list(tmp_path.iterdir()) == [path]


def test_a_bar_or_a_new_line_in_a_cell_does_not_break_a_markdown_table(tmp_path):
    table = ledger.ledger(tmp_path)
    table.loc[0, "claim"] = "x|y\nz"
    lines = report.to_markdown(table).splitlines()
    (found,) = [line for line in lines if "x\\|y z" in line]
    cells = [line.replace("\\|", "").count("|") for line in lines if line.startswith("| 1 ")]
    assert cells[0] == found.replace("\\|", "").count("|") == 8


def test_each_claim_has_one_table_of_what_stands_beside_it(tmp_path):
    for dataset in ("toy", "other"):
        for seed in range(2):
            record(tmp_path, "const", 0.5 + seed / 100, seed=seed, dataset=dataset)
            record(tmp_path, "adaloss", 0.4 + seed / 100, seed=seed, dataset=dataset)
    text = report.to_markdown(ledger.ledger(tmp_path))
    claim = f"**3a. {claims.CLAIMS['3a'].text}.**"
    assert text.count(claim) == 1
    found = text.split(claim)[1].strip().split("\n\n")[0].splitlines()
    assert [line.split(" | ")[0] for line in found[2:]] == ["| toy  ", "| other"]


def test_the_ledger_goes_into_its_place_and_nothing_else_of_the_page_changes(tmp_path):
    page, table = tmp_path / "page.md", ledger.ledger(tmp_path)
    page.write_text("é before\n<!-- ledger -->\nold\n<!-- /ledger -->\nafter | this\n", "utf-8")
    for _ in range(2):
        report.put(page, "ledger", report.to_markdown(table))
    before, rest = page.read_text("utf-8").split("<!-- ledger -->\n")
    inside, after = rest.split("<!-- /ledger -->")
    assert (before, after) == ("é before\n", "\nafter | this\n")
    assert inside == report.to_markdown(table) + "\n"


@pytest.mark.parametrize("text", ["no place", "<!-- ledger -->\nwithout an end"])
def test_a_page_without_a_place_for_the_ledger_is_left_as_it_was(tmp_path, text):
    page = tmp_path / "page.md"
    page.write_text(text)
    with pytest.raises(ValueError, match="page.md marks no place for the ledger"):
        report.put(page, "ledger", report.to_markdown(ledger.ledger(tmp_path)))
    assert page.read_text() == text


def test_the_ledger_that_ships_is_that_of_the_records_that_ship(tmp_path):
    ledger.write(ledger.ledger(RUNS), tmp_path / "ledger.csv")
    assert (tmp_path / "ledger.csv").read_text("utf-8") == ledger.LEDGER.read_text("utf-8")
    table = report.to_markdown(ledger.ledger(RUNS))
    assert f"<!-- ledger -->\n{table}\n<!-- /ledger -->" in report.PAGE.read_text("utf-8")


@pytest.mark.parametrize(
    "page, message",
    [
        ("missing.md", "there is no page .*missing.md; make one with the lines <!-- ledger -->"),
        ("plain.md", "plain.md marks no place for the ledger; add the lines <!-- ledger -->"),
    ],
)
def test_a_page_that_cannot_be_filled_is_named_before_anything_is_written(
    tmp_path, capsys, page, message
):
    record(tmp_path / "runs", "const", [0.9, 0.9, 0.9, 0.5])
    (tmp_path / "plain.md").write_text("no place")
    (tmp_path / "ledger.csv").write_text("the old ledger")
    command = ["report", "--runs", str(tmp_path / "runs"), "--out", str(tmp_path / "ledger.csv")]
    assert main([*command, "--page", str(tmp_path / page)]) == 1
    assert re.search(message, capsys.readouterr().err)
    assert (tmp_path / "ledger.csv").read_text() == "the old ledger"


def test_a_folder_without_finished_runs_does_not_overwrite_the_ledger(tmp_path, capsys):
    (tmp_path / "runs").mkdir()
    (tmp_path / "ledger.csv").write_text("the old ledger")
    command = ["report", "--runs", str(tmp_path / "runs"), "--out", str(tmp_path / "ledger.csv")]
    assert main(command) == 1
    assert f"no finished run below {tmp_path / 'runs'}" in capsys.readouterr().err
    assert (tmp_path / "ledger.csv").read_text() == "the old ledger"


def test_another_table_than_the_default_leaves_the_page_that_ships_alone(tmp_path):
    record(tmp_path / "runs", "const", [0.9, 0.9, 0.9, 0.5])
    before = report.PAGE.read_bytes()
    assert main(["report", "--runs", str(tmp_path / "runs"), "--out", str(tmp_path / "x.csv")]) == 0
    assert report.PAGE.read_bytes() == before
