"""SCRFD and its kin through the package `insightface`, from files that lie here already.

Nothing is ever downloaded: a path that does not exist is an error, not the name of a pack.
"""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np

from ..errors import DetectorError
from ..geometry import FloatArray
from ..images.resample import UInt8Array
from ..system.opencv import load_opencv
from ..types import Detection
from .multiscale import MultiscaleDetector, SearchScales
from .yunet import is_yunet

INPUT_SIZE: Final = (640, 640)
INSTALL_LINE: Final = 'pip install "tpgan-sdk[insightface]"'


class _Scrfd:
    looks = SearchScales(first=INPUT_SIZE[0], second=INPUT_SIZE[0], span=2.5, sure=0.75)

    def __init__(self, path: Path, model: Any) -> None:
        self.name = f"insightface:{path.name}"
        self._model = model

    def find(self, image: UInt8Array) -> FloatArray:
        # The model letterboxes a long thin picture to INPUT_SIZE and must not round it to nothing.
        if max(image.shape[:2]) > INPUT_SIZE[0] * min(image.shape[:2]):
            return np.empty((0, 15))
        boxes, points = self._model.detect(image, input_size=INPUT_SIZE)
        return np.column_stack([boxes, points.reshape(-1, 10)])


def open_insightface(path: Path) -> MultiscaleDetector:
    """The detector in a model pack's folder, or in one `det_*.onnx`; it runs on the CPU.

    For detection on a GPU, run `insightface.app.FaceAnalysis` yourself and pass its faces.

    Raises:
        DetectorError: no such path, no detector in it, or insightface is not installed.
    """
    file = _detection_file(path)
    if is_yunet(file):  # insightface would load it and crash in the first detection
        raise DetectorError(f"{file} is a YuNet; use yunet:{file}")
    load_opencv()  # which insightface imports: its own line mends it
    try:
        zoo = importlib.import_module("insightface.model_zoo")
    except ImportError as error:
        raise DetectorError(f"insightface does not load ({error}); {INSTALL_LINE}") from error
    try:
        model = zoo.get_model(str(file), providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime's errors have no common public base
        raise DetectorError(
            f"insightface cannot load {file} ({error}); expected an ONNX detector with five key "
            "points, such as det_10g.onnx"
        ) from error
    if not getattr(model, "use_kps", False):
        raise DetectorError(
            f"{file} is no detector with five key points for insightface; expected one such as "
            "det_10g.onnx, or for YuNet yunet:PATH"
        )
    return MultiscaleDetector(_Scrfd(file, model))


def _detection_file(path: Path) -> Path:
    if path.is_file():
        return path
    if not path.is_dir():
        raise DetectorError(
            f"{path} does not exist; expected the folder of a model pack of insightface, or its "
            "det_*.onnx. Nothing is downloaded: `insightface-cli model.download buffalo_l` does "
            "that, to ~/.insightface/models/buffalo_l"
        )
    # By name, so that no recognition model has to be loaded to find out what it is.
    found = sorted(path.glob("det_*.onnx")) or sorted(path.glob("scrfd*.onnx"))
    if not found:
        names = ", ".join(file.name for file in sorted(path.glob("*.onnx"))) or "no .onnx at all"
        raise DetectorError(
            f"{path} holds {names}; expected a det_*.onnx or scrfd*.onnx. Name the file itself"
        )
    return found[0]


def faces_from_insightface(faces: Sequence[Any]) -> list[Detection]:
    """What `insightface.app.FaceAnalysis.get(image)` returned, as `Detection`s, order kept.

    Args:
        faces: objects with `bbox` (4,), `kps` (5, 2) and `det_score`, in pixels of the image. A
            `bbox` of five, as insightface's detectors give it, ends in a score, which counts where
            `det_score` is missing. `Detection`s stay.

    Raises:
        DetectorError: an object lacks one of these, or they are not such numbers.
    """
    result = []
    for index, face in enumerate(faces):
        if isinstance(face, Detection):
            result.append(face)
            continue
        box, points, score = (getattr(face, key, None) for key in ("bbox", "kps", "det_score"))
        try:
            corners = [] if box is None else [float(value) for value in box]
            landmarks = np.array(points, dtype=np.float64)
            if score is None and len(corners) == 5:
                score = corners[4]
            score = None if score is None else float(score)
        except (TypeError, ValueError) as error:
            raise DetectorError(
                f"face {index} has a bbox, kps or det_score of other things than numbers "
                f"({error}); expected x0, y0, x1, y1, (5, 2) points and a score"
            ) from None
        if box is None or points is None or score is None:
            raise DetectorError(
                f"face {index} is a {type(face).__name__} without bbox, kps or det_score; expected "
                "the faces of insightface.app.FaceAnalysis.get(image), or tpgan_sdk.Detection"
            )
        if len(corners) not in (4, 5):
            raise DetectorError(
                f"face {index} has a bbox of {len(corners)} numbers; expected x0, y0, x1, y1, and "
                "perhaps a score"
            )
        x0, y0, x1, y1 = corners[:4]
        result.append(Detection((x0, y0, x1, y1), landmarks, score))
    return result
