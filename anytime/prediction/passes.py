"""A batch on its way through a network, exit by exit, that images can leave."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from torch import Tensor

from anytime.networks.base import AnytimeNetwork, device_of
from anytime.networks.eann import EANN


class Pass:
    """A batch of images (N, C, H, W) in a network or a chain in evaluation mode, exit by exit.

    units: what is run for each exit, its network and number there, from 0. done: how many of
    them are. here: the places, in the whole batch, of the images that are left. logits: of these,
    (b, classes) on the CPU, as they answer now. Images that have left an `AnytimeNetwork` are no
    longer computed; of other kinds only the protocol is known, and they run on with the batch.
    """

    def __init__(self, network: Any, images: Tensor) -> None:
        self.chain = network if isinstance(network, EANN) else None
        members = network.members if self.chain else [network]
        self.units = [(member, k) for member in members for k in range(member.num_exits)]
        # Convolutions on a CPU are a fifth faster on large batches laid out so, and never slower.
        self.images = images.to(device_of(network), memory_format=torch.channels_last)
        self.here, self.done = np.arange(len(images)), 0
        self.finished: list[Tensor] = []

    def step(self) -> None:
        """Runs what the next exit needs, and waits for its answer.

        Raises ValueError where the first one shows that the network cannot read the images.
        """
        member, k = self.units[self.done]
        try:
            if k == 0:
                kind = Segments if _has_segments(member) else Whole
                self.run: Segments | Whole = kind(member, self.images)
            logits = self.run.next().cpu()
        except RuntimeError as error:
            if self.done:
                raise
            raise ValueError(
                f"the network cannot read images of shape {(*self.images.shape[1:],)}; try "
                f"images.expand(-1, 3, -1, -1) or images.permute(0, 3, 1, 2) ({error})"
            ) from error
        self.logits = logits.float() if logits.dtype == torch.bfloat16 else logits  # for numpy
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
            self.run.keep(on_device)
            if self.chain:  # only its next member starts from the images again
                self.images = self.images[on_device]
                self.finished = [logits[places] for logits in self.finished]


class Segments:
    """A batch in an AnytimeNetwork, segment by segment, which images really leave."""

    def __init__(self, network: AnytimeNetwork, images: Tensor) -> None:
        self.parts = iter(zip(network.segments, network.heads, strict=True))
        self.features = network.stem(network.standardise(images))

    def next(self) -> Tensor:
        segment, head = next(self.parts)
        self.features = segment(self.features)
        return head(self.features)

    def keep(self, places: Tensor) -> None:
        self.features = _take(self.features, places)


class Whole:
    """A batch in a network of which only `refine` is known: the rest is computed for all."""

    def __init__(self, network: Any, images: Tensor) -> None:
        self.answers: Iterator[Tensor] = iter(network.refine(images))
        self.places = torch.arange(len(images), device=images.device)

    def next(self) -> Tensor:
        return next(self.answers)[self.places]

    def keep(self, places: Tensor) -> None:
        self.places = self.places[places]


def _has_segments(network: Any) -> bool:
    """Whether it refines as every AnytimeNetwork does, and not in a way of its own."""
    return isinstance(network, AnytimeNetwork) and type(network).refine is AnytimeNetwork.refine


def _take(features: Any, places: Tensor) -> Any:
    """The features of some images; networks of several scales keep them in lists or tuples."""
    if isinstance(features, Tensor):
        return features[places]
    return type(features)(_take(part, places) for part in features)
