"""Real faces for the detectors."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tpgan_sdk.images.files import read_image

PHOTOS = Path(__file__).resolve().parents[2] / "examples" / "photos"


@pytest.fixture(scope="session")
def portrait() -> np.ndarray:
    """One frontal face, scikit-image's astronaut (NASA, public domain), BGR."""
    data = pytest.importorskip("skimage.data")
    return np.ascontiguousarray(data.astronaut()[:, :, ::-1])


@pytest.fixture(scope="session")
def group() -> np.ndarray:
    """Six faces: insightface's own example."""
    package = pytest.importorskip("insightface")
    return read_image(Path(package.__file__).parent / "data" / "images" / "t1.jpg")


@pytest.fixture(scope="session")
def profiles() -> dict[int, np.ndarray]:
    """Tight views of one face by yaw in degrees."""
    return {
        yaw: read_image(PHOTOS / f"astronaut_{side}_{abs(yaw)}.png")
        for yaw, side in ((-90, "left"), (-60, "left"), (45, "right"), (75, "right"))
    }
