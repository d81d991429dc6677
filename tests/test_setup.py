"""The set-up: versions, environments, commands, and the doctor that looks at them."""

import contextlib
import importlib.util
import os
import re
import shutil
import subprocess
import sys
import tempfile
import tomllib
from importlib import metadata
from pathlib import Path
from types import SimpleNamespace

import pytest
import yaml
from hypothesis import settings
from packaging.specifiers import SpecifierSet

from anytime import __version__, paths
from anytime.course import doctor

ROOT = paths.REPOSITORY
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
PINNED = re.findall(r"^([\w.-]+)==([\w.]+)$", (ROOT / "constraints.txt").read_text(), re.MULTILINE)


def make(folder, *words):
    """What `make` says in a folder that holds the kit's Makefile and no environment."""
    shutil.copy(ROOT / "Makefile", folder)
    for name in ("pyproject.toml", "constraints.txt"):
        shutil.copy(ROOT / name, folder)
    return subprocess.run(["make", *words], cwd=folder, capture_output=True, text=True)


def python(code, **environment):
    return subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env=os.environ | environment,
        capture_output=True,
        text=True,
    )


def test_every_package_that_the_kit_asks_for_has_one_tested_version():
    asked = [*PROJECT["dependencies"], *sum(PROJECT["optional-dependencies"].values(), [])]
    pinned = {name.lower() for name, _ in PINNED}
    assert {name.lower() for name in asked} <= pinned
    assert len(pinned) == len(PINNED)


def test_the_tested_versions_hold_on_machines_without_a_gpu_too():
    assert not [name for name, _ in PINNED if re.match("nvidia|cuda|triton", name)]


def test_every_line_of_the_constraints_is_a_version_or_a_comment():
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    assert len([line for line in lines if not line.startswith("#")]) == len(PINNED)


def test_every_tested_version_accepts_the_oldest_python_that_the_kit_asks_for():
    oldest = PROJECT["requires-python"].removeprefix(">=") + ".0"
    for name, _ in PINNED:
        with contextlib.suppress(metadata.PackageNotFoundError):
            asked = metadata.metadata(name).get("Requires-Python")
            assert asked is None or oldest in SpecifierSet(asked), name


def test_the_conda_environment_names_the_course_s_packages_in_the_tested_versions():
    named = ["torch", "torchvision", "jupyterlab", "ipywidgets", "matplotlib", "seaborn", "nbval"]
    *conda, pip = yaml.safe_load((ROOT / "environment.yml").read_text())["dependencies"]
    assert conda == ["python=3.11", "pip"]
    assert pip == {"pip": ["-c constraints.txt", *named, "-e .[course,test]"]}
    assert set(named) <= {name for name, _ in PINNED}
    assert PROJECT["requires-python"] == ">=3.11"


def test_the_citation_is_of_this_kit_and_of_the_paper_that_the_readme_names():
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text("utf-8"))
    assert (citation["license"], citation["version"]) == (PROJECT["license"], __version__)
    assert citation["authors"] == PROJECT["authors"]
    paper, readme = citation["preferred-citation"], (ROOT / "README.md").read_text("utf-8")
    assert f"https://doi.org/{paper['doi']}" in readme
    assert paper["title"] in " ".join(readme.replace("\n> ", " ").split())
    assert all(author["family-names"] in readme for author in paper["authors"])


@pytest.mark.parametrize("name", [".ci/run", "README.md", "notebooks/00_start_here.ipynb"])
def test_text_has_the_line_ends_of_unix_on_every_system(name):
    asked = ["git", "check-attr", "text", "eol", "--", name]
    said = subprocess.run(asked, cwd=ROOT, capture_output=True, text=True)
    if said.returncode:
        pytest.skip("the kit's folder is no clone: git init")
    assert re.search(r": text: (set|auto)\n.*: eol: lf\n", said.stdout)
    assert b"\r" not in (ROOT / name).read_bytes()


def test_a_build_of_torch_is_chosen_by_one_variable(tmp_path):
    said = make(tmp_path, "-n", "tutorial", "TORCH=cpu").stdout
    torch = said.index("uv pip install")
    assert "--torch-backend=cpu -c constraints.txt torch torchvision" in said[torch:]
    assert torch < said.index('-c constraints.txt -e ".')
    assert "torch-backend" not in make(tmp_path, "-n", "tutorial").stdout


def test_a_missing_python_is_named_with_the_way_to_say_where_it_is(tmp_path):
    run = make(tmp_path, "tutorial", "PYTHON=no-such-python")
    assert run.returncode and "install Python 3.11 or newer" in run.stderr
    assert not (tmp_path / ".venv").exists()


def test_a_python_too_old_is_refused_before_anything_is_made(tmp_path):
    old = tmp_path / "old-python"
    old.write_text(
        f'#!/bin/sh\nexec {sys.executable} -c "import sys; sys.version_info = (3, 9)\n$2"'
    )
    old.chmod(0o755)
    run = make(tmp_path, "tutorial", f"PYTHON={old}")
    assert run.returncode and "needs Python 3.11 or newer" in run.stderr
    assert not (tmp_path / ".venv").exists()


def test_continuous_integration_runs_what_everybody_runs():
    assert os.access(ROOT / ".ci" / "run", os.X_OK)
    assert (ROOT / ".ci" / "run").read_text().splitlines()[-1] == "exec make test"


def test_no_file_names_a_package_registry_or_a_folder_of_one_machine():
    hosts = ["pypi" + ".org", "python" + "hosted", "download." + "pytorch", "conda" + ".anaconda"]
    folders = ["/" + "work/", "/" + "root/", "/opt" + "/kit"]
    ours = [path for path in ROOT.rglob("*") if path.suffix in {".py", ".md", ".toml", ".txt"}]
    ours += [path for path in ROOT.rglob("*") if path.suffix in {".ipynb", ".yml", ".json"}]
    ours += [ROOT / name for name in ("Makefile", ".ci/run", "CITATION.cff", ".gitattributes")]
    skipped = {".venv", "build", "mutants", ".git", ".ipynb_checkpoints"}
    for path in ours:
        if not skipped & set(path.relative_to(ROOT).parts) and path.is_file():
            text = path.read_text(encoding="utf-8")
            assert not [word for word in hosts + folders if word in text], path


def test_the_package_starts_without_torch():
    run = python("import anytime, anytime.course.doctor, sys; sys.exit('torch' in sys.modules)")
    assert run.returncode == 0


def test_a_missing_data_folder_is_named_with_the_fix(tmp_path):
    run = python(
        "from anytime import paths; paths.data_folder()", ANYTIME_DATA=str(tmp_path / "no")
    )
    assert f"{tmp_path / 'no'} does not exist" in run.stderr and "ANYTIME_DATA" in run.stderr


def test_a_cache_that_cannot_be_made_is_named_with_the_fix(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("ANYTIME_CACHE", str(tmp_path / "file" / "cache"))
    with pytest.raises(OSError, match="Set ANYTIME_CACHE"):
        paths.cache_folder()


@pytest.mark.parametrize("home", [None, "file", "file/home"])
def test_without_a_home_to_write_to_the_cache_is_among_the_temporary_files(
    home, tmp_path, monkeypatch
):
    (tmp_path / "file").write_text("")
    monkeypatch.delenv("ANYTIME_CACHE")
    if home is None:  # nor an entry in the list of users, as in many containers
        monkeypatch.setattr(os.path, "expanduser", lambda path: path)
    else:
        monkeypatch.setenv("HOME", str(tmp_path / home))
    folder = paths.cache_folder()
    assert folder.is_dir() and os.access(folder, os.W_OK)
    assert folder.parent == Path(tempfile.gettempdir())


def test_without_a_home_jupyter_is_given_one_and_the_doctor_is_content(tmp_path):
    (tmp_path / "file").write_text("")
    run = python(
        "import os; from anytime.course import doctor; doctor.main(); print(os.environ['HOME'])",
        HOME=str(tmp_path / "file" / "home"),
    )
    assert "OK    kernel" in run.stdout
    assert run.stdout.splitlines()[-1].startswith(tempfile.gettempdir())


def test_the_doctor_finds_this_python_and_every_package_of_the_kit():
    checks = {check.name: check for check in doctor.report()}
    assert checks["Python"].ok
    assert set(PROJECT["dependencies"]) <= set(checks)
    assert checks["kernel python3"].ok and checks["widgets"].ok


def test_the_doctor_survives_a_torch_that_does_not_start_and_says_what_to_do():
    run = python(
        "import sys; sys.modules['torch'] = None\n"
        "from anytime.course import doctor; sys.exit(doctor.main())"
    )
    assert run.returncode == 1 and not run.stderr
    line = run.stdout[run.stdout.index("FIX   device           does not start") :]
    assert "make tutorial" in line.splitlines()[1]


def test_the_doctor_survives_every_package_missing(tmp_path):
    packages = {name.replace("pillow", "PIL"): None for name in PROJECT["dependencies"]}
    run = python(
        f"import sys; sys.modules.update({packages | {'jupyter_client': None}})\n"
        "from anytime.course import doctor; sys.exit(doctor.main())"
    )
    assert run.returncode == 1 and not run.stderr
    assert "FIX   kernel python3" in run.stdout and "note  downloads" in run.stdout


def test_the_doctor_names_a_package_of_the_course_that_is_not_there(tmp_path, monkeypatch):
    (tmp_path / "constraints.txt").write_text("no-such-package==1.2\n")
    (tmp_path / "pyproject.toml").write_text(
        '[project]\ndependencies = ["tqdm"]\n'
        '[project.optional-dependencies]\ncourse = ["no-such-package>=1"]\ntest = ["another"]\n'
    )
    monkeypatch.setattr(paths, "REPOSITORY", tmp_path)
    checks = {check.name: check for check in doctor.report()}
    assert checks["no-such-package"].verdict == "FIX"
    assert checks["no-such-package"].found == "missing (1.2 is tested)"
    assert "another" not in checks and checks["tqdm"].verdict == "note"


def test_the_doctor_names_an_empty_data_folder_and_the_variable_that_sets_it(tmp_path):
    run = python(
        "import sys; from anytime.course import doctor; sys.exit(doctor.main())",
        ANYTIME_DATA=str(tmp_path),
    )
    assert run.returncode == 1
    assert re.search(r"FIX +embedded images +none in", run.stdout)
    assert "ANYTIME_DATA" in run.stdout


def test_the_doctor_tells_a_version_that_was_not_tested(tmp_path, monkeypatch):
    (tmp_path / "constraints.txt").write_text("tqdm==0.0.1\n")
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    monkeypatch.setattr(paths, "REPOSITORY", tmp_path)
    (tqdm,) = [check for check in doctor.report() if check.name == "tqdm"]
    assert tqdm.verdict == "note" and "tested with 0.0.1" in tqdm.found


class Item:
    def __init__(self, name: str) -> None:
        self.name, self.path = name, Path(name.partition(":")[0])


def test_another_order_of_tests_is_drawn_by_its_seed_and_keeps_the_cells_of_a_notebook():
    place = importlib.util.spec_from_file_location("shuffling", ROOT / "conftest.py")
    shuffling = importlib.util.module_from_spec(place)
    place.loader.exec_module(shuffling)

    def drawn(seed):
        items = [Item(f"{name}:{k:02}") for name in ("a.py", "b.ipynb", "c.py") for k in range(20)]
        config = SimpleNamespace(getoption=lambda name: seed)
        shuffling.pytest_collection_modifyitems(config, items)
        return [item.name for item in items]

    plain = drawn(None)
    assert plain == sorted(plain) and drawn(1) == drawn(1) != drawn(2)
    for seed in range(3):
        assert drawn(seed) != plain and sorted(drawn(seed)) == plain
        cells = [name for name in drawn(seed) if name.startswith("b.ipynb")]
        assert cells == sorted(cells)


def test_every_draw_of_the_tests_has_a_seed():
    assert settings.default.derandomize and settings.default.deadline is None
    unseeded = (
        r"default_rng\(\)|np\.random\.[a-z]+\(|(?<!self\.)\brandom\.[a-z]+\(|derandomize=False"
    )
    allowed = r"np\.random\.default_rng\(.|torch\.random\.fork_rng"
    found = []
    for path in [*ROOT.glob("tests/**/*.py"), *ROOT.glob("notebooks/sources/*.py")]:
        for line in path.read_text(encoding="utf-8").splitlines():
            if path != Path(__file__) and re.search(unseeded, re.sub(allowed, "", line)):
                found.append(f"{path.name}: {line.strip()}")
    assert not found
