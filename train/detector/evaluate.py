"""Detector evaluation: recall on annotated photos, false positives on photos without faces.

    python -m train.detector.evaluate --cfp DIR --empty DIR --detector packaged --detector yuface

How far its points are off, `train.landmarks.evaluate` measures, with and without the refiner.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np

from tpgan_sdk.detectors import Detector, create_detector
from tpgan_sdk.errors import TrainingError
from tpgan_sdk.images.resample import UInt8Array, to_uint8
from train.auxiliary.command import exit_code, show_report
from train.landmarks.evaluate import SAME_FACE
from train.landmarks.ground_truth import GroundTruth, photographed

from .photos import part_of, read_empty

PARTS: Final = 40
"""Of every picture without a face, at random."""
# Radius, in distances from eyes to mouth, of the disc that covers a face.
COVER: Final = 2.2


def found(truth: GroundTruth, detector: Detector) -> tuple[bool, int]:
    """Whether the detector finds this face, and how many other ones."""
    middle = np.nanmean(truth.points, axis=0)
    away = [
        float(np.linalg.norm(face.landmarks.mean(axis=0) - middle)) / truth.length
        for face in detector.detect(truth.image)
    ]
    same = sum(distance < SAME_FACE for distance in away)
    return same > 0, len(away) - min(same, 1)


def detection(truths: Iterable[GroundTruth], detector: Detector) -> dict[str, dict[str, int]]:
    """Photos, faces found and other faces, by group."""
    groups: dict[str, dict[str, int]] = {}
    for truth in truths:
        group = groups.setdefault(truth.group, {"photos": 0, "found": 0, "others": 0})
        seen, others = found(truth, detector)
        group["photos"] += 1
        group["found"] += seen
        group["others"] += others
    return groups


def false_faces(pictures: Iterable[UInt8Array], detector: Detector) -> dict[str, int]:
    """Pictures, those with a face in the detector's eyes, and all those faces."""
    counts = [len(detector.detect(picture)) for picture in pictures]
    return {
        "pictures": len(counts),
        "with_faces": sum(count > 0 for count in counts),
        "faces": sum(counts),
    }


def parts(folder: Path) -> Iterator[UInt8Array]:
    """Pictures without a face, and parts of them, 320 px; the same ones every time."""
    for number, picture in enumerate(read_empty(folder)):
        rng = np.random.default_rng(number)
        yield picture
        for _ in range(PARTS):
            yield to_uint8(part_of(rng, picture))


def covered(truth: GroundTruth) -> UInt8Array:
    """The photo with a disc over its face, of its mean colour: hair, hands and clothes remain."""
    x, y = (round(float(v)) for v in np.nanmean(truth.points, axis=0))
    colour = truth.image.reshape(-1, 3).mean(axis=0).tolist()
    disc = cv2.circle(truth.image.copy(), (x, y), round(COVER * truth.length), colour, -1)
    return np.asarray(disc, dtype=np.uint8)


def annotated(folder: Path, frontal: int) -> list[GroundTruth]:
    """All profile photos of `photographed`, and so many frontal ones, evenly spread."""
    truths = list(photographed(folder))
    groups = {k: [t for t in truths if t.group == k] for k in ("frontal", "profile")}
    last = len(groups["frontal"]) - 1
    chosen = np.unique(np.linspace(0, last, min(frontal, last + 1)).round().astype(int))
    return [groups["frontal"][number] for number in chosen] + groups["profile"]


def evaluate(
    detector: Detector, truths: Sequence[GroundTruth], empty: Path | None
) -> dict[str, Any]:
    """All figures of one detector."""
    report: dict[str, Any] = {}
    if truths:
        begun = time.process_time()
        report["photos"] = detection(truths, detector)
        report["cpu_ms_a_photo"] = round(1e3 * (time.process_time() - begun) / len(truths), 1)
        profiles = (covered(truth) for truth in truths if truth.group == "profile")
        report["covered"] = false_faces(profiles, detector)
    if empty:
        report["empty"] = false_faces(parts(empty), detector)
    return report


def main(argv: Sequence[str] | None = None) -> int:
    """The command; returns its exit code."""
    parser = argparse.ArgumentParser(prog="python -m train.detector.evaluate")
    parser.add_argument("--cfp", type=Path, metavar="DIR", help="photos in the layout of CFP")
    parser.add_argument("--frontal", type=int, default=400, help="of its frontal photos")
    parser.add_argument("--empty", type=Path, metavar="DIR", help="photos without any face")
    parser.add_argument("--detector", action="append", required=True, metavar="SPEC")
    parser.add_argument("--output", type=Path, metavar="JSON")
    arguments = parser.parse_args(argv)
    cv2.setNumThreads(1)
    return exit_code(lambda: show_report(_report(arguments), arguments.output))


def _report(arguments: argparse.Namespace) -> dict[str, Any]:
    if arguments.cfp is None and arguments.empty is None:
        raise TrainingError("nothing to evaluate on; give --cfp, --empty or both")
    truths = annotated(arguments.cfp, arguments.frontal) if arguments.cfp else []
    report = {}
    for spec in arguments.detector:
        detector = create_detector(spec)
        report[detector.name] = evaluate(detector, truths, arguments.empty)
    return report


if __name__ == "__main__":
    sys.exit(main())
