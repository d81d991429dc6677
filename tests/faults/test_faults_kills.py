"""Training that is killed at random moments, again and again: nothing is lost or broken."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from anytime.runs import Run

pytestmark = pytest.mark.timeout(1200)  # of all kills together, on a busy machine
KILLS = 60 if os.environ.get("CAMPAIGN") else 8
SCRIPT = Path(__file__).with_name("killed.py")


@pytest.fixture(scope="module")
def kills(tmp_path_factory):
    """What became of the children, and the folder of their run and of one let alone."""
    folder = tmp_path_factory.mktemp("kills")
    command = [sys.executable, str(SCRIPT), str(folder), str(KILLS), "0"]
    told = subprocess.run(command, capture_output=True, text=True, check=True)
    lines = [line for line in told.stdout.splitlines() if line.startswith("{")]
    return [json.loads(line) for line in lines], folder


@pytest.mark.kind("kills")
@pytest.mark.parametrize("number", range(KILLS))
def test_a_killed_process_leaves_what_can_be_read(kills, number):
    outcome = kills[0][number]
    assert "error" not in outcome, outcome
    # It was over, was killed, or stored its checkpoint and stopped.
    assert outcome["status"] in (0, 130, -outcome["signal"])


def test_the_run_ends_as_one_that_was_never_killed(kills):
    outcomes, folder = kills
    assert outcomes[-1] == {"signal": 0, "status": 0}
    (whole,) = (folder / "whole").glob("*.json")
    (killed,) = (folder / "killed").glob("*.json")
    assert Run.load(killed).history == Run.load(whole).history
    assert Run.load(killed).finished


def test_nothing_else_is_left_behind(kills):
    _, folder = kills
    assert [path.suffix for path in (folder / "killed").iterdir()] == [".json"]
