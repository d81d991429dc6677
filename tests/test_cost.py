"""Costs against closed forms, against torchvision's own figures, and against a slow count."""

import itertools

import numpy as np
import pytest
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode
from torchvision import models

from anytime import networks
from anytime.networks import cost

GRID = [(1, 4), (2, 3), (5, 16), (9, 128)]


def build(name: str, *arguments) -> networks.AnytimeNetwork:
    """A network without numbers in it: made at once, whatever its size."""
    with torch.device("meta"):
        return networks.build(name, *arguments)


@pytest.mark.parametrize(("option", "side"), [("", 32), ("-stride2", 16)])
@pytest.mark.parametrize(("n", "c"), GRID)
def test_convolutions_of_a_resann_cost_the_closed_form(n, c, option, side):
    # All convolutions but the stem cost a; those that halve the resolution cost a half of it.
    a = 9 * c**2 * side**2
    k = np.arange(1, 3 * n + 1)
    expected = 27 * c * side**2 + 2 * a * k - a // 2 * (k > n) - a // 2 * (k > 2 * n)
    counted = cost.multiply_adds(build(f"resann-{n}-{c}{option}"), convolutions_only=True)
    assert counted.dtype == np.int64
    assert counted.tolist() == expected.tolist()


def test_linear_layers_add_channels_times_classes_for_each_exit_so_far():
    network = build("resann-2-4-s2", 100)
    heads = cost.multiply_adds(network) - cost.multiply_adds(network, convolutions_only=True)
    assert heads.tolist() == [400, 1200, 2800]


@pytest.mark.parametrize(("n", "c"), GRID)
def test_parameters_of_a_resann_are_the_closed_form(n, c):
    expected, so_far = [], 27 * c
    for w in (c, 2 * c, 4 * c):
        for unit in range(n):
            first = unit == 0 and w > c
            so_far += 27 * w**2 // 2 + 5 * w if first else 18 * w**2 + 6 * w
            so_far += (w + 1) * 10
            expected.append(so_far)
    assert cost.parameters(build(f"resann-{n}-{c}")).tolist() == expected


RESNETS = {50: models.ResNet50_Weights.IMAGENET1K_V1, 101: models.ResNet101_Weights.IMAGENET1K_V1}
CHANNELS = {50: [256] * 3 + [512] * 4 + [1024] * 6 + [2048] * 3}
CHANNELS[101] = [256] * 3 + [512] * 4 + [1024] * 23 + [2048] * 3


@pytest.mark.parametrize("layers", [50, 101])
def test_a_bottleneck_resann_costs_what_torchvision_says_and_the_early_heads(layers):
    published, early = RESNETS[layers].meta, CHANNELS[layers][:-1]
    network = build(f"resann-{layers}", 1000)
    multiply_adds = cost.multiply_adds(network, (3, 224, 224))[-1] - sum(early) * 1000
    assert round(multiply_adds / 1e9, 3) == published["_ops"]
    parameters = cost.parameters(network)[-1] - sum(c + 1 for c in early) * 1000
    assert parameters == published["num_params"]


def count_by_hand(network: nn.Module, images: torch.Tensor) -> int:
    """Multiply-adds of all convolutions and linear layers, from the shapes that pass by."""
    counts = []

    def hook(module, inputs, output):
        if isinstance(module, nn.Conv2d):
            window = module.kernel_size[0] * module.kernel_size[1]
            counts.append(output.numel() * window * module.in_channels // module.groups)
        elif isinstance(module, nn.Linear):
            counts.append(output.numel() * module.in_features)

    for module in network.modules():
        module.register_forward_hook(hook)
    network.eval()(images)
    return sum(counts)


def test_torchvisions_resnet_50_costs_exactly_the_resann_without_its_early_heads():
    with torch.device("meta"):
        expected = count_by_hand(models.resnet50(num_classes=10), torch.empty(1, 3, 96, 96))
    counted = cost.multiply_adds(build("resann-50"), (3, 96, 96))[-1]
    assert counted - sum(CHANNELS[50][:-1]) * 10 == expected


@pytest.mark.parametrize("name", ["resann-2-4-s2", "resann-2-4-stride2", "resann-26-cifar"])
@pytest.mark.parametrize("shape", [(1, 28, 28), (1, 33, 33)])
def test_the_last_exits_cost_is_the_count_by_hand_for_odd_sizes_and_gray_images(name, shape):
    network = build(name, 10, 1)
    counted = cost.multiply_adds(network, shape)[-1]
    assert counted == count_by_hand(network, torch.empty(1, *shape, device="meta"))


def test_grouped_convolutions_cost_less_by_their_number_of_groups():
    units = [nn.Conv2d(8, 8, 3, padding=1, groups=groups, bias=False) for groups in (1, 2, 8)]
    heads = [networks.Head(8, 5) for _ in units]
    network = networks.AnytimeNetwork(nn.Conv2d(3, 8, 1), units, heads)
    counted = cost.multiply_adds(network, (3, 6, 6), convolutions_only=True)
    full = 36 * 9 * 64
    assert np.diff(counted, prepend=36 * 24).tolist() == [full, full // 2, full // 8]


@pytest.mark.parametrize("exit", [1, 3, 6])
def test_refining_to_an_exit_does_the_work_that_it_is_said_to_cost(exit):
    network = networks.build("resann-2-4-stride2", seed=0).eval()
    expected = cost.multiply_adds(network, (3, 16, 16))[exit - 1]
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        refining = network.refine(torch.zeros(1, 3, 16, 16))
        for _ in range(exit):
            next(refining)
    assert counter.get_total_flops() == 2 * expected


def test_a_network_up_to_an_exit_costs_what_that_exit_costs():
    network = build("resann-2-4")
    assert cost.multiply_adds(network.up_to(4))[-1] == cost.multiply_adds(network)[3]
    assert cost.parameters(network.up_to(4)).tolist() == cost.parameters(network)[:4].tolist()


def test_counting_leaves_the_network_as_it_was():
    network = networks.build("resann-1-4", seed=0).train()
    before = {key: value.clone() for key, value in network.state_dict().items()}
    cost.multiply_adds(network)
    assert network.training
    after = network.state_dict()
    assert all(torch.equal(after[key], before[key]) for key in before)


def test_latency_is_the_median_of_the_time_since_the_images_without_the_first_two_passes(
    monkeypatch,
):
    # Seven looks at the clock a pass, a second each; three of all, in three passes, take longer.
    clock, looks = [0.0], itertools.count()

    def now():
        clock[0] += 1.0 if next(looks) not in (3, 10, 24) else 100.0
        return clock[0]

    monkeypatch.setattr(cost.time, "perf_counter", now)
    network = networks.build("resann-2-4-stride2", seed=0).eval()
    times = cost.latency(network, torch.zeros(2, 3, 16, 16), repeats=3)
    np.testing.assert_array_equal(times, [1, 2, 3, 4, 5, 6])


class LooksAtValues(nn.Module):
    """Reads a number of its features, and keeps a tensor that is no buffer."""

    num_exits = 2

    def __init__(self) -> None:
        super().__init__()
        self.scale = torch.tensor(2.0)
        self.layers = nn.ModuleList(nn.Linear(12, 12) for _ in range(2))

    def refine(self, images):
        features = images.flatten(1)
        yield features  # an exit before any layer
        for layer in self.layers[:1]:
            features = layer(features) * self.scale + features.sum().item()
        yield features


def test_a_network_that_looks_at_values_is_counted_all_the_same():
    network = LooksAtValues().train()
    assert cost.multiply_adds(network, (3, 2, 2)).tolist() == [0, 144]
    assert cost.parameters(network, (3, 2, 2)).tolist() == [0, 12 * 13]
    assert network.training


def test_a_parameter_that_is_used_twice_is_counted_once():
    segment = nn.Sequential(nn.Conv2d(4, 4, 3, padding=1), nn.ReLU())
    head = networks.Head(4, 5)
    network = networks.AnytimeNetwork(nn.Conv2d(3, 4, 1), [segment, segment], [head, head])
    assert len(set(cost.parameters(network).tolist())) == 1
    assert cost.parameters(network)[-1] == sum(p.numel() for p in network.parameters())
    once, twice = cost.multiply_adds(network)
    assert twice - once == 4 * 4 * 9 * 32 * 32 + 4 * 5


def test_one_weight_of_two_modules_is_counted_once_by_its_first_name():
    heads = [nn.Sequential(nn.Conv2d(4, 3, 1), nn.Flatten(2)) for _ in range(2)]
    heads[1][0].weight = heads[0][0].weight
    segments = [nn.Conv2d(3, 4, 1, bias=False), nn.Conv2d(4, 4, 1, bias=False)]
    network = networks.AnytimeNetwork(nn.Identity(), segments, heads)
    assert cost.parameters(network, (3, 5, 5)).tolist() == [12 + 12 + 3, 12 + 12 + 3 + 16 + 3]
    assert all("heads.0.0.weight" in names for names in cost.reach(network, (3, 5, 5)))


def test_a_frozen_parameter_counts_too():
    network = networks.build("resann-1-4-stride2")
    before = cost.parameters(network).tolist()
    network.stem.requires_grad_(False)
    assert cost.parameters(network).tolist() == before
    assert not any(parameter.requires_grad for parameter in network.stem.parameters())


def test_what_an_exit_depends_on_is_what_its_gradient_reaches():
    network = networks.build("resann-1-4-stride2", seed=0).eval()
    images = torch.rand(2, 3, 32, 32, generator=torch.Generator().manual_seed(0)) * 255
    for reached, logits in zip(cost.reach(network), network.refine(images), strict=True):
        network.zero_grad()
        logits.square().sum().backward(retain_graph=True)
        with_gradient = {n for n, p in network.named_parameters() if p.grad is not None}
        assert reached == with_gradient


def test_measuring_time_changes_nothing_of_a_network_in_training():
    network = networks.build("resann-1-4-stride2", seed=0).train()
    before = {key: value.clone() for key, value in network.state_dict().items()}
    cost.latency(network, torch.zeros(2, 3, 16, 16), repeats=1)
    assert network.training
    assert all(torch.equal(value, before[key]) for key, value in network.state_dict().items())
