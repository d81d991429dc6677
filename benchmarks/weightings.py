"""What each weighting costs: the time of train()'s step over that under CONST, in one run.

Run it as `python benchmarks/weightings.py`. In each round every weighting takes the same steps, in
an order that changes from round to round; what counts is the median of the rounds' ratios. Time is
the processor's, which other programs on the machine change little. For those that take the gradient
of each loss, the last line is K backward passes through the whole network.
"""

from __future__ import annotations

import argparse
import random
import time
from collections.abc import Callable

import numpy as np
import torch
from training import session, steps

from anytime import datasets, weighting
from anytime.training import Session, exit_losses

NAIVE = "one forward and K backward passes"


def passes(made: Session, count: int) -> Callable[[], None]:
    """The gradients of all losses in the plain way: through the whole network for each."""
    batches = list(made.batches())[:count]

    def run() -> None:
        for batch in batches:
            logits = torch.stack(made.model(made.images.pixels[batch].float()))
            losses = exit_losses(logits, made.images.labels[batch])
            for loss in losses:
                loss.backward(retain_graph=True)
            made.network.zero_grad()

    return run


def rounds(tasks: dict[str, Callable[[], None]], count: int) -> dict[str, np.ndarray]:
    """Processor seconds (count,) of each task, one round after another, after one to warm up."""
    order, drawn = [*tasks], random.Random(0)
    seconds: dict[str, list[float]] = {name: [] for name in tasks}
    for _ in range(count + 1):
        drawn.shuffle(order)
        for name in order:
            start = time.process_time()
            tasks[name]()
            seconds[name].append(time.process_time() - start)
    return {name: np.array(times[1:]) for name, times in seconds.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--network", default="resann-3-16-stride2")
    parser.add_argument("--data", default="fashion")
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--steps", type=int, default=4)
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)

    data, specs = datasets.load(options.data), [*weighting.SCHEMES]
    made = {spec: session(data, options.network, spec, False) for spec in specs}
    tasks = {spec: steps(made[spec], options.steps) for spec in specs}
    plain = session(data, options.network, "const", False)
    tasks[NAIVE] = passes(plain, options.steps)
    seconds = rounds(tasks, options.rounds)

    exits, step = plain.network.num_exits, 1000 * np.median(seconds["const"]) / options.steps
    print(f"{options.network} on {data.name}, {exits} exits, {options.threads} threads")
    print(
        f"a step under CONST takes {step:.1f} ms (median of {options.rounds} rounds); times that:"
    )
    for name, times in seconds.items():
        low, median, high = np.quantile(times / seconds["const"], [0.25, 0.5, 0.75])
        print(f"{name}: {median:.3f} (quartiles {low:.3f} to {high:.3f})")


if __name__ == "__main__":
    main()
