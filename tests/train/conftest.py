"""Small shards that need no portraits."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from tpgan_sdk.geometry import OFFICIAL
from train.data.shards import FLOW_UNIT, SEEN, VIEW_SIZE, write_shard


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
    centres = (np.arange(64) * 2 + 0.5) * FLOW_UNIT
    here = np.stack(np.meshgrid(centres, centres)).astype(np.int16)
    for identity in range(4):
        targets.append(_face(np.random.default_rng(identity), 128, 0))
        for yaw in (0, 40, 80):
            points = np.asarray(OFFICIAL.points, np.float32)
            points[2, 0] += yaw / 8
            views.append(_face(np.random.default_rng(identity), VIEW_SIZE, yaw // 8))
            labels.append((identity, identity, False, yaw, 0, 0, (0.3, 0, -0.4), points))
    flow, seen = [here] * len(views), [np.full((64, 64), SEEN, np.uint8)] * len(views)
    meta = {"template": "official"}
    write_shard(folder / "shard-00000", views, flow, seen, targets, labels, meta)
    return folder
