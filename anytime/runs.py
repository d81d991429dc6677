"""A run on disk: one JSON file that says what was trained, how, where, and what came out."""

from __future__ import annotations

import json
import warnings
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from anytime.names import IDENTITY, file_name
from anytime.paths import RUNS, PathLike, data_folder, whole_file

if TYPE_CHECKING:
    import pandas as pd

SCHEMA = 2
"""The version of the records that this kit writes; it reads all up to it."""
# What must be equal between runs that are compared; between different data, all but the first two.
SETTING = ("dataset", "fingerprint", "train_images", "validation_images", "image_size", "recipe")
PER_EXIT = ("train_loss", "train_error", "test_loss", "test_error", "weights")
"""Columns of a history that hold one number per exit; see `Run.history`."""


@dataclass(repr=False)
class Run:
    """One training run.

    config: what decides the result: data set and fingerprint, network, weighting, recipe, seed, ...
    cost: multiply-adds up to each exit (K,), all layers; parameters (K,) likewise.
    history: one entry per epoch. "epoch" and "lr" are numbers; "train_loss", "train_error",
        "test_loss", "test_error" and "weights" are (K,) lists. Losses are in nats, errors in
        [0, 1]. The training figures are means over the epoch's batches; the weights are those
        in force at the epoch's end. Test figures are missing from epochs not evaluated. Of several
        tasks each has columns of its own, such as "test_error:depth".
    title: the data set in words.
    sittings: where each was trained, from which step on: versions, hardware, commit of the code;
        empty where an older record did not keep it.
    seconds: wall time, summed over all sittings; cpu_seconds: processor time of all processes.
    """

    config: dict[str, Any]
    cost: list[int]
    parameters: list[int] = field(default_factory=list)
    history: list[dict[str, Any]] = field(default_factory=list)
    title: str = ""
    sittings: list[dict[str, Any]] = field(default_factory=list)
    seconds: float = 0.0
    cpu_seconds: float = 0.0
    finished: bool = False
    trained: dict[str, Any] | None = None
    schema: int = SCHEMA
    path: Path | None = field(default=None, compare=False)

    @property
    def num_exits(self) -> int:
        return len(self.cost)

    @property
    def epochs(self) -> int:
        """How many are over."""
        return len(self.history)

    @property
    def environment(self) -> dict[str, Any]:
        """Where it was trained in its last sitting."""
        return self.sittings[-1] if self.sittings else {}

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
        if column.partition(":")[0] not in PER_EXIT:
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
            temporary.write_text(_to_json(content), encoding="utf-8")
        self.path = path
        return path

    @classmethod
    def load(cls, path: PathLike) -> Run:
        """Reads a run; raises ValueError, naming the file, for one that is no run's."""
        path = Path(path)
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
            return cls(**_checked(content), path=path)
        except UnicodeDecodeError as error:
            raise ValueError(f"{path} is not the record of a run: it is no text") from error
        except (ValueError, RecursionError) as error:
            raise ValueError(f"{path} is not the record of a run: {error}") from error


def _checked(content: Any) -> dict[str, Any]:
    """A record of any schema as one of today's; raises ValueError for what no run has written."""
    if not isinstance(content, dict):
        raise ValueError("it holds no JSON object")
    if (schema := content.get("schema", 1)) not in range(1, SCHEMA + 1):
        raise ValueError(f"its schema is {schema!r}, this kit reads 1 to {SCHEMA}; a newer one may")
    if schema == 1:
        content = _updated(content)
    kinds = {"config": dict, "cost": list, "history": list, "sittings": list}
    for key, kind in kinds.items():
        if not isinstance(content.get(key, kind()), kind):
            raise ValueError(f"its {key} is no {kind.__name__}")
    if unknown := content.keys() - {one.name for one in fields(Run)}:
        raise ValueError(f"it has {min(unknown)!r}, which no run has")

    config, cost = content.get("config", {}), content.get("cost", [])
    known = dict.fromkeys(IDENTITY, str) | {"seed": int, "recipe": dict}
    if lacking := [key for key, kind in known.items() if not isinstance(config.get(key), kind)]:
        raise ValueError(f"its configuration lacks {lacking[0]!r}")
    history, exits = content.get("history", []), len(cost)
    epochs = [isinstance(entry, dict) and entry.get("epoch") for entry in history]
    if not exits or not _is_row(cost, exits) or epochs != [*range(1, len(history) + 1)]:
        raise ValueError("its costs or its epochs are not whole")
    for entry in history:
        for column in entry.keys() - {"epoch", "lr"}:
            if not _is_row(entry[column], exits):
                raise ValueError(f"{column} of epoch {entry['epoch']} is not one number an exit")
    if content.get("finished") and (not history or "test_error" not in history[-1]):
        raise ValueError("it is called finished and was not tested")
    return content


def _is_row(values: Any, exits: int) -> bool:
    """Whether these are so many finite numbers."""
    row = np.array(values)
    return row.shape == (exits,) and row.dtype.kind in "if" and bool(np.isfinite(row).all())


def _updated(content: dict[str, Any]) -> dict[str, Any]:
    """A record of schema 1 as one of today's."""
    last = content.get("environment")
    if not isinstance(last, dict) or not isinstance(content.get("sittings"), int):
        raise ValueError("it lacks the environment that it was made in")
    # Of several sittings the last alone was kept.
    sittings: list[dict] = [{}] * (content["sittings"] - 1) + [last]
    kept = {key: value for key, value in content.items() if key != "environment"}
    return kept | {"title": last.pop("data", ""), "sittings": sittings}


def _to_json(content: dict[str, Any]) -> str:
    """JSON with one line per epoch, so that a record stays readable and its diffs small."""
    history = ",\n  ".join(json.dumps(entry, allow_nan=False) for entry in content["history"])
    head = json.dumps({**content, "history": "HISTORY"}, indent=1, allow_nan=False)
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
        inside = (path.relative_to(one) for path in sorted(one.rglob("*.json")))
        # Editors keep copies in hidden folders.
        yield from (one / path for path in inside if not any(p.startswith(".") for p in path.parts))


def find(folder: PathLike | Iterable = RUNS, finished: bool = True, **wanted) -> list[Run]:
    """The runs below a folder (or several) whose configuration has the wanted values.

    A wanted value may be a collection of accepted values. Runs that were cut off are left out
    unless `finished` is False; what is no run is named in a warning.
    """
    found = []
    for path in record_files(folder):
        try:
            run = Run.load(path)
        except ValueError as error:
            warnings.warn(f"left out: {error}", stacklevel=2)
            continue
        if (run.finished or not finished) and _matches(run, wanted):
            found.append(run)
    return found


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
