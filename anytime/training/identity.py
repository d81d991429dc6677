"""What a run began with, so that two that began differently do not pass for one."""

from __future__ import annotations

from typing import Any

from torch import nn

from anytime import weighting as weightings
from anytime.networks.base import state_digest
from anytime.weighting import Weighting


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
