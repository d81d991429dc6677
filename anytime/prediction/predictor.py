"""The best answer so far under a deadline, a budget or an interrupt; early exit in batches."""

from __future__ import annotations

import functools
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike
from torch import Tensor, nn

from anytime.networks import cost
from anytime.networks.folding import folded
from anytime.prediction import policies
from anytime.prediction.passes import Pass


@dataclass(frozen=True)
class Answer:
    """What is known of each of N images when it is answered, on the CPU.

    probabilities: (N, classes). label, confidence: (N,), the likeliest class, its probability.
    exit: (N,), whose prediction it is, from 1. seconds: (N,), from the call to the answer.
    late: (N,), whether the deadline had passed by then.
    """

    probabilities: Tensor
    label: Tensor
    confidence: Tensor
    exit: Tensor
    seconds: Tensor
    late: Tensor


class AnytimePredictor:
    """Answers with the latest finished prediction of a network, which is put in evaluation mode.

    It can stop between units, a segment with its head each. clock gives seconds. It predicts with
    the weights of the moment when it was made: make a new one for a network that has changed.
    """

    def __init__(self, network: nn.Module, clock: Callable[[], float] = time.perf_counter) -> None:
        self.network, self.clock = network.eval(), clock
        self._folded = folded(network)
        self._sizes: list[int] = []  # of the batches whose times are known
        self._seconds, self._shape = np.empty((0, 0)), torch.Size()
        self._cost = functools.cache(lambda shape: cost.multiply_adds(network, shape))

    @torch.inference_mode()
    def calibrate(self, images: Tensor, repeats: int = 20, quantile: float = 0.9) -> np.ndarray:
        """Measures the units' seconds (K,) for images (N, C, H, W): a quantile of the repeats.

        They decide whether a deadline can be held. Batches of 1, 4, 16, ... of the images are
        measured too, and sizes between are interpolated: give the largest batch to come.
        """
        whole = len(_checked(images))
        sizes = [*(4**i for i in range(16) if 4**i < whole), whole]
        passes = [[self._timed_pass(images[:n]) for _ in range(repeats + 2)] for n in sizes]
        self._seconds = np.quantile(np.array(passes)[:, 2:], quantile, axis=1)
        self._sizes, self._shape = sizes, images.shape[1:]
        self._cost(self._shape)
        return self._seconds[-1, :-1].copy()

    def _begin(self, images: Tensor) -> Pass:
        if self.network.training:  # what the folded network shares with it learns again
            self.network.eval()
        return Pass(self._folded, images)

    def _timed_pass(self, images: Tensor) -> np.ndarray:
        """The seconds of each unit, and of making an answer: (K + 1,)."""
        times = [self.clock()]
        batch = self._begin(images)
        for _ in batch.units:
            batch.step()
            times.append(self.clock())
        self._answer(batch, batch.here >= 0, 0.0, np.zeros(len(images)))
        return np.diff([*times, self.clock()])

    def predict(self, images: Tensor, **limits: Any) -> Answer:
        """The answers to a batch of images (N, C, H, W), with the limits of `as_completed`."""
        places, answers = zip(*self.as_completed(images, **limits), strict=True)
        order = torch.from_numpy(np.concatenate(places).argsort())
        return Answer(*(column[order] for column in _columns(answers)))

    @torch.inference_mode()
    def as_completed(
        self,
        images: Tensor,
        deadline: ArrayLike | None = None,
        budget: ArrayLike | None = None,
        interrupt: threading.Event | None = None,
        early: tuple[str | policies.Policy, float] | None = None,
    ) -> Iterator[tuple[np.ndarray, Answer]]:
        """Yields places in the batch with their answers, once the first of these limits is met.

        deadline: milliseconds from the start; budget: multiply-adds; one for all images or one for
        each (N,). interrupt: ends everything once set, by another thread or `interrupts.ctrl_c`.
        early: a policy and its threshold. A unit starts only if it should end by the deadline; one
        that runs, and the first, are always finished. Raises ValueError for a deadline before
        `calibrate`.
        """
        count = len(_checked(images))
        last = self._last_units(_per_image("budget", budget, count), images.shape[1:])
        start = self.clock()  # after the costs, which calibrate() has ready for deadlines
        due = start + _per_image("deadline", deadline, count) / 1000.0
        if deadline is not None and self._shape != images.shape[1:]:
            raise ValueError(f"call calibrate() on images of shape {(*images.shape[1:],)} first")
        policy, threshold = early or (None, 0.0)
        scores = policies.Sureness(policy, count) if policy is not None else None
        batch, sure, done = self._begin(images), np.full(count, False), np.full(count, False)
        while len(batch.here):
            if not done.any():
                batch.step()
                if scores:
                    sure = scores.after(batch.logits, batch.here) >= threshold
            done = sure | (last[batch.here] <= batch.done)
            done |= self._too_late(batch, due[batch.here])
            done |= interrupt is not None and interrupt.is_set()
            if done.any():
                yield batch.here[done], self._answer(batch, done, start, due)
                sure = sure[~done]
                batch.keep(~done)

    def _last_units(self, budget: np.ndarray, shape: torch.Size) -> np.ndarray:
        """How many units each budget (N,) pays for, at least the first."""
        if np.isposinf(budget).all():
            return np.full(len(budget), self.network.num_exits)
        return np.maximum(np.searchsorted(self._cost(shape), budget, side="right"), 1)

    def _too_late(self, batch: Pass, due: np.ndarray) -> np.ndarray:
        """Which images have to leave a batch, so that the next unit of the rest ends in time: (b,).

        Those with least time leave first, and those with equal deadlines stay together.
        """
        if not self._sizes:
            return np.full(len(due), False)
        size = np.searchsorted(np.sort(-due), -due, side="right")
        seconds = self._seconds[:, batch.done] + self._seconds[:, -1]
        seconds = np.interp(size, self._sizes, seconds) * np.maximum(1.0, size / self._sizes[-1])
        fits = self.clock() + seconds <= due
        return due < np.min(due[fits], initial=np.inf)

    def _answer(self, batch: Pass, done: np.ndarray, start: float, due: np.ndarray) -> Answer:
        probabilities = batch.logits[done].float().softmax(-1)
        confidence, label = probabilities.max(-1)
        now, exit = self.clock(), torch.full_like(label, batch.exit)
        seconds = torch.full_like(label, now - start, dtype=torch.float64)
        late = torch.from_numpy(now > due[batch.here[done]])
        return Answer(probabilities, label, confidence, exit, seconds, late)


def predict_early(
    network: nn.Module | AnytimePredictor,
    images: Tensor,
    policy: str | policies.Policy,
    threshold: float,
    batch_size: int = 64,
) -> Answer:
    """Budgeted prediction: each image (N, C, H, W) leaves its batch once the policy is sure.

    threshold: for instance from `policies.threshold_for`. seconds count from the first batch on.
    network: or a predictor that was made of it, which saves making one.
    """
    predictor = network if isinstance(network, AnytimePredictor) else AnytimePredictor(network)
    answers, start = [], predictor.clock()
    for part in _checked(images).split(batch_size):
        begun = predictor.clock() - start
        answer = predictor.predict(part, early=(policy, threshold))
        answers.append(replace(answer, seconds=answer.seconds + begun))
    return Answer(*_columns(answers))


def _columns(answers: Sequence[Answer]) -> list[Tensor]:
    return [torch.cat([getattr(a, field.name) for a in answers]) for field in fields(Answer)]


def _checked(images: Tensor) -> Tensor:
    if images.ndim != 4 or not len(images):
        shape = (*images.shape,)
        raise ValueError(
            f"images must be (N, C, H, W), not {shape}; for one image take image[None]"
        )
    return images


def _per_image(name: str, value: ArrayLike | None, count: int) -> np.ndarray:
    values = np.asarray(np.inf if value is None else value, dtype=float)
    if values.shape not in ((), (count,)) or np.isnan(values).any():
        raise ValueError(f"{name} must be one number, or one for each of the {count} images")
    return np.broadcast_to(values, count)
