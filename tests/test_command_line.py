"""python -m anytime: what it prints, and what it says to those who mistype."""

import os
import re
import subprocess
import sys
from dataclasses import fields
from itertools import product

import pytest
import torch
from PIL import Image

from anytime.__main__ import main
from anytime.experiments import lists as experiments
from anytime.runs import Run
from anytime.training import Recipe

NET = "resann-1-4-stride2"
COMMANDS = ["doctor", "train", "run", "report", "fetch"]


def usage(capsys, *arguments: str) -> tuple[int, str, str]:
    """The exit status and the output of a call that the parser ends."""
    with pytest.raises(SystemExit) as ended:
        main([*arguments])
    shown = capsys.readouterr()
    return ended.value.code, shown.out, shown.err


def error(capsys, *arguments: str) -> str:
    """The one line that a failing call prints."""
    assert main([*arguments]) == 1
    shown = capsys.readouterr().err
    assert shown.startswith("error: ") and shown.count("\n") == 1
    return shown


def test_help_names_every_command(capsys):
    status, shown, _ = usage(capsys, "--help")
    assert status == 0
    for command in COMMANDS:
        assert f"\n    {command} " in shown


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_says_what_it_does_and_what_each_option_is_for(capsys, command):
    status, shown, _ = usage(capsys, command, "--help")
    assert status == 0
    assert f"usage: python -m anytime {command}" in shown
    lines = shown.split("options:\n")[1].splitlines()
    for line, following in zip(lines, [*lines[1:], ""], strict=True):
        if line.startswith("  -") and not line.startswith("  -h"):
            assert re.search(r"\S  +\S", line) or following.startswith(" " * 15), line


def test_the_help_of_run_names_every_experiment_and_profile(capsys):
    _, shown, _ = usage(capsys, "run", "--help")
    for name in (*experiments.EXPERIMENTS, *experiments.PROFILES):
        assert name in shown
    assert "schemes\n    Every static scheme and AdaLoss on one network" in shown


def test_train_offers_every_field_of_a_recipe_in_its_words_and_with_its_default(capsys):
    _, shown, _ = usage(capsys, "train", "--help")
    shown = " ".join(shown.split())
    for field in fields(Recipe):
        assert f" --{field.name.replace('_', '-')}" in shown
        assert field.metadata["help"] in shown
    assert "on the weights of convolutions and of the heads (0.0002)" in shown


def test_options_are_the_recipe_of_the_record(tmp_path):
    command = ["train", "--data", "fashion", "--network", NET, "--train-images", "32", "--quiet"]
    command += ["--epochs", "2", "--batch-size", "16", "--lr", "0.05", "--schedule", "milestones"]
    command += ["--milestones", "1:0.01", "--momentum", "0.8", "--weight-decay", "0"]
    command += ["--head-decay", "even", "--augmentation", "--autocast", "bfloat16"]
    assert main([*command, "--no-channels-last", "--device", "cpu", "--out", str(tmp_path)]) == 0
    (path,) = tmp_path.iterdir()
    assert Recipe.from_dict(Run.load(path).config["recipe"]) == Recipe(
        epochs=2,
        batch_size=16,
        lr=0.05,
        schedule="milestones",
        milestones=((1, 0.01),),
        momentum=0.8,
        weight_decay=0.0,
        head_decay="even",
        augmentation=(),
        autocast="bfloat16",
        channels_last=False,
    )


@pytest.mark.parametrize(
    "arguments, hint",
    [
        ([], "COMMAND"),
        (["trane"], "train"),
        (["train"], "--data"),
        (["train", "--data", "x", "--milestones", "140"], "'140' is not EPOCH:LR"),
        (["train", "--data", "x", "--milestones", "a:b"], "'a:b' is not EPOCH:LR"),
        (["train", "--data", "x", "--epochs", "0"], "it has to be 1 or more"),
        (["train", "--data", "x", "--evaluate-every", "0"], "it has to be 1 or more"),
        (["train", "--data", "x", "--lr", "high"], "'high'"),
        (["train", "--data", "x", "--schedule", "cosine"], "one-cycle"),
        (["train", "--data", "x", "--autocast", "int8"], "bfloat16"),
        (["train", "--data", "x", "--autocast", "float16"], "bfloat16"),
        (["train", "--data", ""], "it is empty; give a name or a path"),
        (["train", "--data", "x", "--seed", "-1"], "'-1' is no whole number from 0 on"),
        (["train", "--data", "x", "--seed", "9" * 20], "below 9223372036854775808"),
        (["run"], "experiment"),
        (["run", "schemes", "--jobs", "0"], "it has to be 1 or more"),
        (["run", "schemes", "--jobs", "-1"], "'-1' is no whole number"),
        (["run", "schemes", "--cluster", "cloud"], "slurm"),
        (["run", "schemes", "--dataset", "fashion", ""], "it is empty"),
        (["run", "schemes", "--out", ""], "it is empty"),
        (["run", "schemes", "--also", "/no/such"], "there is no folder '/no/such'"),
        (["run", "schemes", "--data-folder", "/no/such"], "there is no folder '/no/such'"),
        (["run", "schemes", "--data-folder", ""], "it is empty"),
        (["run", "schemes", "--cluster-options", "gpu"], "'gpu' is no NAME=VALUE"),
        (["fetch"], "dataset"),
    ],
)
def test_wrong_usage_ends_with_status_2_and_a_hint(capsys, arguments, hint):
    status, _, shown = usage(capsys, *arguments)
    assert status == 2
    assert hint in shown


@pytest.mark.parametrize(
    "arguments, hint",
    [
        (["--data", "nowhere"], "unknown data set 'nowhere'; there are fashion"),
        (["--data", "none/such.tar"], "give a folder or archive laid out"),
        (["--network", "resnet-18"], "a ResANN is named resann-N-C"),
        (["--network", f"{NET}-to9"], "exit must be between 1 and 3"),
        (["--weighting", "ada"], "there are const"),
        (["--weighting", "adaloss:gama=0.1"], "gama"),
        (["--weighting", "opt:exit=4"], "exit must be between 1 and 3"),
        (["--weighting", "adaloss:gamma=x"], "adaloss:gamma=x"),
        (["--schedule", "milestones", "--milestones", "5:0.1", "--epochs", "5"], "never reached"),
        (["--milestones", "1:0.1"], "schedule='milestones'"),
        (["--lr", "0"], "lr must be above 0"),
        (["--lr", "inf"], "lr must be above 0 and finite"),
        (["--weight-decay", "-1"], "weight_decay must be from 0 on and finite, not -1.0"),
        (["--schedule", "milestones", "--milestones", "0:-1"], "milestone 0:-1.0 needs an epoch"),
        (["--augmentation", "spin"], "spin"),
        (["--train-images", "1000000"], "1000000 images asked for; there are 6000"),
        (["--device", "abacus"], "--device abacus cannot be used here"),
    ],
)
def test_train_answers_a_wrong_value_with_one_line_that_names_the_fix(
    capsys, tmp_path, arguments, hint
):
    given = ["--data", "fashion", "--network", NET, "--train-images", "64", "--quiet"]
    assert hint in error(capsys, "train", *given, "--out", str(tmp_path), *arguments)
    assert not list(tmp_path.iterdir())


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU here")
def test_a_gpu_that_is_not_there_is_said_so(capsys, tmp_path):
    shown = error(capsys, "train", "--data", "fashion", "--device", "cuda", "--out", str(tmp_path))
    assert "--device cuda cannot be used here" in shown and "cpu can" in shown


def test_train_records_a_run_and_keeps_its_network(capsys, tmp_path):
    kept = tmp_path / "network.pt"
    command = ["train", "--data", "fashion", "--network", NET, "--train-images", "64", "--quiet"]
    command += ["--epochs", "1", "--device", "cpu", "--out", str(tmp_path / "runs")]
    assert main([*command, "--keep-network", str(kept)]) == 0
    (path,) = (tmp_path / "runs").iterdir()
    run = Run.load(path)
    assert run.finished and run.trained["file"] == "network.pt" and kept.exists()
    shown = capsys.readouterr().out.splitlines()
    assert shown[0] == "test error per exit (%): " + " ".join(
        f"{100 * value:.1f}" for value in run.history[-1]["test_error"]
    )
    assert shown[1] == f"record: {path}"

    assert main(command) == 0  # the run is there
    lost = error(capsys, *command, "--keep-network", str(tmp_path / "other.pt"))
    assert "its network was not kept; remove it to train again" in lost


def test_processes_started_by_torchrun_write_and_print_once(tmp_path):
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone"]
    command += ["--nproc-per-node", "2", "-m", "anytime", "train", "--data", "glyphs-10-0"]
    command += ["--network", NET, "--epochs", "1", "--train-images", "64", "--device", "cpu"]
    command += ["--threads", "1", "--out", str(tmp_path), "--quiet"]
    command += ["--keep-network", str(tmp_path / "network.pt")]
    ended = subprocess.run(command, capture_output=True, text=True, check=True)
    (path,) = tmp_path.glob("*.json")
    run = Run.load(path)
    assert run.finished and run.trained["file"] == "network.pt"
    assert {entry.name for entry in tmp_path.iterdir()} == {path.name, "network.pt"}
    shown = ended.stdout.splitlines()
    assert len(shown) == 2 and shown[1] == f"record: {path}"


@pytest.mark.parametrize(
    "arguments, hint",
    [
        (["scheme"], "unknown experiment 'scheme'; there are final-weights, totals, schemes"),
        (["schemes", "--profile", "fast"], "unknown profile 'fast'; there are quick, laptop"),
    ],
)
def test_run_answers_an_unknown_name_with_the_choices(capsys, arguments, hint):
    assert hint in error(capsys, "run", *arguments)


def test_a_dry_run_lists_what_is_missing_and_trains_nothing(capsys, tmp_path):
    command = ["run", "final-weights", "--profile", "quick", "--out", str(tmp_path), "--dry-run"]
    assert main([*command, "--dataset", "fashion", "nowhere"]) == 1
    shown = capsys.readouterr()
    rows = [line.split() for line in shown.out.splitlines()]
    assert rows[0] == ["dataset", "network", "weighting", "epochs", "seed", "minutes"]
    assert rows[1][:5] == ["fashion", NET, "adaloss", "2", "0"]
    assert rows[2] == ["nowhere", NET, "adaloss", "2", "0", "?"]
    assert shown.out.splitlines()[-1].startswith("2 runs, about 0.0 core-hours")
    assert shown.out.splitlines()[-1].endswith("without 1 that could not be estimated")
    assert "unknown data set 'nowhere'" in shown.err
    assert not list(tmp_path.iterdir())


def test_a_dry_run_of_what_is_known_ends_well(capsys, tmp_path):
    command = ["run", "schemes", "--profile", "paper", "--out", str(tmp_path), "--dry-run"]
    assert main([*command, "--dataset", "cifar10"]) == 0
    *rows, total = capsys.readouterr().out.splitlines()
    assert len(rows) == 1 + len(experiments.jobs("schemes", "paper", ["cifar10"]))
    assert "?" not in "".join(rows) and "core-hours" in total


def test_a_run_resizes_the_images_of_a_folder(capsys, tmp_path):
    for split in ("train", "test"):
        for label, side in (("a", 20), ("b", 24)):
            folder = tmp_path / "pets" / split / label
            folder.mkdir(parents=True)
            Image.new("RGB", (side, side), "red").save(folder / "0.png")
    command = ["run", "final-weights", "--profile", "quick", "--dataset", str(tmp_path / "pets")]
    command += ["--train-images", "2", "--out", str(tmp_path / "runs")]
    assert main(command) == 1
    assert "--image-size" in capsys.readouterr().err
    assert main([*command, "--image-size", "16"]) == 0
    (path,) = (tmp_path / "runs").iterdir()
    assert Run.load(path).config["image_size"] == 16


def test_the_doctor_s_options_import_no_other_command_s_packages():
    code = (
        "import sys; sys.modules.update(torch=None, numpy=None, pandas=None, tqdm=None)\n"
        "from anytime.__main__ import main; main(['doctor', '--help'])"
    )
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert ended.returncode == 0 and "check the installation" in " ".join(
        ended.stdout.lower().split()
    )


def test_a_run_without_its_data_fails_and_says_why(capsys, tmp_path):
    command = ["run", "final-weights", "--profile", "quick", "--out", str(tmp_path)]
    assert main([*command, "--dataset", "nowhere"]) == 1
    assert "unknown data set 'nowhere'" in capsys.readouterr().err


def test_runs_that_are_there_are_not_listed(capsys, tmp_path):
    for job in experiments.jobs("final-weights", "quick"):
        config = job.identity | {"fingerprint": job.load().fingerprint}
        run = Run(config, [1], history=[{"epoch": 1, "test_error": [0.5]}], finished=True)
        run.save(job.record_path(tmp_path / "elsewhere"))
    command = ["run", "final-weights", "--profile", "quick", "--out", str(tmp_path / "here")]
    assert main([*command, "--also", str(tmp_path), "--dry-run"]) == 0
    assert capsys.readouterr().out == "every run is there\n"


def test_a_cluster_s_options_are_numbers_where_they_look_like_it(capsys, tmp_path):
    pytest.importorskip("submitit", reason="submitit is not installed: pip install submitit")
    command = ["run", "final-weights", "--profile", "quick", "--train-images", "64"]
    command += ["--cluster", "local", "--out", str(tmp_path), "--cluster-options"]
    # A time limit given as text, or a number given as a partition's name, would be refused.
    assert "ten" in error(capsys, *command, "timeout_min=ten")
    assert "speed" in error(capsys, *command, "timeout_min=10", "slurm_comment=7b", "speed=9")


def test_slurm_that_is_not_there_is_said_so(capsys, monkeypatch, tmp_path):
    pytest.importorskip("submitit", reason="submitit is not installed: pip install submitit")
    monkeypatch.setenv("PATH", str(tmp_path))
    command = ["run", "final-weights", "--profile", "quick", "--cluster", "slurm"]
    assert "srun" in error(capsys, *command, "--out", str(tmp_path))


def test_report_writes_the_ledger_and_fills_the_page(capsys, tmp_path):
    config = {"dataset": "toy", "network": NET, "weighting": "const", "train_images": 64}
    config |= {"recipe": {"epochs": 1, "augmentation": []}, "seed": 0}
    history = [{"epoch": 1, "test_error": [0.5, 0.4, 0.3]}]
    run = Run(config, [1, 2, 3], history=history, finished=True)
    run.save(tmp_path / "runs" / "run.json")
    page, table = tmp_path / "page.md", tmp_path / "ledger.csv"
    page.write_text("a\n<!-- ledger -->\n<!-- /ledger -->\nb")
    command = ["report", "--runs", str(tmp_path / "runs"), "--out", str(table)]
    assert main([*command, "--page", str(page)]) == 0
    assert "not run" in table.read_text() and "not run" in page.read_text()
    assert "| number | claim " in capsys.readouterr().out


def four_runs(folder, title="") -> Run:
    """Saves two runs each of CONST and AdaLoss, and returns the last."""
    for scheme, seed in product(("const", "adaloss"), range(2)):
        config = {"dataset": "toy", "network": NET, "weighting": scheme, "train_images": 64}
        config |= {"recipe": {"epochs": 1, "augmentation": []}, "seed": seed}
        history = [{"epoch": 1, "test_error": [0.5, 0.4, 0.3 + 0.01 * seed]}]
        run = Run(config, [1, 2, 3], history=history, title=title, finished=True)
        run.save(folder / f"{scheme}{seed}.json")
    return run


def test_report_does_not_write_less_than_it_found_unless_told(capsys, tmp_path):
    few = tmp_path / "few"
    run = four_runs(tmp_path / "all")
    run.save(few / "adaloss.json")
    table = tmp_path / "ledger.csv"
    command = ["report", "--out", str(table), "--runs"]
    assert main([*command, str(tmp_path / "all")]) == 0
    assert main([*command, str(tmp_path / "all")]) == 0
    before = table.read_bytes()
    shown = error(capsys, *command, str(few))
    assert "rows that these records do not give, such as: AdaLoss makes fewer errors" in shown
    assert "--fewer" in shown and table.read_bytes() == before
    assert main([*command, str(few), "--fewer"]) == 0
    assert table.read_bytes() != before


def test_report_without_records_names_the_folder(capsys, tmp_path):
    shown = error(capsys, "report", "--runs", str(tmp_path / "runs"), "--out", str(tmp_path / "x"))
    assert f"no finished run below {tmp_path / 'runs'}" in shown


def test_fetch_lists_what_there_is(capsys):
    assert "cifar10" in error(capsys, "fetch", "mnist2")


def test_an_error_has_no_traceback_and_status_1():
    command = [sys.executable, "-m", "anytime", "run", "scheme"]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ended.returncode == 1
    assert ended.stderr.startswith("error: unknown experiment") and ended.stdout == ""


def test_debugging_shows_where_an_error_happened(monkeypatch):
    monkeypatch.setenv("ANYTIME_DEBUG", "1")
    with pytest.raises(ValueError, match="unknown experiment"):
        main(["run", "scheme"])


def test_a_locale_without_the_letters_breaks_no_command(tmp_path):
    four_runs(tmp_path / "runs", title="Ziffern ±")
    command = [sys.executable, "-m", "anytime", "report", "--runs", str(tmp_path / "runs")]
    command += ["--out", str(tmp_path / "ledger.csv")]
    poor = os.environ | {"PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0", "LC_ALL": "C"}
    ended = subprocess.run(command, capture_output=True, text=True, check=False, env=poor)
    assert ended.returncode == 0 and "\\xb1" in ended.stdout
    assert "±" in (tmp_path / "ledger.csv").read_text("utf-8")


def test_a_warning_is_a_line_without_a_path(tmp_path):
    command = [sys.executable, "-m", "anytime", "train", "--data", "fashion", "--epochs", "1"]
    command += ["--network", "resann-1-4-stride4", "--train-images", "20", "--batch-size", "10"]
    command += ["--quiet", "--out", str(tmp_path)]
    ended = subprocess.run(command, capture_output=True, text=True, check=True)
    assert ended.stderr.startswith("note: adaloss changes its weights after every 100 steps")
    assert len(ended.stderr.splitlines()) == 1
