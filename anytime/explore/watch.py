"""Explorer: a trained network refines its prediction of one image, exit by exit."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from ipywidgets import Dropdown, SelectionSlider, Widget
from matplotlib.figure import Figure

from anytime import plots
from anytime.explore import timing
from anytime.explore.frame import Explorer, NothingToShow, View
from anytime.explore.predicted import Watched, kinds, stored, watch
from anytime.explore.recorded import Runs, budget_slider, labels
from anytime.runs import Run

CLASSES = 10  # so many are shown


def watch_data(watched: Watched, image: int, cost: Sequence[int]) -> pd.DataFrame:
    """Columns exit (from 1), cost, milliseconds, answer, confidence, right, for one image."""
    likely = watched.probabilities[:, image]
    data = pd.DataFrame({"exit": range(1, len(likely) + 1), "cost": cost})
    data["milliseconds"], answers = watched.milliseconds, likely.argmax(-1)
    data["answer"] = [watched.classes[answer] for answer in answers]
    return data.assign(confidence=likely.max(-1), right=answers == watched.labels[image])


def changes(data: pd.DataFrame) -> list[int]:
    """The exits, from 2 on, whose answer is not that of the exit before."""
    return list(data["exit"][1:][(data["answer"] != data["answer"].shift())[1:]])


def draw_watch(
    figure: Figure, watched: Watched, image: int, data: pd.DataFrame, budget: float
) -> None:
    """The image; the probabilities at each exit; the time until each, and whether it is right."""
    photo, table, times = figure.subplots(1, 3, width_ratios=(1, 2.6, 1))
    figure.subplots_adjust(0.01, 0.24, 0.96, 0.86, wspace=0.23)
    truth, likely = watched.labels[image], watched.probabilities[:, image]
    gray = {"cmap": "gray", "vmin": 0, "vmax": 255}
    photo.imshow(watched.images[image].squeeze(), **gray)
    photo.set_axis_off()
    photo.set_title(f"image {image}: {watched.classes[truth]}")
    rank = likely.max(0) + (np.arange(likely.shape[1]) == truth)
    shown = np.sort(np.argsort(-rank, kind="stable")[:CLASSES])
    plots.draw_probabilities(table, likely[:, shown], [watched.classes[i] for i in shown])
    table.get_xticklabels()[list(shown).index(truth)].set_fontweight("bold")
    for exit in changes(data):
        look = {"color": plots.PALETTE[1], "linestyle": "--", "linewidth": 2, "zorder": 3}
        changed = table.axhline(exit - 0.5, **look)
        changed.set_label("the answer changed" if exit == changes(data)[0] else None)
    paid = (data["cost"] <= budget).sum() + 0.5
    for ax in (table, times):
        ax.axhline(paid, color="black", linewidth=3, label="budget" if ax is table else None)
    table.legend(loc="lower left", bbox_to_anchor=(0, 1), borderaxespad=0.1, ncols=2)
    for right, color, hatch in ((True, plots.PALETTE[0], None), (False, plots.PALETTE[1], "//")):
        rows, look = data[data["right"] == right], {"color": color, "hatch": hatch}
        label = "right" if right else "wrong"
        times.barh(rows["exit"], rows["milliseconds"], label=label, edgecolor="white", **look)
    times.set(xlabel="ms on this machine", ylim=table.get_ylim(), yticks=[])
    times.legend(loc="lower left", bbox_to_anchor=(0, 1), borderaxespad=0.1, ncols=2)


def watch_one_image(runs: Runs = None) -> Explorer:
    """A trained network's prediction of a chosen image at each exit, under a budget to move.

    It runs the network, so it needs torch: once for all test images when the network is chosen.
    """
    known = stored(runs)
    controls = _controls([run for run, _ in known])
    for name in ("network", "show"):
        controls[name].observe(lambda change: _refresh(known, controls), "value")
    _refresh(known, controls)
    return Explorer("Watch one image", "01", functools.partial(_look, known), controls)


def _chosen(known: Sequence[tuple[Run, Path]], network: int | None) -> Watched:
    if not timing.can_measure():
        raise NothingToShow("This explorer runs a network and needs torch: pip install torch")
    if network is None:
        make = "python -m anytime train --data fashion --out mine --keep-network mine/net.pt"
        raise NothingToShow(
            f"No trained network is here. This makes one in the folder mine: {make}"
        )
    run, file = known[network]
    return watch(file, run.config["dataset"], run.trained["sha256"])


def _refresh(known: Sequence[tuple[Run, Path]], controls: dict[str, Widget]) -> None:
    """Offers the images of the chosen kind; keeps the image if it is one of them."""
    try:
        watched = _chosen(known, controls["network"].value)
    except NothingToShow:
        return
    numbers = kinds(watched)[controls["show"].value].tolist()
    slider, before = controls["image"], controls["image"].value
    if numbers and numbers != list(slider.options):
        slider.options = numbers
        slider.value = before if before in numbers else numbers[0]


def _look(known, network, show, image, budget) -> View:
    watched = _chosen(known, network)
    if not len(kinds(watched)[show]):
        raise NothingToShow("No test image of this network is of this kind.")
    if image >= len(watched.labels):
        raise NothingToShow(f"There are test images 0 to {len(watched.labels) - 1}.")
    data = watch_data(watched, image, known[network][0].cost)
    parts = {"watched": watched, "image": image, "data": data, "budget": budget}
    return View(data, _words(**parts), functools.partial(draw_watch, **parts))


def _words(watched: Watched, image: int, data: pd.DataFrame, budget: float) -> str:
    truth, last = watched.classes[watched.labels[image]], data.iloc[-1]
    paid = data[data["cost"] <= budget]
    words = f"Within {budget / 1e6:.3g} million multiply-adds no exit has answered. "
    if len(paid):
        now = paid.iloc[-1]
        words = (
            f"Within {budget / 1e6:.3g} million multiply-adds, exit {now['exit']} is the last to "
            f"answer, after {now['milliseconds']:.2f} ms on this machine: {now['answer']}, with "
            f"confidence {now['confidence']:.0%}. "
        )
        words += "That is right. " if now["right"] else f"That is wrong: it is {truth}. "
    where = ", ".join(map(str, changes(data)))
    words += f"Exits at which the answer changes: {where or 'none'}. "
    if data["right"].any() and not last["right"]:
        early = data.loc[data["right"], "exit"].iloc[-1]
        words += f"This is overthinking: exit {early} was right, and the last exit is wrong with "
        words += f"confidence {last['confidence']:.0%}. "
    there = {kind: len(numbers) / len(watched.labels) for kind, numbers in kinds(watched).items()}
    _, overthought, wrong, _ = there.values()
    return words + (
        f"Of {len(watched.labels):,} test images, {wrong:.1%} are wrong at the last exit; "
        f"{overthought:.1%} were right at an earlier one."
    )


def _controls(runs: Sequence[Run]) -> dict[str, Widget]:
    options = [(name, i) for i, name in enumerate(labels(runs))]
    first, wide = (0 if options else None), {"width": "46em", "max_width": "100%"}
    shows = ["all", "overthinking: right, then wrong", "wrong at the end", "changed its mind"]
    return {
        "network": Dropdown(options=options, value=first, description="Network", layout=wide),
        "show": Dropdown(options=shows, description="Images"),
        "image": SelectionSlider(
            options=[0], description="Number in the test set", layout={"width": "32em"}
        ),
        "budget": budget_slider(runs, runs[:1]),
    }
