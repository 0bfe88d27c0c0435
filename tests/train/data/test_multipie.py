"""Multi-PIE: names, the two settings' people, galleries, probes and pairs."""

from __future__ import annotations

from pathlib import Path

import pytest

from tpgan_sdk.errors import TrainingError
from tpgan_sdk.geometry import estimate_yaw
from train.data.multipie import ELEVATED, YAWS, Picture, parse, scan
from train.data.multipie_settings import (
    SETTINGS,
    gallery,
    probes,
    to_test,
    to_train,
    training_pairs,
)
from train.data.points import read_points

from ..photos import write_multipie

FOLDER = Path("session02/multiview/017/01/19_0")


def picture(
    subject: int, session: int = 1, camera: str = "051", light: int = 7, expression: int = 1
) -> Picture:
    name = f"{subject:03d}_{session:02d}_{expression:02d}_{camera}_{light:02d}.png"
    return Picture(subject, session, expression, camera, light, Path(name))


def test_a_name_says_all() -> None:
    path = FOLDER / "017_02_01_190_11.png"
    assert parse(path) == Picture(17, 2, 1, "190", 11, path)
    assert parse(path).yaw == 45


@pytest.mark.parametrize(
    ("path", "message"),
    [
        (FOLDER / "017_02_01_190.png", "not named SUBJECT_SESSION"),
        (FOLDER / "017_02_01_190_11.bmp", "not named SUBJECT_SESSION"),
        (FOLDER / "Thumbs.db", "not named SUBJECT_SESSION"),
        (FOLDER / "017_02_01_193_11.png", "no camera 19_3"),
        (FOLDER / "017_05_01_190_11.png", "session 05, light 11"),
        (FOLDER / "017_02_01_190_20.png", "session 02, light 20; expected 01 to 04 and 00 to 19"),
        (FOLDER / "018_02_01_190_11.png", "does not lie in session02/multiview/018/01/19_0"),
        (FOLDER / "017_02_01_200_11.png", "does not lie in session02/multiview/017/01/20_0"),
    ],
)
def test_odd_names_are_refused(path: Path, message: str) -> None:
    with pytest.raises(TrainingError, match=message):
        parse(path)


def test_cameras_cover_both_sides_in_steps_of_15() -> None:
    assert list(YAWS.values()) == list(range(-90, 91, 15))
    assert not set(ELEVATED) & set(YAWS)


def test_signs_are_those_of_the_published_landmarks(tmp_path: Path) -> None:
    """The one landmark file that the authors published: camera 010, aligned crop, from one."""
    path = tmp_path / "201_01_01_010_trans.5pt"
    path.write_text("56 41\n68 39\n85 66\n61 92\n72 90\n")
    assert estimate_yaw(read_points(path)) == pytest.approx(YAWS["010"], abs=20)


def test_a_scan_finds_all_and_names_what_is_odd(tmp_path: Path) -> None:
    write_multipie(tmp_path, [2, 1], cameras=["051", "191"], lights=[7, 3])
    folder = tmp_path / "session01/multiview/001/01/05_1"
    (folder / "001_01_01_051_7.png").touch()
    (tmp_path / "session01" / "multiview" / "notes.txt").touch()
    pictures, odd = scan(tmp_path)
    assert [(p.subject, p.camera, p.light) for p in pictures] == [
        (subject, camera, light)
        for subject in (1, 2)
        for camera in ("051", "191")
        for light in (3, 7)
    ]
    assert len(odd) == 1
    assert "001_01_01_051_7.png is not named" in odd[0]


def test_a_folder_without_sessions_is_refused(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match=r"no pictures of Multi-PIE in .*session01/multiview"):
        scan(tmp_path)


def test_people_are_split_by_number() -> None:
    pictures = [
        picture(n, session) for session in (1, 3) for n in (1, 150, 151, 200, 201, 250, 251, 346)
    ]
    one, two = SETTINGS[1], SETTINGS[2]
    assert {p.subject for p in to_train(pictures, one)} == {1, 150}
    assert {p.subject for p in to_test(pictures, one)} == {151, 200, 201, 250}
    assert {p.session for p in to_train(pictures, one) + to_test(pictures, one)} == {1}
    assert {p.subject for p in to_train(pictures, two)} == {1, 150, 151, 200}
    assert {p.subject for p in to_test(pictures, two)} == {201, 250, 251, 346}
    assert {p.session for p in to_test(pictures, two)} == {1, 3}


def test_other_expressions_and_elevated_cameras_are_no_part() -> None:
    pictures = [picture(1, expression=2), picture(1, camera="191"), picture(201, camera="081")]
    for setting in SETTINGS.values():
        assert not to_train(pictures, setting)
        assert not to_test(pictures, setting)


def test_the_gallery_is_the_first_appearance() -> None:
    late = [picture(300, session, light=light) for session in (3, 2, 4) for light in (6, 7)]
    early = [picture(220, 1), picture(220, 2), picture(220, 1, camera="050")]
    assert gallery(late + early, SETTINGS[2]) == {300: picture(300, 2), 220: picture(220, 1)}
    assert gallery(late + early, SETTINGS[1]) == {220: picture(220, 1)}


def test_a_test_subject_without_gallery_picture_is_named() -> None:
    pictures = [picture(300, 2, camera="110"), picture(300, 3), picture(301)]
    with pytest.raises(TrainingError, match=r"light 07 of the test subjects 300 \(session 2\):"):
        gallery(pictures, SETTINGS[2])


def test_probes_of_a_whole_subject(tmp_path: Path) -> None:
    pictures = [
        picture(subject, camera=camera, light=light)
        for subject in (150, 151)
        for camera in (*YAWS, *ELEVATED)
        for light in range(20)
    ]
    found = probes(pictures, SETTINGS[1])
    assert list(found) == [15, 30, 45, 60, 75, 90]
    for yaw, listed in found.items():
        assert len(listed) == 40  # two sides, twenty lights
        assert {p.subject for p in listed} == {151}
        assert {p.yaw for p in listed} == {-yaw, yaw}


def test_a_target_has_the_same_session_expression_and_light() -> None:
    pictures = [
        picture(5, session, camera, light)
        for session in (1, 2)
        for camera in ("051", "110", "191")
        for light in (0, 7)
    ]
    pairs, lacking = training_pairs(pictures, SETTINGS[2])
    assert not lacking
    assert len(pairs) == 8  # frontal pictures are their own target
    for profile, frontal in pairs:
        assert frontal.camera == "051"
        assert frontal == picture(5, profile.session, "051", profile.light)


def test_a_picture_without_target_is_named() -> None:
    pairs, lacking = training_pairs([picture(5), picture(5, camera="240", light=8)], SETTINGS[1])
    assert pairs == [(picture(5), picture(5))]
    assert len(lacking) == 1
    assert lacking[0].startswith("005_01_01_240_08.png has no frontal picture of the same")


def test_landmarks_of_one_light_come_before_those_of_the_camera(tmp_path: Path) -> None:
    write_multipie(tmp_path, [1], cameras=["051"], lights=[7, 8])
    folder = tmp_path / "session01/multiview/001/01/05_1"
    own = folder / "001_01_01_051_07.5pt"
    own.write_text((folder / "001_01_01_051.5pt").read_text())
    first, second = scan(tmp_path)[0]
    assert first.points_file() == own
    assert second.points_file() == folder / "001_01_01_051.5pt"
    (folder / "001_01_01_051.5pt").unlink()
    assert second.points_file() is None
