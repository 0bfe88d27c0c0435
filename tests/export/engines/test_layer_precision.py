"""What the layers multiply in, told from networks and from the inspector's words."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any

import pytest

from export.engines.layer_precision import engine_problem, of_engine, of_network, problem


def layer(kind: str, source: Any, result: Any) -> Any:
    return SimpleNamespace(
        type=SimpleNamespace(name=kind),
        num_outputs=1,
        get_input=lambda _: source,
        get_output=lambda _: result,
    )


def tensor(name: str, kind: str) -> Any:
    return SimpleNamespace(name=name, dtype=SimpleNamespace(name=kind))


def test_a_quantised_layer_is_told_by_what_comes_before_it() -> None:
    face, stored = tensor("face", "FLOAT"), tensor("q", "INT8")
    back, made = tensor("dq", "FLOAT"), tensor("made", "FLOAT")
    layers = [
        layer("QUANTIZE", face, stored),
        layer("DEQUANTIZE", stored, back),
        layer("CONVOLUTION", back, made),
        layer("DECONVOLUTION", made, tensor("half", "HALF")),
        layer("ACTIVATION", made, tensor("other", "FLOAT")),
        layer("MATRIX_MULTIPLY", face, tensor("product", "BF16")),
    ]
    network = SimpleNamespace(num_layers=len(layers), get_layer=lambda index: layers[index])
    assert of_network(network) == {"int8": 1, "fp16": 1, "bf16": 1}


@pytest.mark.parametrize(
    ("told", "precision"),
    [
        ({"Weights": {"Type": "Half", "Count": 9}}, "fp16"),
        ({"Weights": {"Type": "BFloat16"}}, "bf16"),
        ({"Weights": {"Type": "Float"}, "LayerType": "CaskConvolution"}, "fp32"),
        ({"LayerType": "gemm", "Inputs": [{"Format/Datatype": "Int8"}]}, "int8"),
        (
            {
                "LayerType": "CaskConvolution",
                "Inputs": [{"Format/Datatype": "Row major linear FP16 format"}],
            },
            "fp16",
        ),
        ({"LayerType": "CaskGemmConvolution", "Inputs": [{"Format/Datatype": "FP8"}]}, "fp8"),
    ],
)
def test_layers_of_an_engine(told: dict[str, Any], precision: str) -> None:
    silent = [{"LayerType": "Reformat", "Inputs": [{"Format/Datatype": "Float"}]}, "a name"]
    assert of_engine(json.dumps({"Layers": [told, *silent]})) == {precision: 1}


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"Layers": ["conv_1", "conv_2"]}', "no JSON"])
def test_a_runtime_that_tells_nothing(text: str) -> None:
    assert of_engine(text) == {}
    assert engine_problem({}, "fp16") is None


@pytest.mark.parametrize(
    ("found", "asked", "fits"),
    [
        ({"fp16": 9}, "fp16", True),
        ({"fp16": 9, "fp32": 1}, "fp16", False),
        ({"fp32": 9}, "fp16", False),
        ({"bf16": 9, "fp32": 1}, "bf16", True),
        ({"int8": 5, "fp32": 4}, "int8", True),
        ({"int8": 4, "fp32": 5}, "int8", False),
        ({}, "fp32", False),
    ],
)
def test_a_network_must_hold_what_was_asked_for(
    found: dict[str, int], asked: str, fits: bool
) -> None:
    assert (problem(found, asked) is None) == fits


@pytest.mark.parametrize(
    ("found", "asked", "fits"),
    [
        ({"fp16": 5, "fp32": 5}, "fp16", True),
        ({"fp16": 4, "fp32": 5}, "fp16", False),
        ({"fp32": 9}, "bf16", False),
        ({"int8": 1, "fp32": 9}, "int8", True),
        ({"fp32": 9}, "int8", False),
    ],
)
def test_an_engine_that_went_back_is_told(found: dict[str, int], asked: str, fits: bool) -> None:
    assert (engine_problem(found, asked) is None) == fits


def test_both_sides_are_named() -> None:
    found = problem({"fp32": 9, "fp16": 2}, "fp16")
    assert found == "it multiplies in fp16 (2 layers), fp32 (9 layers); fp16 was asked for"
    assert problem({}, "fp16") == "it multiplies in no layer; fp16 was asked for"
