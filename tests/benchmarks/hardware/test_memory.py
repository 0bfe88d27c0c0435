"""Memory, read from the kernel's own account."""

from __future__ import annotations

import pytest

from benchmarks.hardware import memory

STATUS = "Name:\tpython\nVmPeak:\t  900000 kB\nVmHWM:\t  204800 kB\nVmRSS:\t  102400 kB\n"


def test_the_entries_of_a_status() -> None:
    assert memory.status_mb(STATUS, "VmHWM") == 200
    assert memory.status_mb(STATUS, "VmRSS") == 100
    with pytest.raises(ValueError, match="no VmSwap in the status"):
        memory.status_mb(STATUS, "VmSwap")


def test_the_peak_stays_until_it_is_forgotten() -> None:
    try:
        memory.reset_peak()
    except OSError as error:
        pytest.skip(f"the kernel keeps the mark: {error}")
    before = memory.peak_mb()
    block = b"x" * (64 << 20)  # written, so that the pages are there
    held = memory.resident_mb()
    del block
    assert memory.peak_mb() >= before + 63
    assert memory.peak_mb() >= held - 1
    memory.reset_peak()
    assert memory.peak_mb() < before + 32


@pytest.mark.parametrize(
    ("told", "expected"), [("1234\n", 1234.0), ("[N/A]\n", None), ("", None), ("1\n2\n", None)]
)
def test_device_memory(told: str, expected: float | None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "command_output", lambda *_: told)
    assert memory.device_mb() == expected
