"""A batch on its way through a network, exit by exit, that images can leave."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from anytime.networks.eann import EANN


class Pass:
    """A batch of images (N, C, H, W) in a network or a chain in evaluation mode, exit by exit.

    units: what is run for each exit, its network and number there, from 0. done: how many of
    them are. here: the places, in the whole batch, of the images that are left. logits: of these,
    (b, classes) on the CPU, as they answer now.
    """

    def __init__(self, network: nn.Module, images: Tensor) -> None:
        self.chain = network if isinstance(network, EANN) else None
        members = network.members if self.chain else [network]
        self.units = [(member, k) for member in members for k in range(member.num_exits)]
        device = next(network.parameters()).device
        # Convolutions on a CPU are a fifth faster on large batches laid out so, and never slower.
        self.images = images.to(device, memory_format=torch.channels_last)
        self.here, self.done, self.finished = np.arange(len(images)), 0, []

    def step(self) -> None:
        """Runs the next segment and its head, the stem too where it is the first, and waits."""
        member, k = self.units[self.done]
        features = self.features if k else member.stem(member.standardise(self.images))
        self.features = member.segments[k](features)
        self.logits = member.heads[k](self.features).cpu()
        self.done += 1
        if self.chain:
            self.finished.append(self.logits)
            self.logits = self.chain.answer(self.finished)

    @property
    def exit(self) -> int:
        """The exit whose prediction answers now, from 1."""
        return int(self.chain.standing[self.done - 1]) + 1 if self.chain else self.done

    def keep(self, kept: np.ndarray) -> None:
        """Lets the images that are not kept, a mask (b,), leave the batch."""
        places = torch.from_numpy(np.flatnonzero(kept))
        self.here, self.logits = self.here[kept], self.logits[places]
        if len(places):
            on_device = places.to(self.images.device)
            self.features = _take(self.features, on_device)
            if self.chain:  # only its next member starts from the images again
                self.images = self.images[on_device]
                self.finished = [logits[places] for logits in self.finished]


def _take(features: Any, places: Tensor) -> Any:
    """The features of some images; networks of several scales keep them in lists or tuples."""
    if isinstance(features, Tensor):
        return features[places]
    return type(features)(_take(part, places) for part in features)
