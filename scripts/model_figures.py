"""Makes the pictures of the packaged model in `docs/images`.

    python scripts/model_figures.py grid details hard way
    python scripts/model_figures.py curves --log runs/first/log.jsonl runs/edge/log.jsonl

Held-out AI-generated portraits are rendered from the side (see docs/training.md), and turned back
by the SDK with the exact landmarks of the rendering. Needs the renderer and the shared data folder.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import cycle
from pathlib import Path
from typing import Final

import cv2
import numpy as np
from canvas import COLOURS, INK, Canvas
from make_figures import IMAGES, MARGIN, SHARED, WALL, smaller

from tpgan_sdk import Detection, Frontalizer
from tpgan_sdk.backends import create_backend
from tpgan_sdk.backends.base import LayerBackend
from tpgan_sdk.faces.crops import crop_face, network_inputs
from tpgan_sdk.faces.layers import compose_layers
from tpgan_sdk.geometry import CROP_SIZE
from tpgan_sdk.images.resample import Float32Array, UInt8Array, to_uint8
from train.data.alpha_blend import compose
from train.rendering.camera import Camera, render_view
from train.rendering.mesh import PortraitMesh
from train.rendering.views import Renderer, frontal_target

YAWS: Final = (0, 15, 30, 45, 60, 75, 90)
WAY: Final = (30, 60, 90)
TEN: Final = (
    "generated/f0f98c8bc44.jpg",
    "generated/f218ac40d0d.jpg",
    "generated/f5c1bde7f1b.jpg",
    "generated/f99d95b099c.jpg",
    "generated/fec5f06877d.jpg",
    "generated/m1b5384c731.jpg",
    "generated/m46802ce33b.jpg",
    "generated/m575dffb696.jpg",
    "stylegan3/sg3_seed700248_psi0.50.jpg",
    "stylegan3/sg3_seed700266_psi0.85.jpg",
)
HARD: Final = (
    ("glasses", "generated/ff875edd68e.jpg", 45),
    ("tinted glasses", "stylegan3/sg3_seed700087_psi1.00.jpg", 60),
    ("beard", "generated/mf88d7613c2.jpg", 60),
    ("dark skin", "generated/m46802ce33b.jpg", 75),
    ("child", "stylegan3/sg3_seed700290_psi0.85.jpg", 60),
    ("hat", "stylegan3/sg3_seed700278_psi0.85.jpg", 60),
    ("dark light", "generated/m1b5384c731.jpg", 60),
    ("90 degrees", "generated/f218ac40d0d.jpg", 90),
)
DETAILS: Final = (
    ("ear", "generated/m46802ce33b.jpg", (0, 34)),
    ("hairline", "generated/f218ac40d0d.jpg", (0, 0)),
    ("forehead", "stylegan3/sg3_seed700266_psi0.85.jpg", (44, 0)),
    ("glasses", "generated/ff875edd68e.jpg", (16, 16)),
)
"""What is looked at, in whom, and the upper left corner of its 48x48 part of the 128-px picture."""
DETAIL: Final = 48
CURVES: Final = ("pixel_128", "pixel_patches", "identity")


@dataclass(frozen=True)
class Turned:
    """A view from the side and what the model made of it, (128, 128, 3) BGR."""

    view: UInt8Array
    frontal: UInt8Array


class Studio:
    """Renders held-out people, each mesh once, and turns them back with the packaged model."""

    def __init__(self, renderer: Renderer) -> None:
        self._renderer, self._model = renderer, Frontalizer(detector=_Unused())
        self._meshes: dict[str, PortraitMesh] = {}

    def truth(self, name: str) -> UInt8Array:
        """The frontal picture that the model should have made."""
        return compose(frontal_target(self._mesh(name)), WALL)

    def turn(self, name: str, yaw: int, light: float = 1.0) -> Turned:
        """One person at one yaw; `light` below 1 darkens the photo and makes it noisy."""
        made = render_view(self._mesh(name), Camera(yaw), margin=MARGIN)
        photo = compose(made.image, WALL)
        if light < 1:
            noise = np.random.default_rng(0).normal(0, 4, photo.shape)
            photo = to_uint8(
                photo.astype(np.float32) * np.float32(light) + noise.astype(np.float32)
            )
        points = made.landmarks + MARGIN
        size = float(photo.shape[0])
        face = self._model.frontalize(photo, [Detection((0, 0, size, size), points, 1.0)])[0]
        inside = np.ascontiguousarray(photo[MARGIN:-MARGIN, MARGIN:-MARGIN])
        return Turned(inside, face.image)

    def layers(self, name: str, yaw: int) -> tuple[UInt8Array, dict[str, Float32Array]]:
        """The face input, (160, 160, 3) BGR, and all that the network makes of it."""
        made = render_view(self._mesh(name), Camera(yaw), margin=MARGIN)
        model = self._model.model
        crops = crop_face(
            compose(made.image, WALL), made.landmarks + MARGIN, model.template, margin=model.margin
        )
        backend = create_backend(model, "onnxruntime-cpu")
        assert isinstance(backend, LayerBackend)
        layers = backend.run_layers(network_inputs([crops], True, model.inputs))
        return to_uint8(crops.face), {key: values[0] for key, values in layers.items()}

    def _mesh(self, name: str) -> PortraitMesh:
        if name not in self._meshes:
            picture = cv2.imread(str(SHARED / "data" / "portraits" / name), cv2.IMREAD_COLOR)
            if picture is None:
                raise SystemExit(f"no portrait {name}; set TPGAN_SHARED to the shared folder")
            self._meshes[name] = self._renderer.mesh(np.asarray(picture, dtype=np.uint8))
        return self._meshes[name]


class _Unused:
    """Every face is given with its points."""

    name = "none"

    def detect(self, _: UInt8Array) -> list[Detection]:
        return []


def grid(studio: Studio) -> None:
    """Ten people by seven yaws: each view small, the frontal face below it, the truth beside."""
    size, small, gap, top = 96, 48, 4, 22
    pitch = small + size + 3 * gap
    canvas = Canvas(8 * (size + gap) + gap, top + len(TEN) * pitch)
    for row, name in enumerate(TEN):
        y = top + row * pitch
        for column, yaw in enumerate(YAWS):
            x = gap + column * (size + gap)
            turned = studio.turn(name, yaw)
            canvas.picture(smaller(turned.view, small), x + (size - small) / 2, y)
            canvas.picture(smaller(turned.frontal, size), x, y + small + gap)
            if row == 0:
                canvas.text(x + size / 2, 4, f"{yaw}°", ha="center")
        x = gap + len(YAWS) * (size + gap)
        canvas.picture(smaller(studio.truth(name), size), x, y + small + gap)
    canvas.text(x + size / 2, 4, "truth", ha="center")
    canvas.save(IMAGES / "grid.jpg")


def way(studio: Studio) -> None:
    """What becomes of one person's photo at three yaws, from the flow to the frontal face."""
    titles = (
        "photo",
        "where it looks",
        "fetched",
        "share of it",
        "of its mirror",
        "drawn",
        "result",
    )
    gap, top, left = 6, 24, 34
    canvas = Canvas(left + len(titles) * (CROP_SIZE + gap), top + len(WAY) * (CROP_SIZE + gap))
    for column, title in enumerate(titles):
        canvas.text(left + column * (CROP_SIZE + gap) + CROP_SIZE / 2, 6, title, ha="center")
    for row, yaw in enumerate(WAY):
        y = top + row * (CROP_SIZE + gap)
        canvas.text(6, y + CROP_SIZE / 2, f"{yaw}°", va="center")
        face, layers = studio.layers(TEN[0], yaw)
        edge = (face.shape[0] - CROP_SIZE) // 2
        photo = np.ascontiguousarray(face[edge:-edge, edge:-edge])
        grid = (layers["flow"] + 1) * (face.shape[0] / 2) - 0.5 - edge
        whole = {**layers, **{key: 0 * layers[key] for key in ("mirror_weight", "drawn")}}
        whole["fetch_weight"] = np.ones_like(layers["fetch_weight"])
        pictures = (
            photo,
            photo // 2 + 110,
            compose_layers(whole, face.astype(np.float32), CROP_SIZE),
            *(_share(layers[key]) for key in ("fetch_weight", "mirror_weight")),
            to_uint8((layers["drawn"][::-1].transpose(1, 2, 0) + 1) * 127.5),
            to_uint8((layers["frontal"][::-1].transpose(1, 2, 0) + 1) * 127.5),
        )
        for column, picture in enumerate(pictures):
            x = left + column * (CROP_SIZE + gap)
            canvas.picture(picture, x, y)
            if column == 1:
                _lines(canvas, grid, x, y)
    canvas.save(IMAGES / "way.png")


def _share(layer: Float32Array) -> UInt8Array:
    return np.repeat(to_uint8(layer.transpose(1, 2, 0) * 255), 3, axis=2)


def _lines(canvas: Canvas, grid: Float32Array, x: float, y: float) -> None:
    """Every fourth line of the frontal picture's 64x64 grid, where it lies in the photo."""
    for line in (*grid[:, 2::4].transpose(1, 0, 2), *grid[:, :, 2::4].transpose(2, 0, 1)):
        inside = ((line >= 0) & (line < CROP_SIZE)).all(axis=0)
        points = np.where(inside, line, np.nan)
        canvas.axes.plot(points[0] + x, points[1] + y, color=COLOURS[0], lw=0.6)


def details(studio: Studio) -> None:
    """Parts of the frontal face made at 45 degrees, twice as large, beside the truth."""
    zoomed, gap, top = 2 * DETAIL, 6, 40
    canvas = Canvas(len(DETAILS) * (2 * zoomed + 4 * gap) + gap, top + zoomed + gap)
    for column, (part, name, (left, upper)) in enumerate(DETAILS):
        x = gap + column * (2 * zoomed + 4 * gap)
        canvas.title(x, 4, part)
        made = studio.turn(name, 45).frontal
        pictures = (("made at 45°", made), ("truth", studio.truth(name)))
        for offset, (title, picture) in zip((0, zoomed + gap), pictures, strict=True):
            cut = picture[upper : upper + DETAIL, left : left + DETAIL]
            large = cv2.resize(cut, (zoomed, zoomed), interpolation=cv2.INTER_NEAREST)
            canvas.text(x + offset, 22, title, 8.5)
            canvas.picture(np.asarray(large, dtype=np.uint8), x + offset, top)
    canvas.save(IMAGES / "details.png")


def hard(studio: Studio) -> None:
    """What the model finds hard: view, result, truth."""
    size, gap, left = 104, 4, 78
    canvas = Canvas(left + len(HARD) * (size + gap), 22 + 3 * (size + gap))
    for row, title in enumerate(("view", "made", "truth")):
        canvas.text(8, 22 + row * (size + gap) + size / 2, title, va="center")
    for column, (kind, name, yaw) in enumerate(HARD):
        x = left + column * (size + gap)
        turned = studio.turn(name, yaw, light=0.15 if kind == "dark light" else 1.0)
        label = kind if f"{yaw}" in kind else f"{kind}, {yaw}°"
        canvas.text(x + size / 2, 4, label, ha="center")
        for row, picture in enumerate((turned.view, turned.frontal, studio.truth(name))):
            canvas.picture(smaller(picture, size), x, 22 + row * (size + gap))
    canvas.save(IMAGES / "hard_cases.png")


def curves(logs: Sequence[Path]) -> None:
    """Losses of runs, each begun with the one before, against their steps."""
    runs = [[json.loads(line) for line in log.read_text().splitlines()] for log in logs]
    canvas = Canvas(920, 260)
    canvas.axes.remove()
    for index, name in enumerate(CURVES):
        axes = canvas.figure.add_axes((0.05 + index * 0.325, 0.16, 0.27, 0.70))
        begun = 0
        for colour, rows in zip(cycle(COLOURS), runs):
            steps = [begun + row["step"] for row in rows]
            axes.plot(steps, [row[name] for row in rows], color=colour, lw=1.3)
            begun = steps[-1]
        axes.set_title(_TITLES[name], fontsize=9, color=INK)
        axes.set_xlabel("step", fontsize=8)
        axes.tick_params(labelsize=8)
        axes.spines[["top", "right"]].set_visible(False)
    canvas.save(IMAGES / "training_curves.png")


_TITLES: Final = {
    "pixel_128": "L1 of the 128-px picture",
    "pixel_patches": "L1 of the four patches",
    "identity": "1 - cosine of the recogniser",
}
FIGURES: Final = {"grid": grid, "way": way, "details": details, "hard": hard}


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    every = (*FIGURES, "curves")
    parser.add_argument("figures", nargs="+", choices=every, metavar="FIGURE", help=str(every))
    parser.add_argument("--log", type=Path, nargs="+", help="for curves: log.jsonl of each run")
    args = parser.parse_args(argv)
    if "curves" in args.figures:
        if args.log is None:
            parser.error("curves needs --log")
        curves(args.log)
    if wanted := [name for name in args.figures if name in FIGURES]:
        with Renderer() as renderer:
            studio = Studio(renderer)
            for name in wanted:
                FIGURES[name](studio)


if __name__ == "__main__":
    main()
