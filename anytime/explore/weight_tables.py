"""Tables of weights: those of each data set's runs at some moments, exit by exit."""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from anytime import metrics
from anytime.explore.recorded import ALL
from anytime.explore.settings import Setting
from anytime.runs import Run

RANGED = ["weight", "share", "loss"]

COUNTED: dict[str, dict[str, Any]] = {
    "above": {"words": "weight above the floor", "above": True, "column": "weight"},
    "all": {"words": "all weight", "above": False, "column": "weight"},
    "share": {"words": "share of all weight", "above": False, "column": "share"},
    "loss": {"words": "training loss (nats)", "above": True, "column": "loss"},
}
"""What a bar may be: its words, whether weights count above the floor, and which column it is."""

MOMENTS = {"epoch": "at one epoch", "fit": "at equal fit"}


def epochs_at(run: Run, moments: ArrayLike, by: str) -> np.ndarray:
    """When a run was at each of the moments (M,), in epochs; nan where it never was.

    by: "epoch" takes moments as epochs, the last being the end; "fit" as training losses of the
    last exit, see `metrics.epochs_at_loss`.
    """
    if by == "fit":
        return metrics.epochs_at_loss(run, moments)
    return np.clip(np.asarray(moments, dtype=float), 1, run.epochs)


def final_weights_data(
    sets: Mapping[str, Sequence[Run]],
    moments: ArrayLike = (np.inf,),
    by: str = "epoch",
    above_floor: bool = True,
) -> pd.DataFrame:
    """The weights of each data set's runs at some moments (see `epochs_at`), in the sets' order.

    above_floor: weights are counted above the least that AdaLoss gives any exit. Columns: data_set,
    moment, exit (from 1); weight, share (of the total), loss (in training), each a mean over the
    runs, with the range in weight_low, weight_high and so on; last_quarter and mean_position
    (`metrics.concentration`), epoch, runs (those that were there), first_loss (of the last exit,
    after an epoch).
    """
    parts = []
    for name, runs in sets.items():
        rows = pd.concat([_rows(run, np.asarray(moments), by, above_floor) for run in runs])
        groups = rows.groupby(["moment", "exit"], sort=False)
        lows, highs = groups[RANGED].min(), groups[RANGED].max()
        part = groups.mean().join([lows.add_suffix("_low"), highs.add_suffix("_high")])
        first = np.mean([run.values("train_loss")[0, -1] for run in runs])
        part = part.assign(runs=groups["epoch"].count(), first_loss=first).reset_index()
        part.insert(0, "data_set", name)
        parts.append(part)
    return pd.concat(parts, ignore_index=True)


def _rows(run: Run, moments: np.ndarray, by: str, above_floor: bool) -> pd.DataFrame:
    """One run's part in `final_weights_data`."""
    epochs = epochs_at(run, moments, by)
    weights, losses = (metrics.at_epochs(run, key, epochs) for key in ("weights", "train_loss"))
    if above_floor:
        weights = np.maximum(weights - metrics.floor(run.config["weighting"]), 0.0)
    with np.errstate(invalid="ignore"):  # 0 / 0, where all weights are the floor
        shares = weights / weights.sum(axis=1, keepdims=True)
        where = np.transpose([metrics.concentration(row) for row in weights])

    exits = run.num_exits
    places = {"moment": np.repeat(moments, exits), "exit": [*range(1, exits + 1)] * len(moments)}
    values = {"weight": weights.ravel(), "share": shares.ravel(), "loss": losses.ravel()}
    data = pd.DataFrame(places | values)
    data["last_quarter"], data["mean_position"] = np.repeat(where, exits, axis=1)
    return data.assign(epoch=np.repeat(epochs, exits))


@lru_cache(maxsize=32)  # whatever the moment
def weights_table(
    setting: Setting, by: str, above_floor: bool, seed: int | str = ALL
) -> pd.DataFrame:
    """What `final_weights_data` gives of the runs of a setting, or those of one seed."""
    of_seed = {
        name: [run for run in runs if seed in (ALL, run.config["seed"])]
        for name, runs in setting.sets.items()
    }
    there = {name: runs for name, runs in of_seed.items() if runs}
    return final_weights_data(there, setting.moments[by], by, above_floor)


def span_of(data: pd.DataFrame, column: str) -> tuple[float, float]:
    """From where to where the axis of a column goes, whatever the moment."""
    high = data[f"{column}_high"].max()
    if column == "loss":
        return max(1e-4, data[f"{column}_low"].min()), high
    return 0.0, max(1.0, high) if column == "weight" else high
