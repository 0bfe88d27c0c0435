"""Portable, refittable and stripped engines, and the DLA: what is refused, and what is set."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from export.engines.feature_flags import apply, missing
from export.engines.features import Features
from tpgan_sdk.errors import ExportError

FLAGS = ("VERSION_COMPATIBLE", "STRIP_PLAN", "REFIT", "REFIT_IDENTICAL", "GPU_FALLBACK")


def runtime(levels: tuple[str, ...] = ("AMPERE_PLUS",), flags: tuple[str, ...] = FLAGS) -> Any:
    return SimpleNamespace(
        __version__="10.3.0",
        HardwareCompatibilityLevel=SimpleNamespace(**{name: name for name in levels}),
        BuilderFlag=SimpleNamespace(**{name: name for name in flags}),
        DeviceType=SimpleNamespace(DLA="DLA"),
    )


class Config(SimpleNamespace):
    def __init__(self) -> None:
        super().__init__(flags=[])

    def set_flag(self, flag: str) -> None:
        self.flags.append(flag)


@pytest.mark.parametrize(
    ("features", "runtime", "precision", "board", "message"),
    [
        ({"hardware": "volta"}, "tensorrt", "fp16", None, r"no hardware 'volta'; expected ampere-"),
        ({"version_compatible": True}, "rtx", "fp16", None, r"TensorRT-RTX has no version_compat"),
        ({"hardware": "ampere-plus", "dla": 0}, "rtx", "fp16", None, r"no dla and no hardware: it"),
        (
            {"version_compatible": True, "refit": True},
            *("tensorrt", "fp16", None, r"inside a version-compatible engine cannot refit; choos"),
        ),
        (
            {"hardware": "ampere-plus"},
            *("tensorrt", "fp16", ("jetson", 2), r"no hardware-compatible engines on Jetson"),
        ),
        ({"dla": 2}, "tensorrt", "fp16", ("jetson", 2), r"no DLA core 2 on this board; its DLA.*2"),
        ({"dla": 0}, "tensorrt", "fp16", ("discrete", 0), r"no DLA core 0 on this board"),
        ({"dla": 0}, "tensorrt", "fp32", ("jetson", 2), r"DLA does not compute in fp32; expected"),
    ],
)
def test_what_cannot_be(
    features: dict[str, Any],
    runtime: str,
    precision: str,
    board: tuple[str, int] | None,
    message: str,
) -> None:
    with pytest.raises(ExportError, match=message):
        Features(**features).check(runtime, precision, *(board or (None, None)))


def test_what_can_be() -> None:
    Features(strip=True, refit=True).check("rtx", "fp16", "discrete", 0)
    Features(version_compatible=True, hardware="ampere-plus").check("tensorrt", "fp32", None, None)
    Features(dla=1).check("tensorrt", "int8", "jetson", 2)


def test_only_what_is_on_is_shown_and_kept() -> None:
    assert str(Features()) == ""
    assert Features().chosen() == {}
    assert Features(dla=0, strip=True).chosen() == {"strip": True, "dla": 0}
    assert str(Features(hardware="ampere-plus", refit=True)) == "hardware ampere-plus, refit"


def test_a_version_that_lacks_it_is_named() -> None:
    wanted = Features(hardware="same-capability")
    found = missing(runtime(), wanted)
    assert found == ("TensorRT 10.3.0 has no hardware level SAME_COMPUTE_CAPABILITY; leave it out")
    assert missing(runtime(("AMPERE_PLUS", "SAME_COMPUTE_CAPABILITY")), wanted) is None
    found = missing(runtime(flags=("REFIT",)), Features(strip=True))
    assert found == "TensorRT 10.3.0 has no builder flag STRIP_PLAN; leave it out"
    with pytest.raises(ExportError, match="no builder flag STRIP_PLAN"):
        apply(runtime(flags=("REFIT",)), None, Config(), Features(strip=True))


@pytest.mark.parametrize(
    ("features", "flags"),
    [
        (Features(), []),
        (Features(version_compatible=True), ["VERSION_COMPATIBLE"]),
        (Features(strip=True), ["STRIP_PLAN", "REFIT_IDENTICAL"]),
        (Features(strip=True, refit=True), ["STRIP_PLAN", "REFIT"]),
        (Features(refit=True), ["REFIT"]),
    ],
)
def test_flags(features: Features, flags: list[str]) -> None:
    config = Config()
    apply(runtime(), None, config, features)
    assert config.flags == flags
    assert vars(config) == {"flags": flags}


def test_hardware_and_dla_are_set() -> None:
    config = Config()
    builder = SimpleNamespace(num_DLA_cores=2)
    apply(runtime(), builder, config, Features(hardware="ampere-plus", dla=1))
    assert config.hardware_compatibility_level == "AMPERE_PLUS"
    assert (config.default_device_type, config.DLA_core) == ("DLA", 1)
    assert config.flags == ["GPU_FALLBACK"]
    with pytest.raises(ExportError, match=r"no DLA core 1 here; TensorRT 10\.3\.0 finds 0"):
        apply(runtime(), SimpleNamespace(num_DLA_cores=0), Config(), Features(dla=1))
