"""OpenVINO on the CPU."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import BackendError
from ..images.resample import Float32Array
from ..models.model import Model
from ..system.cores import usable_cores
from ..types import BackendInfo
from .onnx_runtime import check_inputs

if TYPE_CHECKING:
    import openvino

_TELEMETRY = "openvino_telemetry"
_INTEGERS = ("int8", "fp8")
INSTALL_LINE = "pip install 'tpgan-sdk[openvino]'"


def open_openvino(model: Model, device: str | None) -> OpenVinoBackend:
    """On the CPU, in the precision of the model.

    Raises:
        BackendError: OpenVINO is not installed, cannot load the model or would spoil it, or
            another device was asked for.
        ModelError: an ONNX with other inputs than the SDK's.
    """
    if device not in (None, "cpu"):
        raise BackendError(f"openvino runs on device 'cpu', not on {device!r}")
    if model.info.precision in _INTEGERS:
        raise BackendError(
            f"openvino changes the pictures of {model.info.precision} models (measured: 20.9 dB "
            "where ONNX Runtime has 35.9); use onnxruntime-cpu, or a bf16 model"
        )
    compiled = _compiled(model)
    kind = compiled.get_property("INFERENCE_PRECISION_HINT").to_string()
    return OpenVinoBackend(
        compiled, BackendInfo("openvino", f"CPU ({kind})", "cpu", "opened", None)
    )


class OpenVinoBackend:
    """Runs a model's ONNX. Clones share the compiled model; each has buffers of its own."""

    def __init__(self, compiled: openvino.CompiledModel, info: BackendInfo) -> None:
        self.info = info
        self._compiled: openvino.CompiledModel | None = compiled
        self._request: openvino.InferRequest | None = compiled.create_infer_request()

    def run(self, inputs: Mapping[str, Float32Array]) -> Float32Array:
        """See `Backend.run`."""
        if self._request is None:
            raise BackendError("this backend is closed; make a new Frontalizer")
        # The result is copied out: the next run overwrites the request's own.
        output: Float32Array = self._request.infer(dict(inputs), share_inputs=True)[0]
        return output

    def run_layers(self, inputs: Mapping[str, Float32Array]) -> dict[str, Float32Array]:
        """See `LayerBackend.run_layers`."""
        if self._request is None:
            raise BackendError("this backend is closed; make a new Frontalizer")
        found = self._request.infer(dict(inputs), share_inputs=True).items()
        return {port.any_name: np.array(values) for port, values in found}

    def clone(self) -> OpenVinoBackend:
        """See `Backend.clone`."""
        if self._compiled is None:
            raise BackendError("this backend is closed; make a new Frontalizer")
        return OpenVinoBackend(self._compiled, self.info)

    def close(self) -> None:
        """See `Backend.close`."""
        self._compiled = self._request = None


def import_openvino() -> Any:
    """The module, without its report to its maker.

    Raises:
        BackendError: not installed, or broken.
    """
    # It reports its import where this package of its own is found.
    silenced = _TELEMETRY not in sys.modules
    if silenced:
        sys.modules[_TELEMETRY] = None  # type: ignore[assignment]
    try:
        import openvino
    except Exception as error:  # a broken installation fails in more ways than ImportError
        raise BackendError(
            f"OpenVINO cannot be imported ({error}); install it: {INSTALL_LINE}"
        ) from None
    finally:
        if silenced:
            del sys.modules[_TELEMETRY]
    return openvino


def _compiled(model: Model) -> openvino.CompiledModel:
    runtime = import_openvino()
    settings = {
        # By default FP32 models run in BF16 where the CPU has it: faster, and other pictures.
        "INFERENCE_PRECISION_HINT": "bf16" if model.info.precision == "bf16" else "f32",
        "PERFORMANCE_HINT": "LATENCY",
        "INFERENCE_NUM_THREADS": usable_cores(),
        "ENABLE_CPU_PINNING": False,
    }
    try:
        compiled: openvino.CompiledModel = runtime.Core().compile_model(
            str(model.path), "CPU", settings
        )
    except Exception as error:  # a bare RuntimeError, or what its plugins raise
        raise BackendError(f"OpenVINO cannot load {model.path}: {error}") from error
    found = {
        # Behind a cast to FP16 a port has the cast's name, too.
        next((name for name in model.inputs if name in port.names), port.any_name): [
            size.get_length() if size.is_static else str(size)
            for size in list(port.partial_shape)[1:]
        ]
        for port in compiled.inputs
    }
    check_inputs(model, found)
    return compiled
