"""Writes the case files that Python and C++ are both tested with: `python -m
tests.native.make_cases`. Inputs are drawn at random once; expected values come from the oracle."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, Final

import numpy as np

from tpgan_sdk import geometry

from ..conftest import REPOSITORY
from . import oracle

FOLDER: Final = REPOSITORY / "native" / "tests" / "cases"
SAMPLES: Final = 12
"""Values kept of each tensor, beside its mean."""


def similarity(scale: float, degrees: float, flip: bool = False) -> geometry.FloatArray:
    """Linear part of a frame-to-crop transform, mirroring where `flip`."""
    cos, sin = scale * np.cos(np.radians(degrees)), scale * np.sin(np.radians(degrees))
    return np.array([[cos, -sin], [sin, cos]]) @ np.diag([-1.0 if flip else 1.0, 1.0])


def about(linear: geometry.FloatArray, place: tuple[float, float]) -> geometry.FloatArray:
    """The transform that brings a place of the frame to the middle of the crop."""
    return np.column_stack([linear, np.array([63.5, 63.5]) - linear @ place])


def align_case(
    rng: np.random.Generator,
    name: str,
    size: tuple[int, int],
    scale: float,
    degrees: float,
    place: tuple[float, float],
    **options: Any,
) -> dict[str, Any]:
    """Landmarks are the template's with noise, so that patches lie anywhere near."""
    transform = about(similarity(scale, degrees, options.pop("flip", False)), place)
    points = np.array(geometry.OFFICIAL.points) + rng.uniform(-20, 20, (5, 2))
    back = geometry.apply_transform(geometry.invert_transform(transform), points)
    return {
        "name": name,
        "width": size[0],
        "height": size[1],
        "format": "BGR8",
        "yuv": "BT601_LIMITED",
        "padding": int(rng.integers(0, 9)),
        "seed": int(rng.integers(1, 2**16)),
        "mirrored": False,
        "transform": transform.ravel().tolist(),
        "landmarks": back.ravel().tolist(),
    } | options


def align_cases(rng: np.random.Generator) -> Iterator[dict[str, Any]]:
    for index in range(24):
        size = (int(rng.integers(100, 700)), int(rng.integers(100, 500)))
        yield align_case(
            rng,
            f"random {index}",
            size,
            float(np.exp(rng.uniform(np.log(0.12), np.log(3)))),
            float(rng.uniform(-180, 180)),
            (float(rng.uniform(0, size[0])), float(rng.uniform(0, size[1]))),
            format=oracle.FORMATS[index % 4],
            yuv=oracle.YUV[index // 4 % 4],
            mirrored=bool(index % 3 == 1),
            flip=bool(index % 5 == 2),
        )
    identity = {"transform": [1.0, 0, 0, 0, 1, 0]}
    yield align_case(rng, "identity", (128, 128), 1, 0, (63.5, 63.5)) | identity
    yield align_case(rng, "one third exactly", (391, 401), 1 / 3, 0, (190, 200))
    yield align_case(rng, "1x1", (1, 1), 1, 10, (0, 0))
    yield align_case(rng, "1x1 NV12", (1, 1), 0.3, 10, (0, 0), format="NV12", mirrored=True)
    yield align_case(rng, "one row", (300, 1), 0.4, -5, (150, 0))
    yield align_case(rng, "odd NV12", (203, 151), 0.45, 33, (100, 75), format="NV12")
    yield align_case(rng, "face outside", (320, 240), 0.6, 20, (-500, 900))
    yield align_case(rng, "far outside", (320, 240), 0.6, 20, (3e6, -2e6))
    yield align_case(rng, "enlarged 40 times", (64, 64), 40, 12, (31, 30))
    yield align_case(rng, "shrunk 50 times", (640, 480), 1 / 50.5, 12, (320, 240))
    yield align_case(rng, "8K", (7680, 4320), 0.13, 7, (7400, 4100), mirrored=True)
    yield align_case(rng, "8K NV12", (7680, 4320), 0.9, -7, (7000, 4000), format="NV12")


def with_align_values(case: dict[str, Any], rng: np.random.Generator) -> dict[str, Any]:
    inputs, origins = oracle.align(case)
    samples = []
    for tensor, values in enumerate(inputs.values()):
        shape = values.shape
        places = [tuple(int(rng.integers(n)) for n in shape) for _ in range(SAMPLES)]
        places += [(0, 0, 0), (1, shape[1] - 1, shape[2] - 1)]
        samples += [[tensor, *place, round(float(values[place]), 7)] for place in places]
    means = [round(float(plane.mean()), 7) for values in inputs.values() for plane in values]
    return case | {"origins": [list(o) for o in origins], "samples": samples, "means": means}


def finish_cases(rng: np.random.Generator) -> Iterator[dict[str, Any]]:
    for index, (name, precision) in enumerate(
        (f, p) for f in oracle.FORMATS[:3] for p in ["32", "16"]
    ):
        yield {
            "name": f"{name} from FP{precision}",
            "format": name,
            "precision": f"FP{precision}",
            "padding": index,
            "seed": int(rng.integers(1, 2**16)),
            "mirrored": [bool(i % 2) for i in range(index % 3 + 1)],
        }


def with_picture_values(
    case: dict[str, Any], picture: np.ndarray[Any, Any], rng: np.random.Generator, count: int
) -> dict[str, Any]:
    places = [tuple(int(rng.integers(n)) for n in picture.shape) for _ in range(count)]
    samples = [[*place, int(picture[place])] for place in places]
    return case | {"samples": samples, "mean": round(float(picture.mean()), 6)}


def paste_cases(rng: np.random.Generator) -> Iterator[dict[str, Any]]:
    for index in range(12):
        size = (int(rng.integers(60, 500)), int(rng.integers(60, 400)))
        linear = similarity(
            float(np.exp(rng.uniform(np.log(0.3), np.log(5)))), float(rng.uniform(-180, 180))
        )
        place = (float(rng.uniform(0, size[0])), float(rng.uniform(0, size[1])))
        yield {
            "name": f"random {index}",
            "width": size[0],
            "height": size[1],
            "format": oracle.FORMATS[index % 3],
            "padding": index,
            "seed": int(rng.integers(1, 2**16)),
            "transform": about(linear, place).ravel().tolist(),
        }
    plain = {"width": 40, "height": 30, "format": "BGR8", "padding": 0, "seed": 3}
    outside = about(similarity(1, 0), (-400, 0)).ravel().tolist()
    yield {"name": "outside"} | plain | {"transform": outside}
    yield {"name": "1x1"} | plain | {"width": 1, "height": 1, "transform": [1.0, 0, 60, 0, 1, 60]}


def geometry_cases(rng: np.random.Generator) -> Iterator[dict[str, Any]]:
    """Faces at every roll and yaw: the template with its width squeezed and its nose moved."""
    for index in range(16):
        template = list(geometry.TEMPLATES.values())[index % 2]
        points = np.array(template.points)
        points[:, 0] = 64 + (points[:, 0] - 64) * rng.uniform(0.02, 1.1)
        points[2, 0] += rng.uniform(-25, 25)
        move = np.column_stack(
            [similarity(rng.uniform(0.5, 6), rng.uniform(-180, 180)), [900, 700]]
        )
        landmarks = geometry.apply_transform(move, points)
        yield {"template": template.name, "width": 1920, "landmarks": landmarks.ravel().tolist()}


def with_geometry_values(case: dict[str, Any]) -> dict[str, Any]:
    points = np.array(case["landmarks"]).reshape(5, 2)
    yaw = geometry.estimate_yaw(points)
    if yaw < 0:
        points = geometry.mirror_landmarks(points, case["width"])
    transform = geometry.alignment_transform(points, geometry.TEMPLATES[case["template"]])
    paste = transform
    if yaw < 0:
        paste = geometry.mirror_frame_transform(transform, case["width"])
        paste = geometry.mirror_crop_transform(paste)
    return case | {
        "yaw": yaw,
        "mirrored": yaw < 0,
        "transform": transform.ravel().tolist(),
        "used": points.ravel().tolist(),
        "paste": paste.ravel().tolist(),
    }


def main() -> None:
    rng = np.random.default_rng(6)
    finished = (with_picture_values(c, oracle.finish(c), rng, 60) for c in finish_cases(rng))
    pasted = (with_picture_values(c, oracle.paste(c), rng, 120) for c in paste_cases(rng))
    files = {
        "align": [with_align_values(case, rng) for case in align_cases(rng)],
        "finish": list(finished),
        "paste": list(pasted),
        "geometry": [with_geometry_values(case) for case in geometry_cases(rng)],
    }
    for name, cases in files.items():
        lines = ",\n".join(json.dumps(case) for case in cases)
        (FOLDER / f"{name}.json").write_text(f"[\n{lines}\n]\n")


if __name__ == "__main__":
    main()
