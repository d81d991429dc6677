"""Which parameters are decayed how much, and at which rate they are trained."""

from collections import defaultdict

import torch
from torch import nn

from anytime import theory
from anytime.networks import cost
from anytime.networks.base import device_of
from anytime.training.recipe import Recipe
from anytime.weighting import Weighting


def make_optimizer(
    network: nn.Module, weighting: Weighting, recipe: Recipe, image_shape: tuple[int, ...]
) -> torch.optim.SGD:
    """SGD on what is to be trained of a network, and on what a weighting learns itself.

    Weights of convolutions and linear layers are decayed; biases, norms and tokens are not. What
    one exit alone depends on is its head. The authors decay the heads times the static weights of
    SIEVE, whatever the losses' weights are.
    Each parameter is in one group. A weighting's own parameters keep its learning rate, for which
    their group is marked "own_rate".
    """
    reach = cost.reach(network, image_shape)
    sieve = theory.sieve(len(reach))
    alike = defaultdict(list)
    for name, parameter in network.named_parameters():
        exits = [k for k, names in enumerate(reach) if name in names]
        is_head = len(exits) == 1 and recipe.head_decay == "sieve"
        is_weight = name.endswith("weight") and parameter.dim() > 1
        scale = float(sieve[exits[0]]) if is_head else 1.0
        if parameter.requires_grad:
            decay = recipe.weight_decay * scale * is_weight
            # Stages start apart, and torch wants the momentum of all of a group or of none.
            is_later = recipe.backbone_epochs > 0 and name not in reach[-1]
            alike[decay, is_later].append(parameter)

    groups = [{"params": params, "weight_decay": decay} for (decay, _), params in alike.items()]
    if learned := [*weighting.parameters()]:
        rate = weighting.learning_rate
        groups.append({"params": learned, "weight_decay": 0.0, "lr": rate, "own_rate": True})
    if not groups:
        raise ValueError("nothing is left to train: all parameters of the network are frozen")
    fused = device_of(network).type in ("cpu", "cuda")
    return torch.optim.SGD(groups, lr=recipe.lr, momentum=recipe.momentum, fused=fused)
