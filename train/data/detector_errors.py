"""`python -m train.data.detector_errors`: how far the SDK's five points lie from the exact ones.

Rendered views, whose landmarks are exact, are shown to a detector and, unless `--no-refine`, to the
landmark refiner behind it; mean and covariance of their errors around each yaw become an
`ErrorTable`.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import cv2
import numpy as np

from tpgan_sdk.detectors import Detector, create_detector
from tpgan_sdk.errors import TPGANError, TrainingError
from tpgan_sdk.faces.refiner import LandmarkRefiner
from tpgan_sdk.geometry import FloatArray
from tpgan_sdk.images.resample import UInt8Array

from . import augment
from .alpha_blend import blend
from .background import background
from .detector_error_table import Band, ErrorTable
from .shards import VIEW_MARGIN, ShardReader, find_shards

BAND: Final = 15
"""Degrees; the bands lie around 0, 15, ... 90."""
MIN_FACES: Final = 50
"""Faces that a band needs: its covariance has 55 numbers."""
FRAME: Final = 320
"""Width and height of the picture that a view is shown in, px."""
OTHER_FACE: Final = 24.0
"""Mean distance of the five points from which on it is not this face, half eye-to-mouth, px."""


def show(view: UInt8Array, rng: np.random.Generator) -> tuple[UInt8Array, FloatArray]:
    """A view somewhere in a larger picture, its border repeated, damaged as ordinary photos.

    Args:
        view: (192, 192, 4) uint8, premultiplied.
        rng: decides place, background and damage.

    Returns:
        (320, 320, 3) uint8 BGR, and the place (x, y) of the crop's first pixel in it.
    """
    rest = FRAME - view.shape[0]
    x, y = (int(v) for v in rng.integers(rest // 4, rest - rest // 4, 2))
    # A head cut off straight would move the visible eye by 3 px at 75 degrees.
    sides = (y, rest - y, x, rest - x)
    placed = cv2.copyMakeBorder(np.ascontiguousarray(view), *sides, cv2.BORDER_REPLICATE)
    frame = blend(np.asarray(placed, dtype=np.uint8), background(rng, FRAME))
    origin = np.array([x + VIEW_MARGIN, y + VIEW_MARGIN], dtype=np.float64)
    return augment.damage(rng, frame), origin


def measure(
    shards: Sequence[ShardReader],
    detector: Detector,
    refiner: LandmarkRefiner | None,
    views: int,
    seed: int = 0,
) -> tuple[FloatArray, FloatArray]:
    """Runs a detector, and a refiner behind it, on views drawn from all shards.

    Returns:
        (N,) yaws in degrees and (N, 5, 2) errors in crop px, NaN where the face was not found.
    """
    places = [(shard, row) for shard in shards for row in range(len(shard))]
    chosen = np.random.default_rng(seed).permutation(len(places))[:views]
    yaws, errors = np.empty(len(chosen)), np.full((len(chosen), 5, 2), np.nan)
    for index, place in enumerate(chosen):
        shard, row = places[place]
        yaws[index] = shard.labels[row]["yaw"]
        picture, origin = show(shard.views[row], np.random.default_rng((seed, int(place))))
        found = detector.detect(picture)
        if found:
            face = refiner.refine(picture, found[0]).detection if refiner else found[0]
            error = face.landmarks - origin - shard.labels[row]["landmarks"]
            if np.hypot(*error.T).mean() < OTHER_FACE:
                errors[index] = error
    return yaws, errors


def summarise(detector: str, yaws: FloatArray, errors: FloatArray) -> ErrorTable:
    """The table of what `measure` returned.

    Raises:
        TrainingError: a band has fewer than `MIN_FACES` faces.
    """
    bands = []
    for middle in range(0, 90 + BAND, BAND):
        here = np.abs(yaws - middle) <= BAND / 2
        good = errors[here & np.isfinite(errors).all(axis=(1, 2))]
        if len(good) < MIN_FACES:
            raise TrainingError(
                f"{len(good)} faces were found around {middle} degrees; expected at least "
                f"{MIN_FACES}: show more views (--views), or shards with that yaw"
            )
        distances = np.linalg.norm(good, axis=2).mean(axis=0)
        covariance = np.cov(good.reshape(-1, 10), rowvar=False)
        found = len(good) / int(here.sum())
        yaw = float(yaws[here].mean())
        bands.append(Band(yaw, int(here.sum()), found, distances, good.mean(axis=0), covariance))
    return ErrorTable(detector, tuple(bands))


def parser() -> argparse.ArgumentParser:
    """The command's flags."""
    p = argparse.ArgumentParser(prog="python -m train.data.detector_errors", description=__doc__)
    p.add_argument("--data", type=Path, required=True, help="folder of shards (train.data.render)")
    p.add_argument("--output", type=Path, required=True, help="JSON to write")
    p.add_argument("--detector", default="auto", help="as in `tpgan frontalize`")
    p.add_argument("--no-refine", action="store_true", help="measure the detector alone")
    p.add_argument("--views", type=int, default=1500, help="views to show, chosen at random")
    p.add_argument("--seed", type=int, default=0)
    return p


def main(argv: Sequence[str] | None = None) -> int:
    args = parser().parse_args(argv)
    cv2.setNumThreads(1)
    try:
        shards = [ShardReader(path) for path in find_shards(args.data)]
        detector = create_detector(args.detector)
        refiner = None if args.no_refine else LandmarkRefiner()
        name = f"{detector.name}, refined" if refiner else detector.name
        table = summarise(name, *measure(shards, detector, refiner, args.views, args.seed))
    except TPGANError as error:
        print(f"detector_errors: {error}", file=sys.stderr)
        return 1
    table.write(args.output)
    for band in table.bands:
        points = " ".join(f"{value:5.2f}" for value in band.distances)
        print(
            f"{band.yaw:5.1f} degrees {band.views:5d} views {band.found:6.1%} found, px: {points} "
            f"mean {band.distances.mean():.2f}"
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
