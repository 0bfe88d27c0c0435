"""Views of a cartoon whose landmarks can be found again in the pixels."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from tpgan_sdk import geometry
from train.landmarks.views import MARGIN, SIZE, ViewSet

POINTS = np.array([[40.0, 40.0], [75.0, 40.0], [80.0, 65.0], [45.0, 88.0], [72.0, 88.0]])


@pytest.fixture
def views() -> ViewSet:
    """Two opaque black views with a bright disc at every landmark, at 30 and 85 degrees."""
    image = np.zeros((SIZE, SIZE, 4), np.uint8)
    image[..., 3] = 255
    for x, y in POINTS:
        cv2.circle(image, (round(x) + MARGIN, round(y) + MARGIN), 3, (250, 250, 250, 255), -1)
    poses = np.array([[30.0, 5.0, 2.0], [85.0, -10.0, -3.0]])
    yaw = geometry.estimate_yaw(POINTS)
    assert 0 < yaw < 90
    return ViewSet(np.stack([image] * 2), np.stack([POINTS] * 2), poses, np.array([True, False]))
