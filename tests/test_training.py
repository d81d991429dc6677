"""The training loop against slow obvious versions, interruptions and bad input."""

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace

import pytest
import torch
import torch.multiprocessing as multiprocessing
import torch.nn.functional as F
from torch import nn

from anytime import networks, weighting
from anytime.datasets import Dataset, Images
from anytime.training import Recipe, Session, checkpoints, train
from anytime.training.sums import NotFinite

NETWORK = "resann-1-4-stride2"


@pytest.fixture
def shapes():
    """Sixty images of three classes that differ in brightness: learned within a few steps."""
    return dataset()


def dataset(seed: int = 0) -> Dataset:
    generator = torch.Generator().manual_seed(seed)
    labels = torch.arange(60) % 3
    noise = torch.randint(0, 60, (60, 3, 16, 16), generator=generator)
    pixels = (noise + 80 * labels.view(-1, 1, 1, 1)).to(torch.uint8)
    images = Images(pixels, labels)
    return Dataset("shapes", "shapes", images, images[:30], ("a", "b", "c"), ("crop",))


def fresh(spec: str = "adaloss:every=2", name: str = NETWORK):
    network = networks.build(name, 3, 3, seed=0)
    return network, weighting.build(spec, network.num_exits)


RECIPE = Recipe(epochs=3, batch_size=16, lr=0.05)


def state(network) -> dict[str, torch.Tensor]:
    return {key: value.clone() for key, value in network.state_dict().items()}


def same(a, b) -> bool:
    return a.keys() == b.keys() and all(torch.equal(a[key], b[key]) for key in a)


@pytest.mark.parametrize(
    ("head_decay", "scales"), [("sieve", [2 / 3, 1 / 3, 1]), ("even", [1] * 3)]
)
def test_a_step_is_sgd_on_the_weighted_sum_with_decay_on_convolutions_and_heads(
    shapes, head_decay, scales
):
    recipe = Recipe(epochs=1, batch_size=60, lr=0.3, weight_decay=0.01, augmentation=())
    recipe = replace(recipe, head_decay=head_decay)
    network, scheme = fresh("linear")
    session = Session(network, scheme, shapes, recipe)
    session.begin()
    slow, _ = fresh()
    slow.standardise.mean = shapes.train.pixels.float().mean(0)
    slow.train()
    order = session.batches()[0]

    # At the very start the one-cycle rate is zero.
    session.step, session.steps_per_epoch = 1, 10
    rate = recipe.learning_rate(0.1)
    session.train_step(order)

    b = [0.25, 0.625, 1.0]
    total = 0.0
    pixels = shapes.train.pixels[order].float()
    for i, logits in enumerate(slow.refine(pixels)):
        for logit, label in zip(logits, shapes.train.labels[order], strict=True):
            total = total - b[i] * F.log_softmax(logit, 0)[label] / len(order)
    for i, head in enumerate(slow.heads):
        total = total + 0.5 * recipe.weight_decay * scales[i] * head[-1].weight.square().sum()
    for module in slow.modules():
        if isinstance(module, torch.nn.Conv2d):
            total = total + 0.5 * recipe.weight_decay * module.weight.square().sum()
    total.backward()
    with torch.no_grad():
        for parameter in slow.parameters():
            parameter -= rate * parameter.grad
    for ours, theirs in zip(network.parameters(), slow.parameters(), strict=True):
        assert torch.allclose(ours, theirs, atol=1e-5)


def test_an_epoch_shows_every_image_once(shapes):
    network, scheme = fresh()
    session = Session(network, scheme, shapes, Recipe(epochs=1, batch_size=15))
    seen = torch.cat(list(session.batches()))
    assert sorted(seen.tolist()) == list(range(60))


def test_a_network_learns_what_a_child_could_tell_apart(shapes):
    network, scheme = fresh("const")
    run = train(network, scheme, shapes, Recipe(epochs=15, batch_size=15), progress=False)
    assert run.finished and len(run.history) == 15
    assert run.final("test_error")[-1] < 0.1


def test_the_record_says_what_was_trained_and_on_what(shapes, tmp_path):
    network, scheme = fresh()
    path = tmp_path / "run.json"
    run = train(network, scheme, shapes, RECIPE, seed=3, record=path, progress=False)
    content = json.loads(path.read_text())
    assert content["config"]["network"] == NETWORK and content["config"]["seed"] == 3
    assert content["config"]["recipe"]["augmentation"] == ["crop"]
    assert content["sittings"][0]["torch"] == torch.__version__
    assert content["finished"] and content["history"] == run.history
    assert [len(entry["weights"]) for entry in run.history] == [3, 3, 3]


@pytest.mark.parametrize("steps", [1, 3, 4, 7])
def test_resuming_an_interrupted_run_gives_the_same_network_bit_for_bit(shapes, tmp_path, steps):
    whole, scheme = fresh()
    expected = train(whole, scheme, shapes, RECIPE, progress=False)

    checkpoint = tmp_path / "run.ckpt"
    network, scheme = fresh()
    interrupt_after(scheme, steps)
    with pytest.raises(KeyboardInterrupt):
        train(network, scheme, shapes, RECIPE, checkpoint=checkpoint, progress=False)
    network, scheme = fresh()
    run = train(network, scheme, shapes, RECIPE, checkpoint=checkpoint, progress=False)
    assert run.history == expected.history
    assert same(state(network), state(whole))
    assert len(run.sittings) == 2
    assert not checkpoint.exists()


def interrupt_after(scheme, steps: int) -> None:
    """Sends Ctrl-C in the middle of a step, after the network has looked at its batch."""
    seen = []

    def hook(module, arguments):
        seen.append(1)
        if len(seen) == steps:
            os.kill(os.getpid(), signal.SIGINT)

    scheme.register_forward_pre_hook(hook)


def test_ctrl_c_after_the_last_step_is_passed_on_once_all_is_stored(shapes, tmp_path):
    def press(run):
        if len(run.history) == RECIPE.epochs:
            os.kill(os.getpid(), signal.SIGINT)

    where = {"record": tmp_path / "run.json", "checkpoint": tmp_path / "run.ckpt"}
    with pytest.raises(KeyboardInterrupt):
        train(*fresh(), shapes, RECIPE, progress=False, after_epoch=press, **where)
    assert json.loads(where["record"].read_text())["finished"]
    assert not where["checkpoint"].exists()


@pytest.mark.parametrize(
    "checkpoint, then",
    [("run.ckpt", "the same call goes on"), (None, "without a checkpoint to go on from")],
)
def test_an_interrupted_run_says_what_the_same_call_will_do(
    shapes, tmp_path, capsys, checkpoint, then
):
    network, scheme = fresh()
    interrupt_after(scheme, 2)
    where = {"checkpoint": tmp_path / checkpoint if checkpoint else None}
    with pytest.raises(KeyboardInterrupt):
        train(network, scheme, shapes, RECIPE, **where)
    assert then in "".join(capsys.readouterr())


def test_a_head_of_two_layers_decays_by_its_exit_s_sieve_weight_in_both(shapes):
    recipe = Recipe(epochs=1, batch_size=60, lr=1.0, schedule="milestones", augmentation=())
    after = {}
    for decay in (0.0, 0.1):
        network, scheme = fresh("linear")
        torch.manual_seed(0)
        for head in network.heads:
            head.insert(len(head) - 1, nn.Linear(head[-1].in_features, head[-1].in_features))
        before = [[layer.weight.clone() for layer in list(head)[-2:]] for head in network.heads]
        session = Session(network, scheme, shapes, replace(recipe, weight_decay=decay))
        session.begin()
        session.train_step(torch.arange(60))
        after[decay] = [[layer.weight for layer in list(head)[-2:]] for head in network.heads]
    for exit, weight in enumerate([2 / 3, 1 / 3, 1.0]):
        for layer in (0, 1):
            pulled = after[0.0][exit][layer] - after[0.1][exit][layer]
            torch.testing.assert_close(pulled, 0.1 * weight * before[exit][layer])


def test_a_run_killed_without_warning_goes_on_to_the_same_record(tmp_path):
    def command(out):
        options = (
            "--data fashion --network resann-1-4-stride2 --train-images 640 --epochs 6 --quiet"
        )
        return [sys.executable, "-m", "anytime", "train", *options.split(), "--threads", "1"] + [
            "--device", "cpu", "--out", str(out),
        ]  # fmt: skip

    subprocess.run(command(tmp_path / "whole"), check=True, capture_output=True)
    process = subprocess.Popen(command(tmp_path / "killed"), stdout=subprocess.DEVNULL)
    waited = time.monotonic()
    while not list((tmp_path / "killed").glob("*.ckpt")) and time.monotonic() - waited < 60:
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait()
    (record,) = (tmp_path / "killed").glob("*.json")
    assert not json.loads(record.read_text())["finished"]
    subprocess.run(command(tmp_path / "killed"), check=True, capture_output=True)
    after = json.loads(record.read_text())
    (expected,) = (tmp_path / "whole").glob("*.json")
    assert after["history"] == json.loads(expected.read_text())["history"]
    assert len(after["sittings"]) == 2


def test_a_loss_that_is_not_finite_stops_the_run_naming_step_exit_and_weights(shapes, tmp_path):
    network, scheme = fresh("linear")
    with torch.no_grad():
        network.heads[1][-1].bias.fill_(float("inf"))
    checkpoint = tmp_path / "run.ckpt"
    with pytest.raises(NotFinite, match=r"exit 2 was not finite at step 1, .*0\.25, 0\.625, 1"):
        train(network, scheme, shapes, RECIPE, checkpoint=checkpoint, progress=False)
    assert not checkpoint.exists()


def test_a_checkpoint_of_another_network_is_refused_and_left_as_it_was(shapes, tmp_path):
    checkpoint = tmp_path / "run.ckpt"
    network, scheme = fresh()
    interrupt_after(scheme, 2)
    with pytest.raises(KeyboardInterrupt):
        train(network, scheme, shapes, RECIPE, checkpoint=checkpoint, progress=False)
    before = checkpoint.read_bytes()
    other, scheme = fresh(name="resann-1-8-stride2")
    with pytest.raises(ValueError, match="another run .network: 'resann-1-4-stride2', not"):
        train(other, scheme, shapes, RECIPE, checkpoint=checkpoint, progress=False)
    assert checkpoint.read_bytes() == before


def test_a_damaged_checkpoint_is_named_with_what_to_do(shapes, tmp_path):
    checkpoint = tmp_path / "run.ckpt"
    checkpoint.write_bytes(b"PK\x03\x04 half a file")
    network, scheme = fresh()
    with pytest.raises(ValueError, match="run.ckpt is not a checkpoint .* delete it"):
        train(network, scheme, shapes, RECIPE, checkpoint=checkpoint, progress=False)


def test_a_full_disk_leaves_the_last_checkpoint_whole(tmp_path, monkeypatch):
    path = tmp_path / "run.ckpt"
    checkpoints.write(path, {"config": {}, "step": 1})

    def full(*arguments):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(OSError, match="No space"):
        checkpoints.write(path, {"config": {}, "step": 2})
    monkeypatch.undo()
    assert checkpoints.read(path, torch.device("cpu"))["step"] == 1
    assert os.listdir(tmp_path) == ["run.ckpt"]


def test_parts_that_do_not_fit_together_are_named(shapes):
    network, scheme = fresh()
    with pytest.raises(ValueError, match="for 5 exits, the network has 3"):
        train(network, weighting.build("const", 5), shapes, RECIPE)
    with pytest.raises(ValueError, match="in_channels=3"):
        train(networks.build(NETWORK, 3, 1), scheme, shapes, RECIPE)
    with pytest.raises(ValueError, match="num_classes=3"):
        train(networks.build(NETWORK, 10, 3), scheme, shapes, RECIPE)


def test_memory_format_does_not_change_what_is_learned(shapes):
    finals = []
    for channels_last in (False, True):
        recipe = Recipe(epochs=1, batch_size=20, channels_last=channels_last)
        network, scheme = fresh()
        finals.append(train(network, scheme, shapes, recipe, progress=False).final("train_loss"))
    assert finals[0] == pytest.approx(finals[1], rel=1e-3)


def test_autocast_in_bfloat16_trains(shapes):
    network, scheme = fresh()
    recipe = Recipe(epochs=8, batch_size=15, autocast="bfloat16")
    run = train(network, scheme, shapes, recipe, progress=False)
    assert run.values("train_loss")[-1][-1] < run.values("train_loss")[0][-1]
    assert all(parameter.dtype == torch.float32 for parameter in network.parameters())


def test_images_not_evaluated_every_epoch_are_evaluated_at_the_end(shapes):
    network, scheme = fresh()
    run = train(network, scheme, shapes, RECIPE, evaluate_every=2, progress=False)
    assert [("test_error" in entry) for entry in run.history] == [False, True, True]


def _train_one_of_two(rank: int, port: int, folder: str) -> None:
    os.environ |= {
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": str(port),
        "RANK": str(rank),
        "WORLD_SIZE": "2",
        "LOCAL_RANK": str(rank),
    }
    from anytime import processes

    torch.set_num_threads(1)
    with processes.joined("cpu"):
        network, scheme = fresh()
        run = train(network, scheme, dataset(), RECIPE, progress=False)
        parameters = [parameter.detach() for parameter in network.parameters()]
        result = {"parameters": parameters, "weights": scheme.weights, "history": run.history}
        network, learned = fresh()[0], Learned(3)
        train(network, learned, dataset(), RECIPE, progress=False)
        result["learned"] = learned.s.detach()
        torch.save(result, f"{folder}/{rank}.pt")


def test_two_processes_end_with_one_network_and_one_set_of_weights(tmp_path, unused_port):
    multiprocessing.spawn(_train_one_of_two, (unused_port, str(tmp_path)), nprocs=2)
    one, other = (torch.load(tmp_path / f"{rank}.pt") for rank in (0, 1))
    assert all(map(torch.equal, one["parameters"], other["parameters"]))
    assert torch.equal(one["weights"], other["weights"])
    assert one["weights"].min() < 1
    assert torch.equal(one["learned"], other["learned"]) and one["learned"].any()
    means = [[entry["train_loss"] for entry in result["history"]] for result in (one, other)]
    assert means[0] == means[1]


@pytest.fixture
def unused_port() -> int:
    import socket

    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        return server.getsockname()[1]


@pytest.mark.parametrize(
    ("chosen", "asked", "used"), [(None, None, 1), (None, 2, 2), ("2", None, 3)]
)
def test_a_small_network_trains_with_one_thread_unless_somebody_has_chosen(
    chosen, asked, used, shapes, monkeypatch
):
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    if chosen:
        monkeypatch.setenv("OMP_NUM_THREADS", chosen)
    torch.set_num_threads(3)
    try:
        seen = []
        options = {"threads": asked, "after_epoch": lambda _: seen.append(torch.get_num_threads())}
        run = train(*fresh(), shapes, RECIPE, progress=False, **options)
        assert {*seen, run.environment["threads"]} == {used}
        assert torch.get_num_threads() == 3
    finally:
        torch.set_num_threads(1)


class TwoHeads(nn.Module):
    """The protocol and nothing more; its heads are of a kind that the kit does not know."""

    def __init__(self, num_classes: int = 3, name: str = "") -> None:
        super().__init__()
        self.num_exits, self.name = 2, name
        self.body = nn.Sequential(nn.Conv2d(3, 6, 3, 2), nn.BatchNorm2d(6), nn.ReLU())
        self.heads = nn.ModuleList(nn.Conv2d(6, num_classes, 1) for _ in range(2))
        self.scale = nn.Parameter(torch.ones(()))

    def refine(self, images):
        features = self.body(images / 255 - 0.5)
        yield self.heads[0](features).mean((2, 3))
        yield self.heads[1](features * self.scale).amax((2, 3))


def test_a_module_with_the_protocol_alone_is_trained_and_recorded(shapes, tmp_path):
    network = TwoHeads(name="two-heads")
    record, checkpoint = tmp_path / "run.json", tmp_path / "run.ckpt"
    recipe = Recipe(epochs=8, batch_size=15, lr=0.3)
    files = {"record": record, "checkpoint": checkpoint}
    run = train(network, weighting.AdaLoss(2), shapes, recipe, **files, progress=False)
    assert run.final("test_error").max() < 0.2
    assert run.config["network"] == "two-heads" and run.num_exits == 2
    heads = [list(head.parameters()) for head in network.heads]
    body = sum(p.numel() for p in network.body.parameters())
    assert run.parameters == [body + count(heads[0]), count(network.parameters())]


def count(parameters) -> int:
    return sum(parameter.numel() for parameter in parameters)


def test_what_has_no_name_is_refused_before_training_where_a_record_would_lie(shapes, tmp_path):
    with pytest.raises(ValueError, match='TwoHeads.*network.name = "mine-3"'):
        train(TwoHeads(), weighting.Const(2), shapes, RECIPE, record=tmp_path / "a.json")
    train(TwoHeads(), weighting.Const(2), shapes, RECIPE, progress=False)


def test_a_network_that_could_not_be_loaded_is_refused_before_training(shapes, tmp_path):
    network = TwoHeads(name="two-heads")
    with pytest.raises(ValueError, match="loaded again.*networks.register"):
        train(network, weighting.Const(2), shapes, RECIPE, keep_network=tmp_path / "k.pt")
    network, scheme = fresh(name="resann-1-4")
    network.name = NETWORK  # a stride differs, and no shape of a weight
    with pytest.raises(ValueError, match="builds another network"):
        train(network, scheme, shapes, RECIPE, keep_network=tmp_path / "k.pt")


@pytest.mark.parametrize("part", ["heads", "body", "shared"])
def test_what_is_frozen_or_shared_trains_as_it_should(shapes, part):
    network = TwoHeads()
    if part == "shared":
        network.heads[1] = network.heads[0]
    else:
        getattr(network, part).requires_grad_(False)
    before = state(network)
    train(network, weighting.Const(2), shapes, replace(RECIPE, lr=0.1), progress=False)
    after = state(network)
    moved = {key for key in after if not torch.equal(after[key], before[key])}
    frozen = {key for key, _ in network.named_parameters() if key.startswith(part)}
    assert {key for key, _ in network.named_parameters()} - frozen <= moved
    assert not frozen & moved


def test_a_shared_head_is_decayed_once_and_fully(shapes):
    network = TwoHeads()
    network.heads[1] = network.heads[0]
    session = Session(network, weighting.Const(2), shapes, Recipe(weight_decay=0.5))
    decays = {
        parameter: group["weight_decay"]
        for group in session.optimizer.param_groups
        for parameter in group["params"]
    }
    assert len(decays) == len(list(network.parameters()))
    assert decays[network.heads[0].weight] == decays[network.body[0].weight] == 0.5
    assert decays[network.heads[0].bias] == decays[network.body[1].weight] == 0.0


def test_making_a_session_changes_none_of_its_arguments(shapes):
    network, scheme = fresh()
    network.eval(), scheme.eval()
    before, weights = state(network), state(scheme)
    strides = [parameter.stride() for parameter in network.parameters()]
    Session(network, scheme, shapes, RECIPE)
    assert same(state(network), before) and same(state(scheme), weights)
    assert strides == [parameter.stride() for parameter in network.parameters()]
    assert not network.training and not scheme.training


def test_a_network_that_was_trained_before_keeps_the_mean_of_its_input(shapes):
    network, scheme = fresh()
    train(network, scheme, shapes, RECIPE, progress=False)
    mean = network.standardise.mean.clone()
    other = dataset(seed=1)
    run = train(network, weighting.Const(3), other, RECIPE, progress=False)
    assert torch.equal(network.standardise.mean, mean)
    assert run.config["start"].startswith("state ")


def starts(network, scheme) -> str:
    return Session(network, scheme, dataset(), RECIPE).run.config["start"]


def test_a_record_says_what_a_run_began_with():
    assert starts(*fresh()) == "seed 0"
    network = networks.build(NETWORK, 3, seed=7)
    assert starts(network, weighting.AdaLoss(3)) == "seed 7"
    with torch.no_grad():
        network.heads[0][-1].bias += 1
    assert starts(network, weighting.AdaLoss(3)).startswith("state ")
    unseeded = networks.build(NETWORK, 3)
    assert starts(unseeded, weighting.AdaLoss(3)).startswith("state ")
    used = weighting.AdaLoss(3)
    used(torch.ones(3))
    assert starts(fresh()[0], used).startswith("seed 0, weighting ")


@pytest.mark.parametrize("change", ["seed", "weights", "scheme"])
def test_a_run_that_began_otherwise_does_not_go_on_from_a_checkpoint(shapes, tmp_path, change):
    checkpoint = tmp_path / "run.ckpt"
    network, scheme = fresh()
    interrupt_after(scheme, 2)
    with pytest.raises(KeyboardInterrupt):
        train(network, scheme, shapes, RECIPE, checkpoint=checkpoint, progress=False)
    network, scheme = fresh()
    if change == "seed":
        network = networks.build(NETWORK, 3, seed=1)
    elif change == "weights":
        network.heads[0][-1].bias.data += 1
    else:
        scheme(torch.ones(3))
    with pytest.raises(ValueError, match="belongs to another run .*start"):
        train(network, scheme, shapes, RECIPE, checkpoint=checkpoint, progress=False)


def test_the_objects_of_an_interrupted_run_go_on_where_they_are(shapes, tmp_path):
    whole, scheme = fresh()
    expected = train(whole, scheme, shapes, RECIPE, progress=False)
    network, scheme = fresh()
    interrupt_after(scheme, 4)
    files = {"checkpoint": tmp_path / "run.ckpt", "progress": False}
    with pytest.raises(KeyboardInterrupt):
        train(network, scheme, shapes, RECIPE, **files)
    scheme.forward = type(scheme).forward.__get__(scheme)
    run = train(network, scheme, shapes, RECIPE, **files)
    assert run.history == expected.history and run.config["start"] == "seed 0"


class Sleepy(TwoHeads):
    """Draws while it trains, from torch's own generator."""

    def refine(self, images):
        for logits in super().refine(images):
            yield F.dropout(logits, 0.3, self.training)


def sleepy() -> tuple:
    with torch.random.fork_rng():
        torch.manual_seed(5)
        return Sleepy(name="sleepy"), weighting.AdaLoss(2)


def test_a_network_that_draws_itself_resumes_bit_for_bit_and_leaves_torch_s_generator(
    shapes, tmp_path
):
    before = torch.get_rng_state()
    whole, scheme = sleepy()
    train(whole, scheme, shapes, RECIPE, progress=False)
    assert torch.equal(torch.get_rng_state(), before)

    files = {"checkpoint": tmp_path / "run.ckpt", "progress": False}
    network, scheme = sleepy()
    interrupt_after(scheme, 4)
    with pytest.raises(KeyboardInterrupt):
        train(network, scheme, shapes, RECIPE, **files)
    network, scheme = sleepy()
    torch.rand(3)
    train(network, scheme, shapes, RECIPE, **files)
    assert same(state(network), state(whole))


class Learned(weighting.Weighting):
    """Sum of exp(-s) l + s, with s learned."""

    learning_rate = 0.05

    def __init__(self, num_exits: int) -> None:
        super().__init__(torch.ones(num_exits))
        self.s = nn.Parameter(torch.zeros(num_exits))

    def forward(self, losses):
        return ((-self.s).exp() * self._vector(losses) + self.s).sum()


def test_a_learned_weighting_has_its_own_rate_and_its_record_the_weights_it_used(shapes):
    network, _ = fresh()
    scheme = Learned(3)
    recipe = Recipe(epochs=1, batch_size=60, lr=10.0, augmentation=(), weight_decay=0.5)
    session = Session(network, scheme, shapes, recipe)
    session.begin()
    batch = session.batches()[0]
    session.train_step(batch)
    assert session.used.tolist() == [1.0, 1.0, 1.0]
    losses = session.sums.losses / session.sums.images
    # The derivative of exp(-s) l + s at s = 0 is 1 - l, at the weighting's own rate, undecayed.
    assert torch.allclose(scheme.s.detach(), -0.05 * (1 - losses))
    used = (-scheme.s.detach()).exp()
    session.train_step(batch)
    assert torch.allclose(session.used, used)
    session.end_epoch()
    assert session.run.history[-1]["weights"] == pytest.approx(used.tolist(), rel=1e-4)


class Given(weighting.Weighting):
    """Its weights come as a tensor, which fits no text."""

    def __init__(self, weights: torch.Tensor) -> None:
        super().__init__(weights)


def test_a_weighting_that_fits_no_text_is_refused_and_recorded_once_it_has_a_name(shapes, tmp_path):
    network, _ = fresh()
    scheme = Given(torch.tensor([0.5, 0.5, 1.0]))
    files = {"record": tmp_path / "run.json", "progress": False}
    with pytest.raises(ValueError, match='Given.*weighting.name = "mine-3"'):
        train(network, scheme, shapes, RECIPE, **files)
    scheme.name = "mine-3"
    run = train(network, scheme, shapes, RECIPE, **files)
    assert run.config["weighting"] == "mine-3"
    # Another one of this name began with other weights, and that is told, too.
    other = Given(torch.tensor([1.0, 0.5, 1.0]))
    other.name = "mine-3"
    assert starts(fresh()[0], other) != starts(fresh()[0], scheme)


def test_a_missing_compiler_is_named_with_what_to_do(shapes, monkeypatch):
    def fail(session, batch):
        raise RuntimeError("InvalidCxxCompiler: No working C++ compiler found")

    monkeypatch.setattr(Session, "train_step", fail)
    network, scheme = fresh()
    with pytest.raises(RuntimeError, match="takes a C.. compiler, such as g..; install one, or"):
        train(network, scheme, shapes, replace(RECIPE, compile=True), progress=False)
