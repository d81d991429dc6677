"""Command lines that ask for what cannot be done: one line each, nothing written."""

from bad import cases, ends

from anytime.__main__ import main

TRAIN = ["train", "--network", "resann-1-4-stride4", "--epochs", "1", "--train-images", "64"]


@cases(
    "commands: train",
    [
        "",
        "--data",
        "--data fashion --data",
        "--data nowhere",
        "--data none/such.tar",
        "--data none.npz",
        "--data .",
        "--data fashion --network",
        "--data fashion --network resnet-18",
        "--data fashion --network resann-1-4-to9",
        "--data fashion --weighting ada",
        "--data fashion --weighting adaloss:gama=1",
        "--data fashion --weighting opt:exit=9",
        "--data fashion --epochs 0",
        "--data fashion --epochs 1.5",
        "--data fashion --epochs many",
        "--data fashion --batch-size 0",
        "--data fashion --batch-size -3",
        "--data fashion --lr 0",
        "--data fashion --lr nan",
        "--data fashion --lr high",
        "--data fashion --momentum 1",
        "--data fashion --weight-decay -1",
        "--data fashion --schedule cosine",
        "--data fashion --milestones 1",
        "--data fashion --milestones 1:0.1",
        "--data fashion --schedule milestones --milestones 1:0.1",
        "--data fashion --augmentation spin",
        "--data fashion --autocast float16",
        "--data fashion --seed -1",
        "--data fashion --seed 1.5",
        "--data fashion --seed 99999999999999999999",
        "--data fashion --train-images 0",
        "--data fashion --train-images 5",
        "--data fashion --train-images 1000000",
        "--data fashion --image-size 8",
        "--data fashion --threads 0",
        "--data fashion --device abacus",
        "--data fashion --evaluate-every 0",
        "--data fashion --cofee",
    ],
    ids=str,
)
def test_a_training_that_cannot_be(case, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    ends(capsys, lambda: main([*TRAIN, "--out", "runs", *case.split()]))
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


@cases(
    "commands: others",
    [
        "",
        "trian",
        "train run",
        "run",
        "run scheme",
        "run schemes --profile huge",
        "run schemes --profile",
        "run schemes --jobs 0",
        "run schemes --jobs two",
        "run schemes --dataset",
        "run schemes --dataset nowhere --profile quick --out here",
        "run schemes --dataset nowhere --dry-run",
        "run schemes --train-images 0",
        "run schemes --image-size 0",
        "run schemes --data-folder nowhere",
        "run schemes --also nowhere",
        "run schemes --cluster pbs",
        "run schemes --cluster-options gpu",
        "run schemes --keep-networks",
        "run schemes --profile quick --train-images 7 --out here",
        "run totals --profile quick --train-images 10 --out here",
        "run networks --profile quick --train-images 11 --out here",
        "report --runs nowhere",
        "report --runs . --out here.csv",
        "report --runs . --page nowhere.md",
        "report --out",
        "report --page",
        "report --rusn x",
        "fetch",
        "fetch mnist2",
        "fetch fashion",
        "fetch cifar10 cifar100",
        "doctor now",
        "--version 3",
    ],
    ids=str,
)
def test_a_command_that_cannot_be(case, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    arguments = case.split()
    try:
        status = main(arguments)
    except SystemExit as ended:
        status = ended.code
    shown = capsys.readouterr()
    assert status in (1, 2) and "Traceback" not in shown.err
    assert len(shown.err.strip()) > 15 and "once more" not in shown.out
    assert not [path for path in tmp_path.rglob("*") if path.suffix in (".json", ".csv", ".ckpt")]
