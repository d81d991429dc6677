"""Speed: an explorer's redraw against a bare matplotlib figure of the same size.

Run it as `python benchmarks/explorers.py`. A redraw is all that happens between a change of a
control and the new picture, here without the browser. What counts is the process's own time, in
which other programs have no part; bare figures and redraws take turns.
"""

from __future__ import annotations

import argparse
import io
import time
from collections.abc import Callable

import numpy as np
from matplotlib.figure import Figure

from anytime import explore, plots
from anytime.explore.frame import Explorer

# The control that is moved, and the two values between which it goes to and fro.
MOVES = {
    "final_weights": ("static", ("CONST", "SIEVE")),
    "anytime_curves": ("budget", (2e6, 4e6)),
    "adaloss_anatomy": ("gamma", (0.1, 0.2)),
    "scheme_designer": ("ratio", (2.0, 8.0)),
    "eann": ("budget", (10.0, 40.0)),
    "watch_one_image": ("budget", (2e6, 8e6)),
}


def bare() -> None:
    """A line with markers in each of two axes, 1000 by 420 pixels, as PNG."""
    figure = Figure(figsize=(10.0, 4.2), layout="none")
    for ax in figure.subplots(1, 2):
        ax.plot([1, 2, 3], [3, 1, 2], marker="o")
    figure.savefig(io.BytesIO(), dpi=100)


def moved(explorer: Explorer, control: str, values: tuple, count: int) -> Callable:
    """A function that moves a control once more and so lets the explorer redraw."""
    turns = iter(range(count))

    def move() -> None:
        explorer.controls[control].value = values[next(turns) % 2]

    return move


def milliseconds(action: Callable[[], None]) -> float:
    """The process's time for one call."""
    start = time.process_time()
    action()
    return 1000 * (time.process_time() - start)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--redraws", type=int, default=20, help="of each explorer (%(default)s)")
    parser.add_argument("--runs", help="a folder of runs to show beside the shipped ones")
    options = parser.parse_args()
    plots.theme()
    print(f"{'explorer':18} {'redraw':>8} {'bare figure':>12} {'ratio':>6}   process ms, medians")
    for name, (control, values) in MOVES.items():
        make = getattr(explore, name)
        explorer = make() if name == "eann" else make(runs=options.runs)
        move = moved(explorer, control, values, options.redraws + 2)
        times = np.array(
            [(milliseconds(move), milliseconds(bare)) for _ in range(options.redraws + 2)]
        )[2:]
        redraw, alone = np.median(times, axis=0)
        print(f"{name:18} {redraw:8.0f} {alone:12.0f} {np.median(times[:, 0] / times[:, 1]):6.2f}")


if __name__ == "__main__":
    main()
