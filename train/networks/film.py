"""What a frozen recogniser sees in the input face, as scales and shifts of the decoder's maps.

Features of a recogniser that learnt from photos of many people hold for real faces, where an
encoder trained on renderings of a few thousand errs. Sources: Perez et al., "FiLM: Visual Reasoning
with a General Conditioning Layer", AAAI 2018; Qian et al., "Unsupervised Face Normalization with
Extreme Pose and Expression in the Wild", CVPR 2019, for a recogniser as encoder.
"""

from __future__ import annotations

from typing import Final

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from tpgan_sdk.geometry import CROP_SIZE

from ..recognisers.mobilefacenet import MobileFaceNet
from .spec import GeneratorSpec

Modulation = tuple[Tensor, Tensor]
"""Scale and shift of every channel, (N, C, 1, 1) each; no change is (0, 0)."""

ZOOM: Final = 0.86
LEFT: Final = -9.0
TOP: Final = 15.5
"""From px of the 128-px crop to those of the recogniser's: `x * zoom + left`, `y * zoom + top`.

A face seen from the side lies right of where the template has it, so the window does, too."""


class IdentityFilm(nn.Module):
    """From the face and the encoder's code to one modulation for each level of the decoder."""

    def __init__(self, spec: GeneratorSpec, widths: dict[str, int]) -> None:
        """`widths`: channels of the decoder by level."""
        super().__init__()
        self.recogniser = MobileFaceNet()
        size = self.recogniser.size
        self.register_buffer("rows", _sampling(size, TOP), persistent=False)
        self.register_buffer("columns", _sampling(size, LEFT).T, persistent=False)
        self.hidden = nn.Linear(self.recogniser.dimensions + spec.code, spec.film)
        levels = {size: nn.Linear(spec.film, 2 * width) for size, width in widths.items()}
        for level in levels.values():
            # A decoder that exists already begins as it was.
            nn.init.zeros_(level.weight)
            nn.init.zeros_(level.bias)
        self.levels = nn.ModuleDict(levels)
        self.slope = spec.slope
        self.recogniser.requires_grad_(False).eval()

    rows: Tensor
    columns: Tensor

    def train(self, mode: bool = True) -> IdentityFilm:
        """The recogniser stays frozen: its batch statistics never follow the training mode."""
        super().train(mode)
        self.recogniser.eval()
        return self

    def take(self, recogniser: MobileFaceNet) -> None:
        """Copies a trained recogniser's weights."""
        self.recogniser.load_state_dict(recogniser.state_dict())

    def forward(self, face: Tensor, code: Tensor) -> dict[str, Modulation]:
        """
        Args:
            face: (N, 3, 128, 128) RGB in [-1, 1].
            code: (N, 256) of the encoder.
        """
        # Black beyond the picture, as the recogniser learnt. Two products instead of a sampling
        # by a grid: every runtime has them.
        seen = torch.matmul(torch.matmul(self.rows, face / 2 + 0.5), self.columns)
        embedding = self.recogniser(seen)[1]
        hidden = F.leaky_relu(self.hidden(torch.cat([embedding, code], dim=1)), self.slope)
        found = {}
        for size, level in self.levels.items():
            scale, shift = level(hidden)[:, :, None, None].chunk(2, dim=1)
            found[size] = (scale, shift)
        return found


def _sampling(size: int, offset: float) -> Tensor:
    """(size, 128) weights of bilinear sampling along one axis."""
    places = (torch.arange(size) - offset) / ZOOM
    distance = (places[:, None] - torch.arange(CROP_SIZE)).abs()
    # Numbers of 16 bits: models are stored in them, and must stay the network that was trained.
    return (1 - distance).clamp(min=0).half().float()
