"""Records of runs: what is saved is what is read, nothing is half-written, and runs are found."""

import json
import os

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from anytime import paths, runs
from anytime.runs import Run


def entry(epoch: int, test: bool = True) -> dict:
    """Three exits whose figures tell the epoch and the exit."""
    columns = {"train_loss": 3.0, "train_error": 0.3, "weights": 1.0}
    columns |= {"test_loss": 4.0, "test_error": 0.4} if test else {}
    figures = {key: [value / epoch - 0.01 * k for k in range(3)] for key, value in columns.items()}
    return {"epoch": epoch, "lr": 0.1, **figures}


def record(weighting: str = "const", seed: int = 0, finished: bool = True, **config) -> Run:
    made = {"dataset": "fashion", "network": "resann-1-4", "weighting": weighting}
    config = made | {"recipe": {"epochs": 4}} | config
    return Run(
        config | {"seed": seed},
        cost=[100, 300, 400],
        parameters=[10, 20, 30],
        history=[entry(1), entry(2), entry(3, test=False), entry(4)],
        title="Fashion",
        seconds=12.5,
        cpu_seconds=10.25,
        sittings=[{}, {"torch": "2.0", "cores": 2}],
        finished=finished,
    )


@pytest.fixture
def folder(tmp_path):
    """Five runs in two folders, one of them cut off."""
    record().save(tmp_path / "first" / "a.json")
    record(seed=1).save(tmp_path / "first" / "b.json")
    record("adaloss").save(tmp_path / "second" / "c.json")
    record("adaloss", dataset="glyphs").save(tmp_path / "second" / "deep" / "d.json")
    record("opt", finished=False).save(tmp_path / "second" / "e.json")
    return tmp_path


def found(*arguments, **wanted) -> str:
    """The names of the files found, in order, as one word."""
    return "".join(run.path.stem for run in runs.find(*arguments, **wanted))


def fill_the_disk(monkeypatch) -> None:
    def full(*arguments):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", full)


def test_a_saved_run_is_read_back_as_it_was(tmp_path):
    run = record(recipe={"epochs": 4, "milestones": [[2, 0.01]]})
    path = run.save(tmp_path / "made" / "on the way" / "run.json")
    again = Run.load(path)
    assert again == run
    assert again.path == path
    assert (again.seconds, again.cpu_seconds, again.finished) == (12.5, 10.25, True)
    assert again.sittings == [{}, {"torch": "2.0", "cores": 2}] and again.environment["cores"] == 2


def test_a_run_that_has_only_begun_is_read_back_too(tmp_path):
    run = Run(record().config, cost=[1, 2])
    assert Run.load(run.save(tmp_path / "run.json")) == run


def test_a_record_is_json_with_a_line_per_epoch_and_nothing_of_this_machine(tmp_path):
    text = record().save(tmp_path / "run.json").read_text()
    assert json.loads(text)["history"] == record().history
    assert [line for line in text.splitlines() if '"epoch":' in line and '"weights":' in line]
    assert sum('"epoch"' in line for line in text.splitlines()) == 4
    assert str(tmp_path) not in text


def test_a_full_disk_leaves_the_old_record_and_no_temporary_file(tmp_path, monkeypatch):
    path = record(seed=1).save(tmp_path / "run.json")
    fill_the_disk(monkeypatch)
    with pytest.raises(OSError, match="No space"):
        record(seed=2).save(path)
    assert os.listdir(tmp_path) == ["run.json"]
    assert Run.load(path).config["seed"] == 1


def test_a_full_disk_leaves_nothing_of_a_new_record(tmp_path, monkeypatch):
    run = record()
    fill_the_disk(monkeypatch)
    with pytest.raises(OSError, match="No space"):
        run.save(tmp_path / "run.json")
    assert os.listdir(tmp_path) == [] and run.path is None


def as_written(**changes) -> bytes:
    """A finished record, with something else in some places."""
    content = {key: value for key, value in vars(record()).items() if key != "path"}
    return json.dumps(content | changes).encode()


BROKEN = {
    "cut off": b'{"config": {"dataset": "fas',
    "no cost": b'{"config": {}}',
    "other keys": b'{"a": 1}',
    "a list": b"[1, 2]",
    "empty": b"",
    "no text": b"\xff\xfe",
    "no configuration": as_written(config={}),
    "a newer kit's": as_written(schema=99),
    "no exits": as_written(cost=[]),
    "an epoch twice": as_written(history=[entry(1), entry(1)]),
    "an exit short": as_written(history=[entry(1) | {"test_error": [0.1, 0.2]}]),
    "not a number": as_written(history=[entry(1) | {"test_error": [0.1, 0.2, None]}]),
    "finished without a test": as_written(history=[entry(1, test=False)]),
    "finished without an epoch": as_written(history=[]),
    "an older one without its place": as_written(schema=1),
}


@pytest.mark.parametrize("content", BROKEN.values(), ids=BROKEN)
def test_a_file_that_is_no_record_is_named_and_left_out(tmp_path, content):
    (tmp_path / "broken.json").write_bytes(content)
    record().save(tmp_path / "good.json")
    with pytest.raises(ValueError, match=r"broken\.json is not the record of a run"):
        Run.load(tmp_path / "broken.json")
    with pytest.warns(UserWarning, match=r"broken\.json is not the record") as said:
        assert found(tmp_path) == "good"
    assert len(said) == 1


def test_what_an_editor_keeps_in_hidden_folders_is_no_second_run(tmp_path):
    for place in (".", ".ipynb_checkpoints", "deep/.backup"):
        record().save(tmp_path / place / "a.json")
    assert found(tmp_path) == "a"
    # Only below the folder: one may keep all runs in a hidden folder.
    assert found(tmp_path / "deep/.backup") == "a"


def test_an_older_record_is_read_as_one_of_today(tmp_path):
    old = json.loads(as_written(environment={"data": "CIFAR-10", "torch": "2.0"}, sittings=3))
    for newer in ("schema", "title"):
        del old[newer]
    (tmp_path / "old.json").write_text(json.dumps(old))
    run = Run.load(tmp_path / "old.json")
    assert run.title == "CIFAR-10" and run.sittings == [{}, {}, {"torch": "2.0"}]
    assert run.schema == runs.SCHEMA


def test_a_number_that_json_does_not_know_is_not_written(tmp_path):
    path = record().save(tmp_path / "run.json")
    broken = record()
    broken.history[-1]["test_loss"] = [1.0, float("nan"), float("inf")]
    with pytest.raises(ValueError):
        broken.save(path)
    assert Run.load(path) == record()


def test_tasks_have_columns_of_their_own(tmp_path):
    run = record()
    run.history = [
        one | {"test_error:depth": [0.5, 0.4, 0.1 * one["epoch"]]} for one in run.history
    ]
    again = Run.load(run.save(tmp_path / "run.json"))
    assert again.final("test_error:depth").tolist() == pytest.approx([0.5, 0.4, 0.4])


def test_all_finished_runs_are_found_in_the_order_of_their_paths(folder):
    assert found(folder) == "abcd"


def test_runs_are_found_by_a_value(folder):
    assert found(folder, weighting="adaloss") == "cd"
    assert found(folder, weighting="adaloss", dataset="glyphs") == "d"
    assert found(folder, seed=0) == "acd"
    assert found(folder, seed=7) == ""


@pytest.mark.parametrize("collection", [list, tuple, set])
def test_runs_are_found_by_a_collection_of_accepted_values(folder, collection):
    assert found(folder, weighting=collection(["const", "linear"])) == "ab"
    assert found(folder, weighting=collection(["const", "adaloss"]), seed=0) == "acd"


def test_a_value_that_a_run_has_not_recorded_is_not_found(folder):
    assert found(folder, train_images=100) == ""
    assert found(folder, train_images=None) == "abcd"


def test_runs_that_were_cut_off_are_left_out_unless_asked_for(folder):
    assert found(folder, weighting="opt") == ""
    assert found(folder, finished=False, weighting="opt") == "e"
    assert found(folder, finished=False) == "abcde"


def test_runs_are_found_below_several_folders(folder):
    assert found([folder / "second", folder / "first"], dataset="fashion") == "cab"
    assert found(str(folder / "first")) == "ab"


def test_no_runs_are_found_in_a_folder_that_is_not_there(tmp_path):
    assert runs.find(tmp_path / "nowhere") == []


def test_a_column_over_training_has_a_row_per_epoch_that_was_evaluated():
    run = record()
    assert run.num_exits == 3
    assert run.values("train_loss").shape == (4, 3)
    assert run.values("test_loss").shape == (3, 3)
    assert run.values("test_error")[:, 0].tolist() == [0.4, 0.2, 0.1]
    assert run.final("weights") == pytest.approx([0.25, 0.24, 0.23])


def test_an_unknown_column_is_named_with_those_there_are():
    with pytest.raises(KeyError, match="no per-exit column 'lr'; .*train_loss.*weights"):
        record().values("lr")


def test_the_table_has_a_row_per_run_and_exit(folder):
    table = runs.table(runs.find(folder))
    assert list(table.columns) == [
        *("run", "dataset", "network", "weighting", "seed", "exit", "cost", "share"),
        *("train_loss", "train_error", "test_loss", "test_error", "weights"),
    ]
    assert len(table) == 4 * 3
    assert table["run"].nunique() == 4
    assert table["exit"].tolist() == [1, 2, 3] * 4
    assert table["dataset"].unique().tolist() == ["fashion", "glyphs"]
    assert table["seed"].tolist() == [0] * 3 + [1] * 3 + [0] * 6


def test_the_tables_shares_are_those_of_each_runs_full_cost():
    small, large = record(), record(network="resann-2-4")
    large.cost = [1, 4, 10]
    table = runs.table([small, large])
    assert table["share"].tolist() == [0.25, 0.75, 1.0, 0.1, 0.4, 1.0]
    assert table["cost"].tolist() == [100, 300, 400, 1, 4, 10]


def test_the_table_shows_the_last_evaluated_epoch_unless_asked_for_another():
    run = record()
    assert runs.table([run])["test_error"].tolist() == pytest.approx([0.1, 0.09, 0.08])
    assert runs.table([run], epoch=0)["test_error"].tolist() == pytest.approx([0.4, 0.39, 0.38])
    assert np.allclose(runs.table([run], epoch=1)["weights"], [0.5, 0.49, 0.48])
    # The third epoch was not evaluated, so the third evaluated one is the fourth.
    assert np.allclose(runs.table([run], epoch=2)["weights"], [0.25, 0.24, 0.23])


def test_a_runs_name_can_be_a_file_name_and_tells_configurations_apart():
    configs = [
        record("adaloss:gamma=0.07,extra=1").config,
        record("adaloss:gamma=0.07,extra=1", seed=1).config,
        record("adaloss:gamma=0.07").config,
        record("adaloss:gamma=0.07", train_images=100).config,
    ]
    found = [Run(config, [1]).name for config in configs]
    assert len(set(found)) == 4
    assert all(set(name) <= set("abcdefghijklmnopqrstuvwxyz0123456789._-") for name in found)
    assert found[0].startswith("fashion_resann-1-4_adaloss-gamma-0.07-extra-1_seed0_")
    assert Run(dict(reversed(configs[0].items())), [1]).name == found[0]


def test_a_run_shows_itself_in_one_line():
    shown = repr(record("adaloss"))
    assert len(shown) < 120 and shown.startswith("<Run fashion_resann-1-4_adaloss_seed0_")


def test_a_missing_folder_of_shipped_runs_is_named_with_the_fix(tmp_path, monkeypatch):
    monkeypatch.setattr(paths, "DATA", tmp_path / "no")
    monkeypatch.setattr(runs, "RUNS", tmp_path / "no" / "runs")
    with pytest.raises(FileNotFoundError, match="ANYTIME_DATA"):
        runs.find(tmp_path / "no" / "runs")


def test_a_data_set_may_have_any_name(tmp_path):
    run = record(dataset="HISTORY")
    assert Run.load(run.save(tmp_path / "run.json")) == run


def test_a_run_on_disk_is_called_as_its_file(tmp_path):
    run = record(dataset="toy", seed=3)
    assert run.name.startswith("toy_resann-1-4_const_seed3_")
    run.save(tmp_path / "mine.json")
    assert run.name == Run.load(tmp_path / "mine.json").name == "mine"


NUMBERS = st.floats(allow_nan=False, allow_infinity=False) | st.integers(-(10**9), 10**9)
JSON = st.recursive(
    st.none() | st.booleans() | NUMBERS | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=5,
)


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    return tmp_path_factory.mktemp("drawn") / "run.json"


@settings(max_examples=50)
@given(st.data(), st.integers(1, 5), st.integers(0, 4))
def test_whatever_numbers_a_run_has_it_is_read_back_as_it_was(place, data, exits, epochs):
    rows = st.lists(NUMBERS, min_size=exits, max_size=exits)
    history = [
        {"epoch": epoch + 1, "lr": data.draw(NUMBERS)}
        | {column: data.draw(rows) for column in runs.PER_EXIT}
        for epoch in range(epochs)
    ]
    config = record().config | data.draw(st.dictionaries(st.text("xyz", min_size=1), JSON))
    run = Run(config, cost=data.draw(rows), history=history, finished=epochs > 0)
    run.save(place)
    assert Run.load(place) == run


@settings(max_examples=200)
@given(st.data())
def test_a_record_with_anything_in_any_place_is_read_or_refused_by_its_name(place, data):
    record().save(place)
    content = json.loads(place.read_text())
    if data.draw(st.booleans()):
        old = {"schema": 1, "environment": {"data": "Fashion"}, "sittings": 2}
        content |= old
    inside = content
    while True:
        key = data.draw(st.sampled_from([*inside] if isinstance(inside, dict) else [0, 1]))
        deeper = isinstance(inside[key], dict | list) and len(inside[key]) > 1
        if not deeper or data.draw(st.booleans()):
            break
        inside = inside[key]
    inside[key] = data.draw(JSON)
    place.write_text(json.dumps(content))
    try:
        run = Run.load(place)
    except ValueError as error:
        assert str(error).startswith(f"{place} is not the record of a run: ")
    else:
        assert len(runs.table([run])) == 3 and run.config | run.config["recipe"]


def test_a_record_nested_without_end_is_refused(tmp_path):
    (tmp_path / "deep.json").write_text("[" * 100_000)
    with pytest.warns(UserWarning, match=r"deep\.json is not the record of a run"):
        assert runs.find(tmp_path) == []
