"""The command line of the anytime-prediction kit."""

from __future__ import annotations

import argparse
import dataclasses
import errno
import inspect
import io
import math
import os
import sys
import tomllib
import warnings
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from anytime.experiments.job import Job

EXIT_INTERRUPTED = 130


def main(arguments: list[str] | None = None) -> int:
    """Runs one command; an error is one line that names its fix, and the status 1."""
    arguments = sys.argv[1:] if arguments is None else arguments
    parser = argparse.ArgumentParser(
        prog="python -m anytime",
        description=__doc__,
        epilog="Each command says more with --help. With the variable ANYTIME_DEBUG set, errors "
        "come with where they happened.",
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, (add_options, _) in COMMANDS.items():
        words = inspect.getdoc(add_options) or name
        command = commands.add_parser(name, help=words.partition("\n")[0], description=words)
        command.formatter_class = argparse.RawDescriptionHelpFormatter
        if name in arguments[:1]:  # the doctor has to start without what the others import
            add_options(command)
    options = parser.parse_args(arguments)
    try:
        return COMMANDS[options.command][1](options)
    except KeyboardInterrupt:
        return EXIT_INTERRUPTED
    except ImportError as error:
        package = (error.name or "").partition(".")[0]
        reason = (
            f"{package} is not installed; it comes with the course: "
            "pip install 'anytime-prediction-kit[course]'"
        )
    except (ValueError, OSError, RuntimeError) as error:
        if os.environ.get("ANYTIME_DEBUG"):
            raise
        reason = " ".join(str(error).split())
        if isinstance(error, OSError) and error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
            reason += "; choose a place that you may write to, as by --out FOLDER"
    print(f"error: {reason}", file=sys.stderr)
    return 1


def _settle_output() -> None:
    """No letter is unspeakable, whatever the locale, and a warning is one line without a path."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    warnings.formatwarning = lambda message, *place, **line: f"note: {message}\n"


def _natural(text: str) -> int:
    if not text.isdecimal() or int(text) >= 2**63:  # a seed beyond is none that torch takes
        raise argparse.ArgumentTypeError(f"{text!r} is no whole number from 0 on and below {2**63}")
    return int(text)


def _positive(text: str) -> int:
    if _natural(text) == 0:
        raise argparse.ArgumentTypeError("it has to be 1 or more")
    return int(text)


def _data(text: str) -> str:
    if not text.strip():  # as a path it would be the folder one stands in
        raise argparse.ArgumentTypeError("it is empty; give a name or a path")
    return text


def _path(text: str) -> Path:
    return Path(_data(text))


def _folder(text: str) -> Path:
    if not _path(text).is_dir():
        raise argparse.ArgumentTypeError(f"there is no folder {text!r}")
    return Path(text)


def _milestone(text: str) -> tuple[int, float]:
    try:
        epoch, rate = text.split(":")
        return int(epoch), float(rate)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not EPOCH:LR, such as 140:0.01") from None


def _options(text: str) -> dict[str, Any]:
    """The options in a TOML file, or one of them; its value is TOML, too, or else a text."""
    name, equals, value = text.partition("=")
    if text.endswith(".toml") and not equals:
        try:
            return tomllib.loads(Path(text).read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise argparse.ArgumentTypeError(f"{text} cannot be read: {error}") from error
    if not name or not equals:
        raise argparse.ArgumentTypeError(
            f"{text!r} is no NAME=VALUE, such as timeout_min=600, and no file.toml of these"
        )
    try:
        return tomllib.loads(f"{name} = {value}")
    except tomllib.TOMLDecodeError:
        return {name: value}


def _doctor(parser: argparse.ArgumentParser) -> None:
    """Check the installation and say what to do."""


def _run_doctor(options: argparse.Namespace) -> int:
    from anytime.course import doctor

    return doctor.main()


def _train(parser: argparse.ArgumentParser) -> None:
    """Train one network and record the run.

    The record is written after every epoch; the same command goes on where a run was cut off.
    Start it with torchrun to use several GPUs. What holds unless said otherwise stands in brackets.
    """
    add = parser.add_argument
    add("--data", type=_data, required=True, help="a data set's name, folder, archive or .npz")
    add(
        "--network",
        default="resann-3-16",
        help="such as resann-9-16-s3 or msdnet:blocks=5 (%(default)s)",
    )
    add("--weighting", default="adaloss", help="such as const or adaloss:extra=1 (%(default)s)")
    add("--train-images", type=_positive, metavar="N", help="a fixed part of the training set")
    add("--image-size", type=_positive, metavar="N", help="resize a folder's images to N×N pixels")
    add("--seed", type=_natural, default=0, help="of all random draws (%(default)s)")
    add("--device", help="cpu, cuda or mps (the best there is)")
    add("--threads", type=_positive, metavar="N", help="of the processor (small networks: one)")
    add("--out", type=_path, default=Path("runs"), help="folder of the record (%(default)s)")
    add("--keep-network", type=_path, metavar="FILE", help="store the trained network")
    add("--evaluate-every", type=_positive, default=1, metavar="N", help="epochs between tests (1)")
    add("--quiet", action="store_true", help="no progress bar")
    _add_recipe(parser)


# How the command line takes a field of a recipe, by its type.
KINDS: dict[str, dict[str, Any]] = {
    "int": {"type": _positive, "metavar": "N"},
    "float": {"type": float, "metavar": "X"},
    "bool": {"action": argparse.BooleanOptionalAction},
    "str": {},
    "str | None": {},
    "tuple[str, ...] | None": {"nargs": "*", "metavar": "NAME"},
    "tuple[tuple[int, float], ...]": {"nargs": "*", "type": _milestone, "metavar": "EPOCH:LR"},
}


def _add_recipe(parser: argparse.ArgumentParser) -> None:
    """An option for each field of a recipe, in its words."""
    from anytime.training.recipe import Recipe

    group = parser.add_argument_group("the recipe")
    for field in dataclasses.fields(Recipe):
        words, choices = field.metadata["help"], field.metadata["choices"]
        group.add_argument(
            f"--{field.name.replace('_', '-')}",
            default=field.default,
            help=words if field.default in (None, ()) else f"{words} (%(default)s)",
            **KINDS[str(field.type)] | ({"choices": choices} if choices else {}),
        )


def _run_train(options: argparse.Namespace) -> int:
    from anytime import processes

    job = _job(options)
    with processes.joined(options.device) as device:
        _check_device(device)
        run = job.carry_out(
            options.out,
            device=device,
            progress=not options.quiet,
            evaluate_every=options.evaluate_every,
            keep_network=options.keep_network,
            threads=options.threads,
        )
        if processes.rank() == 0:
            errors = " ".join(f"{100 * error:.1f}" for error in run.final("test_error"))
            print(f"test error per exit (%): {errors}\nrecord: {run.path}")
    return 0


def _job(options: argparse.Namespace) -> Job:
    from anytime.experiments.job import Job
    from anytime.training.recipe import Recipe

    given = {field.name: getattr(options, field.name) for field in dataclasses.fields(Recipe)}
    given = {name: tuple(v) if isinstance(v, list) else v for name, v in given.items()}
    what = options.data, options.network, options.weighting, Recipe(**given), options.seed
    return Job(*what, train_images=options.train_images, image_size=options.image_size)


def _check_device(device: str) -> None:
    import torch

    try:
        torch.zeros(1, device=device)
    except (RuntimeError, AssertionError) as error:
        reason = str(error).splitlines()[0]
        raise ValueError(f"--device {device} cannot be used here ({reason}); cpu can") from error


def _run(parser: argparse.ArgumentParser) -> None:
    """Carry out one of the paper's comparisons.

    Those of its runs that have no finished record yet: what was cut off goes on where it stopped,
    and Ctrl-C stops all of them without loss. What holds unless said otherwise stands in brackets.
    """
    from anytime.experiments import EXPERIMENTS, PROFILES

    parser.epilog = "experiments:"
    for name, function in EXPERIMENTS.items():
        summary = (function.__doc__ or "").partition("\n")[0]
        parser.epilog += f"\n  {name}\n    {summary}"
    add = parser.add_argument
    add("experiment", help=", ".join(EXPERIMENTS))
    add("--profile", default="laptop", help=f"{', '.join(PROFILES)} (%(default)s)")
    add("--jobs", type=_positive, default=1, metavar="N", help="runs side by side (%(default)s)")
    add("--dataset", type=_data, nargs="+", metavar="NAME|PATH", help="instead of the profile's")
    add("--train-images", type=_positive, metavar="N", help="instead of the profile's number")
    add("--image-size", type=_positive, metavar="N", help="resize a folder's images to N×N pixels")
    add("--data-folder", type=_folder, metavar="FOLDER", help="with NAME.tar.gz or NAME.npz")
    add("--out", type=_path, metavar="FOLDER", help="of the records (data/runs/EXPERIMENT)")
    words = "don't repeat runs finished below these (data/runs, unless --out is given)"
    add("--also", type=_folder, nargs="+", metavar="FOLDER", help=words)
    add("--keep-networks", type=_path, metavar="FOLDER", help="store the trained networks")
    add("--minutes", type=_positive, metavar="M", help="store what is under way then, and end")
    add("--dry-run", action="store_true", help="only list the missing runs and their cost")
    add("--cluster", choices=("slurm", "local"), help="hand the runs to submitit")
    words = "for submitit, such as slurm_partition=gpu, or a file of them, such as cluster.toml"
    add("--cluster-options", nargs="+", default=[], type=_options, metavar="OPTION", help=words)
    add("--status", action="store_true", help="only say what has become of the runs")


def _run_experiment(options: argparse.Namespace) -> int:
    from anytime.experiments import lists, workers
    from anytime.paths import RUNS

    data = options.dataset, options.data_folder, options.train_images, options.image_size
    todo = lists.jobs(options.experiment, options.profile, *data)
    # By these records something is chosen: they lie outside the folder that holds results.
    home = RUNS.parent if options.experiment == "totals" else RUNS
    folder = options.out or home / options.experiment
    also = options.also or ([] if options.out else [RUNS])
    if options.dry_run:
        return _list_runs(workers.missing(todo, folder, *also), [folder, *also])
    if options.status:
        return _say_what_became(todo, folder, also)
    if options.cluster:
        return _submit(todo, folder, also, options)
    limits = {"networks": options.keep_networks, "minutes": options.minutes or math.inf}
    failed = workers.run(todo, folder, options.jobs, *also, **limits)
    return 1 if failed else 0


def _say_what_became(todo: list[Job], folder: Path, also: list[Path]) -> int:
    """Lists the runs that are neither finished nor still to begin, and counts all."""
    from anytime.experiments import cluster

    standings = cluster.standings(todo, folder, *also)
    for job, state, told in standings:
        if told:
            print(f"{state:8} {job.name}  {told}")
    counts = Counter(state for _, state, _ in standings)
    print(", ".join(f"{counts[state]} {state}" for state in cluster.STATES))
    return 1 if counts[cluster.FAILED] else 0


def _submit(todo: list[Job], folder: Path, also: list[Path], options: argparse.Namespace) -> int:
    from anytime.experiments import cluster, workers

    # The paper's networks are trained on accelerators.
    parameters: dict[str, Any] = {"gpus_per_node": 1} if options.profile == "paper" else {}
    for given in options.cluster_options:
        parameters |= given
    networks = options.keep_networks
    good, refused = workers.planned(todo, folder, *also, networks=networks)
    under_way = {cluster.RUNNING, cluster.WAITING}
    free = []
    for job, state, told in cluster.unfinished(good, folder):
        if state in under_way:
            print(f"{state} already: {job.name}  {told}")
        else:
            free.append(job)
    handles = cluster.submit(free, folder, options.cluster, networks, **parameters)
    for job, handle in zip(free, handles, strict=True):
        print(f"{handle.job_id}  {job.name}")
    print(f"{len(handles)} runs submitted; the same command with --status says what became of them")
    return 1 if refused else 0


def _list_runs(missing: list[Job], folders: list[Path]) -> int:
    from anytime.experiments.estimates import estimate

    if not missing:
        print("every run is there")
        return 0
    table, amiss = estimate(missing, folders)
    print(table.to_string(index=False, float_format="%.1f", na_rep="?"))
    hours, unknown = table["minutes"].sum() / 60, table["minutes"].isna().sum()
    without = f", without {unknown} that could not be estimated" if unknown else ""
    print(f"{len(missing):,} runs, about {hours:,.1f} core-hours on this machine{without}")
    for message in amiss:
        print(message, file=sys.stderr)
    return 1 if amiss else 0


def _report(parser: argparse.ArgumentParser) -> None:
    """Compare the paper's figures with the records.

    The comparison goes to the ledger, a CSV file, and into the place that a page marks for it.
    """
    parser.add_argument("--runs", type=Path, help="folder of the records (data/runs)")
    parser.add_argument("--out", type=Path, help="the CSV file to write (data/ledger.csv)")
    parser.add_argument("--page", type=Path, help="the page to fill (data/LEDGER.md, unless --out)")
    words = "write it also where rows with figures would be lost"
    parser.add_argument("--fewer", action="store_true", help=words)


def _write_report(options: argparse.Namespace) -> int:
    from anytime.experiments import ledger, report
    from anytime.paths import RUNS
    from anytime.runs import find

    folder, path = options.runs or RUNS, options.out or ledger.LEDGER
    page = options.page or (None if options.out else report.PAGE)
    # All that can be amiss is found before anything is written.
    if not find(folder):
        raise ValueError(f"there is no finished run below {folder}; --runs names their folder")
    if page is not None:
        report.around(page, "ledger")

    table = ledger.ledger(folder)
    if (lost := report.lost(table, path)) and not options.fewer:
        raise ValueError(
            f"{path} has {len(lost)} rows that these records do not give, such as: {lost[0]}; "
            "--fewer writes it without them"
        )

    text = report.to_markdown(table)
    ledger.write(table, path)
    if page is not None:
        report.put(page, "ledger", text)
    print(text, f"\nwritten to {path}" + (f" and {page}" if page else ""))
    return 0


def _fetch(parser: argparse.ArgumentParser) -> None:
    """Download a data set."""
    parser.add_argument("dataset", help="such as cifar10; an unknown name lists what there is")


def _run_fetch(options: argparse.Namespace) -> int:
    from anytime import datasets

    print(datasets.fetch(options.dataset))
    return 0


# What adds a command's options, and says in its docstring what the command's help says; what runs.
COMMANDS: dict[str, tuple[Callable[[argparse.ArgumentParser], None], Callable[..., int]]] = {
    "doctor": (_doctor, _run_doctor),
    "train": (_train, _run_train),
    "run": (_run, _run_experiment),
    "report": (_report, _write_report),
    "fetch": (_fetch, _run_fetch),
}

if __name__ == "__main__":
    _settle_output()
    sys.exit(main())
