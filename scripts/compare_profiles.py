"""Rendered profiles beside real ones, in figures: colour, sharpness, what the detector thinks.

    python scripts/compare_profiles.py --data runs/views/train --photos cfp/Data/Images

Both are brought to the same 160-px picture, the aligned crop with its margin, at 128 px: photos by
the default detector's landmarks, rendered views as training sees them (yaw 50 to 90 degrees).
Writes docs/images/real_and_rendered.png and docs/real-and-rendered.json. No photo is shown.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Final

import cv2
import matplotlib
import numpy as np

from tpgan_sdk.detectors import Detector, create_detector
from tpgan_sdk.faces.crops import crop_face
from tpgan_sdk.images.resample import UInt8Array, to_uint8, warp
from train.data.alpha_blend import blend
from train.data.augment import colour_map, damage, recolour
from train.data.background import background
from train.data.shard_examples import ShardExamples
from train.data.shards import VIEW_MARGIN, VIEW_SIZE

matplotlib.use("Agg")
from matplotlib import pyplot as plt

DOCS: Final = Path(__file__).resolve().parent.parent / "docs"
INNER: Final = slice(VIEW_MARGIN, VIEW_SIZE - VIEW_MARGIN)
FACE: Final = np.s_[30:110, 20:84]
"""Part of the aligned crop that is face at every yaw."""
BESIDE: Final = np.s_[:, 104:]
"""Part that is background in a profile."""
MEASURES: Final = {
    "brightness": "mean grey level of the face",
    "contrast": "deviation of the face's grey levels",
    "saturation": "mean saturation of the face, 0 to 255",
    "sharpness": "log10 of the variance of the face's Laplacian",
    "clutter": "log10 of the variance of the background's Laplacian",
    "score": "detector's score",
}


def measure(view: UInt8Array, detector: Detector) -> dict[str, float]:
    """`MEASURES` of one (160, 160, 3) BGR view."""
    crop = view[INNER, INNER]
    grey = cv2.cvtColor(crop, cv2.COLOR_BGR2GRAY).astype(np.float32)
    edges = np.asarray(cv2.Laplacian(grey, cv2.CV_32F))
    saturation = cv2.cvtColor(crop, cv2.COLOR_BGR2HSV)[..., 1]
    found = detector.detect(np.pad(view, ((80, 80), (80, 80), (0, 0)), "edge"))
    return {
        "brightness": float(grey[FACE].mean()),
        "contrast": float(grey[FACE].std()),
        "saturation": float(saturation[FACE].mean()),
        "sharpness": float(np.log10(edges[FACE].var() + 1e-3)),
        "clutter": float(np.log10(edges[BESIDE].var() + 1e-3)),
        "score": max((face.score for face in found), default=0.0),
    }


def real_views(photos: Path, detector: Detector, count: int) -> list[UInt8Array]:
    """Aligned (160, 160, 3) views of the profile photos of a folder in CFP's layout."""
    views: list[UInt8Array] = []
    for path in sorted(photos.glob("*/profile/*.jpg")):
        image = np.asarray(cv2.imread(str(path)), dtype=np.uint8)
        faces = detector.detect(image)
        if not faces:
            continue
        points = max(faces, key=lambda face: face.score).landmarks
        crops = crop_face(image, points)
        if crops.mirrored:
            image = np.ascontiguousarray(image[:, ::-1])
        shifted = crops.transform.copy()
        shifted[:, 2] += VIEW_MARGIN
        views.append(to_uint8(warp(image, shifted, VIEW_SIZE, VIEW_SIZE)))
        if len(views) == count:
            break
    return views


def rendered_views(data: Path, count: int) -> list[UInt8Array]:
    """Views of 50 to 90 degrees as training sees them."""
    examples = ShardExamples(data)
    rng = np.random.default_rng(0)
    views: list[UInt8Array] = []
    while len(views) < count:
        shard = examples.shards[int(rng.integers(len(examples.shards)))]
        row = int(rng.integers(len(shard)))
        if shard.labels[row]["yaw"] < 50:
            continue
        behind = background(rng, VIEW_SIZE, shard.views[int(rng.integers(len(shard)))])
        frame = recolour(blend(shard.views[row], behind), colour_map(rng))
        views.append(damage(rng, frame))
    return views


def summary(rows: list[dict[str, float]]) -> dict[str, dict[str, float]]:
    """Quartiles of each measure."""
    parts = {"low": 25, "median": 50, "high": 75}
    return {
        name: {
            part: round(float(np.percentile([row[name] for row in rows], percent)), 2)
            for part, percent in parts.items()
        }
        for name in MEASURES
    }


def draw(groups: dict[str, list[dict[str, float]]], path: Path) -> None:
    """A histogram of each measure, the groups over each other."""
    figure, axes = plt.subplots(2, 3, figsize=(10, 5), constrained_layout=True)
    for axis, (name, title) in zip(axes.flat, MEASURES.items(), strict=True):
        values = [[row[name] for row in rows] for rows in groups.values()]
        bins = list(np.linspace(min(map(min, values)), max(map(max, values)), 25))
        axis.hist(values, bins=bins, density=True, histtype="step", label=list(groups))
        axis.set_title(title, fontsize=9)
        axis.set_yticks([])
    axes[0, 0].legend(fontsize=8)
    figure.savefig(path, dpi=110)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--data", type=Path, required=True, help="shards of train.data.render")
    parser.add_argument("--photos", type=Path, required=True, help="CFP's Data/Images")
    parser.add_argument("--count", type=int, default=300, help="of each (%(default)s)")
    arguments = parser.parse_args()
    detector = create_detector()
    real = real_views(arguments.photos, detector, arguments.count)
    rendered = rendered_views(arguments.data, arguments.count)
    groups = {
        "real": [measure(view, detector) for view in real],
        "rendered": [measure(view, detector) for view in rendered],
    }
    draw(groups, DOCS / "images" / "real_and_rendered.png")
    table = {name: {"views": len(rows), **summary(rows)} for name, rows in groups.items()}
    (DOCS / "real-and-rendered.json").write_text(json.dumps(table, indent=1) + "\n")
    print(json.dumps(table, indent=1))


if __name__ == "__main__":
    main()
