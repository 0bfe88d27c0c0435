"""Detectors alone against detectors with the refiner: rendered people and annotated photos.

    python -m train.landmarks.evaluate --views DIR --cfp DIR --detector auto

Errors are shares of the distance from eyes to mouth, in percent. Points that the detector puts on
another face, or none at all, count as not found and are left out for both.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np

from tpgan_sdk import geometry
from tpgan_sdk.detectors import Detector, create_detector
from tpgan_sdk.errors import GeometryError, TrainingError
from tpgan_sdk.faces.refiner import LandmarkRefiner, RefinedFace
from tpgan_sdk.geometry import FloatArray
from tpgan_sdk.types import Detection
from train.auxiliary.command import exit_code, show_report

from .ground_truth import GroundTruth, photographed, rendered

# A detection whose middle is further from the truth than this share of eye-to-mouth is of
# something else.
SAME_FACE: Final = 1.0


@dataclass(frozen=True, slots=True)
class Result:
    """Errors of one face, (5, 2) as shares of the eye-to-mouth distance, x outwards."""

    group: str
    before: FloatArray
    after: FloatArray
    pose: FloatArray
    """(3,) refined minus true, degrees."""
    yaw_before: float
    """From the detector's points minus true, degrees."""


def compare(truth: GroundTruth, detector: Detector, refiner: LandmarkRefiner) -> Result | None:
    """Errors before and after; None where the detector does not see this face."""
    middle = np.nanmean(truth.points, axis=0)
    for face in detector.detect(truth.image):
        if np.linalg.norm(face.landmarks.mean(axis=0) - middle) < SAME_FACE * truth.length:
            break
    else:
        return None
    try:
        refined = refiner.refine(truth.image, face)
    except GeometryError:
        return None
    return _result(truth, face, refined)


def _result(truth: GroundTruth, face: Detection, refined: RefinedFace) -> Result:
    # Outwards: towards the side that the face looks to, so that both sides can be averaged.
    side = np.nan_to_num(truth.pose[0], nan=1.0 if np.isnan(truth.points[1, 0]) else -1.0)
    order = list(geometry.MIRROR_ORDER) if side < 0 else list(range(5))
    sign = np.array([-1.0 if side < 0 else 1.0, 1.0])
    before, after = (
        (points - truth.points)[order] * sign / truth.length
        for points in (face.landmarks, refined.detection.landmarks)
    )
    pose = np.array([refined.yaw, refined.pitch, refined.roll]) - truth.pose
    yaw_before = geometry.estimate_yaw(face.landmarks) - float(truth.pose[0])
    return Result(truth.group, before, after, pose, yaw_before)


def summarise(results: Sequence[Result], offset: bool) -> dict[str, float]:
    """Mean and median error in percent of eye-to-mouth, before and after, of one group.

    Args:
        results: of one group.
        offset: whether each method's median error of each point is taken off first: what fiducials
            and landmarks mean by a point differs.
    """
    figures = {"faces": float(len(results))}
    for name in ("before", "after"):
        errors = np.stack([getattr(result, name) for result in results])
        if offset:
            errors = errors - _median(errors)
        distance = 100 * np.linalg.norm(errors, axis=2)
        figures[f"mean_{name}"] = float(np.nanmean(distance))
        figures[f"median_{name}"] = float(np.nanmedian(distance))
        figures[f"p90_{name}"] = float(np.nanpercentile(distance, 90))
        for point, index in (("eye", 0), ("hidden_eye", 1), ("nose", 2), ("mouth", 3)):
            if not np.isnan(distance[:, index]).all():
                figures[f"{point}_{name}"] = float(np.nanmean(distance[:, index]))
    pose = np.abs(np.stack([result.pose for result in results]))
    if not np.isnan(pose).all():
        figures["yaw_before"] = float(np.mean([abs(result.yaw_before) for result in results]))
        figures |= dict(zip(("yaw", "pitch", "roll"), pose.mean(axis=0).tolist(), strict=True))
    return {key: round(value, 2) for key, value in figures.items()}


def _median(errors: FloatArray) -> FloatArray:
    """(5, 2) medians of (N, 5, 2), NaN where nothing is known."""
    known = ~np.isnan(errors).all(axis=0)
    result = np.full(errors.shape[1:], np.nan)
    result[known] = np.nanmedian(errors[:, known], axis=0)
    return result


def evaluate(
    truths: Iterator[GroundTruth], detector: Detector, refiner: LandmarkRefiner, offset: bool
) -> dict[str, Any]:
    """Figures by group; `missed` counts faces that the detector did not see."""
    groups: dict[str, list[Result]] = {}
    missed: dict[str, int] = {}
    for truth in truths:
        result = compare(truth, detector, refiner)
        if result is None:
            missed[truth.group] = missed.get(truth.group, 0) + 1
        else:
            groups.setdefault(truth.group, []).append(result)
    report: dict[str, Any] = {}
    for group, results in sorted(groups.items()):
        report[group] = summarise(results, False) | {"missed": missed.get(group, 0)}
        if offset:
            report[group]["without_offset"] = summarise(results, True)
    return report


def main(argv: Sequence[str] | None = None) -> int:
    """The command; returns its exit code."""
    parser = argparse.ArgumentParser(prog="python -m train.landmarks.evaluate")
    parser.add_argument("--views", type=Path, metavar="DIR", help="held-out views")
    parser.add_argument("--cfp", type=Path, metavar="DIR", help="photos in the layout of CFP")
    parser.add_argument("--detector", action="append", required=True, metavar="SPEC")
    parser.add_argument("--refiner", type=Path, metavar="ONNX", help="default: the package's")
    parser.add_argument("--output", type=Path, metavar="JSON")
    arguments = parser.parse_args(argv)
    cv2.setNumThreads(1)
    return exit_code(lambda: show_report(_report(arguments), arguments.output))


def _report(arguments: argparse.Namespace) -> dict[str, Any]:
    if arguments.views is None and arguments.cfp is None:
        raise TrainingError("nothing to evaluate on; give --views, --cfp or both")
    refiner = LandmarkRefiner(arguments.refiner)
    report: dict[str, Any] = {}
    for spec in arguments.detector:
        detector = create_detector(spec)
        own = report.setdefault(detector.name, {})
        if arguments.views:
            own["rendered"] = evaluate(rendered(arguments.views), detector, refiner, False)
        if arguments.cfp:
            own["cfp"] = evaluate(photographed(arguments.cfp), detector, refiner, True)
    return report


if __name__ == "__main__":
    sys.exit(main())
