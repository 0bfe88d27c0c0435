"""`tpgan doctor`: what is installed and works here, and the line that mends the rest."""

from __future__ import annotations

import argparse
import importlib
import json
import platform
import shlex
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from importlib import metadata
from typing import Final, Literal

import numpy as np

from ..cuda import CudaDriver, find_driver
from ..errors import TPGANError
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
    "yuface": "the default detector",
    "insightface": "detectors of insightface",
    "pycuda": "TensorRT engines",
    "torch": "training and export; the SDK never loads it",
}
_CPU_LINE: Final = 'pip install "tpgan-sdk[cpu]"'
_GPU_LINE: Final = 'pip uninstall -y onnxruntime && pip install "tpgan-sdk[gpu]"'


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was looked at."""

    name: str
    status: Literal["ok", "warn", "fail"]
    """"fail": no photo can be frontalized here. "warn": it can, but something is amiss."""
    detail: str
    mend: str | None = None
    """The line that mends it."""


def main(arguments: Sequence[str]) -> int:
    """Runs the command: 0 where a photo can be frontalized here, else 1."""
    parser = argparse.ArgumentParser(
        prog="tpgan doctor",
        description="What is installed, what works here and the line that mends each fault. "
        "Exit code 0: a photo can be frontalized here; 1: not.",
    )
    parser.add_argument("--json", action="store_true", help="one JSON object on stdout")
    args = parser.parse_args(arguments)
    checks = examine()
    works = all(check.status != "fail" for check in checks)
    if args.json:
        print(json.dumps({"works": works, "checks": [asdict(c) for c in checks]}, indent=2))
    else:
        print("\n".join(_lines(checks)))
        print(
            "a photo can be frontalized here" if works else "no photo can be frontalized here yet"
        )
    return 0 if works else 1


def examine() -> list[Check]:
    """All checks, in the order in which they are printed. None of them raises."""
    parts: tuple[Callable[[], Iterator[Check]], ...] = (
        _basics,
        check_opencv,
        check_onnx_runtime,
        check_optional,
        check_gpu,
        check_models,
        check_backends,
        check_detectors,
    )
    return [check for part in parts for check in part()]


def installed(names: Sequence[str]) -> dict[str, str]:
    """Version by distribution, of those of `names` that this environment holds."""
    found = {}
    for name in names:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found


def _basics() -> Iterator[Check]:
    version = sys.version_info[:2]
    where = f"{platform.python_version()} on {platform.system()} {platform.machine()}"
    if (3, 10) <= version <= (3, 13):
        yield Check("python", "ok", where)
    else:
        mend = "python3.12 -m venv .venv && .venv/bin/pip install tpgan-sdk"
        yield Check("python", "warn", f"{where}; tested with 3.10 to 3.13", mend)
    yield Check("tpgan-sdk", "ok", __version__)
    yield Check("numpy", "ok", np.__version__)


def check_opencv() -> Iterator[Check]:
    """Exactly one cv2, and one that loads."""
    found = installed(OPENCV)
    yield from _duplicates("opencv", "cv2", found, keep=OPENCV[0])
    try:
        cv2 = importlib.import_module("cv2")
    except ImportError as error:
        mend = "pip install opencv-python"
        if found:  # the usual reason is a container without the libraries of a desktop
            mend = "apt-get install -y libgl1 libglib2.0-0"
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
        yield Check("onnxruntime", "warn", "not installed", _CPU_LINE)


def check_optional() -> Iterator[Check]:
    """What only some uses need: never a fault."""
    found = installed(list(_OPTIONAL))
    for name, purpose in _OPTIONAL.items():
        yield Check(name, "ok", found.get(name, f"not installed (only for {purpose})"))
    tensorrt = installed(TENSORRT)
    absent = "not installed as a package (only for engines)"
    yield Check("tensorrt", "ok", _listed(tensorrt) if tensorrt else absent)


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
        yield Check("gpu", "warn", f"{detail}; nothing installed here uses it", _GPU_LINE)


def check_models() -> Iterator[Check]:
    """The models in the package, each against its hash."""
    from ..model import list_models

    mend = f"pip install --force-reinstall --no-deps tpgan-sdk=={__version__}"
    try:
        models = list_models()
    except TPGANError as error:
        yield Check("models", "fail", str(error), mend)
        return
    names = ", ".join(f"{model.name} ({model.info.precision})" for model in models)
    if models:
        yield Check("models", "ok", names)
    else:
        yield Check("models", "fail", "the package holds no model", mend)


def check_backends() -> Iterator[Check]:
    """Each backend is opened with the default model; one has to work."""
    from ..backends import available

    try:
        results = available()
    except TPGANError as error:
        yield Check("backends", "fail", f"cannot be tried without a model: {error}")
        return
    for name, works, detail in results:
        yield Check(f"backend {name}", "ok" if works else "warn", detail)
    if not any(works for _, works, _ in results):
        yield Check("backends", "fail", "none works", _CPU_LINE)


def check_detectors() -> Iterator[Check]:
    """The default detector is run once."""
    from ..detectors import create_detector

    try:
        detector = create_detector()
        detector.detect(np.zeros((64, 64, 3), dtype=np.uint8))
    except TPGANError as error:
        yield Check("detector", "fail", str(error), "tpgan frontalize --detector yunet:FILE ...")
    except ImportError as error:  # cv2, which is reported above
        yield Check("detector", "fail", f"does not run: {error}")
    else:
        yield Check("detector", "ok", f"{detector.name} (auto)")


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


def _lines(checks: Sequence[Check]) -> Iterator[str]:
    width = max(len(check.name) for check in checks)
    for check in checks:
        yield f"{check.status:4}  {check.name:{width}}  {check.detail}"
        if check.mend:
            yield f"{'':4}  {'':{width}}  -> {check.mend}"
