"""The two-pathway generator: global structure, local detail, one frontal picture.

Source: Huang, Zhang, Li, He, "Beyond Face Rotation: Global and Local Perception GAN for
Photorealistic and Identity Preserving Frontal View Synthesis", ICCV 2017, section 3.1.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from tpgan_sdk.geometry import CROP_SIZE
from tpgan_sdk.models.inputs import INPUT_SHAPES

from .blocks import Conv, Grow, Residual, Upsample, double, maxout, residuals
from .local import LocalPathways
from .spec import GeneratorSpec, Level


class Frontal(NamedTuple):
    """All that the generator makes; pictures are RGB in [-1, 1], float."""

    image: Tensor
    """(N, 3, 128, 128)"""
    image_64: Tensor
    """(N, 3, 64, 64)"""
    image_32: Tensor
    """(N, 3, 32, 32)"""
    patches: tuple[Tensor, ...]
    """The four local pictures before fusion; none without local pathways."""
    local_image: Tensor
    """(N, 3, 128, 128), the fused local pictures; grey without local pathways."""
    code: Tensor
    """(N, 256) identity code."""
    logits: Tensor
    """(N, classes); (N, 0) without a classifier."""


class Encoder(nn.Module):
    """The picture to one map a level, and the identity code."""

    def __init__(self, spec: GeneratorSpec) -> None:
        super().__init__()
        levels = [level for level in spec.levels if level.encoder]
        stages: list[nn.Module] = []
        inputs, size = 3, CROP_SIZE
        for level in levels:
            channels, stride = spec.scaled(level.encoder), size // level.size
            # An encoder that begins below 128 px sees every pixel: its first kernel spans them.
            kernel = level.encoder_kernel * (1 if stages else stride)
            conv = Conv(spec, inputs, channels, kernel, stride)
            blocks = residuals(spec, channels, level.encoder_kernel, level.encoder_blocks)
            stages.append(nn.Sequential(conv, blocks))
            inputs, size = channels, level.size
        self.stages = nn.ModuleList(stages)
        squeezed = spec.code_squeeze or inputs
        self.squeeze = Conv(spec, inputs, squeezed, 1) if spec.code_squeeze else nn.Identity()
        self.linear = nn.Linear(squeezed * size * size, 2 * spec.code)

    def forward(self, face: Tensor) -> tuple[list[Tensor], Tensor]:
        x, maps = face, []
        for stage in self.stages:
            x = stage(x)
            maps.append(x)
        return maps, maxout(self.linear(self.squeeze(x).flatten(1)))


class Seeds(nn.Module):
    """Grows the code and the noise into maps for the decoder, smallest level first."""

    def __init__(self, spec: GeneratorSpec) -> None:
        super().__init__()
        levels = [level for level in reversed(spec.levels) if level.seed]
        inputs, size = spec.code + spec.noise, 1
        grow = {}
        for level in levels:
            channels = spec.scaled(level.seed)
            first = size == 1
            stride = 1 if first else level.size // size
            grow[str(level.size)] = Grow(inputs, channels, level.size if first else 3, stride)
            inputs, size = channels, level.size
        self.grow = nn.ModuleDict(grow)

    def forward(self, code: Tensor) -> dict[int, Tensor]:
        x, maps = code[:, :, None, None], {}
        for size, layer in self.grow.items():
            x = layer(x)
            maps[int(size)] = x
        return maps


class DecoderLevel(nn.Module):
    """Joins all that is known at one size and refines it."""

    def __init__(self, spec: GeneratorSpec, level: Level, lower: int, extra: int) -> None:
        """`lower`: channels from below; `extra`: pictures and local maps joined besides."""
        super().__init__()
        skip = spec.scaled(level.encoder) + spec.scaled(level.seed) + 3 * level.sees_input
        kernel = level.skip_kernel
        self.skip = Residual(spec, skip, kernel) if kernel else nn.Identity()
        joined = skip + lower + extra
        self.width = spec.scaled(level.join) or joined
        self.join = Conv(spec, joined, self.width) if level.join else nn.Identity()
        self.blocks = residuals(spec, self.width, level.join_kernel, level.join_blocks)

    def forward(self, skip: list[Tensor], joined: list[Tensor]) -> Tensor:
        side = self.skip(torch.cat(skip, dim=1))
        x: Tensor = self.blocks(self.join(torch.cat([side, *joined], dim=1)))
        return x


class Generator(nn.Module):
    """Face and four patches to the frontal face.

    Args:
        spec: the table; `local` empty: without local pathways, as in the article's ablation.
        classes: identities of the training set for the cross-entropy on the code; 0: none.
    """

    def __init__(self, spec: GeneratorSpec, classes: int = 0) -> None:
        super().__init__()
        self.spec = spec
        self.inputs = INPUT_SHAPES
        self.outputs = {"frontal": [3, CROP_SIZE, CROP_SIZE]}
        self.encoder = Encoder(spec)
        self.seeds = Seeds(spec)
        self.local = LocalPathways(spec) if spec.local else None
        self.classifier = nn.Linear(spec.code, classes) if classes else None
        decoder, ups, heads = {}, {}, {}
        lower, head_below = 0, False
        for level in reversed(spec.levels):
            extra = 3 * head_below
            if level.size == CROP_SIZE and self.local is not None:
                extra += self.local.features + 3
            stage = DecoderLevel(spec, level, lower, extra)
            decoder[str(level.size)] = stage
            if level.up:
                lower = spec.scaled(level.up)
                ups[str(level.size)] = Upsample(spec, stage.width, lower)
                if level.head:
                    heads[str(level.size)] = nn.Conv2d(stage.width, 3, 3, padding=1)
            head_below = level.head
            width = stage.width
        self.decoder, self.ups = nn.ModuleDict(decoder), nn.ModuleDict(ups)
        tail: list[nn.Module] = []
        for entry in spec.tails:
            channels = spec.scaled(entry.channels)
            tail.append(Conv(spec, width, channels, entry.kernel))
            if entry.block_kernel:
                tail.append(Residual(spec, channels, entry.block_kernel))
            width = channels
        self.tail = nn.Sequential(*tail)
        heads[str(CROP_SIZE)] = nn.Conv2d(width, 3, 3, padding=1)
        self.heads = nn.ModuleDict(heads)

    def forward(
        self, face: Tensor, patches: Sequence[Tensor], noise: Tensor | None = None
    ) -> Frontal:
        """
        Args:
            face: (N, 3, 128, 128) RGB in [-1, 1].
            patches: left eye, right eye (N, 3, 40, 40), nose (N, 3, 32, 40), mouth
                (N, 3, 32, 48).
            noise: (N, noise); None: zeros, the mean, which makes the result deterministic.
        """
        maps, code = self.encoder(face)
        seeds = self.seeds(code if noise is None else torch.cat([code, noise], dim=1))
        patch_images: tuple[Tensor, ...] = ()
        local_maps: list[Tensor] = []
        if self.local is None:
            local_image = torch.zeros_like(face)
        else:
            features, local_image, patch_images = self.local(patches)
            local_maps = [features, local_image]
        images: dict[int, Tensor] = {}
        lower: Tensor | None = None
        smaller: Tensor | None = None
        for level in reversed(self.spec.levels):
            key = str(level.size)
            skip = [seeds[level.size]] if level.seed else []
            if level.encoder:
                skip.append(maps.pop())
            if level.sees_input:
                skip.append(_shrink(face, level.size))
            joined = [] if lower is None else [lower]
            if smaller is not None:
                joined.append(double(smaller))
            if level.size == CROP_SIZE:
                joined += local_maps
            x = self.decoder[key](skip, joined)
            if level.size == CROP_SIZE:
                x = self.tail(x)
            if level.head:
                image = self.heads[key](x)
                images[level.size] = torch.tanh(image) if self.spec.bounded else image
                # As published: the smallest picture is trained by its own loss alone.
                smaller = images[level.size].detach() if level.size == 32 else images[level.size]
            if level.up:
                lower = self.ups[key](x)
        logits = code[:, :0] if self.classifier is None else self.classifier(code)
        return Frontal(images[128], images[64], images[32], patch_images, local_image, code, logits)


def _shrink(face: Tensor, size: int) -> Tensor:
    factor = face.shape[-1] // size
    return F.avg_pool2d(face, factor) if factor > 1 else face
