"""`Features` as TensorRT's flags, and whether the installed version knows them."""

from __future__ import annotations

from typing import Any

from tpgan_sdk.errors import ExportError

from .features import HARDWARE, Features


def missing(trt: Any, features: Features) -> str | None:
    """What this version lacks of the features; None where nothing."""
    if features.hardware is not None:
        wanted = HARDWARE[features.hardware]
        levels = getattr(trt, "HardwareCompatibilityLevel", None)
        if not hasattr(levels, wanted):
            return f"TensorRT {trt.__version__} has no hardware level {wanted}; leave it out"
    flags = {"version_compatible": "VERSION_COMPATIBLE", "strip": "STRIP_PLAN", "refit": "REFIT"}
    for name in flags.keys() & features.chosen().keys():
        if not hasattr(trt.BuilderFlag, flags[name]):
            return f"TensorRT {trt.__version__} has no builder flag {flags[name]}; leave it out"
    return None


def apply(trt: Any, builder: Any, config: Any, features: Features) -> None:
    """Sets them on the builder's configuration.

    Raises:
        ExportError: this version or this machine lacks one.
    """
    if problem := missing(trt, features):
        raise ExportError(problem)
    if features.version_compatible:
        config.set_flag(trt.BuilderFlag.VERSION_COMPATIBLE)
    if features.hardware is not None:
        level = getattr(trt.HardwareCompatibilityLevel, HARDWARE[features.hardware])
        config.hardware_compatibility_level = level
    if features.strip:
        config.set_flag(trt.BuilderFlag.STRIP_PLAN)
    if features.refit:
        config.set_flag(trt.BuilderFlag.REFIT)
    elif features.strip:
        # The same weights come back: the builder may still fold what depends on them.
        config.set_flag(trt.BuilderFlag.REFIT_IDENTICAL)
    if features.dla is not None:
        if features.dla >= builder.num_DLA_cores:
            raise ExportError(
                f"no DLA core {features.dla} here; TensorRT {trt.__version__} finds "
                f"{builder.num_DLA_cores}"
            )
        config.default_device_type = trt.DeviceType.DLA
        config.DLA_core = features.dla
        config.set_flag(trt.BuilderFlag.GPU_FALLBACK)
