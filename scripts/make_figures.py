"""Makes the pictures in `docs/images`.

    python scripts/make_figures.py alignment views
    python scripts/make_figures.py pathways --checkpoint runs/edge/checkpoint

Needs the renderer (see docs/training.md), scikit-image for the public-domain portrait, the shared
data folder for the generated portraits, and for `pathways` PyTorch.
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

import cv2
import numpy as np
import numpy.typing as npt
from skimage import data

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from canvas import LINE, SOFT, Canvas

from tpgan_sdk.faces.crops import FaceCrops, crop_face, network_inputs
from tpgan_sdk.geometry import CROP_SIZE, OFFICIAL, FloatArray, apply_transform, patch_origins
from tpgan_sdk.images.resample import UInt8Array, to_uint8
from train.data.alpha_blend import compose
from train.rendering.camera import Camera, render_view
from train.rendering.views import Renderer, frontal_target

if TYPE_CHECKING:
    from torch import Tensor

REPOSITORY: Final = Path(__file__).resolve().parent.parent
IMAGES: Final = REPOSITORY / "docs" / "images"
SHARED: Final = Path(os.environ.get("TPGAN_SHARED", REPOSITORY.parent / "shared"))
PORTRAITS: Final = SHARED / "data" / "portraits" / "generated"
PEOPLE: Final = ("m302db813f7.jpg", "fea435af76b.jpg", "f961eaba9e6.jpg")
"""AI-generated portraits that `train.data.split` holds out of training."""
WALL: Final = (196.0, 196.0, 196.0)
MARGIN: Final = 40
"""Crop px around a rendered view, so that it can be cut anew."""


def portrait(name: str) -> UInt8Array:
    """One generated portrait, BGR."""
    image = cv2.imread(str(PORTRAITS / name), cv2.IMREAD_COLOR)
    if image is None:
        raise SystemExit(f"no portrait {PORTRAITS / name}; set TPGAN_SHARED to the shared folder")
    return np.asarray(image, dtype=np.uint8)


def tilted(rgba: UInt8Array, landmarks: FloatArray, roll: float) -> tuple[UInt8Array, FloatArray]:
    """A view turned by `roll` degrees clockwise before a plain wall, and its landmarks."""
    middle = (rgba.shape[0] - 1) / 2
    turn = cv2.getRotationMatrix2D((middle, middle), -roll, 1.0)
    turned = cv2.warpAffine(rgba, turn, rgba.shape[1::-1])
    return compose(turned.astype(np.uint8), WALL), apply_transform(turn, landmarks)


def smaller(image: UInt8Array, size: int) -> UInt8Array:
    """A square picture at `size` px."""
    return np.asarray(cv2.resize(image, (size, size), interpolation=cv2.INTER_AREA), np.uint8)


def alignment(renderer: Renderer) -> None:
    """A photo at three yaws, its aligned crops with their patches, the rule, the paste boxes."""
    shown, cut_off = 150, 22
    mesh = renderer.mesh(np.ascontiguousarray(data.astronaut()[..., ::-1]))
    canvas = Canvas(740, 426)
    crops = {}
    for x, yaw, roll in ((20, 0, -14), (198, 45, 11), (376, 90, 16)):
        view = render_view(mesh, Camera(yaw), margin=MARGIN)
        frame, points = tilted(view.image, view.landmarks + MARGIN, roll)
        frame = frame[cut_off:-cut_off, cut_off:-cut_off]  # beyond it the rendered view ends
        points = points - cut_off
        cut = crops[yaw] = crop_face(frame, points, mirrored=False)
        canvas.title(x, 10, f"photo, yaw {yaw}°")
        canvas.picture(smaller(frame, shown), x, 30)
        canvas.landmarks(points, x, 30, shown / frame.shape[0])
        canvas.arrow((x + shown / 2, 188), (x + shown / 2, 226))
        canvas.title(x + 11, 234, "aligned, 128 px")
        canvas.picture(to_uint8(cut.face), x + 11, 254)
        canvas.patches(patch_origins(cut.landmarks), x + 11, 254)
        canvas.landmarks(cut.landmarks, x + 11, 254)
    pale = to_uint8(255 - (255 - crops[0].face) * np.float32(0.3))
    _rule(canvas, pale, 580, 30)
    canvas.title(580, 234, "paste boxes")
    canvas.picture(pale, 580, 254, SOFT)
    canvas.patches(OFFICIAL.paste_boxes(), 580, 254)
    canvas.text(580, 388, "where the four local\npictures are laid", 8.5)
    canvas.save(IMAGES / "alignment.png")


def _rule(canvas: Canvas, ground: UInt8Array, x: float, y: float) -> None:
    (eye_x, eye_y), drop = OFFICIAL.eye_center, OFFICIAL.eye_to_mouth
    canvas.title(x, 10, "the rule")
    canvas.picture(ground, x, y, SOFT)
    canvas.axes.plot([x + 24, x + CROP_SIZE - 24], [y + eye_y + 0.5] * 2, color=LINE, lw=1.1)
    canvas.arrow((x + eye_x, y + eye_y), (x + eye_x, y + eye_y + drop), style="<|-|>")
    canvas.landmarks(np.asarray(OFFICIAL.points), x, y)
    canvas.text(x + eye_x + 5, y + eye_y + 28, f"{drop:.0f} px", 8.5)
    canvas.text(x, y + 133, f"eyes level, their middle\nat ({eye_x:.0f}, {eye_y:.0f})", 8.5)


def views(renderer: Renderer) -> None:
    """Three held-out generated people at 0 to 90 degrees."""
    size, gap, top = 104, 4, 22
    canvas = Canvas(7 * (size + gap) + gap, top + 3 * (size + gap))
    for row, name in enumerate(PEOPLE):
        mesh = renderer.mesh(portrait(name))
        for column, yaw in enumerate(range(0, 91, 15)):
            image = compose(render_view(mesh, Camera(yaw), margin=0).image, WALL)
            x, y = gap + column * (size + gap), top + row * (size + gap)
            canvas.picture(smaller(image, size), x, y)
            if row == 0:
                canvas.text(x + size / 2, 4, f"{yaw}°", ha="center")
    canvas.save(IMAGES / "rendered_views.png")


def pathways(renderer: Renderer, checkpoint: Path, yaw: float) -> None:
    """The two pathways with what a checkpoint makes of a held-out person."""
    import torch

    from train.training.checkpoint import load_generator

    mesh = renderer.mesh(portrait(PEOPLE[0]))
    view = render_view(mesh, Camera(yaw), margin=MARGIN)
    crops = crop_face(compose(view.image, WALL), view.landmarks + MARGIN, mirrored=False)
    with torch.inference_mode():
        inputs = network_inputs([crops], reverse_channels=True).values()
        face, *patches = (torch.from_numpy(values) for values in inputs)
        made = load_generator(checkpoint)[0](face, patches)
    canvas = Canvas(920, 432)
    _local(canvas, crops, [_bgr(patch) for patch in made.patches], _bgr(made.local_image))
    _global(canvas, crops, [_bgr(image) for image in (made.image_32, made.image_64, made.image)])
    canvas.text(772, 22, "for comparison: the\nportrait itself", 8.5, color=SOFT)
    canvas.picture(compose(frontal_target(mesh), WALL), 772, 54)
    canvas.save(IMAGES / "pathways.png")


def _local(canvas: Canvas, crops: FaceCrops, made: list[UInt8Array], fused: UInt8Array) -> None:
    canvas.title(20, 8, "local pathways: one for each patch")
    top = 34
    for patch, result in zip(crops.patches, made, strict=True):
        middle = top + patch.shape[0] / 2
        canvas.picture(to_uint8(patch), 84 - patch.shape[1] / 2, top)
        canvas.arrow((112, middle), (142, middle))
        canvas.block(144, middle - 13, 70, 26, "U-Net")
        canvas.arrow((216, middle), (246, middle))
        canvas.picture(result, 276 - result.shape[1] / 2, top)
        canvas.arrow((304, middle), (334, middle))
        top += patch.shape[0] + 8
    canvas.block(336, 34, 50, 168, "fuser")
    canvas.arrow((388, 118), (416, 118))
    canvas.picture(fused, 418, 54)
    canvas.text(482, 186, "fused picture (and features)", 8.5, ha="center")
    canvas.arrow((548, 118), (668, 118), (668, 308))


def _global(canvas: Canvas, crops: FaceCrops, made: list[UInt8Array]) -> None:
    middle = 344
    canvas.title(20, 254, "global pathway: the whole face")
    canvas.picture(to_uint8(crops.face), 20, middle - 64)
    canvas.arrow((150, middle), (176, middle))
    canvas.block(178, middle - 34, 66, 68, "encoder")
    canvas.arrow((246, middle), (264, middle))
    canvas.block(266, middle - 34, 66, 68, "code\n+ noise")
    canvas.arrow((334, middle), (352, middle))
    canvas.block(354, middle - 34, 66, 68, "decoder\n8, 16 px")
    canvas.arrow((211, middle + 36), (211, middle + 60), (387, middle + 60), (387, middle + 36))
    canvas.text(299, middle + 64, "maps of the same size (skips)", 8.5, ha="center")
    canvas.arrow((422, middle), (450, middle))
    for image, x in zip(made, (452, 522, 772), strict=True):
        size = image.shape[0]
        canvas.picture(image, x, middle - size / 2)
        canvas.text(x + size / 2, middle + size / 2 + 4, f"{size} px", 8.5, ha="center")
    canvas.arrow((486, middle), (520, middle))
    canvas.arrow((588, middle), (632, middle))
    canvas.block(634, middle - 34, 68, 68, "decoder\n128 px")
    canvas.arrow((704, middle), (770, middle))
    canvas.title(772, 254, "frontal face")


def _bgr(tensor: Tensor) -> UInt8Array:
    """(1, 3, h, w) RGB in [-1, 1] to (h, w, 3) uint8."""
    values: npt.NDArray[np.float32] = tensor[0].flip(0).permute(1, 2, 0).numpy()
    return to_uint8((values + 1) * 127.5)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    every = ("alignment", "views", "pathways")
    parser.add_argument("figures", nargs="+", choices=every, metavar="FIGURE", help=str(every))
    parser.add_argument("--checkpoint", type=Path, help="for pathways: folder that train wrote")
    parser.add_argument("--yaw", type=float, default=60.0, help="for pathways, degrees")
    args = parser.parse_args()
    if "pathways" in args.figures and args.checkpoint is None:
        parser.error("pathways needs --checkpoint")
    with Renderer() as renderer:
        if "alignment" in args.figures:
            alignment(renderer)
        if "views" in args.figures:
            views(renderer)
        if "pathways" in args.figures:
            pathways(renderer, args.checkpoint, args.yaw)


if __name__ == "__main__":
    main()
