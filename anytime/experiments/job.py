"""A job: what to train, as plain data, and how it is carried out and kept on disk."""

from __future__ import annotations

import functools
import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from anytime.datasets import catalogue
from anytime.names import file_name
from anytime.runs import Run
from anytime.training.recipe import Recipe


@functools.cache
def canonical(network: str, weighting: str) -> tuple[str, str]:
    """The one text of a network, and of a weighting of its exits, that all spellings stand for.

    Raises ValueError where there is no such network or weighting.
    """
    from anytime import weighting as weightings
    from anytime.experiments.skeletons import skeleton

    built = skeleton(network)
    return built.name, weightings.build(weighting, built.num_exits).spec


@dataclass(frozen=True)
class Job:
    """One training run to be done.

    dataset: a name or the path of a folder or archive; the name is what a record keeps.
    network, weighting: by name, see `anytime.networks.build` and `anytime.weighting.build`.
    train_images: a fixed class-balanced part of the training set; None takes all of it.
    validation: so many of these are set aside to test on, in the place of the test set.
    image_size: the side to resize the images of a folder or archive to.
    """

    dataset: str
    network: str
    weighting: str
    recipe: Recipe = field(default_factory=Recipe)
    seed: int = 0
    train_images: int | None = None
    validation: int = 0
    image_size: int | None = None

    @property
    def dataset_name(self) -> str:
        """As a record keeps it; a known set has one name, whatever its spelling."""
        return catalogue.canonical(self.dataset)

    @property
    def name(self) -> str:
        """The record's file name: readable in front, made unique by a hash of the whole job."""
        network, weighting = canonical(self.network, self.weighting)
        recipe = self.recipe.to_dict()
        if recipe["augmentation"] is None:
            recipe["augmentation"] = list(catalogue.augmentation(self.dataset_name))
        content = asdict(self) | {"dataset": self.dataset_name, "recipe": recipe}
        content |= {"network": network, "weighting": weighting}
        for later in ("validation", "image_size"):
            if not content[later]:
                del content[later]  # names from before there was any stay the same
        return file_name([self.dataset_name, network, weighting, f"seed{self.seed}"], content)

    def record_path(self, folder: Path) -> Path:
        """Where the job's record lies in a folder of runs."""
        return Path(folder) / f"{self.name}.json"

    def checkpoint_path(self, folder: Path) -> Path:
        """Where the job's checkpoint lies while it is under way."""
        return self.record_path(folder).with_suffix(".ckpt")

    def network_path(self, folder: Path) -> Path:
        """Where the job's trained network is kept in a folder."""
        return Path(folder) / f"{self.name}.pt"

    def finished(self, folder: Path) -> bool:
        """Whether the folder holds a finished record of this job."""
        path = self.record_path(folder)
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
        keep_network: Path | None = None,
        **options: Any,
    ) -> Run:
        """Trains, or goes on from where a run was cut off, and returns the finished record.

        folder: where the record goes, and a checkpoint beside it while training runs.
        keep_network: a file for the trained network's state. options: those of
        `anytime.training.train`, such as progress or evaluate_every.
        A finished job is not repeated; ValueError where its network was wanted and is not there.
        """
        path = self.record_path(folder)
        lacking = keep_network is not None and not Path(keep_network).exists()
        if not self.finished(folder) or (lacking and self.checkpoint_path(folder).exists()):
            return self._train(folder, device, keep_network=keep_network, **options)
        if lacking:
            raise ValueError(
                f"{path} is finished and its network was not kept; remove it to train again"
            )
        return Run.load(path)

    def _train(self, folder: Path, device: str | None, **options: Any) -> Run:
        from anytime import datasets, networks, weighting
        from anytime.processes import best_device
        from anytime.training import train

        data = datasets.load(self.dataset, train_size=self.train_images, image_size=self.image_size)
        if self.validation:
            data = data.set_aside(self.validation)
        channels = data.train.pixels.shape[1]
        network = networks.build(self.network, len(data.classes), channels, seed=self.seed)
        network.to(device or best_device())
        scheme = weighting.build(self.weighting, network.num_exits)
        options |= {"record": self.record_path(folder), "checkpoint": self.checkpoint_path(folder)}
        return train(network, scheme, data, self.recipe, seed=self.seed, **options)
