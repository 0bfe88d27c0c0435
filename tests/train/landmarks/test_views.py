"""Views of the refiner: geometry, files, and a real portrait."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from tpgan_sdk import geometry
from tpgan_sdk.errors import TrainingError
from train.data.split import held_out
from train.landmarks.views import MARGIN, SIZE, ViewSet, main, read_views, roll_after, write_views


def test_roll_after_a_turn() -> None:
    turn = geometry.fit_similarity([[0, 0], [10, 0]], [[5, 5], [5, 15]])  # a quarter, clockwise
    assert roll_after(turn, 10.0) == pytest.approx(100)
    assert roll_after(turn, 100.0) == pytest.approx(-170)


def test_files_go_round(views: ViewSet, tmp_path: Path) -> None:
    write_views(tmp_path / "views-00000.npz", [views, views])
    (found,) = read_views(tmp_path)
    np.testing.assert_array_equal(found.images, np.concatenate([views.images] * 2))
    np.testing.assert_array_equal(found.poses[:2], views.poses)
    assert found.photo.tolist() == [True, False] * 2


def test_shards_serve_as_views(shards: Path) -> None:
    (found,) = read_views(shards)
    assert found.images.shape == (12, 192, 192, 4)
    np.testing.assert_allclose(found.poses[:3, 0], [0, 40, 80])
    assert np.isnan(found.poses[:, 2]).all()


def test_a_folder_without_views_is_refused(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="no views in"):
        read_views(tmp_path)


@pytest.mark.slow
def test_a_real_portrait_is_turned(shared_dir: Path, tmp_path: Path) -> None:
    pytest.importorskip("mediapipe", reason="rendering needs mediapipe")
    source = shared_dir / "data" / "portraits" / "generated"
    if not source.is_dir():
        pytest.skip(f"no portraits in {source}")
    portrait = next(p for p in sorted(source.glob("*.jpg")) if not held_out(p.name))
    (tmp_path / "in").mkdir()
    shutil.copy(portrait, tmp_path / "in")
    arguments = ["--portraits", str(tmp_path / "in"), "--output", str(tmp_path), "--count", "3"]
    assert main(arguments) == 0
    (views,) = read_views(tmp_path)
    assert views.images.shape == (4, SIZE, SIZE, 4)
    assert views.photo.tolist() == [False, False, False, True]
    # Aligned: the middle of the eyes, and the mouth 48 px below it.
    np.testing.assert_allclose(views.landmarks[:, :2].mean(axis=1), [[64, 40]] * 4, atol=1e-6)
    np.testing.assert_allclose(views.landmarks[:, 3:].mean(axis=1)[:, 1], 88, atol=1e-6)
    assert views.images[3, ..., 3].min() == 255
    for points, (yaw, _, _) in zip(views.landmarks, views.poses, strict=True):
        assert geometry.estimate_yaw(points) == pytest.approx(yaw, abs=12)
    assert views.images[0, MARGIN + 64, MARGIN + 64, 3] == 255
