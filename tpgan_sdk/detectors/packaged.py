"""The detector in the package: YuNet, trained further on rendered heads. Works on every platform.

ONNX Runtime runs it; where that is missing, OpenCV does, which takes half as long again.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import numpy as np

from ..errors import BackendError, DetectorError, ModelError
from ..geometry import FloatArray
from ..images.resample import UInt8Array
from ..models.auxiliary import open_session, read_sidecar
from ..models.model import PACKAGED
from .multiscale import MultiscaleDetector, SearchScales
from .yunet import CONFIDENCE, OVERLAP, open_yunet

KIND: Final = "face detector"
FORMAT: Final = 1
"""Version of the sidecar."""
NAME: Final = "packaged"
PACKAGED_DETECTOR: Final = PACKAGED / "detector" / "detector.onnx"
LOOKS: Final = SearchScales(first=640, second=448, span=2.0, sure=0.93)
STRIDES: Final = (8, 16, 32)
"""Px between the cells of its three maps."""
# Whoever has many pictures runs a process a core: threads of one picture would only wait.
THREADS: Final = 1


class _Packaged:
    """On ONNX Runtime; several threads may share it."""

    looks = LOOKS
    name = NAME

    def __init__(self, session: Any) -> None:
        self._session = session

    def find(self, image: UInt8Array) -> FloatArray:
        height, width = image.shape[:2]
        # Whole cells of the coarsest map, black beyond the picture.
        size = [-(-length // STRIDES[-1]) * STRIDES[-1] for length in (height, width)]
        pixels = np.zeros((1, 3, *size), np.float32)
        pixels[0, :, :height, :width] = image.transpose(2, 0, 1)
        names = [output.name for output in self._session.get_outputs()]
        told = dict(zip(names, self._session.run(None, {"input": pixels}), strict=True))
        return non_maximum_suppression(
            np.concatenate([_rows(told, s, size[1] // s) for s in STRIDES])
        )


def _rows(told: dict[str, Any], stride: int, columns: int) -> FloatArray:
    """(N, 15) faces that the cells of one map are sure of; see `SingleScaleDetector.find`."""
    scores = np.sqrt(told[f"cls_{stride}"][0, :, 0] * told[f"obj_{stride}"][0, :, 0])
    sure = np.flatnonzero(scores > CONFIDENCE)
    corners = np.stack([sure % columns, sure // columns], axis=1).astype(np.float64)
    box = told[f"bbox_{stride}"][0, sure].astype(np.float64)
    middle, half = corners + box[:, :2], np.exp(box[:, 2:]) / 2
    points = told[f"kps_{stride}"][0, sure].reshape(-1, 5, 2) + corners[:, None]
    sides = np.column_stack([middle - half, middle + half]) * stride
    return np.column_stack([sides, scores[sure], points.reshape(-1, 10) * stride])


def non_maximum_suppression(rows: FloatArray) -> FloatArray:
    """(N, 15) without those that overlap a surer one, best first."""
    rest, kept = rows[np.argsort(-rows[:, 4], kind="stable")], []
    while len(rest):
        best, rest = rest[0], rest[1:]
        kept.append(best)
        common = np.minimum(best[2:4], rest[:, 2:4]) - np.maximum(best[:2], rest[:, :2])
        both = common.clip(min=0).prod(axis=1)
        areas = (rest[:, 2:4] - rest[:, :2]).prod(axis=1) + (best[2:4] - best[:2]).prod()
        rest = rest[both <= OVERLAP * (areas - both)]
    return np.array(kept).reshape(-1, 15)


def open_packaged(path: Path = PACKAGED_DETECTOR) -> MultiscaleDetector:
    """The detector in the package, or another one that `python -m train.detector.export` wrote.

    Raises:
        DetectorError: the file or its sidecar is missing, damaged or of something else.
    """
    try:
        read_sidecar(path, KIND, FORMAT, "python -m train.detector.export")
        session = open_session(path, {"input": [3, "height", "width"]}, THREADS)
    except ModelError as error:
        raise DetectorError(str(error)) from error
    except BackendError:
        search = open_yunet(path)
        search.name = NAME
        return search
    return MultiscaleDetector(_Packaged(session))
