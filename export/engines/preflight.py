"""Preflight checks of an engine build, each with its own message; builds nothing.

Imports neither torch nor TensorRT nor onnx until a check needs to know whether it is there.
"""

from __future__ import annotations

import importlib
import importlib.util
import os
import shlex
import shutil
from collections.abc import Callable
from typing import Final

from engines import load_profile
from tpgan_sdk.backends.tensorrt.cache import cache_dir
from tpgan_sdk.backends.tensorrt.engine_file import EngineError, check_file
from tpgan_sdk.errors import BackendError, ModelError
from tpgan_sdk.gpu.cuda import CudaDriver, Device, find_driver, find_gpu
from tpgan_sdk.models.model import load_model

from . import feature_flags
from .plan import RUNTIMES, BuildPlan

BUILDER_HINT: Final = {
    "tensorrt": "it comes with JetPack, elsewhere from NVIDIA; on a Jetson make the environment "
    "with --system-site-packages",
    "rtx": "pip install tensorrt-rtx-cu13",
}
ROOM_FACTOR: Final = 4
"""Disk wanted, in sizes of the source: engine, converted ONNX and both being written."""
MEMORY_FACTOR: Final = 12
"""Memory wanted, in sizes of the source, beside the workspace. A guess on the safe side."""
OPSETS: Final = (11, 20)
"""Of the ONNX: what the parsers of TensorRT 10.3 and later all read."""


def check_model(plan: BuildPlan) -> str | None:
    """The model is there and is one of this SDK, as far as can be told without TensorRT."""
    if plan.from_checkpoint:
        if not plan.source.is_dir():
            return f"no folder {plan.source}; expected a checkpoint that training wrote"
        missing = importlib.util.find_spec("torch") is None
        return "a checkpoint needs torch: pip install 'tpgan-sdk[export]'" if missing else None
    try:
        opset = load_model(plan.source).info.opset
    except ModelError as error:
        return str(error)
    if not OPSETS[0] <= opset <= OPSETS[1]:
        return f"{plan.source} has opset {opset}; expected {OPSETS[0]} to {OPSETS[1]}"
    if importlib.util.find_spec("onnx") is None:
        return None  # TensorRT's own parser is the judge then
    checker = importlib.import_module("onnx.checker")
    try:
        checker.check_model(str(plan.source))
    except Exception as error:  # onnx raises protobuf's errors beside its own
        first = (str(error).strip() or type(error).__name__).splitlines()[0]
        return f"{plan.source} is not a valid ONNX ({first}); expected one of export.to_onnx"
    return None


def check_precision(plan: BuildPlan) -> str | None:
    """Where the ONNX is converted first, what does it is there."""
    if plan.graph == plan.source:
        return None
    if plan.precision in ("int8", "fp8"):
        words = ["python", "-m", "export.quantize", "--precision", plan.precision]
        words += ["--onnx", str(plan.source), "--calibration", "DIR", "--output", str(plan.graph)]
        return (
            f"the ONNX does not compute in {plan.precision}, which needs faces to calibrate on: "
            f"{shlex.join(words)}, then give that ONNX"
        )
    missing = [m for m in ("onnx", "onnxruntime") if importlib.util.find_spec(m) is None]
    return (
        f"the ONNX must become {plan.precision}, which needs {' and '.join(missing)}; install it, "
        f"or on another machine run `tpgan export --precision {plan.precision}` and give the result"
        if missing
        else None
    )


def check_target(plan: BuildPlan) -> str | None:
    """The engine can be written where it is wanted, and has room."""
    folder = plan.output.absolute().parent
    if folder == cache_dir():  # made when it is first used
        folder = next(parent for parent in (folder, *folder.parents) if parent.is_dir())
    if not folder.is_dir():
        return f"no folder {folder} for the engine; make it first"
    if plan.output.is_dir():
        return f"{plan.output} is a folder; expected the name of the engine's file"
    if not os.access(folder, os.W_OK | os.X_OK):
        return f"cannot write to {folder}; choose another --output"
    wanted = ROOM_FACTOR * _size(plan)
    free = shutil.disk_usage(folder).free
    if free < wanted:
        return f"{folder} has {_mib(free)} free; expected {_mib(wanted)}: make room"
    return None


def check_memory(plan: BuildPlan) -> str | None:
    """The builder's memory is free. On a Jetson the GPU's memory is the same."""
    wanted = MEMORY_FACTOR * _size(plan)
    if plan.profile is not None and load_profile(plan.profile).kind == "jetson":
        wanted += plan.workspace_mib << 20
    try:
        with open("/proc/meminfo", encoding="ascii") as lines:
            free = next(int(x.split()[1]) << 10 for x in lines if x.startswith("MemAvailable"))
    except (OSError, ValueError, StopIteration):
        return None  # a system that does not tell
    if free < wanted:
        return (
            f"{_mib(free)} of memory are free; expected {_mib(wanted)}: end other programs, on a "
            "Jetson the desktop too, or add swap"
        )
    return None


def check_gpu_memory(plan: BuildPlan) -> str | None:
    """The workspace is free on a card with memory of its own; a Jetson's is `check_memory`'s."""
    on_board = plan.profile is not None and load_profile(plan.profile).kind == "jetson"
    if plan.runtime != "tensorrt" or on_board or isinstance(find_driver(), str):
        return None
    try:
        device = Device()
    except BackendError:
        return None  # without pycuda nobody tells; building goes without it
    try:
        free = device.free_memory()
    finally:
        device.close()
    wanted = plan.workspace_mib << 20
    if free < wanted:
        return (
            f"{_mib(free)} of GPU memory are free; the workspace is {_mib(wanted)}: end other "
            "programs on the GPU, or take a profile with a smaller workspace"
        )
    return None


def check_builder(plan: BuildPlan) -> str | None:
    """The runtime's Python module imports, and knows the features that are asked for."""
    module = RUNTIMES[plan.runtime]
    try:
        trt = importlib.import_module(module)
    except Exception as error:  # a half-installed TensorRT fails in more ways than ImportError
        return f"cannot import {module} ({error}); {BUILDER_HINT[plan.runtime]}"
    return feature_flags.missing(trt, plan.features) if plan.features.chosen() else None


def check_driver(plan: BuildPlan) -> str | None:
    """A CUDA driver answers. TensorRT-RTX builds without one, but nothing that can be refitted."""
    refits = plan.features.strip or plan.features.refit or plan.refit_from is not None
    if plan.runtime == "rtx" and not refits:
        return None
    driver = find_driver()
    if not isinstance(driver, CudaDriver):
        why = (
            " (TensorRT-RTX refits and strips engines only there)" if plan.runtime == "rtx" else ""
        )
        return f"{driver}; build on the machine with the GPU{why}"
    if plan.runtime == "rtx":
        return None
    gpu = find_gpu()
    if plan.sm and not isinstance(gpu, str) and gpu.sm != plan.sm[0]:
        return (
            f"the GPU here is {gpu.name}, SM {gpu.sm}; the plan is for SM {plan.sm[0]}: build on "
            "the machine that runs the engine"
        )
    return None


def check_refit(plan: BuildPlan) -> str | None:
    """The engine to refit is there, sound, and was built for it."""
    if plan.refit_from is None:
        return None
    try:
        info = check_file(plan.refit_from)
    except EngineError as error:
        return str(error)
    if not info.features.get("refit"):
        return f"{plan.refit_from} cannot be refitted; build it with --refittable first"
    same = (info.runtime, info.precision, info.batch) == (plan.runtime, plan.precision, plan.batch)
    if not same:
        batch = ":".join(map(str, info.batch))
        return (
            f"{plan.refit_from} keeps its precision and batch; give --runtime {info.runtime} "
            f"--precision {info.precision} --batch {batch}"
        )
    return None


CHECKS: Final[dict[str, Callable[[BuildPlan], str | None]]] = {
    "model": check_model,
    "precision": check_precision,
    "target": check_target,
    "memory": check_memory,
    "builder": check_builder,
    "driver": check_driver,
    "GPU memory": check_gpu_memory,
    "refit": check_refit,
}
"""In this order; each gives what is wrong and what to do, or None."""


def run_checks(plan: BuildPlan) -> dict[str, str | None]:
    """Every check's finding, None where all is well."""
    return {name: check(plan) for name, check in CHECKS.items()}


def _size(plan: BuildPlan) -> int:
    """Bytes of the source, a checkpoint's files together."""
    files = plan.source.glob("*") if plan.from_checkpoint else (plan.source,)
    return sum(path.stat().st_size for path in files if path.is_file())


def _mib(size: int) -> str:
    return f"{size / 2**20:.0f} MiB"
