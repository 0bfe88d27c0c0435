"""The kernels as Python launches them, their source run on the CPU, against the SDK's own path.

What no CPU can show, races and the driver's own refusals, is not shown here.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tpgan_sdk import geometry
from tpgan_sdk.errors import BackendError, GeometryError, ImageError
from tpgan_sdk.faces.crops import FaceCrops, crop_face, network_inputs
from tpgan_sdk.faces.pasting import paste_back
from tpgan_sdk.gpu import kernels as native
from tpgan_sdk.gpu.arguments import MAX_FACES, FaceOnGpu, align_plan, finish_plan, paste_plan
from tpgan_sdk.gpu.frames import GpuFrame
from tpgan_sdk.images.resample import UInt8Array, to_uint8
from tpgan_sdk.models.inputs import INPUT_NAMES, INPUT_SHAPES
from tpgan_sdk.types import Face

from .conftest import FakeDevice, address

CHANNELS = {"bgr": [2, 1, 0], "rgb": [0, 1, 2], "bgra": [2, 1, 0, 0]}
IDENTITY = np.eye(2, 3)


def photo(rng: np.random.Generator, width: int = 301, height: int = 260) -> UInt8Array:
    """RGB noise without much of it: what OpenCV's path rounds is then below the tolerance."""
    coarse = rng.integers(0, 256, (height // 8 + 1, width // 8 + 1, 3), dtype=np.uint8)
    return coarse.repeat(8, axis=0).repeat(8, axis=1)[:height, :width]


def on_gpu(rgb: UInt8Array, format: str) -> tuple[UInt8Array, GpuFrame]:
    """A picture in a format, with a pitch; and its description."""
    pixels = rgb[..., CHANNELS[format]]
    padded = np.full((pixels.shape[0], pixels.shape[1] + 3, pixels.shape[2]), 77, np.uint8)
    padded[:, : pixels.shape[1]] = pixels
    height, width = pixels.shape[:2]
    return padded, GpuFrame(address(padded), width, height, padded.strides[0], format)


def faces_of(rng: np.random.Generator, rgb: UInt8Array) -> list[FaceCrops]:
    """Two faces, small and turned to the left (so mirrored), large and turned to the right."""
    points = np.array(geometry.OFFICIAL.points)
    result = []
    for scale, nose in ((0.9, -30.0), (2.1, 20.0)):
        five = points + rng.uniform(-2, 2, (5, 2))
        five[2, 0] += nose
        result.append(crop_face(rgb, five * scale + 9))
    return result


@pytest.mark.parametrize("format", CHANNELS)
@pytest.mark.parametrize("half", [False, True])
def test_align_is_crop_face(
    kernels: native.Kernels, rng: np.random.Generator, format: str, half: bool
) -> None:
    rgb = photo(rng)
    crops = faces_of(rng, rgb)
    assert [crop.mirrored for crop in crops] == [True, False]
    memory, frame = on_gpu(rgb, format)
    kind = np.float16 if half else np.float32
    found = {name: np.full((2, *shape), 9, kind) for name, shape in INPUT_SHAPES.items()}
    faces = [FaceOnGpu(frame, c.transform, c.landmarks, c.mirrored) for c in crops]
    kernels.align(faces, {name: address(values) for name, values in found.items()}, None, half)
    expected = network_inputs(crops, reverse_channels=False)
    for name in INPUT_NAMES:
        # What `warp` may differ from the definition; FP16 adds half a step below 1.
        tolerance = 0.02 / 127.5 + (2**-12 if half else 0)
        np.testing.assert_allclose(found[name], expected[name], atol=tolerance, rtol=0)
    assert memory.any()


@pytest.mark.parametrize("half", [False, True])
def test_finish_is_to_uint8(kernels: native.Kernels, rng: np.random.Generator, half: bool) -> None:
    output = rng.uniform(-1.1, 1.1, (2, 3, 128, 128)).astype(np.float16 if half else np.float32)
    memory = [np.zeros((128, 128, 3), np.uint8) for _ in range(2)]
    pictures = [GpuFrame(address(m), 128, 128, 384, "bgr") for m in memory]
    kernels.finish(address(output), pictures, [False, True], None, half)
    wide = output.astype(np.float32)
    expected = to_uint8((wide[:, ::-1].transpose(0, 2, 3, 1) + 1) * np.float32(127.5))
    np.testing.assert_array_equal(memory[0], expected[0])
    np.testing.assert_array_equal(memory[1], expected[1, :, ::-1])


def test_paste_is_paste_back(kernels: native.Kernels, rng: np.random.Generator) -> None:
    rgb, front, aligned = photo(rng), photo(rng, 128, 128), photo(rng, 128, 128)
    transform = np.array([[0.7, 0.1, -30.0], [-0.1, 0.7, -20.0]])
    memory, frame = on_gpu(rgb, "bgr")
    pieces = [on_gpu(picture, "rgb") for picture in (front, aligned)]
    shift = np.zeros(3, np.float32)
    kernels.paste(frame, pieces[0][1], pieces[1][1], transform, address(shift), None)
    face = Face(
        image=np.ascontiguousarray(front[..., ::-1]),
        box=(0, 0, 1, 1),
        landmarks=np.zeros((5, 2)),
        score=1,
        yaw=0,
        mirrored=False,
        aligned=np.ascontiguousarray(aligned[..., ::-1]),
        transform=transform,
    )
    expected = paste_back(np.ascontiguousarray(rgb[..., ::-1]), face).astype(int)
    assert np.abs(expected - rgb[..., ::-1]).max() > 20  # something was pasted
    np.testing.assert_allclose(memory[:, : rgb.shape[1]], expected, atol=1)
    assert (memory[:, rgb.shape[1] :] == 77).all()


def test_a_paste_beside_the_frame_launches_nothing(
    kernels: native.Kernels, fake_device: FakeDevice
) -> None:
    frame, crop = GpuFrame(64, 40, 30, 120), GpuFrame(64, 128, 128, 384)
    away = np.array([[1.0, 0, 400], [0, 1, 0]])
    kernels.paste(frame, crop, crop, away, 64, None)
    assert fake_device.launches == []


def test_closed_kernels_do_not_run(kernels: native.Kernels) -> None:
    kernels.close()
    kernels.close()
    with pytest.raises(BackendError, match="these kernels are closed; open them again"):
        kernels.finish(64, [GpuFrame(64, 128, 128, 384)], [False], None)


FRAME = GpuFrame(64, 640, 480, 1920)
POINTS = np.array(geometry.OFFICIAL.points)
TENSORS = dict.fromkeys(INPUT_NAMES, 64)


def face(transform: Any = IDENTITY, landmarks: Any = POINTS) -> FaceOnGpu:
    return FaceOnGpu(FRAME, np.asarray(transform, float), np.asarray(landmarks, float), False)


@pytest.mark.parametrize(
    ("faces", "message"),
    [
        ([face(IDENTITY * np.nan)], "not finite, or not 2x3"),
        ([face(np.eye(3))], "not finite, or not 2x3"),
        ([face([[1, 1, 0], [1, 1, 0]])], "singular"),
        ([face(IDENTITY / 300)], "shrinks more than 256 times"),
        ([face([[1, 0, 1e12], [0, 1, 0]])], "reaches further than any picture"),
        ([face(landmarks=POINTS + 300)], "further than a patch can reach"),
        ([face(landmarks=POINTS * np.nan)], "landmarks hold NaN"),
    ],
)
def test_faces_that_are_refused(faces: list[FaceOnGpu], message: str) -> None:
    with pytest.raises(GeometryError, match=message):
        align_plan(faces, TENSORS)


@pytest.mark.parametrize("count", [0, MAX_FACES + 1])
def test_launches_that_do_not_fit(count: int) -> None:
    message = f"{count} faces in one launch; expected 1 to 32"
    with pytest.raises(ValueError, match=message):
        align_plan([face()] * count, TENSORS)
    with pytest.raises(ValueError, match=message):
        finish_plan(64, [GpuFrame(64, 128, 128, 384)] * count, [False] * count)


@pytest.mark.parametrize("flags", [[], [False], [False] * 3])
def test_a_flag_for_each_picture(flags: list[bool]) -> None:
    message = f"2 pictures with {len(flags)} mirror flags; expected one for each"
    with pytest.raises(ValueError, match=message):
        finish_plan(64, [GpuFrame(64, 128, 128, 384)] * 2, flags)


def test_pictures_that_are_refused() -> None:
    with pytest.raises(ImageError, match="a crop is 640x480 bgr; expected 128x128"):
        finish_plan(64, [FRAME], [False])
    nv12 = GpuFrame(64, 640, 480, 640, "nv12", chroma=64)
    crop = GpuFrame(64, 128, 128, 384)
    with pytest.raises(ImageError, match="an NV12 frame cannot be written"):
        paste_plan(nv12, crop, crop, IDENTITY)
