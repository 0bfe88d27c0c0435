"""The generators as data: every preset is one table of sizes, channels and kernels.

`PAPER` is TP-GAN as published (Huang et al., ICCV 2017, supplementary tables) in the form that
the public PyTorch code gave it. `DRAWN` is the same two pathways cut down for a Jetson and for
CPUs. Both are built by the same code from these tables; see `docs/networks.md` for the choice.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

UpsampleKind = Literal["transposed", "resize"]
FuseKind = Literal["max", "mean"]


@dataclass(frozen=True, slots=True)
class Level:
    """The global pathway at one picture size: what goes in, what is joined, what goes up."""

    size: int
    """Width and height in px."""
    encoder: int
    """Encoder channels at this size; 0: the encoder begins further down."""
    encoder_kernel: int
    encoder_blocks: int
    """Residual blocks after the encoder's convolution."""
    seed: int
    """Channels of the map grown from the code at this size; 0: none."""
    sees_input: bool
    """Whether the decoder is given the input picture at this size."""
    skip_kernel: int
    """Kernel of the residual block over (seed, encoder, input); 0: joined as they are."""
    join: int
    """Channels that a 3x3 convolution reduces the join to; 0: the sum of what is joined."""
    join_kernel: int
    join_blocks: int
    """Residual blocks after the join."""
    head: bool
    """Whether an RGB picture is made at this size."""
    up: int
    """Channels handed up to the next larger size."""


@dataclass(frozen=True, slots=True)
class Tail:
    """One convolution between the last join and the picture, and a block after it."""

    channels: int
    kernel: int
    block_kernel: int
    """0: no residual block."""


@dataclass(frozen=True, slots=True)
class GeneratorSpec:
    """Everything that fixes a generator's shape."""

    name: str
    levels: tuple[Level, ...]
    """Largest size first."""
    tails: tuple[Tail, ...]
    local: tuple[int, ...]
    """Channels of the local U-Nets, full size first; empty: no local pathways."""
    local_features_from_head: bool
    """Features for the fuser: what the image head reads, else the last upsampling's output."""
    code: int = 256
    """Width of the identity code (after maxout over pairs)."""
    code_squeeze: int = 0
    """Channels that a 1x1 convolution leaves before the code's linear layer; 0: all."""
    noise: int = 64
    """Width of the noise joined to the code."""
    upsample: UpsampleKind = "transposed"
    fuse: FuseKind = "max"
    feather: int = 0
    """Border in px over which a local map fades out before it is fused."""
    share_eyes: bool = False
    """One network for both eyes, the right patch mirrored."""
    batch_norm: bool = False
    width: float = 1.0
    """Multiplies every channel count (the seed's `fm_mult`)."""
    slope: float = 0.01
    """Of LeakyReLU."""
    bounded: bool = False
    """tanh on the pictures."""
    template: str = "official"

    def scaled(self, channels: int) -> int:
        """Channels under the width multiplier, in multiples of 8 where it is not 1."""
        if self.width == 1.0 or channels == 0:
            return channels
        return max(8, round(channels * self.width / 8) * 8)


PAPER = GeneratorSpec(
    name="paper",
    levels=(
        #     size  enc  k  n  seed input skip join  k  n  head   up
        Level(128, 64, 7, 1, 8, True, 7, 0, 5, 1, True, 0),
        Level(64, 64, 5, 1, 16, True, 5, 0, 3, 2, True, 64),
        Level(32, 128, 3, 1, 32, True, 3, 0, 3, 2, True, 128),
        Level(16, 256, 3, 1, 0, False, 3, 0, 3, 2, False, 256),
        Level(8, 512, 3, 4, 64, False, 0, 0, 2, 3, False, 512),
    ),
    tails=(Tail(64, 5, 3), Tail(32, 3, 0)),
    local=(64, 128, 256, 512),
    local_features_from_head=False,
)

DRAWN = GeneratorSpec(
    name="edge-drawn",
    levels=(
        #     size  enc  k  n  seed input skip join  k  n  head   up
        Level(128, 0, 0, 0, 0, True, 0, 24, 3, 1, True, 0),
        Level(64, 32, 3, 1, 0, False, 0, 32, 3, 1, True, 32),
        Level(32, 64, 3, 1, 0, False, 0, 64, 3, 1, True, 32),
        Level(16, 128, 3, 1, 0, False, 0, 128, 3, 1, False, 64),
        Level(8, 160, 3, 1, 32, False, 0, 160, 3, 1, False, 96),
    ),
    tails=(Tail(16, 3, 0),),
    local=(24, 32, 64, 96),
    local_features_from_head=True,
    code_squeeze=16,
    noise=16,
    upsample="resize",
    fuse="mean",
    feather=6,
    share_eyes=True,
    batch_norm=True,
    slope=0.1,
    bounded=True,
)

# For tests: the same code paths in milliseconds.
TINY = replace(DRAWN, name="tiny", width=0.25)

PRESETS = {spec.name: spec for spec in (PAPER, DRAWN, TINY)}
