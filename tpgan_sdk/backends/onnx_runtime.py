"""ONNX Runtime on the CPU or on an NVIDIA GPU."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

from ..errors import BackendError, ModelError
from ..gpu.cuda import CudaDriver, Device, device_index, find_driver
from ..gpu.kernels import find_kernels
from ..images.resample import Float32Array
from ..models.model import Model
from ..system.cores import usable_cores
from ..types import BackendInfo
from .base import Backend
from .onnx_runtime_cuda import OnnxRuntimeCudaBackend

if TYPE_CHECKING:
    import onnxruntime

CPU, CUDA = "CPUExecutionProvider", "CUDAExecutionProvider"
LIBRARIES_LINE = "pip install 'onnxruntime-gpu[cuda,cudnn]'"
GPU_LINE = "pip uninstall -y onnxruntime && pip install 'tpgan-sdk[gpu]'"

log = logging.getLogger("tpgan_sdk")


def open_cpu(model: Model, device: str | None) -> OnnxRuntimeBackend:
    """On the CPU.

    Raises:
        BackendError: ONNX Runtime is not installed, or another device was asked for.
    """
    if device not in (None, "cpu"):
        raise BackendError(f"onnxruntime-cpu runs on device 'cpu', not on {device!r}")
    gpu_idle = device is None and isinstance(find_driver(), CudaDriver)
    faster = GPU_LINE if gpu_idle else None
    info = BackendInfo("onnxruntime-cpu", CPU, "cpu", "opened", faster)
    return OnnxRuntimeBackend(_session(model, [CPU]), info)


def open_cuda(model: Model, device: str | None) -> Backend:
    """On an NVIDIA GPU; with the SDK's kernels, from and to buffers there.

    Raises:
        BackendError: no driver, no CUDA provider, or the provider does not start: ONNX Runtime
            itself would then silently use the CPU.
    """
    index = device_index(device, "onnxruntime-cuda")
    driver = find_driver()
    if not isinstance(driver, CudaDriver):
        raise BackendError(driver)
    if index >= driver.devices:
        raise BackendError(f"device 'cuda:{index}' does not exist; GPUs here: {driver.devices}")
    runtime = _runtime()
    if CUDA not in runtime.get_available_providers():
        raise BackendError(f"this onnxruntime has no CUDA provider; install it: {GPU_LINE}")
    if hasattr(runtime, "preload_dlls"):
        runtime.preload_dlls()  # finds the CUDA and cuDNN libraries that pip installed
    open_session = partial(_cuda_session, model, index)
    info = BackendInfo("onnxruntime-cuda", CUDA, f"cuda:{index}", "opened", None)
    why, level = find_kernels(), logging.INFO
    if not isinstance(why, str):
        try:
            return OnnxRuntimeCudaBackend(open_session, partial(Device, index), info)
        except BackendError as error:
            why, level = str(error), logging.WARNING
    backend = OnnxRuntimeBackend(open_session({}), info)
    log.log(level, "onnxruntime-cuda takes its inputs from the CPU: %s", why)
    return backend


class OnnxRuntimeBackend:
    """Runs a model's ONNX. A session serves several threads, so clones share it."""

    def __init__(self, session: onnxruntime.InferenceSession, info: BackendInfo) -> None:
        self.info = info
        self._session: onnxruntime.InferenceSession | None = session
        self._names = [output.name for output in session.get_outputs()]

    def run(self, inputs: Mapping[str, Float32Array]) -> Float32Array:
        """See `Backend.run`."""
        if self._session is None:
            raise BackendError("this backend is closed; make a new Frontalizer")
        output: Float32Array = self._session.run(self._names[:1], dict(inputs))[0]
        return output

    def run_layers(self, inputs: Mapping[str, Float32Array]) -> dict[str, Float32Array]:
        """See `LayerBackend.run_layers`."""
        if self._session is None:
            raise BackendError("this backend is closed; make a new Frontalizer")
        values = self._session.run(self._names, dict(inputs))
        return dict(zip(self._names, values, strict=True))

    def clone(self) -> OnnxRuntimeBackend:
        """See `Backend.clone`."""
        if self._session is None:
            raise BackendError("this backend is closed; make a new Frontalizer")
        return OnnxRuntimeBackend(self._session, self.info)

    def close(self) -> None:
        """See `Backend.close`."""
        self._session = None


def _runtime() -> Any:
    try:
        import onnxruntime
    except Exception as error:  # a broken installation fails in more ways than ImportError
        raise BackendError(
            f"ONNX Runtime cannot be imported ({error}); install it: pip install 'tpgan-sdk[cpu]'"
        ) from None
    return onnxruntime


def _session(model: Model, providers: list[Any]) -> onnxruntime.InferenceSession:
    runtime = _runtime()
    options = runtime.SessionOptions()
    options.log_severity_level = 3
    # Containers often see more cores than they may use, and ONNX Runtime counts the former.
    options.intra_op_num_threads = usable_cores()
    try:
        session = runtime.InferenceSession(str(model.path), options, providers=providers)
    except Exception as error:  # ONNX Runtime's own exceptions share no public base
        raise BackendError(f"ONNX Runtime cannot load {model.path}: {error}") from error
    check_inputs(model, {value.name: list(value.shape[1:]) for value in session.get_inputs()})
    return session


def _cuda_session(
    model: Model, index: int, options: Mapping[str, str]
) -> onnxruntime.InferenceSession:
    session = _session(model, [(CUDA, {"device_id": str(index), **options}), CPU])
    if session.get_providers()[0] != CUDA:
        raise BackendError(
            "ONNX Runtime could not start its CUDA provider: CUDA or cuDNN libraries are missing "
            f"or of another version; {LIBRARIES_LINE}"
        )
    return session


def check_inputs(model: Model, found: Mapping[str, list[Any]]) -> None:
    """
    Args:
        found: the inputs as the runtime sees them, without the batch.

    Raises:
        ModelError: they are not those of the model's sidecar.
    """
    if found != model.inputs:
        raise ModelError(
            f"{model.path} takes the inputs {found}; expected {model.inputs}: it is not an ONNX "
            "that `tpgan export` wrote"
        )
