"""Embeddings of photos for the evaluation: aligned by given landmarks, no detector in between."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

import numpy as np
import numpy.typing as npt
import torch
from torch.nn import functional as F

from tpgan_sdk.images.resample import Float32Array, UInt8Array

from .base import Recogniser
from .crops import checked, cut
from .dlib_resnet import DLIB, DlibEmbedder
from .weights import load_recogniser

_BATCH = 32


class Embedder(Protocol):
    """A recogniser as the evaluation sees it."""

    @property
    def name(self) -> str:
        """Which recogniser it is."""

    def embed(
        self, pictures: Sequence[UInt8Array] | UInt8Array, points: npt.ArrayLike
    ) -> Float32Array:
        """Embeddings of one face a picture.

        Args:
            pictures: N pictures (H, W, 3) uint8 RGB, of any sizes.
            points: (N, 5, 2) landmarks in px of their picture, in the order of
                `tpgan_sdk.geometry.LANDMARK_NAMES`.

        Returns:
            (N, D) float32 of unit length: their product is the cosine.

        Raises:
            ImageError: not such pictures, or not as many as points.
            GeometryError: points that no face can have.
        """


class TorchEmbedder:
    """A recogniser of this package over its own face crop of every picture."""

    def __init__(self, recogniser: Recogniser) -> None:
        self.name = recogniser.name
        self._network = recogniser.network

    def embed(
        self, pictures: Sequence[UInt8Array] | UInt8Array, points: npt.ArrayLike
    ) -> Float32Array:
        """As `Embedder.embed`."""
        size = self._network.size
        faces = [
            cut(picture, self._network.alignment(landmarks), size)
            for picture, landmarks in checked(pictures, points)
        ]
        parts = [self._embed(faces[i : i + _BATCH]) for i in range(0, len(faces), _BATCH)]
        return np.concatenate([np.empty((0, self._network.dimensions), np.float32), *parts])

    @torch.inference_mode()
    def _embed(self, faces: list[Float32Array]) -> Float32Array:
        device = self._network.grid.device
        batch = torch.from_numpy(np.stack(faces)).permute(0, 3, 1, 2).to(device) / 255
        result: Float32Array = F.normalize(self._network(batch)[1], dim=1).cpu().numpy()
        return result


def load_embedder(spec: str) -> Embedder:
    """ "dlib", or the path of weights that `load_recogniser` takes.

    Raises:
        TrainingError: no such weights, or dlib is not installed.
    """
    if spec == DLIB:
        return DlibEmbedder()
    return TorchEmbedder(load_recogniser(Path(spec)))
