"""A vision transformer, with exits behind encoder blocks.

Dosovitskiy et al., An Image Is Worth 16x16 Words, ICLR 2021.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from anytime.networks import layers
from anytime.networks.base import AnytimeNetwork


class VisionTransformer(AnytimeNetwork):
    """Patches as tokens, and encoder blocks; each exit reads the class token.

    image_size: the height and width of the images, whose patches have a position each.
    patch: the height and width of a patch.
    blocks: the number of encoder blocks.
    channels: those of a token.
    heads: attention heads in a block.
    mlp: the width of the hidden layer in a block.
    every: an exit every so many blocks, counted from the last.
    Raises ValueError where these do not fit together.
    """

    known_as = "vit"

    def __init__(
        self,
        num_classes: int = 10,
        in_channels: int = 3,
        image_size: int = 32,
        patch: int = 4,
        blocks: int = 6,
        channels: int = 128,
        heads: int = 4,
        mlp: int = 512,
        every: int = 1,
    ) -> None:
        layers.check_whole(image_size=image_size, patch=patch, blocks=blocks, channels=channels)
        layers.check_whole(heads=heads, mlp=mlp, every=every)
        if image_size % patch:
            raise ValueError(f"patch={patch} does not divide image_size={image_size}: change one")
        if channels % heads:
            raise ValueError(f"heads={heads} do not divide channels={channels}: change one")

        encoder = [Block(channels, heads, mlp) for _ in range(blocks)]
        ends = layers.ends(blocks, every)
        exits = [ClassHead(channels, num_classes) for _ in ends]
        tokens = Tokens(in_channels, image_size, patch, channels)
        super().__init__(tokens, layers.segments(encoder, ends), exits)
        self.image_size = image_size
        self.made_for = {"num_classes": num_classes, "in_channels": in_channels}

        layers.initialise(self)
        for part in self.segments.modules():  # He's variance is for layers behind a ReLU
            if isinstance(part, nn.Linear):
                nn.init.xavier_uniform_(part.weight)


class Tokens(nn.Module):
    """Images (N, C, H, W) -> a class token and a token for each patch, (N, 1 + patches, channels).

    Each has its position added to it.
    """

    def __init__(self, channels_in: int, image_size: int, patch: int, channels: int) -> None:
        super().__init__()
        self.image_size = image_size
        self.patches = nn.Conv2d(channels_in, channels, patch, patch)
        self.class_token = nn.Parameter(torch.zeros(1, 1, channels))
        count = 1 + (image_size // patch) ** 2
        self.positions = nn.Parameter(0.02 * torch.randn(1, count, channels))

    def forward(self, images: Tensor) -> Tensor:
        height, width = images.shape[2:]
        if (height, width) != (self.image_size, self.image_size):
            raise ValueError(
                f"images of {height}x{width} pixels do not fit a vit of image_size="
                f"{self.image_size}: resize them, or build vit:image_size={height}"
            )
        patches = self.patches(images).flatten(2).transpose(1, 2)
        first = self.class_token.expand(images.shape[0], -1, -1)
        return torch.cat([first, patches], 1) + self.positions


class Block(nn.Module):
    """An encoder block with pre-normalisation: attention, and a network for each token alone."""

    def __init__(self, channels: int, heads: int, mlp: int) -> None:
        super().__init__()
        self.heads = heads
        self.norm1 = nn.LayerNorm(channels, eps=1e-6)
        self.attention, self.out = nn.Linear(channels, 3 * channels), nn.Linear(channels, channels)
        self.norm2 = nn.LayerNorm(channels, eps=1e-6)
        self.mlp = nn.Sequential(nn.Linear(channels, mlp), nn.GELU(), nn.Linear(mlp, channels))

    def forward(self, tokens: Tensor) -> Tensor:
        # Queries, keys and values: (N, heads, tokens, channels / heads) each.
        attention = self.attention(self.norm1(tokens)).unflatten(2, (3, self.heads, -1))
        query, key, value = attention.permute(2, 0, 3, 1, 4)
        attended = F.scaled_dot_product_attention(query, key, value)

        tokens = tokens + self.out(attended.transpose(1, 2).flatten(2))
        return tokens + self.mlp(self.norm2(tokens))


class ClassHead(nn.Sequential):
    """An exit: layer norm and linear layer of the class token."""

    def __init__(self, channels: int, num_classes: int) -> None:
        super().__init__(nn.LayerNorm(channels, eps=1e-6), nn.Linear(channels, num_classes))

    def forward(self, tokens: Tensor) -> Tensor:
        return super().forward(tokens[:, 0])
