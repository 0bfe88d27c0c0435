"""Sprites of a scene: one face, from a rendered view or a portrait."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from tpgan_sdk import geometry
from tpgan_sdk.geometry import FloatArray
from tpgan_sdk.images.resample import Float32Array, UInt8Array, to_uint8
from train.data import augment
from train.data.shards import VIEW_MARGIN

# Left and right edge of the box that YuNet draws around rendered views of these yaws, in px of the
# aligned 128x128 crop, and the upper and lower edge, which do not depend on yaw: medians of 700
# views of bands of 15 degrees. Frontal faces are symmetrical.
YAWS: Final = (0.0, 7.5, 22.5, 37.5, 52.5, 67.5, 82.5)
LEFT: Final = (15.5, 12.2, 8.3, 6.1, 4.1, 2.9, 10.1)
RIGHT: Final = (111.5, 108.9, 101.9, 95.6, 90.9, 88.7, 85.6)
TOP, BOTTOM = -8.2, 123.4
# Px of a view's border that are repeated beyond it, fading: heads in photos do not end straight.
FADE: Final = 32
# Px of nothing around a thing. Shrinking mixes blocks of pixels, and repeats the outermost beyond.
NOTHING: Final = 20


@dataclass(frozen=True, slots=True)
class Sprite:
    """A picture of one face."""

    image: UInt8Array
    """(H, W, 4) BGR and alpha, premultiplied."""
    points: FloatArray
    """(5, 2) px."""
    frame: FloatArray
    """(2, 3) from the aligned 128x128 crop, its hidden side on the right, to px."""
    yaw: float
    """Degrees, 0 or more."""


def face_box(yaw: float, transform: FloatArray) -> FloatArray:
    """(4,) x0, y0, x1, y1 of a face's box where its crop is shown through a transform.

    The box of the crop stands for the ellipse in it: turned by 45 degrees, a face is no wider.

    Args:
        yaw: degrees, 0 or more.
        transform: (2, 3) from the aligned crop, its hidden side on the right.
    """
    low = np.array([np.interp(yaw, YAWS, LEFT), TOP])
    high = np.array([np.interp(yaw, YAWS, RIGHT), BOTTOM])
    middle = geometry.apply_transform(transform, (low + high) / 2)
    half = np.sqrt(np.square(transform[:, :2] * (high - low) / 2).sum(axis=1))
    return np.concatenate([middle - half, middle + half])


def rendered(
    view: UInt8Array, points: FloatArray, yaw: float, rng: np.random.Generator | None = None
) -> Sprite:
    """A view of a shard.

    Args:
        view: (192, 192, 4), premultiplied.
        points: (5, 2) px of its 128x128 crop.
        yaw: degrees, 0 or more.
        rng: gives it the colours and, sometimes, the obstacles of photos; None leaves it.
    """
    pixels = view.astype(np.float32)
    if rng is not None:
        alpha = pixels[..., 3:] * np.float32(1 / 255)
        plain = pixels[..., :3] / np.maximum(alpha, np.float32(1 / 255))
        colours = augment.recolour(plain, augment.colour_map(rng))
        colours = augment.occlude(rng, colours, colours)
        pixels[..., :3] = colours * alpha
    pixels = np.pad(pixels, ((FADE, FADE), (FADE, FADE), (0, 0)), mode="edge") * _fade(len(view))
    shift = float(FADE + VIEW_MARGIN)
    frame = np.array([[1, 0, shift], [0, 1, shift]])
    return _surrounded(Sprite(to_uint8(pixels), points + shift, frame, float(yaw)))


def _fade(inner: int) -> Float32Array:
    """(S, S, 1) weights: 1 in the inner part, falling to 0 at the edges."""
    ramp = np.clip((np.arange(inner + 2 * FADE) + 0.5) / FADE, 0, 1)
    line = np.minimum(ramp, ramp[::-1])
    return (line[:, None] * line)[..., None].astype(np.float32)


def portrait(photo: UInt8Array, points: FloatArray) -> Sprite:
    """A frontal photo as it is, with its edges.

    Args:
        photo: (H, W, 3).
        points: (5, 2) px.

    Raises:
        GeometryError: points that no face has.
    """
    image = np.dstack([photo, np.full((*photo.shape[:2], 1), 255, np.uint8)])
    frame = geometry.invert_transform(geometry.alignment_transform(points))
    return _surrounded(Sprite(image, points, frame, 0.0))


def _surrounded(thing: Sprite) -> Sprite:
    image = np.pad(thing.image, ((NOTHING, NOTHING), (NOTHING, NOTHING), (0, 0)))
    frame = thing.frame + [[0, 0, NOTHING], [0, 0, NOTHING]]
    return replace(thing, image=image, points=thing.points + NOTHING, frame=frame)


@dataclass(frozen=True, slots=True)
class Place:
    """Where and how large a face stands in a picture."""

    middle: tuple[float, float]
    """Of its box, px."""
    size: float
    """Longer side of its box, px."""
    roll: float
    """Degrees clockwise."""
    mirrored: bool

    def transform(self, yaw: float) -> FloatArray:
        """(2, 3) from the aligned crop to the picture."""
        scale, angle = self.size / (BOTTOM - TOP), math.radians(self.roll)
        cos, sin = scale * math.cos(angle), scale * math.sin(angle)
        linear = np.array([[cos, -sin], [sin, cos]]) @ np.diag([-1.0 if self.mirrored else 1.0, 1])
        x = (np.interp(yaw, YAWS, LEFT) + np.interp(yaw, YAWS, RIGHT)) / 2
        middle = np.array([x, (TOP + BOTTOM) / 2])
        return np.column_stack([linear, np.array(self.middle) - linear @ middle])
