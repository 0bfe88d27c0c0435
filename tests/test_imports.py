"""What importing the SDK does not import. How long it takes: scripts/import_time.py."""

from __future__ import annotations

import subprocess
import sys

import pytest

HEAVY = {"torch", "onnxruntime", "insightface", "cv2", "skimage", "pycuda", "tensorrt"}


@pytest.mark.parametrize("module", ["tpgan_sdk", "tpgan_sdk.cli", "engines", "export.build_engine"])
def test_import_stays_light(module: str) -> None:
    code = f"import sys, {module}; print(*sorted({HEAVY!r} & set(sys.modules)))"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.split() == []
