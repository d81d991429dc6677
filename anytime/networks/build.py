"""Networks by name."""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import nn

from anytime import names
from anytime.networks.attach import from_text
from anytime.networks.base import Exits, Refining, state_digest
from anytime.networks.densenet import DenseNet
from anytime.networks.eann import EANN
from anytime.networks.msdnet import MSDNet
from anytime.networks.resann import UNKNOWN, parse, resann
from anytime.networks.vit import VisionTransformer

BUILT_IN = (DenseNet, MSDNet, VisionTransformer)
FAMILIES: dict[str, Callable[..., Any]] = {family.known_as: family for family in BUILT_IN}
"""Families of networks by name, ResANN aside: functions of num_classes, in_channels, options."""


def register(name: str) -> Callable[[Callable], Callable]:
    """Gives a family of one's own a name for texts: `@register("mine")` above its function."""

    def add(family: Callable) -> Callable:
        FAMILIES[name] = family
        return family

    return add


def build(name: str, num_classes: int = 10, in_channels: int = 3, seed: int | None = None) -> Any:
    """A network by name, for instance "resann-5-16", "resann-25-32-s3" or "resann-50".

    A family that is registered takes options, as in "mine:depth=3", and one that is not is named
    `module:function`. "torchvision:resnet18@layer2,layer3" puts exits on a backbone, see
    `attach`; "a+b" is a chain, see `EANN`. The ending -to4 keeps exits 1 to 4 only.
    seed: makes the initial weights reproducible and leaves torch's global generator as it was.
    Raises ValueError for an unknown name.

    >>> build("resann-2-8-stride2-to3").num_exits
    3
    """
    if "+" in name:
        return eann(name.split("+"), num_classes, in_channels, seed)
    whole, last = names.cut(name)
    told = {"num_classes": num_classes, "in_channels": in_channels}
    if not all(type(number) is int and number >= 1 for number in told.values()):
        raise ValueError(f"classes and channels are whole numbers from 1 on, not {told}")
    with torch.random.fork_rng(devices=[], enabled=seed is not None):
        if seed is not None:
            torch.manual_seed(seed)
        network = _made(whole, told)
    network.made_for = told
    network = up_to(network, last) if last is not None else network
    if seed is not None:
        network.made_with = seed, state_digest(network.state_dict())
    return network


def up_to(network: nn.Module, exit: int) -> nn.Module:
    """A network of any kind that ends at an exit, counted from 1, and shares its modules."""
    shorter = getattr(network, "up_to", None)
    cut = shorter(exit) if shorter is not None else Exits(network, exit)
    cut.made_for = network.made_for
    return cut


def _made(whole: str, told: dict[str, int]) -> Any:
    if whole.startswith(("resann-", "resnext-")):
        return resann(parse(whole), **told)
    if whole.startswith("torchvision:"):
        return from_text(whole, **told)
    name, options = names.parse(whole)
    if name not in FAMILIES and ":" not in name:
        others = f"; other families are {', '.join(FAMILIES)}" if FAMILIES else ""
        raise ValueError(f"unknown network {whole!r}; {UNKNOWN}{others}")
    family = names.find(name, FAMILIES, "network")
    names.check_options(family, options, Refining.given)

    wanted = names.parameters(family).keys() & told.keys()
    network = family(**{key: told[key] for key in wanted}, **options)
    known_as = next((known for known, one in FAMILIES.items() if one is family), name)
    network.name = names.spell(known_as, names.options(family, options, Refining.given))
    return network


def eann(
    members: Sequence[str], num_classes: int = 10, in_channels: int = 3, seed: int | None = None
) -> EANN:
    """A chain of networks by name: eann([f"resann-{n}-16" for n in member_depths(2, 3)]).

    seed: the first network is the one that `build` makes with this seed, the next with seed + 1.
    """
    networks = []
    for j, name in enumerate(members):
        networks.append(build(name, num_classes, in_channels, None if seed is None else seed + j))
    return EANN(networks)
