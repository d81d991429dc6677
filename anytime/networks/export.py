"""Networks as ONNX files, for runtimes without torch."""

import copy
import os
from itertools import islice
from typing import Any

import torch
from torch import Tensor, nn
from torch.export import Dim, ExportedProgram

from anytime.networks.base import check_exit, check_exits
from anytime.networks.cost import CIFAR
from anytime.paths import whole_file


def export(
    network: Any,
    path: str | os.PathLike,
    exit: int | None = None,
    image_shape: tuple[int, ...] = CIFAR,
) -> None:
    """Writes an ONNX file: `images` (N, C, H, W), float in 0 ... 255, -> `logits`, for any N.

    exit: the one whose logits (N, classes) the file computes, and nothing beyond, counted from 1;
    None for all exits at once, (K, N, classes).
    image_shape: (C, H, W) of the images that it will take.
    Raises ModuleNotFoundError, with the fix, without the packages that this needs, and ValueError
    where there is no such exit, or the network cannot be written down as one row of steps.
    """
    program = as_program(network, exit, image_shape)
    try:
        made = torch.onnx.export(
            program, verbose=False, input_names=["images"], output_names=["logits"]
        )
    except ImportError as error:
        raise ModuleNotFoundError(
            f"an ONNX file needs two more packages: python -m pip install onnx onnxscript ({error})"
        ) from error
    assert made is not None  # only without a file's name
    with whole_file(path) as temporary:
        made.save(temporary, external_data=False)


def as_program(network: Any, exit: int | None, image_shape: tuple[int, ...]) -> ExportedProgram:
    """The row of steps from images to the logits of an exit, or of all."""
    check_exits(network)
    if exit is not None:
        check_exit(exit, network.num_exits)

    twin = copy.deepcopy(network).cpu().eval()
    images = torch.zeros(2, *image_shape)  # of one image, N would be taken for a fixed number
    sizes = {"images": {0: Dim("N")}}
    try:
        with torch.no_grad():
            return torch.export.export(Logits(twin, exit), (images,), dynamic_shapes=sizes)
    except (RuntimeError, ValueError) as error:
        raise ValueError(
            f"the network cannot be exported for images of shape {image_shape}; give that of yours "
            f"as image_shape=(C, H, W) ({error})"
        ) from error


class Logits(nn.Module):
    """Images -> the logits of one exit, or of all."""

    def __init__(self, network: Any, exit: int | None) -> None:
        super().__init__()
        self.network, self.exit = network, exit

    def forward(self, images: Tensor) -> Tensor:
        exits = [*islice(self.network.refine(images), self.exit)]
        return torch.stack(exits) if self.exit is None else exits[-1]
