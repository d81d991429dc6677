"""The explorers' page without a browser: what is in it, whatever the runs are."""

import json
import re
import shutil
import subprocess

import numpy as np
import pytest

from anytime.explore import recorded
from anytime.explore.page import building, tables
from anytime.explore.page.__main__ import folders, main
from anytime.runs import Run

SCRIPTS = sorted(building.PARTS.glob("*.js"))


def run(dataset="easy", exits=4, seed=0, **changes):
    """Weights that move for five epochs, the later the more on the last exit."""
    given = {"title": dataset, "scheme": "adaloss", "epochs": 5, "network": "net"} | changes
    draw = np.random.default_rng(seed)
    history = []
    for epoch in range(1, given["epochs"] + 1):
        weights = np.sort(draw.uniform(0.1, 1, exits)).tolist()
        losses = (np.linspace(2, 1.5, exits) * 0.5 ** (epoch - draw.uniform())).tolist()
        entry = {"epoch": epoch, "lr": 0.1, "weights": weights, "train_loss": losses}
        history.append(entry | {"test_error": np.linspace(0.9, 0.2, exits).tolist()})
    recipe = {"epochs": given["epochs"], "batch_size": 64, "augmentation": ["crop"]}
    config = {"dataset": dataset, "train_images": 100, "network": given["network"]}
    config |= {"weighting": given["scheme"], "recipe": recipe, "seed": seed}
    cost = [1000 * (k + 1) for k in range(exits)]
    return Run(config, cost, history=history, title=given["title"], finished=True)


def contents(page):
    """The tables in a page, read as a browser does: to the first end of a script."""
    found = re.search(r'<script id="data" type="application/json">(.*?)</script', page, re.DOTALL)
    return json.loads(found[1])


def final(runs):
    return tables.weights(runs)


def test_the_page_loads_nothing_from_elsewhere():
    page = building.page([run()])
    assert not re.findall(r'(?:src|href)="(?!data:,"|#")', page)
    assert "http" not in re.sub(r"http://www\.w3\.org/2000/svg", "", page)


def test_names_stay_names():
    names = ["</script><script>alert(1)</script>", "a$b_{c$", "数据 <集>", "@data@ @notes@ \\1"]
    runs = [run(f"set{i}", title=name) for i, name in enumerate(names)]
    page = building.page([*runs, run("fixed", scheme="mine:<b>bold</b>", epochs=1)])
    found = contents(page)["weights"]["settings"][0]["names"]
    assert sorted(found) == sorted(names)
    assert "alert(1)</script>" not in page and "<b>bold" not in page
    assert "mine:&lt;b&gt;bold&lt;/b&gt;" in page


def test_a_page_without_runs_says_how_to_make_some():
    page = building.page([])
    assert "python -m anytime run" in page and contents(page)["weights"]["settings"] == []


def test_weightings_that_never_move_are_named_and_left_out():
    fixed = run(scheme="const")
    for entry in fixed.history:
        entry["weights"] = [1.0] * 4
    found = final([fixed, run()])
    assert len(found["settings"]) == 1 and found["note"].endswith("in training: CONST.")


@pytest.mark.parametrize("exits", [1, 2, 100])
def test_any_number_of_exits_has_its_tables(exits):
    (setting,) = final([run(exits=exits)])["settings"]
    table = setting["all"]["epoch"]
    assert np.shape(table["value"]) == (1, 5, exits) and np.shape(table["mean_position"]) == (1, 5)


def test_settings_are_told_apart_in_words():
    other = run("hard")
    other.config["recipe"] |= {"batch_size": 32}
    found = [one["words"] for one in final([run(), other, run("own", scheme="mine")])["settings"]]
    assert len(set(found)) == 3
    assert sum("batch size 32" in words for words in found) == 1
    assert all("net (4 exits)" in words and "100 images" in words for words in found)


def test_only_presets_whose_data_sets_are_there_are_offered():
    assert final([run("svhn-10k"), run("cifar10-59904")])["presets"] == []
    runs = [run("cifar100"), run("svhn-10k"), run("cifar10-59904"), run("more")]
    runs += [run("cifar100", scheme="adaloss:gamma=0")]
    (preset,) = final(runs)["presets"]
    assert preset["title"].endswith("figure 5c")
    assert sorted(preset["sets"]) == ["cifar10-59904", "cifar100", "svhn-10k"]
    assert "AdaLoss," in preset["runs"]


def test_whole_sets_are_a_preset_where_they_differ_in_size():
    small, large = run("small"), run("large")
    large.config["train_images"] = 900
    found = final([small, large])
    assert [one["title"] for one in found["presets"]] == ["whole sets"]
    assert "all images" in found["presets"][0]["runs"]


def test_of_a_long_training_some_epochs_are_kept_the_last_among_them():
    (setting,) = final([run(epochs=180)])["settings"]
    assert setting["epoch"] == list(range(3, 181, 3))


def test_files_that_are_no_runs_are_named_on_the_page(tmp_path, monkeypatch):
    monkeypatch.setattr(recorded, "RUNS", tmp_path / "shipped")
    run().save(tmp_path / "shipped" / "run.json")
    (tmp_path / "my runs").mkdir()
    (tmp_path / "my runs" / "notes <1>.json").write_text("{}")
    page = building.page([tmp_path / "my runs"])
    assert "notes &lt;1&gt;.json is not the record of a run" in page
    assert "Drawn from 1 recorded run" in page


def test_the_command_writes_the_page_of_folders_with_spaces(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(recorded, "RUNS", tmp_path / "shipped")
    monkeypatch.chdir(tmp_path)
    for folder in ("shipped", "my own runs", "more"):
        run(f"in {folder}").save(tmp_path / folder / "run.json")
    assert main(["my own runs", "more", "--out", "p/page.html", "--no-open"]) == 0
    assert f"{tmp_path / 'p' / 'page.html'}" in capsys.readouterr().out
    (setting,) = contents((tmp_path / "p" / "page.html").read_text("utf-8"))["weights"]["settings"]
    assert len(setting["ids"]) == 3
    assert folders(["my own runs"]) == ["my own runs"]
    assert folders(["'my own runs' more"]) == ["my own runs", "more"] and folders([""]) == []


def test_a_folder_that_is_not_there_is_named_in_one_line(capsys):
    assert main(["/no/such folder", "--no-open"]) == 1
    assert capsys.readouterr().err.count("\n") == 1


def test_make_gives_the_folders_as_they_were_typed(tmp_path):
    said = subprocess.run(
        ["make", "-n", "-o", ".venv/kit", "explore", "RUNS='my own' more"],
        cwd=building.REPOSITORY,
        capture_output=True,
        text=True,
    )
    assert 'anytime.explore.page  "$RUNS"' in said.stdout, said.stderr


def test_curves_are_means_over_seeds_and_opt_has_no_line_of_its_own():
    runs = [run(seed=seed) for seed in range(2)] + [run(scheme="opt"), run("other")]
    for one, error in zip(runs, (0.2, 0.4, 0.15, 0.5), strict=True):
        one.history[-1]["test_error"] = [0.9, 0.8, 0.7, error]
    runs[2].history[-1]["weights"] = [0, 0, 0, 1]
    found = tables.anytime_curves(runs)
    assert list(found) == ["easy", "other"]
    lines = {one["weighting"]: one for one in found["easy"]}
    assert list(lines["AdaLoss"])[3:5] == ["test error", "error increase over OPT"]
    assert lines["AdaLoss"]["test error"]["mean"] == pytest.approx([0.9, 0.8, 0.7, 0.3])
    assert lines["AdaLoss"]["test error"]["low"][-1] == 0.2
    assert lines["AdaLoss"]["test error"]["cost"] == [0.001, 0.002, 0.003, 0.004]
    # OPT's error is 0.15 at the one exit for which it was trained.
    assert lines["AdaLoss"]["error increase over OPT"] == {
        "cost": [0.004],
        "mean": [1.0],
        "low": [pytest.approx(1 / 3, abs=1e-4)],
        "high": [pytest.approx(5 / 3, abs=1e-3)],
    }
    assert lines["OPT"]["opt"] and lines["OPT"]["test error"]["mean"] == [0.15]


def test_totals_and_shares_are_those_of_the_records():
    fixed = [run(scheme=f"const:total={total}") for total in (2, 6)]
    for one, total in zip(fixed, (2, 6), strict=True):
        for entry in one.history:
            entry["weights"] = [total / 4] * 4
    moving = run(seed=3)
    (found,) = tables.totals_and_shares([*fixed, moving])
    last = found["exits"][3]["lines"]
    (first,) = last["AdaLoss"]
    assert [one["total"] for one in last["CONST"]] == [2, 6]
    weights = np.array([entry["weights"] for entry in moving.history])
    assert first["total"] == pytest.approx(weights.sum(1).mean(), abs=1e-4)
    assert first["share"] == pytest.approx((weights[:, 3] / weights.sum(1)).mean(), abs=1e-4)
    assert [one["error"] for one in [first, *last["CONST"]]] == [0.2, 0.2, 0.2]
    assert "The total alone, with CONST" in found["exits"][3]["words"]
    assert list(found["looks"]) == ["AdaLoss", "CONST"]


@pytest.mark.parametrize("spec", ["const", "linear", "half-end", "sieve", "adaloss", "opt", "own"])
def test_a_mark_is_the_outline_that_matplotlib_draws(spec):
    drawn = np.array(re.findall(r"-?[0-9.]+", tables._look(spec)["mark"]), dtype=float)
    points = drawn.reshape(-1, 2)
    assert np.abs(points).max() <= 1.45 and np.ptp(points, axis=0).min() >= 1


def test_the_chain_and_the_schemes_are_those_of_the_formulas():
    chain = tables.eann()
    table = chain["tables"][chain["bases"].index(2.0)]
    assert (table["sup"], round(table["bound"], 3)) == (3.0, 2.443)
    for budget, factor in zip(table["budget"], table["factor"], strict=True):
        if budget == 1 or 2 < budget < 3:  # the first alone; the second answers, the first is lost
            assert factor == pytest.approx(budget / max(1, budget - 1), abs=2e-3)
    static = tables.schemes([])["static"]
    assert static["LINEAR"][1] == [0.25, 0.625, 1.0] and len(static["CONST"][30]) == 32


@pytest.mark.skipif(not shutil.which("node"), reason="there is no node here")
@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.name)
def test_a_script_is_read_by_node(script):
    subprocess.run(["node", "--check", script], check=True)


def test_the_scripts_are_short():
    code = {}
    for script in SCRIPTS:
        lines = script.read_text("utf-8").splitlines()
        assert max(map(len, lines)) <= 130
        code[script.name] = sum(not line.strip().startswith(("//", "\n")) for line in lines if line)
    assert code["network.js"] <= 150
    assert sum(code.values()) - code["network.js"] - code["live.js"] <= 600
    assert sum(code.values()) <= 783
