"""Two of the parity faces: enough where a test is not about parity."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tpgan_sdk.backends import parity


@pytest.fixture(scope="module", autouse=True)
def few_faces(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Takes the place of the package's 16 in every module that imports it."""
    folder = tmp_path_factory.mktemp("faces")
    for name in ("00_yaw+00.png", "13_yaw-80.png", "landmarks.json"):
        shutil.copy(parity.FACES / name, folder)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(parity, "FACES", folder)
        yield folder
