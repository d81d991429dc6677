"""Speed: train()'s step against a bare loop, AdaLoss against CONST, refine against forward.

Run it as `python benchmarks/training.py` on a machine that does nothing else. Everything is
measured in pairs, in turn, in one process: what counts is the median of the ratios.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable

import numpy as np
import torch
import torch.nn.functional as F

from anytime import datasets, networks, weighting
from anytime.training import Recipe, Session


def session(data: datasets.Dataset, name: str, spec: str, augmented: bool) -> Session:
    network = networks.build(name, len(data.classes), data.train.pixels.shape[1], seed=0)
    scheme = weighting.build(spec, network.num_exits)
    steps = None if augmented else ()
    # At the rate of the bare loop: how fast a step is depends on what the network has become.
    recipe = Recipe(epochs=1000, lr=0.01, schedule="milestones", augmentation=steps)
    made = Session(network, scheme, data, recipe)
    made.begin()
    return made


def steps(made: Session, count: int) -> Callable[[], None]:
    """The kit's training steps, as train() makes them."""
    batches = list(made.batches())[:count]

    def run() -> None:
        for batch in batches:
            made.train_step(batch)

    return run


def bare_steps(data: datasets.Dataset, name: str, count: int) -> Callable[[], None]:
    """The least that training needs: forward, one cross-entropy per exit, backward, SGD."""
    network = networks.build(name, len(data.classes), data.train.pixels.shape[1], seed=0)
    network.to(memory_format=torch.channels_last).train()
    optimizer = torch.optim.SGD(network.parameters(), 0.01, 0.9, weight_decay=2e-4, foreach=True)
    batches = [
        (images.float().contiguous(memory_format=torch.channels_last), labels)
        for images, labels in zip(
            data.train.pixels.split(128)[:count], data.train.labels.split(128)[:count], strict=True
        )
    ]

    def run() -> None:
        for images, labels in batches:
            loss = sum(F.cross_entropy(logits, labels) for logits in network.refine(images))
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            optimizer.step()

    return run


def ratio(first: Callable[[], None], second: Callable[[], None], pairs: int) -> np.ndarray:
    """Quotients time(first) / time(second), (pairs,), after one warm-up of each."""
    quotients = []
    for pair in range(pairs + 1):
        times = []
        # Who goes first changes from pair to pair, as the machine's speed drifts.
        order = (first, second) if pair % 2 else (second, first)
        for task in order:
            start = time.perf_counter()
            task()
            times.append(time.perf_counter() - start)
        quotients.append(times[0] / times[1] if pair % 2 else times[1] / times[0])
    return np.array(quotients[1:])


def passes(data: datasets.Dataset, name: str) -> tuple[Callable[[], None], Callable[[], None]]:
    """A full pass of refine, and of forward."""
    network = networks.build(name, len(data.classes), data.train.pixels.shape[1], seed=0).eval()
    images = data.test.pixels[:128]

    @torch.inference_mode()
    def refine() -> None:
        for _ in network.refine(images):
            pass

    @torch.inference_mode()
    def forward() -> None:
        network(images)

    return refine, forward


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--network", default="resann-3-16-stride2")
    parser.add_argument("--data", default="fashion")
    parser.add_argument("--pairs", type=int, default=15)
    parser.add_argument("--steps", type=int, default=8)
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    data, name, count = datasets.load(options.data), options.network, options.steps
    const = steps(session(data, name, "const", False), count)
    adaloss = steps(session(data, name, "adaloss", False), count)
    augmented = steps(session(data, name, "const", True), count)
    bare = bare_steps(data, name, count)
    refine, forward = passes(data, name)
    print(
        f"{name} on {data.name}, {options.threads} threads, {options.pairs} pairs of {count} steps"
    )
    for title, first, second in (
        ("throughput of train()'s step over the bare loop", bare, const),
        ("the same with augmentation", bare, augmented),
        ("throughput of AdaLoss over CONST", const, adaloss),
        ("time of refine over forward", refine, forward),
    ):
        quotients = ratio(first, second, options.pairs)
        low, median, high = np.quantile(quotients, [0.25, 0.5, 0.75])
        print(f"{title}: {median:.3f} (quartiles {low:.3f} to {high:.3f})")


if __name__ == "__main__":
    main()
