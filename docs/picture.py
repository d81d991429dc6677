"""Draws the picture at the head of README.md from the records that ship: python docs/picture.py

Left, what each exit of one network costs and how often it is wrong, by weighting. Right, the
weights that AdaLoss ends with on three data sets. Notebooks 05 and 08 say what follows from them.
"""

from pathlib import Path

import matplotlib
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from anytime import metrics, plots, runs
from anytime.paths import REPOSITORY, RUNS, whole_file

PICTURE = REPOSITORY / "docs" / "picture.png"
NETWORK = "resann-4-16-stride2"
WEIGHTINGS = ("adaloss", "linear", "const", "opt")  # as the curves begin, from top to bottom

# From easy to hard: the line's marker, and where its name stands beside it, as exit and weight.
LOOKS = {
    "gtsrb-half": ("o", "●", (6.0, 0.07)),
    "cifar10": ("s", "■", (1.2, 0.19)),
    "tiny-imagenet-100": ("D", "◆", (0.65, 0.885)),
}


def errors(found: list[runs.Run]) -> pd.DataFrame:
    """The test error of each exit: columns weighting, cost, mean, std (over seeds), seeds.

    found: runs on one data set. A run of OPT counts at its last exit, the one it is trained for.
    """
    table = runs.table(found).drop(columns="network")  # OPT is another one at each exit
    table = table[(table["weighting"] != "opt") | (table["share"] == 1)]
    return metrics.summary(table, by=("weighting", "cost"), column="test_error")


def weights(found: list[runs.Run]) -> pd.DataFrame:
    """The final weight of each exit: columns dataset, exit (from 1), mean, std, seeds."""
    return metrics.summary(runs.table(found), by=("dataset", "exit"), column="weights")


def draw_errors(ax: Axes, table: pd.DataFrame) -> None:
    """Error curves with bands of one standard deviation; for OPT points with bars, no curve."""
    opt = table["weighting"] == "opt"
    ax.set_yscale("log")
    plots.draw_error_against_cost(ax, table[~opt])
    cost, mean, std = table[opt][["cost", "mean", "std"]].T.values
    looks = {"linestyle": "none", "markersize": 7, "capsize": 3, "zorder": 3, "label": "OPT"}
    ax.errorbar(cost, mean, std, **(plots.scheme_style("opt") | looks))

    ax.set_yticks([0.03, 0.05, 0.1, 0.2, 0.4, 0.8])
    ax.set_yticks([], minor=True)
    ax.legend()


def draw_weights(ax: Axes, table: pd.DataFrame, titles: dict[str, str]) -> None:
    """Weights by exit, a named line for each data set, with bands of one standard deviation."""
    colors = sns.color_palette("viridis", len(LOOKS))
    for (name, (marker, sign, place)), color in zip(LOOKS.items(), colors, strict=True):
        exits, mean, std = table[table["dataset"] == name][["exit", "mean", "std"]].T.values
        ax.plot(exits, mean, color=color, marker=marker)
        ax.fill_between(exits, mean - std, mean + std, color=color, alpha=0.25, linewidth=0)
        title = f"{sign} {titles[name]}".replace(" (", "\n(")
        ax.text(*place, title, fontsize=11, color=[0.7 * part for part in color])
    ax.set(title="AdaLoss on three data sets", xlabel="exit", ylabel="final weight B")
    ax.set(xticks=range(1, 13), ylim=(0, 1.06))


def picture(found: list[runs.Run]) -> Figure:
    """Both panels, from the runs of the comparison of weightings."""
    own = [run for run in found if run.config["network"].partition("-to")[0] == NETWORK]
    shown = [run for run in own if run.config["weighting"] in WEIGHTINGS]
    shown.sort(key=lambda run: WEIGHTINGS.index(run.config["weighting"]))
    signs = [run for run in shown if run.config["dataset"] == "gtsrb-half"]
    adaloss = [run for run in shown if run.config["weighting"] == "adaloss"]
    titles = {run.config["dataset"]: run.title for run in own}

    # A page shows it some 830 pixels wide, half as many as it has, and 11 points as 16 pixels.
    figure = Figure(figsize=(8.0, 3.5), dpi=208, layout="constrained")
    left, right = figure.subplots(1, 2)
    draw_errors(left, errors(signs))
    left.set_title(titles["gtsrb-half"])
    draw_weights(right, weights(adaloss), titles)
    return figure


def write(path: Path = PICTURE) -> Path:
    """Draws the picture into a PNG file."""
    with matplotlib.rc_context(), whole_file(path) as temporary:
        plots.theme()
        matplotlib.rcParams["font.sans-serif"] = ["DejaVu Sans"]  # it comes with matplotlib
        picture(runs.find(RUNS / "first-edition" / "schemes")).savefig(temporary, format="png")
    return path


if __name__ == "__main__":
    print(f"The picture is in {write()}")
