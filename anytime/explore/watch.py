"""Explorer: a trained network refines its prediction of one image, exit by exit."""

from collections.abc import Sequence
from functools import partial

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from anytime import metrics, plots
from anytime.explore import predicted, recorded
from anytime.explore.frame import ABOVE, Asking, Explorer, NothingToShow, View, ask_budget, million
from anytime.explore.predicted import Watched, kinds
from anytime.explore.recorded import Runs

CLASSES = 10  # so many are shown
# Of what is wrong and of what is right: colour, hatches and mark.
LOOKS = ((plots.PALETTE[1], "//", "✗"), (plots.PALETTE[0], "", "✓"))
NO_NETWORK = (
    "No trained network is here. This makes one in the folder mine: "
    "python -m anytime train --data fashion --out mine --keep-network mine/net.pt"
)


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
    photo.imshow(watched.images[image].squeeze(), cmap="gray", vmin=0, vmax=255)
    photo.set_axis_off()
    photo.set_title(f"image {image}: {watched.classes[truth]}")

    # The right class and the likeliest others, in the order of the data set.
    rank = likely.max(0) + (np.arange(likely.shape[1]) == truth)
    shown = np.sort(np.argsort(-rank, kind="stable")[:CLASSES])
    plots.draw_probabilities(table, likely[:, shown], [watched.classes[i] for i in shown])
    table.get_xticklabels()[list(shown).index(truth)].set_fontweight("bold")
    for i, exit in enumerate(changes(data)):
        label = None if i else "the answer changed"
        table.axhline(exit - 0.5, color=plots.PALETTE[1], ls="--", lw=2, zorder=3, label=label)

    for right, rows in data.groupby("right"):
        color, hatch, mark = LOOKS[bool(right)]
        look = {"color": color, "hatch": hatch, "edgecolor": "white"}
        bars = times.barh(rows["exit"], rows["milliseconds"], **look)
        times.bar_label(bars, [mark] * len(rows), padding=2)
    times.set(xlabel="ms on this machine", ylim=table.get_ylim(), yticks=[])
    times.set_xlim(0, 1.2 * data["milliseconds"].max())
    times.set_title("✓ right, ✗ wrong")
    paid = metrics.exits_within(data["cost"], budget)
    for ax in (table, times):
        ax.axhline(paid + 0.5, color="black", linewidth=3, label="budget")
    table.legend(**ABOVE | {"ncols": 2})


def watch_one_image(runs: Runs = None) -> Explorer:
    """A trained network's prediction of a chosen image at each exit, under a budget to move.

    It runs the network, so it needs torch: once for all test images when the network is chosen.
    """
    stored = predicted.stored(runs)
    facts = recorded.facts([run for run, *_ in stored])

    def look(ask: Asking) -> View:
        if not predicted.can_run():
            raise NothingToShow("This explorer runs a network and needs torch: pip install torch")
        if not stored:
            raise NothingToShow(NO_NETWORK)
        run, file, sha256 = stored[recorded.narrow(ask, facts, *facts).index[0]]
        watched = predicted.watch(file, run.config["dataset"], sha256)

        there = {kind: images.tolist() for kind, images in kinds(watched).items() if len(images)}
        kind = ask.select("show", "Images", list(there))
        image = ask.range("image", "Number in the test set", there[kind], start=0)
        budget = ask_budget(ask, [0.9 * run.cost[0], *run.cost])
        data = watch_data(watched, image, run.cost)
        parts = {"watched": watched, "image": image, "data": data, "budget": budget}
        return View(data, _words(**parts), partial(draw_watch, **parts))

    return Explorer("Watch one image", "01", look)


def _words(watched: Watched, image: int, data: pd.DataFrame, budget: float) -> str:
    truth, last = watched.classes[watched.labels[image]], data.iloc[-1]
    paid = metrics.exits_within(data["cost"], budget)
    words = f"Within {million(budget)}"
    if not paid:
        words += " no exit has answered. "
    else:
        now = data.iloc[paid - 1]
        words += f", exit {now['exit']} is the last to answer, after {now['milliseconds']:.2f} ms "
        words += f"on this machine: {now['answer']}, with confidence {now['confidence']:.0%}. "
        words += "That is right. " if now["right"] else f"That is wrong: it is {truth}. "
    where = ", ".join(map(str, changes(data)))
    words += f"Exits at which the answer changes: {where or 'none'}. "
    if data["right"].any() and not last["right"]:
        early = data.loc[data["right"], "exit"].iloc[-1]
        words += f"This is overthinking: exit {early} was right, and the last exit is wrong with "
        words += f"confidence {last['confidence']:.0%}. "
    number = len(watched.labels)
    _, overthought, wrong, _ = (len(images) / number for images in kinds(watched).values())
    return words + (
        f"Of {number:,} test images, {wrong:.1%} are wrong at the last exit; "
        f"{overthought:.1%} were right at an earlier one."
    )
