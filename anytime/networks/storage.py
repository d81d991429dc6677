"""Networks in files: small, and refused before training where they could not be read again."""

import hashlib
import io
import os
import tempfile
import textwrap
from pathlib import Path
from pickle import PickleError
from typing import Any

import torch
from torch import Tensor, nn

from anytime.networks.build import build
from anytime.networks.eann import EANN
from anytime.paths import whole_file

EXACT = "expected_errors"  # of a chain: rounded ones could make another exit the best


def save(network: Any, path: str | os.PathLike) -> dict[str, Any]:
    """Stores a network's or a chain's state in half precision, whole or not at all.

    Returns what a record says of it: file name, number of bytes, SHA-256, and how to build it.
    Raises ValueError, see `check_storable`, where `load` could not read it.
    """
    network = getattr(network, "_orig_mod", network)  # within torch.compile
    check_storable(network)
    state = {key: _small(key, value) for key, value in network.state_dict().items()}
    combine = {"combine": network.combine} if isinstance(network, EANN) else {}
    told = network.made_for | combine
    with whole_file(path) as temporary, open(temporary, "w+b") as file:
        torch.save({"name": network.name, **told, "state": state}, file)
        file.seek(0)
        content = file.read()
    digest = hashlib.sha256(content).hexdigest()
    return {"file": Path(path).name, "bytes": len(content), "sha256": digest, **told}


def check_storable(network: nn.Module, path: str | os.PathLike | None = None) -> None:
    """Raises ValueError, with the fix, for a network that its name does not build again.

    Raises OSError where `path` is none that could be written to.
    """
    if path is not None:
        if Path(path).is_dir():
            raise IsADirectoryError(f"{path} is a folder; name a file in it for the network")
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=Path(path).parent).close()
    network = getattr(network, "_orig_mod", network)
    name, told = getattr(network, "name", ""), getattr(network, "made_for", {})
    fix = (
        'build it by name, as in networks.build("resann-4-16"), or register its function with '
        '@networks.register("mine") and build it as "mine"'
    )
    if not name or not told:
        raise ValueError(f"a network without a name cannot be loaded again: {fix}")
    try:
        with torch.device("meta"):
            twin = build(name, **told)
    except (ValueError, TypeError) as error:
        raise ValueError(f"{name!r} could not be loaded again ({error}): {fix}") from error
    # Two networks that differ in a stride alone have states of equal shapes.
    if _shapes(twin) != _shapes(network) or str(twin) != str(network):
        raise ValueError(f"{name!r} builds another network than this one: {fix}")


def load(path: str | os.PathLike, sha256: str | None = None) -> Any:
    """A stored network or chain, ready to predict.

    Raises ValueError where the file is not what it was.
    """
    content = Path(path).read_bytes()
    if sha256 is not None and hashlib.sha256(content).hexdigest() != sha256:
        raise ValueError(f"{path} has changed: its SHA-256 is not {sha256}; fetch it anew")
    try:
        stored = torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
        if not isinstance(stored, dict) or not isinstance(stored.get("name"), str):
            raise ValueError("there is no name in it")
        network = build(stored["name"], stored["num_classes"], stored["in_channels"])
        if "combine" in stored and isinstance(network, EANN):
            network = EANN(network.members, stored["combine"])
        network.load_state_dict(stored["state"])
    except (LookupError, TypeError, ValueError, RuntimeError, EOFError, PickleError) as error:
        reason = textwrap.shorten(str(error), 300)
        raise ValueError(f"{path} holds no network of this kit: {reason}") from error
    return network.eval()


def _small(key: str, value: Tensor) -> Tensor:
    """In half precision, unless it is too large for that or must stay exact."""
    if not value.is_floating_point() or key == EXACT:
        return value
    half = value.half()
    return half if bool((half.isfinite() == value.isfinite()).all()) else value


def _shapes(network: nn.Module) -> dict[str, torch.Size]:
    # The mean of the input is that of the images, whatever network it is.
    state = network.state_dict()
    return {k: v.shape for k, v in state.items() if not k.endswith("standardise.mean")}
