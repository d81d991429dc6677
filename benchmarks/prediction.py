"""Speed: deadlines held, time to the first exit, wall-clock that early exit saves.

Run it as `python benchmarks/prediction.py` on a machine that does nothing else; where that cannot
be had, `--clock cpu` takes the thread's own time, in which others have no part. The weights and
images are random: none of this depends on them. Images leave early by chance, at every exit with
the same probability, as that spreads them over all exits.
"""

from __future__ import annotations

import argparse
import itertools
import time

import numpy as np
import torch
from torch.profiler import ProfilerActivity, profile

from anytime import networks
from anytime.networks import cost
from anytime.prediction import AnytimePredictor, predict_early


def deadlines(predictor: AnytimePredictor, images: torch.Tensor, count: int, seed: int) -> None:
    """Deadlines drawn evenly from nothing to 1.2 times the whole network's time."""
    units = predictor.calibrate(images, repeats=100)
    drawn = np.random.default_rng(seed).uniform(0, 1.2 * units.sum(), count)
    answers = [predictor.predict(images, deadline=1000 * deadline) for deadline in drawn]
    exits = np.array([answer.exit[0] for answer in answers])
    over = np.array([answer.seconds[0] for answer in answers]) - drawn
    feasible = drawn >= units[0]
    ratios = np.maximum(over / units[exits - 1], 0)[feasible]
    print(
        f"batch {len(images)}, units take {1000 * units.min():.2f} to {1000 * units.max():.2f} ms"
    )
    print(f"  answers: {len(answers)} of {count}; {feasible.sum()} deadlines after the first exit")
    late, far, worst = (ratios > 0).mean(), np.quantile(ratios, 0.99), ratios.max()
    print(f"  overshoot in units, at most: {far:.2f} in 99 %, {worst:.2f} in all; late: {late:.1%}")
    fitting = np.searchsorted(np.cumsum(units), drawn[feasible], side="right")
    print(f"  exits given away: {(fitting - exits[feasible]).mean():.2f} on average")


def first_exit(predictor: AnytimePredictor, images: torch.Tensor, repeats: int) -> None:
    """Its time, with the stem's, against its share of the multiply-adds."""
    units = predictor.calibrate(images, repeats, quantile=0.5)
    prices = cost.multiply_adds(predictor.network, tuple(images.shape[1:]))
    share, spent = prices[0] / prices[-1], units[0] / units.sum()
    print(f"batch {len(images)}, first exit: {share:.3f} of the multiply-adds, ", end="")
    print(f"{spent:.3f} of the time, {spent / share:.2f} times its share")


def exits_profile(network: networks.AnytimeNetwork, images: torch.Tensor, exits: int) -> str:
    """Where the time goes until an exit, operator by operator."""
    with torch.inference_mode(), profile(activities=[ProfilerActivity.CPU]) as profiler:
        for _ in range(10):
            list(itertools.islice(network.refine(images), exits))
    return profiler.key_averages().table(sort_by="self_cpu_time_total", row_limit=6)


def stop_probability(prices: np.ndarray, share: float) -> float:
    """The chance to leave at each exit with which images cost a share of the whole on average."""
    low, high = 0.0, 1.0
    for _ in range(50):
        middle = (low + high) / 2
        reach = (1 - middle) ** np.arange(len(prices))
        average = reach @ np.diff(prices, prepend=0)
        low, high = (middle, high) if average > share * prices[-1] else (low, middle)
    return low


def early_exit(predictor: AnytimePredictor, images: torch.Tensor, pairs: int) -> None:
    """Time of early exit over that of full passes, in turn, against the multiply-adds."""
    network, clock = predictor.network, predictor.clock
    prices = cost.multiply_adds(network, tuple(images.shape[1:]))
    stop, generator = stop_probability(prices, 0.5), np.random.default_rng(0)
    quotients, spent = [], []
    for _ in range(pairs + 1):
        begun = clock()
        answer = predict_early(
            network, images, lambda now, *_: generator.random(len(now)), 1.0 - stop, 64
        )
        middle = clock()
        with torch.inference_mode():
            for part in images.split(64):
                network(part.contiguous(memory_format=torch.channels_last)).cpu()
        quotients.append((middle - begun) / (clock() - middle))
        spent.append(prices[answer.exit - 1].mean() / prices[-1])
    low, median, high = np.quantile(quotients[1:], [0.25, 0.5, 0.75])
    print(f"early exit at {np.mean(spent[1:]):.3f} of the multiply-adds, batches of 64: ", end="")
    print(f"{median:.3f} of the time (quartiles {low:.3f} to {high:.3f})")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--network", default="resann-9-16")
    parser.add_argument("--deadlines", type=int, default=1000)
    parser.add_argument("--batch", type=int, default=1)
    parser.add_argument("--repeats", type=int, default=30)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--clock", choices=("wall", "cpu"), default="wall")
    parser.add_argument("--profile", action="store_true")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    network = networks.build(options.network, seed=0).eval().to(options.device)
    generator = torch.Generator().manual_seed(0)
    images = torch.randint(0, 256, (256, 3, 32, 32), dtype=torch.uint8, generator=generator)
    images = images.to(options.device)
    clock = {"wall": time.perf_counter, "cpu": time.thread_time}[options.clock]
    predictor = AnytimePredictor(network, clock)
    print(f"{options.network} on {options.device}, {options.threads} threads, {options.clock} time")
    deadlines(predictor, images[: options.batch], options.deadlines, seed=0)
    for batch in (1, 64):
        first_exit(predictor, images[:batch], options.repeats)
    early_exit(predictor, images, max(options.repeats // 3, 3))
    if options.profile:
        for title, part in (("first exit", 1), ("all exits", network.num_exits)):
            print(f"{title}, batch 64\n{exits_profile(network, images[:64], part)}")


if __name__ == "__main__":
    main()
