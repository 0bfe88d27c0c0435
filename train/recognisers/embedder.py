"""Embeddings of photos for the evaluation: aligned by given landmarks, no detector in between."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

import numpy as np
import numpy.typing as npt
import torch
from torch.nn import functional as F

from tpgan_sdk.errors import ImageError
from tpgan_sdk.geometry import FloatArray, apply_transform, check_landmarks, invert_transform
from tpgan_sdk.resample import Float32Array, UInt8Array, warp

from .base import Recogniser
from .weights import load_recogniser

DLIB = "dlib"
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


def checked(
    pictures: Sequence[UInt8Array] | UInt8Array, points: npt.ArrayLike
) -> list[tuple[UInt8Array, FloatArray]]:
    """Each picture with its landmarks (5, 2), after the checks that `Embedder.embed` names."""
    faces = [check_landmarks(face) for face in np.asarray(points, dtype=np.float64)]
    if len(faces) != len(pictures):
        raise ImageError(f"{len(pictures)} pictures but {len(faces)} faces; expected one in each")
    for picture in pictures:
        if picture.ndim != 3 or picture.shape[2] != 3 or picture.dtype != np.uint8:
            raise ImageError(
                f"a picture is {picture.dtype} of shape {picture.shape}; expected uint8 RGB of "
                "shape (H, W, 3)"
            )
    return list(zip(pictures, faces, strict=True))


def cut(picture: UInt8Array, transform: FloatArray, size: int) -> Float32Array:
    """The (size, size, 3) face crop in [0, 255]; black beyond the picture, as recognisers learn."""
    face = warp(picture, transform, size, size)
    rows, columns = np.indices((size, size))
    grid = np.stack([columns, rows], axis=-1).reshape(-1, 2)
    places = apply_transform(invert_transform(transform), grid).reshape(size, size, 2)
    height, width = picture.shape[:2]
    inside = (places > -0.5) & (places < (width - 0.5, height - 0.5))
    result: Float32Array = face * inside.all(axis=-1, keepdims=True)
    return result


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
        from .dlib_resnet import DlibEmbedder  # imported late: an optional dependency

        return DlibEmbedder()
    return TorchEmbedder(load_recogniser(Path(spec)))
