"""Layer precision: what a parsed network or a finished engine multiplies in."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from typing import Any, Final

_HEAVY: Final = ("CONVOLUTION", "DECONVOLUTION", "MATRIX_MULTIPLY")
_PRECISION: Final = {"FLOAT": "fp32", "HALF": "fp16", "BF16": "bf16", "INT8": "int8", "FP8": "fp8"}
# In the inspector's JSON, whose words differ between versions ("Half", "... FP16 format").
_WORDS: Final = {
    "bf16": ("bfloat16", "bf16"),
    "fp16": ("half", "fp16", "float16"),
    "fp8": ("fp8", "float8"),
    "int8": ("int8",),
    "fp32": ("float", "fp32"),
}
_MULTIPLYING: Final = ("conv", "gemm", "matmul", "matrixmultiply", "matrix_multiply")
PURE: Final = ("fp32", "fp16")
"""Precisions that every layer has. In BF16 TensorRT-RTX lacks the transposed convolution, and INT8
and FP8 leave in float what the quantised ONNX leaves."""


def of_network(network: Any) -> dict[str, int]:
    """Number of multiplying layers by precision. The network is strongly typed, so this is what
    the engine is to compute in."""
    made_by = {}
    for index in range(network.num_layers):
        layer = network.get_layer(index)
        for output in range(layer.num_outputs):
            made_by[layer.get_output(output).name] = layer
    found: Counter[str] = Counter()
    for index in range(network.num_layers):
        layer = network.get_layer(index)
        if layer.type.name in _HEAVY:
            source = made_by.get(layer.get_input(0).name)
            quantised = source is not None and source.type.name == "DEQUANTIZE"
            tensor = source.get_input(0) if quantised and source else layer.get_output(0)
            found[_PRECISION.get(tensor.dtype.name, tensor.dtype.name.lower())] += 1
    return dict(found)


def of_engine(inspected: str) -> dict[str, int]:
    """Number of multiplying layers by precision, from the engine inspector's JSON.

    Empty where the runtime tells no types: then nothing is known, and nothing claimed.
    """
    try:
        layers = json.loads(inspected).get("Layers", [])
    except (ValueError, AttributeError):
        return {}
    found: Counter[str] = Counter()
    for layer in layers:
        if isinstance(layer, dict) and (precision := _of_layer(layer)):
            found[precision] += 1
    return dict(found)


def _of_layer(told: Mapping[str, Any]) -> str | None:
    stored = told.get("Weights")
    if isinstance(stored, dict) and "Type" in stored:
        return _named(str(stored["Type"]))
    kind = str(told.get("LayerType", "")).lower()
    inputs = told.get("Inputs")
    if not any(word in kind for word in _MULTIPLYING) or not inputs:
        return None
    return _named(str(inputs[0].get("Format/Datatype", "")))


def _named(words: str) -> str | None:
    lower = words.lower()
    return next((name for name, forms in _WORDS.items() if any(f in lower for f in forms)), None)


def problem(found: Mapping[str, int], asked: str) -> str | None:
    """Why these layers are not in the precision asked for; None where they are."""
    others = {name: count for name, count in found.items() if name != asked}
    if asked not in found or (asked in PURE and others) or sum(others.values()) > found[asked]:
        return f"it multiplies in {_said(found)}; {asked} was asked for"
    return None


def engine_problem(found: Mapping[str, int], asked: str) -> str | None:
    """Why a finished engine is not in the precision asked for; None where it is or cannot tell.

    Laxer than `problem`: a fused layer may be told by the type of a cast that it swallowed, and
    the builder may run a quantised layer in float where that is faster. An engine that silently
    went back to FP32 has none of what was asked for.
    """
    least = 1 if asked in ("int8", "fp8") else sum(found.values()) / 2
    if not found or found.get(asked, 0) >= least:
        return None
    return f"the finished engine multiplies in {_said(found)}; {asked} was asked for"


def _said(found: Mapping[str, int]) -> str:
    return ", ".join(f"{name} ({n} layers)" for name, n in sorted(found.items())) or "no layer"
