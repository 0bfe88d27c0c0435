"""Small photos of cartoon faces with known landmarks, also under the names of Multi-PIE."""

from __future__ import annotations

import math
from collections.abc import Iterable
from pathlib import Path

import cv2
import numpy as np

from tpgan_sdk.geometry import NOSE_DEPTH, OFFICIAL, FloatArray
from tpgan_sdk.images.files import write_image
from tpgan_sdk.images.resample import UInt8Array
from train.data.multipie import YAWS

WIDTH, HEIGHT = 150, 130


def face_points(yaw: float) -> FloatArray:
    """(5, 2) px of a face in the middle of the photo, 36 px from eyes to mouth."""
    flat = (np.asarray(OFFICIAL.points) - OFFICIAL.eye_center) * 0.75
    depth = np.array([0, 0, NOSE_DEPTH * 36, 0, 0])
    turn = math.radians(yaw)
    flat[:, 0] = flat[:, 0] * math.cos(turn) + depth * math.sin(turn)
    return flat + (WIDTH / 2, 50)


def face_photo(person: int, yaw: float) -> UInt8Array:
    """(130, 150, 3) BGR: skin of the person's own colour, and a dot at every landmark."""
    rng = np.random.default_rng(person)
    photo = np.full((HEIGHT, WIDTH, 3), rng.integers(0, 256, 3), np.uint8)
    skin = tuple(int(v) for v in rng.integers(90, 230, 3))
    cv2.ellipse(photo, (WIDTH // 2, 68), (40, 50), 0, 0, 360, skin, -1)
    for index, (x, y) in enumerate(face_points(yaw)):
        colour = (30 * index, 20, 150 - 30 * index)
        cv2.circle(photo, (round(x), round(y)), 4, colour, -1, cv2.LINE_AA)
    return np.asarray(cv2.GaussianBlur(photo, (0, 0), 1.5), dtype=np.uint8)


def points_text(points: FloatArray) -> str:
    return "\n".join(f"{x:.2f} {y:.2f}" for x, y in points) + "\n"


def write_multipie(
    root: Path,
    subjects: Iterable[int],
    sessions: Iterable[int] = (1,),
    expressions: Iterable[int] = (1,),
    cameras: Iterable[str] = tuple(YAWS),
    lights: Iterable[int] = (7,),
) -> None:
    """Pictures and one landmark file a camera under the original names."""
    for subject in subjects:
        for session in sessions:
            for expression in expressions:
                for camera in cameras:
                    folder = root / f"session{session:02d}" / "multiview" / f"{subject:03d}"
                    folder = folder / f"{expression:02d}" / f"{camera[:2]}_{camera[2]}"
                    name = f"{subject:03d}_{session:02d}_{expression:02d}_{camera}"
                    yaw = YAWS.get(camera, 45)
                    for light in lights:
                        write_image(folder / f"{name}_{light:02d}.png", face_photo(subject, yaw))
                    (folder / f"{name}.5pt").write_text(points_text(face_points(yaw)))
