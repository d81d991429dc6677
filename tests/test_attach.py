"""Backbones with exits at their layers, against the bare backbones of torchvision."""

import copy
import functools
import itertools
import pickle

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.flop_counter import FlopCounterMode
from torchvision import models

from anytime.networks import Head, cost
from anytime.networks.attach import attach, from_text
from anytime.networks.base import TokenHead

CLASSES = 7

# Exits at blocks, inside of blocks, and where the next layer works in place; with what drops out.
BACKBONES = {
    "resnet18": (64, {}, ["relu", "layer2", "layer3.0.bn2"]),
    "resnet50": (64, {}, ["layer2", "layer3.1"]),
    "mobilenet_v3_small": (64, {}, ["features.3", "features.8.block.1", "classifier.1"]),
    "densenet121": (64, {"drop_rate": 0.2}, ["features.denseblock2", "features.denseblock4"]),
    "convnext_tiny": (64, {"stochastic_depth_prob": 0.5}, ["features.3", "features.5.4.block.2"]),
    "vit_b_16": (
        32,
        {"image_size": 32, "dropout": 0.1},
        ["encoder.layers.encoder_layer_3", "encoder.layers.encoder_layer_7.mlp"],
    ),
}


@torch.no_grad()
def drawn(network: nn.Module, seed: int = 0) -> nn.Module:
    """The network with all that it has learnt or measured drawn at random: zeros hide errors."""
    generator = torch.Generator().manual_seed(seed)
    for name, values in [*network.named_parameters(), *network.named_buffers()]:
        if not values.is_floating_point():
            continue
        values.normal_(generator=generator)
        if values.ndim > 1:
            values.div_(values[0].numel() ** 0.5)
        elif name.endswith("bias") or name.endswith("mean"):
            values.mul_(0.3)
        else:
            values.mul_(0.2).abs_().add_(0.7)
    return network


def images(side: int, count: int = 4) -> torch.Tensor:
    generator = torch.Generator().manual_seed(side)
    return torch.randint(0, 256, (count, 3, side, side), dtype=torch.uint8, generator=generator)


class Case:
    """A bare backbone, and a network made of its copy."""

    def __init__(self, name: str) -> None:
        side, options, self.exits = BACKBONES[name]
        plain = models.get_model(name, weights=None, num_classes=CLASSES, **options)
        self.plain = drawn(plain)
        backbone = copy.deepcopy(self.plain)
        self.network = attach(backbone, self.exits, CLASSES, image_shape=(3, side, side))
        drawn(self.network.heads, seed=1)
        self.network.standardise.mean.fill_(100.0)
        self.images, self.labels = images(side), torch.arange(4) % CLASSES
        self.inputs = (self.images - 100.0) / 128.0


@pytest.fixture(scope="module", params=BACKBONES)
def case(request) -> Case:
    """One for all tests of this backbone: they leave its weights and statistics as they are."""
    return Case(request.param)


def seeded(compute, seed: int = 5):
    """What a computation gives from this state of torch's generator, which is put back then."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return compute()


@torch.no_grad()
def test_the_last_exit_is_the_backbones_own_answer_bit_for_bit(case):
    logits = case.network.eval()(case.images)
    assert logits.shape == (len(case.exits) + 1, 4, CLASSES)
    assert case.network.num_exits == len(logits)
    assert torch.equal(logits[-1], case.plain.eval()(case.inputs))
    assert logits.std(1).min() > 0


@torch.no_grad()
def test_in_training_the_last_exit_draws_and_measures_as_the_backbone_does(case):
    network, plain = copy.deepcopy(case.network).train(), copy.deepcopy(case.plain).train()
    logits = seeded(lambda: network(case.images))
    assert torch.equal(logits[-1], seeded(lambda: plain(case.inputs)))
    state = network.backbone.state_dict()
    assert all(torch.equal(state[key], value) for key, value in plain.state_dict().items())


def watched(module: nn.Module, layers: list[str], look, compute) -> list[tuple]:
    """Call by call of these layers: the layer, and what `look` says of its output, right then."""
    seen, handles = [], []
    for name in layers:

        def hook(layer, given, output, name=name):
            seen.append((name, look(output)))

        handles.append(module.get_submodule(name).register_forward_hook(hook))
    compute()
    for handle in handles:
        handle.remove()
    return seen


@torch.no_grad()
def test_an_exit_sees_what_its_layer_gives_before_anything_is_done_to_it(case):
    plain, network = case.plain.eval(), case.network.eval()
    seen = dict(watched(plain, case.exits, torch.clone, lambda: plain(case.inputs)))
    assert list(seen) == list(network.exits)
    expected = [head(seen[name]) for head, name in zip(network.heads, seen, strict=True)]
    assert torch.equal(network(case.images)[:-1], torch.stack(expected))


def calls(module: nn.Module, compute) -> list[str]:
    """The innermost layers that a computation has finished, in their order."""
    inner = [name for name, layer in module.named_modules() if not [*layer.children()]]
    return [name for name, _ in watched(module, inner, type, compute)]


@torch.no_grad()
def test_nothing_behind_the_exit_asked_for_is_run(case):
    network, plain = case.network.eval(), case.plain.eval()
    whole = calls(plain, lambda: plain(case.inputs))
    ends = [
        max(k for k, name in enumerate(whole) if f"{name}.".startswith(f"{exit}.")) + 1
        for exit in network.exits
    ]

    for k, end in enumerate([0, *ends, len(whole)]):
        steps = itertools.islice(network.refine(case.images), k)
        assert calls(network.backbone, functools.partial(list, steps)) == whole[:end]


def test_an_exit_costs_what_the_backbone_has_done_by_then_and_the_heads(case):
    # On the CPU itself, attention is computed by an operator that is not counted.
    plain, inputs = copy.deepcopy(case.plain).eval().to("meta"), case.inputs[:1].to("meta")
    counter = FlopCounterMode(display=False)

    def flops(*_) -> int:
        return sum(counter.get_flop_counts()["Global"].values())

    with counter, torch.no_grad():
        so_far = dict(watched(plain, case.exits, flops, lambda: plain(inputs)))
    linear = [head[-1] if isinstance(head, Head) else head.linear for head in case.network.heads]
    heads = np.cumsum([CLASSES * layer.in_features for layer in linear])
    expected = np.array([*so_far.values(), flops()]) // 2 + [*heads, heads[-1]]
    counted = cost.multiply_adds(case.network, tuple(case.images.shape[1:]))
    assert counted.tolist() == expected.tolist()


def test_a_step_on_the_sum_of_all_losses_trains_every_layer(case):
    network = copy.deepcopy(case.network).train()
    before = [parameter.detach().clone() for parameter in network.parameters()]
    optimizer = torch.optim.SGD(network.parameters(), lr=0.1)
    logits = seeded(lambda: network(case.images))
    sum(F.cross_entropy(exit, case.labels) for exit in logits).backward()
    optimizer.step()
    for (name, parameter), old in zip(network.named_parameters(), before, strict=True):
        assert parameter.grad.isfinite().all() and parameter.grad.any(), name
        # A shift that the next batch norm takes away has a gradient of rounding errors alone.
        assert parameter.ndim == 1 or not torch.equal(parameter, old), name


def test_the_last_exit_alone_trains_the_backbone_as_it_would_be_trained(case):
    network, plain = copy.deepcopy(case.network).train(), copy.deepcopy(case.plain).train()
    F.cross_entropy(seeded(lambda: network(case.images)[-1]), case.labels).backward()
    F.cross_entropy(seeded(lambda: plain(case.inputs)), case.labels).backward()
    for ours, theirs in zip(network.backbone.parameters(), plain.parameters(), strict=True):
        assert torch.equal(ours.grad, theirs.grad)
    assert all(not head.grad.any() for head in network.heads.parameters())


# One backbone for what is the same with all of them, and one with all that lies between layers.


class Between(nn.Module):
    """Tokens: parameters and a buffer between its layers, in-place steps, another training."""

    def __init__(self) -> None:
        super().__init__()
        self.patches = nn.Conv2d(3, 8, 16, 16)
        self.token = nn.Parameter(torch.empty(1, 1, 8))
        self.place = nn.Parameter(torch.empty(17, 8))
        self.register_buffer("scale", torch.empty(8))
        self.first, self.last = nn.Linear(8, 8), nn.Linear(8, 8)
        self.answer = nn.Linear(8, CLASSES)

    def forward(self, images):
        patches = self.patches(images).flatten(2).transpose(1, 2)
        tokens = torch.cat([self.token.expand(patches.shape[0], -1, -1), patches], dim=1)
        tokens = F.dropout(tokens + self.place * self.scale.exp(), 0.5, self.training)
        features = self.first(tokens)
        features.mul_(2)
        F.relu_(features)
        if self.training:
            features = features + tokens
        return self.answer(self.last(features)[:, 0])


def between() -> tuple[nn.Module, nn.Module]:
    """The bare backbone, and one with exits at three of its layers."""
    plain = drawn(Between())
    exits = ["patches", "first", "last"]
    return plain, attach(copy.deepcopy(plain), exits, CLASSES, image_shape=(3, 64, 64))


@pytest.mark.parametrize("training", [False, True])
def test_what_lies_between_the_layers_is_done_as_in_the_backbone(training):
    plain, network = (module.train(training) for module in between())
    logits = seeded(lambda: network(images(64)))
    answer = seeded(lambda: plain(images(64) / 128.0))
    assert torch.equal(logits[-1], answer)
    for output in (logits[-1], answer):
        output.square().mean().backward()
    for ours, theirs in zip(network.backbone.parameters(), plain.parameters(), strict=True):
        assert torch.equal(ours.grad, theirs.grad)


@torch.no_grad()
def test_exits_see_tokens_before_they_are_overwritten():
    plain, network = (module.eval() for module in between())
    inputs = images(64) / 128.0
    seen = dict(watched(plain, [*network.exits], torch.clone, lambda: plain(inputs)))
    expected = [head(seen[name]) for head, name in zip(network.heads, seen, strict=True)]
    assert torch.equal(network(images(64))[:-1], torch.stack(expected))


def resnet(exits=("layer2", "layer3"), **options) -> nn.Module:
    backbone = drawn(models.resnet18(num_classes=CLASSES))
    return attach(backbone, exits, CLASSES, image_shape=(3, 64, 64), **options)


def trained(network: nn.Module) -> nn.Module:
    """The network after a step, in evaluation mode."""
    network.train()
    network(images(64)).square().mean().backward()
    torch.optim.SGD(network.parameters(), lr=1e-3).step()
    return network.eval()


@torch.no_grad()
def outputs(network: nn.Module) -> torch.Tensor:
    return network.eval()(images(64))


@pytest.mark.parametrize("make_copy", [copy.deepcopy, lambda n: pickle.loads(pickle.dumps(n))])
def test_a_copy_has_weights_of_its_own(make_copy):
    network = between()[1]
    before, copied = outputs(network), make_copy(network)
    assert torch.equal(outputs(copied), before)
    expected = outputs(trained(network))
    assert (expected - before).abs().amin((1, 2)).min() > 0
    assert torch.equal(outputs(copied), before)
    copied.load_state_dict(network.state_dict())
    assert torch.equal(outputs(copied), expected)


def test_each_parameter_of_the_backbone_is_there_once_and_can_be_set():
    network = resnet()
    state = drawn(models.resnet18(num_classes=CLASSES), seed=3).state_dict()
    network.backbone.load_state_dict(state)
    stored = network.state_dict()
    assert {key for key in stored if not key.startswith("heads.")} == {
        "standardise.mean",
        *(f"backbone.{key}" for key in state),
    }
    plain = models.resnet18(num_classes=CLASSES).eval()
    plain.load_state_dict(network.backbone.state_dict())
    inputs = network.standardise(images(64))
    assert torch.equal(outputs(network)[-1], plain(inputs))
    other = resnet()
    other.load_state_dict(stored)
    assert torch.equal(outputs(other), outputs(network))


@torch.no_grad()
def test_a_network_can_move_to_another_type_with_the_parameters_between_its_layers():
    network = between()[1]
    expected = outputs(network)
    double = outputs(network.double())
    assert double.dtype == torch.float64
    torch.testing.assert_close(double, expected.double(), rtol=1e-3, atol=1e-4)


def test_frozen_only_the_added_heads_learn():
    network = resnet(freeze=True).train()
    before = copy.deepcopy(network.state_dict())
    trained(network)
    changed = {
        key for key, value in network.state_dict().items() if not torch.equal(before[key], value)
    }
    assert changed == {f"heads.{k}.3.{what}" for k in (0, 1) for what in ("weight", "bias")}
    assert all(parameter.grad is None for parameter in network.backbone.parameters())
    assert network.train().heads.training and not network.backbone.training


def test_the_backbone_is_left_as_it_is():
    backbone = models.resnet18(num_classes=CLASSES).eval()
    state = copy.deepcopy(backbone.state_dict())
    network = attach(backbone, ["layer2"], CLASSES, image_shape=(3, 64, 64))
    assert network.backbone is backbone
    assert not (network.training or network.heads.training or backbone.training)
    assert all(torch.equal(state[key], value) for key, value in backbone.state_dict().items())


def test_attaching_draws_only_what_the_heads_are_made_of():
    backbone = models.resnet18(num_classes=CLASSES)
    network = seeded(lambda: attach(backbone, ["layer2"], CLASSES, image_shape=(3, 32, 32)))
    head = seeded(lambda: Head(128, CLASSES))
    assert torch.equal(network.heads[0][-1].weight, head[-1].weight)


# Heads and inputs.


def test_features_get_the_head_that_fits_them():
    swin = models.swin_t(num_classes=CLASSES)
    maps = attach(models.resnet18(num_classes=CLASSES), ["layer2", "avgpool"], CLASSES)
    last = attach(swin, ["features.1", "features.5", "avgpool"], CLASSES, image_shape=(3, 64, 96))
    assert [type(head) for head in maps.heads] == [Head, Head]
    assert [type(head) for head in last.heads] == [TokenHead, TokenHead, Head]
    assert [head.linear.in_features for head in last.heads[:2]] == [96, 384]


@torch.no_grad()
@pytest.mark.parametrize("shape", [(2, 9), (2, 5, 9), (2, 3, 4, 9)])
def test_a_head_of_tokens_takes_the_mean_of_what_layer_norm_makes_of_each(shape):
    head = drawn(TokenHead(9, CLASSES))
    features = torch.randn(shape, generator=torch.Generator().manual_seed(0))
    for image, logits in zip(features, head(features), strict=True):
        tokens = [(t - t.mean()) / (t.var(correction=0) + 1e-5).sqrt() for t in image.view(-1, 9)]
        mean = head.norm.weight * torch.stack(tokens).mean(0) + head.norm.bias
        expected = head.linear.weight @ mean + head.linear.bias
        torch.testing.assert_close(logits, expected, rtol=1e-4, atol=1e-5)


@torch.no_grad()
def test_a_head_of_ones_own_takes_the_channels_and_may_need_its_input_again():
    def head(channels: int) -> nn.Module:
        convolution = nn.Conv2d(channels, CLASSES, 1)  # keeps its input for its gradient
        return nn.Sequential(convolution, nn.AdaptiveMaxPool2d(1), nn.Flatten())

    network = resnet(["bn1", "layer2"], head=head)
    assert [made[0].in_channels for made in network.heads] == [64, 128]
    with torch.enable_grad():
        trained(network)
    assert all(made[0].weight.grad.any() for made in network.heads)


@torch.no_grad()
def test_inputs_can_be_those_of_torchvisions_weights():
    network, pixels = resnet(standardise="imagenet"), images(64)
    preset = models.ResNet18_Weights.DEFAULT.transforms(crop_size=64, resize_size=64)
    expected = preset(pixels)
    torch.testing.assert_close(network.standardise(pixels), expected, rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(network.standardise(pixels.float()), expected, rtol=1e-5, atol=1e-6)
    with pytest.raises(ValueError, match=r"shape \(4, 1, 64, 64\) do not fit the mean"):
        network(pixels[:, :1])


class Darker(nn.Module):
    def forward(self, pixels):
        return pixels / 1000.0


@torch.no_grad()
def test_inputs_can_be_made_by_a_module_of_ones_own():
    plain = drawn(models.resnet18(num_classes=CLASSES)).eval()
    network = resnet(standardise=Darker())
    assert torch.equal(outputs(network)[-1], plain(images(64) / 1000.0))


# Names.


@torch.no_grad()
def test_a_text_builds_a_network_and_becomes_its_name():
    network = seeded(lambda: from_text("torchvision:resnet18@layer2,layer3", CLASSES))
    assert network.name == "torchvision:resnet18@layer2,layer3"
    assert network.exits == ("layer2", "layer3")
    assert network.eval()(images(64)).shape == (3, 4, CLASSES)


def test_a_text_for_gray_images_is_refused():
    with pytest.raises(ValueError, match="takes images of 3 channels, not 1: change its first"):
        from_text("torchvision:resnet18@layer2", CLASSES, in_channels=1)


def test_exits_out_of_order_are_one_network_with_those_in_order():
    network = from_text("torchvision:resnet18@layer3,layer2", CLASSES)
    assert network.name == "torchvision:resnet18@layer2,layer3"


@torch.no_grad()
def test_a_vision_transformer_takes_images_of_224():
    network = from_text("torchvision:vit_b_16@encoder.layers.encoder_layer_2", CLASSES).eval()
    pixels = images(224, 1)
    assert torch.equal(network(pixels)[-1], network.backbone(pixels / 128.0))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("torchvision:resnet81@layer2", "no model 'resnet81'; the nearest are resnet18"),
        ("torchvision:resnet18@layr2", "ResNet has no layer 'layr2'; the nearest are layer2"),
        ("torchvision:resnet18", "not of the kind torchvision:resnet18@layer2,layer3"),
        ("torchvision:resnet18@", "not of the kind torchvision:resnet18@layer2,layer3"),
        ("torchvision:resnet18@layer2,,layer3", "not of the kind"),
        ("resnet18@layer2", "not of the kind torchvision:resnet18@layer2,layer3"),
    ],
)
def test_a_text_that_stands_for_nothing_is_refused(text, message):
    with pytest.raises(ValueError, match=message):
        from_text(text, CLASSES)


# What cannot be: each with its reason and its fix.


class Small(nn.Module):
    """What the following backbones have in common."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b, self.fc = nn.Conv2d(3, 4, 3), nn.Conv2d(4, 4, 3), nn.Linear(4, CLASSES)
        self.relu, self.unused = nn.ReLU(), nn.ReLU()

    def forward(self, images):
        return self.fc(self.relu(self.b(self.relu(self.a(images)))).mean((2, 3)))


class Undecided(Small):
    def forward(self, images):
        features = self.a(images)
        return self.fc((self.b(features) if features.sum() > 0 else features).mean((2, 3)))


class Dicing(Small):
    def forward(self, images):
        features = self.a(images)
        if self.training and torch.rand(()) < 0.5:
            features = self.b(features)
        return self.fc(features.mean((2, 3)))


class Constant(Small):
    def forward(self, images):
        return super().forward(images) + torch.arange(CLASSES)


class Assigning(Small):
    def forward(self, images):
        features = self.a(images)
        features[:, 0] = 0
        return self.fc(self.b(features).mean((2, 3)))


class Pair(Small):
    def forward(self, images):
        return super().forward(images), images


class Named(Small):
    def forward(self, images):
        return {"logits": super().forward(images)}


class PairInTraining(Small):
    def forward(self, images):
        logits = super().forward(images)
        return (logits, images) if self.training else logits


class Swapped(Small):
    def __init__(self) -> None:
        super().__init__()
        self.other = nn.Conv2d(3, 4, 3)

    def forward(self, images):
        left, right = (self.a, self.other) if self.training else (self.other, self.a)
        return self.fc((left(images) + right(images)).mean((2, 3)))


class Inner(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.inner, self.fc = Undecided(), nn.Linear(CLASSES, CLASSES)

    def forward(self, images):
        return self.fc(self.inner(images))


class Lists(Small):
    def __init__(self) -> None:
        super().__init__()
        self.blocks = nn.ModuleList([nn.Conv2d(4, 4, 1)])
        self.pair = PairInside()

    def forward(self, images):
        return self.fc(self.pair(self.blocks[0](self.a(images)))[0].mean((2, 3)))


class PairInside(nn.Module):
    def forward(self, features):
        return features, features


class TimeFirst(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.rows, self.fc = nn.Identity(), nn.Linear(48, CLASSES)

    def forward(self, images):
        return self.fc(self.rows(images.flatten(2).permute(2, 0, 1)).mean(0).repeat(1, 16))


PROTOCOL = "write a module with `num_exits` and `refine\\(images\\)`"
LIST = 'for instance \\["layer2", "layer3"\\]'
REFUSED = {
    "control flow": (Undecided, ["a"], f"Undecided cannot be cut: .*control flow.*{PROTOCOL}"),
    "control flow inside": (
        Inner,
        ["inner.a"],
        f"name layers outside of layer 'inner', .*{PROTOCOL}",
    ),
    "random numbers": (Dicing, ["a"], f"draws random numbers outside of its layers.*{PROTOCOL}"),
    "a constant": (Constant, ["a"], "makes a tensor that depends on no input: keep .* as a buffer"),
    "an assignment": (Assigning, ["a"], f"does not support item assignment.*{PROTOCOL}"),
    "a tuple": (Pair, ["a"], "answers with \\('tuple',\\), .* wrap it in a module"),
    "a dict": (Named, ["a"], "answers with \\('dict',\\), .* wrap it in a module"),
    "a tuple in training": (PairInTraining, ["a"], "in training it answers with a tuple"),
    "another order": (Swapped, ["a", "other"], f"another order in training: {PROTOCOL}"),
    "an unknown layer": (Small, ["relv"], "Small has no layer 'relv'; the nearest are relu"),
    "nothing like it": (Small, ["?"], r"Small has no layer '\?'$"),
    "the whole": (Small, [""], "Small has no layer ''"),
    "no exit": (Small, [], f"{LIST}$"),
    "a text": (Small, "a", f"{LIST}$"),
    "one twice": (Small, ["a", "a"], f"each named once, {LIST}$"),
    "called twice": (Small, ["relu"], "layer 'relu' gives a tensor 2 times .*: name another layer"),
    "never called": (Small, ["unused"], "layer 'unused' gives a tensor 0 times"),
    "a list": (Lists, ["blocks"], "layer 'blocks' gives a tensor 0 times"),
    "the answer": (Small, ["a", "fc"], "layer 'fc' gives the backbone's answer, .*: leave it out"),
    "a layer of two outputs": (Lists, ["pair"], "layer 'pair' gives .*'tuple'.* for one image"),
    "time before images": (TimeFirst, ["rows"], r"gives \(64, 1, 3\) for one image"),
}


@pytest.mark.parametrize(("make", "exits", "message"), REFUSED.values(), ids=REFUSED)
def test_what_cannot_have_exits_is_refused_with_the_fix(make, exits, message):
    with pytest.raises(ValueError, match=message):
        attach(make(), exits, CLASSES, image_shape=(3, 8, 8))


def test_two_names_of_one_output_are_refused():
    with pytest.raises(ValueError, match="gives what 'layer2.1' gives: leave one out"):
        resnet(["layer2.1", "layer2"])


def test_another_number_of_classes_is_refused():
    with torch.device("meta"):
        backbone = models.resnet18()
    with pytest.raises(ValueError, match=r"with \(1, 1000\), .* \(1, 7\): replace its last"):
        attach(backbone, ["layer2"], CLASSES, image_shape=(3, 64, 64))


def test_an_image_that_the_backbone_does_not_take_is_refused():
    with torch.device("meta"):
        backbone = models.vit_b_16(image_size=32, num_classes=CLASSES)
    with pytest.raises(
        ValueError, match=r"fails on an image of shape \(3, 224, 224\): .*image_shape="
    ):
        attach(backbone, ["conv_proj"], CLASSES)


def test_an_unknown_input_is_refused():
    with pytest.raises(ValueError, match="must be 'imagenet' or a module, not 'cifar'"):
        resnet(standardise="cifar")
