"""Each detector on real faces, and every way to ask for the wrong one."""

from __future__ import annotations

import builtins
import importlib
import shutil
import threading
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from tpgan_sdk.detectors import Detector, create_detector, faces_from_insightface
from tpgan_sdk.errors import DetectorError
from tpgan_sdk.geometry import estimate_yaw
from tpgan_sdk.images.files import read_image
from tpgan_sdk.types import Detection

# Read off an enlargement, px: pupils, nose tip, corners of the mouth.
ASTRONAUT = np.array([(203.5, 101), (246.5, 103.5), (223, 127), (202.5, 139.5), (244.5, 141)])


@pytest.fixture(params=["packaged", "yuface", "yunet", "insightface"], scope="module")
def detector(request: pytest.FixtureRequest) -> Detector:
    """Each one that can run here."""
    if request.param == "packaged":
        return create_detector()
    if request.param == "yuface":
        pytest.importorskip("yuface", reason="yuface has no wheel for this platform")
        return create_detector("yuface")
    models: Path = request.getfixturevalue("shared_dir") / "models"
    if request.param == "yunet":
        return create_detector(models / "yunet" / "yunet_n_dynamic.onnx")
    pytest.importorskip("insightface")
    return create_detector(models / "insightface" / "scrfd_500m")


def test_landmarks_of_a_portrait(detector: Detector, portrait: np.ndarray) -> None:
    """In the picture's order, left eye first, and within 5 px (eyes: 3 px) of the real ones."""
    (face,) = detector.detect(portrait)
    np.testing.assert_allclose(face.landmarks, ASTRONAUT, atol=5)
    np.testing.assert_allclose(face.landmarks[:2], ASTRONAUT[:2], atol=3)
    x0, y0, x1, y1 = face.box
    assert 170 < x0 < 195
    assert 250 < x1 < 275
    assert y0 < 90
    assert y1 > 150
    assert 0.5 < face.score <= 1


def test_all_faces_of_a_group(detector: Detector, group: np.ndarray) -> None:
    found = detector.detect(group)
    assert len(found) == 6
    scores = [face.score for face in found]
    assert scores == sorted(scores, reverse=True)


def test_profiles_and_their_side(detector: Detector, profiles: dict[int, np.ndarray]) -> None:
    for yaw, image in profiles.items():
        found = detector.detect(image)
        assert found, f"{detector.name} sees no face at {yaw} degrees"
        estimate = estimate_yaw(found[0].landmarks)
        assert np.sign(estimate) == np.sign(yaw)
        assert abs(estimate) > 20


@pytest.mark.slow
def test_profiles_of_real_people(shared_dir: Path) -> None:
    """One profile photo of each of 100 people by the default detector."""
    photos = sorted((shared_dir / "data" / "cfp-dev").glob("Data/Images/*/profile/01.jpg"))
    if not photos:
        pytest.skip("no cfp-dev in the shared data folder")
    default = create_detector()
    found = sum(bool(default.detect(read_image(photo))) for photo in photos)
    assert found >= 0.97 * len(photos)


def test_large_pictures_give_no_warning(
    detector: Detector, portrait: np.ndarray, recwarn: pytest.WarningsRecorder
) -> None:
    (face,) = detector.detect(portrait.repeat(4, 0).repeat(4, 1))
    np.testing.assert_allclose(face.landmarks / 4, ASTRONAUT, atol=5)
    assert not [w for w in recwarn if "too large" in str(w.message)]


def test_a_tight_crop_is_found(detector: Detector, portrait: np.ndarray) -> None:
    crop = np.ascontiguousarray(portrait[60:168, 170:278])
    (face, *_) = detector.detect(crop)
    np.testing.assert_allclose(face.landmarks + [170, 60], ASTRONAUT, atol=5)


@pytest.mark.parametrize("shape", [(1, 1), (3, 900), (900, 3), (64, 64)])
def test_no_face(detector: Detector, shape: tuple[int, int]) -> None:
    assert detector.detect(np.full((*shape, 3), 90, np.uint8)) == []


def test_threads_share_a_detector(detector: Detector, portrait: np.ndarray) -> None:
    """Pictures of two sizes at once: each thread sees what it would see alone."""
    pictures = (portrait, np.ascontiguousarray(portrait[:300, 100:380]))
    alone = [detector.detect(picture)[0].landmarks for picture in pictures]
    results: list[tuple[int, np.ndarray]] = []

    def work(index: int) -> None:
        for _ in range(3):
            results.append((index, detector.detect(pictures[index])[0].landmarks))

    threads = [threading.Thread(target=work, args=(index,)) for index in (0, 1, 0, 1)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(results) == 12
    for index, points in results:
        np.testing.assert_allclose(points, alone[index], atol=1e-3)


def test_the_default_is_in_the_package() -> None:
    assert create_detector().name == create_detector("packaged").name == "packaged"


def test_names(shared_dir: Path) -> None:
    yunet = shared_dir / "models" / "yunet" / "yunet_n_dynamic.onnx"
    assert create_detector(f"yunet:{yunet}").name == "yunet:yunet_n_dynamic.onnx"
    pytest.importorskip("insightface")
    scrfd = shared_dir / "models" / "insightface" / "scrfd_500m" / "det_500m.onnx"
    for spec in (scrfd, f"insightface:{scrfd}", f"insightface:{scrfd.parent}"):
        assert create_detector(spec).name == "insightface:det_500m.onnx"


def test_an_object_is_passed_through() -> None:
    own = SimpleNamespace(name="own", detect=lambda image: [])
    assert create_detector(own) is own
    with pytest.raises(DetectorError, match="given as int; expected a name, a path or an object"):
        create_detector(3)  # type: ignore[arg-type]


def test_without_yuface(monkeypatch: pytest.MonkeyPatch) -> None:
    def absent(name: str) -> Any:
        raise ModuleNotFoundError(f"No module named {name!r}", name=name)

    monkeypatch.setattr(importlib, "import_module", absent)
    with pytest.raises(DetectorError) as caught:
        create_detector("yuface")
    for part in ("No module named 'yuface'", "--detector packaged", "Python 3.10"):
        assert part in str(caught.value)


def test_without_insightface(shared_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def absent(name: str) -> Any:
        raise ModuleNotFoundError(f"No module named {name!r}", name=name)

    monkeypatch.setattr(importlib, "import_module", absent)
    with pytest.raises(DetectorError, match=r'pip install "tpgan-sdk\[insightface\]"'):
        create_detector(shared_dir / "models" / "insightface" / "scrfd_500m")


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("buffalo_l", "neither a known name nor a path that exists"),
        ("insightface:buffalo_l", "does not exist.*Nothing is downloaded"),
        ("yunet:gone.onnx", "gone.onnx is not a file; expected a YuNet ONNX"),
    ],
)
def test_what_is_not_there(spec: str, message: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A typo never starts a download: insightface is not even imported."""
    real = builtins.__import__

    def watch(name: str, *rest: Any) -> Any:
        assert name.partition(".")[0] not in ("insightface", "requests", "urllib")
        return real(name, *rest)

    monkeypatch.setattr(builtins, "__import__", watch)
    with pytest.raises(DetectorError, match=message):
        create_detector(spec)


def test_the_wrong_file(shared_dir: Path, tmp_path: Path) -> None:
    pytest.importorskip("insightface")
    models = shared_dir / "models"
    scrfd = models / "insightface" / "scrfd_500m" / "det_500m.onnx"
    with pytest.raises(DetectorError, match=r"no outputs named obj_8.*insightface:"):
        create_detector(f"yunet:{scrfd}")
    junk = tmp_path / "junk.onnx"
    junk.write_bytes(b"no model")
    with pytest.raises(DetectorError, match=r"cannot load .*junk\.onnx"):
        create_detector(junk)
    junk.write_bytes(b"obj_8 kps_8")
    with pytest.raises(DetectorError, match=r"OpenCV .* cannot run .*junk\.onnx"):
        create_detector(junk)
    with pytest.raises(DetectorError, match=r"holds junk\.onnx; expected a det_\*\.onnx"):
        create_detector(tmp_path)


def test_yunet_is_not_taken_for_scrfd(shared_dir: Path) -> None:
    """insightface itself would load it and crash in the first detection."""
    yunet = shared_dir / "models" / "yunet" / "yunet_n_dynamic.onnx"
    with pytest.raises(DetectorError, match="is a YuNet; use yunet:"):
        create_detector(f"insightface:{yunet}")


def test_a_pack_loads_its_detector_only(shared_dir: Path, tmp_path: Path) -> None:
    pytest.importorskip("insightface")
    source = shared_dir / "models" / "insightface" / "scrfd_500m" / "det_500m.onnx"
    shutil.copyfile(source, tmp_path / "det_500m.onnx")
    (tmp_path / "w600k_mbf.onnx").write_bytes(b"would fail to load")
    assert create_detector(tmp_path).name == "insightface:det_500m.onnx"


def test_faces_of_insightface() -> None:
    points = np.arange(10, dtype=np.float32).reshape(5, 2)
    theirs = SimpleNamespace(bbox=np.array([1, 2, 3, 4], np.float32), kps=points, det_score=0.5)
    (face,) = faces_from_insightface([theirs])
    assert face.box == (1, 2, 3, 4)
    assert face.score == 0.5
    assert face.landmarks.dtype == np.float64
    np.testing.assert_array_equal(face.landmarks, points)
    with pytest.raises(DetectorError, match="face 1 is a dict without bbox, kps or det_score"):
        faces_from_insightface([theirs, {}])


def test_boxes_of_insightface_with_their_score() -> None:
    """As its detectors give them: x0, y0, x1, y1, score."""
    points, box = np.ones((5, 2)), np.array([1, 2, 3, 4, 0.75])
    with_both = SimpleNamespace(bbox=box, kps=points, det_score=np.float32(0.5))
    alone = SimpleNamespace(bbox=box, kps=points)
    own = Detection((0, 0, 1, 1), points, 0.25)
    found = faces_from_insightface([with_both, alone, own])
    assert [face.score for face in found] == [0.5, 0.75, 0.25]
    assert [face.box for face in found] == [(1, 2, 3, 4)] * 2 + [(0, 0, 1, 1)]
    for bad, message in (
        (SimpleNamespace(bbox=[1, 2, 3], kps=points, det_score=1), "a bbox of 3 numbers; expected"),
        (SimpleNamespace(bbox=box[:4], kps=points), "without bbox, kps or det_score"),
        (SimpleNamespace(bbox="abcd", kps=points, det_score=1), "of other things than numbers"),
        (SimpleNamespace(bbox=3, kps=points, det_score=1), "of other things than numbers"),
    ):
        with pytest.raises(DetectorError, match=f"face 1 .*{message}"):
            faces_from_insightface([own, bad])


def test_faces_of_a_real_face_analysis(shared_dir: Path, group: np.ndarray) -> None:
    app = pytest.importorskip("insightface.app")
    pack = shared_dir / "models" / "insightface" / "scrfd_500m"
    analysis = app.FaceAnalysis(name=str(pack), providers=["CPUExecutionProvider"])
    analysis.prepare(ctx_id=-1)
    theirs = analysis.get(group)
    ours = faces_from_insightface(theirs)
    assert len(ours) == len(theirs) == 6
    np.testing.assert_array_equal(ours[0].landmarks, theirs[0].kps)
