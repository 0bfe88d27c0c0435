"""The folder's photos, and the ratio by hand."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("cv2", reason="writes the photos")

from benchmarks import folder
from benchmarks.errors import BenchmarkError
from benchmarks.folder import LONGEST, SingleCoreTimes, cropped, make_photos, ratio_to_alone
from tpgan_sdk.images.files import read_image


def test_the_ratio() -> None:
    alone = SingleCoreTimes(detection=0.08, network=0.05, found=0.8)
    assert alone.photo == pytest.approx(0.12)
    assert ratio_to_alone(66.0, 1000, alone, cores=2) == pytest.approx(1.1)


def test_photos_are_large_enough_and_the_same_every_time(tmp_path: Path) -> None:
    for name in ("a", "b"):
        make_photos(tmp_path / name, 9)
    files = sorted((tmp_path / "a").iterdir())
    assert len(files) == 9
    assert all(path.read_bytes() == (tmp_path / "b" / path.name).read_bytes() for path in files)
    sizes = [max(read_image(path).shape[:2]) for path in files]
    assert LONGEST // 2 <= min(sizes) <= max(sizes) <= LONGEST
    assert len(set(sizes)) > 4


def test_crops_keep_the_middle() -> None:
    picture = np.arange(100 * 80 * 3, dtype=np.uint32).astype(np.uint8).reshape(100, 80, 3)
    for seed in range(20):
        part = cropped(picture, np.random.default_rng(seed))
        assert 80 <= part.shape[0] <= 100
        assert 64 <= part.shape[1] <= 80


def test_without_the_examples(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(folder, "PHOTOS", tmp_path / "none")
    with pytest.raises(BenchmarkError, match=r"no photos in .*none; run this from the repository"):
        make_photos(tmp_path / "out", 1)
