"""Two processes that train together: what they agree on, and how all of them stop."""

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from datetime import timedelta

import pytest
import torch
import torch.multiprocessing as multiprocessing
from test_training import RECIPE, dataset, fresh

from anytime import processes
from anytime.__main__ import main
from anytime.training import checkpoints, train
from anytime.training.interrupts import HeldInterrupts
from anytime.training.locks import held

STEP = 4  # the first of the second epoch
SENT = [((0,), signal.SIGINT), ((1,), signal.SIGTERM), ((0, 1), signal.SIGTERM)]


@pytest.fixture
def unused_port() -> int:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        return server.getsockname()[1]


def environment(rank: int, port: int) -> dict[str, str]:
    """What torchrun sets."""
    address = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "WORLD_SIZE": "2"}
    return address | {"RANK": str(rank), "LOCAL_RANK": str(rank), "OMP_NUM_THREADS": "1"}


def one_of_two(rank: int, port: int, folder: str) -> None:
    os.environ |= environment(rank, port)
    torch.set_num_threads(1)
    with processes.joined("cpu"):
        result = {"any": processes.any_of(False, rank == 0, rank == 1, True)}
        result["error"] = error_of(lambda: processes.in_first(lambda: os.listdir("/no/such")))
        result["alone"] = []
        processes.in_first(lambda: result["alone"].append(rank))
        options = {"checkpoint": f"{folder}/run.ckpt", "record": f"{folder}/run.json"}

        network, scheme = fresh()
        result["busy"] = error_of(lambda: train(network, scheme, dataset(), RECIPE, **options))
        processes.in_first(lambda: os.rename(f"{folder}/held", f"{folder}/let go"))
        processes.in_first(lambda: wait_for(lambda: not os.path.exists(f"{folder}/run.lock")))
        result["whole"] = train(*fresh(), dataset(), RECIPE, progress=False).history
        for number, (ranks, sent) in enumerate(SENT):
            result[number] = stopped(rank in ranks, sent, options)
        torch.save(result, f"{folder}/{rank}.pt")


def error_of(action) -> tuple[str, str]:
    try:
        action()
    except Exception as error:
        return type(error).__name__, str(error)
    return "", ""


def stopped(sends: bool, sent: int, options: dict) -> dict:
    """A run in which one process, or each, gets a signal in its fourth step; then the rest."""
    network, scheme = fresh()
    steps = []

    def hook(module, arguments) -> None:
        steps.append(1)
        if sends and len(steps) == STEP:
            for _ in range(2):  # what a launcher passes on comes twice
                os.kill(os.getpid(), sent)

    scheme.register_forward_pre_hook(hook)
    told = "it went through"
    try:
        train(network, scheme, dataset(), RECIPE, progress=False, **options)
    except KeyboardInterrupt:
        told = "stopped"
    state = checkpoints.read(options["checkpoint"], torch.device("cpu"))
    result = {"told": told, "steps": len(steps), "stored": state["step"]}
    result["whole"] = train(*fresh(), dataset(), RECIPE, progress=False, **options).history
    os.remove(options["record"]) if processes.rank() == 0 else None
    return result


def wait_for(happened, seconds: float = 120) -> None:
    end = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.02)


@pytest.fixture(scope="module")
def results(tmp_path_factory) -> list[dict]:
    folder = tmp_path_factory.mktemp("two")
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        port = server.getsockname()[1]
    (folder / "held").touch()
    with held(folder / "run.json"):
        both = multiprocessing.spawn(one_of_two, (port, str(folder)), nprocs=2, join=False)
        wait_for((folder / "let go").exists)
    while not both.join():
        pass
    return [torch.load(folder / f"{rank}.pt") for rank in (0, 1)]


def test_all_processes_get_one_answer_and_one_error(results):
    assert [result["any"] for result in results] == [[False, True, True, True]] * 2
    assert [result["alone"] for result in results] == [[0], []]
    assert [result["error"][0] for result in results] == ["FileNotFoundError"] * 2


def test_all_processes_are_told_that_another_program_works_on_the_run(results):
    for kind, message in (result["busy"] for result in results):
        assert kind == "Busy" and f"process {os.getpid()} on" in message


@pytest.mark.parametrize("number", range(len(SENT)))
def test_a_signal_to_one_process_stops_all_after_the_same_step(results, number):
    for result in results:
        seen = result[number]
        assert seen["told"] == "stopped"
        assert seen["steps"] == seen["stored"] == STEP
    # The first one's is the record.
    assert results[0][number]["whole"] == results[0]["whole"]


def test_a_second_signal_is_raised_unless_it_comes_together_with_the_first(monkeypatch):
    clock = [5.0]
    monkeypatch.setattr(time, "monotonic", lambda: clock[0])
    with pytest.raises(KeyboardInterrupt), HeldInterrupts() as interrupts:
        assert not interrupts.pending
        os.kill(os.getpid(), signal.SIGTERM)
        clock[0] += 0.5
        os.kill(os.getpid(), signal.SIGINT)
        assert interrupts.pending
        clock[0] += 1.0
        os.kill(os.getpid(), signal.SIGINT)
        pytest.fail("the third one was held, too")


ENDLESS = "train --data fashion --network resann-1-4-stride2 --train-images 128 --device cpu"


def test_the_command_line_s_processes_end_as_interrupted_and_say_so_once(tmp_path, unused_port):
    command = [sys.executable, "-m", "anytime", *ENDLESS.split(), "--batch-size", "64"]
    command += ["--epochs", "100000", "--quiet", "--out", str(tmp_path)]
    both = [
        subprocess.Popen(
            command,
            env=os.environ | environment(rank, unused_port),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for rank in (0, 1)
    ]
    try:
        wait_for(lambda: [*tmp_path.glob("*.ckpt")] or both[0].poll() is not None)
        both[1].send_signal(signal.SIGTERM)
        told = [process.communicate(timeout=120)[0] for process in both]
    finally:
        for process in both:
            process.kill()
    assert [process.returncode for process in both] == [130, 130], told
    (checkpoint,) = tmp_path.glob("*.ckpt")
    state = checkpoints.read(checkpoint, torch.device("cpu"))
    assert f"stopped after step {state['step']}; the same call goes on" in told[0]
    assert told[1] == ""
    assert not [*tmp_path.glob("*.lock")]


def test_a_run_that_another_process_works_on_is_one_line_of_error(tmp_path, capsys):
    options = [*ENDLESS.split(), "--epochs", "1", "--quiet", "--out", str(tmp_path)]
    assert main(options) == 0
    (record,) = tmp_path.glob("*.json")
    record.write_text(record.read_text().replace('"finished": true', '"finished": false'))
    before = record.read_bytes()
    capsys.readouterr()

    said = []
    with held(record):
        thread = threading.Thread(target=lambda: said.append(main(options)))
        thread.start()
        thread.join()
    shown = capsys.readouterr()
    assert said == [1] and record.read_bytes() == before
    assert shown.err.startswith("error: process ") and shown.err.count("\n") == 1
    assert f"works on {record.with_suffix('')}; wait for it" in shown.err


@pytest.mark.parametrize("missing", processes.LAUNCHED)
def test_variables_that_a_launcher_left_behind_start_nothing(missing, monkeypatch):
    for name in processes.LAUNCHED:
        monkeypatch.setenv(name, "2")
    monkeypatch.delenv(missing)
    with processes.joined("cpu") as device:
        assert device == "cpu" and processes.world_size() == 1


@pytest.mark.parametrize(
    "wrong",
    [
        {},  # this is the first of two, and waits for the other
        {"RANK": "1"},  # there is no first one
        {"RANK": "1", "TORCHELASTIC_USE_AGENT_STORE": "True"},
        {"RANK": "0", "TORCHELASTIC_USE_AGENT_STORE": "True"},
        {"RANK": "x"},
        {"WORLD_SIZE": ""},
        {"MASTER_ADDR": "no.such.host.invalid"},
        {"MASTER_ADDR": ""},
        {"MASTER_PORT": "99999"},
        {"MASTER_PORT": "port"},
    ],
    ids=str,
)
def test_all_variables_of_a_launcher_left_behind_are_named(wrong, monkeypatch, unused_port):
    for name, value in (environment(0, unused_port) | wrong).items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(processes, "PATIENCE", timedelta(seconds=1))
    with pytest.raises(
        ValueError, match="not met within 1 s; start all by torchrun.* unset RANK L"
    ):
        with processes.joined("cpu"):
            pytest.fail("nobody else is there")
    assert processes.world_size() == 1


def test_torchrun_starts_processes_that_meet(tmp_path):
    script = tmp_path / "meet.py"
    script.write_text(
        "from anytime import processes\n"
        "with processes.joined('cpu'):\n"
        "    told = processes.any_of(processes.rank() == 0, processes.rank() == 1, False)\n"
        "    print(f'{processes.world_size()} {told}\\n', end='')\n"  # one write each
    )
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]
    told = subprocess.run([*command, str(script)], capture_output=True, text=True, timeout=300)
    assert told.stdout == "2 [True, True, False]\n" * 2, told.stderr
