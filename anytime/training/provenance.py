"""What a run began with, so that two that began differently do not pass for one, and where."""

import functools
import os
import platform
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from anytime import __version__
from anytime import weighting as weightings
from anytime.networks.base import state_digest
from anytime.paths import REPOSITORY
from anytime.processes import world_size
from anytime.weighting import Weighting

PROJECT = 'name = "anytime-prediction-kit"'  # in the pyproject.toml of the kit and of its forks


def start_of(network: Any, weighting: Weighting) -> str:
    """How a record says what a run began with.

    "seed 3" for a network as `networks.build` made it with this seed, otherwise a digest of its
    state; then one of the weighting's, unless it is as good as new.
    """
    begun = state_digest(network.state_dict())
    seed, fresh = getattr(network, "made_with", (None, None))
    start = f"seed {seed}" if begun == fresh else f"state {begun}"
    return start if _is_new(weighting) else f"{start}, weighting {_digest(weighting)}"


def _is_new(weighting: Weighting) -> bool:
    try:
        new = weightings.build(weighting.spec, weighting.num_exits)
    except ValueError:
        return False
    return _digest(new) == _digest(weighting)


def _digest(module: nn.Module) -> str:
    return state_digest(module.state_dict())


def check_named(network: Any, weighting: Weighting) -> None:
    """Raises ValueError, with the fix, where a record could not tell what was trained."""
    for thing, kind in ((network, "network"), (weighting, "weighting")):
        if not getattr(thing, "name", ""):
            raise ValueError(
                f"a record cannot tell which {type(thing).__name__} this is, as its arguments fit "
                f'no text: give it a name before training, such as {kind}.name = "mine-3"'
            )


def environment(device: torch.device) -> dict[str, Any]:
    """What a record says of the machine and the code."""
    return {
        "version": __version__,
        **commit(),
        "python": platform.python_version(),
        "torch": str(torch.__version__),  # a class of its own, which checkpoints refuse
        "cuda": torch.version.cuda,
        "numpy": np.__version__,
        "device": torch.cuda.get_device_name(device) if device.type == "cuda" else device.type,
        "processor": _processor(),
        "instructions": torch.backends.cpu.get_cpu_capability(),
        "cores": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "processes": world_size(),
    }


@functools.cache
def commit() -> dict[str, str | None]:
    """The commit of the kit's checkout, marked "+changes" where files differ or are new.

    Where there is none, "no_commit" says why: the kit was installed, or git cannot tell.
    """
    try:
        top = Path(_git("rev-parse", "--show-toplevel")).resolve()
        if top != REPOSITORY or PROJECT not in (top / "pyproject.toml").read_text():
            return {"commit": None, "no_commit": f"{REPOSITORY} is no checkout of the kit"}
        changed = _git("status", "--porcelain", "anytime")
        return {"commit": _git("rev-parse", "HEAD") + ("+changes" if changed else "")}
    except subprocess.CalledProcessError as error:
        reason = error.stderr.strip().partition("\n")[0]
    except OSError as error:
        reason = str(error)
    return {"commit": None, "no_commit": reason}


def _git(*arguments: str) -> str:
    # In a hook of another repository, variables of git's would name that one.
    own = {key: value for key, value in os.environ.items() if not key.startswith("GIT_")}
    git = ["git", "-C", str(REPOSITORY), *arguments]
    return subprocess.run(git, capture_output=True, text=True, check=True, env=own).stdout.strip()


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        return next(line.split(":")[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()
