"""The losses that training makes small: cross-entropy, and what is distilled from the last exit."""

from collections.abc import Sequence

import torch
from torch import Tensor

from anytime.training.evaluation import exit_losses
from anytime.training.recipe import Recipe


def training_losses(logits: Tensor, labels: Tensor, recipe: Recipe) -> Tensor:
    """The loss of each exit, in nats: (K, N, classes), (N,) -> (K,); a record's `train_loss`.

    With s = recipe.distil and T = recipe.temperature, that of an earlier exit is
    (1 - s) cross-entropy + s T^2 KL(last exit || this exit), of logits divided by T; the last exit
    learns from the labels alone. KL is a sum over classes and a mean over images.
    Hinton, Vinyals and Dean (2015); within a network, Phuong and Lampert (2019).
    """
    if not recipe.distil:
        return exit_losses(logits, labels)
    early = _distilled(logits[:-1], logits[-1], labels, recipe)
    return torch.cat([early, exit_losses(logits[-1:], labels)])


def losses_apart(answers: Sequence[Tensor], labels: Tensor, recipe: Recipe) -> list[Tensor]:
    """The same for K answers (N, classes) as K scalars, each of its own exit's answer alone."""
    losses = [_distilled(one[None], answers[-1], labels, recipe)[0] for one in answers[:-1]]
    return [*losses, exit_losses(answers[-1][None], labels)[0]]


def _distilled(logits: Tensor, last: Tensor, labels: Tensor, recipe: Recipe) -> Tensor:
    """Losses (k,) of early exits' logits (k, N, classes), taught by the last's (N, classes)."""
    losses, share, temperature = exit_losses(logits, labels), recipe.distil, recipe.temperature
    if not share:
        return losses
    # The last exit is taught nothing by the others.
    wanted = (last.detach().float() / temperature).log_softmax(-1)
    given = (logits.float() / temperature).log_softmax(-1)
    divergence = (wanted.exp() * (wanted - given)).sum(-1).mean(-1)
    return (1.0 - share) * losses + share * temperature**2 * divergence
