"""Explorer: a chain of networks (EANN), and what its answer costs at a budget."""

from functools import partial

import numpy as np
import pandas as pd
from ipywidgets import FloatLogSlider, FloatSlider
from matplotlib.figure import Figure
from numpy.typing import ArrayLike

from anytime import plots, theory
from anytime.explore.frame import Explorer, View


def chain_data(budgets: ArrayLike, base: float) -> pd.DataFrame:
    """Which network of the chain runs at each budget and which answers, and the cost factor C.

    Columns: budget (in costs of the first network), running, answering (from 1), factor. A
    network answers once it is past 1/base of its own depth; the first does at once.
    """
    budgets = np.asarray(budgets, dtype=float)
    spent = theory.eann_chain_cost(np.arange(64), base)
    running = np.maximum(np.searchsorted(spent, budgets), 1)
    waits = (running > 1) & (budgets - spent[running - 1] <= base ** (running - 2.0))
    columns = {"budget": budgets, "running": running, "answering": running - waits}
    return pd.DataFrame(columns | {"factor": theory.eann_cost_factor(budgets, base)})


def draw_chain(figure: Figure, data: pd.DataFrame, base: float, budget: float) -> None:
    """C over the budget with its bounds; below, the network that runs and the one that answers."""
    top, bottom = figure.subplots(2, 1, sharex=True, height_ratios=(2, 1))
    levels = {"supremum": theory.eann_sup(base), "bound of mean": theory.eann_mean_bound(base)}
    plots.draw_eann_cost_factor(top, data["budget"], data["factor"], base, **levels)
    top.set_xlabel("")
    for column, look in (("running", "C1--"), ("answering", "C0-")):
        bottom.step(data["budget"], data[column], look, where="post", label=column)
    bottom.set(xlabel="budget (cost of the first network = 1)", ylabel="network")
    bottom.legend(**plots.BESIDE)
    for ax in (top, bottom):
        ax.axvline(budget, color="black", linewidth=1)


def eann() -> Explorer:
    """The cost factor C of a chain of networks at any budget, against its bounds."""

    def look(base, budget) -> View:
        here, data = chain_data([budget], base).iloc[0], chain_data(np.geomspace(1, 1e3, 400), base)
        words = (
            f"At budget {budget:.1f}, network {here['running']:.0f} of the chain runs and network "
            f"{here['answering']:.0f} answers. C = {here['factor']:.2f}: without the chain, this "
            f"answer would be so many times cheaper. C stays below {theory.eann_sup(base):.2f}. "
            f"Its mean up to this budget is {theory.eann_mean(budget, base):.2f}; whenever a "
            f"network is at its end, that is below {theory.eann_mean_bound(base):.2f}."
        )
        return View(data, words, partial(draw_chain, data=data, base=base, budget=budget))

    span = {"min": 0, "max": 3, "step": 0.01, "readout_format": ".1f"}
    controls = {
        "base": FloatSlider(2, min=1.2, max=6, step=0.1, description="Base b"),
        "budget": FloatLogSlider(20, **span, description="Budget"),
    }
    return Explorer("EANN", "07", look, controls)
