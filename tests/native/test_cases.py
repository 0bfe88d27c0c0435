"""The case files of the C++ tests: still what the oracle says, and what the SDK computes."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import cv2
import numpy as np
import pytest

from tpgan_sdk import geometry
from tpgan_sdk.faces.crops import crop_face, network_inputs
from tpgan_sdk.models.inputs import INPUT_NAMES

from ..conftest import REPOSITORY
from . import make_cases, oracle


def read(name: str) -> list[Any]:
    cases = json.loads((make_cases.FOLDER / f"{name}.json").read_text())
    return [pytest.param(case, id=case.get("name", str(i))) for i, case in enumerate(cases)]


def test_the_geometry_header_is_current() -> None:
    script = str(REPOSITORY / "scripts" / "make_geometry_header.py")
    check = subprocess.run([sys.executable, script, "--check"], capture_output=True, text=True)
    assert check.returncode == 0, check.stderr


@pytest.mark.parametrize("case", read("align"))
def test_align_cases_hold_the_oracles_values(case: dict[str, Any]) -> None:
    inputs, origins = oracle.align(case)
    assert [list(origin) for origin in origins] == case["origins"]
    tensors = list(inputs.values())
    found = [tensors[tensor][tuple(place)] for tensor, *place, _ in case["samples"]]
    np.testing.assert_allclose(found, [sample[-1] for sample in case["samples"]], atol=1e-7)
    means = [plane.mean() for tensor in tensors for plane in tensor]
    np.testing.assert_allclose(means, case["means"], atol=1e-7)


@pytest.mark.parametrize("case", read("finish"))
def test_finish_cases_hold_the_sdks_values(case: dict[str, Any]) -> None:
    picture = oracle.finish(case)
    assert [picture[tuple(place)] for *place, _ in case["samples"]] == [
        sample[-1] for sample in case["samples"]
    ]
    assert picture.mean() == pytest.approx(case["mean"], abs=1e-5)


@pytest.mark.parametrize("case", read("paste"))
def test_paste_cases_hold_the_sdks_values(case: dict[str, Any]) -> None:
    picture = oracle.paste(case)
    found = [int(picture[tuple(place)]) for *place, _ in case["samples"]]
    # OpenCV's float32 may round a level the other way on another processor.
    np.testing.assert_allclose(found, [sample[-1] for sample in case["samples"]], atol=1)
    assert picture.mean() == pytest.approx(case["mean"], abs=0.01)


@pytest.mark.parametrize("case", read("geometry"))
def test_geometry_cases_hold_the_sdks_values(case: dict[str, Any]) -> None:
    fresh = make_cases.with_geometry_values(case)
    for key in ("yaw", "transform", "used", "paste"):
        np.testing.assert_allclose(fresh[key], case[key], rtol=1e-9, atol=1e-9)
    assert fresh["mirrored"] == case["mirrored"]


def test_native_mirroring_is_the_sdks(rng: np.random.Generator) -> None:
    """`mirrored` of a case means what `crop_face` does: both give the same five inputs."""
    points = np.array(geometry.OFFICIAL.points) * 2.3 + 40
    points[2, 0] -= 40  # looks to the left: crop_face mirrors
    case = {"width": 401, "height": 353, "format": "BGR8", "yuv": "", "seed": 5, "mirrored": True}
    crops = crop_face(oracle.rgb_frame(case), points)
    assert crops.mirrored
    case["transform"] = crops.transform.ravel().tolist()
    case["landmarks"] = geometry.mirror_landmarks(points, 401).ravel().tolist()
    expected, _ = oracle.align(case)
    found = network_inputs([crops], reverse_channels=False)
    for name in INPUT_NAMES:
        np.testing.assert_allclose(found[name][0], expected[name], atol=0.02 / 127.5)


def test_nv12_is_read_as_opencv_reads_it(rng: np.random.Generator) -> None:
    """OpenCV knows BT.601 limited only, and cuts luma below 16, so there is none here."""
    planes = rng.integers(16, 241, (60, 32), dtype=np.uint8)
    pairs = planes[40:].reshape(20, 16, 2)
    found = oracle.rgb_from_nv12(planes[:40], pairs, "BT601_LIMITED").astype(int)
    expected = cv2.cvtColor(planes, cv2.COLOR_YUV2RGB_NV12).astype(int)
    assert np.abs(found - expected).max() <= 1


@pytest.mark.parametrize("name", oracle.YUV)
def test_grey_has_no_colour_and_white_is_white(name: str) -> None:
    black, white = (16, 235) if "LIMITED" in name else (0, 255)
    luma = np.array([[black, white]], dtype=np.uint8)
    grey = oracle.rgb_from_nv12(luma, np.full((1, 1, 2), 128, dtype=np.uint8), name)
    np.testing.assert_array_equal(grey, [[[0, 0, 0], [255, 255, 255]]])
