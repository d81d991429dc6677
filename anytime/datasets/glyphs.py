"""Colour characters drawn from fonts: real enough to learn, and as hard as one asks."""

import functools
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from anytime.datasets.cache import Decoded, cached
from anytime.datasets.catalogue import CHARACTERS
from anytime.datasets.images import Images

FONTS = """
DejaVuSans DejaVuSans-Bold DejaVuSans-Oblique DejaVuSans-BoldOblique
DejaVuSansMono DejaVuSansMono-Bold DejaVuSansMono-Oblique DejaVuSansMono-BoldOblique
DejaVuSerif DejaVuSerif-Bold DejaVuSerif-Italic DejaVuSerif-BoldItalic
STIXGeneral STIXGeneralBol STIXGeneralItalic STIXGeneralBolIta
""".split()
SIDE, CHUNK, DISTRACTORS = 32, 200, 6
Draw = Callable[..., Tensor]  # evenly from low to high, a number or a shape of them for each image


def load_glyphs(classes: int, clutter: float, train_size: int, test_size: int) -> Decoded:
    """Characters in 32×32 RGB, as many of each class to train and to test.

    Clutter in [0, 1] adds fragments of other characters and noise, and takes contrast away.
    """

    from PIL import features

    def decode() -> Decoded:
        train = render(classes, clutter, train_size, seed=0)
        test = render(classes, clutter, test_size, seed=2_000_000_000)
        return train, test, tuple(CHARACTERS[:classes])

    drawn_by = (features.version("freetype2"), version("pillow"), version("matplotlib"))
    return cached("glyphs", classes, clutter, train_size, drawn_by, decode=decode)


def render(classes: int, clutter: float, count: int, seed: int) -> Images:
    """`count` characters, class after class in turn; a larger count begins with the same ones."""
    masks = torch.from_numpy(_masks()).float() / 255  # (characters, fonts, 64, 64)
    chunks = []
    for first in range(0, count, CHUNK):
        generator = torch.Generator().manual_seed(seed + first)
        labels = (torch.arange(CHUNK) + first) % classes
        chunks.append(_drawn(masks, labels, clutter, generator))
    return Images(torch.cat(chunks)[:count].clone(), torch.arange(count) % classes)


@functools.cache
def _masks() -> np.ndarray:
    """Every character in every font, white on black in the middle: uint8 (100, 16, 64, 64)."""
    import matplotlib  # only where glyphs are drawn: it is slow to import
    from PIL import Image, ImageDraw, ImageFont

    folder = Path(matplotlib.get_data_path(), "fonts", "ttf")
    masks = np.zeros((len(CHARACTERS), len(FONTS), 2 * SIDE, 2 * SIDE), np.uint8)
    for column, name in enumerate(FONTS):
        font = ImageFont.truetype(folder / f"{name}.ttf", 48, layout_engine=ImageFont.Layout.BASIC)
        for row, character in enumerate(CHARACTERS):
            image = Image.new("L", (2 * SIDE, 2 * SIDE))
            left, top, right, bottom = font.getbbox(character)
            corner = (SIDE - (left + right) / 2, SIDE - (top + bottom) / 2)
            ImageDraw.Draw(image).text(corner, character, fill=255, font=font)
            masks[row, column] = np.asarray(image)
    return masks


def _drawn(masks: Tensor, labels: Tensor, clutter: float, generator: torch.Generator) -> Tensor:
    """uint8 (N, 3, 32, 32): a ground, then fragments behind the character, then noise."""
    size = len(labels)

    def uniform(low: float, high: float, *shape: int) -> Tensor:
        return low + (high - low) * torch.rand(size, *shape, generator=generator)

    level = uniform(60, 195, 1, 1, 1)
    blotches = uniform(-1, 1, 3, 4, 4) * (15 + 30 * clutter)
    canvas = level + F.interpolate(blotches, (SIDE, SIDE), mode="bilinear", align_corners=True)
    for _ in range(DISTRACTORS):
        other = (labels + 1 + uniform(0, len(masks) - 1).long()) % len(masks)  # never the label
        fragment = _placed(masks, other, uniform, reach=0.9, cut=True)
        shown = (uniform(0, 1, 1, 1, 1) < clutter).float()
        colour = level + uniform(-90, 90, 1, 1, 1) + uniform(-40, 40, 3, 1, 1)
        canvas = torch.lerp(canvas, colour.expand_as(canvas), fragment * shown)
    contrast = 100 * uniform(1 - 0.7 * clutter, 1, 1, 1, 1) * torch.where(level < 128, 1, -1)
    colour = level + contrast + uniform(-25, 25, 3, 1, 1)
    character = _placed(masks, labels, uniform, reach=0.25, cut=False)
    canvas = torch.lerp(canvas, colour.expand_as(canvas), character)
    canvas = canvas + uniform(-1, 1, 3, SIDE, SIDE) * (5 + 45 * clutter)
    return canvas.round().clamp(0, 255).to(torch.uint8)


def _placed(masks: Tensor, characters: Tensor, uniform: Draw, reach: float, cut: bool) -> Tensor:
    """Coverage (N, 1, 32, 32) in [0, 1] of characters moved, turned and scaled at random.

    reach: the largest shift in half images. cut: keep one side of a random line only.
    """
    fonts = uniform(0, masks.shape[1]).long()
    angle, scale = uniform(-0.35, 0.35), uniform(0.75, 1.2)
    cosine, sine = angle.cos() / scale, angle.sin() / scale
    right = torch.stack([cosine, -sine], 1).view(-1, 1, 1, 2)  # one image width to the right
    down = torch.stack([sine, cosine], 1).view(-1, 1, 1, 2)
    # Drawn at twice the resolution and averaged, so that edges are smooth.
    ticks = (torch.arange(2 * SIDE) + 0.5) / SIDE - 1
    x = ticks.view(1, 1, -1, 1) - uniform(-reach, reach, 1, 1, 1)
    y = ticks.view(1, -1, 1, 1) - uniform(-reach, reach, 1, 1, 1)
    grid = x * right + y * down
    coverage = F.grid_sample(masks[characters, fonts].unsqueeze(1), grid, align_corners=False)
    coverage = F.avg_pool2d(coverage, 2)
    if not cut:
        return coverage
    direction, corner = uniform(-torch.pi, torch.pi, 1, 1), grid[:, ::2, ::2]
    side = corner[..., 0] * direction.cos() + corner[..., 1] * direction.sin()
    return coverage * (side > uniform(-0.15, 0.15, 1, 1)).unsqueeze(1)
