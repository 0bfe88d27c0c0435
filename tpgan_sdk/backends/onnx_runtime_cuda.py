"""ONNX Runtime on an NVIDIA GPU, from and to buffers there, on a stream that the SDK shares."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from ..errors import BackendError
from ..geometry import CROP_SIZE
from ..gpu.cuda import Device
from ..images.resample import Float32Array
from ..types import BackendInfo
from .base import DeviceBuffers, locked_to_thread

if TYPE_CHECKING:
    import onnxruntime

OpenSession = Callable[[Mapping[str, str]], "onnxruntime.InferenceSession"]
"""Opens a session with these options of its CUDA provider, besides the device."""

ROWS: Final = 16
"""Faces that the buffers have room for, as `Frontalizer` gives them at once."""
PROOF_LIMIT: Final = 1e-3
"""Largest difference between the first batch on the GPU and the same through the host."""


class OnnxRuntimeCudaBackend:
    """Runs a model's ONNX for one thread. A session serves one stream, so a clone opens its own.

    Args:
        open_device: the GPU; opened here, closed with the backend.
        rows: faces that the buffers have room for; `run` takes any number.
        memory: what ONNX Runtime calls the buffers' memory: "cpu" for tests without a GPU.

    Raises:
        BackendError: the GPU or ONNX Runtime fails, or the SDK's stream and buffers do not give
            what `run` gives.
    """

    def __init__(
        self,
        open_session: OpenSession,
        open_device: Callable[[], Device],
        info: BackendInfo,
        *,
        rows: int = ROWS,
        memory: str = "cuda",
    ) -> None:
        self.info = info
        self._open = (open_session, open_device)
        self._rows, self._memory = rows, memory
        self._busy = threading.Lock()
        self._session: Any = None
        self._stream: Any = None
        self._buffers: dict[str, Any] = {}
        self._device: Device | None = open_device()
        try:
            self._prepare(self._device, open_session)
        except BaseException:
            with suppress(BackendError):  # what failed first is what matters
                self.close()
            raise

    def run(self, inputs: Mapping[str, Float32Array]) -> Float32Array:
        """See `Backend.run`.

        Raises:
            BackendError: closed, in use by another thread, or ONNX Runtime fails.
        """
        with self._used():
            try:
                output: Float32Array = self._session.run(None, dict(inputs))[0]
            except Exception as error:
                raise _failed("run a batch", error) from error
            return output

    @contextmanager
    def on_gpu(self) -> Iterator[DeviceBuffers]:
        """See `GpuBackend.on_gpu`."""
        with self._used() as device, device.active("running a batch") as driver:
            yield DeviceBuffers(
                device=device,
                driver=driver,
                stream=self._stream,
                inputs={name: tuple(shape) for name, shape in self._inputs.items()},
                output=self._output,
                tensors={name: int(buffer) for name, buffer in self._buffers.items()},
                rows=self._rows,
                enqueue=partial(self._enqueue, device.index),
            )

    def clone(self) -> OnnxRuntimeCudaBackend:
        """See `Backend.clone`: another session, with its own stream, weights and buffers."""
        if self._device is None:
            raise BackendError("this backend is closed; make a new Frontalizer")
        return OnnxRuntimeCudaBackend(*self._open, self.info, rows=self._rows, memory=self._memory)

    def close(self) -> None:
        """See `Backend.close`; waits for a batch that another thread runs. Again: nothing."""
        with self._busy:
            device, self._device = self._device, None
            if device is None:
                return
            # From the last to the first, each whatever becomes of the others.
            with ExitStack() as steps:
                steps.callback(device.close)
                steps.callback(device.free, *self._buffers.values())
                steps.enter_context(device.active("closing the backend"))
                steps.callback(self._drop)
                if self._stream is not None:
                    steps.callback(self._stream.synchronize)
            self._buffers = {}

    @contextmanager
    def _used(self) -> Iterator[Device]:
        """By this thread, and by no other meanwhile."""
        with locked_to_thread(self._busy):
            if self._device is None:
                raise BackendError("this backend is closed; make a new Frontalizer")
            yield self._device

    @property
    def _shapes(self) -> dict[str, list[int]]:
        """Of all tensors, without the batch."""
        return {**self._inputs, self._output: [3, CROP_SIZE, CROP_SIZE]}

    def _prepare(self, device: Device, open_session: OpenSession) -> None:
        from onnxruntime import RunOptions  # imported late: `import tpgan_sdk` stays light

        self._stream = device.stream()
        with device.active("opening a session"):  # which then uses this context
            self._session = open_session({"user_compute_stream": str(int(self._stream.handle))})
        self._inputs = {v.name: list(v.shape[1:]) for v in self._session.get_inputs()}
        self._output = self._session.get_outputs()[0].name
        self._options = RunOptions()
        # What reads the output is on the same stream: the host need not wait in between.
        self._options.add_run_config_entry("disable_synchronize_execution_providers", "1")
        for name, shape in self._shapes.items():
            self._buffers[name] = device.allocate((self._rows, *shape))
        self._prove()

    def _prove(self) -> None:
        """Runs a face both ways: a wrong stream or address shows here, not in a picture."""
        inputs = {
            name: np.linspace(-1, 1, int(np.prod(shape)), dtype=np.float32).reshape(1, *shape)
            for name, shape in self._inputs.items()
        }
        expected = self.run(inputs)
        found = np.full_like(expected, np.nan)
        with self.on_gpu() as gpu:
            for name, values in {**inputs, gpu.output: found}.items():
                gpu.driver.memcpy_htod_async(gpu.tensors[name], values, gpu.stream)
            gpu.enqueue(1)
            gpu.driver.memcpy_dtoh_async(found, gpu.tensors[gpu.output], gpu.stream)
            gpu.stream.synchronize()
        difference = float(np.abs(found - expected).max())
        if not difference <= PROOF_LIMIT:  # NaN too
            raise BackendError(f"a batch in buffers on the GPU differs by {difference}")

    def _enqueue(self, index: int, count: int) -> None:
        try:
            self._session.run_with_iobinding(self._bound(index, count), self._options)
        except Exception as error:
            raise _failed(f"run a batch of {count} on the GPU", error) from error

    def _bound(self, index: int, count: int) -> onnxruntime.IOBinding:
        binding: onnxruntime.IOBinding = self._session.io_binding()
        for name, shape in self._shapes.items():
            bind = binding.bind_output if name == self._output else binding.bind_input
            place = int(self._buffers[name])
            bind(name, self._memory, index, np.float32, [count, *shape], place)
        return binding

    def _drop(self) -> None:
        """The session before the stream that it uses, and both inside their context."""
        self._session = None
        self._stream = None


def _failed(doing: str, error: Exception) -> BackendError:
    """For any error of ONNX Runtime: its own share no public base."""
    error.__traceback__ = None  # its frames would keep the session alive beyond its stream
    return BackendError(f"ONNX Runtime cannot {doing}: {error}")
