"""The one module of the SDK that names TensorRT's runtime: 10.3 to 11.x and TensorRT-RTX.

Tensors go by name; nothing here uses bindings by index, which 10 removed, or sizes of device
memory, which 11 renamed. All of it is called inside `tpgan_sdk.gpu.cuda.Device.active`.
"""

from __future__ import annotations

import importlib
import logging
from dataclasses import dataclass
from typing import Any, Final

from ...errors import BackendError

MODULES: Final = {"tensorrt": "tensorrt", "rtx": "tensorrt_rtx"}
"""Runtime of a sidecar, and the Python module that runs its engines."""
INSTALL: Final = {
    "tensorrt": "it comes with JetPack, elsewhere from NVIDIA",
    "rtx": "pip install tensorrt-rtx-cu13",
}

log = logging.getLogger("tpgan_sdk")


def load_runtime(name: str) -> Any:
    """The Python module of a runtime.

    Raises:
        BackendError: it cannot be imported.
    """
    if name not in MODULES:
        raise BackendError(f"unknown runtime {name!r}; known: {', '.join(MODULES)}")
    try:
        return importlib.import_module(MODULES[name])
    except Exception as error:  # a half-installed TensorRT fails in more ways than ImportError
        raise BackendError(f"cannot import {MODULES[name]} ({error}); {INSTALL[name]}") from None


def version_of(trt: Any) -> str:
    """Version of the runtime, as it stands in sidecars."""
    return str(trt.__version__)


@dataclass(frozen=True, slots=True)
class Tensor:
    """An input or output of an engine."""

    name: str
    is_input: bool
    row: tuple[int, ...]
    """Shape of one face, without the batch."""


class Engine:
    """A deserialised engine. Contexts made from it may run in parallel.

    Raises:
        BackendError: TensorRT refuses the data, or its tensors are not float32.
    """

    def __init__(self, trt: Any, data: bytes, host_code: bool = False) -> None:
        """
        Args:
            host_code: a version-compatible engine brings its own runtime, which may run.
        """
        # Logger and runtime must outlive the engine.
        self._trt, self._logger = trt, _logger(trt)
        self._runtime = trt.Runtime(self._logger)
        if host_code:
            self._runtime.engine_host_code_allowed = True
        self._engine: Any = self._runtime.deserialize_cuda_engine(data)
        if self._engine is None:
            raise BackendError("TensorRT does not read the engine; see its message in the log")
        self.tensors: list[Tensor] = []
        self.batch = (0, 0, 0)
        """Smallest, optimal and largest."""
        for index in range(self._engine.num_io_tensors):
            name = self._engine.get_tensor_name(index)
            if self._engine.get_tensor_dtype(name) != trt.DataType.FLOAT:
                self.close()
                raise BackendError(f"the engine's tensor {name} is not float32; build it again")
            is_input = self._engine.get_tensor_mode(name) == trt.TensorIOMode.INPUT
            row = tuple(int(size) for size in self._engine.get_tensor_shape(name))[1:]
            self.tensors.append(Tensor(name, is_input, row))
            if is_input:
                low, best, high = self._engine.get_tensor_profile_shape(name, 0)
                self.batch = (int(low[0]), int(best[0]), int(high[0]))

    def context(self) -> Context:
        """A context of its own, for one thread and one stream."""
        made = Context(self._engine.create_execution_context(), self.tensors)
        if made.missing:
            raise BackendError("TensorRT makes no execution context: the GPU's memory is short")
        return made

    def refit(self, onnx: bytes) -> None:
        """Puts an ONNX's weights in.

        Raises:
            BackendError: the engine was not built for it, or the ONNX is of another network.
        """
        refitter = self._trt.Refitter(self._engine, self._logger)
        weights = self._trt.OnnxParserRefitter(refitter, self._logger)
        taken = weights.refit_from_bytes(onnx) and refitter.refit_cuda_engine()
        del weights, refitter  # the error's traceback would keep the engine beyond its context
        if not taken:
            raise BackendError(
                "TensorRT does not take the ONNX's weights into the engine; expected the network "
                "that it was built from, and an engine built with --strip or --refittable; see its "
                "message in the log"
            )

    def serialize(self) -> bytes:
        """The engine as it is now."""
        return bytes(self._engine.serialize())

    def inspect(self) -> str:
        """What TensorRT's inspector tells of the layers, JSON."""
        inspector = self._engine.create_engine_inspector()
        return str(inspector.get_engine_information(self._trt.LayerInformationFormat.JSON))

    def close(self) -> None:
        """Frees the engine; its contexts are closed before."""
        self._engine = self._runtime = None


class Context:
    """Runs an engine on buffers that it is told once."""

    def __init__(self, context: Any, tensors: list[Tensor]) -> None:
        self._context = context
        self._tensors = tensors
        self._rows = 0

    @property
    def missing(self) -> bool:
        """Closed, or never made."""
        return self._context is None

    def close(self) -> None:
        """Frees it, whoever still refers to this object (a traceback, say)."""
        self._context = None

    def bind(self, addresses: dict[str, int]) -> None:
        """Sets the device address of every tensor."""
        for name, address in addresses.items():
            if not self._context.set_tensor_address(name, address):
                raise BackendError(f"TensorRT refuses the buffer of {name}")

    def enqueue(self, rows: int, stream: int) -> None:
        """Puts one batch on the stream."""
        if rows != self._rows:
            for tensor in self._tensors:
                shape = (rows, *tensor.row)
                if tensor.is_input and not self._context.set_input_shape(tensor.name, shape):
                    raise BackendError(f"TensorRT refuses {tensor.name} of shape {shape}")
            self._rows = rows
        if not self._context.execute_async_v3(stream):
            raise BackendError("TensorRT could not start the batch; see its message in the log")


def _logger(trt: Any) -> Any:
    levels = {
        trt.ILogger.INTERNAL_ERROR: logging.ERROR,
        trt.ILogger.ERROR: logging.ERROR,
        trt.ILogger.WARNING: logging.WARNING,
    }

    class Forward(trt.ILogger):  # type: ignore[misc]
        def __init__(self) -> None:
            trt.ILogger.__init__(self)

        def log(self, severity: Any, message: str) -> None:
            log.log(levels.get(severity, logging.DEBUG), "TensorRT: %s", message)

    return Forward()
