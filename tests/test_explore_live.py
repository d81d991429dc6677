"""The network that the explorers' page runs by itself, against torch."""

import base64

import numpy as np
import pytest
import torch
from browsing import expect, needs_chromium, opened
from torch import nn

from anytime import datasets, networks
from anytime.explore import predicted
from anytime.explore.page import live, write

ANSWERS = """net => net.images.map(image => {
  const pixels = Uint8Array.from(atob(image), letter => letter.charCodeAt(0));
  return [...refine(net, pixels)];
})"""


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    file = write([], tmp_path_factory.mktemp("pages") / "explorers.html")
    with opened(f"{file.as_uri()}#view=live&budget=0", height=720, offline=True) as page:
        yield page


def answers(page, network, pixels):
    """(K, N, classes) probabilities by the page's own code."""
    net = live.network_numbers(network)
    images = [base64.b64encode(image.numpy().tobytes()).decode() for image in pixels]
    return np.array(page.evaluate(ANSWERS, net | {"images": images})).transpose(1, 0, 2)


@needs_chromium
def test_the_page_answers_as_torch_does(page):
    shown = live.live()
    (file,) = {
        file
        for run, file, _ in predicted.stored()
        if (run.title, run.config["network"]) == (shown["title"], shown["network"])
    }
    network, pixels = networks.load(file), datasets.load("glyphs-40-0.5").test[: live.IMAGES].pixels
    wanted = network.eval()(pixels).softmax(-1).detach().numpy()
    found = answers(page, network, pixels)
    assert found.shape == wanted.shape == (12, live.IMAGES, 40)
    assert np.abs(found - wanted).max() < 1e-4


@needs_chromium
@pytest.mark.parametrize("name, channels", [("resann-1-4", 3), ("resann-2-6-s2-stride2", 1)])
def test_other_networks_with_statistics_of_their_own_do_so_too(page, name, channels):
    draw = torch.Generator().manual_seed(3)
    network = networks.build(name, num_classes=5, in_channels=channels, seed=1).eval()
    network.standardise.mean = 255 * torch.rand(channels, 16, 16, generator=draw)
    for norm in (part for part in network.modules() if isinstance(part, nn.BatchNorm2d)):
        for tensor in (norm.weight, norm.bias, norm.running_mean, norm.running_var):
            tensor.data = 0.5 + torch.rand(tensor.shape, generator=draw)
    pixels = torch.randint(0, 256, (3, channels, 16, 16), generator=draw, dtype=torch.uint8)
    wanted = network(pixels.float()).softmax(-1).detach().numpy()
    assert np.abs(answers(page, network, pixels) - wanted).max() < 1e-4


def test_a_network_of_other_parts_is_refused():
    network = networks.build("resann-1.1-4-preact-cifar", seed=0)
    network.standardise.mean = torch.ones(3, 8, 8)
    with pytest.raises(ValueError, match="the page has no BottleneckUnit"):
        live.network_numbers(network)


@pytest.mark.parametrize(
    "name, mean, message",
    [
        ("resann-1.1-4-bottleneck-cifar", (3, 8, 8), "no BottleneckUnit"),
        ("resann-1-4-imagenet", (3, 32, 32), "no stem but a 3x3"),
        ("resann-1-4", (3, 10, 10), "a side in steps of 4"),
        ("resann-1-4-stride2", (3, 12, 12), "a side in steps of 8"),
        ("resann-1-4", (3, 8, 16), "square images"),
        ("resann-1-4", (3, 1, 1), "steps of 4"),
        ("resann-1-4", (1, 1, 1), "square images"),
    ],
)
def test_what_the_page_would_compute_wrongly_is_refused(name, mean, message):
    network = networks.build(name, seed=0).eval()
    network.standardise.mean = torch.ones(mean)
    with pytest.raises(ValueError, match=message):
        live.network_numbers(network)


@needs_chromium
def test_the_page_goes_from_exit_to_exit_until_it_is_interrupted(page):
    page.goto(page.url.partition("#")[0] + "#view=live&image=3&budget=0")
    words = page.locator("#words")
    expect(words).to_contain_text("No exit is paid for yet")
    button = page.get_by_role("button", name="Run")
    button.click()
    page.wait_for_function("looked.answers.length >= 3")
    page.get_by_role("button", name="Interrupt").click()
    stopped = words.inner_text()
    page.wait_for_timeout(1_000)  # two more exits would have come by now
    assert words.inner_text() == stopped
    exits = int(stopped.split()[1])
    assert page.locator("#picture .panel").nth(1).locator(".bar").count() == exits
    assert page.evaluate("looked.answers.length") == exits  # and nothing beyond was computed


@needs_chromium
def test_an_image_is_covered_by_a_control_and_drawn_over_with_the_mouse(page):
    page.goto(page.url.partition("#")[0] + "#view=live&image=3&budget=13.7")
    pixels = "[...looked.pixels]"
    before = page.evaluate(pixels)
    page.get_by_label("Cover").select_option("upper half")
    covered = np.array(page.evaluate(pixels)).reshape(3, 32, 32)
    assert (covered[:, :16] == 128).all()
    assert (covered[:, 16:] == np.array(before).reshape(3, 32, 32)[:, 16:]).all()

    box = page.locator("#picture .pixels").bounding_box()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + 0.75 * box["height"])
    page.mouse.down()
    page.mouse.up()
    drawn = np.array(page.evaluate(pixels)).reshape(3, 32, 32)
    assert (drawn[:, 23:25, 15:17] == 0).all() and (drawn != covered).sum() <= 3 * 16
    page.get_by_label("Cover").select_option("nothing")
    assert page.evaluate(pixels) == before
