"""Names of networks, weightings and data sets, and recipes, that nobody can build."""

import math

from bad import cases, refused

from anytime import datasets, networks, weighting
from anytime.training import Recipe

INF, NAN = math.inf, math.nan


@cases(
    "recipes",
    [
        *[{"epochs": value} for value in (0, -1, 1.5, NAN, INF, "3", None, True)],
        *[{"batch_size": value} for value in (0, -64, 64.0, "64", None, False)],
        *[{"lr": value} for value in (0.0, -0.1, NAN, INF)],
        *[{"momentum": value} for value in (-0.1, 1.0, 2, NAN, INF)],
        *[{"weight_decay": value} for value in (-1e-4, NAN, INF)],
        *[{"schedule": value} for value in ("cosine", "", "ONE-CYCLE")],
        *[{"autocast": value} for value in ("float16", "float64", "bf16")],
        {"head_decay": "odd"},
        {"augmentation": "crop"},
        {"augmentation": ("crop", 3)},
        {"milestones": ((1, 0.1),)},
        {"schedule": "milestones", "milestones": ((10, 0.1),)},
        {"schedule": "milestones", "milestones": ((0, 0.1),)},
        {"schedule": "milestones", "milestones": ((1, -0.1),)},
        {"schedule": "milestones", "milestones": ((1.5, 0.1),)},
    ],
)
def test_a_recipe_that_no_training_can_follow(case):
    # The value that is wrong is the last one given.
    refused(lambda: Recipe(**case), [*case][-1].rstrip("s"))


@cases(
    "weightings",
    [
        "",
        "ada",
        "adalos",
        "const:3",
        "const:total",
        "const:total=",
        "const:=3",
        "const:total=x",
        "const:total=0",
        "const:total=-1",
        "const:total=inf",
        "const:total=nan",
        "const:total=1e400",
        "const:gamma=1",
        "linear:first=inf",
        "linear:first=nan",
        "linear:first=-1",
        "exponential:base=1e200",
        "exponential:base=0",
        "exponential:base=-2",
        "exponential:base=inf",
        "opt:exit=0",
        "opt:exit=4",
        "opt:exit=-1",
        "opt:exit=1.5",
        "opt:exit=x",
        "adaloss:gamma=-0.1",
        "adaloss:gamma=1.1",
        "adaloss:gamma=nan",
        "adaloss:gamma=.1,gamma=.9",
        "adaloss:momentum=1",
        "adaloss:every=0",
        "adaloss:every=1.5",
        "adaloss:extra=-1",
        "adaloss:extra=inf",
        "adaloss:gama=0.1",
        "adaloss gamma=0.1",
        "nowhere:Weighting",
        "math:pi",
    ],
)
def test_a_weighting_that_there_is_not(case):
    refused(lambda: weighting.build(case, 3), case)


@cases(
    "networks",
    [
        "",
        "resnet-18",
        "resann",
        "resann-",
        "resann-3",
        "resann-0-16",
        "resann-3-0",
        "resann--3-16",
        "resann-3-16-",
        "resann-3-16-stride",
        "resann-3-16-stride0",
        "resann-3-16-strideX",
        "resann-3-16-s0",
        "resann-3-16-to0",
        "resann-3-16-to99",
        "resann-3-16-to-1",
        "resann-3-16-toX",
        "resann-3-16-bottlenek",
        "resann-3.-16",
        "resann-3.x.3-16",
        "resann-1.5-16-big",
        "RESANN-3-16",
        "resann 3 16",
        "resann-3-16+",
        "+resann-3-16",
        "resann-3-16+resnet",
        "nowhere:network",
        "math:pi",
        "math:sqrt",
        "torchvision:",
        "torchvision:resnet18",
        "torchvision:resnet18@",
        "torchvision:resnet18@layer9",
        "torchvision:nonet@layer1",
        "densenet:growth=",
        "mine:depth=3",
    ],
)
def test_a_network_that_there_is_not(case):
    refused(lambda: networks.build(case, 10, 3))


@cases(
    "data sets",
    [
        "nowhere",
        "",
        " ",
        "mnist",
        "cifar-10",
        "CIFAR10",
        "cifar1000",
        "glyphs-1",
        "glyphs-0",
        "glyphs-101",
        "glyphs-10-1.1",
        "glyphs-10--1",
        "glyphs-x",
        "glyphs-10-0.5-3",
        "glyphs-",
        "./nowhere",
        "/nowhere/at/all",
        "nowhere.tar.gz",
        "nowhere.zip",
        "nowhere.npz",
        "~nobody/images",
        "a\0b",
        "x" * 300,
        "svhn-20k",
        "cifar100-10c",
    ],
)
def test_a_data_set_that_there_is_not(case, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    refused(lambda: datasets.load(case))
