"""The package `yuface`, whose weights are compiled in.

Source: libfacedetection (Yu et al., BSD-3-Clause). Wheels exist for CPython 3.10 and 3.11 on
x86-64 Linux.
"""

from __future__ import annotations

import importlib
import platform
from typing import Any, Final

import numpy as np

from ..errors import DetectorError
from ..geometry import FloatArray
from ..images.resample import UInt8Array
from .multiscale import MultiscaleDetector, SearchScales

CONFIDENCE: Final = 0.5


class _Yuface:
    # yuface warns above 960 px, and its time grows with the area.
    looks = SearchScales(first=640, second=448, span=2.0, sure=0.93)
    name = "yuface"

    def __init__(self, package: Any) -> None:
        self._package = package

    def find(self, image: UInt8Array) -> FloatArray:
        scores, boxes, points = self._package.detect(image, CONFIDENCE)
        boxes = np.asarray(boxes, dtype=np.float64)
        boxes[:, 2:] += boxes[:, :2]
        return np.column_stack([boxes, np.asarray(scores) / 100.0, points])


def open_yuface() -> MultiscaleDetector:
    """The detector of the package `yuface`.

    Raises:
        DetectorError: the package is not installed, or does not load.
    """
    try:
        package = importlib.import_module("yuface")
    except ImportError as error:
        python = ".".join(platform.python_version_tuple()[:2])
        raise DetectorError(
            f"yuface does not load ({error}): it has wheels for "
            f"Python 3.10 and 3.11 on x86-64 Linux, this is Python {python} on "
            f"{platform.machine()} {platform.system()}. There, `pip install yuface` mends it; "
            "elsewhere take the detector in the package, --detector packaged "
            '(Frontalizer(detector="packaged"))'
        ) from error
    return MultiscaleDetector(_Yuface(package))
