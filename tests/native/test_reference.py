"""The CPU reference through its C interface: every pixel against the oracle, random faces."""

from __future__ import annotations

import ctypes
import shutil
import subprocess
from ctypes import POINTER, Structure, byref, c_double, c_int32, c_uint8, c_void_p
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tpgan_sdk.images.resample import UInt8Array
from tpgan_sdk.models.inputs import INPUT_NAMES

from ..conftest import REPOSITORY
from . import make_cases, oracle

NATIVE = REPOSITORY / "native"


class Frame(Structure):
    """`tpgan_frame`."""

    _fields_ = [
        ("data", POINTER(c_uint8)),
        ("chroma", POINTER(c_uint8)),
        *((name, c_int32) for name in ("width", "height", "pitch", "chroma_pitch")),
        ("format", c_int32),
        ("yuv", c_int32),
    ]


class Face(Structure):
    """`tpgan_face`."""

    _fields_ = [
        ("transform", c_double * 6),
        ("landmarks", c_double * 10),
        ("frame", c_int32),
        ("mirrored", c_int32),
    ]


class Inputs(Structure):
    """`tpgan_inputs`."""

    _fields_ = [
        ("tensors", c_void_p * 5),
        *((name, c_int32) for name in ("precision", "capacity", "margin", "face_only")),
    ]


@pytest.fixture(scope="module")
def reference(tmp_path_factory: pytest.TempPathFactory) -> ctypes.CDLL:
    if not shutil.which("c++"):
        pytest.skip("c++ is not installed")
    library = tmp_path_factory.mktemp("reference") / "libtpgan_reference.so"
    flags = ["-std=c++17", "-O1", "-ffp-contract=off", "-shared", "-fPIC"]
    includes = [f"-I{NATIVE / 'include'}", f"-I{NATIVE / 'src'}"]
    sources = sorted(str(path) for path in Path(NATIVE / "src").glob("*.cpp"))
    subprocess.run(["c++", *flags, *includes, *sources, "-o", str(library)], check=True)
    return ctypes.CDLL(str(library))


def planes(case: dict[str, Any]) -> tuple[UInt8Array, UInt8Array]:
    """A case's frame in its format, and its chroma (NV12; else something that is not read)."""
    width, height, seed = case["width"], case["height"], case["seed"]
    if case["format"] == "NV12":
        pairs = oracle.noise_bytes(seed + 1, 2, 0, 0, (width + 1) // 2, (height + 1) // 2)
        return oracle.noise_bytes(seed, 1, 0, 0, width, height), pairs
    rgb = oracle.noise_bytes(seed, 3, 0, 0, width, height)
    orders = {"RGB8": [0, 1, 2], "BGR8": [2, 1, 0], "BGRA8": [2, 1, 0, 0]}
    return np.ascontiguousarray(rgb[..., orders[case["format"]]]), rgb


def align(reference: ctypes.CDLL, case: dict[str, Any]) -> dict[str, Any]:
    data, chroma = planes(case)
    pointers = (array.ctypes.data_as(POINTER(c_uint8)) for array in (data, chroma))
    pitches = (data.strides[0], chroma.strides[0])
    kinds = (oracle.FORMATS.index(case["format"]), oracle.YUV.index(case["yuv"]))
    frame = Frame(*pointers, case["width"], case["height"], *pitches, *kinds)
    numbers = ((c_double * 6)(*case["transform"]), (c_double * 10)(*case["landmarks"]))
    face = Face(*numbers, 0, int(case["mirrored"]))
    found = [np.full((3, height, width), np.nan, np.float32) for width, height in oracle.SIZES]
    inputs = Inputs((c_void_p * 5)(*(array.ctypes.data for array in found)), 0, 1)
    status = reference.tpgan_reference_align(byref(frame), 1, byref(face), 1, byref(inputs))
    assert status == 0
    return dict(zip(INPUT_NAMES, found, strict=True))


@pytest.mark.parametrize("seed", range(4))
def test_every_pixel_is_the_oracles(reference: ctypes.CDLL, seed: int) -> None:
    worst = 0.0
    # The first 24 cases are the random ones.
    for case in islice(make_cases.align_cases(np.random.default_rng(seed)), 24):
        expected, _ = oracle.align(case)
        found = align(reference, case)
        differences = [np.abs(found[name] - expected[name]).max() for name in INPUT_NAMES]
        worst = max(worst, *differences)
    assert worst < 1e-6
