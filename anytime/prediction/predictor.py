"""The best answer so far under a deadline, a budget or an interrupt; early exit in batches."""

from __future__ import annotations

import functools
import math
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any, SupportsFloat, cast

import numpy as np
import torch
from numpy.typing import ArrayLike
from torch import Tensor, nn

from anytime.networks import cost
from anytime.networks.base import check_exits
from anytime.networks.folding import folded
from anytime.prediction import policies
from anytime.prediction.passes import Pass

TINY = 1e-9  # not 0, as no deadline is an infinite one
STEP, KEPT = 0.1, 29
"""How much less of a deadline is used after one that was missed; so many kept ones make up for it.

In the long run one in thirty is missed where that many units are delayed; where fewer are, little
is given away. A larger step learns sooner and gives more away.
"""


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
    Images are tensors (N, C, H, W), pixels in 0 ... 255, of bytes or of floats of up to 32 bits.
    TypeError and ValueError say how to get there from anything else.
    """

    def __init__(self, network: nn.Module, clock: Callable[[], float] = time.perf_counter) -> None:
        check_exits(network)
        self.network, self.clock = network.eval(), clock
        self._folded = folded(network)
        # The batches whose times are known, and the seconds of each unit and of an answer there.
        self._sizes, self._seconds = [1], np.zeros((1, cast(int, network.num_exits) + 1))
        self._shape = torch.Size()
        self._share = 1.0  # of each deadline: the rest is left to what other programs delay
        self._cost = functools.cache(lambda shape: cost.multiply_adds(network, shape))

    @torch.inference_mode()
    def calibrate(self, images: Tensor, repeats: int = 20, quantile: float = 0.9) -> np.ndarray:
        """Measures the units' seconds (K,) for images (N, C, H, W): a quantile of the repeats.

        They decide whether a deadline can be held, together with the deadlines that were missed:
        where other programs keep the machine busy, answers are given earlier. Batches of 1, 4,
        16, ... of the images are measured too, and sizes between are interpolated: give the
        largest batch to come.
        """
        whole = len(_checked(images))
        sizes = [*(4**i for i in range(16) if 4**i < whole), whole]
        passes = [[self._timed_pass(images[:n]) for _ in range(repeats + 2)] for n in sizes]
        self._seconds = np.quantile(np.array(passes)[:, 2:], quantile, axis=1)
        self._sizes, self._shape, self._share = sizes, images.shape[1:], 1.0
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
        start = limits.setdefault("start", self.clock())
        answer = _joined(*zip(*self.as_completed(images, **limits), strict=True))

        # The last deadline is that of handing them out, too; the clock comes last.
        given = _per_image("deadline", limits.get("deadline"), len(images)).max() / 1000.0
        if self.clock() <= start + given:
            return answer
        if not answer.late.any():  # else it is known
            self._learn(True, given, len(images))
        return replace(answer, late=torch.ones_like(answer.late))

    @torch.inference_mode()
    def as_completed(
        self,
        images: Tensor,
        deadline: ArrayLike | None = None,
        budget: ArrayLike | None = None,
        interrupt: threading.Event | None = None,
        early: tuple[str | policies.Policy, float] | None = None,
        start: float | None = None,
    ) -> Iterator[tuple[np.ndarray, Answer]]:
        """Yields places in the batch with their answers, once the first of these limits is met.

        deadline: milliseconds from the start; budget: multiply-adds; one for all images or one for
        each (N,). interrupt: ends everything once set, by another thread or `interrupts.ctrl_c`.
        early: a policy and its threshold. start: on the clock, when a deadline begins to run; now
        unless given. A unit starts only if it should end by the deadline; one that runs, and the
        first, are always finished. Raises ValueError for a deadline before `calibrate`.
        """
        now = self.clock()
        start = now if start is None else start
        count = len(_checked(images))
        last = self._last_units(_per_image("budget", budget, count), images.shape[1:])
        given = _per_image("deadline", deadline, count) / 1000.0
        if deadline is not None and self._shape != images.shape[1:]:
            raise ValueError(f"call calibrate() on images of shape {(*images.shape[1:],)} first")
        due, aim = start + given, start + self._share * given
        policy, threshold = (None, 0.0) if early is None else _policy(early)
        scores = policies.Sureness(policy, count) if policy is not None else None
        batch, sure, done = self._begin(images), np.full(count, False), np.full(count, False)
        while len(batch.here):
            if not done.any():
                batch.step()
                if scores:
                    sure = scores.after(batch.logits, batch.here) >= threshold
            now = self.clock()  # who reads the answers takes time, too
            done = sure | (last[batch.here] <= batch.done)
            done |= self._too_late(batch, aim[batch.here], now)
            done |= interrupt is not None and interrupt.is_set()
            if done.any():
                answer = self._answer(batch, done, start, due)
                self._learn(bool(answer.late.any()), given[batch.here[done]].min(), count)
                yield batch.here[done], answer
                sure = sure[~done]
                batch.keep(~done)

    def _last_units(self, budget: np.ndarray, shape: torch.Size) -> np.ndarray:
        """How many units each budget (N,) pays for, at least the first."""
        if np.isposinf(budget).all():
            return np.full(len(budget), self.network.num_exits)
        return np.maximum(np.searchsorted(self._cost(shape), budget, side="right"), 1)

    def _too_late(self, batch: Pass, aim: np.ndarray, now: float) -> np.ndarray:
        """Which images have to leave a batch, so that the next unit of the rest ends in time: (b,).

        Those with least time leave first, and those with equal deadlines stay together.
        """
        size = np.searchsorted(np.sort(-aim), -aim, side="right")
        fits = now + self._expected(size, [batch.done, -1]) <= aim
        return aim < np.min(aim[fits], initial=np.inf)

    def _expected(self, size: Any, parts: list[int]) -> np.ndarray:
        """The seconds of units, or of making an answer (-1), for batches of these sizes (b,)."""
        seconds = np.interp(size, self._sizes, self._seconds[:, parts].sum(axis=1))
        return seconds * np.maximum(1.0, np.divide(size, self._sizes[-1]))

    def _learn(self, late: bool, given: float, count: int) -> None:
        """Uses less of the next deadlines where one was missed, and slowly more again where not.

        given: its seconds. It counts if that is twice the first exit's time or more.
        """
        if 2 * self._expected(count, [0, -1]) <= given < np.inf:
            change = -STEP if late else STEP / KEPT
            self._share = min(max(self._share + change, TINY), 1.0)

    def _answer(self, batch: Pass, done: np.ndarray, start: float, due: np.ndarray) -> Answer:
        with torch.inference_mode(False):  # whoever gets the tensors may change them
            probabilities = batch.logits[done].float().softmax(-1)
            confidence, label = probabilities.max(-1)
            exit, due = torch.full_like(label, batch.exit), due[batch.here[done]]
            now = self.clock()
            late = torch.from_numpy(now > due)
            seconds = torch.full_like(label, now - start, dtype=torch.float64)
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


def _joined(places: Sequence[np.ndarray], answers: Sequence[Answer]) -> Answer:
    """The answers to parts of a batch in the order of the batch."""
    if len(answers) == 1:
        return answers[0]
    order = torch.from_numpy(np.concatenate(places).argsort())
    return Answer(*(column[order] for column in _columns(answers)))


def _columns(answers: Sequence[Answer]) -> list[Tensor]:
    return [torch.cat([getattr(a, field.name) for a in answers]) for field in fields(Answer)]


def _checked(images: Any) -> Tensor:
    """Images (N, C, H, W) with pixels in 0 ... 255; for anything else, an error with the fix."""
    if not isinstance(images, Tensor):
        raise TypeError(
            f"images must be a tensor (N, C, H, W), not {type(images).__name__}; make it by torch."
            "stack([torch.from_numpy(np.array(image)).permute(2, 0, 1) for image in images])"
        )
    if images.ndim != 4 or not len(images):
        shape = (*images.shape,)
        raise ValueError(
            f"images must be (N, C, H, W), not {shape}; for one image take image[None]"
        )
    if images.dtype in (torch.float32, torch.float16, torch.bfloat16):
        low, high = (value.item() for value in images.aminmax())
        if not 0 <= low <= high <= 255 or 0 < high <= 1:
            raise ValueError(
                f"pixels must lie in 0 ... 255, as in image files, but these lie in {low:g} ... "
                f"{high:g}; undo their scaling, such as by 255 * images for pixels in 0 ... 1"
            )
    elif images.dtype != torch.uint8:
        raise TypeError(f"pixels must be torch.uint8 or torch.float32, not {images.dtype}")
    return images


def _policy(early: Any) -> tuple[policies.Policy, float]:
    pair = isinstance(early, tuple) and len(early) == 2
    if not pair or not isinstance(early[1], SupportsFloat) or math.isnan(early[1]):
        raise ValueError(
            f'early must be a policy and its threshold, such as ("confidence", 0.9), not {early!r}'
        )
    return policies.find(early[0]), float(early[1])


def _per_image(name: str, value: ArrayLike | None, count: int) -> np.ndarray:
    values = np.asarray(np.inf if value is None else value, dtype=float)
    if values.shape not in ((), (count,)) or np.isnan(values).any():
        raise ValueError(f"{name} must be one number, or one for each of the {count} images")
    return np.broadcast_to(values, count)
