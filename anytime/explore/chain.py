"""Explorer: a chain of networks (EANN), and what its answer costs at a budget."""

from functools import partial

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from numpy.typing import ArrayLike

from anytime import plots, theory
from anytime.explore.frame import Asking, Explorer, View, steps

BASES = [base / 10 for base in range(12, 62, 2)]
LONGEST = 1000.0


def chain_data(budgets: ArrayLike, base: float) -> pd.DataFrame:
    """Which network of the chain runs at each budget and which answers, and the cost factor C.

    Columns: budget (in costs of the first network), running, answering (from 1), factor, mean (of
    the factor up to there). A network answers once it is past 1/base of its own depth; the first
    does at once.
    """
    budgets = np.asarray(budgets, dtype=float)
    spent = theory.eann_chain_cost(np.arange(64), base)
    running = np.maximum(np.searchsorted(spent, budgets), 1)
    waits = (running > 1) & (budgets - spent[running - 1] <= base ** (running - 2.0))
    columns = {"budget": budgets, "running": running, "answering": running - waits}
    factors = {"factor": theory.eann_cost_factor(budgets, base)}
    return pd.DataFrame(columns | factors).assign(mean=theory.eann_mean(budgets, base))


def draw_chain(figure: Figure, data: pd.DataFrame, base: float, budget: float) -> None:
    """C over the budget with its bounds; below, the network that runs and the one that answers."""
    top, bottom = figure.subplots(2, 1, sharex=True, height_ratios=(2, 1))
    levels = {"supremum": theory.eann_sup(base), "bound of mean": theory.eann_mean_bound(base)}
    plots.draw_eann_cost_factor(top, data["budget"], data["factor"], base, **levels)
    top.set(xlabel="", ylim=(0.9, 1.05 * theory.eann_sup(min(BASES))))
    for column, dash, color in (("running", "--", 1), ("answering", "-", 0)):
        look = {"linestyle": dash, "color": plots.PALETTE[color], "label": column}
        bottom.step(data["budget"], data[column], where="post", **look)
    bottom.set(xlabel="budget (cost of the first network = 1)", ylabel="network", xlim=(1, LONGEST))
    bottom.legend(**plots.BESIDE)
    for ax in (top, bottom):
        ax.axvline(budget, color="black", linewidth=1)


def eann() -> Explorer:
    """The cost factor C of a chain of networks at any budget, against its bounds."""

    def look(ask: Asking) -> View:
        base = ask.range("base", "Base b", BASES, start=2)
        budget = ask.range("budget", "Budget", steps(1, LONGEST), start=20)
        here, data = (
            chain_data([budget], base).iloc[0],
            chain_data(np.geomspace(1, LONGEST, 400), base),
        )
        words = (
            f"At budget {budget:.3g}, network {here['running']:.0f} of the chain runs and network "
            f"{here['answering']:.0f} answers. C = {here['factor']:.2f}: without the chain, this "
            f"answer would be so many times cheaper. C stays below {theory.eann_sup(base):.2f}. "
            f"Its mean up to this budget is {here['mean']:.2f}; whenever a network is at its end, "
            f"that is below {theory.eann_mean_bound(base):.2f}."
        )
        return View(data, words, partial(draw_chain, data=data, base=base, budget=budget))

    return Explorer("EANN", "07", look)
