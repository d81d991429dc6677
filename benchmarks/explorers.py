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

# The control that is moved to and fro, between its first option and that in the middle.
MOVES = {
    "final_weights": "epoch",
    "anytime_curves": "budget",
    "totals_and_shares": "exit",
    "adaloss_anatomy": "gamma",
    "scheme_designer": "ratio",
    "eann": "budget",
    "watch_one_image": "budget",
}


def bare() -> None:
    """A line with markers in each of two axes, 1000 by 420 pixels, as PNG."""
    figure = Figure(figsize=(10.0, 4.2), layout="none")
    for ax in figure.subplots(1, 2):
        ax.plot([1, 2, 3], [3, 1, 2], marker="o")
    figure.savefig(io.BytesIO(), dpi=100)


def moved(explorer: Explorer, control: str, count: int) -> Callable:
    """A function that moves a control once more and so lets the explorer redraw."""
    turns, slider = iter(range(count)), explorer.controls[control]
    places = 0, len(slider.options) // 2
    slider.index = places[1]

    def move() -> None:
        slider.index = places[next(turns) % 2]

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
    head = ("explorer", "start", "redraw", "bare figure", "ratio")
    print("{:18} {:>7} {:>7} {:>12} {:>6}   process ms, medians".format(*head))
    for name, control in MOVES.items():
        make = getattr(explore, name)
        start = time.process_time()
        explorer = make() if name == "eann" else make(runs=options.runs)
        started = 1000 * (time.process_time() - start)
        move = moved(explorer, control, options.redraws + 2)
        times = np.array(
            [(milliseconds(move), milliseconds(bare)) for _ in range(options.redraws + 2)]
        )[2:]
        redraw, alone = np.median(times, axis=0)
        ratio = np.median(times[:, 0] / times[:, 1])
        print(f"{name:18} {started:7.0f} {redraw:7.0f} {alone:12.0f} {ratio:6.2f}")


if __name__ == "__main__":
    main()
