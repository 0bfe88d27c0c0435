"""The driver probe against a fake driver library."""

from __future__ import annotations

import ctypes
from typing import Any

import pytest

from tpgan_sdk.gpu import cuda


class FakeLibrary:
    """The three calls of `libcuda.so.1` that the probe makes."""

    def __init__(self, status: int = 0, version: int = 13020, devices: int = 2) -> None:
        self.status, self.version, self.devices = status, version, devices

    def cuInit(self, flags: int) -> int:  # noqa: N802 - the driver's own name
        return self.status

    def cuDriverGetVersion(self, version: Any) -> int:  # noqa: N802
        version._obj.value = self.version
        return 0

    def cuDeviceGetCount(self, count: Any) -> int:  # noqa: N802
        count._obj.value = self.devices
        return 0


@pytest.mark.parametrize(
    ("library", "expected"),
    [
        (FakeLibrary(), cuda.CudaDriver((13, 2), 2)),
        (FakeLibrary(version=12060), cuda.CudaDriver((12, 6), 2)),
        (FakeLibrary(status=999), "the NVIDIA driver does not start: cuInit returned 999"),
        (FakeLibrary(devices=0), "the NVIDIA driver finds no GPU"),
    ],
)
def test_what_the_driver_says(
    library: FakeLibrary, expected: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ctypes, "CDLL", lambda name: library)
    assert cuda.find_driver() == expected


def test_no_driver(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(name: str) -> None:
        raise OSError(f"{name}: cannot open shared object file")

    monkeypatch.setattr(ctypes, "CDLL", refuse)
    assert cuda.find_driver() == "no NVIDIA driver: libcuda.so.1 is not on this machine"
