"""Networks as ONNX files: onnxruntime computes what torch does, and nothing beyond an exit."""

import builtins
import os

import numpy as np
import pytest
import torch
from test_families import SMALL, pixels
from test_folding import lived_in

from anytime import networks

onnxruntime = pytest.importorskip("onnxruntime", reason="it is not installed: no file can be run")
onnx = pytest.importorskip("onnx", reason="it is not installed: no file can be written")
pytest.importorskip("onnxscript", reason="it is not installed: no file can be written")

NAMES = SMALL | {
    "resann": "resann-1-4-stride2",
    "cut": "resann-2-4-to4",
    "chain": "resann-1-4+resnext-1-16-groups2-cifar-to2",
    "attached": "torchvision:resnet18@layer1,layer2",
}


# The other families take as long to write; `make campaign` has them.
SHOWN = NAMES if os.environ.get("CAMPAIGN") else dict.fromkeys(("resann", "msdnet", "vit"))
SHOWN = {name: NAMES[name] for name in SHOWN}


def run(path, images: torch.Tensor) -> np.ndarray:
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    (given,) = session.get_inputs()
    assert given.name == "images" and [output.name for output in session.get_outputs()] == [
        "logits"
    ]
    return session.run(None, {"images": images.numpy()})[0]


def convolutions(path) -> int:
    return sum(node.op_type in ("Conv", "MatMul", "Gemm") for node in onnx.load(path).graph.node)


@pytest.mark.parametrize("name", SHOWN.values(), ids=SHOWN)
@torch.inference_mode()
def test_an_exported_network_answers_as_torch_does_at_one_exit_and_at_all(name, tmp_path):
    network = lived_in(networks.build(name, 5, seed=0))
    network.train()
    networks.export(network, tmp_path / "all.onnx", image_shape=(3, 16, 16))
    networks.export(network, tmp_path / "two.onnx", exit=2, image_shape=(3, 16, 16))
    assert network.training and sorted(path.name for path in tmp_path.iterdir()) == [
        "all.onnx",
        "two.onnx",
    ]
    network.eval()
    for count in (1, 5):  # a batch of any size
        images = pixels(count)
        expected = network(images)
        scale = max(1.0, float(expected.abs().max()))
        np.testing.assert_allclose(
            run(tmp_path / "all.onnx", images), expected, rtol=0, atol=1e-4 * scale
        )
        np.testing.assert_allclose(
            run(tmp_path / "two.onnx", images), expected[1], rtol=0, atol=1e-4 * scale
        )


def test_a_file_for_an_exit_has_nothing_of_what_follows_nor_other_exits(tmp_path):
    network = networks.build("resann-1-4", 5, seed=0)
    networks.export(network, tmp_path / "two.onnx", exit=2)
    # the stem, two convolutions a unit, and one head
    assert convolutions(tmp_path / "two.onnx") == 1 + 2 * 2 + 1
    networks.export(network, tmp_path / "all.onnx")
    assert convolutions(tmp_path / "all.onnx") == 1 + 2 * 3 + 3


def test_the_mean_of_the_training_images_is_in_the_file(tmp_path):
    network = networks.build("resann-1-4-stride2", 5, 1, seed=0).eval()
    network.standardise.mean = pixels(1, 16, 1)[0]
    networks.export(network, tmp_path / "gray.onnx", image_shape=(1, 16, 16))
    images = pixels(3, 16, 1).flip(0)
    with torch.inference_mode():
        expected = network(images)
    np.testing.assert_allclose(run(tmp_path / "gray.onnx", images), expected, atol=1e-4)


@pytest.mark.parametrize("exit", [0, 4, -1])
def test_an_exit_that_is_not_there_is_refused(exit, tmp_path):
    with pytest.raises(ValueError, match=f"exit must be between 1 and 3, not {exit}"):
        networks.export(networks.build("resann-1-4"), tmp_path / "one.onnx", exit)
    assert not [*tmp_path.iterdir()]


def test_images_that_the_network_cannot_read_are_refused_with_the_fix(tmp_path):
    network = networks.build(SMALL["vit"])
    with pytest.raises(ValueError, match=r"shape \(3, 32, 32\); give .* image_shape=\(C, H, W\)"):
        networks.export(network, tmp_path / "one.onnx")


def test_without_the_packages_it_says_what_to_install(tmp_path, monkeypatch):
    real = builtins.__import__

    def lacking(name, *rest, **keywords):
        if name.split(".")[0] == "onnxscript":
            raise ModuleNotFoundError("No module named 'onnxscript'")
        return real(name, *rest, **keywords)

    monkeypatch.setattr(builtins, "__import__", lacking)
    with pytest.raises(ModuleNotFoundError, match="python -m pip install onnx onnxscript"):
        networks.export(networks.build("resann-1-4"), tmp_path / "one.onnx")
