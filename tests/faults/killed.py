"""Run by the tests: trains in children of this process, which are killed at random moments.

`killed.py FOLDER NUMBER SEED` prints, as JSON, one line for each kill: the signal, the status of
the child, and what lies in the folder then. The last line is of the child that was let alone.
"""

import json
import os
import random
import signal
import sys
import time
from pathlib import Path

from anytime.experiments import Job
from anytime.training import Recipe, train  # imported before the children are, as it takes seconds

JOB = Job("fashion", "resann-1-4-stride4", "adaloss:every=2", Recipe(12, 10), train_images=100)
SIGNALS = (signal.SIGKILL, signal.SIGKILL, signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


def child(folder: Path) -> int:
    """A process that trains; its number."""
    if number := os.fork():
        return number
    for one in SIGNALS[2:]:
        signal.signal(one, signal.default_int_handler if one == signal.SIGINT else signal.SIG_DFL)
    try:
        JOB.carry_out(folder, device="cpu", progress=False, checkpoint_seconds=0.01)
    except KeyboardInterrupt:
        os._exit(130)
    except BaseException as error:
        print(json.dumps({"error": repr(error)}), flush=True)
        os._exit(1)
    os._exit(0)


def main(folder: Path, number: int, seed: int) -> None:
    drawn = random.Random(seed)
    JOB.load()  # decoded before the clock is started
    started = time.monotonic()
    os.waitpid(child(folder / "whole"), 0)
    seconds = time.monotonic() - started
    for _ in range(number):
        process = child(folder / "killed")
        time.sleep(drawn.uniform(0, 0.4 * seconds))
        chosen = drawn.choice(SIGNALS)
        os.kill(process, chosen)
        status = os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])
        there = sorted(path.suffix for path in (folder / "killed").glob("*"))
        print(json.dumps({"signal": chosen, "status": status, "there": there}), flush=True)
    status = os.waitstatus_to_exitcode(os.waitpid(child(folder / "killed"), 0)[1])
    print(json.dumps({"signal": 0, "status": status}))


if __name__ == "__main__":
    assert train
    main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
