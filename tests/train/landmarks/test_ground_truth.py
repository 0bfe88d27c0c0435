"""Faces with known landmarks: rendered views in pictures, and photos with fiducials."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from train.data.fiducials import EYE, MOUTH_CORNER, NOSE_TIP
from train.landmarks import ground_truth as e
from train.landmarks.views import ViewSet, write_views


def fiducials(right: bool) -> np.ndarray:
    """30 points of which only eye, nose and mouth corner matter."""
    points = np.full((30, 2), 5.0)
    points[EYE] = [[30, 50], [34, 48], [38, 48], [42, 50], [34, 52], [38, 52]]
    points[NOSE_TIP], points[MOUTH_CORNER] = (60, 75), (40, 100)
    if right:
        points[:, 0] = 127 - points[:, 0]
    return points


@pytest.mark.parametrize("right", [False, True])
def test_fiducials_become_the_visible_landmarks(right: bool) -> None:
    points = e.fiducial_points(fiducials(right))
    eye, mouth = (1, 4) if right else (0, 3)
    x = [127 - v if right else v for v in (36, 60, 40)]
    np.testing.assert_allclose(points[[eye, 2, mouth]], np.column_stack([x, [50, 75, 100]]))
    assert np.isnan(points).any(axis=1).sum() == 2


def test_rendered_truths_lie_in_their_pictures(views: ViewSet, tmp_path: Path) -> None:
    write_views(tmp_path / "views-00000.npz", [views] * 12)
    truths = list(e.rendered(tmp_path))
    assert [t.group for t in truths] == ["75-91"] * 12  # the photo at 30 degrees is left out
    assert {np.sign(t.pose[0]) for t in truths} == {-1.0, 1.0}
    for t in truths:
        assert t.length == pytest.approx(48, abs=0.1)
        for x, y in t.points:  # discs on black, whatever blur and noise there are
            assert t.image[round(y) - 1 : round(y) + 2, round(x) - 1 : round(x) + 2].mean() > 100


def test_photos_of_cfp_are_found(tmp_path: Path) -> None:
    for part in ("Images", "Fiducials"):
        (tmp_path / "Data" / part / "001" / "profile").mkdir(parents=True)
    folder = tmp_path / "Data"
    picture = np.zeros((130, 128, 3), np.uint8)
    cv2.imwrite(str(folder / "Images" / "001" / "profile" / "01.jpg"), picture)
    text = "\n".join(f"{x},{y}" for x, y in fiducials(False))
    (folder / "Fiducials" / "001" / "profile" / "01.txt").write_text(text)
    (found,) = e.photographed(tmp_path)
    assert (found.group, found.image.shape) == ("profile", (130, 128, 3))
    assert found.length == pytest.approx(np.hypot(4, 50))
    np.testing.assert_allclose(found.points[0], [36, 50])
