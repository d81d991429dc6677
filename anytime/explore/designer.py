"""Explorer: design a weighting and see what it does to shared parameters."""

from collections.abc import Sequence
from functools import partial

import numpy as np
import pandas as pd
from ipywidgets import BoundedIntText, Dropdown, FloatLogSlider, FloatSlider, HBox, Text
from matplotlib.figure import Figure
from numpy.typing import ArrayLike

from anytime import plots, theory
from anytime.explore.frame import Explorer, NothingToShow, View
from anytime.explore.recorded import STATIC, Runs, gather, labels
from anytime.runs import Run


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
    pulls = {"color": plots.PALETTE[1], "label": "gradient"}
    left.bar(data["exit"] + 0.2, data["gradient_share"], 0.4, **pulls)
    left.set(xlabel="exit", ylabel="share of the total")
    right.legend(handles=left.containers, **plots.BESIDE)
    if nearest is None:
        right.set_axis_off()
    else:
        style = plots.scheme_style(nearest.config["weighting"])
        right.plot(data["exit"], nearest.final("test_error"), **style)
    right.set(xlabel="exit", ylabel="test error of the nearest run")
    for ax in (left, right):
        ax.yaxis.set_major_formatter(plots.PERCENT)


def scheme_designer(runs: Runs = None) -> Explorer:
    """Type or drag weights: their shares, their pull in a toy problem, the nearest run."""
    known = gather(runs)
    names = labels(known)

    def look(weights, ratio) -> View:
        data = scheme_data(read_weights(weights), ratio)
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

    exits = [run.num_exits for run in known]
    text, *beside = _weight_controls(max(exits, key=exits.count, default=9))
    ratio = FloatLogSlider(4, min=0, max=2, description="First loss, in last losses")
    controls = {"weights": text, "ratio": ratio}
    return Explorer("Scheme designer", "02", look, controls, beside)


def _weight_controls(number: int) -> tuple[Text, Dropdown, BoundedIntText, HBox]:
    """Weights as text, which is what counts; a scheme, exits and sliders, which write it."""
    text = Text(description="Weights", continuous_update=False, layout={"width": "40em"})
    scheme = Dropdown(options=[*STATIC, "my own"], description="Scheme")
    exits = BoundedIntText(number, 2, 32, description="Exits")
    sliders = HBox(layout={"flex_flow": "row wrap"})

    def write(weights) -> None:
        text.value = ", ".join(f"{weight:.3g}" for weight in weights)

    def choose(change=None) -> None:
        if scheme.value in STATIC:
            write(STATIC[scheme.value](exits.value))

    def drag(exit, change) -> None:
        # The others keep what was typed: a slider knows no more than two decimals.
        weights = read_weights(text.value)
        write([*weights[:exit], change["new"], *weights[exit + 1 :]])

    def follow(change) -> None:
        try:
            weights = read_weights(text.value)
        except NothingToShow:
            return
        if [slider.value for slider in sliders.children] != list(weights.round(2)):
            sliders.children = [_slider(exit, weights) for exit in range(len(weights))]
            for exit, slider in enumerate(sliders.children):
                slider.observe(partial(drag, exit), "value")
        make = STATIC.get(scheme.value)
        if make and not np.allclose(make(len(weights)), weights, rtol=0.01):
            scheme.value = "my own"
        exits.value = len(weights)

    text.observe(follow, "value")
    for control in (scheme, exits):
        control.observe(choose, "value")
    choose()
    return text, scheme, exits, sliders


def _slider(exit: int, weights: np.ndarray) -> FloatSlider:
    look = {"orientation": "vertical", "layout": {"height": "150px", "width": "60px"}}
    span = {"max": max(1.0, weights.max()), "step": 0.01}
    return FloatSlider(weights[exit].round(2), description=f"{exit + 1}", **span, **look)
