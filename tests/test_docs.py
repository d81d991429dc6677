"""What the pages in docs/ show is run as it stands there."""

import re
import subprocess
import sys

import pytest

from anytime.paths import REPOSITORY

TEXT = (REPOSITORY / "docs" / "extend.md").read_text(encoding="utf-8")
RECIPES = dict(re.findall(r"## (.+?)\n.*?```python\n(.*?)```", TEXT, re.DOTALL))
PRINTED = {
    "A weighting": "tensor([0.2500, 0.5000, 0.7500, 1.0000])",
    "A family of networks": "4 plain:depth=4-to2",
    "Exits for a backbone that exists": r"3 \[ *[\d. ]+\]",
    "AdaLoss in a loop of one's own": r"tensor\(\[[\d., ]+\]\)",
}
OPTIONS = "--data fashion --train-images 64 --epochs 1 --batch-size 32 --quiet".split()


def python(folder, *arguments: str) -> subprocess.CompletedProcess:
    paths = {"PYTHONPATH": str(REPOSITORY), "OMP_NUM_THREADS": "1", "HOME": str(folder)}
    command = [sys.executable, *arguments]
    return subprocess.run(command, cwd=folder, env=paths, capture_output=True, text=True)


def test_there_are_four_recipes():
    assert RECIPES.keys() == PRINTED.keys()


@pytest.mark.parametrize("recipe", RECIPES)
def test_a_recipe_runs_as_it_stands(recipe, tmp_path):
    (tmp_path / "recipe.py").write_text(RECIPES[recipe])
    run = python(tmp_path, "recipe.py")
    assert run.returncode == 0, run.stderr
    printed, expected = run.stdout.strip(), PRINTED[recipe]
    assert printed == expected or re.fullmatch(expected, printed)


@pytest.mark.parametrize("recipe", RECIPES)
def test_a_recipe_has_fifteen_lines_of_code_at_most(recipe):
    lines = [line for line in RECIPES[recipe].splitlines() if line.strip()]
    assert len(lines) <= 15


@pytest.mark.parametrize(
    ("recipe", "choice", "name"),
    [
        ("A weighting", ["--weighting", "mine:Steep:power=1"], "steep-power-1"),
        ("A family of networks", ["--network", "mine:plain:depth=2"], "plain-depth-2"),
    ],
)
def test_a_thing_of_ones_own_is_trained_from_the_command_line(recipe, choice, name, tmp_path):
    (tmp_path / "mine.py").write_text(RECIPES[recipe])
    chosen = choice if "--network" in choice else ["--network", "resann-1-4-stride2", *choice]
    run = python(tmp_path, "-m", "anytime", "train", *OPTIONS, *chosen)
    assert run.returncode == 0, run.stderr
    assert f"_{name}_" in run.stdout.splitlines()[-1]
