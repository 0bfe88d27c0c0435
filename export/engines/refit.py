"""New weights for an engine that was built to take them: `tpgan build-engine --refit-from`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tpgan_sdk.backends.tensorrt.engine_file import check_file, check_fits
from tpgan_sdk.backends.tensorrt.runtime import Engine
from tpgan_sdk.gpu.cuda import Device

from .builder import Built, version_of


def refit_engine(trt: Any, engine: Path, onnx: bytes, runtime: str) -> Built:
    """The engine with the weights of an ONNX of the same network and precision, in seconds.

    Raises:
        EngineError: the file is not sound, or of another GPU or version.
        BackendError: no GPU or pycuda here, or TensorRT does not take the weights.
    """
    info = check_file(engine)
    device = Device()
    try:
        check_fits(engine, info, runtime=(runtime, version_of(trt)), sm=device.gpu.sm)
        with device.active("refitting the engine"):
            loaded = Engine(trt, engine.read_bytes())
            try:
                loaded.refit(onnx)
                data = loaded.serialize()
            finally:
                loaded.close()
    finally:
        device.close()
    return Built(
        data=data,
        multiplied_in=info.details["multiplied_in"],
        inputs=info.inputs,
        outputs=info.outputs,
        layers=info.details["layers"],
        timing_cache=b"",
    )
