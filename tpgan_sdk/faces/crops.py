"""From a frame and five landmarks to what the network takes: one face and four patches.

Training uses the same function, so what the network learns from is what it meets later.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import numpy.typing as npt

from .. import geometry
from ..errors import GeometryError
from ..geometry import CROP_SIZE, OFFICIAL, PATCHES, FloatArray, Template
from ..images.resample import Float32Array, UInt8Array, mirror_image, warp
from ..models.inputs import INPUT_NAMES, INPUT_SHAPES, InputShapes
from ..system.opencv import load_opencv

Origins = tuple[tuple[int, int], ...]

MAX_YAW: Final = 120.0
"""Degrees. No detector sees a face from further behind; swapped left and right look like it."""


@dataclass(frozen=True, slots=True)
class FaceCrops:
    """One face as the network sees it: occluded side on the right, float32 in [0, 255]."""

    face: Float32Array
    """(S, S, 3), the frame's colour order: the 128x128 crop with the margin asked for."""
    patches: tuple[Float32Array, ...]
    """Left eye (40, 40, 3), right eye (40, 40, 3), nose (32, 40, 3), mouth (32, 48, 3)."""
    landmarks: FloatArray
    """(5, 2) px of the 128x128 crop, which begins at (margin, margin) of `face`."""
    transform: FloatArray
    """(2, 3), frame to that crop, of the frame after mirroring where `mirrored`."""
    mirrored: bool
    """Whether the frame was mirrored to bring the occluded side to the right."""
    detail: Float32Array | None = None
    """(k S, k S, 3) what `face` shows, k times as large; None: not sampled."""

    @property
    def crop(self) -> Float32Array:
        """(128, 128, 3) `face` without its margin."""
        edge = (self.face.shape[0] - CROP_SIZE) // 2
        return self.face[edge : edge + CROP_SIZE, edge : edge + CROP_SIZE]


@dataclass(frozen=True, slots=True)
class Placement:
    """Where one face lies in its frame, in the words of `FaceCrops`."""

    transform: FloatArray
    landmarks: FloatArray
    origins: Origins
    """x and y of each patch in the crop."""
    mirrored: bool


def place_face(
    width: int,
    height: int,
    landmarks: npt.ArrayLike,
    template: Template = OFFICIAL,
    mirrored: bool | None = None,
) -> Placement:
    """As `crop_face`, without a pixel of the frame."""
    points = geometry.check_landmarks(landmarks)
    _check_inside(points, width, height)
    yaw = geometry.estimate_yaw(points)
    if abs(yaw) > MAX_YAW:
        raise GeometryError(
            f"the landmarks make a face turned by {yaw:.0f} degrees: left and right look swapped; "
            "expected left as the left of the picture, in the order "
            + ", ".join(geometry.LANDMARK_NAMES)
        )
    if mirrored is None:
        mirrored = yaw < 0
    if mirrored:
        points = geometry.mirror_landmarks(points, width)
    transform = geometry.alignment_transform(points, template)
    aligned = geometry.apply_transform(transform, points)
    return Placement(transform, aligned, geometry.patch_origins(aligned), mirrored)


def crop_face(
    frame: UInt8Array,
    landmarks: npt.ArrayLike,
    template: Template = OFFICIAL,
    mirrored: bool | None = None,
    margin: int = 0,
) -> FaceCrops:
    """Align one face of a frame and cut its patches.

    Args:
        frame: (H, W, C) uint8.
        landmarks: (5, 2) frame pixels, see `tpgan_sdk.geometry`.
        template: the model's template.
        mirrored: None decides by the sign of the yaw.
        margin: crop px that `face` shows around the crop, on every side.

    Raises:
        GeometryError: landmarks are no face, or lie outside the frame.
    """
    placed = place_face(frame.shape[1], frame.shape[0], landmarks, template, mirrored)
    source = frame[:, ::-1] if placed.mirrored else frame
    window = _Window.around(placed.origins, margin)
    size = (window.width, window.height)
    pixels = warp(source, placed.transform, *size, window.left, window.top)
    return window.cut(pixels, placed)


def crop_aligned(
    crop: UInt8Array,
    landmarks: npt.ArrayLike | None,
    template: Template = OFFICIAL,
    margin: int = 0,
) -> FaceCrops:
    """Cut the patches of a 128x128 crop that is aligned already.

    Args:
        crop: (128, 128, C) uint8.
        landmarks: (5, 2) crop pixels, or None for a frontal face at the template's points.
        margin: as for `crop_face`; what lies beyond the crop repeats its border.
    """
    cv2 = load_opencv()

    points = geometry.check_landmarks(template.points if landmarks is None else landmarks)
    mirrored = landmarks is not None and geometry.estimate_yaw(points) < 0
    if mirrored:
        crop = mirror_image(crop)
        points = geometry.mirror_landmarks(points, CROP_SIZE)
    origins = geometry.patch_origins(points)
    window = _Window.around(origins, margin)
    beyond = (
        -window.top,
        window.top + window.height - CROP_SIZE,
        -window.left,
        window.left + window.width - CROP_SIZE,
    )
    pixels: Float32Array = cv2.copyMakeBorder(
        crop.astype(np.float32), *beyond, cv2.BORDER_REPLICATE
    ).reshape(window.height, window.width, crop.shape[2])  # OpenCV drops an axis of one channel
    return window.cut(pixels, Placement(np.eye(2, 3), points.copy(), origins, mirrored))


def with_detail(cut: FaceCrops, frame: UInt8Array, scale: int) -> FaceCrops:
    """The same face with its `FaceCrops.detail`.

    Args:
        cut: of `frame`.
        frame: (H, W, C) uint8, not mirrored.
        scale: a whole number.
    """
    source = frame[:, ::-1] if cut.mirrored else frame
    side = cut.face.shape[0] * scale
    edge = (cut.face.shape[0] - CROP_SIZE) // 2 * scale
    transform = geometry.enlarge_transform(cut.transform, scale)
    return replace(cut, detail=warp(source, transform, side, side, -edge, -edge))


def detector_fault(error: GeometryError, detector: str) -> str:
    """What a detector did, where its landmarks are refused: the user never saw them.

    What our messages say after "; expected" is for who gives landmarks himself.
    """
    found = str(error).partition("; expected")[0]
    return f"the detector {detector} gave landmarks that no face can have here: {found}"


def _check_inside(points: FloatArray, width: int, height: int) -> None:
    middle = points.mean(axis=0)
    if not (0 <= middle[0] <= width - 1 and 0 <= middle[1] <= height - 1):
        raise GeometryError(
            f"the landmarks' middle ({middle[0]:.0f}, {middle[1]:.0f}) lies outside the "
            f"{width}x{height} image; expected pixels of this image (was it resized or rotated "
            "after detection?)"
        )


@dataclass(frozen=True, slots=True)
class _Window:
    """The part of the crop's grid that holds the crop and every patch.

    Patches begin on whole pixels of that grid, so they are slices of one sampled window.
    """

    left: int
    top: int
    width: int
    height: int
    margin: int

    @classmethod
    def around(cls, origins: Origins, margin: int) -> _Window:
        left = min(-margin, *(x for x, _ in origins))
        top = min(-margin, *(y for _, y in origins))
        end = CROP_SIZE + margin
        right = max(end, *(x + p.width for (x, _), p in zip(origins, PATCHES, strict=True)))
        bottom = max(end, *(y + p.height for (_, y), p in zip(origins, PATCHES, strict=True)))
        return cls(left, top, right - left, bottom - top, margin)

    def cut(self, pixels: Float32Array, placed: Placement) -> FaceCrops:
        """Crop and patches from this window's pixels."""

        def part(x: int, y: int, width: int, height: int) -> Float32Array:
            return pixels[y - self.top :, x - self.left :][:height, :width]

        patches = tuple(
            part(x, y, p.width, p.height) for (x, y), p in zip(placed.origins, PATCHES, strict=True)
        )
        size = CROP_SIZE + 2 * self.margin
        face = part(-self.margin, -self.margin, size, size)
        return FaceCrops(face, patches, placed.landmarks, placed.transform, placed.mirrored)


def normalise(image: npt.NDArray[np.floating], out: Float32Array, reverse_channels: bool) -> None:
    """(H, W, 3) in [0, 255] into `out`, (3, H, W) float32 in [-1, 1]."""
    planes = image.transpose(2, 0, 1)
    np.multiply(planes[::-1] if reverse_channels else planes, 1 / 127.5, out=out)
    out -= 1.0


def network_inputs(
    crops: list[FaceCrops], reverse_channels: bool, shapes: InputShapes = INPUT_SHAPES
) -> dict[str, Float32Array]:
    """A batch of crops as a model's named inputs.

    Args:
        crops: N faces of one colour order, cut with the margin of the model's face input.
        reverse_channels: True when that order is not the network's.
        shapes: the model's inputs.

    Returns:
        (N, *shape) float32 in [-1, 1] for each, in the model's order; for `INPUT_SHAPES` ``face``
        (N, 3, 128, 128), ``left_eye``, ``right_eye`` (N, 3, 40, 40), ``nose`` (N, 3, 32, 40),
        ``mouth`` (N, 3, 32, 48).
    """
    batch = {
        name: np.empty((len(crops), *shape), dtype=np.float32) for name, shape in shapes.items()
    }
    for index, crop in enumerate(crops):
        images = dict(zip(INPUT_NAMES, (crop.face, *crop.patches), strict=True))
        for name, into in batch.items():
            normalise(images[name], into[index], reverse_channels)
    return batch
