"""Colours where the photo shows none: behind the person's outline and on the far side."""

from __future__ import annotations

from typing import Final

import cv2
import numpy as np
from scipy import sparse
from scipy.sparse import linalg

from tpgan_sdk.geometry import FloatArray
from tpgan_sdk.images.resample import Float32Array

from .head import HeadModel
from .raster import rasterise, vertex_normals
from .shadow import ambient_occlusion

# Cosine between normal and view axis at which the photo's colour is not used at all, and fully.
GRAZING: Final = (0.02, 0.22)
PYRAMID_LEVELS: Final = 5
# Pull of a vertex towards the colour known for it, against the pull of its neighbours.
ANCHOR: Final = 0.3
# Centimetres inside the jaw line at which the photo's colour begins to give way to smooth skin,
# and is gone.
JAW_BAND: Final = (1.2, 0.7)
# Brightness of a filled-in colour where no light of an even sky arrives.
DARKEST: Final = 0.3
# Resolution and margins of the picture in which the mean head's visibility is decided.
TEST_SCALE: Final = 12
TEST_SIZE: Final = (480, 320)


def extend_colours(image: Float32Array, trusted: Float32Array) -> Float32Array:
    """The image with colours continued smoothly to where `trusted` is zero.

    Without this, what lies along the outline takes on the photo's background, and every rendered
    face gets a contour that a network learns to use.

    Args:
        image: (H, W, 3) float32.
        trusted: (H, W) float32 in [0, 1].

    Returns:
        (H, W, 3) float32.
    """
    height, width = trusted.shape
    # Merged to three channels: multiplying by one that is broadcast takes five times as long.
    share = cv2.merge([trusted, trusted, trusted])
    shown = image * share
    known = cv2.merge([shown, trusted])
    # The continuation is smooth: half the resolution is enough for it.
    levels = [cv2.resize(known, (width // 2, height // 2), interpolation=cv2.INTER_AREA)]
    for _ in range(PYRAMID_LEVELS):
        levels.append(cv2.pyrDown(levels[-1]))
    coarse = levels[-1]
    for fine in reversed(levels[:-1]):
        up = cv2.pyrUp(coarse, dstsize=(fine.shape[1], fine.shape[0]))
        # Coarse colours count just enough to decide where the fine level knows nothing.
        up = up * (0.01 / np.maximum(up[..., 3:], 1e-6))
        coarse = fine + up * (1 - fine[..., 3:])
        coarse = coarse / np.maximum(coarse[..., 3:], 1e-6)
    beyond = cv2.resize(coarse[..., :3], (width, height), interpolation=cv2.INTER_LINEAR)
    return np.asarray(shown + beyond * (1 - share), dtype=np.float32)


class HiddenColours:
    """Colours for the parts of the head that a frontal photo does not show.

    Which parts these are is decided once, on the mean head: those that another part covers or
    that are seen at a grazing angle. They take the colour of the parts around them, by a screened
    Poisson equation on the mesh whose factorisation is shared by all portraits.
    """

    def __init__(self, head: HeadModel) -> None:
        self._jaw = _beside_jaw(head)[:, None]
        self._nape = _nape(head)[:, None]
        self._rear = _rear_of_jaw(head)[:, None]
        seen = _visibility(head)[:, None] * (1 - self._jaw) * (1 - self._nape)
        self._seen = seen
        open_sky = _openness(head)
        self._shade = (DARKEST + (1 - DARKEST) * open_sky)[:, None]
        self.confidence: FloatArray = seen[:, 0]
        """(V,) 0 to 1: how much of the photo's own colour a vertex shows."""
        count = len(head.vertices)
        first = np.concatenate([head.triangles[:, k] for k in (0, 1, 2)])
        second = np.concatenate([head.triangles[:, k] for k in (1, 2, 0)])
        ones = np.ones(len(first))
        adjacency = sparse.coo_matrix((ones, (first, second)), shape=(count, count)).tocsr()
        adjacency = ((adjacency + adjacency.T) > 0).astype(np.float64)
        degree = np.asarray(adjacency.sum(axis=1)).ravel()
        anchor = ANCHOR * (seen + self._jaw + self._nape)[:, 0]
        # The small term keeps vertices that belong to no triangle from making it singular.
        system = sparse.diags(degree + anchor + 1e-9) - adjacency
        self._solve = linalg.splu(system.tocsc()).solve

    def fill(
        self, photo: FloatArray, skin: FloatArray, beside: FloatArray, hair: FloatArray
    ) -> FloatArray:
        """(V, 3) smooth colours of every vertex.

        Args:
            photo: (V, 3) the photo's colour at each vertex, for what it shows.
            skin: (V, 3) the face's smooth colour, for the skin beyond the jaw line.
            beside: (V, 3) the colour beside the face at that height, for the nape.
            hair: (V, 1) whether that belongs to the person; then it covers the jaw's rear as well.
        """
        share = self._rear * hair
        jaw = skin + share * (beside - skin)
        known = self._seen * photo + self._jaw * jaw + self._nape * beside
        result: FloatArray = self._shade * self._solve(ANCHOR * known)
        return result


def _visibility(head: HeadModel) -> FloatArray:
    """(V,) 0 to 1: how well a camera in front sees each vertex of the mean head."""
    height, width = TEST_SIZE
    points = (head.vertices * TEST_SCALE + (width / 2, 200.0, 0.0)).astype(np.float32)
    none = np.zeros((1, 1), np.float32)
    flat = np.ascontiguousarray(points[:, :2])
    depth = rasterise(points, head.triangles, height, width, flat, none, len(head.triangles))[2]
    # Along the outline a vertex can miss every pixel of its own triangle: look around it.
    solid = np.where(np.isfinite(depth), depth, -1e6).astype(np.float32)
    depth = cv2.dilate(solid, np.ones((3, 3), np.uint8))
    column = np.clip(np.rint(points[:, 0]).astype(int), 0, width - 1)
    row = np.clip(np.rint(points[:, 1]).astype(int), 0, height - 1)
    seen = points[:, 2] <= depth[row, column] + TEST_SCALE / 2
    normals = vertex_normals(head.vertices, head.triangles)
    facing = np.clip((-normals[:, 2] - GRAZING[0]) / (GRAZING[1] - GRAZING[0]), 0.0, 1.0)
    return np.where(seen, facing, 0.0)


def _openness(head: HeadModel) -> FloatArray:
    """(V,) 0 to 1: how freely light gets to each vertex of the mean head.

    The photo brings its own dark corners along; where it shows nothing, the folds of the ear
    would otherwise be as bright as the cheek.
    """
    points = (head.vertices * TEST_SCALE).astype(np.float32)
    normals = vertex_normals(head.vertices, head.triangles)
    return np.asarray(ambient_occlusion(points, normals, head.triangles), dtype=np.float64)


def _beside_jaw(head: HeadModel) -> FloatArray:
    """(V,) 0 to 1: skin that lies beyond the jaw line, between ear lobe and chin.

    A photo of a real, narrower jaw shows hair or background at that place.
    """
    jaw = head.vertices[head.landmarks[:17]]
    height = head.vertices[:, 1]
    width = np.interp(height, jaw[:9, 1], -jaw[:9, 0])
    inside = width - np.abs(head.vertices[:, 0])
    beyond = np.clip((JAW_BAND[0] - inside) / (JAW_BAND[0] - JAW_BAND[1]), 0.0, 1.0)
    lobe, corner, chin = jaw[2, 1], jaw[3, 1], jaw[8, 1]
    below = np.clip((height - lobe) / (corner - lobe), 0.0, 1.0)
    above = np.clip(chin + 1.0 - height, 0.0, 1.0)
    result: FloatArray = beyond * below * above * (1.0 - _nape(head)) * (1.0 - _ears(head))
    return result


def _rear_of_jaw(head: HeadModel) -> FloatArray:
    """(V,) 0 to 1: how far behind the corner of the jaw a vertex lies."""
    corner = head.vertices[head.landmarks[3], 2]
    result: FloatArray = np.clip((head.vertices[:, 2] - corner) / 1.5, 0.0, 1.0)
    return result


def _nape(head: HeadModel) -> FloatArray:
    """(V,) 0 to 1: behind the ears, from their middle downwards."""
    ear = head.vertices[head.landmarks[[0, 1]]].mean(axis=0)
    behind = np.clip((head.vertices[:, 2] - ear[2] - 1.0) / 1.5, 0.0, 1.0)
    below = np.clip((head.vertices[:, 1] - ear[1] + 2.0) / 2.0, 0.0, 1.0)
    result: FloatArray = behind * below * (1.0 - _ears(head))
    return result


def _ears(head: HeadModel) -> FloatArray:
    """(V,) 0 to 1: what sticks out from the sides of the head."""
    side = np.abs(head.vertices[:, 0])
    widest = np.abs(head.vertices[head.landmarks[[0, 16]], 0]).mean()
    above = np.clip(head.vertices[head.landmarks[4], 1] - head.vertices[:, 1], 0.0, 1.0)
    result: FloatArray = np.clip((side - widest + 0.2) / 0.4, 0.0, 1.0) * above
    return result
