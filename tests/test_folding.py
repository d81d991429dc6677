"""A folded network against the one it was made of."""

import importlib

import pytest
import torch
from torch import nn

from anytime import networks
from anytime.networks.folding import folded

resann = importlib.import_module("anytime.networks.resann")  # the package has a function so named


def images(count: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(count)
    return torch.randint(0, 256, (count, 3, 12, 12), dtype=torch.uint8, generator=generator)


def lived_in(network: nn.Module) -> nn.Module:
    """The network in evaluation mode, its batch norms unlike fresh ones, which do nothing."""
    generator = torch.Generator().manual_seed(0)
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            for values in (module.weight.data, module.running_var):
                values.copy_(torch.rand(values.shape, generator=generator) + 0.5)
            for values in (module.bias.data, module.running_mean):
                values.copy_(torch.randn(values.shape, generator=generator))
    return network.eval()


def bottleneck() -> nn.Module:
    shape = resann.Shape(units=(1, 2), channels=4, bottleneck=True)
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
def test_no_batch_norm_is_left_right_behind_a_convolution(make):
    network = make().eval()
    assert norms_behind_convolutions(network) > 0
    assert norms_behind_convolutions(folded(network)) == 0


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


def test_a_network_in_training_is_not_folded():
    with pytest.raises(ValueError, match=r"call eval\(\) first"):
        folded(networks.build("resann-1-4", seed=0).train())
