"""What a trained network predicts: logits, losses and errors, exit by exit."""

from collections.abc import Iterator
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from anytime.datasets import Images
from anytime.networks.base import device_of


def exit_losses(logits: Tensor, labels: Tensor) -> Tensor:
    """Mean cross-entropy of each exit, in nats: (K, N, classes), (N,) -> (K,)."""
    exits, batch, _ = logits.shape
    losses = F.cross_entropy(logits.flatten(0, 1).float(), labels.repeat(exits), reduction="none")
    return losses.view(exits, batch).mean(1)


def exit_mistakes(logits: Tensor, labels: Tensor) -> Tensor:
    """Number of wrong predictions of each exit: (K, N, classes), (N,) -> (K,)."""
    return (logits.argmax(-1) != labels).sum(1)


@torch.no_grad()
def predict(network: nn.Module, images: Images, batch_size: int = 500) -> Tensor:
    """Logits of all exits for all images, in single precision on the CPU: (K, N, classes).

    The images are sent to the network's device batch by batch; the network is evaluated in
    evaluation mode and left in the mode it was in.
    """
    batches = _batches(network, images, batch_size)
    return torch.cat([logits.float().cpu() for logits, _ in batches], 1)


@torch.no_grad()
def evaluate(network: nn.Module, images: Images, batch_size: int = 500) -> tuple[Tensor, Tensor]:
    """Losses (nats) and errors (in [0, 1]) of all exits over all images: (K,), (K,).

    Raises ValueError where there are no images.
    """
    if not len(images):
        raise ValueError("there are no images to evaluate, so neither losses nor errors")
    loss = mistakes = torch.zeros((), device=device_of(network))
    for logits, labels in _batches(network, images, batch_size):
        loss = loss + exit_losses(logits, labels) * len(labels)
        mistakes = mistakes + exit_mistakes(logits, labels)
    return loss.cpu() / len(images), mistakes.cpu() / len(images)


def _batches(network: nn.Module, images: Images, size: int) -> Iterator[tuple[Tensor, Tensor]]:
    device = device_of(network)
    for pixels, labels in zip(images.pixels.split(size), images.labels.split(size), strict=True):
        yield all_exits(network, pixels.to(device)), labels.to(device)


@torch.no_grad()
def all_exits(network: Any, images: Tensor) -> Tensor:
    """Logits (K, N, classes) of all exits of a network of any kind, for images (N, C, H, W).

    It is evaluated in evaluation mode and left in the mode it was in.
    """
    was_training = network.training
    network.eval()
    try:
        return torch.stack(list(network.refine(images)))
    finally:
        network.train(was_training)
