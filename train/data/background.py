"""Random backgrounds: made-up scenes, and pieces of other rendered pictures.

Photos have grey walls, blurred crowds, lamps and edges behind the head. A network that has only
seen smooth colours there drags edges into the half of the face that it has to invent.
"""

from __future__ import annotations

from typing import Final

import cv2
import numpy as np

from tpgan_sdk.images.resample import Float32Array, UInt8Array

# Share of plain, noisy and borrowed pictures.
KINDS: Final = (0.25, 0.4, 0.35)
# Cells across the picture of each octave of the noise.
OCTAVES: Final = (3, 6, 12, 24)
# Deviation, in picture px, of the blur that leaves of a background what can be foretold.
SOFT: Final = 20.0


def background(
    rng: np.random.Generator, size: int, other: UInt8Array | None = None
) -> Float32Array:
    """A random background.

    Args:
        rng: decides everything.
        size: px, of both axes.
        other: (H, W, 3 or more) uint8 BGR of anything, a part of which may be borrowed.

    Returns:
        (size, size, 3) float32 BGR in [0, 255].
    """
    kind = int(rng.choice(3, p=KINDS))
    if kind == 0 or (kind == 2 and other is None):
        picture = plain(rng, size)
    elif kind == 1 or other is None:
        picture = scene(rng, size)
    else:
        picture = borrowed(rng, size, other)
    return np.asarray(np.clip(picture, 0, 255), dtype=np.float32)


def soften(picture: Float32Array) -> Float32Array:
    """The picture without detail: what lies behind the true frontal face.

    Where the view shows the face, nobody can know what is behind the turned one; what remains is
    the colour around.
    """
    small = cv2.resize(picture, (16, 16), interpolation=cv2.INTER_AREA)
    small = cv2.GaussianBlur(small, (0, 0), SOFT * 16 / picture.shape[1])
    size = (picture.shape[1], picture.shape[0])
    return np.asarray(cv2.resize(small, size, interpolation=cv2.INTER_LINEAR), dtype=np.float32)


def plain(rng: np.random.Generator, size: int) -> Float32Array:
    """A smooth picture of a few colours."""
    cells = int(rng.integers(1, 5))
    colours = _colour(rng) + rng.normal(0, rng.uniform(0, 40), (cells, cells, 3))
    picture = cv2.resize(colours.astype(np.float32), (size, size), interpolation=cv2.INTER_CUBIC)
    return np.asarray(picture, dtype=np.float32).reshape(size, size, 3)


def scene(rng: np.random.Generator, size: int) -> Float32Array:
    """Noise of all sizes with a few flat shapes in it, sharp or out of focus."""
    picture = np.zeros((size, size, 3), np.float32) + _colour(rng).astype(np.float32)
    contrast = rng.uniform(15, 60)
    for octave, cells in enumerate(OCTAVES):
        light = rng.normal(0, 1, (cells, cells, 1)) + rng.normal(0, 0.35, (cells, cells, 3))
        detail = cv2.resize(light.astype(np.float32), (size, size), interpolation=cv2.INTER_LINEAR)
        picture += np.float32(contrast * 0.6**octave) * detail
    for _ in range(int(rng.integers(0, 6))):
        shape(rng, picture)
    return _focus(rng, picture, size)


def borrowed(rng: np.random.Generator, size: int, other: UInt8Array) -> Float32Array:
    """Part of another picture, turned, enlarged and out of focus."""
    side = int(rng.integers(32, min(other.shape[:2]) + 1))
    y, x = (int(rng.integers(0, length - side + 1)) for length in other.shape[:2])
    part = np.rot90(other[y : y + side, x : x + side, :3], int(rng.integers(4)))
    part = np.ascontiguousarray(part[:, :: int(rng.choice([-1, 1]))]).astype(np.float32)
    picture = cv2.resize(part, (size, size), interpolation=cv2.INTER_LINEAR)
    picture = picture * np.float32(rng.uniform(0.4, 1.2)) + np.float32(rng.normal(0, 20))
    return _focus(rng, np.asarray(picture, dtype=np.float32), size)


def shape(rng: np.random.Generator, picture: Float32Array) -> None:
    """Draws one flat rectangle, ellipse or line over the picture, in place."""
    size = picture.shape[0]
    colour = tuple(float(v) for v in _colour(rng))
    first, second = (
        tuple(int(v) for v in rng.integers(-size // 4, size * 5 // 4, 2)) for _ in "ab"
    )
    kind = rng.integers(3)
    if kind == 0:
        cv2.rectangle(picture, first, second, colour, -1)
    elif kind == 1:
        axes = tuple(int(v) for v in rng.integers(size // 16, size // 3, 2))
        cv2.ellipse(picture, first, axes, float(rng.uniform(0, 180)), 0, 360, colour, -1)
    else:
        cv2.line(picture, first, second, colour, int(rng.integers(1, size // 12)))


def _colour(rng: np.random.Generator) -> np.ndarray:
    """(3,) a colour as walls and clothes have it: any brightness, seldom vivid."""
    grey = 255 * rng.beta(0.9, 1.1)
    return np.asarray(grey + rng.normal(0, 60 * rng.beta(1, 2.5), 3))


def _focus(rng: np.random.Generator, picture: Float32Array, size: int) -> Float32Array:
    if rng.random() < 0.3:
        return picture
    blur = float(rng.uniform(0.5, size / 20))
    return np.asarray(cv2.GaussianBlur(picture, (0, 0), blur), dtype=np.float32)
