"""Small shards that need no portraits."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from tpgan_sdk.geometry import OFFICIAL
from train.data.shards import write_shard


def _face(rng: np.random.Generator, size: int, shift: int) -> np.ndarray:
    """A smooth cartoon of a face with alpha: enough for a network to learn something."""
    picture = np.full((size, size, 4), 0, np.uint8)
    skin = tuple(int(v) for v in rng.integers(90, 220, 3))
    margin = (size - 128) // 2
    cv2.ellipse(picture, (64 + margin, 64 + margin), (50, 62), 0, 0, 360, (*skin, 255), -1)
    for x, y in OFFICIAL.points:
        cv2.circle(picture, (int(x) + shift + margin, int(y) + margin), 6, (40, 30, 30, 255), -1)
    return picture


@pytest.fixture(scope="session")
def shards(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with one shard: 4 identities, 3 views each."""
    folder = tmp_path_factory.mktemp("shards")
    views, targets, labels = [], [], []
    for identity in range(4):
        targets.append(_face(np.random.default_rng(identity), 128, 0))
        for yaw in (0, 40, 80):
            points = np.asarray(OFFICIAL.points, np.float32)
            points[2, 0] += yaw / 8
            views.append(_face(np.random.default_rng(identity), 160, yaw // 8))
            labels.append((identity, identity, False, yaw, 0, 0, (0.3, 0, -0.4), points))
    write_shard(folder / "shard-00000", views, targets, labels, {"template": "official"})
    return folder
