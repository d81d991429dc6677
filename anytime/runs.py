"""A run on disk: one JSON file that says what was trained, how, where, and what came out."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from anytime.names import IDENTITY, file_name
from anytime.paths import RUNS, PathLike, data_folder, whole_file

if TYPE_CHECKING:
    import pandas as pd

SETTING = ("dataset", "train_images", "validation_images", "image_size", "recipe")
PER_EXIT = ("train_loss", "train_error", "test_loss", "test_error", "weights")
"""Columns of a history that hold one number per exit; see `Run.history`."""


@dataclass(repr=False)
class Run:
    """One training run.

    config: what decides the result: data set, network, weighting, recipe, seed, ...
    cost: multiply-adds up to each exit (K,), all layers; parameters (K,) likewise.
    history: one entry per epoch. "epoch" and "lr" are numbers; "train_loss", "train_error",
        "test_loss", "test_error" and "weights" are (K,) lists. Losses are in nats, errors in
        [0, 1]. The training figures are means over the epoch's batches; the weights are those
        in force at the epoch's end. Test figures are missing from epochs not evaluated.
    environment: versions, hardware and the commit of the code.
    seconds: wall time, summed over all sittings; cpu_seconds: processor time of the process.
    """

    config: dict[str, Any]
    cost: list[int]
    parameters: list[int] = field(default_factory=list)
    history: list[dict[str, Any]] = field(default_factory=list)
    environment: dict[str, Any] = field(default_factory=dict)
    seconds: float = 0.0
    cpu_seconds: float = 0.0
    sittings: int = 1
    finished: bool = False
    trained: dict[str, Any] | None = None
    path: Path | None = field(default=None, compare=False)

    @property
    def num_exits(self) -> int:
        return len(self.cost)

    @property
    def name(self) -> str:
        """That of its file, or before there is one, of its configuration."""
        if self.path:
            return self.path.stem
        words = (self.config.get(key) for key in IDENTITY[:3])
        return file_name([*words, f"seed{self.config.get('seed', 0)}"], self.config)

    @property
    def setting(self) -> str:
        """What has to be equal between runs that are compared, but for network, weighting, seed."""
        return json.dumps([self.config.get(key) for key in SETTING], sort_keys=True)

    def __repr__(self) -> str:
        state = "finished" if self.finished else "unfinished"
        return f"<Run {self.name}: {self.num_exits} exits, {len(self.history)} epochs, {state}>"

    def values(self, column: str) -> np.ndarray:
        """A per-exit column over training: (epochs with that column, K)."""
        if column not in PER_EXIT:
            raise KeyError(f"no per-exit column {column!r}; there are {', '.join(PER_EXIT)}")
        return np.array([entry[column] for entry in self.history if column in entry])

    def final(self, column: str) -> np.ndarray:
        """The last value of a per-exit column: (K,)."""
        return self.values(column)[-1]

    def save(self, path: PathLike) -> Path:
        """Writes the run as JSON; the file is there whole or not at all."""
        path = Path(path)
        content = {key: value for key, value in asdict(self).items() if key != "path"}
        with whole_file(path) as temporary:
            temporary.write_text(_to_json(content))
        self.path = path
        return path

    @classmethod
    def load(cls, path: PathLike) -> Run:
        """Reads a run; a file that is no run is named in the error."""
        path = Path(path)
        try:
            return cls(**json.loads(path.read_text()), path=path)
        except (json.JSONDecodeError, TypeError, UnicodeDecodeError) as error:
            raise ValueError(f"{path} is not the record of a run: {error}") from error


def _to_json(content: dict[str, Any]) -> str:
    """JSON with one line per epoch, so that a record stays readable and its diffs small."""
    history = ",\n  ".join(json.dumps(entry) for entry in content["history"])
    head = json.dumps({**content, "history": "HISTORY"}, indent=1)
    lines = f"[\n  {history}\n ]" if history else "[]"
    return head.replace('"history": "HISTORY"', f'"history": {lines}') + "\n"


def record_files(folder: PathLike | Iterable[PathLike] = RUNS) -> Iterator[Path]:
    """All record files below a folder, or below each of several, sorted.

    Raises FileNotFoundError, naming the fix, where the folder of the shipped runs is missing.
    """
    folders = [folder] if isinstance(folder, PathLike) else folder
    for one in map(Path, folders):
        if one == RUNS:
            data_folder()
        yield from sorted(one.rglob("*.json"))


def find(folder: PathLike | Iterable = RUNS, finished: bool = True, **wanted) -> list[Run]:
    """The runs below a folder (or several) whose configuration has the wanted values.

    A wanted value may be a collection of accepted values. Runs that were cut off are left out
    unless `finished` is False.
    """
    runs = (Run.load(path) for path in record_files(folder))
    return [run for run in runs if (run.finished or not finished) and _matches(run, wanted)]


def _matches(run: Run, wanted: dict[str, Any]) -> bool:
    for key, value in wanted.items():
        accepted = value if isinstance(value, list | tuple | set) else [value]
        if run.config.get(key) not in accepted:
            return False
    return True


def table(runs: Iterable[Run], epoch: int = -1) -> pd.DataFrame:
    """One row per run and exit, at one evaluated epoch (the last unless said otherwise).

    Columns: run, dataset, network, weighting, seed, exit (from 1), cost (multiply-adds),
    share (of the run's full cost), and the per-exit columns of the history.
    """
    import pandas as pd

    parts = []
    for run in runs:
        entry = [entry for entry in run.history if "test_error" in entry][epoch]
        columns = {"run": run.name, **{key: run.config.get(key) for key in IDENTITY}}
        columns |= {"exit": np.arange(run.num_exits) + 1, "cost": run.cost}
        columns |= {"share": np.divide(run.cost, run.cost[-1])}
        columns |= {column: entry[column] for column in PER_EXIT if column in entry}
        parts.append(pd.DataFrame(columns))
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame()
