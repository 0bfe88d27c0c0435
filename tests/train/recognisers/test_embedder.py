"""Embeddings by given points: against the loss's own path, dlib's own chip, and moved photos."""

from __future__ import annotations

import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from tpgan_sdk.errors import GeometryError, ImageError, TrainingError
from tpgan_sdk.geometry import OFFICIAL, alignment_transform, apply_transform
from tpgan_sdk.images.resample import UInt8Array, to_uint8, warp
from train.recognisers import Recogniser, load_recogniser
from train.recognisers.crops import cut
from train.recognisers.embedder import Embedder, TorchEmbedder, load_embedder
from train.recognisers.light_cnn import LightCNN9
from train.recognisers.mobilefacenet import MobileFaceNet

POINTS = np.asarray(OFFICIAL.points)


@pytest.fixture(scope="module")
def portraits(shared_dir: Path) -> list[tuple[UInt8Array, np.ndarray]]:
    """Three generated portraits, RGB, with their landmarks."""
    pytest.importorskip("yuface", reason="the default detector finds the landmarks")
    from tpgan_sdk.detectors import create_detector

    detector = create_detector()
    pictures = []
    for path in sorted((shared_dir / "data/portraits/generated").glob("*.jpg"))[:3]:
        picture = np.ascontiguousarray(cv2.imread(str(path), cv2.IMREAD_COLOR_RGB))
        pictures.append((picture, detector.detect(picture)[0].landmarks))
    return pictures


@pytest.fixture(scope="module")
def mobilefacenet(shared_dir: Path) -> Path:
    path = shared_dir / "models/identity/mobilefacenet_arcface.pt"
    if not path.exists():
        pytest.skip(f"no {path}")
    return path


@pytest.fixture(params=["mobilefacenet", "dlib"])
def embedder(request: pytest.FixtureRequest, mobilefacenet: Path) -> Embedder:
    if request.param == "mobilefacenet":
        return load_embedder(str(mobilefacenet))
    pytest.importorskip("dlib", reason="optional: pip install dlib-bin")
    pytest.importorskip("face_recognition_models", reason="optional: dlib's weights")
    return load_embedder("dlib")


@pytest.mark.parametrize("architecture", [MobileFaceNet, LightCNN9])
def test_the_evaluation_sees_what_the_loss_sees(
    architecture: type[MobileFaceNet] | type[LightCNN9], rng: np.random.Generator
) -> None:
    """On a crop with its points at the template, both ways to the network give one embedding."""
    torch.manual_seed(0)
    recogniser = Recogniser(architecture())
    crop = cv2.GaussianBlur(rng.integers(0, 256, (128, 128, 3), dtype=np.uint8), (0, 0), 3)
    image = torch.from_numpy(crop / np.float32(127.5) - 1).permute(2, 0, 1)[None]
    seen = recogniser(image)[1].numpy()
    found = TorchEmbedder(recogniser).embed(crop[None], POINTS[None])
    assert found.dtype == np.float32
    assert found == pytest.approx(seen, abs=2e-3)


def test_a_moved_and_turned_photo_gives_the_same_embedding(
    embedder: Embedder, portraits: list[tuple[UInt8Array, np.ndarray]]
) -> None:
    """More alike than two people, and nearly itself: the points undo the movement."""
    photos = [picture for picture, _ in portraits]
    points = np.stack([landmarks for _, landmarks in portraits])
    height, width = photos[0].shape[:2]
    movement = np.array([[0.87, -0.2, 60.0], [0.2, 0.87, 5.0]])
    moved = [to_uint8(warp(photo, movement, width, height)) for photo in photos]
    there = np.stack([apply_transform(movement, face) for face in points])
    same = embedder.embed(photos, points) @ embedder.embed(moved, there).T
    assert np.diag(same).min() > 0.985
    assert (same.argmax(axis=1) == np.arange(len(photos))).all()


def test_the_same_person_is_nearer_in_the_sdks_crop_than_another(
    embedder: Embedder, portraits: list[tuple[UInt8Array, np.ndarray]]
) -> None:
    """Although the crop ends at the forehead, which the photo has."""
    photos = [picture for picture, _ in portraits]
    points = np.stack([landmarks for _, landmarks in portraits])
    transforms = [alignment_transform(face) for face in points]
    crops = np.stack(
        [to_uint8(warp(p, t, 128, 128)) for p, t in zip(photos, transforms, strict=True)]
    )
    inside = [apply_transform(t, p) for t, p in zip(transforms, points, strict=True)]
    alike = embedder.embed(photos, points) @ embedder.embed(crops, inside).T
    own = np.eye(len(photos), dtype=bool)
    assert alike[own].min() > alike[~own].max()


def test_embeddings_have_unit_length_and_keep_the_order(
    embedder: Embedder, portraits: list[tuple[UInt8Array, np.ndarray]]
) -> None:
    photos = [picture for picture, _ in portraits]
    points = np.stack([landmarks for _, landmarks in portraits])
    together = embedder.embed(photos, points)
    assert np.linalg.norm(together, axis=1) == pytest.approx(1, abs=1e-5)
    assert embedder.embed(photos[1:2], points[1:2])[0] == pytest.approx(together[1], abs=1e-5)
    assert embedder.embed([], np.empty((0, 5, 2))).shape == (0, 128)


def test_the_chip_lies_where_dlib_cuts_it() -> None:
    """`get_face_chip_details` gives rectangle and angle for the same five parts."""
    dlib = pytest.importorskip("dlib", reason="optional: pip install dlib-bin")
    from train.recognisers.dlib_resnet import chip_transform

    parts = np.array([(210, 131), (171, 128), (88, 120), (124, 125), (141, 192)])
    face = dlib.full_object_detection(
        dlib.rectangle(80, 80, 220, 240), [dlib.point(int(x), int(y)) for x, y in parts]
    )
    chip = dlib.get_face_chip_details(face, 150, 0.25)
    ours = chip_transform(parts)
    scale = np.hypot(*ours[:, 0])
    assert chip.rect.width() == pytest.approx(150 / scale, abs=0.6)
    assert -chip.angle == pytest.approx(np.arctan2(ours[1, 0], ours[0, 0]), abs=1e-4)
    center = chip.rect.dcenter()
    # dlib's coordinates of the chip run from 0 to 150, and its rectangle's to whole pixels.
    assert apply_transform(ours, [(center.x, center.y)])[0] == pytest.approx([75, 75], abs=1)


def test_dlibs_parts_of_its_own_template_are_its_template() -> None:
    """From the eye centres of dlib's mean face, the corners come back exactly."""
    from train.recognisers.dlib_resnet import CHIP_POINTS, dlib_parts

    left, right = CHIP_POINTS[2:4].mean(axis=0), CHIP_POINTS[:2].mean(axis=0)
    nose, mouth = CHIP_POINTS[4] + (0, -3.8), CHIP_POINTS[4] + (0, 6.2)
    parts = dlib_parts([left, right, nose, mouth - (10, 0), mouth + (10, 0)])
    assert parts == pytest.approx(CHIP_POINTS)


def test_dlibs_own_landmarks_give_nearly_our_embedding(
    portraits: list[tuple[UInt8Array, np.ndarray]],
) -> None:
    """Its cosines lie close together: another person has 0.9, so ours must come to 0.98."""
    dlib = pytest.importorskip("dlib", reason="optional: pip install dlib-bin")
    weights = pytest.importorskip("face_recognition_models", reason="optional: dlib's weights")
    predictor = dlib.shape_predictor(weights.pose_predictor_five_point_model_location())
    model = dlib.face_recognition_model_v1(weights.face_recognition_model_location())
    ours = load_embedder("dlib").embed([p for p, _ in portraits], [f for _, f in portraits])
    theirs = []
    for picture, landmarks in portraits:
        # Its detector's box: about from the brows to the chin.
        side = 2.4 * np.linalg.norm(landmarks[1] - landmarks[0])
        left, top = (landmarks.mean(axis=0) - side / 2).astype(int)
        box = dlib.rectangle(left, top, left + int(side), top + int(side))
        theirs.append(np.array(model.compute_face_descriptor(picture, predictor(picture, box))))
    unit = np.array(theirs) / np.linalg.norm(theirs, axis=1, keepdims=True)
    alike = ours @ unit.T
    assert np.diag(alike).min() > 0.98
    assert (alike.argmax(axis=1) == np.arange(len(portraits))).all()


def test_beyond_the_photo_lies_black() -> None:
    """Half the face crop lies left of a white photo: as far as the transform says."""
    picture = np.full((40, 40, 3), 255, np.uint8)
    face = cut(picture, np.array([[1.0, 0, 20], [0, 1.0, 0]]), 40)
    assert (face[:, :20] == 0).all()
    assert (face[:, 20:] == 255).all()


def test_bad_input_is_refused(rng: np.random.Generator) -> None:
    embedder = TorchEmbedder(Recogniser(LightCNN9()))
    picture = rng.integers(0, 256, (1, 128, 128, 3), dtype=np.uint8)
    with pytest.raises(ImageError, match="1 pictures but 2 faces; expected one in each"):
        embedder.embed(picture, np.stack([POINTS, POINTS]))
    with pytest.raises(ImageError, match=r"float64 of shape \(128, 128, 3\); expected uint8 RGB"):
        embedder.embed(picture / 255, POINTS[None])  # type: ignore[arg-type]
    with pytest.raises(ImageError, match=r"uint8 of shape \(128, 128\); expected uint8 RGB"):
        embedder.embed(picture[..., 0], POINTS[None])
    with pytest.raises(GeometryError, match="expected"):
        embedder.embed(picture, POINTS[None] * np.nan)
    with pytest.raises(TrainingError, match=r"no recogniser weights at nowhere\.pt"):
        load_embedder("nowhere.pt")


def test_without_dlib_the_message_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "dlib", None)
    with pytest.raises(TrainingError, match=r"dlib is not installed .*: pip install dlib-bin"):
        load_embedder("dlib")


def test_people_in_a_photo_are_told_apart(
    portraits: list[tuple[UInt8Array, np.ndarray]], mobilefacenet: Path
) -> None:
    """The loss's path on the project's weights: different portraits are far apart."""
    found = TorchEmbedder(load_recogniser(mobilefacenet)).embed(
        [p for p, _ in portraits], np.stack([f for _, f in portraits])
    )
    alike = found @ found.T
    assert alike[~np.eye(len(alike), dtype=bool)].max() < 0.6
