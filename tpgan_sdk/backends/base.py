"""What every backend offers."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

from ..errors import BackendError
from ..gpu.cuda import Device
from ..images.resample import Float32Array
from ..types import BackendInfo


class Backend(Protocol):
    """Runs the network on batches of aligned faces."""

    info: BackendInfo

    def run(self, inputs: Mapping[str, Float32Array]) -> Float32Array:
        """One batch.

        Args:
            inputs: as `tpgan_sdk.faces.crops.network_inputs` makes them, (N, 3, h, w) float32.

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


@runtime_checkable
class LayerBackend(Backend, Protocol):
    """Also gives what the picture is made of."""

    def run_layers(self, inputs: Mapping[str, Float32Array]) -> dict[str, Float32Array]:
        """As `run`, with all outputs of the model by name, see `tpgan_sdk.faces.layers.LAYERS`."""
        ...


@dataclass(frozen=True, slots=True)
class DeviceBuffers:
    """A backend's own buffers and stream, while `GpuBackend.on_gpu` lends them."""

    device: Device
    driver: Any
    """pycuda's driver module."""
    stream: Any
    inputs: dict[str, tuple[int, ...]]
    """Shape of each input, without the batch."""
    output: str
    tensors: dict[str, int]
    """Address of each input and of the output, float32, with room for `rows` faces."""
    rows: int
    enqueue: Callable[[int], None]
    """Puts a batch of so many faces, at most `rows`, on the stream."""


@runtime_checkable
class GpuBackend(Backend, Protocol):
    """Also takes its inputs from the GPU, and leaves its output there."""

    def on_gpu(self) -> AbstractContextManager[DeviceBuffers]:
        """Lends buffers and stream to who fills and reads them on the GPU, for one `with`, in
        which the GPU's context is current.

        Raises:
            BackendError: closed, in use by another thread, or the GPU or the runtime fails.
        """
        ...


@contextmanager
def locked_to_thread(busy: threading.Lock) -> Iterator[None]:
    """For one thread, and no other meanwhile.

    Raises:
        BackendError: another thread is in it.
    """
    if not busy.acquire(blocking=False):
        raise BackendError("this backend is in use by another thread; give each a clone()")
    try:
        yield
    finally:
        busy.release()
