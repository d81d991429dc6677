"""Evaluation against slow loops over exits and images."""

import math

import pytest
import torch

from anytime import networks
from anytime.datasets import Images
from anytime.training.evaluation import evaluate, exit_losses, exit_mistakes, predict


def logits_and_labels(exits: int, batch: int, classes: int) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    logits = 3 * torch.randn(exits, batch, classes, generator=generator)
    return logits, torch.randint(0, classes, (batch,), generator=generator)


def cross_entropy(scores: list[float], label: int) -> float:
    """Minus the logarithm of the softmax, in plain floats."""
    largest = max(scores)
    total = math.fsum(math.exp(score - largest) for score in scores)
    return largest + math.log(total) - scores[label]


def mistaken(scores: list[float], label: int) -> bool:
    return max(range(len(scores)), key=scores.__getitem__) != label


@pytest.mark.parametrize("shape", [(1, 1, 2), (3, 8, 5), (5, 2, 10)])
def test_an_exits_loss_is_its_mean_cross_entropy(shape):
    logits, labels = logits_and_labels(*shape)
    pairs = [list(zip(exit, labels.tolist(), strict=True)) for exit in logits.tolist()]
    expected = [sum(cross_entropy(*pair) for pair in exit) / shape[1] for exit in pairs]
    assert exit_losses(logits, labels).tolist() == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("shape", [(1, 1, 2), (3, 8, 5), (5, 2, 10)])
def test_an_exits_mistakes_are_the_images_whose_largest_logit_is_not_the_labels(shape):
    logits, labels = logits_and_labels(*shape)
    pairs = [list(zip(exit, labels.tolist(), strict=True)) for exit in logits.tolist()]
    expected = [sum(mistaken(*pair) for pair in exit) for exit in pairs]
    assert exit_mistakes(logits, labels).tolist() == expected


def test_an_exits_loss_depends_on_its_own_logits_alone():
    logits, labels = logits_and_labels(3, 4, 5)
    logits.requires_grad_()
    exit_losses(logits, labels)[1].backward()
    assert [bool(gradient.any()) for gradient in logits.grad] == [False, True, False]


def test_losses_of_half_precision_logits_are_taken_in_single_precision():
    logits, labels = logits_and_labels(3, 8, 5)
    rounded = logits.bfloat16()
    losses = exit_losses(rounded, labels)
    assert losses.dtype == torch.float32
    assert torch.equal(losses, exit_losses(rounded.float(), labels))


@pytest.fixture(scope="module")
def network():
    """A network whose normalisations have seen images, so that its two modes differ."""
    network = networks.build("resann-1-4-stride2", 4, seed=0)
    network.standardise.mean = photographs(9).pixels.float().mean(0)
    for seed in range(5):
        with torch.no_grad():
            network.train()(photographs(9, seed).pixels)
    return network.eval()


def photographs(number: int, seed: int = 7) -> Images:
    generator = torch.Generator().manual_seed(seed)
    pixels = torch.randint(0, 256, (number, 3, 8, 8), generator=generator)
    labels = torch.randint(0, 4, (number,), generator=generator)
    return Images(pixels.to(torch.uint8), labels)


def one_by_one(network, images: Images) -> torch.Tensor:
    """(K, N, classes) logits, image after image."""
    with torch.no_grad():
        rows = [network.eval()(pixels[None].float()) for pixels in images.pixels]
    return torch.cat(rows, dim=1)


@pytest.mark.parametrize("batch_size", [1, 4, 11, 500])
def test_predictions_are_those_of_the_images_one_by_one(network, batch_size):
    images = photographs(11)
    logits = predict(network, images, batch_size)
    assert logits.shape == (3, 11, 4)
    torch.testing.assert_close(logits, one_by_one(network, images), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("batch_size", [1, 4, 11, 500])
def test_losses_and_errors_are_means_over_the_images_one_by_one(network, batch_size):
    images = photographs(11)
    losses, errors = evaluate(network, images, batch_size)
    labels = images.labels.tolist()
    for k, exit in enumerate(one_by_one(network, images).tolist()):
        pairs = list(zip(exit, labels, strict=True))
        expected = sum(cross_entropy(*pair) for pair in pairs) / 11
        assert losses[k].item() == pytest.approx(expected, rel=1e-4)
        assert errors[k].item() == pytest.approx(sum(mistaken(*pair) for pair in pairs) / 11)


@pytest.mark.parametrize("function", [predict, evaluate])
def test_a_network_in_training_mode_predicts_as_in_evaluation_mode(network, function):
    images = photographs(11)
    expected = function(network.eval(), images, 4)
    results = function(network.train(), images, 4)
    assert all(map(torch.equal, results, expected))


@pytest.mark.parametrize("function", [predict, evaluate])
@pytest.mark.parametrize("training", [True, False])
def test_the_network_is_left_in_its_mode_and_with_its_state(network, function, training):
    network.train(training)
    before = {key: value.clone() for key, value in network.state_dict().items()}
    function(network, photographs(11), 4)
    assert {module.training for module in network.modules()} == {training}
    after = network.state_dict()
    assert all(torch.equal(after[key], before[key]) for key in before)


@pytest.mark.parametrize("function", [predict, evaluate])
@pytest.mark.parametrize("training", [True, False])
def test_the_network_is_left_in_its_mode_after_images_that_do_not_fit(network, function, training):
    gray = Images(photographs(2).pixels[:, :1], torch.tensor([0, 1]))
    with pytest.raises(ValueError, match="do not fit"):
        function(network.train(training), gray)
    assert {module.training for module in network.modules()} == {training}


def test_no_images_have_no_error(network):
    with pytest.raises(ValueError, match="no images to evaluate"):
        evaluate(network, photographs(0))
