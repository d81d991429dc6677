"""A job: what to train, as plain data, and how it is carried out and kept on disk."""

from __future__ import annotations

import functools
import hashlib
import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from anytime.datasets import catalogue
from anytime.names import IDENTITY, file_name
from anytime.runs import Run
from anytime.training.recipe import Recipe

if TYPE_CHECKING:
    from anytime.datasets import Dataset


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
    def identity(self) -> dict[str, Any]:
        """What the record's configuration says of the job, in its words."""
        recipe = self.recipe.to_dict()
        if recipe["augmentation"] is None:
            recipe["augmentation"] = list(catalogue.augmentation(self.dataset_name))
        network, weighting = canonical(self.network, self.weighting)
        told = {"dataset": self.dataset_name, "network": network, "weighting": weighting}
        return told | {"recipe": recipe, "seed": self.seed}

    @property
    def name(self) -> str:
        """The record's file name: readable in front, made unique by a hash of the whole job."""
        content = asdict(self) | self.identity
        for later in ("validation", "image_size"):
            if not content[later]:
                del content[later]  # names from before there was any stay the same
        words = [content[key] for key in IDENTITY[:3]]
        return file_name([*words, f"seed{self.seed}"], content)

    def record_path(self, folder: Path, fingerprint: str = "") -> Path:
        """Where the job's record lies in a folder of runs.

        fingerprint: of its data. Beside a record made on other data of that name lies one with the
        fingerprint in its name. Raises ValueError where the file is the record of another run.
        """
        path = Path(folder) / f"{self.name}.json"
        if not fingerprint or not path.exists() or self.made(Run.load(path), fingerprint):
            return path
        return path.with_stem(f"{self.name}_{fingerprint[:8]}")

    def made(self, run: Run, fingerprint: str = "") -> bool:
        """Whether this job made a record, on these data.

        Raises ValueError where its file is named as this job's and holds another.
        """
        for key, value in self.identity.items():
            if run.config[key] != value:
                raise ValueError(
                    f"{run.path} is the record of another run ({key}: {run.config[key]!r}, not "
                    f"{value!r}); move it away"
                )
        return not fingerprint or run.config.get("fingerprint") == fingerprint

    def load(self) -> Dataset:
        """The job's data."""
        from anytime import datasets

        data = datasets.load(self.dataset, train_size=self.train_images, image_size=self.image_size)
        return data.set_aside(self.validation) if self.validation else data

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
        networks: Path | None = None,
        **options: Any,
    ) -> Run:
        """Trains, or goes on from where a run was cut off, and returns the finished record.

        folder: where the record goes, and a checkpoint beside it while training runs.
        keep_network: a file for the trained network's state; networks: instead a folder for it.
        options: those of `anytime.training.train`, such as progress or evaluate_every.
        A finished job is not repeated, which is said, unless its data are others by now: then it
        gets a record of its own. ValueError where its network was wanted and is not there; Busy
        where another process trains it.
        """
        from anytime.training.locks import held

        data = self.load()
        path = self.record_path(folder, data.fingerprint)
        kept = keep_network or (networks and networks / f"{path.stem}.pt")
        if run := self._finished(path, kept):
            return run
        with held(path, path.with_suffix(".ckpt")):
            # Another process may have finished it since.
            return self._finished(path, kept) or self._train(
                data, path, device, keep_network=kept, **options
            )

    def _finished(self, path: Path, kept: Path | None) -> Run | None:
        done = path.exists() and (run := Run.load(path)).finished
        if done and is_kept(run, kept):
            print(f"already finished on the same images, not trained again: {path}")
            return run
        if done and not path.with_suffix(".ckpt").exists():
            raise ValueError(
                f"{path} is finished and its network was not kept; remove it to train again"
            )
        return None

    def _train(self, data: Dataset, path: Path, device: str | None, **options: Any) -> Run:
        from anytime import networks, weighting
        from anytime.processes import best_device
        from anytime.training import train

        channels = data.train.pixels.shape[1]
        network = networks.build(self.network, len(data.classes), channels, seed=self.seed)
        network.to(device or best_device())
        scheme = weighting.build(self.weighting, network.num_exits)
        options |= {"record": path, "checkpoint": path.with_suffix(".ckpt")}
        return train(network, scheme, data, self.recipe, seed=self.seed, **options)


def is_kept(run: Run, network: Path | None) -> bool:
    """Whether a finished run's network lies in a file, or none is wanted.

    Raises ValueError where something else lies there.
    """
    if network is None or not network.exists():
        return network is None
    told = (run.trained or {}).get("sha256")
    if hashlib.sha256(network.read_bytes()).hexdigest() != told:
        raise ValueError(f"{network} is not the network of {run.path}; choose another file")
    return True
