"""Rank-1 on Multi-PIE by the paper's two settings; which pictures is `train.data.multipie`'s."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from tpgan_sdk.geometry import FloatArray
from tpgan_sdk.images.resample import UInt8Array

from ..data.multipie import Picture, parse, scan
from ..data.multipie_settings import SETTINGS, gallery, probes
from ..data.people import Photo
from ..data.points import read_points
from .landmarks import Locate, open_view
from .views import View


def multipie_views(root: Path, setting: int, locate: Locate) -> Iterator[View]:
    """The gallery and then the probes of setting 1 or 2, with the yaw of their camera.

    Raises:
        TrainingError: no pictures, or a test subject without its gallery picture.
    """
    pictures, _ = scan(root)
    for picture in gallery(pictures, SETTINGS[setting]).values():
        yield _view(root, picture, locate, probe=False)
    for turned in probes(pictures, SETTINGS[setting]).values():
        for picture in turned:
            yield _view(root, picture, locate, probe=True)


def by_points_file(photo: Photo, _: UInt8Array) -> FloatArray | None:
    """The landmarks beside a picture of Multi-PIE; none where there is no file."""
    file = parse(photo.path).points_file()
    return None if file is None else read_points(file)


def _view(root: Path, picture: Picture, locate: Locate, probe: bool) -> View:
    key = picture.path.relative_to(root).with_suffix("").as_posix()
    view = open_view(Photo(key, f"{picture.subject:03}", picture.path), locate, probe)
    return replace(view, yaw=float(picture.yaw))
