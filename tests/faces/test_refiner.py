"""The refiner of the package, on photos whose landmarks are known."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest

pytest.importorskip("onnxruntime", reason="the refiner runs on ONNX Runtime")

from tpgan_sdk import geometry
from tpgan_sdk.errors import GeometryError, ImageError, ModelError
from tpgan_sdk.faces import refiner as r
from tpgan_sdk.models.model import PACKAGED, sha256_of
from tpgan_sdk.types import Detection

FACES = PACKAGED / "parity_faces"
EXACT = {
    name: np.array(p) for name, p in json.loads((FACES / "landmarks.json").read_text()).items()
}
NAMES = sorted(EXACT)


@pytest.fixture(scope="module")
def refiner() -> r.LandmarkRefiner:
    return r.LandmarkRefiner()


def photo(name: str) -> tuple[np.ndarray, np.ndarray]:
    """A parity face with 32 px of border around it, and its landmarks."""
    image = cv2.imread(str(FACES / name))
    assert image is not None
    return cv2.copyMakeBorder(image, 32, 32, 32, 32, cv2.BORDER_REPLICATE), EXACT[name] + 32


def face(points: np.ndarray) -> Detection:
    return Detection((32.0, 32.0, 160.0, 160.0), points, 0.9)


def test_points_and_input_share_one_geometry() -> None:
    corner = np.zeros(13)
    corner[:2] = -1.0
    corner[10:] = (1.0, -0.5, 0.0)
    edge = (geometry.CROP_SIZE - r.WINDOW) / 2 - 0.5  # the border of the first pixel
    np.testing.assert_allclose(r.to_points(corner)[0], [edge, edge])
    np.testing.assert_allclose(r.to_pose(corner), [90, -45, 0])
    alignment = np.array([[0.0, -2.0, 7.0], [2.0, 0.0, -3.0]])
    middle = geometry.invert_transform(alignment) @ np.array([63.5, 63.5, 1.0])
    found = geometry.apply_transform(r.input_transform(alignment), [middle])[0]
    np.testing.assert_allclose(found, [47.5, 47.5])


@pytest.mark.parametrize("name", NAMES)
def test_points_and_yaw_are_found(refiner: r.LandmarkRefiner, name: str) -> None:
    image, points = photo(name)
    rough = points + np.random.default_rng(1).normal(0, 3, (5, 2))
    refined = refiner.refine(image, face(rough))
    errors = np.linalg.norm(refined.detection.landmarks - points, axis=1)
    assert errors.mean() < 5  # px, of 48 from eyes to mouth
    assert refined.yaw == pytest.approx(float(re.findall(r"yaw(.*)\.png", name)[0]), abs=10)
    assert (refined.detection.box, refined.detection.score) == ((32.0, 32.0, 160.0, 160.0), 0.9)


def test_the_rough_crop_hardly_matters(refiner: r.LandmarkRefiner) -> None:
    rng = np.random.default_rng(0)
    moved = []
    for name in NAMES:
        image, points = photo(name)
        exact = refiner.refine(image, face(points)).detection.landmarks
        shifted = points + rng.uniform(-4, 4, 2) + rng.normal(0, 1, (5, 2))
        found = refiner.refine(image, face(shifted)).detection.landmarks
        moved.append(np.linalg.norm(found - exact, axis=1).max())
    assert np.mean(moved) < 1.5
    assert max(moved) < 4


@pytest.mark.parametrize("name", NAMES)
def test_a_mirrored_photo_gives_mirrored_points(refiner: r.LandmarkRefiner, name: str) -> None:
    image, points = photo(name)
    rough = points + np.random.default_rng(0).normal(0, 2, (5, 2))
    one = refiner.refine(image, face(rough))
    mirrored = geometry.mirror_landmarks(rough, image.shape[1])
    two = refiner.refine(image[:, ::-1], face(mirrored))
    back = geometry.mirror_landmarks(two.detection.landmarks, image.shape[1])
    np.testing.assert_allclose(back, one.detection.landmarks, atol=1e-3)
    np.testing.assert_allclose([-two.yaw, two.pitch, -two.roll], [one.yaw, one.pitch, one.roll])


def test_a_turned_photo_gives_turned_points(refiner: r.LandmarkRefiner) -> None:
    image, points = photo("06_yaw+75.png")
    middle = (image.shape[1] - 1) / 2
    turn = cv2.getRotationMatrix2D((middle, middle), -25, 1.5)  # clockwise
    large = cv2.warpAffine(image, turn, image.shape[1::-1], borderMode=cv2.BORDER_REPLICATE)
    one = refiner.refine(image, face(points))
    two = refiner.refine(large, face(geometry.apply_transform(turn, points)))
    expected = geometry.apply_transform(turn, one.detection.landmarks)
    assert np.abs(two.detection.landmarks - expected).max() < 2.0  # of 72 px from eyes to mouth
    assert two.roll - one.roll == pytest.approx(25, abs=3)
    assert two.yaw == pytest.approx(one.yaw, abs=3)


def test_damaged_or_foreign_files_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="no landmark refiner at"):
        r.LandmarkRefiner(tmp_path / "no.onnx")
    onnx = tmp_path / "refiner.onnx"
    shutil.copy(r.PACKAGED_REFINER, onnx)
    with pytest.raises(ModelError, match=re.escape("no refiner.json beside it")):
        r.LandmarkRefiner(onnx)
    sidecar = onnx.with_suffix(".json")
    info = json.loads(r.PACKAGED_REFINER.with_suffix(".json").read_text())
    sidecar.write_text(json.dumps({**info, "kind": "generator"}))
    with pytest.raises(ModelError, match="expected a 'landmark refiner' of format 1"):
        r.LandmarkRefiner(onnx)
    sidecar.write_text("{}")
    with pytest.raises(ModelError, match="is not a landmark refiner's sidecar"):
        r.LandmarkRefiner(onnx)
    sidecar.write_text(json.dumps(info))
    onnx.write_bytes(onnx.read_bytes()[:-1])
    with pytest.raises(ModelError, match=re.escape("is not the file that refiner.json describes")):
        r.LandmarkRefiner(onnx)


def test_an_onnx_of_something_else_is_refused(tmp_path: Path) -> None:
    onnx = tmp_path / "refiner.onnx"
    shutil.copy(PACKAGED / "edge.onnx", onnx)
    info = json.loads(r.PACKAGED_REFINER.with_suffix(".json").read_text())
    info["sha256"] = sha256_of(onnx)
    onnx.with_suffix(".json").write_text(json.dumps(info))
    with pytest.raises(ModelError, match=r"expected \{'crop'"):
        r.LandmarkRefiner(onnx)


def test_bad_input_is_explained(refiner: r.LandmarkRefiner) -> None:
    image, points = photo(NAMES[0])
    with pytest.raises(ImageError):
        refiner.refine(image.astype(np.float32), face(points))
    with pytest.raises(GeometryError, match="NaN"):
        refiner.refine(image, face(points * np.nan))
    with pytest.raises(GeometryError, match="less than one pixel apart"):
        refiner.refine(image, face(np.full((5, 2), 60.0)))


def test_it_is_small(refiner: r.LandmarkRefiner) -> None:
    assert refiner.path.stat().st_size < 1e6
    assert refiner.info["flops"] < 0.05e9
