"""One process or several: where this one stands, and the group that torchrun asks for."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta

import torch
import torch.distributed as dist
from torch import Tensor
from torch.distributed.constants import default_pg_timeout
from torch.distributed.rendezvous import rendezvous

LAUNCHED = ("RANK", "LOCAL_RANK", "WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT")
"""The variables that torchrun sets for each process that it starts."""
PATIENCE = timedelta(minutes=1)  # torchrun starts all at once; in training they wait for longer


def rank() -> int:
    """This process's number; 0 where there is only one."""
    return dist.get_rank() if dist.is_initialized() else 0


def world_size() -> int:
    """The number of processes that train together."""
    return dist.get_world_size() if dist.is_initialized() else 1


def all_mean(values: Tensor) -> Tensor:
    """The mean over all processes; the values themselves where there is only one."""
    if world_size() == 1:
        return values
    values = values.clone()
    dist.all_reduce(values)
    return values / world_size()


def of_first(values: Tensor) -> Tensor:
    """The values of the first process, in all of them."""
    if world_size() > 1:
        dist.broadcast(values, 0)
    return values


def in_first(action: Callable[[], object]) -> None:
    """Does something in the first process alone, while the others wait; its error is everyone's."""
    error: list[Exception | None] = [None]
    try:
        if rank() == 0:
            action()
    except Exception as raised:
        error = [raised]
    if world_size() > 1:
        dist.broadcast_object_list(error)
    if error[0] is not None:
        raise error[0]


def any_of(*flags: bool) -> list[bool]:
    """Of each flag whether any process has it set: one answer for all, at the same step."""
    if world_size() == 1:
        return [*flags]
    said = torch.tensor(flags, dtype=torch.uint8)  # on the CPU: no step waits for the device
    dist.all_reduce(said, dist.ReduceOp.MAX)
    return said.bool().tolist()


def best_device() -> str:
    """The accelerator of this machine if one can be used, otherwise "cpu"."""
    return str(torch.accelerator.current_accelerator(check_available=True) or "cpu")


@contextmanager
def joined(device: str | None = None) -> Iterator[str]:
    """Joins the processes that torchrun started, if it did, and gives this one's device.

    A variable or two that another launcher left behind start nothing. Raises ValueError where
    the other processes don't come, as where all variables were left behind.
    """
    device = device or best_device()
    if not all(name in os.environ for name in LAUNCHED):
        yield device
        return
    if device == "cuda":
        device = f"cuda:{os.environ['LOCAL_RANK']}"
        torch.cuda.set_device(device)
    _join("cpu:gloo,cuda:nccl" if device.startswith("cuda") else "gloo")
    try:
        yield device
    finally:
        dist.destroy_process_group()


def _join(backends: str) -> None:
    """Joins the others: gloo is for what they agree on, nccl for gradients on GPUs."""
    try:
        store, number, count = next(rendezvous("env://", timeout=PATIENCE))
    except (ValueError, RuntimeError, OSError) as error:
        given = " ".join(f"{name}={os.environ[name]}" for name in LAUNCHED)
        raise ValueError(
            f"the other processes of {given} were not met within {PATIENCE.seconds} s; start all "
            f"by torchrun. To train in one process, type: unset {' '.join(LAUNCHED)}"
        ) from error
    store.set_timeout(default_pg_timeout)
    dist.init_process_group(backends, store=store, rank=number, world_size=count)
