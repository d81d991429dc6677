"""Networks with several exits, built by name."""

from __future__ import annotations

import hashlib
import io
import os
import re
import textwrap
from pathlib import Path
from pickle import PickleError
from typing import Any

import torch

from anytime.networks.base import AnytimeNetwork, Head
from anytime.networks.eann import EANN, eann, member_depths
from anytime.networks.resann import Shape, parse, resann
from anytime.paths import whole_file

__all__ = [
    "EANN",
    "AnytimeNetwork",
    "Head",
    "Shape",
    "build",
    "eann",
    "load",
    "member_depths",
    "parse",
    "resann",
    "save",
]


def build(
    name: str, num_classes: int = 10, in_channels: int = 3, seed: int | None = None
) -> AnytimeNetwork:
    """A network by name, for instance "resann-5-16", "resann-25-32-s3" or "resann-50".

    The ending -to4 keeps exits 1 to 4 only. seed: makes the initial weights reproducible and
    leaves torch's global generator as it was. Raises ValueError for an unknown name.
    """
    whole, last = re.fullmatch(r"(?s)(.*?)(?:-to(\d+))?", name).groups()
    with torch.random.fork_rng(devices=[], enabled=seed is not None):
        if seed is not None:
            torch.manual_seed(seed)
        network = resann(parse(whole), num_classes, in_channels)
    network.name = whole
    return network.up_to(int(last)) if last else network


def save(network: AnytimeNetwork | EANN, path: str | os.PathLike) -> dict[str, Any]:
    """Stores a network's or a chain's state in half precision, whole or not at all.

    A chain's expected errors stay exact: rounded ones could make another exit the best.
    Returns what a record says of it: file name, number of bytes, SHA-256, and how to build it.
    """
    path = Path(path)
    state = {
        key: value.half() if value.is_floating_point() and key != "expected_errors" else value
        for key, value in network.state_dict().items()
    }
    first = network.members[0] if isinstance(network, EANN) else network
    last = first.heads[-1][-1]
    shape = {"num_classes": last.out_features, "in_channels": _in_channels(first)}
    if isinstance(network, EANN):
        shape["combine"] = network.combine
    with whole_file(path) as temporary:
        torch.save({"name": network.name, **shape, "state": state}, temporary)
    content = path.read_bytes()
    digest = hashlib.sha256(content).hexdigest()
    return {"file": path.name, "bytes": len(content), "sha256": digest, **shape}


def load(path: str | os.PathLike, sha256: str | None = None) -> AnytimeNetwork | EANN:
    """A stored network or chain, ready to predict.

    Raises ValueError where the file is not what it was.
    """
    content = Path(path).read_bytes()
    if sha256 is not None and hashlib.sha256(content).hexdigest() != sha256:
        raise ValueError(f"{path} has changed: its SHA-256 is not {sha256}; fetch it anew")
    try:
        stored = dict(torch.load(io.BytesIO(content), map_location="cpu", weights_only=True))
        shape = stored["num_classes"], stored["in_channels"]
        if "combine" in stored:
            members = eann(stored["name"].split("+"), *shape).members
            network = EANN(members, stored["combine"])
        else:
            network = build(stored["name"], *shape)
        network.load_state_dict(stored["state"])
    except (LookupError, TypeError, ValueError, RuntimeError, EOFError, PickleError) as error:
        reason = textwrap.shorten(str(error), 300)
        raise ValueError(f"{path} holds no network of this kit: {reason}") from error
    return network.eval()


def _in_channels(network: AnytimeNetwork) -> int:
    return next(m for m in network.stem.modules() if isinstance(m, torch.nn.Conv2d)).in_channels
