"""Everything that can run a preset's network on the five inputs, behind one small interface.

Here: PyTorch, ONNX Runtime and OpenVINO on the CPU, and the SDK's own backends. `gpu_runtimes` has
those of a GPU. All of them use as many threads as the process may use cores.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final

import torch
from torch import nn

from tpgan_sdk.backends import BACKENDS, create_backend
from tpgan_sdk.backends.openvino import import_openvino
from tpgan_sdk.backends.parity import Inputs
from tpgan_sdk.errors import TPGANError
from tpgan_sdk.images.resample import Float32Array
from tpgan_sdk.models.model import load_model
from tpgan_sdk.system.cores import usable_cores

from ..errors import BenchmarkError
from .networks import BenchmarkNetwork, Form, as_tensors

_ON_GPU: Final = ("tensorrt", "onnxruntime-cuda")
_FP32: Final = {"INFERENCE_PRECISION_HINT": "f32"}
BASELINE: Final = "torch-eager"
"""The network as the training code calls it; of the preset `paper`, the seed's."""


def _nothing() -> None:
    pass


@dataclass(frozen=True, slots=True)
class Opened:
    """A runtime with a network and its inputs, ready to be called."""

    run: Callable[[], Float32Array]
    """From the inputs on the host to the picture on the host, (N, 3, 128, 128)."""
    device_seconds: Callable[[], float] | None = None
    """Runs the network on inputs that are on the GPU already, and tells how long that took."""
    close: Callable[[], None] = _nothing


@dataclass(frozen=True, slots=True)
class Runtime:
    """A way to run the network."""

    name: str
    what: str
    """For the reader of a table."""
    precision: str
    """What it computes in."""
    opener: Callable[[BenchmarkNetwork, Inputs], Opened]
    device: str = "cpu"
    shipped: bool = False
    """Whether it is a backend of this SDK."""
    compiles: bool = False
    """Whether opening it takes minutes."""
    own_weights: bool = False
    """Whether its weights are others than the subject's: then its pictures are, too."""

    def open(self, subject: BenchmarkNetwork, inputs: Inputs) -> Opened:
        """Loads or compiles the network, and runs it once.

        Raises:
            BenchmarkError: it does not work here, with the reason in a sentence.
        """
        try:
            opened = self.opener(subject, inputs)
            opened.run()
        except ImportError as error:
            raise BenchmarkError(f"{error.name} is not installed") from None
        except TPGANError as error:
            raise BenchmarkError(str(error)) from None
        except Exception as error:  # compilers and runtimes raise what they like
            reason = str(error).strip().partition("\n")[0]
            raise BenchmarkError(f"{type(error).__name__}: {reason}") from None
        return opened


def _torch(network: Callable[..., Any], inputs: Inputs, layout: torch.memory_format) -> Opened:
    tensors = [x.contiguous(memory_format=layout) for x in as_tensors(inputs)]

    def run() -> Float32Array:
        with torch.inference_mode():
            picture: Float32Array = network(*tensors).float().contiguous().numpy()
        return picture

    return Opened(run)


def _eager(layout: torch.memory_format, subject: BenchmarkNetwork, inputs: Inputs) -> Opened:
    network: Any = subject.network()  # or mypy refuses the layout
    return _torch(network.to(memory_format=layout), inputs, layout)


def _bfloat16(subject: BenchmarkNetwork, inputs: Inputs) -> Opened:
    network: Any = subject.network()
    network.to(memory_format=torch.channels_last)

    def autocast(*tensors: torch.Tensor) -> Any:
        with torch.autocast("cpu", dtype=torch.bfloat16):
            return network(*tensors)

    return _torch(autocast, inputs, torch.channels_last)


def _compiled(options: dict[str, Any], subject: BenchmarkNetwork, inputs: Inputs) -> Opened:
    compiled = torch.compile(subject.network(), options=options, dynamic=False)
    return _torch(compiled, inputs, torch.contiguous_format)


def _torchscript(subject: BenchmarkNetwork, inputs: Inputs) -> Opened:
    with torch.inference_mode(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of sizes that are taken as fixed: they are
        traced = torch.jit.trace(subject.network(), tuple(as_tensors(inputs)))
        frozen: nn.Module = torch.jit.optimize_for_inference(torch.jit.freeze(traced))
    return _torch(frozen, inputs, torch.contiguous_format)


def onnx_session(path: Path, inputs: Inputs) -> Opened:
    """Plain ONNX Runtime, with nothing set but the number of threads."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = usable_cores()
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(str(path), options, ["CPUExecutionProvider"])
    return Opened(lambda: session.run(None, inputs)[0])


def _onnxruntime(subject: BenchmarkNetwork, inputs: Inputs) -> Opened:
    return onnx_session(subject.onnx(), inputs)


def _openvino(hints: dict[str, str], subject: BenchmarkNetwork, inputs: Inputs) -> Opened:
    core = import_openvino().Core()
    model = core.read_model(subject.onnx())
    model.reshape({name: list(values.shape) for name, values in inputs.items()})
    threads = {"INFERENCE_NUM_THREADS": usable_cores(), "PERFORMANCE_HINT": "LATENCY"}
    compiled = core.compile_model(model, "CPU", {**threads, **hints})
    return Opened(lambda: compiled(inputs)[0])


def sdk_backend(model: Path, name: str, inputs: Inputs) -> Opened:
    """A backend of the SDK with an ONNX and its sidecar."""
    backend = create_backend(load_model(model), name)
    return Opened(lambda: backend.run(inputs), close=backend.close)


def _backend(name: str, form: Form, subject: BenchmarkNetwork, inputs: Inputs) -> Opened:
    return sdk_backend(subject.onnx(form), name, inputs)


CPU: Final = (
    Runtime(BASELINE, "PyTorch eager", "fp32", partial(_eager, torch.contiguous_format)),
    Runtime(
        "torch-channels-last",
        "PyTorch eager, channels last",
        "fp32",
        partial(_eager, torch.channels_last),
    ),
    Runtime("torch-bf16", "PyTorch eager, channels last, BF16 autocast", "bf16", _bfloat16),
    Runtime(
        "torch-compile", "torch.compile, inductor", "fp32", partial(_compiled, {}), compiles=True
    ),
    Runtime(
        "torch-compile-frozen",
        "torch.compile, inductor, weights frozen",
        "fp32",
        partial(_compiled, {"freezing": True}),
        compiles=True,
    ),
    Runtime("torchscript", "TorchScript, traced and frozen", "fp32", _torchscript),
    Runtime("onnxruntime", "ONNX Runtime, plain", "fp32", _onnxruntime),
    Runtime("openvino", "OpenVINO, held to FP32", "fp32", partial(_openvino, _FP32)),
    Runtime("openvino-own", "OpenVINO, its own precision", "its own", partial(_openvino, {})),
)


_EXPORTS: Final[dict[Form, str]] = {
    "fp32": "",
    "padded": ", channels padded at export",
    "winograd": ", Winograd at export",
}


def _shipped(name: str, form: Form) -> Runtime:
    return Runtime(
        f"sdk-{name}" + f"-{form}" * (form != "fp32"),
        f"this SDK, {name}{_EXPORTS[form]}",
        "its engine's" if name == "tensorrt" else "fp32",
        partial(_backend, name, form),
        device="cuda" if name in _ON_GPU else "cpu",
        shipped=True,
    )


SHIPPED: Final = tuple(
    _shipped(name, form)
    for name in BACKENDS
    for form in _EXPORTS
    # Libraries for GPUs choose such algorithms themselves.
    if form != "winograd" or name not in _ON_GPU
)
