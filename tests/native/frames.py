"""Photos, faces in them, and the same photos in the memory that stands for the GPU's."""

from __future__ import annotations

import numpy as np

from tpgan_sdk import Detection, Face
from tpgan_sdk.geometry import OFFICIAL
from tpgan_sdk.gpu.frames import YUV, GpuFrame
from tpgan_sdk.images.resample import UInt8Array

from .conftest import address
from .oracle import rgb_from_nv12


class Detector:
    """Finds the same faces in every picture, and keeps what it was shown."""

    name = "fixed"

    def __init__(self, faces: list[Detection]) -> None:
        self.faces = faces
        self.seen: list[UInt8Array] = []

    def detect(self, image: UInt8Array) -> list[Detection]:
        self.seen.append(image.copy())
        return self.faces


def soft_photo(rng: np.random.Generator, width: int = 300, height: int = 240) -> UInt8Array:
    """BGR in steps that both paths read alike."""
    coarse = rng.integers(0, 256, (height // 8, width // 8 + 1, 3), np.uint8)
    return np.ascontiguousarray(coarse.repeat(8, 0).repeat(8, 1)[:, :width])


def found(rng: np.random.Generator, count: int = 3) -> list[Detection]:
    """Faces turned left (so mirrored) and right in turn, of several sizes."""
    result = []
    for index in range(count):
        points = np.array(OFFICIAL.points) + rng.uniform(-2, 2, (5, 2))
        points[2, 0] += 25 if index % 2 else -25
        points = points * (0.6 + 0.5 * (index % 3)) + (40 + 9 * index, 30)
        low, high = points.min(0), points.max(0)
        result.append(Detection((*low, *high), points, 1 - index / 10))
    return result


class Picture:
    """A BGR picture in the memory that stands for the GPU's, with a pitch, in a format."""

    def __init__(self, bgr: UInt8Array, format: str, yuv: str = YUV[0]) -> None:
        height, width = bgr.shape[:2]
        order = {"bgr": [0, 1, 2], "rgb": [2, 1, 0], "bgra": [0, 1, 2, 0], "nv12": [1]}[format]
        rows = bgr[..., order].reshape(height, -1)
        if format == "nv12":  # any luma and chroma make a picture
            pairs = bgr[::2, ::2, [0, 2]].reshape(-(-height // 2), -1)
            rgb = rgb_from_nv12(rows, bgr[::2, ::2, [0, 2]], yuv.upper().replace("-", "_"))
            self.bgr = np.ascontiguousarray(rgb[..., ::-1])
            rows = np.concatenate([np.pad(rows, ((0, 0), (0, width % 2))), pairs])
        else:
            self.bgr = bgr
        self.memory = np.full((len(rows), rows.shape[1] + 20), 77, np.uint8)
        self.memory[:, : rows.shape[1]] = rows
        pitch = self.memory.strides[0]
        place = address(self.memory)
        chroma = place + height * pitch if format == "nv12" else 0
        self.frame = GpuFrame(place, width, height, pitch, format, chroma, yuv)


def assert_same(made: list[Face], expected: list[Face]) -> None:
    assert len(made) == len(expected) > 0
    for one, other in zip(made, expected, strict=True):
        for name in ("image", "aligned"):
            a, b = getattr(one, name), getattr(other, name)
            assert (a.shape, a.dtype, a.flags.c_contiguous) == ((128, 128, 3), np.uint8, True)
            assert np.abs(a.astype(int) - b).max() <= 1, name
            assert a.std() > 10
        np.testing.assert_array_equal(one.transform, other.transform)
        np.testing.assert_array_equal(one.landmarks, other.landmarks)
        assert (one.mirrored, one.box, one.score) == (other.mirrored, other.box, other.score)
