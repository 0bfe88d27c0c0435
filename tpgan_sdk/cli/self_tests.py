"""Self-tests of `tpgan doctor`: models, backends, detector and refiner, each run once."""

from __future__ import annotations

import platform
import sys
from collections.abc import Iterator
from typing import Final

import numpy as np

from ..errors import BackendError, TPGANError
from ..gpu.cuda import CudaDriver, find_driver
from ..version import __version__
from .environment import CPU_LINE, Check

DETECTOR_LINE: Final = (
    "leave out --detector, here and to tpgan frontalize: the package has a detector "
    "(crops that are aligned already need none: --aligned)"
)
YUFACE_LINE: Final = "pip install yuface"
REINSTALL_LINE: Final = f"pip install --force-reinstall --no-deps tpgan-sdk=={__version__}"


def check_models(model: str | None = None) -> Iterator[Check]:
    """The models in the package, each against its hash, and the one asked for."""
    from ..models.model import list_models, resolve_model

    if model is not None:
        try:
            asked = resolve_model(model)
        except TPGANError as error:
            yield Check("model", "fail", str(error), "give --model another name or path")
        else:
            yield Check("model", "ok", f"{asked.name} ({asked.info.precision}): {asked.path}")
    # Those in the package are needed only where no other is asked for.
    fault: Final = "fail" if model is None else "warn"
    try:
        models = list_models()
    except TPGANError as error:
        yield Check("models", fault, str(error), REINSTALL_LINE)
        return
    names = ", ".join(f"{found.name} ({found.info.precision})" for found in models)
    if models:
        yield Check("models", "ok", names)
    else:
        yield Check("models", fault, "the package holds no model", REINSTALL_LINE)


def check_backends(model: str | None = None) -> Iterator[Check]:
    """Each backend is opened with the model; one has to work."""
    from ..backends import available

    try:
        results = available(model=model)
    except TPGANError as error:
        yield Check("backends", "fail", f"cannot be tried: {error}")
        return
    gpu = isinstance(find_driver(), CudaDriver)
    for name, works, detail in results:
        # Without a GPU nothing is amiss where what needs one does not work, nor without OpenVINO.
        fine = works or name == "openvino" or not (gpu or name.endswith("-cpu"))
        yield Check(f"backend {name}", "ok" if fine else "warn", detail)
    if not any(works for _, works, _ in results):
        yield Check("backends", "fail", "none works", CPU_LINE)


def check_detector(detector: str = "auto") -> Iterator[Check]:
    """The detector is opened and run once."""
    from ..detectors import create_detector

    try:
        found = create_detector(detector)
        found.detect(np.zeros((64, 64, 3), dtype=np.uint8))
    except ImportError as error:  # cv2, which is reported above
        yield Check("detector", "fail", f"does not run: {error}")
    except TPGANError as error:
        yield Check("detector", "fail", str(error), _detector_line(detector))
    else:
        yield Check("detector", "ok", f"{found.name} ({detector})")


def check_refiner() -> Iterator[Check]:
    """The refiner in the package is opened."""
    from ..faces.refiner import LandmarkRefiner

    try:
        path = LandmarkRefiner().path
    except TPGANError as error:
        line = CPU_LINE if isinstance(error, BackendError) else REINSTALL_LINE
        mend = f"{line} (or do without: tpgan frontalize --no-refine)"
        yield Check("refiner", "fail", str(error), mend)
    else:
        yield Check("refiner", "ok", str(path))


def _detector_line(detector: str) -> str:
    """What mends a detector that does not work: the message of one asked for tells it already."""
    if detector in ("auto", "packaged"):
        return REINSTALL_LINE
    has_wheel = (
        platform.system() == "Linux"
        and platform.machine() == "x86_64"
        and (3, 10) <= sys.version_info[:2] < (3, 12)
    )
    return YUFACE_LINE if detector == "yuface" and has_wheel else DETECTOR_LINE
