"""What every backend offers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from ..resample import Float32Array
from ..types import BackendInfo


class Backend(Protocol):
    """Runs the network on batches of aligned faces."""

    info: BackendInfo

    def run(self, inputs: Mapping[str, Float32Array]) -> Float32Array:
        """One batch.

        Args:
            inputs: as `tpgan_sdk.crops.network_inputs` makes them, (N, 3, h, w) float32.

        Returns:
            (N, 3, 128, 128) float32 in [-1, 1], RGB.
        """
        ...

    def clone(self) -> Backend:
        """Another one for another thread; weights are shared where the runtime allows."""
        ...

    def close(self) -> None:
        """Frees what it holds. A closed backend cannot run."""
        ...
