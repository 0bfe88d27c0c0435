"""Model variants that are measured: the packaged one in several precisions, and `paper`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Final, Literal

from tpgan_sdk.errors import TPGANError
from tpgan_sdk.models.model import Model, load_model, resolve_model

from ..errors import BenchmarkError

UNTRAINED: Final = "paper"
"""No weights of it are packaged; random ones take the same time."""

Makers = Mapping[str, Callable[[], Model]]


def int8_form(
    folder: Path, calibration: Path | None, quick: bool, recogniser: Path | None = None
) -> Model:
    """The packaged model in INT8 for CPUs, by `export.quantize`; its sidecar tells the accuracy.

    Args:
        calibration: folder of at least 200 aligned faces.
        quick: try one way to choose the ranges instead of all.
        recogniser: weights that tell whether both precisions make the same person.

    Raises:
        BenchmarkError: no such folder was given.
        ExportError: the faces cannot be used, or INT8 changes the pictures too much.
    """
    if calibration is None:
        raise BenchmarkError("needs --calibration, a folder of at least 200 aligned faces")
    from export.precisions.calibration import METHODS
    from export.quantize import Request, quantise

    path = folder / "int8.onnx"
    methods = ("percentile",) if quick else METHODS
    quantise(
        resolve_model(None).path, path, calibration, Request("int8", "cpu", methods, recogniser)
    )
    return load_model(path)


def _converted(folder: Path, precision: Literal["fp16", "bf16"]) -> Model:
    from export.to_onnx import convert_onnx
    from tpgan_sdk.backends.parity import FACES

    path = folder / f"{precision}.onnx"
    convert_onnx(resolve_model(None).path, path, precision, FACES)
    return load_model(path)


def _untrained(folder: Path, precision: Literal["fp32", "fp16"]) -> Model:
    from .networks import make_benchmark_network

    return load_model(make_benchmark_network(UNTRAINED, folder).onnx(precision))


def variant_builders(folder: Path, calibration: Path | None, quick: bool) -> Makers:
    """What makes each form, by its name; one that cannot be made raises, see `made`."""
    name = resolve_model(None).name
    packaged: Makers = {
        f"{name}, as packaged": partial(resolve_model, None),
        f"{name}, fp16": partial(_converted, folder, "fp16"),
        f"{name}, bf16": partial(_converted, folder, "bf16"),
        f"{name}, int8": partial(int8_form, folder, calibration, quick),
    }
    if quick:
        return packaged
    return {
        **packaged,
        f"{UNTRAINED}, fp32": partial(_untrained, folder, "fp32"),
        f"{UNTRAINED}, fp16": partial(_untrained, folder, "fp16"),
    }


def made(variant_builders: Makers, left_out: dict[str, str]) -> list[Model]:
    """The models that can be made here; `left_out` gets the reasons of the others."""
    models = []
    for name, make in variant_builders.items():
        try:
            models.append(make())
        except ImportError as error:
            left_out[name] = f"{error.name} is not installed"
        except TPGANError as error:
            left_out[name] = str(error)
    return models
