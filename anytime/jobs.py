"""A job: what to train, as plain data, and how it is carried out and kept on disk."""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from anytime.recipe import Recipe
from anytime.runs import Run

EVALUATE_EVERY = 4  # epochs; the last is always evaluated


@dataclass(frozen=True)
class Job:
    """One training run to be done.

    dataset: a name or the path of a folder or archive; the name is what a record keeps.
    network, weighting: by name, see `anytime.networks.build` and `anytime.weighting.build`.
    train_images: a fixed class-balanced part of the training set; None takes all of it.
    """

    dataset: str
    network: str
    weighting: str
    recipe: Recipe = field(default_factory=Recipe)
    seed: int = 0
    train_images: int | None = None

    @property
    def dataset_name(self) -> str:
        """The data set's name: a path loses its folder and its endings."""
        return Path(self.dataset).name.split(".")[0]

    @property
    def name(self) -> str:
        """The record's file name: readable in front, made unique by a hash of the whole job."""
        content = asdict(self) | {"dataset": self.dataset_name, "recipe": self.recipe.to_dict()}
        digest = hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:8]
        words = [self.dataset_name, self.network, self.weighting, f"seed{self.seed}", digest]
        text = "_".join(words)
        return "".join(c if c.isalnum() or c in "._-" else "-" for c in text)

    def record(self, folder: Path) -> Path:
        """Where the job's record lies in a folder of runs."""
        return Path(folder) / f"{self.name}.json"

    def finished(self, folder: Path) -> bool:
        """Whether the folder holds a finished record of this job."""
        path = self.record(folder)
        return path.exists() and Run.load(path).finished

    def to_json(self) -> str:
        """The job as text that `from_json` reads."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> Job:
        content = json.loads(text)
        return cls(**content | {"recipe": Recipe.from_dict(content["recipe"])})

    def carry_out(
        self,
        folder: Path,
        *,
        device: str | None = None,
        progress: bool = True,
        evaluate_every: int = 1,
        keep_network: Path | None = None,
        after_epoch: Callable[[Run], None] | None = None,
    ) -> Run:
        """Trains, or goes on from where a run was cut off, and returns the finished record.

        folder: where the record goes, and a checkpoint beside it while training runs.
        keep_network: a file for the trained network's state. A finished job is not repeated.
        """
        path = self.record(folder)
        if self.finished(folder):
            return Run.load(path)
        from anytime import datasets, networks, weighting
        from anytime.distributed import best_device
        from anytime.training import train

        data = datasets.load(self.dataset, train_size=self.train_images)
        channels = data.train.pixels.shape[1]
        network = networks.build(self.network, len(data.classes), channels, seed=self.seed)
        network.to(device or best_device())
        run = train(
            network,
            weighting.build(self.weighting, network.num_exits),
            data,
            self.recipe,
            seed=self.seed,
            record=path,
            checkpoint=path.with_suffix(".ckpt"),
            progress=progress,
            evaluate_every=evaluate_every,
            after_epoch=after_epoch,
        )
        if keep_network is not None:
            run.trained = networks.save(network, keep_network)
            run.save(path)
        return run


def describe(job: Job) -> dict[str, Any]:
    """A job as a row of a table."""
    return {
        "dataset": job.dataset_name,
        "network": job.network,
        "weighting": job.weighting,
        "epochs": job.recipe.epochs,
        "seed": job.seed,
    }


if __name__ == "__main__":
    # A worker of `anytime.experiments.run`: the job comes as text, the folder as an argument.
    given = Job.from_json(sys.stdin.read())
    given.carry_out(Path(sys.argv[1]), progress=False, evaluate_every=EVALUATE_EVERY)
