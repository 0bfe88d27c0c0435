"""One person's part of a shard: the portrait, or one made from two, and its views."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np

from tpgan_sdk.images.resample import UInt8Array

from .camera import render_view
from .correspondence import Correspondence, correspondence, frontal_points
from .plan import Person, RenderConfig, plan_views
from .views import PortraitError, Renderer, frontal_target

# Part of the second portrait in somebody made from two, and how far the shape moves besides, in
# standard deviations of the head model's first modes.
SHARE: Final = (0.3, 0.7)
SHAPE_MODES: Final = 20
SHAPE_SPREAD: Final = 0.4


def portrait_of(renderer: Renderer, person: Person, rng: np.random.Generator) -> UInt8Array:
    """(H, W, 3) uint8 BGR: the photo, or the picture of somebody made from two.

    Raises:
        PortraitError: a file is no picture, or shows no face.
    """
    image = _read(person.portrait)
    if person.partner is None:
        return image
    partner = _read(person.partner)
    share = float(rng.uniform(*SHARE))
    shape = rng.normal(0.0, SHAPE_SPREAD, SHAPE_MODES)
    return renderer.new_person(image, partner, share, shape)


def _read(path: Path) -> UInt8Array:
    image = cv2.imread(str(path), cv2.IMREAD_COLOR)
    if image is None:
        raise PortraitError("unreadable: not a picture")
    return np.asarray(image, dtype=np.uint8)


def render_portrait(
    renderer: Renderer, image: UInt8Array, config: RenderConfig, rng: np.random.Generator
) -> tuple[list[UInt8Array], list[Correspondence], list[UInt8Array], list[tuple[Any, ...]]]:
    """Views, their correspondences, the two targets and, for each view, its labels.

    Labels are `shards.LABELS` without the identity.

    Args:
        renderer: open.
        image: (H, W, 3) uint8 BGR portrait.
        config: which views.
        rng: decides what the configuration leaves open.

    Raises:
        PortraitError, GeometryError: the portrait cannot be used.
    """
    # The mirror image is analysed anew: MediaPipe is not exactly symmetric.
    meshes = [renderer.mesh(image), renderer.mesh(np.ascontiguousarray(image[:, ::-1]))]
    frontal = [frontal_points(mesh) for mesh in meshes]
    views, correspondences, labels = [], [], []
    for camera, light, mirrored in plan_views(config, rng, meshes[0].smiles):
        view = render_view(meshes[mirrored], camera, light)
        views.append(view.image)
        correspondences.append(
            correspondence(meshes[mirrored], frontal[mirrored], camera, view.image)
        )
        pose = (camera.yaw, camera.pitch, camera.roll)
        labels.append((int(mirrored), mirrored, *pose, light.direction, view.landmarks))
    return views, correspondences, [frontal_target(mesh) for mesh in meshes], labels
