"""Light on a head: an environment in spherical harmonics, one lamp with its shadow, and gloss.

Frame: x right, y down, z away from the camera. The photo's own light stays in its texture, so
what is computed here is a factor: 1 where nothing changes.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np

from tpgan_sdk.geometry import FloatArray
from tpgan_sdk.images.resample import Float32Array

from .raster import IntArray
from .shadow import lamp_visibility

SHININESS: Final = 12.0

# Ramamoorthi and Hanrahan, "An Efficient Representation for Irradiance Environment Maps", 2001:
# factors of the harmonics of order 0, 1 and 2 that turn radiance into irradiance over pi.
_COSINE: Final = (1.0, 2 / 3, 1 / 4)


@dataclass(frozen=True, slots=True)
class Light:
    """A lamp and what shines from everywhere else, mixed with the photo's own light."""

    direction: tuple[float, float, float] = (0.0, 0.0, 0.0)
    """Towards the lamp; the length, 0 to 1, is how much of the relit picture is used."""
    ambient: float = 0.5
    """Part of the light that comes from the environment; it reaches what the lamp does not."""
    gain: tuple[float, float, float] = (1.0, 1.0, 1.0)
    """Factor of blue, green and red on everything."""
    lamp: tuple[float, float, float] = (1.0, 1.0, 1.0)
    """Colour of the lamp, the same order."""
    environment: tuple[float, ...] = (0.0,) * 8
    """Radiance in real spherical harmonics 1 to 8 relative to harmonic 0."""
    gloss: float = 0.0
    """Grey levels that a highlight adds at its middle."""
    shadows: bool = True
    """Whether the lamp casts shadows."""


@dataclass(frozen=True, slots=True)
class Shading:
    """What light does to each point of a surface."""

    factor: Float32Array
    """(N, 3) of blue, green and red."""
    highlight: Float32Array
    """(N,) grey levels to add."""


def illuminate(
    light: Light,
    points: Float32Array,
    normals: Float32Array,
    triangles: IntArray,
    first_cutout: int,
    uv: Float32Array,
    alpha: Float32Array,
) -> Shading:
    """Light on a mesh that is turned as the camera sees it.

    Args:
        light: what shines.
        points: (N, 3) float32.
        normals: (N, 3) float32, unit.
        triangles: (T, 3) int32; those from `first_cutout` on are cut out by `alpha` at `uv`, as
            in `raster.rasterise`.
        first_cutout: see there.
        uv: (N, 2) float32.
        alpha: (h, w) float32.
    """
    strength = float(np.linalg.norm(light.direction))
    gain = np.asarray(light.gain, np.float32)
    if strength == 0:
        return Shading(np.tile(gain, (len(points), 1)), np.zeros(len(points), np.float32))
    toward = np.asarray(light.direction, np.float32) / np.float32(strength)
    facing = np.maximum(normals @ toward, 0)
    if light.shadows:
        flat = (triangles, first_cutout, uv, alpha)
        facing = facing * lamp_visibility(points, toward, *flat)
    around = np.maximum(irradiance(light.environment, normals), 0.1)
    # Of a face lit from a typical side, so that relighting leaves the mean brightness alone.
    mean = light.ambient + (1.0 - light.ambient) * 0.6
    # Colours come first here: along the points, broadcasting costs a fraction.
    lamp = np.asarray(light.lamp, np.float32)[:, None]
    lit = light.ambient * around + (1.0 - light.ambient) * facing * lamp
    factor = gain[:, None] * (1.0 - strength + strength * lit / mean)
    highlight = np.zeros(len(points), np.float32)
    if light.gloss:
        highlight += light.gloss * strength * (_shine(toward, normals) * (facing > 0))
    return Shading(np.ascontiguousarray(factor.T, np.float32), highlight)


def _shine(toward: Float32Array, normals: Float32Array) -> Float32Array:
    """(N,) 0 to 1 by Blinn and Phong: the camera looks along z."""
    half = np.asarray(toward - np.array([0, 0, 1], np.float32), dtype=np.float32)
    half = half / np.float32(max(float(np.linalg.norm(half)), 1e-6))
    return np.asarray(np.maximum(normals @ half, 0) ** SHININESS, dtype=np.float32)


def irradiance(environment: tuple[float, ...], normals: FloatArray | Float32Array) -> Float32Array:
    """(N,) irradiance at (N, 3) unit normals, relative to that of harmonic 0 alone."""
    x, y, z = (normals[:, k].astype(np.float32) for k in range(3))
    root = math.sqrt
    first = (root(3) * y, root(3) * z, root(3) * x)
    second = (
        root(15) * x * y,
        root(15) * y * z,
        root(5) / 2 * (3 * z * z - 1),
        root(15) * x * z,
        root(15) / 2 * (x * x - y * y),
    )
    total = np.full(len(x), _COSINE[0], np.float32)
    for k, basis in enumerate((*first, *second)):
        total += np.float32(environment[k] * _COSINE[1 if k < 3 else 2]) * basis
    return total
