"""Checkpoints: written whole or not at all, read only where they belong."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from anytime.paths import PathLike, whole_file


def write(path: PathLike, state: dict[str, Any]) -> None:
    """Stores a training state; "config" in it says which run it belongs to."""
    with whole_file(path) as temporary:
        torch.save(state, temporary)


def read(path: PathLike | None, device: torch.device) -> dict[str, Any] | None:
    """The stored state, or None where there is no file yet.

    Raises ValueError for a file that cannot be read.
    """
    if path is None or not Path(path).exists():
        return None
    try:
        state = torch.load(path, map_location=device, weights_only=True)
        state["config"]
    except Exception as error:
        raise ValueError(
            f"{path} is not a checkpoint that can be read ({error}); delete it to start this run "
            "anew"
        ) from error
    return state


def check(path: PathLike | None, state: dict[str, Any], config: dict[str, Any]) -> None:
    """Raises ValueError for a state that belongs to a run of another configuration."""
    theirs = state["config"]
    differing = [key for key in sorted({*config, *theirs}) if config.get(key) != theirs.get(key)]
    if differing:
        says = "; ".join(f"{k}: {theirs.get(k)!r}, not {config.get(k)!r}" for k in differing)
        raise ValueError(f"{path} belongs to another run ({says}); choose another file")
