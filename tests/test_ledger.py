"""The ledger on records made here, with figures worked out by hand."""

import math
import re
import resource
from itertools import pairwise

import pandas as pd
import pytest

from anytime.__main__ import main
from anytime.experiments import ledger, report
from anytime.paths import RUNS
from anytime.runs import Run

NET, LARGE = "resann-3-16", "resann-5-16"
COST = {NET: [100, 200, 300, 400], LARGE: [100, 200, 300, 400, 500]}
RECIPE = {"epochs": 2, "schedule": "one-cycle", "augmentation": ["flip"]}


def record(
    folder, weighting, errors, network=NET, seed=0, dataset="toy", weights=None, **changes
) -> Run:
    """Saves a finished run of an hour with these test errors (and final weights) per exit."""
    config = {"dataset": dataset, "train_images": 90, "network": network, "weighting": weighting}
    config |= {"recipe": RECIPE, "seed": seed} | changes
    entry = {"epoch": 2, "test_error": errors, "weights": weights or [1.0] * len(errors)}
    cost = COST[network.partition("-to")[0]][: len(errors)]
    run = Run(config, cost, history=[{"epoch": 1}, entry], cpu_seconds=3600.0, finished=True)
    run.save(folder / f"{len(list(folder.glob('*')))}.json")
    return run


def rows(folder, claim: str) -> pd.DataFrame:
    table = ledger.ledger(folder)
    return table[table.claim.str.contains(claim, regex=False)].reset_index(drop=True)


INCREASE, GAIN, SMALL, MOVE = "errors than OPT", "fewer errors than CONST", "smaller", ledger.MOVE
LINEAR, PRICE = "fewer errors than LINEAR", "more errors than CONST at 1/4"


@pytest.mark.parametrize(
    "differences, said",
    [
        ([], "not run"),
        ([5.0], "undecided"),
        ([5.0, 5.0], "undecided"),  # two seeds are too few, however clear
        # the standard error is 1 / sqrt(3); of Student's t with 2 degrees of freedom 95 % lie
        # within 0.95 / sqrt(2 * 0.975 * 0.025) = 4.30 of them, which are 2.48
        ([1.47, 2.47, 3.47], "undecided"),
        ([1.50, 2.50, 3.50], "shown"),
        ([-1.50, -2.50, -3.50], "reversed"),
        ([-0.1, 3.0, 3.0, 3.0, 3.0], "shown"),  # 3.8 standard errors; 2.8 are enough for five
        ([2.0, 2.0, 2.0], "shown"),
        ([0.0, 0.0, 0.0], "undecided"),
        ([math.nan] * 3, "undecided"),
        ([1.5, 2.5, math.nan], "undecided"),
    ],
)
def test_a_verdict_needs_three_seeds_and_zero_outside_the_interval(differences, said):
    assert ledger.verdict(differences) == said


def test_without_runs_every_claim_is_said_not_to_be_run(tmp_path):
    table = ledger.ledger(tmp_path)
    assert table.verdict.tolist() == ["not run"] * 6
    assert table.ours.tolist() == [""] * 6


def test_the_increase_over_opt_is_given_at_the_quarters_with_its_spread(tmp_path):
    record(tmp_path, "const", [0.5, 0.5, 0.5, 0.3])
    record(tmp_path, "const", [0.6, 0.5, 0.5, 0.5], seed=1)
    record(tmp_path, "opt", [0.4], f"{NET}-to1")
    record(tmp_path, "opt", [0.9, 0.9, 0.25], f"{NET}-to3")
    record(tmp_path, "opt", [0.9, 0.9, 0.9, 0.2])
    (row,) = rows(tmp_path, INCREASE).itertuples()
    # 25 and 50 %: 37.5 ± 17.7; no OPT for exit 2; 100 % twice; 50 and 150 %: 100 ± 70.7
    assert row.ours == "37.5 ± 17.7 · ? · 100.0 ± 0.0 · 100.0 ± 70.7"
    assert (row.seeds, row.core_hours) == (2, 5.0)
    assert row.verdict == "undecided"  # two seeds
    assert row.deviations == "90 training images, 2 epochs, augmentation: flip"


@pytest.mark.parametrize("scheme, confirmed", [("const", 1), ("linear", 0), ("adaloss", 0)])
def test_the_paper_s_recalled_figures_are_marked_as_not_confirmed(tmp_path, scheme, confirmed):
    record(tmp_path, scheme, [0.5, 0.5, 0.5, 0.5])
    record(tmp_path, "opt", [0.9, 0.9, 0.9, 0.2])
    (row,) = rows(tmp_path, INCREASE).itertuples()
    figures = row.paper.split(" · ")
    assert [figure.endswith("(not confirmed)") for figure in figures].count(True) == 4 - confirmed
    assert all("confirmed" in figure for figure in figures)


def test_no_recalled_figure_stands_anywhere_without_its_mark(tmp_path):
    record(tmp_path, "const", [0.5, 0.5, 0.5, 0.4])
    record(tmp_path, "adaloss", [0.5, 0.5, 0.5, 0.3])
    for text in ledger.ledger(tmp_path).paper:
        assert text.count("%") == text.count("confirmed")


def test_what_adaloss_saves_is_paired_seed_by_seed(tmp_path):
    for seed, (const, ada) in enumerate([(0.30, 0.28), (0.40, 0.385), (0.50, 0.475)]):
        record(tmp_path, "const", [0.9, 0.9, 0.9, const], seed=seed)
        record(tmp_path, "adaloss", [0.9, 0.9, 0.9, ada], seed=seed)
    record(tmp_path, "adaloss", [0.9, 0.9, 0.9, 0.0], seed=7)  # no CONST of this seed
    (row,) = rows(tmp_path, GAIN).itertuples()
    # 2, 1.5 and 2.5 points
    assert (row.ours, row.seeds, row.verdict) == ("2.00 ± 0.50", 3, "shown")
    assert (row.data, row.network, row.core_hours) == ("toy", NET, 6.0)


def test_what_adaloss_pays_at_a_quarter_and_saves_over_linear_is_paired_too(tmp_path):
    for seed in range(3):
        record(tmp_path, "const", [0.20, 0.9, 0.9, 0.5], seed=seed)
        record(tmp_path, "linear", [0.9, 0.9, 0.9, 0.10 + 0.01 * seed], seed=seed)
        record(tmp_path, "adaloss", [0.23, 0.9, 0.9, 0.12], seed=seed)
    (price,), (linear,) = (rows(tmp_path, kind).itertuples() for kind in (PRICE, LINEAR))
    assert (price.ours, price.verdict) == ("3.00 ± 0.00", "shown")
    assert (linear.ours, linear.verdict) == ("-1.00 ± 1.00", "undecided")  # -2, -1 and 0 points


@pytest.mark.parametrize(
    "opt, const, linear",
    [
        ([0.20, 0.20, 0.20], "shown", "reversed"),
        ([0.20], "undecided", "undecided"),  # it may have been lucky
        ([0.20, 0.32, 0.14], "undecided", "undecided"),  # it scatters by as much
    ],
)
def test_three_seeds_above_as_many_of_opt_at_the_last_exit_are_shown(tmp_path, opt, const, linear):
    for seed, error in enumerate([0.30, 0.31, 0.32]):
        record(tmp_path, "const", [0.5, 0.5, 0.5, error], seed=seed)
        record(tmp_path, "linear", [0.5, 0.5, 0.5, error - 0.2], seed=seed)
    for seed, error in enumerate(opt):
        record(tmp_path, "opt", [0.9, 0.9, 0.9, error], seed=seed)
    record(tmp_path, "opt", [0.9, 0.9, 0.0], f"{NET}-to3")  # is of another exit
    assert rows(tmp_path, INCREASE).verdict.tolist() == [const, linear]


def test_a_variant_of_adaloss_has_a_row_of_its_own(tmp_path):
    record(tmp_path, "const", [0.9, 0.9, 0.9, 0.5])
    record(tmp_path, "adaloss", [0.9, 0.9, 0.9, 0.4])
    record(tmp_path, "adaloss:extra=1", [0.9, 0.9, 0.9, 0.6])
    record(tmp_path, "adaloss:gamma=0.14", [0.9, 0.9, 0.9, 0.3])
    found = rows(tmp_path, GAIN)
    assert found.ours.tolist() == ["10.00", "-10.00", "20.00"]
    names = ["AdaLoss", "AdaLoss e=1", "adaloss:gamma=0.14"]
    assert found.claim.str.partition(" makes")[0].tolist() == names


def test_errors_on_images_set_aside_are_no_test_errors(tmp_path):
    for scheme, error in (("const", 0.5), ("adaloss", 0.4)):
        record(tmp_path, scheme, [0.9, 0.9, 0.9, error], validation_images=10)
    assert rows(tmp_path, GAIN).verdict.tolist() == ["not run"]


def test_the_smaller_network_with_adaloss_is_held_against_the_larger_with_const(tmp_path):
    record(tmp_path, "adaloss", [0.9, 0.9, 0.9, 0.30])
    record(tmp_path, "const", [0.9, 0.9, 0.9, 0.99])
    record(tmp_path, "adaloss", [0.9, 0.9, 0.9, 0.9, 0.01], LARGE)
    record(tmp_path, "const", [0.9, 0.9, 0.9, 0.9, 0.34], LARGE)
    (row,) = rows(tmp_path, SMALL).itertuples()
    assert (row.ours, row.network) == ("4.00", f"{NET} < {LARGE}")


def test_difficulty_compares_where_the_final_weights_lie(tmp_path):
    easy, hard = [1.0, 0.0, 0.0, 1.0], [0.0, 0.0, 0.0, 1.0]  # mean positions 0.5 and 1
    for seed in range(3):
        for dataset, weights in (("gtsrb-half", easy), ("tiny-imagenet-100", hard)):
            record(tmp_path, "adaloss", [0.5] * 4, seed=seed, dataset=dataset, weights=weights)
    (row,) = rows(tmp_path, MOVE).itertuples()
    assert (row.ours, row.seeds, row.verdict) == ("0.500 ± 0.000", 3, "shown")
    assert row.data == "GTSRB (every second frame) < Tiny-ImageNet (every second class)"


@pytest.mark.parametrize(
    "change",
    [
        {"dataset": "other"},
        {"train_images": 91},
        {"recipe": RECIPE | {"epochs": 3}},
        {"image_size": 16},
        {"recipe": RECIPE | {"augmentation": []}},
    ],
)
def test_runs_of_different_settings_are_never_compared(tmp_path, change):
    record(tmp_path, "const", [0.9, 0.9, 0.9, 0.5])
    record(tmp_path, "adaloss", [0.9, 0.9, 0.9, 0.4], **change)
    record(tmp_path, "opt", [0.9, 0.9, 0.9, 0.2], **change)
    record(tmp_path, "const", [0.9, 0.9, 0.9, 0.9, 0.6], LARGE, **change | {"dataset": "third"})
    assert rows(tmp_path, GAIN).verdict.tolist() == ["not run"]
    assert rows(tmp_path, SMALL).verdict.tolist() == ["not run"]
    assert "CONST" not in rows(tmp_path, INCREASE).claim.str.split().str[0].tolist()


def test_difficulty_compares_neighbours_of_each_order_also_above_the_floor(tmp_path):
    places = {"glyphs-10-0": [0.5, 1.0], "glyphs-10-0.5": [0.3, 1.0], "glyphs-10-1": [0.07, 1.0]}
    for dataset, weights in places.items():
        record(tmp_path, "adaloss", [0.5] * 2, dataset=dataset, weights=weights)
    # of the clutter, 1 against 0 is no pair; above the floor all weight is on the last exit
    found = rows(tmp_path, ledger.ABOVE)
    assert found.data.tolist() == ["glyphs-10-0 < glyphs-10-0.5", "glyphs-10-0.5 < glyphs-10-1"]
    positions = [0.93 / (0.93 + above) for above in (0.43, 0.23, 0.0)]
    assert found.ours.tolist() == [f"{b - a:.3f}" for a, b in pairwise(positions)]
    assert rows(tmp_path, MOVE).ours.tolist()[0] == f"{1 / 1.3 - 1 / 1.5:.3f}"


def test_difficulty_does_not_mix_settings_either(tmp_path):
    record(tmp_path, "adaloss", [0.5] * 4, dataset="gtsrb-half")
    record(tmp_path, "adaloss", [0.5] * 4, dataset="cifar10", train_images=91)
    record(tmp_path, "adaloss:extra=1", [0.5] * 4, dataset="tiny-imagenet-100")
    assert rows(tmp_path, MOVE).verdict.tolist() == ["not run"]


def test_a_run_that_lies_in_two_folders_counts_once(tmp_path):
    for folder in (tmp_path / "schemes", tmp_path / "small-beats-large"):
        record(folder, "const", [0.9, 0.9, 0.9, 0.5])
        record(folder, "adaloss", [0.9, 0.9, 0.9, 0.4])
    (row,) = rows(tmp_path, GAIN).itertuples()
    assert (row.seeds, row.core_hours) == (1, 2.0)


def test_an_unfinished_run_does_not_count(tmp_path):
    record(tmp_path, "const", [0.9, 0.9, 0.9, 0.5])
    run = record(tmp_path, "adaloss", [0.9, 0.9, 0.9, 0.4])
    run.finished = False
    run.save(run.path)
    assert rows(tmp_path, GAIN).verdict.tolist() == ["not run"]


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


def test_a_bar_or_a_new_line_in_a_cell_does_not_break_a_markdown_table():
    claim = {"claim": ["All"] * 2, "paper": ["yes"] * 2}
    table = pd.DataFrame(claim | {"core_hours": ["x|y", "two\nlines"], "c": [1, 2]})
    lines = report.to_markdown(table).splitlines()
    assert lines[:2] == ["**All.** The paper: yes.", ""]
    wanted = [
        "| core hours | c   |",
        "| ---------- | --- |",
        "| x\\|y       | 1   |",
        "| two lines  | 2   |",
    ]
    assert lines[2:] == wanted


def test_each_claim_has_one_table_of_all_that_was_found(tmp_path):
    for dataset in ("toy", "other"):
        record(tmp_path, "const", [0.9, 0.9, 0.9, 0.5], dataset=dataset)
        record(tmp_path, "adaloss", [0.9, 0.9, 0.9, 0.4], dataset=dataset)
    text = report.to_markdown(ledger.ledger(tmp_path))
    (gain,) = [part for part in text.split("**") if GAIN in part]
    assert text.count(gain) == 1
    (found,) = [part.split("**")[0] for part in text.split(f"{gain}**")[1:]]
    assert [line.split(" | ")[0] for line in found.splitlines()[4:6]] == ["| toy  ", "| other"]


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
