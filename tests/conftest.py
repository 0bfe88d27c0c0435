"""Fixtures that several tests share."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

REPOSITORY = Path(__file__).resolve().parent.parent
SHARED = Path(os.environ.get("TPGAN_SHARED", REPOSITORY.parent / "shared"))


@pytest.fixture(scope="session")
def shared_dir() -> Path:
    """Folder of data and models that the repository does not carry."""
    if not SHARED.is_dir():
        pytest.skip(f"no shared data folder at {SHARED}: set TPGAN_SHARED to one")
    return SHARED


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(0)
