"""What an engine build needs of this machine. Each check has its own message, and builds nothing.

Imports neither torch nor TensorRT nor onnx until a check needs to know whether it is there.
"""

from __future__ import annotations

import importlib
import importlib.util
import os
from collections.abc import Callable
from typing import Final

from tpgan_sdk.cuda import CudaDriver, find_driver
from tpgan_sdk.errors import ModelError
from tpgan_sdk.model import load_model

from .build_plan import RUNTIMES, BuildPlan

BUILDER_HINT: Final = {
    "tensorrt": "it comes with JetPack, elsewhere from NVIDIA; on a Jetson make the environment "
    "with --system-site-packages",
    "rtx": "pip install tensorrt-rtx-cu13",
}


def check_model(plan: BuildPlan) -> str | None:
    """The model is there and is one of this SDK, as far as can be told without TensorRT."""
    if plan.from_checkpoint:
        if not plan.source.is_dir():
            return f"no folder {plan.source}; expected a checkpoint that training wrote"
        missing = importlib.util.find_spec("torch") is None
        return "a checkpoint needs torch: pip install 'tpgan-sdk[export]'" if missing else None
    try:
        load_model(plan.source)
    except ModelError as error:
        return str(error)
    if importlib.util.find_spec("onnx") is None:
        return None  # TensorRT's own parser is the judge then
    checker = importlib.import_module("onnx.checker")
    try:
        checker.check_model(str(plan.source))
    except Exception as error:  # onnx raises protobuf's errors beside its own
        first = (str(error).strip() or type(error).__name__).splitlines()[0]
        return f"{plan.source} is not a valid ONNX ({first}); expected one of export.to_onnx"
    return None


def check_target(plan: BuildPlan) -> str | None:
    """The engine can be written where it is wanted."""
    folder = plan.output.absolute().parent
    if not folder.is_dir():
        return f"no folder {folder} for the engine; make it first"
    if plan.output.is_dir():
        return f"{plan.output} is a folder; expected the name of the engine's file"
    writable = os.access(folder, os.W_OK | os.X_OK)
    return None if writable else f"cannot write to {folder}; choose another --output"


def check_builder(plan: BuildPlan) -> str | None:
    """The runtime's Python module imports."""
    module = RUNTIMES[plan.runtime]
    try:
        importlib.import_module(module)
    except Exception as error:  # a half-installed TensorRT fails in more ways than ImportError
        return f"cannot import {module} ({error}); {BUILDER_HINT[plan.runtime]}"
    return None


def check_driver(plan: BuildPlan) -> str | None:
    """A CUDA driver answers. TensorRT-RTX builds without one."""
    if plan.runtime == "rtx":
        return None
    driver = find_driver()
    found = isinstance(driver, CudaDriver)
    return None if found else f"{driver}; build on the machine with the GPU"


CHECKS: Final[dict[str, Callable[[BuildPlan], str | None]]] = {
    "model": check_model,
    "target": check_target,
    "builder": check_builder,
    "driver": check_driver,
}
"""In this order; each gives what is wrong and what to do, or None."""


def run_checks(plan: BuildPlan) -> dict[str, str | None]:
    """Every check's finding, None where all is well."""
    return {name: check(plan) for name, check in CHECKS.items()}
