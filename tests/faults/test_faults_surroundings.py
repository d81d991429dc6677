"""Surroundings that are not as usual: training works all the same, or one line says what to do."""

import io
import os
import subprocess
import sys
import tempfile

import pytest
from bad import cases, ends

from anytime import __main__, runs
from anytime.__main__ import main
from anytime.training import provenance

TRAIN = "train --data fashion --network resann-1-4-stride4 --train-images 20 --batch-size 10"
TRAIN += " --weighting const --epochs 1 --quiet --device cpu"


@cases(
    "surroundings",
    [
        *[{"ANYTIME_CACHE": place} for place in ("here", "a file", "a file/below", "/proc/none")],
        *[{"ANYTIME_CACHE": place} for place in ("x" * 300, "with space", "ünïcode", "~nobody/x")],
        *[{"ANYTIME_DOWNLOADS": place} for place in ("nowhere", "a file", "/proc/none")],
        *[{"HOME": place, "ANYTIME_CACHE": None} for place in (None, "", "/proc/no", "a file")],
        {"TMPDIR": "nowhere", "HOME": "/proc/no", "ANYTIME_CACHE": None},
        *[{"OMP_NUM_THREADS": number} for number in ("", "0", "-1", "many", "4,2", None)],
        *[{name: "2"} for name in ("WORLD_SIZE", "RANK", "LOCAL_RANK", "MASTER_PORT")],
        {"WORLD_SIZE": "2", "MASTER_ADDR": "nowhere.invalid"},
        {"SLURM_JOB_ID": "1", "SLURM_PROCID": "3", "SLURM_NTASKS": "4", "SLURM_LOCALID": "1"},
        {"GIT_DIR": "/nowhere"},
        {"PATH": ""},
        {"PATH": None},
        {"CUDA_VISIBLE_DEVICES": "99"},
        {"TERM": None, "COLUMNS": "0", "LINES": "-1"},
        {"LC_ALL": "nonsense"},
        {"TZ": "Nowhere/Never"},
        {"USER": None, "USERNAME": None, "LOGNAME": None},
        {"PYTHONHASHSEED": "random", "PYTHONWARNINGS": "error"},
        {"TQDM_DISABLE": "nonsense", "TQDM_MININTERVAL": "0"},
        {"MPLBACKEND": "nonsense"},
    ],
)
def test_training_works_or_says_what_to_set(case, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a file").write_text("")
    provenance.commit.cache_clear()
    monkeypatch.setattr(tempfile, "tempdir", None)
    for name, value in case.items():
        monkeypatch.delenv(name, raising=False)
        if value is not None:
            monkeypatch.setenv(name, value)
    assert main([*TRAIN.split(), "--out", "runs"]) == 0
    assert len(runs.find("runs")) == 1
    assert (tmp_path / "a file").read_text() == ""
    provenance.commit.cache_clear()


@cases(
    "folders of odd names",
    [
        "with space",
        "ünïcödé",
        "u\u0308",
        "日本語",
        "🙂",
        "it's",
        'a "quoted" one',
        "a\nline",
        "a\ttab",
        "%d %s %(x)s",
        "{x} {}",
        "$HOME",
        "~",
        "*",
        "[a-z]",
        "a;b|c&d",
        "back\\slash",
        "a:b",
        "-dash",
        "--out",
        "#hash",
        "a.json",
        "x" * 200,
        "/".join("abcdefghijklmnopqrst"),
        "up/../down",
        b"no \xff text".decode("utf-8", "surrogateescape"),
    ],
)
def test_a_record_is_found_again_whatever_its_folder_is_called(case, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(io.BytesIO(), "ascii"))
    __main__._settle_output()
    assert main([*TRAIN.split(), f"--out={case}", f"--keep-network={case}/network.pt"]) == 0
    (run,) = runs.find(tmp_path / case)
    assert run.finished and (tmp_path / case / "network.pt").exists()


@cases(
    "places that cannot be written to",
    [
        (option, place)
        for option in ("--out", "--keep-network")
        for place in (
            "a file/below",
            "/proc/none/x",
            "/dev/null/x",
            "x" * 300,
            "",
            " ",
            ".",
            "/sys/x",
        )
        if (option, place) != ("--out", ".")
    ],
    ids=str,
)
def test_a_place_that_cannot_be_written_to_is_found_out_before_training(
    case, capsys, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a file").write_text("")
    ends(capsys, lambda: main([*TRAIN.split(), f"{case[0]}={case[1]}"]))
    assert not [*tmp_path.rglob("*.json"), *tmp_path.rglob("*.ckpt")]


@cases("encodings", ["ascii", "latin-1", "cp437", "cp1252", "shift_jis", "gb2312", "koi8-r"])
def test_what_an_encoding_lacks_stops_no_command(case, tmp_path, monkeypatch):
    for name in ("stdout", "stderr"):
        monkeypatch.setattr(sys, name, io.TextIOWrapper(io.BytesIO(), case))
    __main__._settle_output()
    with pytest.warns(UserWarning, match="has an effect"):
        options = TRAIN.replace("const", "adaloss").split()
        assert main([*options, "--out", str(tmp_path / "größer 日本")]) == 0
    assert main(["train", "--data", "größer 日本"]) == 1


WINDOWS = """
import builtins, contextlib, errno, io, os, signal, sys
import torch, tqdm.auto  # on Windows they do without, too

links, replaced, opened = os.readlink, os.replace, io.open
for name in ("getuid", "geteuid", "getgid", "fork", "mkfifo", "killpg", "getpgid", "nice"):
    delattr(os, name)
for name in ("SIGHUP", "SIGUSR1", "SIGUSR2", "SIGKILL", "SIGALRM", "SIGCHLD"):
    delattr(signal, name)
for name in ("fcntl", "resource", "pwd", "grp", "termios"):
    sys.modules[name] = None

def without_proc(file, *rest, **options):
    if str(file).startswith("/proc"):
        raise FileNotFoundError(errno.ENOENT, "there is no such file", str(file))
    return opened(file, *rest, **options)

def refuse_open(*files):
    held = []
    for number in os.listdir("/dev/fd"):
        with contextlib.suppress(OSError):  # that of the listing is closed by now
            held.append(links(f"/dev/fd/{number}"))
    if not {*held}.isdisjoint(map(os.path.realpath, files)):
        raise PermissionError(errno.EACCES, "it is open", str(files))

def replace(source, target):
    refuse_open(source, target)
    replaced(source, target)

def unlink(file, **options):
    refuse_open(file)
    removed(file, **options)

removed, os.unlink, os.replace = os.unlink, unlink, replace
io.open = builtins.open = without_proc
from anytime.__main__ import main

for part in sys.argv[1].split(" / "):
    print(part, main(part.split()), flush=True)
"""


def test_training_needs_nothing_that_windows_lacks(tmp_path):
    again = f"{TRAIN} --weighting adaloss:every=1 --out runs --keep-network k.pt"
    asked = f"{again} / {again} / doctor"
    command = [sys.executable, "-c", WINDOWS, asked]
    environment = os.environ | {"ANYTIME_CACHE": str(tmp_path / "cache")}
    told = subprocess.run(
        command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )
    assert told.returncode == 0 and "Traceback" not in told.stderr, told.stderr
    assert [line[-1] for line in told.stdout.splitlines() if line.startswith("train")] == ["0", "0"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["cache", "k.pt", "runs"]
    assert [path.suffix for path in (tmp_path / "runs").iterdir()] == [".json"]
