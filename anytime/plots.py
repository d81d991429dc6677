"""How the course's figures look: each function draws data into axes and computes nothing.

The axes may be pyplot's or those of a `matplotlib.figure.Figure` of its own.
"""

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import pandas as pd
import seaborn as sns
from cycler import cycler
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.ticker import FixedLocator, FuncFormatter, LogLocator, MaxNLocator, NullLocator
from numpy.typing import ArrayLike

from anytime.names import weighting_title
from anytime.paper import NOT_CONFIRMED
from anytime.runs import Run

PALETTE = sns.color_palette("colorblind")

SCHEME_STYLE = {
    "CONST": {"color": PALETTE[0], "marker": "o"},
    "LINEAR": {"color": PALETTE[1], "marker": "s"},
    "HALF-END": {"color": PALETTE[4], "marker": "v"},
    "SIEVE": {"color": PALETTE[5], "marker": "P"},
    "EXPONENTIAL": {"color": PALETTE[9], "marker": "^"},
    "OPT": {"color": PALETTE[7], "marker": "X"},
    "AdaLoss": {"color": PALETTE[2], "marker": "D"},
    "AdaLoss e=1": {"color": PALETTE[3], "marker": "*"},
}
"""One colour and one marker per scheme, in every figure."""

OTHER_STYLE = {"color": PALETTE[6], "marker": "h"}
PERCENT = FuncFormatter(lambda share, _: f"{100 * share:g}%")
BESIDE = {"loc": "upper left", "bbox_to_anchor": (1.01, 1.0), "borderaxespad": 0.0}
"""Where a legend covers no data."""

LINES = ("-", "--", ":", "-.")
NAMED = 15  # so many lines have room in a legend
COLUMN_LABELS = {
    "train_loss": "training loss (nats)",
    "test_loss": "test loss (nats)",
    "train_error": "training error",
    "test_error": "test error",
    "weights": "weight B",
    "lr": "learning rate",
}


LOOK = sns.axes_style("whitegrid") | sns.plotting_context("notebook")
LOOK |= {"legend.frameon": False, "axes.prop_cycle": cycler(color=PALETTE)}
"""Seaborn's look, as matplotlib's settings."""

LETTERS = 1.15  # times seaborn's: no smaller than a page's text in figures up to 8 inches wide


def theme() -> None:
    """Sets the look for all figures that follow, best up to 8 inches wide."""
    look = LOOK | sns.plotting_context("notebook", LETTERS)
    look |= {"figure.figsize": (7.5, 4.2), "figure.constrained_layout.use": True}
    sns.set_theme(style="whitegrid", palette="colorblind", rc=look)


def scheme_name(spec: str) -> str:
    """The name in words of a weighting's text: "adaloss:gamma=0.1,extra=1" is "AdaLoss e=1".

    A name in words stays as it is.
    """
    return weighting_title(spec, brief=True)


def scheme_style(spec: str) -> dict:
    """Colour and marker of a weighting, given by its text or its name in words."""
    name = scheme_name(spec)
    return SCHEME_STYLE.get("AdaLoss e=1" if "AdaLoss e=" in name else name, OTHER_STYLE)


def _scheme_labels(specs: Sequence[str]) -> dict[str, str]:
    """Names in words; the whole text where two weightings would share a name."""
    names = {spec: scheme_name(spec) for spec in specs}
    shared = {name for name in names.values() if list(names.values()).count(name) > 1}
    return {spec: spec if name in shared else name for spec, name in names.items()}


def _dash(spec: str, specs: Iterable[str]) -> str:
    """Tells weightings of one look apart, such as AdaLoss with different options."""
    alike = [other for other in specs if scheme_style(other) == scheme_style(spec)]
    return LINES[alike.index(spec) % 4]


def _count_axis(axis: Axis, label: str) -> None:
    axis.set_label_text(label)
    axis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))


def _cost_axis(axis: Axis) -> None:
    axis.set_label_text("multiply-adds (millions)")
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value / 1e6:g}"))


def draw_cost(ax: Axes, macs: ArrayLike) -> None:
    """The cost of each exit, (K,) multiply-adds, as bars."""
    ax.bar(np.arange(1, np.size(macs) + 1), macs, color=PALETTE[0])
    ax.grid(False, axis="x")
    _count_axis(ax.xaxis, "exit")
    _cost_axis(ax.yaxis)


def draw_error_against_cost(ax: Axes, table: pd.DataFrame, log: bool = False) -> None:
    """Error over cost for each scheme, with a band of one standard deviation over seeds.

    table: columns weighting, cost, mean, std, as `metrics.summary` gives them; with a column
    `network` of several values, each network has its own dashes. log: a logarithmic cost axis.
    """
    networks = list(table["network"].unique()) if "network" in table else []
    keys = ["network", "weighting"] if len(networks) > 1 else ["weighting"]
    labels = _scheme_labels(table["weighting"].unique())
    for key, rows in table.groupby(keys, sort=False):
        rows = rows.sort_values("cost")
        style, label = scheme_style(key[-1]), ", ".join([*key[:-1], labels[key[-1]]])
        dash = LINES[networks.index(key[0]) % 4] if len(key) > 1 else _dash(key[-1], labels)
        mean, std = rows["mean"], rows["std"]
        ax.plot(rows["cost"], mean, dash, label=label, **style)
        band = {"color": style["color"], "alpha": 0.25, "linewidth": 0}
        ax.fill_between(rows["cost"], mean - std, mean + std, **band)
    if log:
        ax.set_xscale("log")
        ax.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        ax.xaxis.set_minor_locator(NullLocator())
    _cost_axis(ax.xaxis)
    # Late exits differ by a part of their errors, which early ones would hide.
    ax.set_yscale("log")
    ax.yaxis.set(major_locator=LogLocator(subs=(1, 2, 3, 5)), minor_locator=NullLocator())
    ax.yaxis.set(label_text=COLUMN_LABELS["test_error"], major_formatter=PERCENT)
    ax.legend(**BESIDE)


def draw_relative_increase(
    ax: Axes, table: pd.DataFrame, paper: pd.DataFrame | None = None
) -> None:
    """Error increase over OPT at shares of the full cost, bars of one standard deviation.

    The axis is linear up to 10 % and logarithmic beyond. table: columns weighting, share, mean,
    std, of `metrics.summary`. paper: what `paper.relative_increase_table` gives, drawn hollow and
    labelled as not confirmed.
    """
    labels = _scheme_labels(table["weighting"].unique())
    for spec, rows in table.groupby("weighting", sort=False):
        style = scheme_style(spec)
        ax.plot(rows["share"], rows["mean"], _dash(spec, labels), label=labels[spec], **style)
        bars = {"fmt": "none", "ecolor": style["color"], "capsize": 4}
        ax.errorbar(rows["share"], rows["mean"], rows["std"], **bars)
    for spec, rows in [] if paper is None else paper.groupby("weighting", sort=False):
        mark = "" if rows["confirmed"].all() else f"\n({NOT_CONFIRMED})"
        label = f"{scheme_name(spec)}, paper{mark}"
        look = scheme_style(spec) | {"markerfacecolor": "none", "alpha": 0.7}
        ax.plot(rows["share"], rows["increase"], ":", label=label, **look)
    ax.axhline(0.0, color=scheme_style("opt")["color"], linewidth=1)
    ax.set_xticks(sorted({*table["share"], *(() if paper is None else paper["share"])}))
    ax.set(xlabel="share of the full cost", ylabel="error increase over OPT")
    ax.set_yscale("symlog", linthresh=10)
    marks = [-100, -30, -10, -5, 0, 5, 10, 30, 100, 300, 1000]
    ax.yaxis.set(major_locator=FixedLocator(marks), minor_locator=NullLocator())
    ax.yaxis.set_major_formatter(FuncFormatter(lambda percent, _: f"{percent:g}%"))
    ax.xaxis.set_major_formatter(PERCENT)
    ax.legend(**BESIDE)


def draw_weights(ax: Axes, weights: ArrayLike, labels: Sequence[str]) -> None:
    """Weights (S, K), or (K,) of one scheme, as bars exit by exit.

    labels: S weightings' texts or names, in their colours; or S data sets, from dark to light.
    """
    weights = np.atleast_2d(weights)
    names, width = _scheme_labels(labels), 0.8 / len(weights)
    colors = [scheme_style(label)["color"] for label in labels]
    if len(set(colors)) < len(colors):
        colors = sns.color_palette("rocket", len(colors))  # viridis has several alike in a row
    for i, (row, label) in enumerate(zip(weights, labels, strict=True)):
        places = np.arange(1, len(row) + 1) + (i - (len(weights) - 1) / 2) * width
        ax.bar(places, row, width, color=colors[i], label=names[label])
    ax.grid(False, axis="x")
    _count_axis(ax.xaxis, "exit")
    ax.set_ylabel(COLUMN_LABELS["weights"])
    ax.legend(**BESIDE)


def _draw_per_exit(ax: Axes, epochs: ArrayLike | None, values: ArrayLike, label: str) -> None:
    """(epochs, K) values as lines, dark to light from the first exit to the last."""
    values = np.asarray(values)
    exits = values.shape[1]
    epochs = np.arange(1, len(values) + 1) if epochs is None else epochs
    colors = colormaps["viridis"].resampled(exits)
    for k in range(exits):
        ax.plot(epochs, values[:, k], color=colors(k), label=f"exit {k + 1}")
    _count_axis(ax.xaxis, "epoch")
    ax.set_ylabel(label)
    if exits <= NAMED:
        ax.legend(**BESIDE)
    else:
        shades = ScalarMappable(Normalize(0.5, exits + 0.5), colors)
        ax.figure.colorbar(shades, ax=ax, label="exit")


def draw_weight_evolution(
    ax: Axes, weights: ArrayLike, epochs: ArrayLike | None = None, as_map: bool = False
) -> None:
    """Weights (epochs, K) over training: a line per exit, or a map of exits over epochs."""
    if not as_map:
        return _draw_per_exit(ax, epochs, weights, COLUMN_LABELS["weights"])
    columns = np.transpose(weights)
    exits, numbers = (np.arange(1, length + 1) for length in columns.shape)
    epochs = numbers if epochs is None else epochs
    cells = ax.pcolormesh(epochs, exits, columns, shading="nearest", vmin=0)
    ax.figure.colorbar(cells, ax=ax, label=COLUMN_LABELS["weights"])
    ax.grid(False)
    _count_axis(ax.xaxis, "epoch")
    _count_axis(ax.yaxis, "exit")


def draw_losses(ax: Axes, losses: ArrayLike, epochs: ArrayLike | None = None) -> None:
    """Losses (epochs, K) over training, a line per exit."""
    _draw_per_exit(ax, epochs, losses, "loss (nats)")


def draw_history(ax: Axes, run: Run, column: str) -> None:
    """A column of a run's history over its epochs: a line per exit, or one line for "lr"."""
    epochs = [entry["epoch"] for entry in run.history if column in entry]
    if column == "lr":
        ax.plot(epochs, [entry["lr"] for entry in run.history], color=PALETTE[0])
        ax.set(xlabel="epoch", ylabel=COLUMN_LABELS[column])
    else:
        _draw_per_exit(ax, epochs, run.values(column), COLUMN_LABELS[column])
    if column.endswith("error"):
        ax.yaxis.set_major_formatter(PERCENT)


def draw_images(ax: Axes, pixels: ArrayLike, titles: Sequence[str], columns: int = 8) -> None:
    """Images (N, C, H, W) uint8, C of 1 or 3, in rows of `columns`, each below its title."""
    pixels = np.asarray(pixels)
    columns = min(columns, len(pixels))
    for i, image in enumerate(pixels):
        row, column = divmod(i, columns)
        left, top = 1.1 * column, 1.3 * row
        place = (left, left + 1, top + 1, top)
        shown = image[0] if len(image) == 1 else image.transpose(1, 2, 0)
        ax.imshow(shown, "gray", vmin=0, vmax=255, extent=place, interpolation="nearest")
        ax.text(left + 0.5, top - 0.04, titles[i], ha="center", va="bottom", fontsize="small")
    ax.set_xlim(-0.05, 1.1 * columns - 0.05)
    ax.set_ylim(top + 1.05, -0.3)
    ax.set_axis_off()


def draw_eann_cost_factor(
    ax: Axes, budgets: ArrayLike, factors: ArrayLike, base: float, **levels: float
) -> None:
    """The cost factor C over the budget, and levels such as supremum=3; a colour per call."""
    (line,) = ax.plot(budgets, factors, label=f"C, b = {base:g}")
    for (name, level), dash in zip(levels.items(), LINES[1:], strict=False):
        ax.axhline(level, color=line.get_color(), linestyle=dash, label=f"{name} {level:.2f}")
    ax.set(xscale="log", xlabel="budget (cost of the first network = 1)", ylabel="cost factor C")
    ax.legend(**BESIDE)


def draw_toy(
    ax: Axes,
    x: ArrayLike,
    y: ArrayLike,
    losses: ArrayLike,
    points: Mapping[str, ArrayLike],
    paths: Mapping[str, ArrayLike] | None = None,
) -> None:
    """Losses (K, Y, X) over two shared parameters as contours, and where each scheme ends.

    points: place (2,) by the scheme's text or name. paths: descents (steps, 2), likewise.
    """
    for k, values in enumerate(np.asarray(losses)):
        dash = LINES[k % len(LINES)]
        # Squares make the rings of a quadratic loss equally far apart.
        levels = values.min() + np.ptp(values) * np.linspace(0.08, 1, 9) ** 2
        ax.contour(x, y, values, levels=levels, colors="0.45", linestyles=dash, linewidths=1)
        ax.plot([], [], dash, color="0.45", linewidth=1, label=f"loss {k + 1}")
    for name, path in (paths or {}).items():
        ax.plot(*np.transpose(path), color=scheme_style(name)["color"], linewidth=2)
    for name, point in points.items():
        look = scheme_style(name) | {"linestyle": "none", "markersize": 12}
        ax.plot(*np.asarray(point), label=name, **look)
    ax.grid(False)
    ax.set(xlabel="first parameter", ylabel="second parameter", aspect="equal")
    ax.legend(**BESIDE)


def draw_probabilities(ax: Axes, probabilities: ArrayLike, classes: Sequence[str]) -> None:
    """Predicted probabilities (K, classes), a row per exit; those of 0.05 and more are written."""
    probabilities = np.asarray(probabilities)
    extent = (-0.5, len(classes) - 0.5, len(probabilities) + 0.5, 0.5)
    ax.imshow(probabilities, cmap="Blues", vmin=0, vmax=1, aspect="auto", extent=extent)
    for (k, j), p in np.ndenumerate(probabilities):
        if p >= 0.05:
            color = "white" if p > 0.6 else "black"
            ax.text(j, k + 1, f"{p:.2f}", ha="center", va="center", fontsize=10, color=color)
    ax.set_xticks(range(len(classes)), classes, rotation=45, ha="right", rotation_mode="anchor")
    ax.grid(False)
    _count_axis(ax.yaxis, "exit")
