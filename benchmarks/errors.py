"""The error of the benchmarks."""

from __future__ import annotations

from tpgan_sdk.errors import TPGANError


class BenchmarkError(TPGANError):
    """A benchmark cannot run here, or a file is no result of one."""
