"""Explorer: AdaLoss replayed over the losses of a recorded run, with other options."""

from functools import partial

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from numpy.typing import ArrayLike

from anytime import plots, theory
from anytime.explore import recorded
from anytime.explore.frame import ABOVE, Asking, Explorer, View
from anytime.explore.recorded import Runs
from anytime.runs import Run

REPLAYED_STEPS = 1500
WEIGHTS = ["weight", "recorded"]
# What each option is called, its values, and where it starts.
OPTIONS = {
    "gamma": ("γ, uniform share", [i / 100 for i in range(101)], 0.07),
    "momentum": ("ρ, memory", [i / 100 for i in range(100)], 0.9),
    "every": ("T, steps", [1, 10, 100, 1000], 100),
    "extra": ("e, extra for the last exit", [i / 10 for i in range(21)], 0),
}


def steps_per_epoch(run: Run) -> int:
    """Training steps per epoch; 1 where the record doesn't say how many images there were."""
    images, batch = run.config.get("train_images"), run.config.get("recipe", {}).get("batch_size")
    return max(1, images // batch) if images and batch else 1


def replay(
    losses: ArrayLike, steps: int, gamma: float, momentum: float, every: int, extra: float
) -> np.ndarray:
    """AdaLoss's weights (epochs, K) at each epoch's end, from mean losses (epochs, K) per epoch.

    Each epoch counts as `steps` steps of equal losses. So c steps with momentum rho are one with
    rho^c, and long trainings are replayed in such strides; T is rounded to them.
    """
    losses = np.asarray(losses, dtype=float)
    stride = max(1, round(len(losses) * steps / REPLAYED_STEPS))
    strides = max(1, round(steps / stride))
    # The last epoch once more, as weights are given from before their step.
    repeated = np.repeat(np.vstack([losses, losses[-1:]]), strides, axis=0)
    options = gamma, momentum**stride, max(1, round(every / stride)), extra
    return theory.adaloss_trajectory(repeated, *options)[strides::strides]


def anatomy_data(run: Run, gamma: float, momentum: float, every: int, extra: float) -> pd.DataFrame:
    """Columns epoch, exit (from 1), train_loss, weight (replayed), recorded (the run's own)."""
    losses = run.values("train_loss")
    weights = replay(losses, steps_per_epoch(run), gamma, momentum, every, extra)
    places = [(entry["epoch"], k + 1) for entry in run.history for k in range(run.num_exits)]
    data = pd.DataFrame(places, columns=["epoch", "exit"]).assign(train_loss=losses.ravel())
    return data.assign(weight=weights.ravel(), recorded=run.values("weights").ravel())


def draw_anatomy(figure: Figure, data: pd.DataFrame) -> None:
    """The last exit's share of the weight, and all weights, over the epochs."""
    left, right = figure.subplots(1, 2)
    replayed, own = (data.pivot(index="epoch", columns="exit", values=c) for c in WEIGHTS)
    for table, look, label in ((replayed, "-", "replayed"), (own, "k:", "the run's own")):
        left.plot(table.index, table.iloc[:, -1] / table.sum(axis=1), look, label=label)
    plots.draw_weight_evolution(right, replayed.to_numpy(), replayed.index)
    left.set(xlabel="epoch", ylabel="weight on the last exit", ylim=(0, 1))
    right.set_ylim(0, 1.05)
    left.yaxis.set_major_formatter(plots.PERCENT)
    left.legend(**ABOVE)


def adaloss_anatomy(run: Run | None = None, runs: Runs = None) -> Explorer:
    """How AdaLoss's weights move with its options; run: the only one, or else `runs` to choose."""
    known = recorded.gather(runs if run is None else [run])
    facts, named = recorded.facts(known), recorded.run_titles(known)
    # The most telling first: the longest run of AdaLoss.
    dull = [one.config["weighting"] != "adaloss" for one in known]
    facts = facts.iloc[np.lexsort([[-one.epochs for one in known], dull])]

    def look(ask: Asking) -> View:
        recorded.require_runs(known)
        rows = recorded.narrow(ask, facts, *facts)
        chosen = known[rows.index[0]]
        options = {
            key: ask.range(key, label, values, start=start)
            for key, (label, values, start) in OPTIONS.items()
        }
        data = anatomy_data(chosen, **options)
        end = data.tail(chosen.num_exits)[WEIGHTS]
        share, own = end.iloc[-1] / end.sum()
        words = (
            f"With these options the last exit ends with {share:.0%} of the weight; in the run "
            f"itself, with {own:.0%}. The losses are those of {named[rows.index[0]]}. "
            f"Each epoch counts as {steps_per_epoch(chosen)} steps of equal losses."
        )
        return View(data, words, partial(draw_anatomy, data=data))

    return Explorer("AdaLoss anatomy", "03", look)
