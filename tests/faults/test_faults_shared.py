"""One clone for many: it may be read alone, and there is no home to write to."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from anytime.paths import REPOSITORY

RIGHTS = "-dac_override,-dac_read_search"
TRAIN = "train --data fashion --network resann-1-4-stride4 --weighting adaloss:every=1 --quiet"
TRAIN += " --epochs 1 --batch-size 25 --train-images 100 --device cpu"


@pytest.fixture(scope="module")
def student(tmp_path_factory):
    """Runs Python beside a clone that cannot be written to, as one whom permissions bind."""
    place = tmp_path_factory.mktemp("classroom")
    kit, home, own = (place / name for name in ("kit", "home", "own"))
    shutil.copytree(REPOSITORY / "anytime", kit / "anytime")
    shutil.copytree(REPOSITORY / "data" / "images", kit / "data" / "images")
    for name in ("pyproject.toml", "constraints.txt"):
        shutil.copy(REPOSITORY / name, kit)
    home.mkdir()
    own.mkdir()
    for path in (kit, home, *kit.rglob("*")):
        path.chmod(0o555 if path.is_dir() else 0o444)

    bound = []
    if os.geteuid() == 0:  # as root, permissions bind only who gives up its rights
        if not shutil.which("setpriv"):
            pytest.skip("root cannot give up its rights without setpriv")
        bound = ["setpriv", f"--bounding-set={RIGHTS}", f"--inh-caps={RIGHTS}"]
    around = {"PYTHONPATH": str(kit), "HOME": str(home), "TMPDIR": str(own), "OMP_NUM_THREADS": "1"}
    environment = {k: v for k, v in os.environ.items() if not k.startswith("ANYTIME_")} | around

    def run(*words, **more):
        command = [*bound, sys.executable, *map(str, words)]
        told = subprocess.run(
            command, cwd=kit, env=environment | more, capture_output=True, text=True
        )
        assert "Traceback" not in told.stderr, told.stderr
        return told

    yield run, home, own
    for path in (kit, home, *kit.rglob("*")):
        path.chmod(0o755)


def test_a_student_trains_into_a_folder_of_their_own(student):
    run, home, own = student
    told = run("-m", "anytime", *TRAIN.split(), "--out", own / "runs")
    assert told.returncode == 0, told.stderr
    assert [path.suffix for path in (own / "runs").iterdir()] == [".json"]
    assert not [*home.iterdir()]


def test_decoded_images_are_kept_among_the_temporary_files(student):
    run, _, own = student
    np.savez(
        own / "mine.npz",
        x_train=np.zeros((4, 8, 8), np.uint8),
        y_train=np.arange(4) % 2,
        x_test=np.zeros((2, 8, 8), np.uint8),
        y_test=np.arange(2),
    )
    code = (
        f"from anytime import datasets; print(len(datasets.load({str(own / 'mine.npz')!r}).train))"
    )
    told = run("-c", code)
    assert (told.stdout, told.returncode) == ("4\n", 0), told.stderr
    assert len([*own.glob("anytime-cache-*/mine-*.pt")]) == 1


@pytest.mark.kind("places that cannot be written to")
@pytest.mark.parametrize(
    "words",
    [
        TRAIN,
        f"{TRAIN} --out HOME",
        f"{TRAIN} --out HOME/deeper",
        f"{TRAIN} --seed 3 --out OWN --keep-network HOME/network.pt",
        "run schemes --profile quick",
        "run schemes --profile quick --out HOME/list",
    ],
)
def test_a_place_that_cannot_be_written_to_is_named_with_what_to_type(student, words):
    run, home, own = student
    told = run("-m", "anytime", *words.replace("HOME", str(home)).replace("OWN", str(own)).split())
    assert told.returncode == 1
    (error,) = [line for line in told.stderr.splitlines() if line.startswith("error: ")]
    assert "Permission denied" in error and error.endswith("write to, as by --out FOLDER")
    assert not [*home.iterdir()]


def test_a_cache_that_cannot_be_made_is_named(student):
    run, home, _ = student
    told = run("-m", "anytime", "fetch", "cifar10", ANYTIME_CACHE=str(home / "cache"))
    assert told.returncode == 1 and "Set ANYTIME_CACHE to a folder you can write to" in told.stderr


USERS = """
import json, os, sys, warnings
from anytime import datasets
folder, cache, mask = sys.argv[1:]
os.environ["ANYTIME_CACHE"] = cache + "/warm"
datasets.load(folder)  # all that is needed is imported before the rights are given up
os.environ["ANYTIME_CACHE"] = cache
both = []
for user in (30001, 30002):
    reader, writer = os.pipe()
    if not (child := os.fork()):
        os.umask(int(mask, 8))
        os.setegid(user)
        os.seteuid(user)
        with warnings.catch_warnings(record=True):
            told = [datasets.load(folder).fingerprint for _ in range(5)]
        os.write(writer, json.dumps(told).encode())
        os._exit(0)
    both.append((child, reader))
    if mask == "077":
        os.waitpid(child, 0)  # one after the other: the second cannot read what the first kept
print(json.dumps([json.loads(os.read(reader, 9999)) for _, reader in both]))
"""


@pytest.mark.parametrize("mode", [0o777, 0o1777])
@pytest.mark.parametrize("mask", ["022", "077"])
def test_two_users_share_a_cache(mode, mask):
    if os.geteuid():
        pytest.skip("only root can be two users")
    with tempfile.TemporaryDirectory() as name:
        place = Path(name)
        generator = np.random.default_rng(0)
        for one in ("train/a", "train/b", "test/a", "test/b"):
            (place / "pets" / one).mkdir(parents=True)
            pixels = generator.integers(0, 256, (8, 8, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(place / "pets" / one / "0.png")
        (place / "cache").mkdir()
        for path in (place, *place.rglob("*")):
            path.chmod(0o755 if path.is_dir() else 0o644)
        (place / "cache").chmod(mode)
        command = [sys.executable, "-c", USERS, str(place / "pets"), str(place / "cache"), mask]
        told = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True)
        assert told.returncode == 0, told.stderr
        first, second = json.loads(told.stdout)
        assert len(set(first + second)) == 1 and len(first) == len(second) == 5
        assert len([*(place / "cache").glob("*.pt")]) == 1
        assert not [*(place / "cache").glob("*.tmp")]
