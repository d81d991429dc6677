"""A folded network against the one it was made of."""

import importlib
import random
from collections import OrderedDict

import pytest
import torch
from torch import nn
from torch.nn.utils import parametrizations
from torch.utils._python_dispatch import TorchDispatchMode
from torchvision import models

from anytime import networks
from anytime.networks.attach import attach
from anytime.networks.folding import folded

resann = importlib.import_module("anytime.networks.resann")  # the package has a function so named


def images(count: int, side: int = 12) -> torch.Tensor:
    generator = torch.Generator().manual_seed(count)
    shape = (count, 3, side, side)
    return torch.randint(0, 256, shape, dtype=torch.uint8, generator=generator)


def features(channels: int = 4) -> torch.Tensor:
    generator = torch.Generator().manual_seed(channels)
    return torch.randn(2, channels, 6, 6, generator=generator, dtype=torch.float64)


def lived_in(network: nn.Module) -> nn.Module:
    """The network in evaluation mode, its batch norms unlike fresh ones, which do nothing."""
    generator = torch.Generator().manual_seed(0)
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            for values in (module.weight, module.running_var):
                if values is not None:
                    values.data.copy_(torch.rand(values.shape, generator=generator) + 0.5)
            for values in (module.bias, module.running_mean):
                if values is not None:
                    values.data.copy_(torch.randn(values.shape, generator=generator))
    return network.eval()


class BatchNormsRun(TorchDispatchMode):
    """Counts the batch norms that are computed, whichever module asks for them."""

    def __init__(self) -> None:
        super().__init__()
        self.count = 0

    def __torch_dispatch__(self, operator, types, args=(), kwargs=None):
        self.count += "batch_norm" in str(operator)
        return operator(*args, **(kwargs or {}))


@torch.no_grad()
def batch_norms_run(network: nn.Module, given: torch.Tensor) -> int:
    with BatchNormsRun() as counter:
        network(given)
    return counter.count


@torch.no_grad()
def assert_same_answers(network: nn.Module, given: torch.Tensor) -> None:
    """Compared in double precision, where rounding is far below any error."""
    network = network.eval().double()
    expected = network(given)
    torch.testing.assert_close(folded(network)(given), expected, rtol=1e-9, atol=1e-9)
    assert torch.equal(network(given), expected)


def bottleneck() -> nn.Module:
    shape = resann.Shape(units=(1, 2), channels=4, unit="bottleneck")
    return resann.resann(shape, num_classes=5)


NETWORKS = {
    "basic": lambda: networks.build("resann-2-4", 5, seed=0),
    "bottleneck": bottleneck,
    "chain": lambda: networks.eann(["resann-1-4", "resann-2-4"], 5, seed=0),
}
each_kind = pytest.mark.parametrize("make", NETWORKS.values(), ids=NETWORKS)


def norms_behind_convolutions(network: nn.Module) -> int:
    rows = [[*m.children()] for m in network.modules() if isinstance(m, nn.Sequential)]
    pairs = [pair for row in rows for pair in zip(row, row[1:], strict=False)]
    kinds = (nn.Conv2d, nn.BatchNorm2d)
    return sum(all(map(isinstance, pair, kinds)) for pair in pairs)


@each_kind
@torch.inference_mode()
def test_a_folded_network_predicts_the_same_at_every_exit(make):
    network = lived_in(make())
    torch.testing.assert_close(folded(network)(images(4)), network(images(4)), rtol=1e-3, atol=1e-4)


@each_kind
def test_each_batch_norm_right_behind_a_convolution_is_saved(make):
    network = make().eval()
    saved = norms_behind_convolutions(network)
    assert saved > 0
    before = batch_norms_run(network, images(2))
    assert batch_norms_run(folded(network), images(2)) == before - saved


@each_kind
@torch.inference_mode()
def test_the_original_stays_as_it_was(make):
    network = lived_in(make())
    state = {key: value.clone() for key, value in network.state_dict().items()}
    said, before = str(network), network(images(3))
    folded(network)(images(3))
    assert str(network) == said
    assert all(torch.equal(state[key], value) for key, value in network.state_dict().items())
    assert torch.equal(network(images(3)), before)


def test_what_has_nothing_to_fold_is_the_same_module():
    module = nn.Sequential(nn.ReLU(), nn.Flatten(), nn.Linear(3, 2)).eval()
    assert folded(module) is module


def test_what_is_folded_is_the_same_at_a_second_time():
    module = folded(networks.build("resann-1-4", seed=0).eval())
    assert folded(module) is module


def test_a_network_in_training_is_not_folded():
    with pytest.raises(ValueError, match=r"call eval\(\) first"):
        folded(networks.build("resann-1-4", seed=0).train())


# Networks in which the rule "a batch norm behind a convolution" is not the whole truth.


class Doubled(networks.AnytimeNetwork):
    def refine(self, images):
        for logits in super().refine(images):
            yield 2 * logits


class Residual(nn.Sequential):
    def forward(self, features):
        return features + super().forward(features)


class Dense(nn.Sequential):
    """Adds up what all its layers give."""

    def forward(self, features):
        total = features
        for layer in self:
            features = layer(features)
            total = total + features
        return total


class WeightStandardised(nn.Conv2d):
    def forward(self, features):
        mean, std = (f((1, 2, 3), keepdim=True) for f in (self.weight.mean, self.weight.std))
        weight = (self.weight - mean) / std
        return self._conv_forward(features, weight, self.bias)


class Tapped(nn.Module):
    """Uses the children of its row one by one, and two of them once more."""

    def __init__(self) -> None:
        super().__init__()
        self.row = nn.Sequential(conv(), norm(), nn.ReLU())

    def forward(self, features):
        taps = []
        for layer in self.row:
            features = layer(features)
            taps.append(features)
        return torch.stack([*taps, self.row[0](features), self.row[1](features), self.row(taps[0])])


class Container(nn.Module):
    """Has a row that nobody calls, and whose layers would not fit each other."""

    def __init__(self) -> None:
        super().__init__()
        self.parts = nn.Sequential(conv(), nn.BatchNorm2d(9))

    def forward(self, features):
        return self.parts[0](features)


def conv(channels: int = 4, **options) -> nn.Conv2d:
    return nn.Conv2d(channels, channels, 3, padding=1, **options)


def norm(channels: int = 4, **options) -> nn.BatchNorm2d:
    return nn.BatchNorm2d(channels, **options)


def one_relu_twice() -> nn.Module:
    relu = nn.ReLU()
    return nn.Sequential(conv(), norm(), relu, conv(), norm(), relu)


def one_convolution_twice() -> nn.Module:
    shared = conv()
    return nn.Sequential(shared, norm(), nn.ReLU(), shared, norm())


def one_norm_twice() -> nn.Module:
    shared = norm()
    return nn.Sequential(conv(), shared, nn.ReLU(), conv(), shared)


def one_block_on_two_paths() -> nn.Module:
    block = nn.Sequential(conv(), norm(), nn.ReLU())
    return nn.Sequential(block, Residual(block, conv()), block)


class Named(nn.Module):
    """Has a row of named layers, and calls one of them by its name."""

    def __init__(self) -> None:
        super().__init__()
        layers = OrderedDict(first=conv(), norm=norm(), act=nn.ReLU(), last=conv())
        self.row = nn.Sequential(layers)

    def forward(self, features):
        return self.row(features) + self.row.last(features)


def hooked(kind: str) -> nn.Module:
    row = nn.Sequential(conv(), norm(), nn.ReLU(), conv(), norm())
    if kind == "forward":
        row[0].register_forward_hook(lambda module, given, output: 2 * output)
    elif kind == "before":
        row[1].register_forward_pre_hook(lambda module, given: (given[0] + 1,))
    else:
        row.register_forward_hook(lambda module, given, output: output - 1)
    return row


def parametrised() -> nn.Module:
    layer = nn.utils.parametrize.register_parametrization(conv(), "weight", nn.Softplus())
    return nn.Sequential(layer, norm(), nn.ReLU(), conv(), norm())


def parametrised_parent() -> nn.Module:
    parent = Tapped()
    parent.register_parameter("scale", nn.Parameter(torch.ones(1)))
    return nn.utils.parametrize.register_parametrization(parent, "scale", nn.Softplus())


def another_forward() -> nn.Module:
    row = nn.Sequential(conv(), norm(), nn.ReLU())
    row[0].forward = lambda given: 3 * given
    return row


ODD = {
    "one ReLU twice": one_relu_twice,
    "one convolution twice": one_convolution_twice,
    "one norm twice": one_norm_twice,
    "one block on two paths": one_block_on_two_paths,
    "named children": Named,
    "a Sequential with a residual": lambda: Residual(conv(), norm(), nn.ReLU()),
    "a Sequential with a forward of its own": lambda: Dense(conv(), norm(), nn.ReLU()),
    "weight standardisation": lambda: nn.Sequential(WeightStandardised(4, 4, 3), norm()),
    "children used one by one": Tapped,
    "children that do not fit": Container,
    "a hook behind": lambda: hooked("forward"),
    "a hook before": lambda: hooked("before"),
    "a hook of the row": lambda: hooked("row"),
    "a parametrization": parametrised,
    "a parametrization of a parent": parametrised_parent,
    "weight norm": lambda: nn.Sequential(parametrizations.weight_norm(conv()), norm()),
    "weight norm by a hook": lambda: nn.Sequential(nn.utils.weight_norm(conv()), norm()),
    "spectral norm": lambda: nn.Sequential(parametrizations.spectral_norm(conv()), norm()),
    "another forward": another_forward,
    "no statistics": lambda: nn.Sequential(conv(), norm(track_running_stats=False), nn.ReLU()),
    "no weights": lambda: nn.Sequential(conv(), norm(affine=False), nn.ReLU()),
    "groups, bias, reflection": lambda: nn.Sequential(
        conv(groups=2, bias=False, padding_mode="reflect"), norm(eps=0.1)
    ),
    "a norm before": lambda: nn.Sequential(norm(), conv(), nn.ReLU(), norm()),
    "an empty row": lambda: nn.Sequential(nn.Sequential(), conv(), norm()),
}


@pytest.mark.parametrize("make", ODD.values(), ids=ODD)
@pytest.mark.filterwarnings("ignore:.*weight_norm.* is deprecated")
def test_folding_never_changes_what_a_module_gives(make):
    torch.manual_seed(0)
    assert_same_answers(lived_in(make()), features())


def test_a_subclass_keeps_the_refine_of_its_own():
    plain = networks.build("resann-1-4", 5, seed=0)
    network = lived_in(Doubled(plain.stem, [*plain.segments], [*plain.heads]))
    exits = [*folded(network).refine(images(3))]
    torch.testing.assert_close(torch.stack(exits), network(images(3)), rtol=1e-3, atol=1e-4)


def test_a_norm_that_is_in_training_still_learns_its_statistics():
    row = lived_in(nn.Sequential(conv(), norm(), nn.ReLU())).double()
    row[1].train()
    before = row[1].running_mean.clone()
    other = nn.Sequential(conv(), norm(), nn.ReLU()).double().eval()
    other.load_state_dict(row.state_dict())
    other[1].train()
    assert torch.equal(folded(row)(features()), other(features()))
    assert not torch.equal(row[1].running_mean, before)


def test_rows_that_can_be_folded_are():
    for make in (one_relu_twice, one_convolution_twice, one_norm_twice, Named):
        network = lived_in(make()).double()
        assert batch_norms_run(folded(network), features()) == 0


# Random rows: whatever is in them, the answers stay.


class Draw:
    """Draws rows of layers; it may take a layer that it has drawn before."""

    def __init__(self, seed: int) -> None:
        self.random, self.layers = random.Random(seed), []

    def layer(self, depth: int) -> nn.Module:
        if self.layers and self.random.random() < 0.2:
            return self.random.choice(self.layers)
        kinds = [self.conv, self.conv, self.norm, self.norm, nn.ReLU, nn.Identity]
        if depth:
            kinds.append(lambda: self.row(depth - 1))
        self.layers.append(self.random.choice(kinds)())
        return self.layers[-1]

    def conv(self) -> nn.Module:
        kind = self.random.choice([nn.Conv2d, nn.Conv2d, WeightStandardised])
        options = {
            "groups": self.random.choice([1, 2, 4]),
            "bias": self.random.choice([True, False]),
            "dilation": self.random.choice([1, 2]),
            "padding_mode": self.random.choice(["zeros", "circular"]),
        }
        return kind(4, 4, 3, padding=options["dilation"], **options)

    def norm(self) -> nn.Module:
        affine, tracked = self.random.random() < 0.8, self.random.random() < 0.8
        return norm(affine=affine, track_running_stats=tracked)

    def row(self, depth: int) -> nn.Module:
        kind = self.random.choice([nn.Sequential, nn.Sequential, Residual, Dense])
        return kind(*(self.layer(depth) for _ in range(self.random.randint(1, 6))))


@pytest.mark.parametrize("seed", range(60))
def test_random_rows_give_the_same_once_folded(seed):
    torch.manual_seed(seed)
    assert_same_answers(lived_in(nn.Sequential(Draw(seed).row(2), conv())), features())


# Networks made by `attach` are folded in the graph of their backbone.


class Undecided(nn.Module):
    """Cannot be traced: what it does depends on its input."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.row = nn.Sequential(conv(channels), norm(channels), nn.ReLU())

    def forward(self, features):
        return self.row(features) if features.mean() > -9 else features


def attached(exits: list[str], undecided: bool = False) -> nn.Module:
    torch.manual_seed(0)
    backbone = models.resnet18(num_classes=5)
    if undecided:
        backbone.layer3 = nn.Sequential(backbone.layer3, Undecided(256))
    return lived_in(attach(backbone, exits, 5, image_shape=(3, 32, 32)))


@pytest.mark.parametrize(
    ("exits", "left"),
    [
        (["layer2", "layer3"], 0),
        (["bn1", "layer1.0.bn2", "relu"], 0),
        (["conv1", "layer2.0.downsample.0"], 2),  # what an exit reads is kept as it is
    ],
)
def test_a_backbone_is_folded_in_its_graph(exits, left):
    network = attached(exits)
    assert batch_norms_run(network, images(1, 32)) == 20
    assert batch_norms_run(folded(network), images(1, 32)) == left
    assert_same_answers(network, images(2, 32))


def test_a_part_that_cannot_be_opened_is_folded_by_its_rows():
    network = attached(["layer2", "layer3"], undecided=True)
    before = batch_norms_run(network, images(1, 32))
    # Its own row, and the three shortcuts of a ResNet, which are rows, too.
    assert batch_norms_run(folded(network), images(1, 32)) == before - 4
    assert_same_answers(network, images(2, 32))


@pytest.mark.parametrize(
    ("name", "exits"),
    [
        ("mobilenet_v3_small", ["features.3", "features.8"]),
        ("densenet121", ["features.denseblock2", "features.denseblock3"]),
    ],
)
def test_other_backbones_give_the_same_once_folded(name, exits):
    torch.manual_seed(0)
    backbone = models.get_model(name, weights=None, num_classes=5)
    network = lived_in(attach(backbone, exits, 5, image_shape=(3, 32, 32)))
    fewer = batch_norms_run(folded(network), images(1, 32))
    assert fewer < batch_norms_run(network, images(1, 32))
    assert_same_answers(network, images(2, 32))


def test_a_network_of_attach_with_hooks_is_left_alone():
    network = attached(["layer2"])
    network.backbone.layer1[0].conv1.register_forward_hook(lambda *_: None)
    assert folded(network) is network
