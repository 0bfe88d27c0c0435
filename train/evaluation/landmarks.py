"""Landmark sources of real photos: a detector, or annotated fiducials."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np

from tpgan_sdk import geometry
from tpgan_sdk.errors import GeometryError
from tpgan_sdk.frontalizer import Frontalizer
from tpgan_sdk.geometry import CROP_SIZE, FloatArray
from tpgan_sdk.images.files import read_image
from tpgan_sdk.images.resample import Float32Array, UInt8Array
from tpgan_sdk.types import BackendInfo

from ..data.cfp import read_fiducials
from ..data.fiducials import five_points
from ..data.people import Photo
from .views import View

Locate = Callable[[Photo, UInt8Array], FloatArray | None]
"""The (5, 2) points of the largest face of a photo and its (H, W, 3) BGR pixels; None: no face."""


class _NoNetwork:
    """A backend that computes nothing: the SDK is asked where the faces are."""

    info = BackendInfo("none", "none", "cpu", "only the landmarks are used", None)

    def run(self, inputs: Mapping[str, Float32Array]) -> Float32Array:
        return np.zeros((len(inputs["face"]), 3, CROP_SIZE, CROP_SIZE), np.float32)

    def clone(self) -> _NoNetwork:
        return self

    def close(self) -> None:
        pass


def by_detector(spec: str = "auto", refine: bool = True) -> tuple[Locate, str]:
    """The points that a user of the SDK gets, and who says so, for report and cache.

    Raises:
        DetectorError: this detector does not work here.
    """
    sdk = Frontalizer(backend=_NoNetwork(), detector=spec, refine=refine)
    name = sdk.detector.name  # "auto" tells only now that none works
    if sdk.refiner is not None:
        name += f", refined by {sdk.refiner.info['sha256'][:12]}"

    def locate(_: Photo, picture: UInt8Array) -> FloatArray | None:
        faces = sdk.frontalize(picture, largest_only=True)
        return faces[0].landmarks if faces else None

    return locate, name


def by_fiducials(root: Path) -> Locate:
    """The points that people marked in CFP; hidden ones are derived (`fiducials`)."""

    def locate(photo: Photo, _: UInt8Array) -> FloatArray | None:
        try:
            return five_points(read_fiducials(root, photo))
        except GeometryError:
            return None

    return locate


def open_view(photo: Photo, locate: Locate, probe: bool = True) -> View:
    """A photo with its points.

    Raises:
        ImageError: the file cannot be read.
    """
    picture = read_image(photo.path)
    points = locate(photo, picture)
    yaw = float("nan")
    if points is not None:
        try:
            yaw = geometry.estimate_yaw(points)
        except GeometryError:
            points = None
    rgb = np.ascontiguousarray(picture[..., ::-1])
    return View(photo.key, photo.person, rgb, points, yaw, probe)
