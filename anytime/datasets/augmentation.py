"""Random changes to a whole batch of images at once, on the device the batch lies on."""

from collections.abc import Callable, Sequence

import torch
import torch.nn.functional as F

ANCHORS = torch.tensor([[0.2, 0.2], [0.2, 0.8], [0.8, 0.8], [0.8, 0.2]])
MARGIN = 4  # pixels of black around an image before it is cropped


def augment(pixels: torch.Tensor, steps: Sequence[str], generator: torch.Generator) -> torch.Tensor:
    """The batch after each step in turn: uint8 (N, C, H, W) -> uint8 (N, C, H, W).

    steps: any of "crop", "flip", "colour", "deform". The same generator state gives the same
    batch. Draws are made where the generator lies; one on the GPU avoids a transfer.
    Raises ValueError for an unknown step.
    """
    for step in check_steps(steps):
        pixels = STEPS[step](pixels, generator)
    return pixels


def check_steps(steps: Sequence[str]) -> tuple[str, ...]:
    """The steps as a tuple; raises ValueError where one is unknown."""
    if isinstance(steps, str):
        raise ValueError(f"the steps are a tuple of names: write ({steps!r},)")
    unknown = [step for step in steps if step not in STEPS]
    if unknown:
        raise ValueError(f"unknown augmentation {unknown[0]!r}; there are {', '.join(STEPS)}")
    return tuple(steps)


def pixel_mean(images: torch.Tensor) -> torch.Tensor:
    """The mean image of uint8 pixels (N, C, H, W): float32 (C, H, W) in [0, 255]."""
    total = torch.zeros(images.shape[1:], dtype=torch.float64, device=images.device)
    for part in images.split(1000):
        total += part.sum(0, dtype=torch.int64)
    return (total / len(images)).float()


def _crop(pixels: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    height, width = pixels.shape[2:]
    padded = F.pad(pixels, (MARGIN,) * 4)
    windows = padded.unfold(2, height, 1).unfold(3, width, 1)  # a view (N, C, 9, 9, H, W)
    shape = (2, len(pixels))
    y, x = _moved(torch.randint(2 * MARGIN + 1, shape, **_on(generator)), pixels)
    return windows[torch.arange(len(pixels), device=pixels.device), :, y, x]


def _flip(pixels: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    mirrored = _moved(torch.rand(len(pixels), 1, 1, 1, **_on(generator)) < 0.5, pixels)
    return torch.where(mirrored, pixels.flip(-1), pixels)


def _colour(pixels: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """Brightness by up to ±10 of 255, then contrast by 0.8 to 1.2 about each channel's mean."""
    brightness, contrast = _moved(torch.rand(2, len(pixels), 1, 1, 1, **_on(generator)), pixels)
    bright = (pixels + (20 * brightness - 10)).clamp(0, 255)
    mean = bright.mean((2, 3), keepdim=True)
    return _to_bytes(mean + (bright - mean) * (0.8 + 0.4 * contrast))


def _deform(pixels: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """A smooth warp: four anchors move by up to 3 of 40 pixels, the rest follows the near ones."""
    size, (height, width) = len(pixels), pixels.shape[2:]
    shift = _moved(torch.rand(size, 4, 2, **_on(generator)), pixels) * 2 - 1
    anchors = _moved(ANCHORS, pixels)
    identity = torch.eye(2, 3, device=pixels.device).expand(size, 2, 3)
    grid = F.affine_grid(identity, list(pixels.shape), align_corners=False)  # (N, H, W, 2), ±1
    place = ((grid[0] + 1) / 2).reshape(-1, 1, 2)
    pull = (-(place - anchors).square().sum(-1) / 0.2).softmax(-1)  # (H·W, 4)
    warp = (pull @ shift).view(size, height, width, 2) * (2 * 3 / 40)
    warped = F.grid_sample(pixels.float(), grid + warp, padding_mode="border", align_corners=False)
    return _to_bytes(warped)


STEPS: dict[str, Callable] = {"crop": _crop, "flip": _flip, "colour": _colour, "deform": _deform}


def _on(generator: torch.Generator) -> dict:
    return {"generator": generator, "device": generator.device}


def _moved(drawn: torch.Tensor, pixels: torch.Tensor) -> torch.Tensor:
    return drawn.to(pixels.device, non_blocking=True)


def _to_bytes(pixels: torch.Tensor) -> torch.Tensor:
    return pixels.round().clamp(0, 255).to(torch.uint8)
