"""The training loop: one network, one weighting, one data set, one record."""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from tqdm.auto import tqdm

from anytime.datasets import Dataset, augment, check_steps, pixel_mean
from anytime.distributed import all_mean, rank, world_size
from anytime.environment import environment
from anytime.evaluation import evaluate, exit_losses, exit_mistakes
from anytime.networks import AnytimeNetwork, cost
from anytime.recipe import Recipe
from anytime.runs import Run
from anytime.weighting import Weighting

NEVER = torch.iinfo(torch.long).max


class NotFinite(RuntimeError):
    """A loss became infinite or not a number; the message says when, where and under which B."""


def train(
    network: AnytimeNetwork,
    weighting: Weighting,
    dataset: Dataset,
    recipe: Recipe,
    *,
    seed: int = 0,
    config: dict[str, Any] | None = None,
    record: str | os.PathLike | None = None,
    checkpoint: str | os.PathLike | None = None,
    checkpoint_seconds: float = 300.0,
    evaluate_every: int = 1,
    progress: bool = True,
    after_epoch: Callable[[Run], None] | None = None,
) -> Run:
    """Trains a network on the device that its parameters are on, and returns the record.

    seed: of the order of the images and of the augmentation. config: more entries for the
    record's configuration. record: the JSON file to write after every epoch. checkpoint: a file
    kept up to date while training runs, from which the same call goes on, and deleted at the
    end; on the CPU the result is bit for bit that of a run never interrupted.
    after_epoch: called with the record so far.
    Started by torchrun, each process takes its share of every batch.
    Raises NotFinite for a loss that is not finite, ValueError where the parts do not fit
    together. Ctrl-C saves the checkpoint and is passed on.
    """
    _check_fit(network, weighting, dataset)
    config = {
        "dataset": dataset.name,
        "train_images": len(dataset.train),
        "network": network.name,
        "weighting": weighting.spec,
        "recipe": recipe.to_dict(),
        "seed": seed,
        **(config or {}),
    }
    network.standardise.mean = pixel_mean(dataset.train.pixels).to(_device(network))
    session = _Session(network, weighting, dataset, recipe, seed, config)
    session.resume(checkpoint)
    bar = tqdm(
        total=recipe.epochs * session.steps_per_epoch,
        initial=session.step,
        desc=f"{dataset.name} {weighting.spec or type(weighting).__name__}",
        unit="step",
        disable=not progress or rank() > 0,
        mininterval=1.0,
    )
    try:
        with bar:
            session.run(bar, record, checkpoint, checkpoint_seconds, evaluate_every, after_epoch)
    except KeyboardInterrupt:
        session.save(checkpoint)
        if checkpoint is not None:
            print(f"Stopped after step {session.step}; the same call goes on from {checkpoint}.")
        raise
    if checkpoint is not None and rank() == 0:
        Path(checkpoint).unlink(missing_ok=True)
    return session.record


@dataclass
class _Sums:
    """What the steps of an epoch add up, kept on the device so that no step waits for it."""

    losses: Tensor
    mistakes: Tensor
    images: int
    broken_at: Tensor
    broken_weights: Tensor

    @classmethod
    def zero(cls, exits: int, device: torch.device) -> _Sums:
        zeros = torch.zeros(exits, device=device)
        never = torch.full((exits,), NEVER, device=device)
        return cls(zeros, zeros.clone(), 0, never, zeros.clone())

    def add(self, losses: Tensor, mistakes: Tensor, images: int, weights: Tensor, step: int):
        """Adds one batch's mean losses and number of mistakes per exit."""
        self.losses = self.losses + losses * images
        self.mistakes = self.mistakes + mistakes
        self.images += images
        first = self.broken_at.amin() == NEVER
        self.broken_weights = torch.where(first, weights, self.broken_weights)
        broken = ~losses.isfinite() & (self.broken_at == NEVER)
        self.broken_at = torch.where(broken, step, self.broken_at)

    def check(self) -> None:
        """Raises NotFinite where a loss was not finite; waits for the device."""
        step = int(self.broken_at.min())
        if step == NEVER:
            return
        exits = (self.broken_at == step).nonzero().flatten() + 1
        weights = ", ".join(f"{weight:.3g}" for weight in self.broken_weights.tolist())
        raise NotFinite(
            f"the loss of exit {', '.join(map(str, exits.tolist()))} was not finite at step "
            f"{step}, under the weights B = ({weights}); try a smaller learning rate or, with "
            "autocast, bfloat16 instead of float16"
        )

    def means(self) -> tuple[list[float], list[float]]:
        """Mean losses and errors of the epoch, over all processes."""
        both = all_mean(torch.stack([self.losses, self.mistakes]) / self.images)
        losses, errors = both.tolist()
        return _rounded(losses), _rounded(errors)


class _Session:
    """A training run in progress: everything that a checkpoint has to hold."""

    def __init__(
        self,
        network: AnytimeNetwork,
        weighting: Weighting,
        dataset: Dataset,
        recipe: Recipe,
        seed: int,
        config: dict[str, Any],
    ) -> None:
        device = _device(network)
        self.network, self.dataset, self.recipe, self.seed = network, dataset, recipe, seed
        self.weighting = weighting.to(device)
        if recipe.channels_last:
            network.to(memory_format=torch.channels_last)
        self.model = _parallel(torch.compile(network) if recipe.compile else network)
        self.optimizer = _optimizer(network, weighting, recipe)
        self.heads = [m.weight for m in network.heads.modules() if isinstance(m, nn.Linear)]
        steps = recipe.augmentation if recipe.augmentation is not None else dataset.augmentation
        self.augmentation = check_steps(steps)
        self.train_images = dataset.train.to(device)
        self.batch_size = min(recipe.batch_size, len(dataset.train))
        if self.batch_size % world_size():
            raise ValueError(f"{world_size()} processes cannot share batches of {self.batch_size}")
        self.steps_per_epoch = len(dataset.train) // self.batch_size
        self.step = 0
        self.sums = _Sums.zero(network.num_exits, device)
        shape = tuple(dataset.train.pixels.shape[1:])
        self.record = Run(
            config,
            cost=cost.multiply_adds(network, shape).tolist(),
            parameters=cost.parameters(network).tolist(),
            environment=environment(device),
        )
        self._started, self._started_cpu = time.perf_counter(), time.process_time()

    @property
    def epoch(self) -> int:
        return self.step // self.steps_per_epoch

    def run(self, bar, record, checkpoint, checkpoint_seconds, evaluate_every, after_epoch) -> None:
        saved = looked = time.perf_counter()
        while self.epoch < self.recipe.epochs:
            self.network.train()
            order = self._order()
            while self.step < (self.epoch_started + 1) * self.steps_per_epoch:
                self._train_step(order)
                bar.update()
                now = time.perf_counter()
                if now - looked > 1.0:
                    self._show(bar)
                    looked = now
                if now - saved > checkpoint_seconds:
                    self.save(checkpoint)
                    saved = now
            self._end_epoch(evaluate_every)
            if rank() == 0 and record is not None:
                self.record.save(record)
            if not self.record.finished:
                self.save(checkpoint)
            if after_epoch is not None:
                after_epoch(self.record)

    def _order(self) -> Tensor:
        """The order of the images in this epoch, the same after a resume."""
        self.epoch_started = self.epoch
        generator = _generator(self.seed, "order", self.epoch)
        return torch.randperm(len(self.dataset.train), generator=generator)

    def _train_step(self, order: Tensor) -> None:
        place = self.step % self.steps_per_epoch * self.batch_size
        batch = order[place : place + self.batch_size][rank() :: world_size()]
        images = self.train_images[batch.to(self.train_images.labels.device)]
        generator = _generator(self.seed, "augmentation", self.step, rank())
        pixels = augment(images.pixels, self.augmentation, generator)
        if self.recipe.channels_last:
            pixels = pixels.contiguous(memory_format=torch.channels_last)
        for group in self.optimizer.param_groups:
            group["lr"] = self.recipe.learning_rate(self.step / self.steps_per_epoch)

        weights = self.weighting.weights
        with _autocast(self.recipe, pixels.device):
            logits = self.model(pixels)
        losses = exit_losses(logits, images.labels)
        self.optimizer.zero_grad(set_to_none=True)
        self.weighting(losses).backward()
        self._decay_heads(weights)
        self.optimizer.step()
        self.step += 1
        with torch.no_grad():
            mistakes = exit_mistakes(logits, images.labels)
            self.sums.add(losses.detach(), mistakes, len(batch), weights, self.step)

    def _decay_heads(self, weights: Tensor) -> None:
        # A head's loss is weighted by B_i, so its decay is too: B_i only scales its gradient.
        decay = torch._foreach_mul(self.heads, list((self.recipe.weight_decay * weights).unbind()))
        torch._foreach_add_([head.grad for head in self.heads], decay)

    def _show(self, bar: tqdm) -> None:
        self.sums.check()
        if not bar.disable:
            errors = 100 * self.sums.mistakes / self.sums.images
            middle = errors[len(errors) // 2]
            bar.set_postfix_str(
                f"epoch {self.epoch_started + 1}/{self.recipe.epochs}, training error first, "
                f"middle, last exit {errors[0]:.0f} {middle:.0f} {errors[-1]:.0f} %",
                refresh=False,
            )

    @torch.no_grad()
    def _end_epoch(self, evaluate_every: int) -> None:
        self.sums.check()
        train_loss, train_error = self.sums.means()
        entry = {
            "epoch": self.epoch,
            "lr": float(f"{self.recipe.learning_rate(self.epoch):.4g}"),
            "train_loss": train_loss,
            "train_error": train_error,
            "weights": _rounded(self.weighting.weights.tolist()),
        }
        last = self.epoch == self.recipe.epochs
        if last or self.epoch % evaluate_every == 0:
            test_loss, test_error = evaluate(self.network, self.dataset.test)
            entry["test_loss"], entry["test_error"] = map(_rounded, (test_loss, test_error))
        self.record.history.append(entry)
        self.record.finished = last
        self._clock()
        self.sums = _Sums.zero(self.network.num_exits, self.sums.losses.device)

    def _clock(self) -> None:
        now, now_cpu = time.perf_counter(), time.process_time()
        self.record.seconds = round(self.record.seconds + now - self._started, 2)
        self.record.cpu_seconds = round(self.record.cpu_seconds + now_cpu - self._started_cpu, 2)
        self._started, self._started_cpu = now, now_cpu

    def save(self, checkpoint: str | os.PathLike | None) -> None:
        """Writes the checkpoint whole or not at all; a network that is broken is not written."""
        if checkpoint is None or rank() > 0:
            return
        self.sums.check()
        self._clock()
        state = {
            "config": self.record.config,
            "network": self.network.state_dict(),
            "weighting": self.weighting.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "step": self.step,
            "sums": vars(self.sums),
            "history": self.record.history,
            "time": (self.record.seconds, self.record.cpu_seconds, self.record.sittings),
        }
        path = Path(checkpoint)
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = path.with_name(f"{path.name}.{os.getpid()}.tmp")
        try:
            torch.save(state, temporary)
            os.replace(temporary, path)
        finally:
            temporary.unlink(missing_ok=True)

    def resume(self, checkpoint: str | os.PathLike | None) -> None:
        """Goes on from a checkpoint, if there is one."""
        if checkpoint is None or not Path(checkpoint).exists():
            return
        try:
            state = torch.load(checkpoint, map_location=_device(self.network), weights_only=True)
            theirs = state["config"]
        except Exception as error:
            raise ValueError(
                f"{checkpoint} is not a checkpoint that can be read ({error}); delete it to start "
                "this run anew"
            ) from error
        ours = self.record.config
        differing = [key for key in sorted({*ours, *theirs}) if ours.get(key) != theirs.get(key)]
        if differing:
            says = "; ".join(f"{k}: {theirs.get(k)!r}, not {ours.get(k)!r}" for k in differing)
            raise ValueError(f"{checkpoint} belongs to another run: {says}. Choose another file")
        self.network.load_state_dict(state["network"])
        self.weighting.load_state_dict(state["weighting"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.step, self.sums = state["step"], _Sums(**state["sums"])
        self.record.history = state["history"]
        seconds, cpu_seconds, sittings = state["time"]
        self.record.seconds, self.record.cpu_seconds = seconds, cpu_seconds
        self.record.sittings = sittings + 1


def _check_fit(network: AnytimeNetwork, weighting: Weighting, dataset: Dataset) -> None:
    if weighting.num_exits != network.num_exits:
        raise ValueError(
            f"the weighting is for {weighting.num_exits} exits, the network has "
            f"{network.num_exits}; build it with num_exits=network.num_exits"
        )
    pixels = dataset.train[:2].pixels.to(_device(network))
    try:
        with torch.no_grad():
            classes = network.eval()(pixels).shape[-1]
    except RuntimeError as error:
        raise ValueError(
            f"the network cannot read images of shape {tuple(pixels.shape[1:])}; build it with "
            f"in_channels={pixels.shape[1]} ({error})"
        ) from error
    if classes != len(dataset.classes):
        raise ValueError(
            f"the network tells {classes} classes apart, {dataset.name} has "
            f"{len(dataset.classes)}; build it with num_classes={len(dataset.classes)}"
        )


def _optimizer(network: AnytimeNetwork, weighting: Weighting, recipe: Recipe):
    convolutions = [m.weight for m in network.modules() if isinstance(m, nn.Conv2d)]
    decayed = {id(weight) for weight in convolutions}
    others = [p for p in network.parameters() if id(p) not in decayed]
    groups = [
        {"params": convolutions, "weight_decay": recipe.weight_decay},
        {"params": [*others, *weighting.parameters()], "weight_decay": 0.0},
    ]
    return torch.optim.SGD(groups, lr=recipe.lr, momentum=recipe.momentum, foreach=True)


def _parallel(model: nn.Module) -> nn.Module:
    return nn.parallel.DistributedDataParallel(model) if world_size() > 1 else model


def _autocast(recipe: Recipe, device: torch.device):
    dtype = getattr(torch, recipe.autocast) if recipe.autocast else None
    return torch.autocast(device.type, dtype=dtype, enabled=dtype is not None)


def _generator(*key: int | str) -> torch.Generator:
    """A generator of its own for each draw, so that no state has to survive a restart."""
    digest = hashlib.blake2b(repr(key).encode(), digest_size=8).digest()
    return torch.Generator().manual_seed(int.from_bytes(digest, "little") >> 1)


def _device(network: nn.Module) -> torch.device:
    return next(network.parameters()).device


def _rounded(values: Tensor | list[float]) -> list[float]:
    """Five significant digits: more than a repeated run would share."""
    return [float(f"{value:.5g}") for value in np.asarray(values, dtype=np.float64)]
