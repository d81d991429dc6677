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


if __name__ == "__main__":
    sys.exit(main())
