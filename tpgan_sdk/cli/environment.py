"""Environment checks of `tpgan doctor`: packages, GPU, kernels."""

from __future__ import annotations

import importlib
import platform
import shlex
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib import metadata
from typing import Final, Literal

import numpy as np

from ..detectors.insightface import INSTALL_LINE
from ..errors import TPGANError
from ..gpu.cuda import CudaDriver, Gpu, find_driver, find_gpu
from ..system.cores import OVERRIDE, cores_and_reason
from ..system.opencv import LIBRARIES_LINE
from ..version import __version__

OPENCV: Final = (
    "opencv-python",
    "opencv-python-headless",
    "opencv-contrib-python",
    "opencv-contrib-python-headless",
)
ONNX_RUNTIME: Final = ("onnxruntime", "onnxruntime-gpu", "onnxruntime-directml")
TENSORRT: Final = ("tensorrt", "tensorrt-cu12", "tensorrt-cu13", "tensorrt-rtx")

# What an optional package is for.
_OPTIONAL: Final = {
    "yuface": "the detector yuface",
    "insightface": "detectors of insightface",
    "pycuda": "TensorRT engines",
    "torch": "training and export; the SDK never loads it",
}
CPU_LINE: Final = 'pip install "tpgan-sdk[cpu]"'


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was looked at."""

    name: str
    status: Literal["ok", "warn", "fail"]
    """"fail": no photo can be frontalized here. "warn": it can, but something is amiss."""
    detail: str
    mend: str | None = None
    """The line that mends it."""


def installed(names: Sequence[str]) -> dict[str, str]:
    """Version by distribution, of those of `names` that this environment holds."""
    found = {}
    for name in names:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found


def check_basics() -> Iterator[Check]:
    version = sys.version_info[:2]
    where = f"{platform.python_version()} on {platform.system()} {platform.machine()}"
    if (3, 10) <= version <= (3, 13):
        yield Check("python", "ok", where)
    else:
        mend = "python3.12 -m venv .venv && .venv/bin/pip install tpgan-sdk"
        yield Check("python", "warn", f"{where}; tested with 3.10 to 3.13", mend)
    yield Check("tpgan-sdk", "ok", __version__)
    yield Check("numpy", "ok", np.__version__)
    try:
        cores, reason = cores_and_reason()
    except TPGANError as error:  # then no backend opens
        yield Check("cores", "fail", str(error), f"unset {OVERRIDE}")
    else:
        yield Check("cores", "ok", f"{cores} used: {reason}")


def check_opencv() -> Iterator[Check]:
    """Exactly one cv2, and one that loads."""
    found = installed(OPENCV)
    yield from _duplicates("opencv", "cv2", found, keep=OPENCV[0])
    try:
        cv2 = importlib.import_module("cv2")
    except ImportError as error:
        mend = "pip install opencv-python"
        if found:  # the usual reason is a container without the libraries of a desktop
            mend = LIBRARIES_LINE
        yield Check("opencv", "fail", f"cv2 does not load: {error}", mend)
    else:
        yield Check("opencv", "ok", f"{_listed(found)}; cv2 {cv2.__version__} loads")


def check_onnx_runtime() -> Iterator[Check]:
    """At most one onnxruntime. Whether it runs is seen from the backends."""
    found = installed(ONNX_RUNTIME)
    gpu = "onnxruntime-gpu" in found
    yield from _duplicates("onnxruntime", "onnxruntime", found, ONNX_RUNTIME[1 if gpu else 0])
    if found:
        yield Check("onnxruntime", "ok", _listed(found))
    else:
        yield Check("onnxruntime", "warn", "not installed", CPU_LINE)


def check_optional() -> Iterator[Check]:
    """What only some uses need: its absence is never a fault."""
    found = installed(list(_OPTIONAL))
    for name, purpose in _OPTIONAL.items():
        yield Check(name, "ok", found.get(name, f"not installed (only for {purpose})"))
    if "insightface" in found:
        yield from _insightface_loads()
    tensorrt = installed(TENSORRT)
    absent = "not installed as a package (only for engines)"
    yield Check("tensorrt", "ok", _listed(tensorrt) if tensorrt else absent)


def _insightface_loads() -> Iterator[Check]:
    """It needs more than its distribution says: a wheel of onnx or onnxruntime that fits, cv2."""
    try:
        importlib.import_module("insightface.model_zoo")
    except Exception as error:  # whatever its own imports raise
        detail = f"does not load: {type(error).__name__}: {error}"
        yield Check("insightface loads", "warn", detail, INSTALL_LINE)


def check_gpu() -> Iterator[Check]:
    """Driver and devices, and whether something installed here would use them."""
    driver = find_driver()
    if not isinstance(driver, CudaDriver):
        yield Check("gpu", "ok", f"{driver}; the CPU is used")
        return
    detail = f"{driver.devices} device(s), driver for CUDA {driver.version[0]}.{driver.version[1]}"
    if installed(["onnxruntime-gpu"]):
        yield Check("gpu", "ok", detail)
    else:
        from ..backends.onnx_runtime import GPU_LINE

        yield Check("gpu", "warn", f"{detail}; nothing installed here uses it", GPU_LINE)


def check_kernels() -> Iterator[Check]:
    """The compiled kernels, which only GPU backends use: without them the CPU does the same."""
    from ..gpu.kernels import BUILD_LINE, FOLDER, NAME, find_kernels, why_incompatible_kernels

    if not (FOLDER / f"{NAME}.fatbin").is_file():
        yield Check("kernels", "ok", "not built (only for frames on a GPU)")
        return
    info = find_kernels()
    if isinstance(info, str):
        yield Check("kernels", "warn", info, BUILD_LINE)
        return
    detail = f"CUDA {info.cuda}, SM {', '.join(map(str, info.sm))}, PTX {info.ptx}"
    driver, gpu = find_driver(), find_gpu()
    if isinstance(driver, CudaDriver) and isinstance(gpu, Gpu):
        if reason := why_incompatible_kernels(info, driver, gpu):
            yield Check("kernels", "warn", reason, BUILD_LINE)
            return
    else:
        detail += "; no GPU to run them"
    yield Check("kernels", "ok", detail)


def _duplicates(name: str, module: str, found: dict[str, str], keep: str) -> Iterator[Check]:
    if len(found) < 2:
        return
    keep = keep if keep in found else next(iter(found))
    # All of them own the same files: whatever is removed takes some of the one that stays.
    mend = (
        f"pip uninstall -y {' '.join(found)} && "
        f"pip install --no-deps {shlex.quote(f'{keep}=={found[keep]}')}"
    )
    detail = f"{_listed(found)} all install the module {module} and overwrite each other"
    yield Check(f"{name} duplicates", "warn", detail, mend)


def _listed(found: dict[str, str]) -> str:
    return ", ".join(f"{name} {version}" for name, version in found.items()) or "no distribution"
