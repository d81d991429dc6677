"""Explorer: design a weighting and see what it does to shared parameters."""

from collections.abc import Sequence
from functools import partial

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from numpy.typing import ArrayLike

from anytime import plots, theory
from anytime.explore.frame import Asking, Explorer, NothingToShow, View
from anytime.explore.recorded import STATIC, Runs, gather, run_titles
from anytime.runs import Run

OWN = "my own"
RATIOS = [1, 2, 3, 4, 6, 8, 10, 15, 20, 30, 50, 100]


def toy(exits: int, ratio: float) -> theory.QuadraticLosses:
    """Losses that pull two parameters from the origin, the first `ratio` times like the last.

    Their best points lie on a half circle around the origin, where training starts.
    """
    angles = np.linspace(0, np.pi, exits)
    centres, curves = np.transpose([np.cos(angles), np.sin(angles)]), np.stack([np.eye(2)] * exits)
    return theory.QuadraticLosses(np.geomspace(ratio, 1, exits), centres, curves, np.zeros(exits))


def scheme_data(weights: ArrayLike, ratio: float) -> pd.DataFrame:
    """Columns exit (from 1), weight, share of the total, gradient_share at the toy's origin."""
    weights = np.asarray(weights, dtype=float)
    data = pd.DataFrame({"exit": range(1, len(weights) + 1), "weight": weights})
    pulls = toy(len(weights), ratio).gradient_shares(np.zeros(2), weights)
    return data.assign(share=weights / weights.sum(), gradient_share=pulls)


def nearest_run(weights: ArrayLike, runs: Sequence[Run]) -> tuple[int, float] | None:
    """The number of the run with the nearest final weights, and the share that lies elsewhere.

    None where no run has so many exits.
    """
    share = np.asarray(weights, dtype=float) / np.sum(weights)
    apart = {}
    for number, run in enumerate(runs):
        if run.num_exits == len(share):
            end = run.final("weights")
            apart[number] = float(np.abs(end / end.sum() - share).sum() / 2)
    return min(apart.items(), key=lambda item: item[1], default=None)


def read_weights(text: str) -> np.ndarray:
    """The weights typed as "1, 1, 2"; raises NothingToShow where they are no weighting."""
    try:
        weights = np.array(text.replace(",", " ").split(), dtype=float)
    except ValueError:
        weights = np.zeros(0)
    if len(weights) < 2 or not (np.isfinite(weights) & (weights >= 0)).all() or not weights.any():
        raise NothingToShow(
            "Type two weights or more, none negative and not all 0, such as 1, 1, 2."
        )
    return weights


def draw_scheme(figure: Figure, data: pd.DataFrame, nearest: Run | None) -> None:
    """Shares of weight and gradient as bars; beside them the nearest run's test error."""
    left, right = figure.subplots(1, 2)
    left.bar(data["exit"] - 0.2, data["share"], 0.4, color=plots.PALETTE[0], label="weight")
    pulls = {"color": plots.PALETTE[1], "label": "gradient", "hatch": "//", "edgecolor": "white"}
    left.bar(data["exit"] + 0.2, data["gradient_share"], 0.4, **pulls)
    most = data[["share", "gradient_share"]].to_numpy().max()
    top = next(one for one in (0.25, 0.5, 1.02) if most <= one)
    left.set(xlabel="exit", ylabel="share of the total", ylim=(0, top))
    right.legend(handles=left.containers, **plots.BESIDE)
    if nearest is None:
        right.set_axis_off()
    else:
        style = plots.scheme_style(nearest.config["weighting"])
        right.plot(data["exit"], nearest.final("test_error"), **style)
    right.set(xlabel="exit", ylabel="test error of the nearest run", ylim=(0, 1))
    for ax in (left, right):
        ax.yaxis.set_major_formatter(plots.PERCENT)


def scheme_designer(runs: Runs = None) -> Explorer:
    """Type or drag weights: their shares, their pull in a toy problem, the nearest run."""
    known = gather(runs)
    names = run_titles(known)
    exits = [run.num_exits for run in known]
    usual = max(exits, key=exits.count, default=9)

    def look(ask: Asking) -> View:
        ratio = ask.range("ratio", "First loss, in last losses", RATIOS, start=4)
        data = scheme_data(_ask_weights(ask, usual), ratio)
        last, nearest = data.iloc[-1], nearest_run(data["weight"], known)
        words = f"The last exit has {last['share']:.0%} of the weight and, where training starts, "
        words += f"{last['gradient_share']:.0%} of the gradients' length. "
        if nearest is None:
            there = ", ".join(map(str, sorted(set(exits))))
            words += f"No recorded run has {len(data)} exits; exits of those: {there or 'none'}."
            return View(data, words, partial(draw_scheme, data=data, nearest=None))
        number, apart = nearest
        words += f"The nearest recorded run ends with {apart:.0%} of its weight elsewhere: "
        words += f"{names[number]}."
        return View(data, words, partial(draw_scheme, data=data, nearest=known[number]))

    return Explorer("Scheme designer", "02", look)


def _ask_weights(ask: Asking, usual: int) -> np.ndarray:
    """The weights of a scheme, unless others were typed or dragged; all controls show them."""
    typed = ask.state.get("weights")

    def choose(scheme: str) -> dict[str, str | None]:
        return {"scheme": scheme, "weights": typed if scheme == OWN else None}

    mine = None if typed is None else OWN
    scheme = ask.select("scheme", "Scheme", [*STATIC, OWN], value=mine, sets=choose)
    if scheme in STATIC:
        exits = ask.range("exits", "Exits", range(2, 33), start=usual)
        typed = spelled(STATIC[scheme](exits))
    ask.text("weights", "Weights", value=typed or "")

    weights = read_weights(typed or "")
    levels = np.linspace(0, max(1.0, weights.max()), 101).round(2).tolist()
    for exit, weight in enumerate(weights):

        def dragged(level: float, exit: int = exit) -> dict[str, str]:
            # The others keep what was typed: a slider knows no more than two decimals.
            return {"weights": spelled([*weights[:exit], level, *weights[exit + 1 :]])}

        ask.upright(f"weight {exit + 1}", f"{exit + 1}", levels, value=weight, sets=dragged)
    return weights


def spelled(weights: ArrayLike) -> str:
    """Weights as they are typed."""
    return ", ".join(f"{weight:.4g}" for weight in np.asarray(weights))
