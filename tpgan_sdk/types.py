"""The values that pass between the SDK's parts and out to its users."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields
from typing import Any

import numpy as np

from .geometry import FloatArray
from .images.resample import UInt8Array


def _equal(one: Any, other: Any) -> bool:
    """Of dataclasses with arrays, which have no truth value for `==` to ask for."""
    pairs = ((getattr(one, f.name), getattr(other, f.name)) for f in fields(one))
    return all(np.array_equal(a, b) for a, b in pairs)


@dataclass(frozen=True, slots=True, eq=False)
class Detection:
    """One face as a detector sees it."""

    box: tuple[float, float, float, float]
    """x0, y0, x1, y1 in frame pixels; may reach beyond the frame."""
    landmarks: FloatArray
    """(5, 2) frame pixels, order of `tpgan_sdk.geometry.LANDMARK_NAMES`."""
    score: float
    """The detector's confidence, 0 to 1."""

    @property
    def area(self) -> float:
        """Square pixels of the box."""
        return max(0.0, self.box[2] - self.box[0]) * max(0.0, self.box[3] - self.box[1])

    def __eq__(self, other: object) -> bool:
        return _equal(self, other) if isinstance(other, Detection) else NotImplemented


@dataclass(frozen=True, slots=True, eq=False)
class Face:
    """One face of a frame and its frontal view."""

    image: UInt8Array
    """(S, S, 3) frontal face, BGR as the input; S is 128, or the size asked for."""
    box: tuple[float, float, float, float]
    """x0, y0, x1, y1 in frame pixels; may reach beyond the frame."""
    landmarks: FloatArray
    """(5, 2) frame pixels, order of `tpgan_sdk.geometry.LANDMARK_NAMES`."""
    score: float
    """The detector's confidence, 0 to 1; 1 where the landmarks were given."""
    yaw: float
    """Degrees, estimated from the landmarks; positive: looks towards the frame's right edge."""
    mirrored: bool
    """Whether the network saw the mirror image (yaw < 0); `image` and `aligned` are not."""
    aligned: UInt8Array
    """(S, S, 3) aligned crop of the frame, oriented as the frame is."""
    transform: FloatArray
    """(2, 3) float64, frame pixels to pixels of the 128x128 crop; `aligned` and `image` show it at
    S / 128 times its size."""

    @property
    def roll(self) -> float:
        """Degrees by which the face lies turned in the frame, positive: clockwise; -180 to 180."""
        return math.degrees(math.atan2(-self.transform[1, 0], self.transform[0, 0]))

    def __eq__(self, other: object) -> bool:
        return _equal(self, other) if isinstance(other, Face) else NotImplemented


@dataclass(frozen=True, slots=True)
class BackendInfo:
    """What runs the network, and why it was chosen."""

    name: str
    """"tensorrt", "onnxruntime-cuda", "onnxruntime-cpu" or "openvino"."""
    provider: str
    """What the runtime itself says it executes on."""
    device: str
    """"cpu" or "cuda:N"."""
    reason: str
    """Why this one and none before it in the order of preference."""
    faster: str | None
    """The command that would give a faster backend here; None where this is the fastest known."""
