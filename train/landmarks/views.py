"""Rendered views that the refiner is trained on, and their files.

    python -m train.landmarks.views --portraits DIR --output DIR

As `train.data.render`, but with more room around the face, wider poses, the exact pose of every
view, and the portrait itself as one more view: real pixels with the surroundings of a real head.
A file ``views-NNNNN.npz`` holds the views of some portraits.
"""

from __future__ import annotations

import argparse
import math
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import cv2
import numpy as np

from tpgan_sdk import geometry
from tpgan_sdk.errors import GeometryError, TPGANError, TrainingError
from tpgan_sdk.geometry import CROP_SIZE, FloatArray
from tpgan_sdk.images.resample import UInt8Array, to_uint8, warp
from train.data.shards import ShardReader
from train.rendering.camera import render_view
from train.rendering.landmarks import FIVE_POINTS, PortraitAnalyser
from train.rendering.mesh import PortraitMesh
from train.rendering.plan import RenderConfig, find_portraits, plan_views, portrait_generator
from train.rendering.views import PortraitError, Renderer

MARGIN: Final = 32
"""Crop px around the 128x128 crop of a view, on every side."""
SIZE: Final = CROP_SIZE + 2 * MARGIN
FILE_PORTRAITS: Final = 32
# Degrees: people in photos tilt their heads further than frontalization is trained to undo.
PITCH: Final = 28.0
ROLL: Final = 12.0


@dataclass(frozen=True, slots=True)
class ViewSet:
    """Views, each aligned on its exact landmarks, with the hidden side on the right."""

    images: UInt8Array
    """(N, S, S, 4) BGR and alpha, premultiplied; the 128x128 crop lies in the middle."""
    landmarks: FloatArray
    """(N, 5, 2) crop px: exact, also where they are hidden."""
    poses: FloatArray
    """(N, 3) yaw, pitch and roll in degrees, as the picture shows them; NaN where unknown."""
    photo: np.ndarray[tuple[int], np.dtype[np.bool_]]
    """(N,) whether it is the portrait itself."""


def roll_after(transform: FloatArray, roll: float) -> float:
    """Degrees of roll that a face with this roll in the frame has after a transform."""
    turned = roll + math.degrees(math.atan2(transform[1, 0], transform[0, 0]))
    return math.remainder(turned, 360.0)


def portrait_views(
    renderer: Renderer,
    analyser: PortraitAnalyser,
    image: UInt8Array,
    config: RenderConfig,
    rng: np.random.Generator,
) -> ViewSet:
    """The portrait and its rendered views; portrait or mirror image, as the generator decides.

    Args:
        renderer, analyser: open.
        image: (H, W, 3) uint8 BGR.

    Raises:
        PortraitError, GeometryError: the portrait cannot be used.
    """
    if rng.random() < 0.5:
        image = np.ascontiguousarray(image[:, ::-1])
    mesh = renderer.mesh(image)
    images, landmarks, poses = [], [], []
    for camera, light, _ in plan_views(config, rng):
        view = render_view(mesh, camera, light, margin=MARGIN)
        alignment = geometry.alignment_transform(camera.project(mesh.five)[:, :2])
        images.append(view.image)
        landmarks.append(view.landmarks)
        poses.append((camera.yaw, camera.pitch, roll_after(alignment, camera.roll)))
    picture, points = _photo(analyser, image, mesh)
    return ViewSet(
        np.stack([*images, picture]),
        np.stack([*landmarks, points]),
        np.array([*poses, mesh.pose]),
        np.arange(len(images) + 1) == len(images),
    )


def _photo(
    analyser: PortraitAnalyser, image: UInt8Array, mesh: PortraitMesh
) -> tuple[UInt8Array, FloatArray]:
    """The portrait as a view: opaque, and its landmarks."""
    found = analyser.landmarks(image)
    if found is None:
        raise PortraitError("no face")
    five = found[list(FIVE_POINTS), :2]
    transform = geometry.alignment_transform(five)
    pixels = to_uint8(warp(image, transform, SIZE, SIZE, -MARGIN, -MARGIN))
    picture = np.dstack([pixels, np.full((SIZE, SIZE), 255, np.uint8)])
    return picture, geometry.apply_transform(transform, five)


def write_views(path: Path, portraits: Sequence[ViewSet]) -> None:
    """One file of the views of several portraits; it appears only when complete."""
    part = path.with_suffix(".part.npz")
    np.savez(
        part,
        images=np.concatenate([views.images for views in portraits]),
        landmarks=np.concatenate([views.landmarks for views in portraits]),
        poses=np.concatenate([views.poses for views in portraits]),
        photo=np.concatenate([views.photo for views in portraits]),
    )
    part.rename(path)


def read_views(folder: Path) -> list[ViewSet]:
    """All views of a folder, of this module's files and of the shards of `train.data.render`.

    Raises:
        TrainingError: there is none.
    """
    names = ("images", "landmarks", "poses", "photo")
    files = sorted(p for p in folder.glob("views-*.npz") if ".part" not in p.name)
    found = [ViewSet(*(stored[name] for name in names)) for stored in map(np.load, files)]
    found += [_of_shard(ShardReader(p)) for p in sorted(folder.glob("shard-?????"))]
    if not found:
        raise TrainingError(
            f"no views in {folder}; expected views-NNNNN.npz written by "
            "`python -m train.landmarks.views --output`, or shards of `python -m train.data.render`"
        )
    return found


def _of_shard(shard: ShardReader) -> ViewSet:
    """The views of a shard, memory-mapped. It does not tell how far the alignment turned them."""
    labels = shard.labels
    roll = np.full(len(labels), np.nan)
    poses = np.column_stack([labels["yaw"], labels["pitch"], roll])
    landmarks = labels["landmarks"].astype(np.float64)
    return ViewSet(shard.views, landmarks, poses, np.zeros(len(labels), np.bool_))


def _render(arguments: argparse.Namespace) -> None:
    portraits = find_portraits(arguments.portraits, arguments.split)[: arguments.limit]
    config = RenderConfig(views=arguments.count, pitch=PITCH, roll=ROLL, seed=arguments.seed)
    arguments.output.mkdir(parents=True, exist_ok=True)
    start, views, rejected = time.perf_counter(), 0, 0
    with Renderer(arguments.head) as renderer, PortraitAnalyser() as analyser:
        for first in range(0, len(portraits), FILE_PORTRAITS):
            path = arguments.output / f"views-{first // FILE_PORTRAITS:05d}.npz"
            if path.exists():
                continue  # an interrupted run goes on
            done = []
            for portrait in portraits[first : first + FILE_PORTRAITS]:
                image = cv2.imread(str(portrait), cv2.IMREAD_COLOR)
                rng = portrait_generator(config.seed, portrait.name)
                try:
                    if image is None:
                        raise PortraitError("unreadable: not a picture")
                    picture = image.astype(np.uint8)
                    done.append(portrait_views(renderer, analyser, picture, config, rng))
                except (PortraitError, GeometryError):
                    rejected += 1
            if done:
                write_views(path, done)
            views += sum(len(v.images) for v in done)
            rate = views / (time.perf_counter() - start)
            print(f"{views} views, {rejected} portraits left out, {rate:.0f} a second", flush=True)


def main(argv: Sequence[str] | None = None) -> int:
    """The command; returns its exit code."""
    parser = argparse.ArgumentParser(prog="python -m train.landmarks.views")
    add = parser.add_argument
    add("--portraits", type=Path, nargs="+", required=True, metavar="DIR")
    add("--output", type=Path, required=True, metavar="DIR")
    add("--count", type=int, default=8, help="rendered views a portrait (%(default)s)")
    add("--split", choices=("train", "heldout"), default="train")
    add("--limit", type=int, help="portraits")
    add("--seed", type=int, default=0)
    add("--head", type=Path, help="folder of the ICT head model (default: the shared folder)")
    try:
        _render(parser.parse_args(argv))
    except TPGANError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
