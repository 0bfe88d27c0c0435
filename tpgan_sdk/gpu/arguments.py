"""The kernels' arguments: what `native/src/plan_*.cpp` make in C++, laid out in the same bytes.

Transforms and patches come from `tpgan_sdk.geometry` and `tpgan_sdk.images.resample`; added here
are the fixed-point places, and the limits within which they cannot overflow.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from .. import geometry
from ..errors import GeometryError, ImageError
from ..geometry import CROP_SIZE, PATCHES, FloatArray
from ..images.resample import shrink_factor
from ..models.inputs import INPUT_NAMES
from .frames import FORMATS, YUV, GpuFrame

MAX_FACES: Final = 32
"""Faces in one launch: their plans are arguments, of which 4 KB fit."""
MAX_FACTOR: Final = 256
"""Largest whole-number factor by which a picture is reduced before it is sampled."""
_FRACTION: Final = 2.0**32
_MAX_SLOPE, _MAX_SHIFT = 2.0**13, 2.0**30

_AFFINE: Final = np.dtype((np.int64, 6))
_VIEW: Final = np.dtype(
    [("data", "u8"), ("chroma", "u8")]
    + [
        (n, "i4") for n in ("width", "height", "pitch", "chroma_pitch", "format", "yuv", "mirrored")
    ],
    align=True,
)
_IMAGE: Final = np.dtype(
    [("data", "u8")] + [(name, "i4") for name in ("width", "height", "pitch", "format")], align=True
)
_FACE: Final = np.dtype(
    [("to_reduced", _AFFINE), ("frame", _VIEW), ("factor", "i4"), ("left", "i2", 4)]
    + [("top", "i2", 4)],
    align=True,
)
ALIGN: Final = np.dtype(
    [("faces", _FACE, MAX_FACES), ("tensors", "u8", 1 + len(PATCHES))]
    + [(name, "i4") for name in ("count", "face_size", "face_edge")],
    align=True,
)
_FINISHED: Final = np.dtype([("picture", _IMAGE), ("mirrored", "i4")], align=True)
FINISH: Final = np.dtype(
    [("faces", _FINISHED, MAX_FACES), ("output", "u8"), ("count", "i4"), ("size", "i4")],
    align=True,
)
PASTE: Final = np.dtype(
    [("frame", _IMAGE), ("front", _VIEW), ("aligned", _VIEW)]
    + [("to_crop", _AFFINE), ("to_reduced", _AFFINE)]
    + [(name, "i4") for name in ("factor", "left", "top", "right", "bottom")],
    align=True,
)


@dataclass(frozen=True, slots=True)
class FaceOnGpu:
    """One face to be cut out of a frame; all but `frame` as `crop_face` gives it."""

    frame: GpuFrame
    transform: FloatArray
    """(2, 3), frame to crop, of the mirrored frame where `mirrored`."""
    landmarks: FloatArray
    """(5, 2) px of the crop."""
    mirrored: bool


def align_plan(
    faces: Sequence[FaceOnGpu], tensors: Mapping[str, int], margin: int = 0
) -> npt.NDArray[Any]:
    """Argument of the align kernels, dtype `ALIGN`.

    Args:
        faces: 1 to `MAX_FACES`.
        tensors: device address of each network input, contiguous, with room for all faces: all
            of `INPUT_NAMES`, or ``face`` alone.
        margin: px around the crop that the face shows.

    Raises:
        GeometryError: a transform that is singular, not finite or shrinks too much, or landmarks
            that are no face's.
    """
    plan = np.zeros((), ALIGN)
    plan["count"] = _count(len(faces))
    names = INPUT_NAMES if len(tensors) > 1 else INPUT_NAMES[:1]
    plan["tensors"][: len(names)] = [tensors[name] for name in names]
    plan["face_size"], plan["face_edge"] = CROP_SIZE + 2 * margin, margin
    for face, row in zip(faces, plan["faces"], strict=False):
        to_frame = _inverted(face.transform)
        factor = _factor(face.transform)
        row["to_reduced"] = _fixed(_reduced(to_frame, factor))
        row["frame"] = _view(face.frame, face.mirrored)
        row["factor"] = factor
        origins = geometry.patch_origins(geometry.check_landmarks(face.landmarks))
        row["left"], row["top"] = zip(*origins, strict=True)
    return plan


def finish_plan(
    output: int, pictures: Sequence[GpuFrame], mirrored: Sequence[bool], margin: int = 0
) -> npt.NDArray[Any]:
    """Argument of the finish kernels, dtype `FINISH`.

    Args:
        output: device address of (N, 3, s, s), RGB in [-1, 1], s = 128 + 2 x margin.
        pictures: N pictures of 128x128 to be written.
        mirrored: which of them are mirrored back, one for each picture.
        margin: px around the crop in `output`, which the pictures leave out.
    """
    if len(mirrored) != len(pictures):
        raise ValueError(
            f"{len(pictures)} pictures with {len(mirrored)} mirror flags; expected one for each"
        )
    plan = np.zeros((), FINISH)
    plan["count"], plan["output"] = _count(len(pictures)), output
    plan["size"] = CROP_SIZE + 2 * margin
    for picture, flag, row in zip(pictures, mirrored, plan["faces"], strict=False):
        row["picture"], row["mirrored"] = _image(_crop(picture)), flag
    return plan


def paste_plan(
    frame: GpuFrame, front: GpuFrame, aligned: GpuFrame, transform: FloatArray
) -> npt.NDArray[Any]:
    """Argument of the match and paste kernels, dtype `PASTE`; see `pasting.paste_back`.

    Right not beyond left, or bottom not beyond top: the crop does not touch the frame.
    """
    to_frame = _inverted(transform)
    factor = _factor(to_frame)
    plan = np.zeros((), PASTE)
    plan["frame"] = _image(frame)
    plan["front"], plan["aligned"] = _view(_crop(front)), _view(_crop(aligned))
    plan["to_crop"], plan["factor"] = _fixed(transform), factor
    plan["to_reduced"] = _fixed(_reduced(transform, factor))
    last = CROP_SIZE - 1
    corners = geometry.apply_transform(to_frame, [(0, 0), (last, 0), (0, last), (last, last)])
    low, high = np.floor(corners.min(axis=0)), np.ceil(corners.max(axis=0)) + 1
    size = (frame.width, frame.height)
    plan["left"], plan["top"] = np.clip(low, 0, size)
    plan["right"], plan["bottom"] = np.clip(high, 0, size)
    return plan


def _count(count: int) -> int:
    if not 1 <= count <= MAX_FACES:
        raise ValueError(f"{count} faces in one launch; expected 1 to {MAX_FACES}")
    return count


def _crop(picture: GpuFrame) -> GpuFrame:
    if (picture.width, picture.height) != (CROP_SIZE, CROP_SIZE) or picture.format == "nv12":
        raise ImageError(
            f"a crop is {picture.width}x{picture.height} {picture.format}; expected 128x128, not "
            "NV12"
        )
    return picture


def _view(frame: GpuFrame, mirrored: bool = False) -> tuple[int, ...]:
    kind, matrix = list(FORMATS).index(frame.format), YUV.index(frame.yuv)
    size = (frame.width, frame.height, frame.pitch, frame.pitch)
    return (frame.pointer, frame.chroma, *size, kind, matrix, int(mirrored))


def _image(frame: GpuFrame) -> tuple[int, ...]:
    if frame.format == "nv12":
        raise ImageError("an NV12 frame cannot be written; expected bgr, rgb or bgra")
    kind = list(FORMATS).index(frame.format)
    return (frame.pointer, frame.width, frame.height, frame.pitch, kind)


def _inverted(transform: FloatArray) -> FloatArray:
    if transform.shape != (2, 3) or not np.isfinite(transform).all():
        raise GeometryError("a transform is not finite, or not 2x3; expected frame px to crop px")
    try:
        return geometry.invert_transform(transform)
    except np.linalg.LinAlgError:
        raise GeometryError("a transform is singular; expected one that can be undone") from None


def _factor(transform: FloatArray) -> int:
    area = abs(float(np.linalg.det(transform[:, :2])))
    if not math.sqrt(area) * (MAX_FACTOR + 1) > 1:
        raise GeometryError(
            f"a transform shrinks more than {MAX_FACTOR} times; expected a face in pixels of its "
            "frame"
        )
    return shrink_factor(transform)


def _reduced(matrix: FloatArray, factor: int) -> FloatArray:
    """From window pixels to pixels of the picture reduced by box means."""
    result = matrix.copy()
    result[:, 2] -= (factor - 1) / 2
    return result / factor


def _fixed(matrix: FloatArray) -> npt.NDArray[np.int64]:
    """Six numbers in row order with 32 bits of fraction."""
    if np.abs(matrix[:, :2]).max() > _MAX_SLOPE or np.abs(matrix[:, 2]).max() > _MAX_SHIFT:
        raise GeometryError("a transform reaches further than any picture; expected a face in it")
    return np.rint(matrix * _FRACTION).astype(np.int64).ravel()
