"""Augmentation: colour, damage and landmark errors of a view between shard and network.

The view gets the colour and damage of ordinary photos and landmarks as wrong as a detector's; it
is then aligned and cut by the SDK's own `crop_face`, so that training and inference share one
geometry.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
import numpy.typing as npt

from tpgan_sdk.geometry import FloatArray
from tpgan_sdk.images.resample import Float32Array, UInt8Array, to_uint8

from .detector_error_table import sample

MIDDLE: Final = np.float32(115)
"""Grey level of an ordinary face."""


@dataclass(frozen=True, slots=True)
class Exposure:
    """What a camera makes of colours; the same for a view and its target: it is not pose."""

    gain: Float32Array
    """(3,) factor of blue, green and red."""
    offset: Float32Array
    """(3,) grey levels to add."""
    contrast: float
    """Factor of the distance from the middle grey."""
    saturation: float
    """Factor of the distance from the pixel's own grey, after that."""
    gamma: float


def colour_map(rng: np.random.Generator, rendered: bool = True) -> Exposure:
    """A random one.

    Rendered faces have five eighths of the contrast of photos and more colour for it, so theirs
    mostly rises and falls; photos are moved both ways alike.
    """
    gain = rng.uniform(0.65, 1.15) * (1 + rng.normal(0, 0.05, 3))
    offset = rng.normal(0, 6, 3)
    middle = (0.5, -0.3, 0) if rendered else (0, 0, 0)
    contrast, saturation, gamma = np.exp(rng.normal(middle, (0.25, 0.2, 0.2)))
    return Exposure(
        gain.astype(np.float32),
        offset.astype(np.float32),
        float(contrast),
        float(saturation),
        float(gamma),
    )


def recolour(image: Float32Array, exposure: Exposure) -> Float32Array:
    """(H, W, 3) in [0, 255] as this camera has it, clipped to that range."""
    # Contrast, saturation, gain and offset are one affine map of the colour.
    grey = np.full((3, 3), (1 - exposure.saturation) / 3)
    mixed = (grey + np.eye(3) * exposure.saturation) * exposure.contrast
    shift = np.full(3, float(MIDDLE) * (1 - exposure.contrast))
    affine = np.column_stack([mixed, shift]) * exposure.gain[:, None]
    affine[:, 3] += exposure.offset
    unit = cv2.transform(image, affine / 255)
    result: Float32Array = cv2.pow(np.clip(unit, 0, 1, out=unit), exposure.gamma)
    result *= np.float32(255)
    return result


def damage(rng: np.random.Generator, image: Float32Array) -> UInt8Array:
    """Sharpening, low resolution, blur, noise and JPEG, each sometimes; the view only."""
    height, width = image.shape[:2]
    if rng.random() < 0.5:  # cameras sharpen
        soft = cv2.GaussianBlur(image, (0, 0), 1.0)
        image = image + np.float32(rng.uniform(0.2, 1.2)) * (image - soft)
    if rng.random() < 0.25:
        factor = rng.uniform(0.3, 0.9)
        size = (max(8, round(width * factor)), max(8, round(height * factor)))
        image = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
        image = cv2.resize(image, (width, height), interpolation=cv2.INTER_LINEAR)
    elif rng.random() < 0.15:
        image = cv2.GaussianBlur(image, (0, 0), rng.uniform(0.4, 1.2))
    if rng.random() < 0.35:
        noise = rng.standard_normal(image.shape, dtype=np.float32)
        image = image + noise * np.float32(rng.uniform(1, 8))
    result = to_uint8(image)
    if rng.random() < 0.5:
        quality = [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(35, 95))]
        coded = cv2.imencode(".jpg", result, quality)[1]
        result = np.asarray(cv2.imdecode(coded, cv2.IMREAD_COLOR), dtype=np.uint8)
    return result


def grey(rng: np.random.Generator, *pictures: Float32Array) -> tuple[Float32Array, ...]:
    """Sometimes black and white, then all of them: a grey photo has a grey frontal face."""
    if rng.random() > 0.1:
        return pictures
    weights = np.array([0.114, 0.587, 0.299], np.float32)  # BGR, ITU-R BT.601
    return tuple(np.repeat((p @ weights)[..., None], 3, axis=2) for p in pictures)


def occlude(rng: np.random.Generator, image: Float32Array, texture: Float32Array) -> Float32Array:
    """Sometimes something before the face, as a hand, a microphone or a shoulder would be.

    Args:
        rng: decides.
        image: (S, S, 3) float32.
        texture: (S, S, 3) float32, what the thing looks like.
    """
    if rng.random() > 0.1:
        return image
    size = image.shape[0]
    mask = np.zeros((size, size), np.float32)
    # More often from below and from the sides than in the middle of the face.
    center = tuple(int(v) for v in np.clip(rng.normal((0.5, 0.8), 0.3) * size, 0, size - 1))
    axes = tuple(int(v) for v in rng.integers(size // 20, size // 5, 2))
    cv2.ellipse(mask, center, axes, float(rng.uniform(0, 180)), 0, 360, 1.0, -1)
    mask = cv2.GaussianBlur(mask, (0, 0), float(rng.uniform(0.5, 2)))[..., None]
    turned = np.rot90(texture, int(rng.integers(4)))
    result: Float32Array = image * (1 - mask) + turned * mask
    return result


def end_of_photo(
    rng: np.random.Generator, image: UInt8Array, landmarks: FloatArray
) -> tuple[UInt8Array, FloatArray]:
    """Sometimes the photo ends close to the face; the SDK then repeats its border.

    Args:
        rng: decides.
        image: (S, S, 3) uint8.
        landmarks: (5, 2) px of it; no cut comes nearer to them than an eighth of the picture.

    Returns:
        The part of the image, and the landmarks in it.
    """
    size = image.shape[0]
    low = np.clip(landmarks.min(axis=0) - size / 8, 0, size).astype(int)
    high = np.clip(landmarks.max(axis=0) + size / 8, 0, size).astype(int)
    left, top = (int(rng.integers(0, v + 1)) if rng.random() < 0.25 else 0 for v in low)
    right, bottom = (int(rng.integers(v, size + 1)) if rng.random() < 0.25 else size for v in high)
    return image[top:bottom, left:right], landmarks - (left, top)


def misplace(
    rng: np.random.Generator, landmarks: npt.NDArray[np.floating], yaw: float
) -> FloatArray:
    """Landmarks (5, 2) in 128-px crop pixels, as wrong as detectors have them.

    Half of the time what the SDK's detector and refiner do at this yaw on rendered views
    (`detector_error_table`), up to two and a half times as large: on photos they err about twice
    as much. There the mean is another too, and other detectors err otherwise, so the other half is
    plain noise of any size up to a few pixels.
    """
    points = np.asarray(landmarks, dtype=np.float64)
    if rng.random() < 0.5:
        return points + sample(rng, yaw) * rng.uniform(0.5, 2.5)
    common = rng.normal(0, rng.uniform(0, 2), 2)
    return points + common + rng.normal(0, rng.uniform(0.3, 3), (5, 2))
