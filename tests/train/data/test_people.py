"""Layouts of data sets, on small trees under the same names."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tpgan_sdk.errors import TrainingError
from train.data.cfp import read_cfp, read_fiducials
from train.data.people import Photo, first_pairs, first_photos, read_lfw, read_people


def touch(path: Path, text: str = "") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


@pytest.fixture
def cfp(tmp_path: Path) -> Path:
    """Two people with two frontal photos and one profile each; two folds of FP and of FF."""
    lists: dict[str, list[str]] = {"frontal": [], "profile": []}
    for person in ("001", "002"):
        for side, count in (("frontal", 2), ("profile", 1)):
            for number in range(1, count + 1):
                touch(tmp_path / "Data" / "Images" / person / side / f"{number:02}.jpg")
                lists[side].append(f"../Data/Images/{person}/{side}/{number:02}.jpg")
    for letter, side in (("F", "frontal"), ("P", "profile")):
        lines = [f"{number} {path}" for number, path in enumerate(lists[side], 1)]
        touch(tmp_path / "Protocol" / f"Pair_list_{letter}.txt", "\n".join(lines))
    for protocol, same, different in (("FP", ["1,1", "4,2"], "2,2"), ("FF", ["1,2", "3,4"], "2,3")):
        for fold, pair in enumerate(same, 1):
            folder = tmp_path / "Protocol" / "Split" / protocol / f"{fold:02}"
            touch(folder / "same.txt", pair + "\n")
            touch(folder / "diff.txt", different)
    return tmp_path


def test_cfp_has_the_profile_as_probe(cfp: Path) -> None:
    found = [(p.probe.key, p.gallery.key, p.same, p.fold) for p in read_cfp(cfp)]
    assert found == [
        ("001/profile/01", "001/frontal/01", True, 0),
        ("002/profile/01", "001/frontal/02", False, 0),
        ("002/profile/01", "002/frontal/02", True, 1),
        ("002/profile/01", "001/frontal/02", False, 1),
    ]
    frontal = read_cfp(cfp, "FF")
    assert [p.probe.key for p in frontal if p.same] == ["001/frontal/02", "002/frontal/02"]
    assert all("frontal" in str(p.probe.path) for p in frontal)


def test_faults_of_cfp_are_told(cfp: Path) -> None:
    fold = cfp / "Protocol" / "Split" / "FP" / "01"
    touch(fold / "same.txt", "1,2")
    with pytest.raises(TrainingError, match=r"same.txt has 1,2, which are 002/profile/01"):
        read_cfp(cfp)
    touch(fold / "same.txt", "9,1")
    with pytest.raises(TrainingError, match=r"same\.txt names photo 9"):
        read_cfp(cfp)
    touch(fold / "same.txt", "1;1")
    with pytest.raises(TrainingError, match=r"same.txt cannot be read .* lines a,b"):
        read_cfp(cfp)
    touch(fold / "same.txt", "1,1")
    (cfp / "Data" / "Images" / "001" / "profile" / "01.jpg").unlink()
    with pytest.raises(TrainingError, match=r"01\.jpg is missing, but a pair names it"):
        read_cfp(cfp)
    (cfp / "Protocol" / "Split" / "FF").rename(cfp / "elsewhere")
    with pytest.raises(TrainingError, match="no folds in"):
        read_cfp(cfp, "FF")


def test_fiducials_are_30_points(cfp: Path) -> None:
    photo = read_cfp(cfp)[0].probe
    with pytest.raises(TrainingError, match="use --landmarks detector"):
        read_fiducials(cfp, photo)
    path = cfp / "Data" / "Fiducials" / "001" / "profile" / "01.txt"
    points = np.arange(60.0).reshape(30, 2)
    touch(path, "\n".join(f"{x},{y}" for x, y in points))
    np.testing.assert_array_equal(read_fiducials(cfp, photo), points)
    touch(path, "1,2\n3,4")
    with pytest.raises(TrainingError, match="expected 30 lines"):
        read_fiducials(cfp, photo)


@pytest.fixture
def lfw(tmp_path: Path) -> Path:
    for name, count in (("Ada_L", 3), ("Bo", 2)):
        for number in range(1, count + 1):
            touch(tmp_path / name / f"{name}_{number:04}.jpg")
    touch(tmp_path / "pairs.txt", "2\t1\nAda_L\t1\t3\nAda_L\t2\tBo\t1\nBo\t1\t2\nBo\t2\tAda_L\t1\n")
    return tmp_path


def test_lfw_pairs(lfw: Path) -> None:
    found = [(p.probe.key, p.gallery.key, p.same, p.fold) for p in read_lfw(lfw)]
    assert found == [
        ("Ada_L/Ada_L_0001", "Ada_L/Ada_L_0003", True, 0),
        ("Ada_L/Ada_L_0002", "Bo/Bo_0001", False, 0),
        ("Bo/Bo_0001", "Bo/Bo_0002", True, 1),
        ("Bo/Bo_0002", "Ada_L/Ada_L_0001", False, 1),
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "is empty"),
        ("ten 300\n", "begins with 'ten 300'; expected two numbers"),
        ("1 1\nBo 1 2\n", "has 1 pairs; its first line promises 2"),
        ("1 1\nBo 1 2\nBo 1 Ada_L\n", "expected NAME i j, or NAME i NAME j"),
        ("1 1\nBo 1 2\nBo 1 Ada_L 7\n", "Ada_L_0007.jpg is missing"),
    ],
)
def test_faults_of_lfw_are_told(lfw: Path, text: str, message: str) -> None:
    touch(lfw / "pairs.txt", text)
    with pytest.raises(TrainingError, match=message):
        read_lfw(lfw)


def test_any_folder_of_people(lfw: Path) -> None:
    touch(lfw / "Bo" / ".hidden.jpg")
    touch(lfw / "Bo" / "notes.txt")
    photos = read_people(lfw)
    assert [p.key for p in photos if p.person == "Bo"] == ["Bo/Bo_0001", "Bo/Bo_0002"]
    assert photos[0] == Photo("Ada_L/Ada_L_0001", "Ada_L", lfw / "Ada_L" / "Ada_L_0001.jpg")
    with pytest.raises(TrainingError, match="fewer than two people"):
        read_people(lfw / "Bo")
    with pytest.raises(TrainingError, match="is no folder"):
        read_people(lfw / "nowhere")


def test_a_part_is_the_first_people(lfw: Path) -> None:
    assert {p.person for p in first_photos(read_people(lfw), 1)} == {"Ada_L"}
    assert [p.probe.key for p in first_pairs(read_lfw(lfw), 1)] == ["Ada_L/Ada_L_0001"]
    assert len(first_pairs(read_lfw(lfw), 2)) == 4


def test_the_real_cfp_has_its_folds(shared_dir: Path) -> None:
    root = shared_dir / "data" / "cfp-dev"
    if not root.is_dir():
        pytest.skip("no cfp-dev in the shared data folder")
    pairs = read_cfp(root)
    assert (len(pairs), sum(p.same for p in pairs), {p.fold for p in pairs}) == (1400, 700, {0, 1})
