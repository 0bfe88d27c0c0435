"""The runtimes of a GPU, besides the SDK's own: PyTorch and ONNX Runtime. FP32 at the edges."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from typing import Any, Final

import numpy as np
import torch
from torch import Tensor, nn

from tpgan_sdk.backends.parity import Inputs
from tpgan_sdk.gpu.cuda import CudaDriver, find_driver
from tpgan_sdk.images.resample import Float32Array

from ..errors import BenchmarkError
from .networks import BenchmarkNetwork, Form, PictureOnly, as_tensors
from .runtimes import Opened, Runtime

GPU_BASELINE: Final = "torch-cuda-fp16"
_PROVIDER: Final = "CUDAExecutionProvider"


class _Half(nn.Module):
    """FP16 inside; a compiler fuses the casts."""

    def __init__(self, network: PictureOnly) -> None:
        super().__init__()
        self.network = network.half()

    def forward(self, *inputs: Tensor) -> Tensor:
        picture: Tensor = self.network(*(x.half() for x in inputs))
        return picture.float()


def _check_gpu() -> None:
    driver = find_driver()
    if not isinstance(driver, CudaDriver):
        raise BenchmarkError(driver)
    if not torch.cuda.is_available():
        raise BenchmarkError(f"torch {torch.__version__} has no CUDA, or not the driver's")


def _torch(mode: str | None, half: bool, subject: BenchmarkNetwork, inputs: Inputs) -> Opened:
    _check_gpu()
    torch.backends.cudnn.benchmark = True  # or eager takes the first algorithm that works
    plain = subject.network()
    network: Any = (_Half(plain) if half else plain).cuda()
    network.to(memory_format=torch.channels_last)
    if mode:
        network = torch.compile(network, mode=mode, dynamic=False)
    pinned = [x.pin_memory() for x in as_tensors(inputs)]
    on_gpu = [x.cuda() for x in pinned]
    picture = torch.empty_like(pinned[0]).pin_memory()  # as large as the face

    def run() -> Float32Array:
        with torch.inference_mode():
            for target, source in zip(on_gpu, pinned, strict=True):
                target.copy_(source, non_blocking=True)
            picture.copy_(network(*on_gpu), non_blocking=True)
            torch.cuda.synchronize()
        result: Float32Array = picture.numpy()
        return result

    begin, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))

    def device_seconds() -> float:
        with torch.inference_mode():
            begin.record()
            network(*on_gpu)
            end.record()
        end.synchronize()
        return float(begin.elapsed_time(end)) / 1e3

    return Opened(run, device_seconds)


def _onnxruntime(graphs: bool, form: Form, subject: BenchmarkNetwork, inputs: Inputs) -> Opened:
    import onnxruntime
    from onnxruntime import OrtValue

    _check_gpu()
    if _PROVIDER not in onnxruntime.get_available_providers():
        raise BenchmarkError("this onnxruntime has no CUDA provider")
    if hasattr(onnxruntime, "preload_dlls"):
        onnxruntime.preload_dlls()
    options: dict[str, Any] = {"enable_cuda_graph": "1" if graphs else "0"}
    path = str(subject.onnx(form))
    session = onnxruntime.InferenceSession(path, providers=[(_PROVIDER, options)])
    if session.get_providers()[0] != _PROVIDER:
        raise BenchmarkError("ONNX Runtime could not start its CUDA provider")
    # A captured graph reads and writes these addresses, so they are bound once.
    on_gpu = {name: OrtValue.ortvalue_from_numpy(x, "cuda", 0) for name, x in inputs.items()}
    shape = inputs["face"].shape  # the picture's too
    picture = OrtValue.ortvalue_from_shape_and_type(shape, np.float32, "cuda", 0)
    binding = session.io_binding()
    for name, value in on_gpu.items():
        binding.bind_ortvalue_input(name, value)
    binding.bind_ortvalue_output(session.get_outputs()[0].name, picture)

    def run() -> Float32Array:
        for name, value in on_gpu.items():
            value.update_inplace(inputs[name])
        session.run_with_iobinding(binding)
        result: Float32Array = picture.numpy()
        return result

    def device_seconds() -> float:
        begun = time.perf_counter()
        session.run_with_iobinding(binding)
        binding.synchronize_outputs()
        return time.perf_counter() - begun

    return Opened(run, device_seconds)


def _runtime(
    name: str,
    what: str,
    precision: str,
    opener: Callable[[BenchmarkNetwork, Inputs], Opened],
    compiles: bool = False,
) -> Runtime:
    return Runtime(name, what, precision, opener, device="cuda", compiles=compiles)


GPU: Final = (
    _runtime(
        GPU_BASELINE, "PyTorch eager, FP16, channels last", "fp16", partial(_torch, None, True)
    ),
    _runtime(
        "torch-cuda-fp32", "PyTorch eager, channels last", "fp32", partial(_torch, None, False)
    ),
    _runtime(
        "torch-max-autotune",
        "torch.compile, max-autotune with CUDA graphs",
        "fp16",
        partial(_torch, "max-autotune", True),
        compiles=True,
    ),
    _runtime(
        "onnxruntime-cuda-bound",
        "ONNX Runtime CUDA, inputs and output bound",
        "fp16",
        partial(_onnxruntime, False, "fp16"),
    ),
    _runtime(
        "onnxruntime-cuda-graph",
        "ONNX Runtime CUDA, bound, with a CUDA graph",
        "fp16",
        partial(_onnxruntime, True, "fp16"),
    ),
)
