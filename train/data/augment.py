"""What happens to a rendered view between the shard and the network.

The view gets a background, the light, colour and damage of ordinary photos, and landmarks as
wrong as a detector's; it is then aligned and cut by the SDK's own `crop_face`, so that training
and inference share one geometry.
"""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from tpgan_sdk.geometry import FloatArray
from tpgan_sdk.resample import Float32Array, UInt8Array, to_uint8


def background(rng: np.random.Generator, size: int) -> Float32Array:
    """(size, size, 3) float32 in [0, 255]: a smooth random picture of a few colours."""
    cells = int(rng.integers(1, 5))
    base = rng.uniform(0, 255, (1, 1, 3)) * 0.5 + rng.uniform(0, 255) * 0.5
    colours = base + rng.normal(0, rng.uniform(0, 40), (cells, cells, 3))
    picture = cv2.resize(colours.astype(np.float32), (size, size), interpolation=cv2.INTER_CUBIC)
    result: Float32Array = np.clip(picture.reshape(size, size, 3), 0, 255)
    return result


def colour_map(rng: np.random.Generator) -> tuple[Float32Array, Float32Array, float]:
    """Gain, offset and gamma for both the view and its target: exposure is not pose."""
    gain = rng.uniform(0.75, 1.15) * (1 + rng.normal(0, 0.04, 3))
    offset = rng.normal(0, 6, 3)
    gamma = float(np.exp(rng.normal(0, 0.15)))
    return gain.astype(np.float32), offset.astype(np.float32), gamma


def recolour(
    image: Float32Array, mapping: tuple[Float32Array, Float32Array, float]
) -> Float32Array:
    """`colour_map` applied, clipped to [0, 255]."""
    gain, offset, gamma = mapping
    unit = np.clip(image * gain + offset, 0, 255) / 255
    result: Float32Array = (unit**gamma * 255).astype(np.float32)
    return result


def damage(rng: np.random.Generator, image: Float32Array) -> UInt8Array:
    """Low resolution, blur, noise and JPEG, each sometimes; the view only."""
    height, width = image.shape[:2]
    if rng.random() < 0.35:
        factor = rng.uniform(0.3, 0.8)
        size = (max(8, round(width * factor)), max(8, round(height * factor)))
        image = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
        image = cv2.resize(image, (width, height), interpolation=cv2.INTER_LINEAR)
    elif rng.random() < 0.2:
        image = cv2.GaussianBlur(image, (0, 0), rng.uniform(0.4, 1.4))
    if rng.random() < 0.35:
        noise = rng.standard_normal(image.shape, dtype=np.float32)
        image = image + noise * np.float32(rng.uniform(1, 8))
    result = to_uint8(image)
    if rng.random() < 0.5:
        quality = [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(35, 95))]
        coded = cv2.imencode(".jpg", result, quality)[1]
        result = np.asarray(cv2.imdecode(coded, cv2.IMREAD_COLOR), dtype=np.uint8)
    return result


def occlude(rng: np.random.Generator, image: Float32Array) -> Float32Array:
    """Sometimes a soft patch of one colour over the picture, as a hand or a cup would be."""
    if rng.random() > 0.06:
        return image
    size = image.shape[0]
    mask = np.zeros((size, size), np.float32)
    center = tuple(int(v) for v in rng.integers(size // 4, 3 * size // 4, 2))
    axes = tuple(int(v) for v in rng.integers(size // 16, size // 6, 2))
    cv2.ellipse(mask, center, axes, float(rng.uniform(0, 180)), 0, 360, 1.0, -1)
    mask = cv2.GaussianBlur(mask, (0, 0), 2)[..., None]
    colour = rng.uniform(20, 235, 3).astype(np.float32)
    result: Float32Array = image * (1 - mask) + colour * mask
    return result


def misplace(
    rng: np.random.Generator, landmarks: npt.NDArray[np.floating], yaw: float
) -> FloatArray:
    """Landmarks (5, 2) in 128-px crop pixels, as wrong as detectors have them.

    Every point is off by a pixel or two; beyond 45 degrees the hidden eye and mouth corner slide
    towards the visible outline (measured: the hidden eye at x = 78 instead of 64 at 90 degrees).
    """
    points = np.asarray(landmarks, dtype=np.float64)
    noisy = points + rng.normal(0, rng.uniform(0.3, 2.2), (5, 2))
    hidden = max(0.0, (yaw - 45) / 45)
    slide = rng.uniform(-2, 16) * hidden
    noisy[1, 0] += slide
    noisy[4, 0] += 0.4 * slide * rng.uniform(0, 1)
    noisy[2, 0] -= rng.uniform(-1, 4) * hidden
    return noisy
