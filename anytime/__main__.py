"""The command line: python -m anytime COMMAND."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path


def main(arguments: list[str] | None = None) -> int:
    """Runs one command; errors that name their own fix are printed without a traceback."""
    parser = argparse.ArgumentParser(prog="python -m anytime", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    _doctor(commands.add_parser("doctor", help="check the installation and say what to do"))
    _train(commands.add_parser("train", help="train one network and record the run"))
    _run(commands.add_parser("run", help="carry out one of the paper's comparisons"))
    _report(commands.add_parser("report", help="compare the paper's figures with the records"))
    _fetch(commands.add_parser("fetch", help="download a data set"))
    options = parser.parse_args(arguments)
    try:
        return options.function(options)
    except KeyboardInterrupt:
        return 130
    except (ValueError, OSError, RuntimeError) as error:
        if os.environ.get("ANYTIME_DEBUG"):
            raise
        print(f"{type(error).__name__}: {error}", file=sys.stderr)
        return 1


def _doctor(parser: argparse.ArgumentParser) -> None:
    def function(options: argparse.Namespace) -> int:
        from anytime import doctor

        return doctor.main()

    parser.set_defaults(function=function)


def _train(parser: argparse.ArgumentParser) -> None:
    parser.description = (
        "Trains one network. The record is written after every epoch; the same command goes on "
        "where a run was cut off. Start it with torchrun to use several GPUs."
    )
    parser.add_argument("--data", required=True, help="a data set's name, a folder or an archive")
    parser.add_argument("--network", default="resann-3-16")
    parser.add_argument("--weighting", default="adaloss", help="for instance adaloss:extra=1")
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--batch-size", type=int, default=128)
    parser.add_argument("--lr", type=float, default=0.1)
    parser.add_argument("--schedule", default="one-cycle", help="one-cycle or milestones")
    parser.add_argument(
        "--milestones", nargs="*", default=[], metavar="EPOCH:LR", help="such as 140:0.01 210:0.001"
    )
    parser.add_argument("--weight-decay", type=float, default=2e-4)
    parser.add_argument(
        "--augmentation", nargs="*", help="such as crop flip; the data set's own unless given"
    )
    parser.add_argument("--train-images", type=int, help="a fixed part of the training set")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--device", help="cpu, cuda or mps; the best there is unless given")
    parser.add_argument("--autocast", help="for instance bfloat16")
    parser.add_argument("--compile", action="store_true", help="torch.compile the network")
    parser.add_argument("--threads", type=int, help="processor threads of this process")
    parser.add_argument("--out", type=Path, default=Path("runs"), help="folder of the record")
    parser.add_argument("--keep-network", type=Path, metavar="FILE", help="store the network")
    parser.add_argument("--evaluate-every", type=int, default=1, metavar="EPOCHS")
    parser.add_argument("--quiet", action="store_true", help="no progress bar")
    parser.set_defaults(function=_run_train)


def _run_train(options: argparse.Namespace) -> int:
    import torch

    from anytime import distributed
    from anytime.jobs import Job
    from anytime.recipe import Recipe

    if options.threads:
        torch.set_num_threads(options.threads)
    pairs = [pair.split(":") for pair in options.milestones]
    recipe = Recipe(
        epochs=options.epochs,
        batch_size=options.batch_size,
        lr=options.lr,
        schedule=options.schedule,
        milestones=tuple((int(epoch), float(lr)) for epoch, lr in pairs),
        weight_decay=options.weight_decay,
        augmentation=None if options.augmentation is None else tuple(options.augmentation),
        autocast=options.autocast,
        compile=options.compile,
    )
    job = Job(
        options.data,
        options.network,
        options.weighting,
        recipe,
        options.seed,
        options.train_images,
    )
    with distributed.processes(options.device) as device:
        run = job.carry_out(
            options.out,
            device=device,
            progress=not options.quiet,
            evaluate_every=options.evaluate_every,
            keep_network=options.keep_network,
        )
    if distributed.rank() == 0:
        errors = " ".join(f"{100 * error:.1f}" for error in run.final("test_error"))
        print(f"test error per exit (%): {errors}\nrecord: {job.record(options.out)}")
    return 0


def _run(parser: argparse.ArgumentParser) -> None:
    parser.description = (
        "Carries out the runs of a comparison that have no finished record yet. Runs that were "
        "cut off go on where they stopped."
    )
    parser.add_argument("experiment", help="schemes, small-beats-large or difficulty")
    parser.add_argument("--profile", default="laptop", help="quick, laptop or paper")
    parser.add_argument("--jobs", type=int, default=1, help="runs side by side")
    parser.add_argument("--dataset", nargs="+", help="names or paths instead of the profile's own")
    parser.add_argument("--data-folder", type=Path, help="where archives NAME.tar.gz lie")
    parser.add_argument("--out", type=Path, help="folder of the records")
    parser.add_argument("--dry-run", action="store_true", help="only list the runs and their cost")
    parser.add_argument("--cluster", help="slurm, or local to try submitit on this machine")
    parser.add_argument(
        "--cluster-options", nargs="*", default=[], metavar="NAME=VALUE", help="for submitit"
    )
    parser.set_defaults(function=_run_experiment)


def _run_experiment(options: argparse.Namespace) -> int:
    from anytime import experiments
    from anytime.paths import RUNS

    todo = experiments.jobs(
        options.experiment, options.profile, options.dataset, options.data_folder
    )
    folder = options.out or RUNS / options.experiment
    if options.dry_run:
        todo = [job for job in todo if not job.finished(folder)]
        table = experiments.estimate(todo, folder)
        print(table.to_string(index=False, float_format="%.0f") if todo else "nothing to do")
        total = table["minutes"].sum() / 60 if todo else 0
        print(f"{len(todo)} runs, {total:.1f} core-hours on this machine")
        return 0
    if options.cluster:
        pairs = (option.split("=", 1) for option in options.cluster_options)
        handles = experiments.submit(todo, folder, options.cluster, **dict(pairs))
        print(f"{len(handles)} jobs submitted; logs and states are in {folder / 'cluster'}")
        return 0
    return 1 if experiments.run(todo, folder, options.jobs) else 0


def _report(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--runs", type=Path, help="folder of the records")
    parser.add_argument("--out", type=Path, help="the CSV file to write")
    parser.set_defaults(function=_write_report)


def _write_report(options: argparse.Namespace) -> int:
    from anytime import ledger
    from anytime.paths import RUNS

    table = ledger.write(options.runs or RUNS, options.out or ledger.LEDGER)
    print(ledger.to_markdown(table))
    return 0


def _fetch(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("dataset", help="a downloadable data set's name")

    def function(options: argparse.Namespace) -> int:
        from anytime import datasets

        print(datasets.fetch(options.dataset))
        return 0

    parser.set_defaults(function=function)


if __name__ == "__main__":
    sys.exit(main())
