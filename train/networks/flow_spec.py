"""The appearance-flow generators as data: one table of sizes and channels a preset.

The global pathway says where each frontal pixel lies in the photo (Zhou, Tulsiani, Sun, Malik,
Efros, "View Synthesis by Appearance Flow", ECCV 2016); see `flow_generator`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final


@dataclass(frozen=True, slots=True)
class FlowSpec:
    """Everything that fixes an appearance-flow generator's shape.

    Widths are channels at the resolutions in brackets, in px of the crop.
    """

    name: str
    margin: int = 16
    """Crop px around the crop that the face input shows, on every side; a multiple of 16."""
    encoder: tuple[int, int, int, int] = (24, 48, 96, 128)
    """Of the face, at a half, a quarter, an eighth and a sixteenth of its size."""
    decoder: tuple[int, int, int, int] = (32, 64, 96, 128)
    """Of the flow (64, 32, 16, 8)."""
    code: int = 192
    """Width of the identity code, through which the face reaches every frontal pixel."""
    code_squeeze: int = 32
    """Channels of the map before and behind the code."""
    composer: tuple[int, int, int, int] = (32, 64, 96, 128)
    """Of the fetched pictures (64, 32, 16, 8)."""
    composer_up: tuple[int, int, int] = (32, 48, 96)
    """On the way back (64, 32, 16)."""
    tail: int = 16
    """Channels at 128 px."""
    local: tuple[int, ...] = (16, 32, 48)
    """Of a local pathway, full size first; empty: no local pathways."""
    mirror: bool = True
    """Whether the mirrored half may be used for what the photo hides."""
    silhouette: bool = True
    """Whether the photo's background is found first, so that it is not fetched."""
    compose: bool = True
    """False: what is seen is fetched as it is, and nothing is drawn."""
    feather: int = 6
    """Border in px over which a local picture fades out."""
    slope: float = 0.1
    """Of LeakyReLU."""
    batch_norm: bool = True
    upsample: str = "resize"
    fuse: str = "mean"
    template: str = "official"


EDGE: Final = FlowSpec(name="edge")
# For tests: the same code paths in milliseconds.
TINY_FLOW: Final = replace(
    EDGE,
    name="tiny-flow",
    encoder=(8, 8, 8, 16),
    decoder=(8, 8, 8, 16),
    code=16,
    code_squeeze=4,
    composer=(8, 8, 8, 16),
    composer_up=(8, 8, 8),
    tail=8,
    local=(8, 8, 8),
)
