"""A CSV of pairs: what is read, what is looked for, and which rows are refused."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from tpgan_sdk.errors import TrainingError
from tpgan_sdk.geometry import FloatArray, estimate_yaw
from tpgan_sdk.images.files import write_image
from tpgan_sdk.images.resample import UInt8Array
from tpgan_sdk.types import Detection
from train.data.pairs import read_pairs
from train.data.points import FoundPoints, parse_points, read_points

from ..photos import HEIGHT, WIDTH, face_photo, face_points, points_text

POINTS = " ".join(f"{v:.2f}" for v in face_points(0).ravel())


class SingleScaleDetector:
    """Finds a small face and a large one, or none, and counts how often it was asked."""

    def __init__(self, name: str = "finder") -> None:
        self.name, self.asked, self.blind = name, 0, False

    def detect(self, image: UInt8Array) -> list[Detection]:
        self.asked += 1
        assert image.shape == (HEIGHT, WIDTH, 3)
        if self.blind:
            return []
        small = Detection((0, 0, 5, 5), face_points(0) / 2, 0.9)
        return [small, Detection((0, 0, 90, 90), face_points(30), 0.8)]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, yaw in (("side", 50), ("front", 0)):
        write_image(tmp_path / "photos" / f"{name}.png", face_photo(0, yaw))
    return tmp_path


def table(folder: Path, *lines: str) -> Path:
    path = folder / "pairs.csv"
    path.write_text("\n".join(lines) + "\n")
    return path


def test_every_column_is_read(folder: Path) -> None:
    path = table(
        folder,
        "profile, frontal,identity,yaw,profile_points,frontal_points",
        f"photos/side.png,photos/front.png,Ada,-52.5,{POINTS},{POINTS}",
    )
    (pair,) = read_pairs(path)
    assert pair.profile.path == folder / "photos" / "side.png"
    assert pair.frontal.path == folder / "photos" / "front.png"
    assert (pair.identity, pair.yaw) == ("Ada", -52.5)
    np.testing.assert_allclose(pair.profile.points, face_points(0), atol=0.006)


def test_without_identity_a_frontal_photo_is_a_person(folder: Path) -> None:
    write_image(folder / "photos" / "other.png", face_photo(1, 0))
    header = "frontal,profile,frontal_points,profile_points"
    rows = [
        f"photos/{n}.png,photos/side.png,{POINTS},{POINTS}" for n in ("front", "other", "front")
    ]
    names = [pair.identity for pair in read_pairs(table(folder, header, *rows))]
    assert names[0] == names[2] != names[1]


def test_without_yaw_it_comes_from_the_points(folder: Path) -> None:
    side = " ".join(f"{v:.3f}" for v in face_points(-40).ravel())
    header = "profile,frontal,profile_points,frontal_points"
    path = table(folder, header, f"photos/side.png,photos/front.png,{side},{POINTS}")
    assert read_pairs(path)[0].yaw == pytest.approx(estimate_yaw(face_points(-40)), abs=0.01)


def test_points_are_looked_for_once(folder: Path) -> None:
    path = table(folder, "profile,frontal", *["photos/side.png,photos/front.png"] * 3)
    finder = SingleScaleDetector()
    pairs = read_pairs(path, finder)
    assert finder.asked == 2  # each photo once
    np.testing.assert_allclose(pairs[0].profile.points, face_points(30), atol=6e-4)
    again = SingleScaleDetector()
    np.testing.assert_array_equal(
        read_pairs(path, again)[0].profile.points, pairs[0].profile.points
    )
    assert again.asked == 0
    other = SingleScaleDetector("other")
    read_pairs(path, other)
    assert other.asked == 2


def test_a_photo_without_face_is_named_with_its_line_and_not_asked_again(folder: Path) -> None:
    path = table(folder, "profile,frontal", "photos/side.png,photos/front.png")
    finder = SingleScaleDetector()
    finder.blind = True
    for _ in range(2):
        with pytest.raises(TrainingError, match=r"line 2: no face found in .*side\.png"):
            read_pairs(path, finder)
    assert finder.asked == 1


@pytest.mark.parametrize(
    ("row", "message"),
    [
        (
            f"photos/side.png,photos/gone.png,0,{POINTS}",
            r"frontal photo .*gone\.png does not exist",
        ),
        (f",photos/front.png,0,{POINTS}", "no profile photo"),
        (f"photos/side.png,photos/front.png,left,{POINTS}", "yaw is 'left'; expected degrees"),
        (f"photos/side.png,photos/front.png,91,{POINTS}", "yaw is '91'; expected degrees from -90"),
        (f"photos/side.png,photos/front.png,nan,{POINTS}", "yaw is 'nan'"),
        ("photos/side.png,photos/front.png,0,1 2 3", "profile_points: 3 numbers; expected ten"),
        ("photos/side.png,photos/front.png,0,a b", "could not convert string to float: 'a'"),
        ("photos/side.png,photos/front.png,0," + "7 " * 10, "less than one pixel apart"),
        ("photos/side.png,photos/front.png,0,1,2,3", "more cells than columns"),
    ],
)
def test_a_bad_row_is_named_with_its_line(folder: Path, row: str, message: str) -> None:
    good = f"photos/side.png,photos/front.png,0,{POINTS}"
    path = table(folder, "profile,frontal,yaw,profile_points", good, row)
    with pytest.raises(TrainingError, match=rf"1 rows cannot be used:\n  line 3: .*{message}"):
        read_pairs(path, SingleScaleDetector())


def test_many_bad_rows_are_counted(folder: Path) -> None:
    path = table(folder, "profile,frontal", *["a.png,b.png"] * 12)
    with pytest.raises(
        TrainingError, match=r"(?s)12 rows cannot.*line 11: .*and 2 more$"
    ) as caught:
        read_pairs(path, SingleScaleDetector())
    assert "line 12:" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", r"columns \(none\); expected profile, frontal"),
        (
            "profile,front\n",
            "columns profile, front; expected profile, frontal and any of identity",
        ),
        ("profile,frontal\n", "has no rows"),
        ("profile,frontal\n\xff", "has no rows|cannot be read"),
    ],
)
def test_a_table_without_pairs_is_refused(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "pairs.csv"
    path.write_bytes(text.encode("latin-1"))
    with pytest.raises(TrainingError, match=message):
        read_pairs(path)


def test_a_missing_table_is_refused(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match=r"pairs\.csv cannot be read .*expected a CSV"):
        read_pairs(tmp_path / "pairs.csv")


def test_a_damaged_cache_is_refused(folder: Path) -> None:
    cache = folder / "cache.json"
    for text in ("{", "[]", json.dumps({"detector": "finder", "points": 5})):
        cache.write_text(text)
        with pytest.raises(TrainingError, match=r"cache\.json is no readable cache.*delete it"):
            FoundPoints(cache, SingleScaleDetector()).find(folder / "photos" / "side.png")


def _same(one: FloatArray, other: FloatArray) -> None:
    np.testing.assert_allclose(one, other, atol=0.006)


def test_a_5pt_file_is_read(tmp_path: Path) -> None:
    path = tmp_path / "one.5pt"
    path.write_text(points_text(face_points(20)))
    _same(read_points(path), face_points(20))
    _same(parse_points(POINTS), face_points(0))


@pytest.mark.parametrize("content", [b"1 2\n3 4\n", b"\xff\xfe\x00", b"nan " * 10])
def test_a_bad_5pt_file_is_named(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "one.5pt"
    path.write_bytes(content)
    with pytest.raises(TrainingError, match=r"one\.5pt"):
        read_points(path)
