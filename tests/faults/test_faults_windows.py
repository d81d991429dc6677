"""What a user does where a process has no more than Windows gives it."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from anytime.paths import REPOSITORY

FOLDER = Path(__file__).with_name("windows")
STEPS = "lacks trained resumed listed predicted replaced held_on_to reported examined".split()


@pytest.fixture(scope="module")
def course(tmp_path_factory):
    """What became of each step, in a folder of its own with a blank in its name."""
    if not Path("/proc/self/fd").exists():
        pytest.skip("which files are open is seen in /proc")
    folder = tmp_path_factory.mktemp("Users") / "A Student"
    folder.mkdir()
    around = {"PYTHONPATH": f"{FOLDER}{os.pathsep}{REPOSITORY}", "OMP_NUM_THREADS": "1"}
    around["ANYTIME_CACHE"] = str(folder / "cache")
    told = subprocess.run(
        [sys.executable, str(FOLDER / "course.py")],
        cwd=folder,
        env=os.environ | around,
        capture_output=True,
        text=True,
    )
    lines = [line for line in told.stdout.splitlines() if line.startswith("{")]
    assert lines, told.stderr
    return {name: outcome for line in lines for name, outcome in json.loads(line).items()}


@pytest.mark.kind("as on Windows")
@pytest.mark.parametrize("step", STEPS)
def test_a_step_succeeds_without_what_windows_lacks(course, step):
    assert course[step] is True
