"""The training loop: one network, one weighting, one data set, one record."""

import os
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from tqdm.auto import tqdm

from anytime.datasets import Dataset
from anytime.networks.base import check_exits, device_of
from anytime.networks.storage import check_storable
from anytime.paths import PathLike
from anytime.processes import any_of, in_first, rank
from anytime.runs import Run
from anytime.training.evaluation import all_exits
from anytime.training.interrupts import HeldInterrupts
from anytime.training.locks import held
from anytime.training.provenance import check_named
from anytime.training.recipe import Recipe
from anytime.training.session import Session
from anytime.training.sums import NotFinite
from anytime.weighting import Weighting

SMALL = 100e6  # multiply-adds an image below which one thread is enough


def train(
    network: Any,
    weighting: Weighting,
    dataset: Dataset,
    recipe: Recipe,
    *,
    seed: int = 0,
    record: PathLike | None = None,
    checkpoint: PathLike | None = None,
    checkpoint_seconds: float = 300.0,
    evaluate_every: int = 1,
    keep_network: PathLike | None = None,
    progress: bool = True,
    threads: int | None = None,
    after_epoch: Callable[[Run], None] | None = None,
) -> Run:
    """Trains a network on the device that its parameters are on, and returns the record.

    network: any module with `num_exits` and `refine(images)`, see `anytime.networks.Refining`.
    seed: of the order of the images, of the augmentation, and of what the network draws itself.
    record: a JSON file, written at the start and after every epoch; one of a finished run is left
        in its place until this one is finished. checkpoint: a file kept up to date while training
        runs, from which the same call goes on, and deleted at the end; on the CPU the result is
        bit for bit that of a run never interrupted.
    evaluate_every: epochs between two looks at the test set, which decide nothing.
    keep_network: a file for the trained network's state, stored before the checkpoint is deleted.
    threads: of the processor, while it trains. Unless given, or set by OMP_NUM_THREADS, a network
        of under 100 million multiply-adds trains with one: there a second one saves little, and
        beside other programs it makes a step tens of times slower.
    after_epoch: called with the record so far.

    Started by torchrun, each process takes its share of every batch. Ctrl-C lets the step end,
    saves the checkpoint, and is passed on; after the last step all is stored first.
    Warns where AdaLoss's T steps are more than there are.
    Raises NotFinite for a loss or an answer that is not finite, so that no checkpoint, network or
    finished record of a broken network is kept; ValueError where the parts do not fit together,
    or where a record could not tell what was trained; Busy where another process works on it.
    """
    for name, value, least in (("seed", seed, 0), ("evaluate_every", evaluate_every, 1)):
        if type(value) is not int or value < least:
            raise ValueError(f"{name} must be a whole number from {least} on, not {value!r}")
    _check_fit(network, weighting, dataset, recipe)
    if record is not None or checkpoint is not None:
        check_named(network, weighting)
    if keep_network is not None:
        check_storable(network, keep_network)

    session = Session(network, weighting, dataset, recipe, seed)
    with held(record, checkpoint):
        session.begin()
        session.resume(checkpoint)
        _check_length(session)
        with surroundings(session, threads), _bar(session, progress) as bar:
            with HeldInterrupts() as interrupts, _advising(session, checkpoint):
                in_first(lambda: session.write_record(record))  # or it is found out now
                while session.run.epochs < recipe.epochs:
                    if session.run_epoch(bar, interrupts, checkpoint, checkpoint_seconds):
                        _stop(session, bar, checkpoint)
                    session.end_epoch(evaluate_every)
                    in_first(lambda: session.write_record(record))
                    if after_epoch is not None:
                        after_epoch(session.run)
                    session.write_checkpoint(checkpoint)
                in_first(lambda: session.finish(record, checkpoint, keep_network))
                (stopped,) = any_of(interrupts.pending)
    if stopped:
        raise KeyboardInterrupt
    return session.run


@contextmanager
def _advising(session: Session, checkpoint: PathLike | None) -> Iterator[None]:
    """Adds to an error in training what to do about it."""
    try:
        yield
    except NotFinite as broken:
        raise NotFinite(f"{broken}; {_advice(session, checkpoint)}") from None
    except RuntimeError as error:
        if session.recipe.compile and "compiler" in str(error):
            raise RuntimeError(
                "to compile a network takes a C++ compiler, such as g++; install one, or train "
                f"without compile (--no-compile): {error}"
            ) from error
        raise


def _advice(session: Session, checkpoint: PathLike | None) -> str:
    """What to do about a loss that is not finite, and what is kept of the run."""
    lr, autocast = session.recipe.lr, session.recipe.autocast
    advice = f"try a smaller learning rate than {lr:g}, such as {min(lr / 3, 0.1):.2g}"
    if autocast:
        advice += f", or single precision in place of autocast={autocast!r}"
    if session.sums.broken_at.min() == 1:
        advice = "nothing was learned before the first step: try other layers or first weights"

    if checkpoint is None or not Path(checkpoint).exists():
        return f"{advice}; no checkpoint is kept"
    return (
        f"{advice}; {checkpoint} stays, of a step at which all was finite; another recipe needs "
        "another file, or this one deleted"
    )


@contextmanager
def surroundings(session: Session, threads: int | None) -> Iterator[None]:
    """The threads to train with; they and torch's generators are left as they were."""
    before = torch.get_num_threads()
    is_chosen = "OMP_NUM_THREADS" in os.environ or session.run.cost[-1] >= SMALL
    torch.set_num_threads(threads or (before if is_chosen else 1))
    session.run.environment["threads"] = torch.get_num_threads()
    accelerators = [session.device] if session.device.type == "cuda" else []
    try:
        with torch.random.fork_rng(accelerators):
            yield
    finally:
        torch.set_num_threads(before)


def _bar(session: Session, progress: bool) -> tqdm:
    spec = session.weighting.spec or type(session.weighting).__name__
    return tqdm(
        total=session.recipe.epochs * session.steps_per_epoch,
        initial=session.step,
        desc=f"{session.dataset.name} {spec}",
        unit="step",
        disable=not progress or rank() > 0,
        mininterval=1.0,
    )


def _stop(session: Session, bar: tqdm, checkpoint: PathLike | None) -> None:
    session.write_checkpoint(checkpoint)
    then = "without a checkpoint to go on from"
    if checkpoint is not None:
        then = "the same call goes on from there"
    if rank() == 0:
        bar.write(f"stopped after step {session.step}; {then}")
    raise KeyboardInterrupt


def _check_length(session: Session) -> None:
    steps = session.recipe.epochs * session.steps_per_epoch
    every = getattr(session.weighting, "every", 0)
    if every >= steps and rank() == 0:
        warnings.warn(
            f"{session.weighting.spec} changes its weights after every {every} steps, and the run "
            f"has only {steps}, so that no change has an effect; give every={-(-steps // 10)}, or "
            "more epochs",
            stacklevel=3,
        )


def _check_fit(network: Any, weighting: Weighting, dataset: Dataset, recipe: Recipe) -> None:
    check_exits(network)
    kinds = {"weighting.build": Weighting, "datasets.load": Dataset, "training.Recipe": Recipe}
    for thing, (how, kind) in zip((weighting, dataset, recipe), kinds.items(), strict=True):
        if not isinstance(thing, kind):
            raise TypeError(f"{thing!r:.80} is no {kind.__name__}; {how} makes one")

    if weighting.num_exits != network.num_exits:
        told = f"the weighting is for {weighting.num_exits} exits, the network has "
        raise ValueError(f"{told}{network.num_exits}; build it with num_exits=network.num_exits")
    pixels = dataset.train[:2].pixels.to(device_of(network))
    try:
        answers = all_exits(network, pixels).shape
    except RuntimeError as error:
        raise ValueError(
            f"the network cannot read images of shape {tuple(pixels.shape[1:])}; build it with "
            f"in_channels={pixels.shape[1]} ({error})"
        ) from error
    wanted = network.num_exits, len(pixels), len(dataset.classes)
    if answers != wanted:
        told = f"the network answers with {(*answers,)}, exits by images by classes, not {wanted}"
        raise ValueError(f"{told}; for {dataset.name} build it with num_classes={wanted[2]}")
