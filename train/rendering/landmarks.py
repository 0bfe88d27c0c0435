"""478 landmarks and a foreground mask of a portrait, by MediaPipe.

MediaPipe is imported late: only rendering needs it, and it is a large dependency.
"""

from __future__ import annotations

import os
import warnings
from types import TracebackType
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from tpgan_sdk.errors import TrainingError
from tpgan_sdk.geometry import FloatArray
from tpgan_sdk.images.resample import Float32Array, UInt8Array

FIVE_POINTS: Final = (468, 473, 4, 61, 291)
"""Indices of the five landmarks: iris centres, nose tip, mouth corners."""

IBUG_68: Final = (
    *(162, 234, 93, 58, 172, 136, 149, 148, 152, 377, 378, 365, 397, 288, 323, 454, 389),
    *(71, 63, 105, 66, 107, 336, 296, 334, 293, 301),
    *(168, 197, 5, 4, 75, 97, 2, 326, 305),
    *(33, 160, 158, 133, 153, 144, 362, 385, 387, 263, 373, 380),
    *(61, 39, 37, 0, 267, 269, 291, 405, 314, 17, 84, 181),
    *(78, 82, 13, 312, 308, 317, 14, 87),
)
"""For each of the 68 iBUG landmarks, the index of the mesh point that lies there."""

OVAL: Final = (
    *(10, 338, 297, 332, 284, 251, 389, 356, 454, 323, 361, 288, 397, 365, 379, 378, 400, 377),
    *(152, 148, 176, 149, 150, 136, 172, 58, 132, 93, 234, 127, 162, 21, 54, 103, 67, 109),
)
"""Outline of the face mesh, in order."""


class PortraitAnalyser:
    """MediaPipe's face mesh and selfie segmentation; holds their state, so close it.

    Raises:
        TrainingError: MediaPipe is not installed, or is a version without its own models.
    """

    def __init__(self) -> None:
        os.environ.setdefault("GLOG_minloglevel", "2")
        try:
            # Its protobuf stubs warn once per process about a call that users cannot change.
            warnings.filterwarnings("ignore", message="SymbolDatabase.GetPrototype")
            import mediapipe

            solutions = mediapipe.solutions
        except (ImportError, AttributeError) as error:
            raise TrainingError(
                f"rendering needs mediapipe 0.10.14, which carries its models ({error}); install "
                "it with `pip install --no-deps mediapipe==0.10.14` (--no-deps, because it would "
                "bring a second cv2 distribution), then what it imports: `pip install absl-py "
                "attrs flatbuffers matplotlib 'protobuf<5'`"
            ) from error
        self._mesh: Any = solutions.face_mesh.FaceMesh(
            static_image_mode=True, max_num_faces=1, refine_landmarks=True
        )
        self._segmentation: Any = solutions.selfie_segmentation.SelfieSegmentation(
            model_selection=0
        )

    def __enter__(self) -> PortraitAnalyser:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Release MediaPipe's graphs."""
        self._mesh.close()
        self._segmentation.close()

    def landmarks(self, image: UInt8Array) -> FloatArray | None:
        """The 478 points of the most prominent face.

        Args:
            image: (H, W, 3) uint8 BGR.

        Returns:
            (478, 3) float64 pixels; z grows away from the camera, in MediaPipe's own scale,
            which is too deep (see `head.HeadModel.fit`). None without a face.
        """
        found = self._mesh.process(np.ascontiguousarray(image[..., ::-1])).multi_face_landmarks
        if not found:
            return None
        height, width = image.shape[:2]
        points = np.array([(p.x, p.y, p.z) for p in found[0].landmark], dtype=np.float64)
        # MediaPipe's normalised x runs from the left border of the first pixel.
        return points * (width, height, width) - (0.5, 0.5, 0.0)

    def foreground(self, image: UInt8Array) -> Float32Array:
        """(H, W) float32 in [0, 1]: how surely each pixel belongs to the person."""
        result = self._segmentation.process(np.ascontiguousarray(image[..., ::-1]))
        mask: npt.NDArray[np.float32] = np.asarray(result.segmentation_mask, dtype=np.float32)
        return np.clip(mask, 0.0, 1.0)
