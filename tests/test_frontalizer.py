"""The pipeline end to end on the packaged model."""

from __future__ import annotations

import copy
import pickle
import sys
import threading
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from tpgan_sdk import (
    BackendError,
    Detection,
    DetectorError,
    Face,
    Frontalizer,
    GeometryError,
    ImageError,
    TPGANError,
    paste_back,
)
from tpgan_sdk.faces.refiner import LandmarkRefiner
from tpgan_sdk.geometry import OFFICIAL, apply_transform, mirror_landmarks
from tpgan_sdk.images.files import read_image

REPOSITORY = Path(__file__).resolve().parent.parent
PHOTOS = REPOSITORY / "examples" / "photos"
PROFILE = PHOTOS / "astronaut_right_75.png"


class FixedDetector:
    """Finds what it was told."""

    name = "fixed"

    def __init__(self, *faces: Detection) -> None:
        self.faces = list(faces)

    def detect(self, image: np.ndarray) -> list[Detection]:
        return self.faces


def detection(points: np.ndarray, score: float = 0.9, size: float = 100) -> Detection:
    x, y = points.mean(axis=0)
    return Detection((x - size / 2, y - size / 2, x + size / 2, y + size / 2), points, score)


PROFILE_POINTS = np.array([(120, 95), (128, 96), (150, 115), (118, 140), (130, 141)], float)
POINTS = np.array([(62, 70), (88, 70), (93, 90), (66, 112), (86, 112)], float)


@pytest.fixture
def photo(rng: np.random.Generator) -> np.ndarray:
    coarse = rng.integers(0, 256, (12, 14, 3), dtype=np.uint8)
    return np.ascontiguousarray(coarse.repeat(14, 0).repeat(14, 1))


def test_a_real_photo_gives_a_face_with_everything() -> None:
    with Frontalizer() as frontalizer:
        (face,) = frontalizer.frontalize(PROFILE)
        assert isinstance(face, Face)
        assert face.image.shape == (128, 128, 3)
        assert face.image.dtype == np.uint8
        assert 40 < face.yaw < 110
        assert not face.mirrored
        assert 0.3 < face.score <= 1
        aligned = apply_transform(face.transform, face.landmarks)
        np.testing.assert_allclose(aligned[:2].mean(0), OFFICIAL.eye_center, atol=1e-6)
        assert set(frontalizer.timings) == {
            "read",
            "detect",
            "refine",
            "align",
            "network",
            "finish",
        }
        assert face.image.std() > 20


def test_a_mirrored_photo_gives_the_mirrored_result(photo: np.ndarray) -> None:
    with Frontalizer(detector=FixedDetector()) as frontalizer:
        (one,) = frontalizer.frontalize(photo, faces=[detection(POINTS)])
        mirrored = mirror_landmarks(POINTS, photo.shape[1])
        (other,) = frontalizer.frontalize(photo[:, ::-1], faces=[detection(mirrored)])
    assert (one.mirrored, other.mirrored) == (False, True)
    assert one.yaw == pytest.approx(-other.yaw)
    difference = one.image.astype(int) - other.image[:, ::-1]
    assert np.abs(difference).max() <= 1
    np.testing.assert_array_equal(one.aligned, other.aligned[:, ::-1])


@pytest.mark.parametrize("name", ["astronaut_portrait", "astronaut_right_45", "astronaut_left_90"])
def test_a_mirrored_photo_gives_the_mirrored_result_through_the_detector(name: str) -> None:
    photo = read_image(PHOTOS / f"{name}.png")
    with Frontalizer() as frontalizer:
        (one,) = frontalizer.frontalize(photo)
        (other,) = frontalizer.frontalize(photo[:, ::-1])
    back = mirror_landmarks(other.landmarks, photo.shape[1])
    np.testing.assert_allclose(one.landmarks, back, atol=1e-9)
    assert one.mirrored != other.mirrored
    assert np.abs(one.image.astype(int) - other.image[:, ::-1]).max() <= 1


def test_transform_and_aligned_fit_the_frame_for_mirrored_faces_too(photo: np.ndarray) -> None:
    from tpgan_sdk.images.resample import to_uint8, warp

    mirrored = mirror_landmarks(POINTS, photo.shape[1])
    with Frontalizer(detector=FixedDetector()) as frontalizer:
        for frame, points in ((photo, POINTS), (photo[:, ::-1], mirrored)):
            (face,) = frontalizer.frontalize(frame, faces=[detection(points)])
            again = to_uint8(warp(np.ascontiguousarray(frame), face.transform, 128, 128))
            assert np.abs(again.astype(int) - face.aligned).max() <= 1


def test_frontalize_aligned_equals_frontalize_on_its_own_crop() -> None:
    """An upright face at scale 1: cutting it out first changes nothing but the border."""
    frame = np.full((128, 128, 3), 90, np.uint8)
    points = np.array([(50, 40), (78, 40), (76, 64), (52, 88), (76, 88)], float)
    frame[40:100, 30:100] = 160
    with Frontalizer(detector=FixedDetector()) as frontalizer:
        (whole,) = frontalizer.frontalize(frame, faces=[detection(points)])
        (crop,) = frontalizer.frontalize_aligned([frame], [points])
    assert np.abs(whole.image.astype(int) - crop.image).max() <= 1
    np.testing.assert_allclose(crop.landmarks, points)


def test_aligned_takes_arrays_none_and_mirrored_profiles(rng: np.random.Generator) -> None:
    crops = rng.integers(0, 256, (3, 128, 128, 3), dtype=np.uint8)
    profile = np.asarray(OFFICIAL.points) - [[0, 0], [20, 0], [18, 0], [0, 0], [15, 0]]
    with Frontalizer(detector=FixedDetector(), max_batch=2) as frontalizer:
        frontal = frontalizer.frontalize_aligned(crops)
        assert [face.mirrored for face in frontal] == [False] * 3
        mixed = frontalizer.frontalize_aligned(list(crops), [None, profile, None])
    assert [face.mirrored for face in mixed] == [False, True, False]
    np.testing.assert_allclose(mixed[1].landmarks, profile)


def test_faces_of_insightface_are_taken(photo: np.ndarray) -> None:
    theirs = SimpleNamespace(bbox=np.array([40, 40, 120, 130.0]), kps=POINTS, det_score=0.7)
    with Frontalizer(detector=FixedDetector()) as frontalizer:
        (face,) = frontalizer.frontalize(photo, faces=[theirs])
    assert (face.score, face.box) == (0.7, (40, 40, 120, 130))


def test_largest_only_and_batches_keep_the_order(photo: np.ndarray) -> None:
    small, large = detection(POINTS, 0.9, 50), detection(POINTS + 12, 0.5, 120)
    with Frontalizer(detector=FixedDetector(small, large), max_batch=3) as frontalizer:
        assert [f.score for f in frontalizer.frontalize(photo)] == [0.9, 0.5]
        assert [f.score for f in frontalizer.frontalize(photo, largest_only=True)] == [0.5]
        batch = frontalizer.frontalize_batch([photo, photo[:, :150].copy()])
        assert [[f.score for f in faces] for faces in batch] == [[0.9, 0.5]] * 2
        (single,) = frontalizer.frontalize(photo, largest_only=True)
    np.testing.assert_allclose(batch[0][1].image.astype(int), single.image, atol=1)


def test_the_largest_is_taken_of_the_faces_that_can_be_aligned(photo: np.ndarray) -> None:
    large = Detection((0, 0, 190, 160), np.ones((5, 2)), 0.9)
    with Frontalizer(detector=FixedDetector(large, detection(POINTS, 0.4))) as frontalizer:
        assert [f.score for f in frontalizer.frontalize(photo, largest_only=True)] == [0.4]


def test_results_share_nothing_with_the_sdk_or_the_caller(rng: np.random.Generator) -> None:
    crop = rng.integers(0, 256, (128, 128, 3), dtype=np.uint8)
    points = np.asarray(OFFICIAL.points)
    with Frontalizer(detector=FixedDetector()) as frontalizer:
        (before,) = frontalizer.frontalize_aligned([crop], [points])
        before.transform[0, 2] += 5
        before.landmarks[:] = 0
        before.aligned[:] = 0
        (after,) = frontalizer.frontalize_aligned([crop], [points])
    np.testing.assert_array_equal(after.image, before.image)
    np.testing.assert_allclose(after.landmarks, OFFICIAL.points)
    np.testing.assert_array_equal(points, OFFICIAL.points)


def test_a_closed_frontalizer_says_so(photo: np.ndarray) -> None:
    frontalizer = Frontalizer(detector=FixedDetector())
    frontalizer.close()
    with pytest.raises(BackendError, match="this Frontalizer is closed"):
        frontalizer.frontalize(photo)
    with pytest.raises(BackendError, match="closed"):
        frontalizer.clone()


def test_profiles_come_out_as_a_frontal_face_and_not_as_noise_or_the_input() -> None:
    """Nearer to the person's true frontal face than the aligned input is, at 45 to 90 degrees."""
    with Frontalizer() as frontalizer:
        (truth,) = frontalizer.frontalize(PHOTOS / "astronaut_portrait.png")
        inner = slice(24, 104)
        target = truth.aligned[inner, inner].astype(float)
        for name in ("right_45", "right_75", "right_90", "left_60", "left_90"):
            (face,) = frontalizer.frontalize(PHOTOS / f"astronaut_{name}.png")
            made = np.abs(face.image[inner, inner] - target).mean()
            given = np.abs(face.aligned[inner, inner] - target).mean()
            assert made < 0.8 * given, name


def test_no_face_is_an_empty_list(photo: np.ndarray) -> None:
    with Frontalizer(detector=FixedDetector()) as frontalizer:
        assert frontalizer.frontalize(photo) == []
        assert frontalizer.frontalize_batch([photo, photo]) == [[], []]
        assert frontalizer.frontalize_aligned([]) == []


def test_a_detected_face_that_cannot_be_one_is_left_out_and_logged(
    photo: np.ndarray, caplog: pytest.LogCaptureFixture
) -> None:
    bad = Detection((0, 0, 9, 9), np.ones((5, 2)), 0.8)
    with Frontalizer(detector=FixedDetector(bad, detection(POINTS))) as frontalizer:
        assert len(frontalizer.frontalize(photo)) == 1
    assert caplog.messages == [
        "a detected face is left out: the detector fixed gave landmarks that no face can have "
        "here: the middle of the eyes and the middle of the mouth lie less than one pixel apart"
    ]


def test_what_a_detector_did_is_no_fault_of_the_user(
    photo: np.ndarray, caplog: pytest.LogCaptureFixture
) -> None:
    points = (POINTS + 500, POINTS[[1, 0, 2, 4, 3]], np.full((5, 2), np.nan), POINTS[:3])
    faces = [Detection((0, 0, 9, 9), five, 0.8) for five in points]
    with Frontalizer(detector=FixedDetector(*faces), refine=False) as frontalizer:
        assert frontalizer.frontalize(photo) == []
    told = [text.partition(" here: ")[2] for text in caplog.messages]
    assert told == [
        "the landmarks' middle (579, 591) lies outside the 196x168 image",
        "the landmarks make a face turned by 126 degrees: left and right look swapped",
        "landmarks hold NaN or infinity (left_eye, right_eye, nose, left_mouth, right_mouth)",
        "landmarks have shape (3, 2)",
    ]


def test_one_picture_for_several_and_several_for_one(photo: np.ndarray) -> None:
    path = Path("photo.jpg")
    singles: tuple[Any, ...] = (photo, photo[:, :, 0], "photo.jpg", path, b"x", None, {})
    pictures: tuple[Any, ...] = ([photo] * 2, (photo, photo), np.stack([photo] * 2))
    with Frontalizer(detector=FixedDetector()) as frontalizer:
        for single in singles:
            with pytest.raises(ImageError, match=r"frontalize_batch\(\[image\]\) for a single one"):
                frontalizer.frontalize_batch(single)
        with pytest.raises(ImageError, match=r"frontalize_aligned\(\[crop\]\) for a single one"):
            frontalizer.frontalize_aligned("crop.png")  # type: ignore[arg-type]
        assert frontalizer.frontalize_batch(pictures[2]) == [[], []]
        assert frontalizer.frontalize_batch(image for image in (photo,)) == [[]]  # type: ignore[arg-type]
        for several in pictures:
            for call in (frontalizer.frontalize, frontalizer.detect):
                message = rf"{call.__name__} was given .* of 2; expected one picture: frontalize_b"
                with pytest.raises(ImageError, match=message):
                    call(several)


def test_other_things_than_faces(photo: np.ndarray) -> None:
    face = detection(POINTS)
    theirs = SimpleNamespace(bbox=np.array([40, 40, 120, 130.0, 0.6]), kps=POINTS)
    with Frontalizer(detector=FixedDetector(), max_batch=np.int64(4)) as frontalizer:  # type: ignore[arg-type]
        wrong: Any
        for wrong in (face, theirs, POINTS, {"bbox": 1}, 3, "faces"):
            with pytest.raises(
                DetectorError, match=r"faces is a .*faces=\[face\] for a single one"
            ):
                frontalizer.frontalize(photo, faces=wrong)
        found = frontalizer.frontalize(photo, faces=[face, theirs])
        assert [one.score for one in found] == [0.9, 0.6]
        for wrong in (found[0], face, [face], None, "faces"):
            with pytest.raises(ImageError, match=r"or paste_into\(frame, \[face\]\) for a single"):
                frontalizer.paste_into(photo.copy(), wrong)


@pytest.mark.parametrize("number", [0, -1, True, 4.0, "4", None])
def test_no_number_of_faces(number: Any) -> None:
    with pytest.raises(ValueError, match=r"max_batch is .*; expected a whole number, at least 1"):
        Frontalizer(max_batch=number)


def test_it_is_pickled_as_its_arguments(photo: np.ndarray) -> None:
    found = detection(POINTS)
    options: dict[str, Any] = {"max_batch": np.int64(4), "refine": False, "device": "CPU"}
    with Frontalizer(detector=FixedDetector(found), **options) as frontalizer:
        expected = frontalizer.frontalize(photo)
        with (
            pickle.loads(pickle.dumps(frontalizer.clone())) as again,
            copy.copy(frontalizer) as copied,
        ):
            assert (again.max_batch, again.refiner, again.backend.device) == (4, None, "cpu")
            assert again.frontalize(photo) == expected == copied.frontalize(photo)


def test_what_cannot_be_pickled_is_named(photo: np.ndarray) -> None:
    detector = FixedDetector()
    detector.lock = threading.Lock()  # type: ignore[attr-defined]
    with (
        Frontalizer(detector=detector) as frontalizer,
        pytest.raises(TPGANError, match=r"its detector, a FixedDetector, cannot .*; give the det"),
    ):
        pickle.dumps(frontalizer)


@pytest.mark.parametrize(
    ("points", "message"),
    [
        (np.full((5, 2), np.nan), "NaN or infinity"),
        (POINTS + 5000, "outside the 196x168 image"),
        (POINTS[:3], r"expected \(5, 2\)"),
        (POINTS[[1, 0, 2, 4, 3]], "left and right look swapped"),
    ],
)
def test_given_landmarks_that_are_no_face_raise(
    photo: np.ndarray, points: np.ndarray, message: str
) -> None:
    with (
        Frontalizer(detector=FixedDetector()) as frontalizer,
        pytest.raises(GeometryError, match=message),
    ):
        frontalizer.frontalize(photo, faces=[Detection((0, 0, 9, 9), points, 1.0)])


def test_wrong_crops_raise(rng: np.random.Generator) -> None:
    with Frontalizer(detector=FixedDetector()) as frontalizer:
        with pytest.raises(ImageError, match=r"shape \(64, 64, 3\); expected \(128, 128, 3\)"):
            frontalizer.frontalize_aligned([np.zeros((64, 64, 3), np.uint8)])
        with pytest.raises(ImageError, match=r"give a single crop as \[crop\]"):
            frontalizer.frontalize_aligned(np.zeros((128, 128, 3), np.uint8))
        with pytest.raises(GeometryError, match="1 crops with 2 sets of landmarks"):
            frontalizer.frontalize_aligned([np.zeros((128, 128, 3), np.uint8)], [None, None])
    with pytest.raises(ValueError, match="max_batch is 0; expected a whole number"):
        Frontalizer(max_batch=0)


def test_without_a_detector_aligned_crops_still_work(monkeypatch: pytest.MonkeyPatch) -> None:
    from tpgan_sdk import frontalizer as module

    def none_here(_: object) -> None:
        raise DetectorError("no detector here; pass --detector, or use frontalize_aligned")

    monkeypatch.setattr(module, "create_detector", none_here)
    with Frontalizer() as frontalizer:
        assert len(frontalizer.frontalize_aligned([np.zeros((128, 128, 3), np.uint8)])) == 1
        with pytest.raises(DetectorError, match="frontalize_aligned"):
            frontalizer.frontalize(np.zeros((200, 200, 3), np.uint8))
    with pytest.raises(DetectorError):
        Frontalizer(detector="yuface")


@pytest.mark.parametrize(
    ("frame", "what"),
    [
        ([[0]], "a list"),
        (np.zeros((9, 9, 3), np.uint16), r"shape \(9, 9, 3\) and type uint16"),
        (np.zeros((9, 9), np.uint8), r"shape \(9, 9\) and type uint8"),
        (np.broadcast_to(np.zeros(3, np.uint8), (9, 9, 3)), "read-only"),
    ],
)
def test_what_cannot_be_pasted_into_is_refused(frame: Any, what: str) -> None:
    with Frontalizer() as frontalizer, pytest.raises(ImageError, match=f"{what}; expected a wri"):
        frontalizer.paste_into(frame, [])


def test_pasting_into_an_array_is_pasting_back_in_place() -> None:
    photo = read_image(PROFILE)
    with Frontalizer() as frontalizer:
        faces = frontalizer.frontalize(photo)
        expected = photo
        for face in faces:
            expected = paste_back(expected, face)
        frame = photo.copy()
        frontalizer.paste_into(frame, faces)
    np.testing.assert_array_equal(frame, expected)
    assert (frame != photo).any()


def test_detected_landmarks_are_refined_by_it_and_its_clones() -> None:
    image, found = read_image(PROFILE), detection(PROFILE_POINTS)
    refined = LandmarkRefiner().refine(image, found).detection
    assert np.abs(refined.landmarks - found.landmarks).max() > 1
    with Frontalizer(detector=FixedDetector(found)) as frontalizer, frontalizer.clone() as clone:
        for one in (frontalizer, clone):
            (face,) = one.detect(PROFILE)
            np.testing.assert_array_equal(face.landmarks, refined.landmarks)
            assert (face.box, face.score) == (found.box, found.score)
            assert list(one.timings) == ["read", "detect", "refine"]
            np.testing.assert_array_equal(one.frontalize(image)[0].landmarks, refined.landmarks)
            (given,) = one.frontalize(image, faces=[found])
            np.testing.assert_array_equal(given.landmarks, found.landmarks)


def test_without_refining_the_detectors_landmarks_stay() -> None:
    found = detection(PROFILE_POINTS)
    with (
        Frontalizer(detector=FixedDetector(found), refine=False) as frontalizer,
        frontalizer.clone() as clone,
    ):
        for one in (frontalizer, clone):
            assert one.refiner is None
            np.testing.assert_array_equal(one.detect(PROFILE)[0].landmarks, found.landmarks)


def test_a_refiner_without_onnx_runtime_is_told_when_it_is_needed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def without_onnx_runtime() -> LandmarkRefiner:
        with pytest.MonkeyPatch.context() as patch:
            patch.setitem(sys.modules, "onnxruntime", None)
            return LandmarkRefiner()

    monkeypatch.setattr("tpgan_sdk.frontalizer.LandmarkRefiner", without_onnx_runtime)
    found = detection(PROFILE_POINTS)
    message = (
        r"ONNX Runtime cannot be imported .* install it: pip install 'tpgan-sdk\[cpu\]'; or do "
        r"without: Frontalizer\(refine=False\), tpgan frontalize --no-refine"
    )
    with Frontalizer(detector=FixedDetector(found)) as frontalizer, frontalizer.clone() as clone:
        for one in (frontalizer, clone):
            with pytest.raises(BackendError, match=message):
                one.detect(PROFILE)
            with pytest.raises(BackendError, match=message):
                _ = one.refiner
            assert len(one.frontalize(PROFILE, faces=[found])) == 1


def test_clones_give_the_same_result_in_threads() -> None:
    image = read_image(PROFILE)
    with Frontalizer(detector=FixedDetector(detection(PROFILE_POINTS))) as frontalizer:
        expected = frontalizer.frontalize(image)[0].image
        results: list[np.ndarray] = []

        def work() -> None:
            with frontalizer.clone() as own:
                results.extend(own.frontalize(image)[0].image for _ in range(3))

        threads = [threading.Thread(target=work) for _ in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(results) == 9
        for result in results:
            assert np.abs(result.astype(int) - expected).max() <= 1
        assert len(frontalizer.frontalize(image)) == 1
