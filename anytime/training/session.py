"""A training run in progress: the step, the epoch, and all that a checkpoint holds."""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Iterable
from contextlib import AbstractContextManager
from pathlib import Path

import torch
from torch import Tensor, nn
from tqdm.auto import tqdm

from anytime.datasets import Dataset, augment, check_steps, pixel_mean
from anytime.networks import AnytimeNetwork, cost
from anytime.networks import save as save_network
from anytime.processes import rank, world_size
from anytime.runs import Run
from anytime.training import checkpoints
from anytime.training.evaluation import evaluate, exit_losses, exit_mistakes
from anytime.training.interrupts import HeldInterrupts
from anytime.training.provenance import environment
from anytime.training.recipe import Recipe
from anytime.training.sums import EpochSums
from anytime.weighting import Weighting


class Session:
    """A training run in progress: everything that a checkpoint has to hold, and the step."""

    def __init__(
        self,
        network: AnytimeNetwork,
        weighting: Weighting,
        dataset: Dataset,
        recipe: Recipe,
        seed: int = 0,
    ) -> None:
        self.network, self.dataset, self.recipe, self.seed = network, dataset, recipe, seed
        self.device = device_of(network)
        self.weighting = weighting.to(self.device)
        self.augmentation = check_steps(
            dataset.augmentation if recipe.augmentation is None else recipe.augmentation
        )
        self.batch_size = min(recipe.batch_size, len(dataset.train))
        if self.batch_size % world_size():
            raise ValueError(f"{world_size()} processes cannot share batches of {self.batch_size}")
        self.steps_per_epoch = len(dataset.train) // self.batch_size
        self.step = 0
        self.images = dataset.train.to(self.device)
        self.sums = EpochSums.zero(network.num_exits, self.device)
        self.record = self._new_record()
        network.standardise.mean = pixel_mean(dataset.train.pixels).to(self.device)
        if recipe.channels_last:
            network.to(memory_format=torch.channels_last)
        heads = [
            (module.weight, exit)
            for exit, head in enumerate(network.heads)
            for module in head.modules()
            if isinstance(module, nn.Linear)
        ]
        self.heads = [weight for weight, _ in heads]
        self.exits = torch.tensor([exit for _, exit in heads], device=self.device)
        self.optimizer = _optimizer(network, weighting, recipe)
        self.model = torch.compile(network) if recipe.compile else network
        if world_size() > 1:
            self.model = nn.parallel.DistributedDataParallel(self.model)
        self._clock = time.perf_counter(), time.process_time()

    @property
    def epoch(self) -> int:
        """The number of epochs that are over."""
        return len(self.record.history)

    def run_epoch(
        self,
        bar: tqdm,
        interrupts: HeldInterrupts,
        checkpoint: str | os.PathLike | None,
        every: float,
    ) -> None:
        """Goes through the rest of an epoch, or to an interrupt; saves every so many seconds."""
        self.network.train()
        saved = looked = time.perf_counter()
        for batch in self.batches():
            if interrupts.pending:
                return
            self.train_step(batch)
            bar.update()
            now = time.perf_counter()
            if now - looked > 1.0:
                self._show(bar)
                looked = now
            if now - saved > every:
                self.save(checkpoint)
                saved = now

    def batches(self) -> Iterable[Tensor]:
        """The positions of this process's images in each batch that the epoch still has."""
        generator = _generator(self.seed, "order", self.epoch)
        order = torch.randperm(len(self.images), generator=generator)
        done = self.step - self.epoch * self.steps_per_epoch
        batches = order.to(self.device).split(self.batch_size)[done : self.steps_per_epoch]
        return [batch[rank() :: world_size()] for batch in batches]

    def train_step(self, batch: Tensor) -> None:
        """One step on the images at these positions (N,); nothing in it waits for the device."""
        images = self.images[batch]
        generator = _generator(self.seed, "augmentation", self.step, rank())
        pixels = augment(images.pixels, self.augmentation, generator)
        if self.recipe.channels_last:
            pixels = pixels.contiguous(memory_format=torch.channels_last)
        for group in self.optimizer.param_groups:
            group["lr"] = self.recipe.learning_rate(self.step / self.steps_per_epoch)

        weights = self.weighting.weights
        with _autocast(self.recipe, self.device):
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
        # B_i multiplies a head's loss, so it multiplies the head's decay too.
        factors = self.recipe.weight_decay * weights[self.exits]
        decay = torch._foreach_mul(self.heads, list(factors.unbind()))
        torch._foreach_add_([head.grad for head in self.heads], decay)

    def end_epoch(self, evaluate_every: int = 1) -> None:
        """Adds the epoch to the record."""
        self.sums.check()
        epoch = self.epoch + 1
        losses, errors = self.sums.means()
        entry = {
            "epoch": epoch,
            "lr": float(f"{self.recipe.learning_rate(epoch):.4g}"),
            "train_loss": _rounded(losses),
            "train_error": _rounded(errors),
            "weights": _rounded(self.weighting.weights.tolist()),
        }
        self.record.finished = epoch == self.recipe.epochs
        if self.record.finished or epoch % evaluate_every == 0:
            test_losses, test_errors = evaluate(self.network, self.dataset.test)
            entry["test_loss"] = _rounded(test_losses.tolist())
            entry["test_error"] = _rounded(test_errors.tolist())
        self.record.history.append(entry)
        self.sums = EpochSums.zero(self.network.num_exits, self.device)
        self._read_clock()

    def save(self, checkpoint: str | os.PathLike | None) -> None:
        """Writes the checkpoint; a network that is broken is not written."""
        if checkpoint is None or rank() > 0:
            return
        self.sums.check()
        self._read_clock()
        record = self.record
        state = {
            "config": record.config,
            "network": self.network.state_dict(),
            "weighting": self.weighting.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "step": self.step,
            "sums": vars(self.sums),
            "history": record.history,
            "time": [record.seconds, record.cpu_seconds, record.sittings],
        }
        checkpoints.write(checkpoint, state)

    def finish(
        self,
        record: str | os.PathLike | None,
        checkpoint: str | os.PathLike | None,
        keep_network: str | os.PathLike | None,
    ) -> None:
        """Stores the network, if wanted, and the record; only then is the checkpoint deleted."""
        if keep_network is not None:
            self.record.trained = save_network(self.network, keep_network)
        if record is not None:
            self.record.save(record)
        if checkpoint is not None:
            Path(checkpoint).unlink(missing_ok=True)

    def resume(self, checkpoint: str | os.PathLike | None) -> None:
        """Goes on from a checkpoint, if there is one."""
        record = self.record
        state = checkpoints.read(checkpoint, record.config, self.device)
        if state is None:
            return
        self.network.load_state_dict(state["network"])
        self.weighting.load_state_dict(state["weighting"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.step, self.sums = state["step"], EpochSums(**state["sums"])
        record.history = state["history"]
        record.seconds, record.cpu_seconds, sittings = state["time"]
        record.sittings = sittings + 1
        record.finished = self.epoch == self.recipe.epochs

    def _new_record(self) -> Run:
        config = {
            "dataset": self.dataset.name,
            "train_images": len(self.images),
            "network": self.network.name,
            "weighting": self.weighting.spec,
            "recipe": self.recipe.to_dict() | {"augmentation": list(self.augmentation)},
            "seed": self.seed,
        }
        if self.dataset.validation:
            config["validation_images"] = self.dataset.validation
        if self.dataset.image_size:
            config["image_size"] = self.dataset.image_size
        shape = tuple(self.images.pixels.shape[1:])
        return Run(
            config,
            cost=cost.multiply_adds(self.network, shape).tolist(),
            parameters=cost.parameters(self.network).tolist(),
            environment={"data": self.dataset.title, **environment(self.device)},
        )

    def _show(self, bar: tqdm) -> None:
        self.sums.check()
        if not bar.disable:
            errors = 100 * self.sums.mistakes / self.sums.images
            first, middle, last = errors[[0, len(errors) // 2, -1]].tolist()
            bar.set_postfix_str(
                f"epoch {self.epoch + 1}/{self.recipe.epochs}, training error at the first, "
                f"middle, last exit: {first:.0f} {middle:.0f} {last:.0f} %",
                refresh=False,
            )

    def _read_clock(self) -> None:
        wall, cpu = time.perf_counter(), time.process_time()
        self.record.seconds = round(self.record.seconds + wall - self._clock[0], 2)
        self.record.cpu_seconds = round(self.record.cpu_seconds + cpu - self._clock[1], 2)
        self._clock = wall, cpu


def _optimizer(
    network: AnytimeNetwork, weighting: Weighting, recipe: Recipe
) -> torch.optim.Optimizer:
    convolutions = [m.weight for m in network.modules() if isinstance(m, nn.Conv2d)]
    decayed = {id(weight) for weight in convolutions}
    others = [p for p in network.parameters() if id(p) not in decayed]
    groups = [
        {"params": convolutions, "weight_decay": recipe.weight_decay},
        {"params": [*others, *weighting.parameters()], "weight_decay": 0.0},
    ]
    return torch.optim.SGD(groups, lr=recipe.lr, momentum=recipe.momentum, foreach=True)


def _autocast(recipe: Recipe, device: torch.device) -> AbstractContextManager:
    dtype = getattr(torch, recipe.autocast) if recipe.autocast else None
    return torch.autocast(device.type, dtype=dtype, enabled=dtype is not None)


def _generator(*key: int | str) -> torch.Generator:
    """A generator of its own for each draw, so that no state has to survive a restart."""
    digest = hashlib.blake2b(repr(key).encode(), digest_size=8).digest()
    return torch.Generator().manual_seed(int.from_bytes(digest, "little") >> 1)


def device_of(network: nn.Module) -> torch.device:
    """Where a network's parameters lie."""
    return next(network.parameters()).device


def _rounded(values: Iterable[float]) -> list[float]:
    """Five significant digits: more than a repeated run would share."""
    return [float(f"{value:.5g}") for value in values]
