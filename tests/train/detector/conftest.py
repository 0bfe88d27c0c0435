"""A small detector's network, and YuNet's file."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def yunet(shared_dir: Path) -> Path:
    """YuNet's ONNX."""
    pytest.importorskip("onnx", reason="YuNet's weights are read from its ONNX")
    path = shared_dir / "models" / "yunet" / "yunet_n_dynamic.onnx"
    if not path.is_file():
        pytest.skip("no YuNet in the shared data folder")
    return path
