"""Makes the committed pictures: demo photos and parity faces, from one public-domain portrait.

    python scripts/make_examples.py

Needs the renderer and scikit-image (the environment of `make test` has both), whose astronaut is
NASA's portrait of Eileen Collins, a work of the US government and in the public domain.
"""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
from skimage import data

from tpgan_sdk.faces.crops import crop_face
from tpgan_sdk.geometry import mirror_landmarks
from tpgan_sdk.images.resample import to_uint8
from train.data.alpha_blend import compose
from train.rendering.camera import Camera, render_view
from train.rendering.light import Light
from train.rendering.views import Renderer

REPOSITORY = Path(__file__).resolve().parent.parent
MARGIN = 40
SOURCE = """# Source

Rendered by `scripts/make_examples.py` from NASA's portrait of the astronaut Eileen Collins
(public domain, a work of the US government; distributed with scikit-image as `astronaut`).
"""
# (yaw, pitch, towards the light, strength); a negative yaw is the mirrored portrait's view.
DEMO = (-90, -60, -30, 45, 75, 90)
PARITY = tuple(
    (yaw, pitch, light)
    for yaw, pitch, light in zip(
        (0, 10, 20, 30, 45, 60, 75, 90, -15, -30, -45, -60, -70, -80, -90, 5),
        (0, 8, -8, 0, 5, -5, 0, 0, -6, 6, 0, 3, -3, 0, 0, -12),
        (0, 0.3, 0, 0.5, 0, 0.4, 0, 0.3, 0.5, 0, 0.6, 0, 0.3, 0, 0, 0.5),
        strict=True,
    )
)


def backdrop(size: int, seed: int) -> np.ndarray:
    """A soft gradient of two greys, so that no edge is lit from nowhere."""
    rng = np.random.default_rng(seed)
    low, high = rng.uniform(60, 120), rng.uniform(140, 210)
    ramp = np.linspace(low, high, size, dtype=np.float32)
    return np.repeat(np.repeat(ramp[:, None, None], size, axis=1), 3, axis=2)


def main() -> None:
    portrait = cv2.cvtColor(data.astronaut(), cv2.COLOR_RGB2BGR)
    with Renderer() as renderer:
        meshes = {1: renderer.mesh(portrait), -1: renderer.mesh(portrait[:, ::-1].copy())}

    def view(yaw: float, pitch: float, light: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
        side = -1 if yaw < 0 else 1
        direction = (-0.6 * light, -0.5 * light, -0.6 * light)
        lamp = Light(direction, shadows=False) if light else None
        made = render_view(meshes[side], Camera(abs(yaw), pitch), lamp, margin=MARGIN)
        image = compose(made.image, backdrop(made.image.shape[0], seed))
        points = made.landmarks + MARGIN
        if side < 0:
            image, points = image[:, ::-1], mirror_landmarks(points, image.shape[1])
        return np.ascontiguousarray(image), points

    photos = REPOSITORY / "examples" / "photos"
    faces = REPOSITORY / "tpgan_sdk" / "models" / "parity_faces"
    for folder in (photos, faces):
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "SOURCE.md").write_text(SOURCE)
    for yaw in DEMO:
        side = "left" if yaw < 0 else "right"
        image, _ = view(yaw, 0, 0, abs(yaw))
        cv2.imwrite(str(photos / f"astronaut_{side}_{abs(yaw):02d}.png"), image)
    cv2.imwrite(str(photos / "astronaut_portrait.png"), portrait[0:256, 96:352])
    listing = {}
    for index, (yaw, pitch, light) in enumerate(PARITY):
        image, points = view(yaw, pitch, light, 100 + index)
        cut = crop_face(image, points, mirrored=False)
        name = f"{index:02d}_yaw{yaw:+03d}.png"
        cv2.imwrite(str(faces / name), to_uint8(cut.face))
        listing[name] = np.round(cut.landmarks, 2).tolist()
    (faces / "landmarks.json").write_text(json.dumps(listing, indent=1) + "\n")


if __name__ == "__main__":
    main()
