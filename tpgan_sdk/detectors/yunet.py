"""YuNet from an ONNX file, through OpenCV.

Source: Wu, Peng, Yu, "YuNet: A Tiny Millisecond-level Face Detector", 2023.
"""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any, Final

import numpy as np

from ..errors import DetectorError
from ..geometry import FloatArray
from ..images.resample import UInt8Array
from ..system.opencv import load_opencv
from .multiscale import MultiscaleDetector, SearchScales

CONFIDENCE: Final = 0.6
OVERLAP: Final = 0.3
MOST_FACES: Final = 5000

# Names of outputs that only YuNet has; they stand in the file as plain text.
_MARKS: Final = (b"obj_8", b"kps_8")


class _YuNet:
    looks = SearchScales(first=640, second=448, span=2.0, sure=0.93)

    def __init__(self, path: Path, detector: Any) -> None:
        self.name = f"yunet:{path.name}"
        self._detector = detector
        # Size and input live in the detector, and clones of a Frontalizer share it.
        self._lock = threading.Lock()

    def find(self, image: UInt8Array) -> FloatArray:
        with self._lock:
            self._detector.setInputSize((image.shape[1], image.shape[0]))
            _, rows = self._detector.detect(image)
        if rows is None:
            return np.empty((0, 15))
        boxes = rows[:, :4].copy()
        boxes[:, 2:] += boxes[:, :2]
        return np.column_stack([boxes, rows[:, 14], rows[:, 4:14]])


def is_yunet(path: Path) -> bool:
    """Whether an ONNX file has YuNet's outputs. Reads the file without parsing it."""
    data = path.read_bytes()
    return all(mark in data for mark in _MARKS)


def open_yunet(path: Path) -> MultiscaleDetector:
    """The detector in a YuNet ONNX file.

    Raises:
        DetectorError: no such file, or not a YuNet that this OpenCV takes.
    """
    cv2 = load_opencv()

    if not path.is_file():
        raise DetectorError(f"{path} is not a file; expected a YuNet ONNX, such as yunet_n.onnx")
    if not is_yunet(path):
        raise DetectorError(
            f"{path} has no outputs named obj_8 and kps_8; expected a YuNet ONNX. For a detector "
            f"of insightface use insightface:{path}"
        )
    try:
        # Not the path: OpenCV's binding dies of one that is not UTF-8.
        model, none = (np.frombuffer(data, np.uint8) for data in (path.read_bytes(), b""))
        detector = cv2.FaceDetectorYN.create(
            "onnx", model, none, (320, 320), CONFIDENCE, OVERLAP, MOST_FACES
        )
        finder = _YuNet(path, detector)
        # A file with a fixed input size is only refused when it runs.
        finder.find(np.zeros((96, 128, 3), dtype=np.uint8))
    except cv2.error as error:
        raise DetectorError(
            f"OpenCV {cv2.__version__} cannot run {path}: {error}; expected a YuNet ONNX with "
            "dynamic input size"
        ) from error
    return MultiscaleDetector(finder)
