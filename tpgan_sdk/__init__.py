"""Frontal faces from photos taken from the side: TP-GAN behind one small class.

>>> from tpgan_sdk import Frontalizer
>>> with Frontalizer() as frontalizer:
...     for face in frontalizer.frontalize("photo.jpg"):
...         face.image  # (128, 128, 3) uint8 BGR

Importing this package loads nothing heavier than NumPy, and names are loaded when first used.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from .version import __version__

if TYPE_CHECKING:
    from .errors import (
        BackendError,
        DetectorError,
        GeometryError,
        ImageError,
        ModelError,
        TPGANError,
    )
    from .faces.pasting import paste_back
    from .frontalizer import Frontalizer
    from .types import BackendInfo, Detection, Face

_HOMES = {
    "BackendError": "errors",
    "BackendInfo": "types",
    "Detection": "types",
    "DetectorError": "errors",
    "Face": "types",
    "Frontalizer": "frontalizer",
    "GeometryError": "errors",
    "ImageError": "errors",
    "ModelError": "errors",
    "TPGANError": "errors",
    "paste_back": "faces.pasting",
}

__all__ = [
    "BackendError",
    "BackendInfo",
    "Detection",
    "DetectorError",
    "Face",
    "Frontalizer",
    "GeometryError",
    "ImageError",
    "ModelError",
    "TPGANError",
    "__version__",
    "paste_back",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f".{_HOMES[name]}", __name__), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
