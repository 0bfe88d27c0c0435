"""The fatbin's sidecar, and which drivers and GPUs can run it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tpgan_sdk.gpu import kernels as native
from tpgan_sdk.gpu.cuda import CudaDriver, Gpu
from tpgan_sdk.gpu.kernels import KernelsInfo, find_kernels, why_incompatible_kernels
from tpgan_sdk.models.model import sha256_of

from .conftest import FakeDevice

CODE = b"device code"
SIDECAR: dict[str, Any] = {
    "format": 1,
    "interface": 2,
    "version": "1.2.3",
    "sha256": "",
    "cuda": "13.0",
    "sm": [75, 86, 120],
    "ptx": 120,
    "exact": False,
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "tpgan_kernels.fatbin").write_bytes(CODE)
    describe(tmp_path)
    return tmp_path


def describe(folder: Path, **changes: Any) -> None:
    found = sha256_of(folder / "tpgan_kernels.fatbin")
    values = SIDECAR | {"sha256": found} | changes
    (folder / "tpgan_kernels.json").write_text(json.dumps(values))


def test_kernels_are_found(folder: Path) -> None:
    info = find_kernels(folder)
    assert isinstance(info, KernelsInfo)
    assert (info.cuda, info.sm, info.ptx) == ("13.0", [75, 86, 120], 120)


def test_without_kernels_the_line_that_builds_them(tmp_path: Path) -> None:
    expected = f"no compiled kernels in {tmp_path}: build them with `{native.BUILD_LINE}`"
    assert find_kernels(tmp_path) == expected


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"interface": 1}, "is of another version of this SDK: build it again"),
        ({"format": 2}, "is of another version of this SDK: build it again"),
        ({"sha256": "0" * 64}, "is not the file that tpgan_kernels.json describes"),
        ({"cuda": "thirteen"}, "is not the sidecar of kernels"),
    ],
)
def test_kernels_that_are_refused(folder: Path, changes: dict[str, Any], message: str) -> None:
    describe(folder, **changes)
    found = find_kernels(folder)
    assert isinstance(found, str)
    assert message in found


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"format": 1, "interface": 2}'])
def test_sidecars_that_are_none(folder: Path, text: str) -> None:
    (folder / "tpgan_kernels.json").write_text(text)
    assert "is not the sidecar of kernels" in str(find_kernels(folder))


@pytest.mark.parametrize(
    ("driver", "sm", "part"),
    [
        ((13, 0), 86, None),
        ((13, 2), 89, None),  # machine code of 86 serves 89
        ((14, 0), 75, None),
        ((13, 0), 121, None),
        ((13, 0), 130, None),  # compiled from PTX
        ((12, 8), 86, "built with CUDA 13.0, the driver runs up to 12.8: update the driver, or"),
        ((13, 0), 80, "hold code for SM 75, 86, 120 and PTX 120, GPU is SM 80: build them for it"),
        ((13, 0), 90, "-DTPGAN_SM=90"),
    ],
)
def test_what_runs_where(folder: Path, driver: tuple[int, int], sm: int, part: str | None) -> None:
    info = find_kernels(folder)
    assert isinstance(info, KernelsInfo)
    found = why_incompatible_kernels(info, CudaDriver(driver, 1), Gpu("GPU", sm, 1))
    assert found is None if part is None else part in str(found)


def test_ptx_of_a_newer_toolkit_is_not_compiled(folder: Path) -> None:
    describe(folder, cuda="13.1")
    info = find_kernels(folder)
    assert isinstance(info, KernelsInfo)
    found = why_incompatible_kernels(info, CudaDriver((13, 0), 1), Gpu("GPU", 130, 1))
    assert "needs the kernels' PTX, which CUDA 13.1 wrote and the driver, up to 13.0" in str(found)


def test_opening_says_why_not(
    folder: Path, fake_device: FakeDevice, monkeypatch: pytest.MonkeyPatch
) -> None:
    device: Any = fake_device
    monkeypatch.setattr(native, "find_driver", lambda: "no NVIDIA driver")
    assert native.open_kernels(device, folder) == "no NVIDIA driver"
    monkeypatch.setattr(native, "find_driver", lambda: CudaDriver((13, 0), 1))
    assert isinstance(native.open_kernels(device, folder), native.Kernels)
    describe(folder, sm=[75])
    assert "Orin is SM 87" in str(native.open_kernels(device, folder))
    assert "no compiled kernels in" in str(native.open_kernels(device, folder / "absent"))
