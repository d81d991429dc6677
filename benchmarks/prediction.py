"""Speed: deadlines held, time to the first exit, wall-clock that early exit saves.

Run it as `python benchmarks/prediction.py` on a machine that does nothing else; where that cannot
be had, `--clock cpu` takes the thread's own time, in which others have no part. `--busy 2` asks for
deadlines beside two busy loops instead, on the wall's clock. The weights and
images are random: none of this depends on them. Images leave early by chance, at every exit with
the same probability, as that spreads them over all exits.

Early exit is compared with two full passes: that of the network as it is, and that of its folded
copy, which is what predicts here. `--profile` shows why the first exit takes twice its share of the
multiply-adds and more. In batches of 64 a multiply-add of the first unit takes 2 to 3 times as long
as one of the last: convolutions from 3 or 16 channels twice as long as those from 64, and norms,
ReLUs and sums, which go over four times as many pixels a multiply-add, three times and more. For
one image, the fixed cost of each operation comes on top, and the first unit has more of these.
"""

from __future__ import annotations

import argparse
import multiprocessing
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import numpy as np
import torch
from torch import nn

from anytime import networks
from anytime.networks import cost
from anytime.networks.folding import folded
from anytime.prediction import AnytimePredictor, predict_early
from anytime.prediction.passes import Pass


def spin() -> None:
    while True:
        pass


@contextmanager
def busy_loops(number: int) -> Iterator[None]:
    """So many processes that do nothing but take the processor's time."""
    loops = [multiprocessing.Process(target=spin, daemon=True) for _ in range(number)]
    for loop in loops:
        loop.start()
    time.sleep(0.5 * (number > 0))  # until all run
    try:
        yield
    finally:
        for loop in loops:
            loop.kill()


def kept_beside_others(
    predictor: AnytimePredictor, images: torch.Tensor, count: int, loops: int, pause: float
) -> None:
    """Deadlines from twice the first exit's time on, measured alone, kept beside busy loops."""
    units = predictor.calibrate(images, repeats=100)
    drawn = np.random.default_rng(0).uniform(2 * units[0], 1.2 * units.sum(), count)
    rows = []
    with busy_loops(loops):
        for deadline in drawn:
            time.sleep(pause)
            begun = time.perf_counter()
            answer = predictor.predict(images, deadline=1000 * deadline)
            missed = time.perf_counter() - begun > deadline
            rows.append((missed, missed and not answer.late.all(), missed and answer.exit[0] == 1))
    kept, unmarked, first = 1 - np.mean([row[0] for row in rows]), *np.sum(rows, axis=0)[1:]
    print(
        f"beside {loops} busy loops, {1000 * pause:.0f} ms between two requests, first exit "
        f"{1000 * units[0]:.1f} ms: {kept:.1%} of {count} deadlines kept; of the others {first} "
        f"were missed by the first exit, {unmarked} are not marked late"
    )


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


KINDS = {nn.Conv2d: 0, nn.BatchNorm2d: 1, nn.ReLU: 1, nn.AdaptiveAvgPool2d: 2, nn.Linear: 2}


@contextmanager
def timed(network: nn.Module, clock: Callable[[], float]) -> Iterator[np.ndarray]:
    """The seconds spent in convolutions, norms and ReLUs, and heads, added up while open: (3,)."""
    spent, hooks = np.zeros(3), []
    for module in network.modules():
        if (kind := KINDS.get(type(module))) is not None:
            times = np.bincount([kind], minlength=3)
            before = module.register_forward_pre_hook(lambda *_, t=times: add(-t))
            hooks += [before, module.register_forward_hook(lambda *_, t=times: add(t))]

    def add(sign: np.ndarray) -> None:
        spent[:] += sign * clock()

    yield spent
    for hook in hooks:
        hook.remove()


@torch.inference_mode()
def units_profile(predictor: AnytimePredictor, images: torch.Tensor, repeats: int) -> None:
    """What a multiply-add takes in some units, by the kind of layer it is spent on."""
    network, clock = folded(predictor.network), predictor.clock
    prices = cost.multiply_adds(predictor.network, tuple(images.shape[1:]))
    count = np.diff(prices, prepend=0) * len(images)
    rows = np.zeros((repeats, len(count), 4))
    with timed(network, clock) as spent:
        for row in rows:
            batch = Pass(network, images)
            for unit in row:
                spent[:], begun = 0, clock()
                batch.step()
                unit[:] = *spent, clock() - begun - spent.sum()
    per = np.median(rows[2:], axis=0) / count[:, None]
    print(f"batch {len(images)}, nanoseconds a multiply-add, each in units 1, 2, half-way, last:")
    chosen = [0, 1, len(count) // 2 - 1, -1]
    for name, column in zip(("convolutions", "norms, ReLUs", "heads", "other"), per.T, strict=True):
        print(f"  {name:13}", *(f"{1e9 * value:7.3f}" for value in column[chosen]))
    print(f"  {'all':13}", *(f"{1e9 * value:7.3f}" for value in per.sum(1)[chosen]))


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
    seconds, spent = [], []
    for _ in range(pairs + 2):
        times = [clock()]
        answer = predict_early(
            predictor, images, lambda now, *_: generator.random(len(now)), 1.0 - stop, 64
        )
        times.append(clock())
        for whole in (network, folded(network)):
            full_pass(whole, images)
            times.append(clock())
        seconds.append(np.diff(times))
        spent.append(prices[answer.exit - 1].mean() / prices[-1])
    print(f"early exit at {np.mean(spent[2:]):.3f} of the multiply-adds, batches of 64: ", end="")
    for k, name in ((1, "the network's full pass"), (2, "the folded network's")):
        quotients = [row[0] / row[k] for row in seconds[2:]]
        low, median, high = np.quantile(quotients, [0.25, 0.5, 0.75])
        print(f"{median:.3f} of the time of {name} (quartiles {low:.3f} to {high:.3f}) ", end="")
    units = predictor.calibrate(images[:64], 10, quantile=0.5)
    ideal = (1 - stop) ** np.arange(len(units)) @ units / units.sum()
    print(f"\n  {ideal:.3f} of the latter if each unit took its time in a full batch, and no more")


@torch.inference_mode()
def full_pass(network: nn.Module, images: torch.Tensor) -> None:
    for part in images.split(64):
        network(part.contiguous(memory_format=torch.channels_last)).cpu()


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
    parser.add_argument("--busy", type=int, help="only deadlines, beside so many busy loops")
    parser.add_argument("--image-size", type=int, default=32)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    network = networks.build(options.network, seed=0).eval().to(options.device)
    generator = torch.Generator().manual_seed(0)
    shape = (options.batch if options.busy is not None else 256, 3, *2 * [options.image_size])
    images = torch.randint(0, 256, shape, dtype=torch.uint8, generator=generator)
    images = images.to(options.device)
    clock = {"wall": time.perf_counter, "cpu": time.thread_time}[options.clock]
    predictor = AnytimePredictor(network, clock)
    print(f"{options.network} on {options.device}, {options.threads} threads, {options.clock} time")
    if options.busy is not None:
        for pause in (0.0, 0.02):
            kept_beside_others(predictor, images, options.deadlines, options.busy, pause)
        return
    deadlines(predictor, images[: options.batch], options.deadlines, seed=0)
    for batch in (1, 64):
        first_exit(predictor, images[:batch], options.repeats)
    early_exit(predictor, images, max(options.repeats // 3, 3))
    if options.profile:
        for batch in (1, 64):
            units_profile(predictor, images[:batch], options.repeats)


if __name__ == "__main__":
    main()
