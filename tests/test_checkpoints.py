"""Checkpoints that were damaged, cut short, or are of something else."""

import random

import pytest
import torch
from test_training import RECIPE, TwoHeads, dataset, fresh, interrupt_after

from anytime import weighting
from anytime.training import checkpoints, train

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def stopped(tmp_path_factory) -> bytes:
    """The checkpoint of a run that was stopped after its fourth step, the first of an epoch."""
    path = tmp_path_factory.mktemp("stopped") / "run.ckpt"
    network, scheme = fresh()
    interrupt_after(scheme, 4)
    with pytest.raises(KeyboardInterrupt):
        train(network, scheme, dataset(), RECIPE, checkpoint=path, progress=False)
    return path.read_bytes()


@pytest.fixture
def checkpoint(stopped, tmp_path):
    path = tmp_path / "run.ckpt"
    path.write_bytes(stopped)
    return path


def go_on(path):
    network, scheme = fresh()
    return train(network, scheme, dataset(), RECIPE, checkpoint=path, progress=False)


def refused(path, words: str) -> None:
    """That it is, by name and with the fix, and left as it was."""
    before = path.read_bytes()
    with pytest.raises(ValueError) as told:
        go_on(path)
    message = str(told.value)
    assert message.startswith(f"{path} is not a checkpoint") and "delete it to start" in message
    assert words in message and path.read_bytes() == before


def test_a_flipped_bit_is_noticed_wherever_it_is(stopped, checkpoint):
    chance = random.Random(0)
    places = [0, len(stopped) - 1, *(chance.randrange(len(stopped)) for _ in range(200))]
    for place in places:
        damaged = bytearray(stopped)
        damaged[place] ^= 1 << chance.randrange(8)
        checkpoint.write_bytes(damaged)
        with pytest.raises(ValueError, match="checksum"):
            checkpoints.read(checkpoint, CPU)
    refused(checkpoint, "checksum")


@pytest.mark.parametrize("kept", [0, 3, 4, 100, -5, -4, -1])
def test_a_checkpoint_cut_short_is_refused(stopped, checkpoint, kept):
    checkpoint.write_bytes(stopped[:kept])
    refused(checkpoint, "")


def test_what_torch_alone_has_written_has_no_checksum_and_is_refused(checkpoint):
    torch.save(checkpoints.read(checkpoint, CPU), checkpoint)
    refused(checkpoint, "or of an older version")


@pytest.mark.parametrize(
    "part", "config history step sums used time network weighting optimizer".split()
)
@pytest.mark.parametrize("instead", [None, "nonsense"])
def test_one_that_lacks_a_part_or_holds_something_else_there_is_refused(checkpoint, part, instead):
    state = checkpoints.read(checkpoint, CPU)
    del state[part]
    if instead:
        state[part] = instead
    checkpoints.write(checkpoint, state)
    refused(checkpoint, "" if instead else f"it has no '{part}'")


@pytest.mark.parametrize(("epochs", "step"), [(5, 15), (4, 9), (1, 2), (1, 7), (3, 10), (0, -1)])
def test_more_epochs_than_the_run_has_or_steps_that_do_not_fit_are_refused(
    checkpoint, epochs, step
):
    state = checkpoints.read(checkpoint, CPU)
    assert (len(state["history"]), state["step"]) == (1, 4)
    entry = state["history"][0]
    state["history"] = [entry | {"epoch": number + 1} for number in range(epochs)]
    checkpoints.write(checkpoint, state | {"step": step})
    refused(checkpoint, f"step {step} is not one that follows {epochs} epochs")


def test_one_of_a_network_of_the_same_name_and_another_build_is_refused(tmp_path):
    path = tmp_path / "run.ckpt"
    files = {"checkpoint": path, "progress": False}
    network, scheme = TwoHeads(name="mine"), weighting.Const(2)
    interrupt_after(scheme, 2)
    with pytest.raises(KeyboardInterrupt):
        train(network, scheme, dataset(), RECIPE, **files)
    other = TwoHeads(name="mine")
    other.heads[1] = torch.nn.Conv2d(6, 3, 1, bias=False)
    with pytest.raises(ValueError, match="run.ckpt (is not a checkpoint|belongs to another run)"):
        train(other, weighting.Const(2), dataset(), RECIPE, **files)


def test_a_whole_checkpoint_is_gone_on_from(checkpoint):
    network, scheme = fresh()
    whole = train(network, scheme, dataset(), RECIPE, progress=False)
    assert go_on(checkpoint).history == whole.history
    assert not checkpoint.exists()
