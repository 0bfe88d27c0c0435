"""What the native code must compute, in NumPy: shared by the case files and their tests.

Pictures are noise that C++ makes in the same way from a seed, so that the case files hold only
transforms and expected values.
"""

from __future__ import annotations

import math
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from tpgan_sdk import geometry
from tpgan_sdk.faces import pasting
from tpgan_sdk.geometry import CROP_SIZE, PATCHES, FloatArray
from tpgan_sdk.images import resample
from tpgan_sdk.images.resample import UInt8Array
from tpgan_sdk.models.inputs import INPUT_NAMES
from tpgan_sdk.types import Face

FORMATS: Final = ("BGR8", "RGB8", "BGRA8", "NV12")
"""In the order of `tpgan_format`."""
YUV: Final = ("BT601_LIMITED", "BT709_LIMITED", "BT601_FULL", "BT709_FULL")
"""In the order of `tpgan_yuv`."""
SIZES: Final = ((CROP_SIZE, CROP_SIZE), *((p.width, p.height) for p in PATCHES))
"""Width and height of the five inputs."""

LARGE: Final = 2**22
"""Frames of more pixels are made only where the window needs them."""


def noise(seed: int, xs: npt.ArrayLike, ys: npt.ArrayLike, channel: int) -> npt.NDArray[np.uint32]:
    """A 32-bit hash of each place; xs and ys broadcast."""
    x, y = np.asarray(xs, dtype=np.uint32), np.asarray(ys, dtype=np.uint32)
    salt = np.uint32(((channel + 1) * 0xC2B2AE3D ^ seed * 0x27D4EB2F) % 2**32)
    value: npt.NDArray[np.uint32] = x * np.uint32(0x9E3779B1) ^ y * np.uint32(0x85EBCA77) ^ salt
    value ^= value >> np.uint32(15)
    value *= np.uint32(0x2C1B3C6D)
    value ^= value >> np.uint32(12)
    return value


def noise_bytes(
    seed: int, channels: int, left: int, top: int, right: int, bottom: int
) -> UInt8Array:
    """(H, W, channels) uint8 of a window of an endless picture."""
    xs, ys = np.arange(left, right)[None, :], np.arange(top, bottom)[:, None]
    planes = [(noise(seed, xs, ys, c) >> 8).astype(np.uint8) for c in range(channels)]
    return np.stack(planes, axis=-1)


def yuv_weights(name: str) -> tuple[int, int, int, int, int, int]:
    """Luma weight, black level, V in R, V in G, U in G, U in B; weights times 2^16."""
    red, blue = (0.299, 0.114) if "601" in name else (0.2126, 0.0722)
    green = 1 - red - blue
    luma, chroma, black = (255 / 219, 255 / 224, 16) if "LIMITED" in name else (1.0, 1.0, 0)
    weights = (
        2 * (1 - red) * chroma,
        -2 * red * (1 - red) / green * chroma,
        -2 * blue * (1 - blue) / green * chroma,
        2 * (1 - blue) * chroma,
    )
    v_in_r, v_in_g, u_in_g, u_in_b = (round(w * 65536) for w in weights)
    return round(luma * 65536), black, v_in_r, v_in_g, u_in_g, u_in_b


def rgb_from_nv12(luma: UInt8Array, pairs: UInt8Array, name: str) -> UInt8Array:
    """(H, W, 3) RGB of (H, W) luma and (ceil(H/2), ceil(W/2), 2) U and V, each used for 2x2."""
    scale, black, v_in_r, v_in_g, u_in_g, u_in_b = yuv_weights(name)
    height, width = luma.shape
    wide = pairs.repeat(2, axis=0).repeat(2, axis=1)[:height, :width].astype(np.int64) - 128
    u, v = wide[..., 0], wide[..., 1]
    grey = scale * (luma.astype(np.int64) - black)
    planes = (grey + v_in_r * v, grey + v_in_g * v + u_in_g * u, grey + u_in_b * u)
    levels = [np.clip((plane + 32768) >> 16, 0, 255) for plane in planes]
    return np.stack(levels, axis=-1).astype(np.uint8)


def rgb_window(case: dict[str, Any], left: int, top: int, right: int, bottom: int) -> UInt8Array:
    """RGB of a window of a case's frame; left and top even."""
    seed = case["seed"]
    if case["format"] == "NV12":
        luma = noise_bytes(seed, 1, left, top, right, bottom)[..., 0]
        half = (left // 2, top // 2, (right + 1) // 2, (bottom + 1) // 2)
        return rgb_from_nv12(luma, noise_bytes(seed + 1, 2, *half), case["yuv"])
    return noise_bytes(seed, 3, left, top, right, bottom)


def rgb_frame(case: dict[str, Any]) -> UInt8Array:
    return rgb_window(case, 0, 0, case["width"], case["height"])


def needed_part(case: dict[str, Any]) -> tuple[UInt8Array, FloatArray]:
    """A part of the frame, mirrored where the case is, that gives the same samples, and the
    transform from it: begins at a block of the box mean and has room beyond the window."""
    width, height = case["width"], case["height"]
    transform = np.array(case["transform"]).reshape(2, 3)
    if width * height <= LARGE:
        frame = rgb_frame(case)
        return (frame[:, ::-1] if case["mirrored"] else frame), transform
    step = 2 * resample.shrink_factor(transform)  # even, for NV12
    reach = (-geometry.MAX_OVERHANG, CROP_SIZE + geometry.MAX_OVERHANG)
    corners = geometry.apply_transform(
        geometry.invert_transform(transform), [(x, y) for x in reach for y in reach]
    )
    low, high = corners.min(axis=0), corners.max(axis=0)
    left, top = (max(0, math.floor(v / step) - 2) * step for v in low)
    right = min(width, (math.ceil(high[0] / step) + 2) * step)
    bottom = min(height, (math.ceil(high[1] / step) + 2) * step)
    if case["mirrored"]:
        frame = rgb_window(case, width - right, top, width - left, bottom)[:, ::-1]
    else:
        frame = rgb_window(case, left, top, right, bottom)
    shifted = transform.copy()
    shifted[:, 2] += transform[:, :2] @ (left, top)
    return frame, shifted


def align(case: dict[str, Any]) -> tuple[dict[str, FloatArray], tuple[tuple[int, int], ...]]:
    """The five inputs, each (3, h, w) float64 RGB in [-1, 1], and the patches' origins."""
    transform = np.array(case["transform"]).reshape(2, 3)
    landmarks = np.array(case["landmarks"]).reshape(5, 2)
    origins = geometry.patch_origins(geometry.apply_transform(transform, landmarks))
    frame, shifted = needed_part(case)
    places = ((0, 0), *origins)
    inputs = {
        name: resample.warp_reference(frame, shifted, *size, *place).transpose(2, 0, 1) / 127.5 - 1
        for name, size, place in zip(INPUT_NAMES, SIZES, places, strict=True)
    }
    return inputs, origins


def network_output(case: dict[str, Any]) -> npt.NDArray[np.float32]:
    """(N, 3, 128, 128) noise in [-1.1, 1.1], rounded to FP16 where the case says so."""
    grid = np.arange(CROP_SIZE)
    planes = [
        noise(case["seed"], grid[None, :], grid[:, None], plane) & np.uint32(0xFFFF)
        for plane in range(3 * len(case["mirrored"]))
    ]
    values = (np.stack(planes) * (2.2 / 65536) - 1.1).astype(np.float32)
    if case["precision"] == "FP16":
        values = values.astype(np.float16).astype(np.float32)
    return values.reshape(-1, 3, CROP_SIZE, CROP_SIZE)


def finish(case: dict[str, Any]) -> UInt8Array:
    """(N, 128, 128, 3) RGB, as `Frontalizer` makes it."""
    pictures = resample.to_uint8((network_output(case).transpose(0, 2, 3, 1) + 1) * 127.5)
    return np.stack(
        [p[:, ::-1] if m else p for p, m in zip(pictures, case["mirrored"], strict=True)]
    )


def paste(case: dict[str, Any]) -> UInt8Array:
    """(H, W, 3) RGB frame with the face in it. Front and aligned have the two seeds after it."""
    frame = noise_bytes(case["seed"], 3, 0, 0, case["width"], case["height"])
    crops = [noise_bytes(case["seed"] + i, 3, 0, 0, CROP_SIZE, CROP_SIZE) for i in (1, 2)]
    transform = np.array(case["transform"]).reshape(2, 3)
    # Half the contrast, so that the colour match is not lost in clipping.
    front, aligned = crops[0] // 2, crops[1] // 2 + np.uint8(64)
    face = Face(front, (0, 0, 1, 1), np.zeros((5, 2)), 1.0, 0.0, False, aligned, transform)
    return pasting.paste_back(frame, face)
