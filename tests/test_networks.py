"""Networks against torchvision, against their description written out, and on disk."""

import hashlib
import itertools
import os
from dataclasses import replace

import numpy as np
import pytest
import torch
import torch.nn.functional as F
import torchvision
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from anytime import networks
from anytime.networks.base import state_digest
from anytime.networks.resann import BasicUnit


def images(*shape: int, seed: int = 0) -> torch.Tensor:
    """Pixels in 0 ... 255 as float."""
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(0, 256, shape, generator=generator).float()


def shaken(network: nn.Module, seed: int = 0) -> nn.Module:
    """The network in evaluation mode, every state of its normalisations away from 0 and 1."""
    generator = torch.Generator().manual_seed(seed)
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            size = module.weight.shape
            module.weight.data = 0.5 + torch.rand(size, generator=generator)
            module.bias.data = torch.randn(size, generator=generator) / 2
            module.running_mean = torch.randn(size, generator=generator) / 2
            module.running_var = 0.5 + torch.rand(size, generator=generator)
    return network.eval()


def trunk(network) -> list[torch.Tensor]:
    """Everything before the heads, in the order of the layers."""
    return [*network.stem.state_dict().values(), *network.segments.state_dict().values()]


@pytest.fixture(scope="module")
def resnets():
    """Torchvision's ResNet-50, and ours that took over its weights."""
    theirs = shaken(torchvision.models.resnet50(num_classes=7))
    ours = networks.build("resann-50", num_classes=7, seed=0).eval()
    source = [value for key, value in theirs.state_dict().items() if not key.startswith("fc.")]
    with torch.no_grad():
        for mine, value in zip(trunk(ours), source, strict=True):
            mine.copy_(value)
    ours.heads[-1][-1].load_state_dict(theirs.fc.state_dict())
    ours.standardise = nn.Identity()
    return ours, theirs


@pytest.mark.parametrize("layers", [50, 101])
def test_bottleneck_networks_have_the_layers_of_torchvisions_resnets(layers):
    with torch.device("meta"):
        theirs = getattr(torchvision.models, f"resnet{layers}")()
        ours = networks.build(f"resann-{layers}")
    expected = [v.shape for k, v in theirs.state_dict().items() if not k.startswith("fc.")]
    assert [value.shape for value in trunk(ours)] == expected


def test_with_torchvisions_weights_the_last_exit_says_what_torchvisions_resnet_50_says(resnets):
    ours, theirs = resnets
    pixels = images(2, 3, 64, 64) / 128 - 1
    with torch.inference_mode():
        mine, expected = ours(pixels)[-1], theirs(pixels)
    assert expected.std() > 0.1
    torch.testing.assert_close(mine, expected, rtol=1e-4, atol=1e-4 * expected.abs().max().item())


def test_a_resann_computes_what_its_description_says():
    network = shaken(networks.build("resann-2-4", 3, seed=1))
    network.standardise.mean = images(3, 12, 12, seed=2)
    pixels = images(5, 3, 12, 12)
    logits = network(pixels)

    state = list(network.state_dict().values())
    mean, state = state[0], iter(state[1:])

    def norm(x):
        weight, bias, centre, variance, _ = itertools.islice(state, 5)
        axes = (None, slice(None), None, None)
        return (x - centre[axes]) / (variance[axes] + 1e-5).sqrt() * weight[axes] + bias[axes]

    x = F.conv2d((pixels - mean) / 128, next(state), padding=1)
    features = []
    for channels, stride in [(4, 1), (4, 1), (8, 2), (8, 1), (16, 2), (16, 1)]:
        y = F.conv2d(norm(x).clamp(min=0), next(state), padding=1, stride=stride)
        y = norm(F.conv2d(norm(y).clamp(min=0), next(state), padding=1))
        if stride == 2:
            batch, _, height, width = x.shape
            x = x.view(batch, channels // 2, height // 2, 2, width // 2, 2).mean((3, 5))
            none = torch.zeros_like(x[:, : channels // 4])
            x = torch.cat([none, x, none], 1)
        x = x + y
        features.append(x)
    for exit, x in zip(logits, features, strict=True):
        weight, bias = next(state), next(state)
        torch.testing.assert_close(exit, x.clamp(min=0).mean((2, 3)) @ weight.T + bias)
    assert next(state, None) is None


@pytest.mark.parametrize(("height", "width"), [(6, 4), (7, 5)])
def test_the_shortcut_averages_two_by_two_and_adds_channels_of_zeros_on_both_sides(height, width):
    unit = BasicUnit(4, 8, stride=2).eval()
    nn.init.zeros_(unit.residual[-1].weight)
    features = images(2, 4, height, width).numpy()
    expected = np.zeros((2, 8, -(-height // 2), -(-width // 2)), dtype=np.float32)
    for b, c, i, j in np.ndindex(2, 4, *expected.shape[2:]):
        # At an odd border the window holds fewer pixels, and the mean is over those.
        window = features[b, c, 2 * i : 2 * i + 2, 2 * j : 2 * j + 2]
        expected[b, 2 + c, i, j] = window.sum() / window.size
    with torch.no_grad():
        result = unit(torch.from_numpy(features)).numpy()
    np.testing.assert_allclose(result, expected, rtol=1e-6)


@pytest.mark.parametrize(("units", "every"), [(1, 1), (2, 4), (5, 2), (5, 15), (5, 20), (25, 3)])
def test_exits_lie_every_few_units_counted_from_the_end(units, every):
    with torch.device("meta"):
        network = networks.build(f"resann-{units}-4-s{every}")
    depths = np.cumsum([len(segment) for segment in network.segments])
    after_each_unit = range(1, 3 * units + 1)
    assert depths.tolist() == [d for d in after_each_unit if (3 * units - d) % every == 0]
    assert network.num_exits == len(network.heads) == len(depths)


@pytest.mark.parametrize("name", ["resann-2-4-s2", "resann-26-cifar-stride2-s3"])
def test_refining_gives_exactly_the_exits_of_a_forward_pass(name):
    network = shaken(networks.build(name, 5, seed=0))
    pixels = images(2, 3, 16, 16)
    with torch.inference_mode():
        logits = network(pixels)
        refined = list(network.refine(pixels))
    assert logits.shape == (network.num_exits, 2, 5)
    assert len(refined) == network.num_exits
    assert all(map(torch.equal, logits, refined))


@pytest.mark.parametrize("exits", [1, 2, 4])
def test_refining_runs_no_module_beyond_the_exit_asked_for(exits):
    network = networks.build("resann-2-4-s2-stride2", seed=0).eval()
    calls = dict.fromkeys(network.modules(), 0)

    def count(module, *_):
        calls[module] += 1

    for module in network.modules():
        module.register_forward_hook(count)
    refining = network.refine(images(1, 3, 16, 16))
    for _ in range(min(exits, network.num_exits)):
        next(refining)
    parts = [network.standardise, network.stem, *network.segments[:exits], *network.heads[:exits]]
    needed = {module for part in parts for module in part.modules()}
    assert {module for module, times in calls.items() if times} == needed
    assert max(calls.values()) == 1


@pytest.mark.parametrize("exit", [1, 2, 3])
def test_an_exit_teaches_everything_before_it_and_nothing_else(exit):
    network = networks.build("resann-1-4", seed=0).train()
    logits = network(images(4, 3, 8, 8))[exit - 1]
    logits.square().sum().backward()
    before = [network.stem, *network.segments[:exit], network.heads[exit - 1]]
    taught = {id(parameter) for part in before for parameter in part.parameters()}
    for parameter in network.parameters():
        reached = parameter.grad is not None and bool(parameter.grad.any())
        assert reached == (id(parameter) in taught)


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("size", [28, 33])
@pytest.mark.parametrize("options", ["", "-stride2", "-imagenet"])
def test_images_of_odd_size_and_gray_ones_are_read(channels, size, options):
    network = networks.build(f"resann-1-4{options}", 6, channels, seed=0).eval()
    with torch.inference_mode():
        logits = network(images(2, channels, size, size))
    assert logits.shape == (3, 2, 6)
    assert logits.isfinite().all()


def test_a_network_up_to_an_exit_gives_the_same_first_exits_with_the_same_parameters():
    network = shaken(networks.build("resann-2-4", seed=0))
    shorter = network.up_to(3)
    pixels = images(2, 3, 16, 16)
    assert torch.equal(shorter(pixels), network(pixels)[:3])
    assert {id(p) for p in shorter.parameters()} < {id(p) for p in network.parameters()}


@pytest.mark.parametrize("training", [True, False])
def test_a_network_up_to_an_exit_is_in_the_mode_of_the_whole_one(training):
    network = networks.build("resann-1-4", seed=0).train(training)
    assert {module.training for module in network.up_to(2).modules()} == {training}
    assert network.training == training


def test_the_name_of_a_network_up_to_an_exit_builds_it_again():
    shorter = networks.build("resann-2-4-stride2", seed=3).up_to(5).up_to(4)
    again = networks.build(shorter.name, seed=3)
    assert again.name == shorter.name == "resann-2-4-stride2-to4"
    assert again.num_exits == 4
    pixels = images(2, 3, 16, 16)
    assert torch.equal(again.eval()(pixels), shorter.eval()(pixels))


@pytest.mark.parametrize("exit", [0, 7])
def test_an_exit_that_a_network_lacks_is_refused_with_those_it_has(exit):
    with pytest.raises(ValueError, match=f"between 1 and 6, not {exit}"):
        networks.build(f"resann-2-4-to{exit}")


def test_a_network_up_to_its_last_exit_has_all_of_them():
    network = networks.build("resann-2-4", seed=0).eval()
    whole = network.up_to(6)
    assert whole.num_exits == 6
    assert torch.equal(whole(images(2, 3, 8, 8)), network(images(2, 3, 8, 8)))


@pytest.mark.parametrize(
    "name",
    ["", "resnet-50", "resann", "resann-34", "resann-5-16-x2", "resann-5-16-s", "resann-5-16\n"],
)
def test_an_unknown_name_is_refused_with_how_names_are_made(name):
    with pytest.raises(ValueError, match="unknown network.* resann-N-C .*resann-50.*-s3, -stride2"):
        networks.build(name)


@pytest.mark.parametrize(
    "name", ["resann-0-16", "resann-5-0", "resann-5-16-s0", "resann-5-16-stride0"]
)
def test_a_network_without_units_channels_exits_or_stride_is_refused(name):
    with pytest.raises(ValueError, match=f"{name}.*at least 1"):
        networks.build(name)


def test_a_strided_stem_of_the_imagenet_kind_is_refused():
    with pytest.raises(ValueError, match="-stride belongs to the CIFAR stem"):
        networks.build("resann-50-stride2")


def test_as_many_segments_as_heads_are_asked_for():
    with pytest.raises(ValueError, match="1 segments need as many heads, not 2"):
        networks.AnytimeNetwork(nn.Identity(), [nn.Identity()], [nn.Identity(), nn.Identity()])


def parameters(network) -> torch.Tensor:
    return nn.utils.parameters_to_vector(network.parameters())


def test_a_seed_fixes_the_initial_weights_and_leaves_torchs_own_generator_alone():
    before = torch.get_rng_state()
    first, again, other = (
        parameters(networks.build("resann-1-4", seed=seed)) for seed in (5, 5, 6)
    )
    assert torch.equal(torch.get_rng_state(), before)
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_without_a_seed_torchs_own_generator_draws_the_initial_weights():
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        first, second = networks.build("resann-1-4"), networks.build("resann-1-4")
    assert not torch.equal(parameters(first), parameters(second))


@pytest.mark.parametrize(("name", "side"), [("resann-1-64", 1), ("resann-1-64-fanout", 0)])
def test_initial_weights_have_the_variance_of_he(name, side):
    """By the inputs of each layer, as the authors', or by its outputs."""
    network = networks.build(name, num_classes=100, seed=0)
    convolutions = [m for m in network.modules() if isinstance(m, nn.Conv2d)]
    heads = [head[-1] for head in network.heads]
    for layer in convolutions:
        expected = 2 / (9 * layer.weight.shape[side])
        assert layer.weight.var().item() == pytest.approx(expected, rel=0.1)
        assert layer.weight.mean().abs() < 0.1 * expected**0.5
    for layer in heads:
        expected = (1 + side) / layer.in_features
        assert layer.weight.var().item() == pytest.approx(expected, rel=0.1)
        assert not layer.bias.any()


@pytest.fixture
def stored(tmp_path):
    """A network, the file it is stored in, and what the record says of it."""
    network = shaken(networks.build("resann-2-4-stride2-to5", 6, seed=0))
    network.standardise.mean = images(3, 16, 16, seed=4)
    path = tmp_path / "network.pt"
    return network, path, networks.save(network, path)


def test_what_half_precision_cannot_hold_is_stored_as_it_is(stored):
    network, path, _ = stored
    network.heads[0][-1].bias.data[:2] = torch.tensor([1e5, -7e4])
    networks.save(network, path)
    assert networks.load(path).heads[0][-1].bias[:2].tolist() == [1e5, -7e4]


def test_a_compiled_network_is_stored_as_what_it_was_compiled_from(stored):
    network, path, record = stored
    assert networks.save(torch.compile(network), path) == record
    assert not [key for key in networks.load(path).state_dict() if "_orig_mod" in key]


def test_a_chain_of_members_without_names_is_not_stored(tmp_path):
    chain = networks.EANN([networks.build("resann-1-4", seed=0) for _ in range(2)])
    networks.save(chain, tmp_path / "chain.pt")
    chain.members[0].name = chain.name = ""
    with pytest.raises(ValueError, match="without a name cannot be loaded again"):
        networks.save(chain, tmp_path / "other.pt")
    assert [path.name for path in tmp_path.iterdir()] == ["chain.pt"]


def test_a_stored_network_predicts_what_it_predicted_up_to_half_precision(stored):
    network, path, record = stored
    again = networks.load(path, record["sha256"])
    assert again.name == network.name
    assert not again.training
    assert all(value.dtype != torch.float16 for value in again.state_dict().values())
    pixels = images(4, 3, 16, 16)
    with torch.inference_mode():
        expected = network(pixels)
        error = (again(pixels) - expected).abs().max()
    assert 0 < error < 0.01 * expected.std()


def test_a_stored_network_reads_images_of_bytes(stored):
    _, path, _ = stored
    network = networks.load(path)
    pixels = images(4, 3, 16, 16)
    with torch.inference_mode():
        assert torch.equal(network(pixels.byte()), network(pixels))


def test_the_mean_of_the_training_images_comes_with_the_state_in_its_own_shape():
    network = networks.build("resann-1-4")
    assert network.standardise.mean.shape == (1, 1, 1)
    network.standardise.mean = images(3, 16, 16)
    other = networks.build("resann-1-4")
    other.load_state_dict(network.state_dict())
    assert torch.equal(other.standardise.mean, network.standardise.mean)
    other.standardise.mean += 1
    assert torch.equal(network.standardise.mean, images(3, 16, 16))


@pytest.mark.parametrize("shape", [(2, 1, 16, 16), (2, 3, 20, 20), (3, 16, 16)])
def test_images_of_another_shape_than_the_training_images_are_refused(shape):
    network = networks.build("resann-1-4", seed=0).eval()
    network.standardise.mean = images(3, 16, 16)
    with pytest.raises(ValueError, match=r"do not fit the mean \(3, 16, 16\)"):
        network(images(*shape))


def test_the_record_of_a_stored_network_is_that_of_its_file(stored):
    _, path, record = stored
    assert record["file"] == path.name
    assert record["bytes"] == path.stat().st_size
    assert record["sha256"] == hashlib.sha256(path.read_bytes()).hexdigest()
    assert (record["num_classes"], record["in_channels"]) == (6, 3)


def test_a_file_that_changed_is_refused(stored):
    _, path, record = stored
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    with pytest.raises(ValueError, match="network.pt has changed.* fetch it anew"):
        networks.load(path, record["sha256"])


@pytest.mark.parametrize("content", [[1, 2], {"name": "resann-1-4"}, torch.ones(3), None, 7, "x"])
def test_a_file_that_holds_something_else_is_refused(tmp_path, content):
    path = tmp_path / "other.pt"
    torch.save(content, path)
    with pytest.raises(ValueError, match="other.pt holds no network of this kit"):
        networks.load(path)


@pytest.mark.parametrize("kept", [0, 1, 100, 5000, -100])
def test_a_truncated_file_is_refused(stored, kept):
    _, path, _ = stored
    path.write_bytes(path.read_bytes()[:kept])
    with pytest.raises(ValueError, match="network.pt holds no network of this kit"):
        networks.load(path)


def test_a_text_file_is_refused(tmp_path):
    path = tmp_path / "notes.txt"
    path.write_text("no network at all\n")
    with pytest.raises(ValueError, match="notes.txt holds no network of this kit"):
        networks.load(path)


def test_a_stored_network_of_another_shape_than_its_name_is_refused(stored):
    _, path, _ = stored
    content = torch.load(path, weights_only=True)
    torch.save(content | {"name": "resann-2-8-stride2-to5"}, path)
    with pytest.raises(ValueError, match="holds no network of this kit.*size mismatch") as caught:
        networks.load(path)
    assert len(str(caught.value)) < 600


def test_a_stored_network_that_this_kit_cannot_build_is_refused_by_its_name(stored):
    _, path, _ = stored
    content = torch.load(path, weights_only=True)
    torch.save(content | {"name": "transformer-12"}, path)
    with pytest.raises(ValueError, match="network.pt holds no network.*'transformer-12'"):
        networks.load(path)


def test_a_stored_network_that_is_missing_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match="absent.pt"):
        networks.load(tmp_path / "absent.pt")


def test_a_full_disk_leaves_the_stored_network_as_it_was(stored, monkeypatch):
    network, path, record = stored

    def full(*arguments):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    nn.init.zeros_(network.heads[0][-1].weight)
    with pytest.raises(OSError, match="No space"):
        networks.save(network, path)
    assert os.listdir(path.parent) == [path.name]
    assert networks.load(path, record["sha256"]).heads[0][-1].weight.any()


SHAPES = st.builds(
    networks.Shape,
    units=st.lists(st.integers(1, 12), min_size=2, max_size=5) | st.just([4, 4, 4]),
    channels=st.integers(1, 64),
    unit=st.sampled_from(["basic", "bottleneck", "preact"]),
    every=st.integers(1, 4),
    stem=st.sampled_from(["", "cifar", "imagenet"]),
    init=st.sampled_from(["fanin", "fanout"]),
)


@settings(derandomize=True)
@given(SHAPES, st.integers(1, 3))
def test_the_name_of_a_shape_is_read_as_the_shape(shape, stride):
    shape = replace(shape, stride=stride if shape.stem == "cifar" else 1)
    assert networks.parse(shape.name) == shape


@pytest.mark.parametrize("layers", [26, 50, 101])
@pytest.mark.parametrize("ending", ["", "-preact", "-s3", "-cifar", "-cifar-fanout"])
def test_a_known_bottleneck_network_goes_by_its_layers(layers, ending):
    assert networks.parse(f"resann-{layers}{ending}").name == f"resann-{layers}" + (
        "-preact" if "preact" in ending else ""
    ) + ending.replace("-preact", "")


@pytest.mark.parametrize(
    "spelling",
    ["resann-4-16-stride2-s3", "resann-4.4.4-16-s3-stride2", "resann-04-16-cifar-s3-stride2"],
)
def test_every_spelling_of_a_network_has_one_name(spelling):
    made = networks.resann(networks.Shape([4, 4, 4], 16, every=3, stride=2), 10)
    assert networks.build(spelling).name == made.name == "resann-4-16-s3-stride2"


@pytest.mark.parametrize(
    "name", ["resann-1-4-stride2-stride4", "resann-1-4-cifar-imagenet", "resann-1-4-s2-s2"]
)
def test_an_option_given_twice_is_refused(name):
    with pytest.raises(ValueError, match="twice"):
        networks.build(name)


def test_networks_of_other_channels_have_other_names():
    names = {networks.resann(networks.Shape((1, 1, 1), c), 10).name for c in (4, 8)}
    assert names == {"resann-1-4", "resann-1-8"}


def test_a_preactivation_unit_is_the_sum_of_both_paths_without_a_relu():
    unit = shaken(networks.build("resann-1.1-4-preact-cifar", seed=0)).segments[1][0]
    features = torch.randn(2, 16, 8, 8, generator=torch.Generator().manual_seed(0))
    unit.train()
    slow = features
    for layer in unit.residual:
        slow = layer(slow)
    kinds = [type(layer).__name__ for layer in unit.residual]
    assert kinds == ["BatchNorm2d", "ReLU", "Conv2d"] * 3 + ["BatchNorm2d"]
    assert torch.equal(unit(features), slow + unit.shortcut(features))
    assert (unit(features) < 0).any()


@networks.register("plain")
class Plain(nn.Module):
    """The protocol and nothing more: each exit a linear layer on all pixels."""

    def __init__(self, num_classes: int, in_channels: int, depth: int = 2) -> None:
        super().__init__()
        self.num_exits = depth
        self.layers = nn.ModuleList(nn.LazyLinear(num_classes) for _ in range(depth))

    def refine(self, pixels):
        for layer in self.layers:
            yield layer(pixels.float().flatten(1))


def test_a_family_of_ones_own_is_built_by_its_name_and_options():
    network = networks.build("plain:depth=3", 5)
    assert network.name == "plain:depth=3" and network.num_exits == 3
    assert networks.build("plain:depth=2", 5).name == "plain"
    cut = networks.build("plain:depth=3-to2", 5)
    assert cut.name == "plain:depth=3-to2"
    assert cut(images(4, 3, 8, 8)).shape == (2, 4, 5)
    assert networks.build(f"{__name__}:Plain:depth=3", 5).name == "plain:depth=3"


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("plain:width=3", "no option 'width'; there are depth"),
        ("plain:depth=deep", "depth=deep is no number"),
        ("no.such.module:thing", "cannot be imported"),
    ],
)
def test_a_family_s_wrong_option_is_refused(name, message):
    with pytest.raises(ValueError, match=message):
        networks.build(name)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16, torch.half])
def test_a_digest_tells_states_of_any_type_apart_and_equal_ones_not(dtype):
    network = networks.build("resann-1-4-stride2", seed=0).to(dtype)
    before = state_digest(network.state_dict())
    assert (
        state_digest(networks.build("resann-1-4-stride2", seed=0).to(dtype).state_dict()) == before
    )
    network.standardise.mean = torch.ones(3, 1, 1, dtype=dtype)
    network.to(memory_format=torch.channels_last)
    assert state_digest(network.state_dict()) == before
    with torch.no_grad():
        network.heads[0][-1].bias[0] += 1
    assert state_digest(network.state_dict()) != before
