"""Families beside ResANN: against tables of their releases, slow twins, and in use."""

import os
import re
import socket

import numpy as np
import pytest
import torch
import torch.nn.functional as F
import torchvision
from hypothesis import given, settings
from hypothesis import strategies as st
from test_folding import batch_norms_run, lived_in, norms_behind_convolutions
from test_processes import environment
from torchvision.models.densenet import DenseNet
from torchvision.models.resnet import Bottleneck, ResNet

from anytime import names, networks, processes, weighting
from anytime.__main__ import main
from anytime.datasets import Dataset, Images
from anytime.networks import EANN, cost
from anytime.networks.folding import folded
from anytime.prediction import AnytimePredictor, predict_early
from anytime.runs import Run
from anytime.training import Recipe, train

SMALL = {
    "msdnet": "msdnet:blocks=3,channels=4,growth=2,base=1,step=1,scales=1x2,bottleneck=1x2",
    "densenet": "densenet:blocks=1x3,growth=4,channels=4,stem=cifar",
    "resnext": "resnext-1-16-groups2-cifar",
    "vit": "vit:image_size=16,blocks=3,channels=8,heads=2,mlp=16",
}
each_family = pytest.mark.parametrize("name", SMALL.values(), ids=SMALL)
each_class = pytest.mark.parametrize("family", ["msdnet", "densenet", "vit"])


def on_shapes(name: str, *arguments) -> torch.nn.Module:
    with torch.device("meta"):
        return networks.build(name, *arguments)


def pixels(count: int = 4, side: int = 16, channels: int = 3) -> torch.Tensor:
    generator = torch.Generator().manual_seed(side)
    return torch.randint(0, 256, (count, channels, side, side), generator=generator).float()


# MSDNet: multiply-adds of convolutions, and parameters, as counted in the release.

IMAGENET = "msdnet:blocks=5,channels=32,growth=16,scales=1x2x4x4,bottleneck=1x2x4x4,stem=imagenet"
TABLES = {
    "msdnet": (
        "14954496 25233408 36742144 45921280 56869888 66452480 75398144",
        "433876 876792 1274952 1695548 2178352 2603252 3067960",
    ),
    "msdnet:blocks=10": (
        "14954496 25233408 37429248 51616768 61680640 73513984 87116800 99381248 109432832 "
        "120958976",
        "433876 876792 1381628 1827836 2279536 2793444 3369560 3864948 4378040 4955644",
    ),
    "msdnet:blocks=5,step_mode=lin_grow,base=1,step=1": (
        "6779904 14183424 27240448 41322496 58023936",
        "299704 649740 1018308 1492424 2078924",
    ),
    f"{IMAGENET},base=4,step=4": (
        "336830464 680886272 1002539008 1248202240 1353622016",
        "4238504 8772240 13073272 16748416 23958440",
    ),
}
ODD = {
    "msdnet:blocks=3,base=3,step=1,channels=8,growth=4,bottleneck=2x1x3,prune=min": (
        "4669440 6455296 8411136",
        "203994 407663 629673",
    ),
    "msdnet:blocks=4,step_mode=lin_grow,base=2,step=1,channels=5,scales=1x1x3,bottleneck=1x1x2,"
    "reduction=1": ("2942528 6792128 12460224 21595776", "215210 473314 812492 1275565"),
    "msdnet:blocks=3,base=2,channels=8,growth=4,bottleneck=False,reduction=0.3": (
        "4423680 7268352 8929280",
        "240706 450708 644446",
    ),
    "msdnet:blocks=3,base=2,channels=8,growth=4,reduction=0": (
        "4112384 8204288 12816384",
        "241186 516596 837278",
    ),
}


def numbers(text: str) -> list[int]:
    return [int(word) for word in text.split()]


@pytest.mark.parametrize("name", [*TABLES, *ODD])
def test_each_exit_of_an_msdnet_costs_what_its_release_counts(name):
    multiply_adds, parameters = (TABLES | ODD)[name]
    classes, shape = (1000, (3, 224, 224)) if "imagenet" in name else (100, (3, 32, 32))
    classes = 10 if name in ODD else classes
    network = on_shapes(name, classes)
    convolutions = cost.multiply_adds(network, shape, convolutions_only=True)
    assert convolutions.tolist() == numbers(multiply_adds)
    assert cost.parameters(network, shape).tolist() == numbers(parameters)

    coarsest = cost.multiply_adds(network, shape) - convolutions
    channels = np.diff(coarsest, prepend=0) // classes
    assert set(channels.tolist()) == {128} or "imagenet" in name


def test_an_msdnet_of_the_release_s_log_on_imagenet_costs_what_it_says_but_for_what_is_no_layer():
    """The log counts ReLUs, poolings and biases, too: half a percent."""
    counted = cost.multiply_adds(on_shapes(f"{IMAGENET},base=7,step=7", 1000), (3, 224, 224))
    log = np.array([615692968, 1436392016, 2283210200, 2967421456, 3253794488])
    assert (0.994 < counted / log).all() and (counted / log < 0.9985).all()


def msdnet_by_hand(state, images, counts, scales, bottleneck, prune, reduction, widths):
    """The release's rules written out, layer by layer and scale by scale, with their weights."""
    weights = iter(list(state.values())[1:])

    def convolved(x, stride):
        weight, scale, shift, mean, variance, _ = (next(weights) for _ in range(6))
        x = F.conv2d(x, weight, stride=stride, padding=weight.shape[-1] // 2)
        return F.batch_norm(x, mean, variance, scale, shift).clamp(min=0), weight

    def edge(x, stride, factor, wanted):
        if factor:
            x, weight = convolved(x, 1)
            assert weight.shape[0] == min(weight.shape[1], factor * wanted)
        x, weight = convolved(x, stride)
        assert weight.shape[0] == wanted
        return x

    features = {0: convolved(images / 128, 1)[0]}
    for s in range(1, len(scales)):
        features[s] = convolved(features[s - 1], 2)[0]

    total, layer, maps = sum(counts), 0, []
    for count in counts:
        for _ in range(count):
            layer += 1
            last = len(scales)
            if prune == "max":
                interval = -(-total // last)
                before, after = last - max(0, layer - 2) // interval, last - (layer - 1) // interval
            else:
                before, after = min(last, total - layer + 2), min(last, total - layer + 1)
            new = {}
            for s in range(last - after, last):
                wanted, parts = widths * scales[s], [features[s]]
                if s == 0 or (s == last - after and before == after):
                    parts.append(edge(features[s], 1, bottleneck[s], wanted))
                else:
                    parts.append(edge(features[s - 1], 2, bottleneck[s - 1], wanted // 2))
                    parts.append(edge(features[s], 1, bottleneck[s], wanted // 2))
                new[s] = torch.cat(parts, 1)
            at_third = layer in (total // 3, 2 * total // 3)
            if reduction and (at_third if prune == "min" else before > after):
                new = {s: convolved(x, 1)[0] for s, x in new.items()}
            features = new
        maps.append(features[last - 1])

    for x in maps:
        x = convolved(convolved(x, 2)[0], 2)[0]
        yield F.avg_pool2d(x, 2).flatten(1) @ next(weights).T + next(weights)
    assert next(weights, None) is None


@pytest.mark.parametrize(
    ("name", "counts", "scales", "bottleneck", "prune", "reduction", "growth"),
    [
        ([*ODD][0], (3, 1, 1), (1, 2, 4), (2, 1, 3), "min", 0.5, 4),
        ([*ODD][1], (2, 2, 3, 4), (1, 1, 3), (1, 1, 2), "max", 1, 6),
        ([*ODD][2], (2, 2, 2), (1, 2, 4), (0, 0, 0), "max", 0.3, 4),
        ([*ODD][3], (2, 2, 2), (1, 2, 4), (1, 2, 4), "max", 0, 4),
    ],
)
@torch.inference_mode()
def test_an_msdnet_computes_what_the_rules_of_its_release_say(
    name, counts, scales, bottleneck, prune, reduction, growth
):
    network = lived_in(networks.build(name, 7, seed=0))
    given = pixels(2, 32)
    rules = counts, scales, bottleneck, prune, reduction, growth
    expected = torch.stack([*msdnet_by_hand(network.state_dict(), given, *rules)])
    assert expected.std() > 0.1
    torch.testing.assert_close(network(given), expected, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("side", [5, 28, 64])
def test_an_msdnet_reads_images_of_any_size(side):
    network = networks.build("msdnet:blocks=2,channels=4,growth=2", 3, 1, seed=0).eval()
    with torch.inference_mode():
        assert network(pixels(2, side, 1)).isfinite().all()


MSDNETS = st.fixed_dictionaries(
    {
        "blocks": st.integers(1, 4),
        "channels": st.integers(1, 5),
        "growth": st.sampled_from([2, 4]),
        "base": st.integers(1, 3),
        "step": st.integers(1, 2),
        "step_mode": st.sampled_from(["even", "lin_grow"]),
        "scales": st.sampled_from([(1, 2), (1, 2, 4), (2, 1, 1, 3)]),
        "reduction": st.sampled_from([0, 0.05, 0.5, 1.0]),
        "prune": st.sampled_from(["max", "min"]),
        "stem": st.sampled_from(["cifar", "imagenet"]),
    }
)


@settings(derandomize=True, max_examples=15, deadline=None)
@given(MSDNETS, st.booleans())
def test_any_msdnet_is_built_again_by_its_name_and_ends_at_the_coarsest_scale(options, is_narrow):
    options["bottleneck"] = options["scales"] if is_narrow else False
    with torch.device("meta"):
        made = networks.msdnet(num_classes=5, **options)
    again = on_shapes(made.name, 5)
    assert again.name == made.name and str(again) == str(made)
    assert again.made_for == made.made_for == {"num_classes": 5, "in_channels": 3}
    # Whatever is chosen: each exit costs more, and the last layers keep the coarsest scale.
    costs = cost.multiply_adds(made, (3, 40, 40))
    assert len(costs) == options["blocks"] and (np.diff(costs) > 0).all()


# DenseNet, ResNeXt and the transformer: with torchvision's weights, and torchvision's costs.


def drawn(network: torch.nn.Module) -> torch.nn.Module:
    """The network with all weights and statistics at random: defaults would hide errors."""
    generator = torch.Generator().manual_seed(1)
    for parameter in network.parameters():
        scale = parameter[0].numel() ** -0.5 if parameter.dim() > 1 else 0.5
        parameter.data = scale * torch.randn(parameter.shape, generator=generator)
    return lived_in(network)


def assert_same_logits(ours, theirs, side: int) -> None:
    ours.standardise = torch.nn.Identity()
    given = pixels(3, side) / 128 - 1
    with torch.inference_mode():
        expected, answer = theirs(given), ours.eval()(given)[-1]
    assert expected.std() > 0.1
    torch.testing.assert_close(answer, expected, rtol=1e-4, atol=1e-4 * float(expected.abs().max()))


def copy_in_order(ours, theirs, last: tuple[str, ...]) -> None:
    """Takes over all but the layers named last, which have the same order in both."""
    trunk = [*ours.stem.state_dict().values(), *ours.segments.state_dict().values()]
    state = theirs.state_dict()
    source = [value for name, value in state.items() if not name.startswith(last)]
    for mine, value in zip(trunk, source, strict=True):
        assert mine.shape == value.shape
        mine.copy_(value)


def test_with_torchvisions_weights_a_densenet_says_what_torchvisions_says():
    theirs = drawn(DenseNet(4, (2, 3, 1, 2), num_init_features=6, bn_size=3, num_classes=7))
    ours = networks.densenet(7, blocks=(2, 3, 1, 2), growth=4, channels=6, bottleneck=3)
    copy_in_order(ours, theirs, ("features.norm5", "classifier"))
    norm, head = ours.heads[-1]
    norm.load_state_dict(theirs.features.norm5.state_dict())
    head[-1].load_state_dict(theirs.classifier.state_dict())
    assert_same_logits(ours, theirs, 100)  # 25 and 3 pixels on the way: a border is left out


@pytest.mark.parametrize(
    ("name", "groups", "width"),
    [("resnext-1.2-64", 32, 4), ("resnext-1.2-64-groups2-width24", 2, 24)],
)
def test_with_torchvisions_weights_a_resnext_says_what_torchvisions_says(name, groups, width):
    theirs = ResNet(Bottleneck, [1, 2, 1, 1], 7, groups=groups, width_per_group=width)
    theirs.layer3, theirs.layer4, theirs.fc = *2 * [torch.nn.Identity()], torch.nn.Linear(512, 7)
    ours = networks.build(name, 7)
    copy_in_order(ours, drawn(theirs), ("fc",))
    ours.heads[-1][-1].load_state_dict(theirs.fc.state_dict())
    assert_same_logits(ours, theirs, 40)


BLOCK = {  # torchvision's names of a block's parts, and ours
    "ln_1.": "norm1.",
    "self_attention.in_proj_": "attention.",
    "self_attention.out_proj.": "out.",
    "ln_2.": "norm2.",
    "mlp.0.": "mlp.0.",
    "mlp.3.": "mlp.2.",
}
REST = {
    "class_token": "stem.class_token",
    "conv_proj.": "stem.patches.",
    "encoder.pos_embedding": "stem.positions",
    "encoder.ln.": "heads.{last}.0.",
    "heads.head.": "heads.{last}.1.",
}


def our_name(name: str, blocks: int) -> str:
    if block := re.match(r"encoder\.layers\.encoder_layer_(\d+)\.", name):
        rest = name[block.end() :]
        part = next(part for part in BLOCK if rest.startswith(part))
        return f"segments.{block[1]}.0.{BLOCK[part]}{rest.removeprefix(part)}"
    part = next(part for part in REST if name.startswith(part))
    return REST[part].format(last=blocks - 1) + name.removeprefix(part)


def test_with_torchvisions_weights_a_vit_says_what_torchvisions_says():
    theirs = drawn(torchvision.models.VisionTransformer(12, 4, 3, 2, 16, 20, num_classes=7))
    ours = networks.vit(7, image_size=12, blocks=3, channels=16, heads=2, mlp=20)
    renamed = {our_name(name, 3): value for name, value in theirs.state_dict().items()}
    lacking, unknown = ours.load_state_dict(renamed, strict=False)
    assert not unknown
    assert {name.split(".")[0] for name in lacking} == {"standardise", "heads"}
    assert not [name for name in lacking if name.startswith("heads.2.")]
    assert_same_logits(ours, theirs, 12)


@pytest.mark.parametrize(
    ("name", "total", "parameters", "stages"),
    [
        ("densenet", 2834161664, 7978856, {6: 1158.46, 18: 1974.12, 42: 2626.01, 58: 2833.14}),
        ("densenet:blocks=6x12x32x32", 3359843328, 14149480, {}),
        ("densenet:blocks=6x12x48x32", 4291365888, 20013928, {}),
        ("resnext-50", 4230479872, 25028904, {3: 752.24, 7: 1837.65, 13: 3363.0, 16: 4228.43}),
        ("resnext-101-width8", 16414015488, 88791336, {}),
        ("vit:{vit},patch=16", 17563828224, 86567656, {1: 1569.56, 2: 3023.51}),
        ("vit:{vit},patch=32", 4409186304, 88224232, {}),
    ],
)
def test_a_family_costs_what_torchvisions_do_and_the_early_heads(name, total, parameters, stages):
    vit = "image_size=224,blocks=12,channels=768,heads=12,mlp=3072"
    network = on_shapes(name.format(vit=vit), 1000)
    sizes = [sum(p.numel() for p in head.parameters()) for head in network.heads]
    linear = [head for head in network.heads.modules() if isinstance(head, torch.nn.Linear)]
    heads = np.cumsum([layer.weight.numel() for layer in linear])

    costs = cost.multiply_adds(network, (3, 224, 224))
    assert costs[-1] - heads[-2] == total
    assert cost.parameters(network, (3, 224, 224))[-1] - sum(sizes[:-1]) == parameters
    for exit, millions in stages.items():
        assert (costs[exit - 1] - heads[exit - 1]) / 1e6 == pytest.approx(millions, abs=0.006)


@pytest.mark.parametrize(("name", "count"), [("densenet:blocks=2x5", 7), ("vit:blocks=7", 7)])
@pytest.mark.parametrize("every", [1, 3, 9])
def test_exits_are_counted_from_the_last_layer(name, count, every):
    network = on_shapes(f"{name},every={every}")
    assert network.num_exits == -(-count // every)
    assert all(len(segment) == every for segment in network.segments[1:])


RESNEXTS = st.builds(
    networks.Shape,
    units=st.lists(st.integers(1, 3), min_size=2, max_size=4) | st.just([3, 4, 6, 3]),
    channels=st.sampled_from([16, 64]),
    unit=st.sampled_from(["bottleneck", "preact"]),
    groups=st.sampled_from([1, 2, 32]),
    width=st.sampled_from([4, 8, 64]),
    stride=st.sampled_from([1, 2]),
    stem=st.just("cifar"),
)


@settings(derandomize=True)
@given(RESNEXTS)
def test_the_name_of_any_resnext_is_read_as_its_shape(shape):
    assert networks.parse(shape.name) == shape
    assert shape.name.startswith("resann" if shape.groups == 1 else "resnext")


@pytest.mark.parametrize(
    ("spelling", "name"),
    [
        ("resann-50-groups32-width4", "resnext-50"),
        ("resnext-50-groups32-s2", "resnext-50-s2"),
        ("resnext-50-groups1-width64", "resann-50"),
        ("resann-50-width128", "resann-50-width128"),
        ("resnext-2.2.2-16-bottleneck-width8", "resnext-2-16-width8"),
    ],
)
def test_every_spelling_of_a_resnext_has_one_name(spelling, name):
    assert on_shapes(spelling).name == name


# What is refused, and with which way out.


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("msdnet:growth=5,scales=1x2x3", "growth=5 .* factor 3: take an even one"),
        ("msdnet:scales=2", "scales=2 must be whole numbers from 1 on, such as 1x2x4"),
        ("msdnet:scales=1x0", r"scales=\(1, 0\) must be whole numbers"),
        ("msdnet:bottleneck=1x2", r"bottleneck=\(1, 2\) must have a factor for each of scales"),
        ("msdnet:bottleneck=True", "bottleneck=True must be whole"),
        ("msdnet:bottleneck=0", "bottleneck=0 must be whole"),
        ("msdnet:blocks=0", "blocks=0 must be a whole number from 1 on"),
        ("msdnet:step=1.5", "step=1.5 must be a whole number from 1 on"),
        ("msdnet:reduction=1.5", "reduction=1.5 must be between 0 and 1"),
        ("msdnet:reduction=nan", "reduction=nan must be between 0 and 1"),
        ("msdnet:prune=mid", "prune=mid must be max or min"),
        ("msdnet:step_mode=odd", "step_mode=odd must be even or lin_grow"),
        ("msdnet:stem=svhn", "stem=svhn must be cifar or imagenet"),
        ("msdnet:depth=3", "no option 'depth'; there are blocks, channels"),
        ("msdnet-to8", "between 1 and 7, not 8"),
        ("densenet:blocks=4", "blocks=4 must be whole numbers from 1 on, such as 1x2x4"),
        ("densenet:blocks=4x0", r"blocks=\(4, 0\) must be whole numbers from 1 on"),
        ("densenet:growth=0", "growth=0 must be a whole number from 1 on"),
        ("densenet:compression=0", "compression=0 must be above 0, and at most 1"),
        ("densenet:stem=7", "stem=7 must be imagenet or cifar"),
        ("densenet-to59", "between 1 and 58, not 59"),
        ("vit:heads=3", "heads=3 do not divide channels=128: change one"),
        ("vit:patch=5", "patch=5 does not divide image_size=32: change one"),
        ("vit:every=0", "every=0 must be a whole number from 1 on"),
        ("resnext-2-8", "resnext-2-8: channels times width, 8 · 4, must be a multiple of 64"),
        ("resann-2-8-groups2", "resnext-2-8-basic-groups2-width64: paths need .*: add -bottleneck"),
        ("resnext-50-groups0", "resnext-50-groups0: .* must be at least 1"),
        ("resnext-34", "unknown network 'resnext-34'.*resnext-50.*-groups32"),
        ("resnext-50-groups", "unknown network"),
    ],
)
def test_settings_that_make_no_network_are_refused_with_the_fix(name, told):
    with pytest.raises(ValueError, match=told):
        on_shapes(name)


def test_an_unknown_family_is_refused_with_those_there_are():
    with pytest.raises(ValueError, match="'msdmet'.*other families are densenet, msdnet, vit"):
        networks.build("msdmet")


# Every family, in use.


@pytest.fixture(scope="module")
def data():
    generator = torch.Generator().manual_seed(0)
    labels = torch.arange(16) % 2
    values = (
        torch.randint(128, (16, 3, 16, 16), generator=generator) + 127 * labels[:, None, None, None]
    )
    images = Images(values.to(torch.uint8), labels)
    return Dataset("two", "two", images, images, ("dark", "bright"))


@each_class
def test_a_text_and_a_constructor_make_one_network(family):
    name = SMALL[family]
    options = names.parse(name)[1]
    made = getattr(networks, family)(num_classes=4, in_channels=1, **options)
    built = networks.build(name, 4, 1)
    assert made.name == built.name == name and made.made_for == built.made_for
    assert str(made) == str(built)


@each_class
def test_a_text_without_options_is_the_constructor_without_arguments(family):
    with torch.device("meta"):
        made = getattr(networks, family)()
    assert made.name == family and made.made_for == {"num_classes": 10, "in_channels": 3}
    assert str(on_shapes(family)) == str(made)


@each_family
@torch.inference_mode()
def test_refining_and_a_shorter_network_give_the_exits_of_a_forward_pass(name):
    network = lived_in(networks.build(name, 3, seed=0))
    logits = network(pixels())
    assert logits.shape == (network.num_exits, 4, 3) and logits.std() > 0.01
    assert all(map(torch.equal, logits, network.refine(pixels())))
    shorter = networks.build(f"{name}-to2", 3, seed=0)
    assert shorter.name == f"{name}-to2"
    shorter.load_state_dict(network.up_to(2).state_dict())
    assert torch.equal(shorter.eval()(pixels()), logits[:2])
    costs = [cost.multiply_adds(net, (3, 16, 16)).tolist() for net in (network, shorter)]
    assert costs[0][:2] == costs[1]


@each_family
def test_the_first_weights_follow_the_seed(name):
    states = [networks.build(name, seed=seed).state_dict() for seed in (1, 1, 2)]
    assert all(torch.equal(value, states[1][key]) for key, value in states[0].items())
    assert not all(torch.equal(value, states[2][key]) for key, value in states[0].items())


@each_family
@torch.inference_mode()
def test_a_chain_of_a_family_is_stored_and_costs_its_members_in_a_row(name, tmp_path):
    chain = networks.build(f"{name}-to2+{name}", 3, seed=0).eval()
    assert isinstance(chain, EANN)
    chain = EANN(chain.members, image_shape=(3, 16, 16)).eval()
    alone = cost.multiply_adds(chain.members[1], (3, 16, 16))
    expected = [*alone[:2], *(alone[1] + alone)]
    assert cost.multiply_adds(chain, (3, 16, 16)).tolist() == expected
    networks.save(chain, tmp_path / "chain.pt")
    again = networks.load(tmp_path / "chain.pt")
    assert again.name == f"{name}-to2+{name}"
    difference = (again(pixels()) - chain(pixels())).abs().max()
    assert difference < 0.01 * chain(pixels()).abs().max()


@each_family
@torch.inference_mode()
def test_a_family_folds_where_batch_norm_follows_a_convolution(name):
    network = lived_in(networks.build(name, 3, seed=0)).double()
    given = pixels().double()
    saved = norms_behind_convolutions(network)
    assert (saved > 0) == ("vit" not in name)
    torch.testing.assert_close(folded(network)(given), network(given), rtol=1e-9, atol=1e-9)
    before = batch_norms_run(network, given)
    assert batch_norms_run(folded(network), given) == before - saved


@each_family
def test_a_family_is_trained_recorded_kept_and_asked(name, data, tmp_path):
    network = networks.build(name, 2, seed=0)
    files = {"record": tmp_path / "run.json", "keep_network": tmp_path / "kept.pt"}
    recipe = Recipe(epochs=2, batch_size=8, augmentation=())
    run = train(
        network,
        weighting.AdaLoss(network.num_exits, every=1),
        data,
        recipe,
        **files,
        progress=False,
    )
    assert run.config["network"] == name
    assert np.isfinite(run.final("test_loss")).all()
    assert run.parameters[-1] == sum(p.numel() for p in network.parameters())

    kept = networks.load(tmp_path / "kept.pt")
    with torch.inference_mode():
        logits = kept(data.test.pixels)
    answer = AnytimePredictor(kept).predict(data.test.pixels, budget=float(run.cost[1]))
    assert answer.exit.tolist() == [2] * 16
    assert torch.equal(answer.label, logits[1].argmax(-1))
    certain = float(logits[0].softmax(-1).amax(-1).median())
    early = predict_early(AnytimePredictor(kept), data.test.pixels, "confidence", certain)
    assert 1 in early.exit.tolist() and len({*early.exit.tolist()}) > 1
    for i, exit in enumerate(early.exit.tolist()):
        assert early.label[i] == logits[exit - 1, i].argmax()


@each_family
def test_a_family_is_trained_by_name_on_the_command_line(name, tmp_path, capsys):
    name = name.replace("image_size=16,", "")
    command = ["train", "--data", "fashion", "--network", name, "--weighting", "const", "--quiet"]
    command += ["--train-images", "32", "--epochs", "1", "--batch-size", "16", "--device", "cpu"]
    assert main([*command, "--out", str(tmp_path)]) == 0, capsys.readouterr().err
    (path,) = tmp_path.glob("*.json")
    assert Run.load(path).config["network"] == name


@pytest.mark.parametrize(
    ("name", "told"),
    [
        (SMALL["vit"], "images of 32x32 pixels do not fit .*=16: .* build vit:image_size=32"),
        ("densenet:blocks=1x1x1x1x1x1,growth=2,channels=2", "images are too small .*stem=cifar"),
    ],
)
def test_images_that_do_not_fit_are_refused_in_one_line(name, told, tmp_path, capsys):
    command = ["train", "--data", "fashion", "--network", name, "--train-images", "32", "--quiet"]
    assert main([*command, "--device", "cpu", "--out", str(tmp_path)]) == 1
    error = capsys.readouterr().err
    assert re.search(told, error) and error.count("\n") == 1


def one_of_two(rank: int, port: int, folder: str) -> None:
    os.environ |= environment(rank, port)
    torch.set_num_threads(1)
    generator = torch.Generator().manual_seed(0)
    values = torch.randint(256, (16, 3, 16, 16), generator=generator)
    images = Images(values.to(torch.uint8), torch.arange(16) % 2)
    with processes.joined("cpu"):
        network = networks.build(f"{SMALL['msdnet']}-to2", 2, seed=0)
        recipe = Recipe(epochs=2, batch_size=8, augmentation=())
        dataset = Dataset("two", "two", images, images, ("even", "odd"))
        train(network, weighting.Const(2), dataset, recipe, progress=False)
        torch.save(network.state_dict(), f"{folder}/{rank}.pt")


def test_two_processes_train_a_cut_network_of_which_some_layers_have_no_exit(tmp_path):
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        port = server.getsockname()[1]
    torch.multiprocessing.spawn(one_of_two, (port, str(tmp_path)), nprocs=2)
    first, second = (torch.load(tmp_path / f"{rank}.pt") for rank in (0, 1))
    for name, value in first.items():
        assert torch.equal(value, second[name]) or "running" in name
    started = networks.build(f"{SMALL['msdnet']}-to2", 2, seed=0).state_dict()
    unreached = "segments.1.0.0.0.0.0.0.weight"  # of the finer scale, behind which nothing is
    assert torch.equal(first[unreached], started[unreached])
    assert not torch.equal(first["stem.0.0.weight"], started["stem.0.0.weight"])
