"""From a portrait to its mesh, its frontal target and its views.

`render_views` does it all for one picture; the shards are made of the same calls.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import cv2
import numpy as np

from tpgan_sdk import geometry
from tpgan_sdk.errors import TrainingError
from tpgan_sdk.geometry import CROP_SIZE, OFFICIAL, FloatArray, Template
from tpgan_sdk.images.resample import UInt8Array, to_uint8, warp

from ..data.alpha_blend import compose
from .camera import FAR, Camera, View, render_view
from .head import HeadModel
from .landmarks import FIVE_POINTS, PortraitAnalyser
from .mesh import PortraitMesh, build_mesh
from .morph import morph, reshape
from .texture import HiddenColours
from .texture_grid import MARGIN, PICTURE, SCALE, BoolArray

MAX_PORTRAIT_YAW: Final = 18.0
MIN_EYE_TO_MOUTH: Final = 32.0
MAX_FOREGROUND: Final = 0.9


class PortraitError(TrainingError):
    """This portrait cannot be rendered; the message is the reason."""


class Renderer:
    """Turns portraits into meshes; holds the head model and MediaPipe, so close it.

    Args:
        head: folder of the head model; None looks in the shared folder.

    Raises:
        TrainingError: the head model or MediaPipe is missing.
    """

    def __init__(self, head: Path | None = None) -> None:
        cv2.setNumThreads(1)  # one process a core; more threads only wait for each other
        self._head = HeadModel(head)
        self._hidden = HiddenColours(self._head)
        self._analyser = PortraitAnalyser()

    def __enter__(self) -> Renderer:
        return self

    def __exit__(self, *_: object) -> None:
        self._analyser.close()

    def mesh(self, image: UInt8Array) -> PortraitMesh:
        """Mesh of the face in a (H, W, 3) uint8 BGR portrait.

        Raises:
            PortraitError: no face, too small, not frontal, or not told apart from the background.
            GeometryError: what was found cannot be a face.
        """
        points = self._analyser.landmarks(image)
        if points is None:
            raise PortraitError("no face")
        five = points[list(FIVE_POINTS), :2]
        length = float(np.linalg.norm(five[3:].mean(axis=0) - five[:2].mean(axis=0)))
        if length < MIN_EYE_TO_MOUTH:
            raise PortraitError(
                f"too small: {length:.0f} px from eyes to mouth, at least {MIN_EYE_TO_MOUTH:.0f} "
                "are needed"
            )
        transform = picture_transform(five)
        scale = math.sqrt(float(np.linalg.det(transform[:, :2])))
        picture = warp(image, transform, PICTURE, PICTURE)
        alpha = self._analyser.foreground(to_uint8(picture))
        alpha[~_inside(image.shape, transform)] = 0.0
        if float((alpha > 0.5).mean()) > MAX_FOREGROUND:
            raise PortraitError("not told apart: nearly everything is foreground")
        flat = geometry.apply_transform(transform, points[:, :2])
        points = np.column_stack([flat, points[:, 2] * scale])
        mesh = build_mesh(picture, alpha, points, self._head, self._hidden)
        if abs(mesh.pose[0]) > MAX_PORTRAIT_YAW:
            raise PortraitError(
                f"not frontal: yaw {mesh.pose[0]:.0f} degrees, at most {MAX_PORTRAIT_YAW:.0f} "
                "can be used"
            )
        return mesh

    def new_person(
        self, image: UInt8Array, partner: UInt8Array, share: float, shape: FloatArray
    ) -> UInt8Array:
        """A portrait of somebody between two people whose shape was moved on.

        Args:
            image, partner: (H, W, 3) uint8 BGR portraits.
            share: 0 to 1, the partner's part.
            shape: (K,) see `morph.reshape`.

        Raises:
            PortraitError: no face in one of them.
        """
        points = [self._analyser.landmarks(picture) for picture in (image, partner)]
        if points[0] is None or points[1] is None:
            raise PortraitError("no face")
        between = morph(image, points[0], partner, points[1], share)
        found = self._analyser.landmarks(between)
        if found is None:
            raise PortraitError("no face")
        return reshape(between, found, self._head, shape)


def picture_transform(five: FloatArray) -> FloatArray:
    """(2, 3) from a portrait to the enlarged aligned picture that meshes are built on."""
    transform = geometry.alignment_transform(five, OFFICIAL) * SCALE
    # Whole blocks of picture px make a crop px, whose centre lies in the middle of the block.
    transform[:, 2] += MARGIN + (SCALE - 1) / 2
    return transform


def _inside(shape: tuple[int, ...], transform: FloatArray) -> BoolArray:
    """(416, 416) whether each pixel of the aligned picture comes from within the portrait."""
    inverse = geometry.invert_transform(transform)
    ys, xs = np.ogrid[:PICTURE, :PICTURE]
    x = inverse[0, 0] * xs + inverse[0, 1] * ys + inverse[0, 2]
    y = inverse[1, 0] * xs + inverse[1, 1] * ys + inverse[1, 2]
    result: BoolArray = (x >= 0) & (x <= shape[1] - 1) & (y >= 0) & (y <= shape[0] - 1)
    return result


def frontal_target(mesh: PortraitMesh, template: Template = OFFICIAL) -> UInt8Array:
    """(128, 128, 4) BGR and alpha, premultiplied: the person from the front, not relit.

    The photo itself where it was taken from the front, else the mesh turned to the front.
    """
    if not mesh.is_frontal or template is not OFFICIAL:
        return render_view(mesh, Camera(0.0, distance=FAR), None, template, margin=0).image
    inner = slice(MARGIN, MARGIN + SCALE * CROP_SIZE)
    alpha = np.ascontiguousarray(mesh.alpha[inner, inner])
    colours = mesh.texture[inner, inner] * cv2.merge([alpha, alpha, alpha])
    image = cv2.merge([colours, alpha * 255])
    parts = [image[y::SCALE, x::SCALE] for y in range(SCALE) for x in range(SCALE)]
    return to_uint8(sum(parts[1:], parts[0]) / np.float32(SCALE * SCALE))


def render_views(
    image: UInt8Array,
    yaws: Sequence[float],
    pitch: float = 0.0,
    head: Path | None = None,
    background: tuple[float, float, float] | None = None,
) -> list[View]:
    """Views of the face in one portrait, for demos and checks.

    Args:
        image: (H, W, 3) uint8 BGR.
        yaws: degrees, positive: the face looks towards the right edge. Negative ones show its
            other half; the view is oriented as the portrait is.
        pitch: degrees, positive looks up.
        head: folder of the head model; None looks in the shared folder.
        background: BGR to compose the views on, which leaves them three channels; None keeps
            their alpha.

    Raises:
        TrainingError: the portrait cannot be used, or something that rendering needs is missing.
    """
    with Renderer(head) as renderer:
        meshes: dict[bool, PortraitMesh] = {}
        views = []
        for yaw in yaws:
            mirrored = yaw < 0
            if mirrored not in meshes:
                source = np.ascontiguousarray(image[:, ::-1]) if mirrored else image
                meshes[mirrored] = renderer.mesh(source)
            view = render_view(meshes[mirrored], Camera(abs(yaw), pitch))
            views.append(_mirror(view) if mirrored else view)
    if background is None:
        return views
    return [View(compose(view.image, background), view.landmarks) for view in views]


def _mirror(view: View) -> View:
    """The mirrored view; its margins are equal, so the crop stays in its place."""
    landmarks = geometry.mirror_landmarks(view.landmarks, CROP_SIZE)
    return View(np.ascontiguousarray(view.image[:, ::-1]), landmarks)
