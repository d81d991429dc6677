"""A training run in progress: the step, the epoch, and all that a checkpoint holds."""

import hashlib
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from tqdm.auto import tqdm

from anytime.datasets import Dataset, augment, check_steps, pixel_mean
from anytime.networks import Standardise, cost
from anytime.networks import save as save_network
from anytime.networks.base import device_of, state_digest
from anytime.paths import PathLike, check_locks
from anytime.processes import all_mean, any_of, in_first, rank, world_size
from anytime.runs import Run
from anytime.training import checkpoints
from anytime.training.answers import Answers, followed
from anytime.training.evaluation import all_exits, evaluate, exit_mistakes
from anytime.training.interrupts import HeldInterrupts
from anytime.training.losses import losses_apart, training_losses
from anytime.training.optimizer import make_optimizer
from anytime.training.provenance import environment, start_of
from anytime.training.recipe import Recipe
from anytime.training.stages import Stages
from anytime.training.sums import EpochSums, NotFinite
from anytime.weighting import Weighting, gradients


class Session:
    """A training run in progress: everything that a checkpoint has to hold, and the step.

    Making one changes nothing of its arguments; `begin` does.
    """

    def __init__(
        self, network: Any, weighting: Weighting, dataset: Dataset, recipe: Recipe, seed: int = 0
    ) -> None:
        self.network, self.weighting = network, weighting
        self.dataset, self.recipe, self.seed = dataset, recipe, seed
        self.device = device_of(network)
        steps = recipe.augmentation
        self.augmentation = check_steps(dataset.augmentation if steps is None else steps)
        self.batch_size = min(recipe.batch_size, len(dataset.train))
        if self.batch_size % world_size():
            raise ValueError(f"{world_size()} processes cannot share batches of {self.batch_size}")
        if world_size() > 1 and recipe.backbone_epochs:  # each would wait for heads that rest
            raise ValueError("stages are for one process: leave out backbone_epochs, or torchrun")
        self.steps_per_epoch = len(dataset.train) // self.batch_size

        self.step = 0
        self.images = dataset.train.to(self.device)
        self.shape = (*dataset.train.pixels.shape[1:],)
        self.sums = EpochSums.zero(network.num_exits, self.device)
        self.run = self._new_run()
        self.used: Any = torch.ones(network.num_exits)  # the weights B of the last step
        self.optimizer = make_optimizer(network, weighting, recipe, self.shape)
        # What has a state of its own.
        self.parts = {"network": network, "weighting": weighting, "optimizer": self.optimizer}
        self.stages = Stages(network, recipe, self.shape)
        self.followed = followed(network, weighting.gradients_in, self.shape)
        self.model: Any = Answers(network, recipe.backward)
        if self.run.sittings[-1]["compiled"]:
            self.model = torch.compile(self.model)
        self._clock = time.perf_counter(), time.process_time()

    def begin(self) -> None:
        """Makes network and weighting ready to train: their modes, the device, the input's mean.

        A network that was trained before keeps the mean that it has.
        """
        self.weighting.to(self.device).train()
        self.network.train()
        for module in self.network.modules():
            if isinstance(module, Standardise) and not module.is_set:
                module.mean = pixel_mean(self.dataset.train.pixels).to(self.device)
        if self.recipe.channels_last:
            self.network.to(memory_format=torch.channels_last)
        if world_size() > 1:
            # A network that was cut may have layers of which no exit learns.
            self.model = nn.parallel.DistributedDataParallel(self.model, static_graph=True)

    def run_epoch(
        self, bar: tqdm, interrupts: HeldInterrupts, checkpoint: PathLike | None, every: float
    ) -> bool:
        """Goes through the rest of an epoch, or to an interrupt: whether there was one.

        Saves every so many seconds. Of several processes all stop after the same step.
        """
        self.network.train()
        saved = looked = time.perf_counter()
        for batch in self.batches():
            now = time.perf_counter()
            stop, save = any_of(interrupts.pending, now - saved > every)
            if stop:
                return True
            if save:
                self.write_checkpoint(checkpoint)
                saved = now
            self.train_step(batch)
            bar.update()
            if now - looked > 1.0:
                self._show(bar)
                looked = now
        return any_of(interrupts.pending)[0]

    def batches(self) -> Iterable[Tensor]:
        """The positions of this process's images in each batch that the epoch still has."""
        generator = _generator(self.seed, "order", self.run.epochs)
        order = torch.randperm(len(self.images), generator=generator)
        done = self.step - self.run.epochs * self.steps_per_epoch
        batches = order.to(self.device).split(self.batch_size)[done : self.steps_per_epoch]
        return [batch[rank() :: world_size()] for batch in batches]

    def train_step(self, batch: Tensor) -> None:
        """One step on the images at these positions (N,); nothing in it waits for the device."""
        # Dropout and the like draw from torch's own generator: so no state has to be kept of it.
        seed = _seed(self.seed, "network", self.step, rank())
        torch.default_generator.manual_seed(seed)
        if self.device.type == "cuda":
            torch.cuda.manual_seed(seed)
        pixels = self.images.pixels.index_select(0, batch)
        labels = self.images.labels.index_select(0, batch)
        generator = _generator(self.seed, "augmentation", self.step, rank())
        pixels = augment(pixels, self.augmentation, generator)
        if self.recipe.channels_last:
            pixels = pixels.contiguous(memory_format=torch.channels_last)
        rate = self.recipe.learning_rate(self.step / self.steps_per_epoch)
        for group in self.optimizer.param_groups:
            group["lr"] = group["lr"] if "own_rate" in group else rate
        self.stages.set_mode(self.run.epochs)

        with torch.autocast(self.device.type, torch.bfloat16, self.recipe.autocast is not None):
            answers = self.model(pixels)
        logits = torch.stack(answers)
        losses = training_losses(logits, labels, self.recipe)
        losses.retain_grad()
        self.optimizer.zero_grad(set_to_none=True)
        if self.stages.is_first(self.run.epochs):
            losses[-1].backward()
        else:
            self.weighting(losses, *self._gradients(answers, labels)).backward()
        for parameter in self.stages.resting(self.run.epochs):
            parameter.grad = None
        # How much the training loss grows with each loss: by definition its weight.
        self.used = losses.grad
        for learned in self.weighting.parameters():
            learned.grad = None if learned.grad is None else all_mean(learned.grad)
        self.optimizer.step()
        self.step += 1

        with torch.no_grad():
            mistakes = exit_mistakes(logits, labels)
            self.sums.add(losses.detach(), mistakes, len(batch), self.used, self.step)

    def _gradients(self, answers: Sequence[Tensor], labels: Tensor) -> tuple:
        """The gradient of each loss, for a weighting that asks for them."""
        if not self.followed:
            return ()
        return (gradients(losses_apart(answers, labels, self.recipe), self.followed),)

    def end_epoch(self, evaluate_every: int = 1) -> None:
        """Adds the epoch to the record."""
        self.check()
        epoch = self.run.epochs + 1
        losses, errors = self.sums.means()
        entry: dict[str, Any] = {
            "epoch": epoch,
            "lr": float(f"{self.recipe.learning_rate(epoch):.4g}"),
            "train_loss": _rounded(losses),
            "train_error": _rounded(errors),
            "weights": _rounded(self.used.tolist()),
        }
        last = epoch == self.recipe.epochs
        if last or epoch % evaluate_every == 0:
            test_losses, test_errors = evaluate(self.network, self.dataset.test)
            entry["test_loss"] = _rounded(test_losses.tolist())
            entry["test_error"] = _rounded(test_errors.tolist())
        if broken := [key for key, values in entry.items() if not np.isfinite(values).all()]:
            told = " and ".join(f"{key.replace('_', ' ')} is {entry[key]}" for key in broken)
            raise NotFinite(f"after epoch {epoch}, step {self.step}, the {told}, exit by exit")
        self.run.history.append(entry)
        self.run.finished = last
        self.sums = EpochSums.zero(self.network.num_exits, self.device)
        self._read_clock()

    def write_record(self, path: PathLike | None) -> None:
        """Writes the record; one that is finished is left in its place until this one is, too."""
        if path is None or rank() > 0:
            return
        if self.run.finished or not Path(path).exists() or not Run.load(path).finished:
            self.run.save(path)

    def check(self) -> None:
        """Raises NotFinite where a loss was not finite, or the network is broken now; waits."""
        self.sums.check()
        if not all_exits(self.network, self.images.pixels[:2]).isfinite().all():
            raise NotFinite(
                f"in evaluation mode the network's answers are not finite after step {self.step}, "
                "though all losses of training were"
            )

    def write_checkpoint(self, path: PathLike | None) -> None:
        """Writes the checkpoint; a network that is broken is not written."""
        if path is None:
            return
        in_first(self.check)
        self._read_clock()
        run = self.run
        state = {"config": run.config, "history": run.history, "step": self.step}
        state |= {"sums": vars(self.sums.shared()), "used": self.used}
        state |= {"time": [run.seconds, run.cpu_seconds, run.sittings]}
        state |= {name: part.state_dict() for name, part in self.parts.items()}
        in_first(lambda: checkpoints.write(path, state))

    def finish(
        self, path: PathLike | None, checkpoint: PathLike | None, keep_network: PathLike | None
    ) -> None:
        """Stores the network, if wanted, and the record; only then is the checkpoint deleted."""
        if keep_network is not None:
            self.run.trained = save_network(self.network, keep_network)
        self.write_record(path)
        check_locks()
        if checkpoint is not None:
            Path(checkpoint).unlink(missing_ok=True)

    def resume(self, checkpoint: PathLike | None) -> None:
        """Goes on from a checkpoint, if there is one.

        The network is the one that the run began with, or the one that it was stopped with.
        """
        run = self.run
        state = checkpoints.read(checkpoint, self.device)
        if state is None:
            return
        with checkpoints.legible(checkpoint):
            if state_digest(state["network"]) == state_digest(self.network.state_dict()):
                run.config["start"] = state["config"]["start"]
        checkpoints.check(checkpoint, state, run.config)
        with checkpoints.legible(checkpoint):
            self.step, run.history = state["step"], state["history"]
            last = min(self.run.epochs + 1, self.recipe.epochs) * self.steps_per_epoch
            if not self.run.epochs * self.steps_per_epoch <= self.step <= last:
                raise ValueError(
                    f"step {self.step} is not one that follows {self.run.epochs} epochs"
                )
            for name, part in self.parts.items():
                part.load_state_dict(state[name])
            self.sums, self.used = EpochSums(**state["sums"]), state["used"].to(self.device)
            run.seconds, run.cpu_seconds, before = state["time"]
            run.sittings = before + run.sittings
        run.environment["from_step"] = self.step
        run.finished = self.run.epochs == self.recipe.epochs

    def _new_run(self) -> Run:
        # What is compiled has one backward pass for all exits, and that only once.
        compiled = self.recipe.compile and not self.weighting.gradients_in
        config = {
            "dataset": self.dataset.name,
            "fingerprint": self.dataset.fingerprint,
            "train_images": len(self.images),
            "network": getattr(self.network, "name", ""),
            "weighting": self.weighting.spec,
            "recipe": self.recipe.to_dict() | {"augmentation": list(self.augmentation)},
            "seed": self.seed,
            "start": start_of(self.network, self.weighting),
        }
        if self.dataset.validation:
            config["validation_images"] = self.dataset.validation
        if self.dataset.image_size:
            config["image_size"] = self.dataset.image_size
        return Run(
            config,
            cost=cost.multiply_adds(self.network, self.shape).tolist(),
            parameters=cost.parameters(self.network, self.shape).tolist(),
            title=self.dataset.title,
            sittings=[environment(self.device) | {"compiled": compiled, "from_step": 0}],
        )

    def _show(self, bar: tqdm) -> None:
        self.sums.check()
        if not bar.disable:
            errors = 100 * self.sums.mistakes / self.sums.images
            first, middle, last = errors[[0, len(errors) // 2, -1]].tolist()
            told = f"error at the first, middle, last exit: {first:.0f} {middle:.0f} {last:.0f} %"
            epoch = f"epoch {self.run.epochs + 1}/{self.recipe.epochs}"
            bar.set_postfix_str(f"{epoch}, training {told}", refresh=False)

    def _read_clock(self) -> None:
        """Adds the time since the last look, of all processes."""
        wall, cpu = time.perf_counter(), time.process_time()
        spent = world_size() * float(all_mean(torch.tensor(cpu - self._clock[1])))
        self.run.seconds = round(self.run.seconds + wall - self._clock[0], 2)
        self.run.cpu_seconds = round(self.run.cpu_seconds + spent, 2)
        self._clock = wall, cpu


def _generator(*key: int | str) -> torch.Generator:
    """A generator of its own for each draw, so that no state has to survive a restart."""
    return torch.Generator().manual_seed(_seed(*key))


def _seed(*key: int | str) -> int:
    digest = hashlib.blake2b(repr(key).encode(), digest_size=8).digest()
    return int.from_bytes(digest, "little") >> 1


def _rounded(values: Iterable[float]) -> list[float]:
    """Five significant digits: more than a repeated run would share."""
    return [float(f"{value:.5g}") for value in values]
