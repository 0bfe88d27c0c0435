"""What every detector offers."""

from __future__ import annotations

from typing import Protocol

from ..images.resample import UInt8Array
from ..types import Detection


class Detector(Protocol):
    """Finds faces with five landmarks."""

    name: str
    """As reported to the user, for example "yuface" or "insightface:det_500m.onnx"."""

    def detect(self, image: UInt8Array) -> list[Detection]:
        """All faces of one (H, W, 3) uint8 BGR image, best score first; none: an empty list."""
        ...
