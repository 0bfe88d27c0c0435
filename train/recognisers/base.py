"""What a recogniser is: a network over its own face crop, and the frozen form that losses use."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from tpgan_sdk.geometry import CROP_SIZE, OFFICIAL, FloatArray, apply_transform, invert_transform


class FaceNetwork(nn.Module):
    """A recogniser's layers, trainable, and where it wants the face to lie.

    Called with (N, 3, size, size) float RGB in [0, 1], aligned by its own rule, it returns the
    maps before its last layers (N, C, H, W) and the embedding (N, dimensions), not normalised.
    """

    name: ClassVar[str]
    size: ClassVar[int]
    """Width and height of its face crop, in px."""
    dimensions: ClassVar[int]
    """Numbers in an embedding."""
    signature: ClassVar[tuple[str, tuple[int, ...]]]
    """Name and shape of a tensor that only this architecture has."""
    grid: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("grid", self._sampling_grid(), persistent=False)

    @staticmethod
    def alignment(points: npt.ArrayLike) -> FloatArray:
        """(2, 3) transform from the frame of five landmarks (5, 2) to this network's face crop."""
        raise NotImplementedError

    def of_crop(self, crop: Tensor, jitter: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Maps and embedding of crops aligned by the SDK: (N, 3, 128, 128) RGB in [-1, 1].

        `jitter`, (N, 3): each face is looked at `jitter[:, 0]` smaller, as a part of its size, and
        from `jitter[:, 1]` further right and `jitter[:, 2]` further down, in parts of half the
        crop.

        Where the network looks beyond the crop it sees black, as it did beyond the photos that it
        was trained on: a replicated edge costs it far more (docs/recognisers.md).
        """
        grid = self.grid.expand(crop.shape[0], -1, -1, -1)
        if jitter is not None:
            grid = grid * (1 + jitter[:, None, None, :1]) + jitter[:, None, None, 1:]
        grid = grid.to(crop.dtype)
        face = F.grid_sample(crop / 2 + 0.5, grid, padding_mode="zeros", align_corners=True)
        result: tuple[Tensor, Tensor] = self(face)
        return result

    def _sampling_grid(self) -> Tensor:
        """Where each pixel of the face crop lies on the SDK's 128-px one, in [-1, 1]."""
        inverse = invert_transform(self.alignment(OFFICIAL.points))
        ys, xs = np.indices((self.size, self.size))
        points = apply_transform(inverse, np.stack([xs, ys], axis=-1).reshape(-1, 2))
        grid = (points / (CROP_SIZE - 1) * 2 - 1).reshape(1, self.size, self.size, 2)
        return torch.from_numpy(grid.astype(np.float32))


class Recogniser(nn.Module):
    """A frozen network over aligned 128-px crops; gradients reach the crops, not the weights."""

    def __init__(self, network: FaceNetwork) -> None:
        super().__init__()
        self.network = network
        self.name = network.name
        self.requires_grad_(False).eval()

    def train(self, mode: bool = True) -> Recogniser:
        """Stays frozen: its batch statistics never follow the training mode."""
        return super().train(False)

    def forward(self, image: Tensor, jitter: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """(N, 3, 128, 128) RGB in [-1, 1] to feature maps and unit-length float32 embeddings.

        `jitter` (N, 3) is that of `FaceNetwork.of_crop`.
        """
        maps, embedding = self.network.of_crop(image, jitter)
        return maps, F.normalize(embedding.float(), dim=1)
