"""One network on the host's memory, behind the SDK's own backends: as a TensorRT engine, as a
session of ONNX Runtime on the CPU, and by itself for the path of the CPU."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from typing import Any, Final

import numpy as np
import pytest

from tpgan_sdk import Frontalizer
from tpgan_sdk.backends.onnx_runtime_cuda import OnnxRuntimeCudaBackend
from tpgan_sdk.backends.tensorrt.backend import SharedEngine, TensorRTBackend
from tpgan_sdk.backends.tensorrt.runtime import Tensor
from tpgan_sdk.geometry import CROP_SIZE
from tpgan_sdk.images.resample import Float32Array
from tpgan_sdk.models.inputs import (
    INPUT_NAMES,
    INPUT_SHAPES,
    InputShapes,
    face_input,
    margin_of,
)
from tpgan_sdk.models.model import DEFAULT, resolve_model
from tpgan_sdk.types import BackendInfo

from .conftest import FakeDevice, FakeStream
from .frames import Detector

INFO: Final = BackendInfo("tensorrt", "TensorRT 10.3.0", "cuda:0", "asked for by path", None)


def network(inputs: Mapping[str, Float32Array]) -> Float32Array:
    """Each face depends on its own inputs alone: the crop, its margin and the patches there are."""
    face = inputs["face"]
    edge = (face.shape[-1] - CROP_SIZE) // 2
    made = face[..., edge : edge + CROP_SIZE, edge : edge + CROP_SIZE] * np.float32(0.5)
    means = [face.mean((1, 2, 3)) * 0.1 * bool(edge)]
    for number, name in enumerate(INPUT_NAMES[1:], start=1):
        if name in inputs:
            means.append(inputs[name].mean((1, 2, 3)) * 0.1 * number)
    result: Float32Array = (made + np.sum(means, axis=0)[:, None, None, None]).astype(np.float32)
    return result


class OnHost:
    """The same network, reached by the CPU's path."""

    info = INFO

    def run(self, inputs: Mapping[str, Float32Array]) -> Float32Array:
        return network(inputs)

    def clone(self) -> OnHost:
        return self

    def close(self) -> None:
        pass


class FakeContext:
    """`trt_engine.Context` on the host's memory."""

    missing = False

    def __init__(self, tensors: list[Tensor]) -> None:
        self.tensors = tensors

    def bind(self, addresses: dict[str, int]) -> None:
        self.addresses = addresses

    def enqueue(self, rows: int, stream: int) -> None:
        assert stream == FakeStream.handle
        arrays = {t.name: floats_at(self.addresses[t.name], (rows, *t.row)) for t in self.tensors}
        output = arrays.pop("frontal")
        output[:] = network(arrays)

    def close(self) -> None:
        pass


class FakeEngine:
    """`trt_engine.Engine`."""

    def __init__(self, batch: tuple[int, int, int], inputs: InputShapes = INPUT_SHAPES) -> None:
        self.batch = batch
        self.tensors = [Tensor(name, True, tuple(shape)) for name, shape in inputs.items()]
        self.tensors.append(Tensor("frontal", False, (3, 128, 128)))

    def context(self) -> FakeContext:
        return FakeContext(self.tensors)

    def close(self) -> None:
        pass


def floats_at(place: int, shape: tuple[int, ...]) -> Float32Array:
    interface = {"data": (place, False), "shape": shape, "typestr": "<f4", "version": 3}
    holder = type("Holder", (), {"__array_interface__": interface})()
    return np.asarray(holder)


DEFAULTS: dict[str, Any] = {"detector": Detector([]), "refine": False}


FIVE: Final = replace(
    resolve_model("edge"),
    info=replace(resolve_model("edge").info, name="five", inputs=dict(INPUT_SHAPES)),
)
"""A model of a face and four patches, as `paper` is."""


def inputs_of(options: Mapping[str, Any]) -> InputShapes:
    """Of the model that a `Frontalizer` with these options runs."""
    return resolve_model(options.get("model") or DEFAULT).inputs


def opened(
    device: FakeDevice, batch: tuple[int, int, int] = (1, 2, 4), **options: Any
) -> Frontalizer:
    """On the TensorRT backend with a fake engine."""
    engine = FakeEngine(batch, inputs_of(options))
    shared = SharedEngine(device, engine)  # type: ignore[arg-type]
    backend = TensorRTBackend(shared, INFO)
    return Frontalizer(backend=backend, **{**DEFAULTS, **options})


def by_onnx_runtime(device: FakeDevice, *, rows: int = 4, **options: Any) -> Frontalizer:
    """On ONNX Runtime's backend for the GPU; a clone opens a device of its own."""
    runtime = pytest.importorskip("onnxruntime")
    devices = [device]
    shapes = inputs_of(options)

    def open_session(given: Mapping[str, str]) -> Any:
        assert given == {"user_compute_stream": str(FakeStream.handle)}
        model = network_onnx(margin_of(shapes), len(shapes) > 1)
        return runtime.InferenceSession(model, providers=["CPUExecutionProvider"])

    backend = OnnxRuntimeCudaBackend(
        open_session,
        lambda: devices.pop() if devices else FakeDevice(device._library),  # type: ignore[arg-type, return-value]
        BackendInfo("onnxruntime-cuda", "CPUExecutionProvider", "cuda:0", "opened", None),
        rows=rows,
        memory="cpu",
    )
    return Frontalizer(backend=backend, **{**DEFAULTS, **options})


@cache
def network_onnx(margin: int, patches: bool) -> bytes:
    """`network` as an ONNX."""
    onnx = pytest.importorskip("onnx")
    helper, number, whole = onnx.helper, onnx.TensorProto.FLOAT, onnx.TensorProto.INT64
    shapes = INPUT_SHAPES if patches else face_input(margin)
    weights = {name: 0.1 * i for i, name in enumerate(shapes)} | {"face": 0.1 * bool(margin)}
    nodes = [
        helper.make_node("Slice", ["face", "first", "last", "sides"], ["crop"]),
        helper.make_node("Mul", ["crop", "half_value"], ["half"]),
    ]
    for name in shapes:
        nodes.append(helper.make_node("ReduceMean", [name, "axes"], [f"{name}_mean"]))
        nodes.append(helper.make_node("Mul", [f"{name}_mean", f"{name}_value"], [f"{name}_part"]))
    parts = ["half", *(f"{name}_part" for name in shapes)]
    nodes.append(helper.make_node("Sum", parts, ["frontal"]))
    values = [
        helper.make_tensor("axes", whole, [3], [1, 2, 3]),
        helper.make_tensor("first", whole, [2], [margin, margin]),
        helper.make_tensor("last", whole, [2], [margin + CROP_SIZE, margin + CROP_SIZE]),
        helper.make_tensor("sides", whole, [2], [2, 3]),
        helper.make_tensor("half_value", number, [], [0.5]),
    ]
    values += [helper.make_tensor(f"{name}_value", number, [], [n]) for name, n in weights.items()]
    *inputs, output = (
        helper.make_tensor_value_info(name, number, ["b", *shape])
        for name, shape in {**shapes, "frontal": [3, CROP_SIZE, CROP_SIZE]}.items()
    )
    graph = helper.make_graph(nodes, "network", inputs, [output], values)
    opset = [helper.make_opsetid("", 18)]
    model = helper.make_model(graph, opset_imports=opset, ir_version=10)
    return bytes(model.SerializeToString())


def on_host(**options: Any) -> Frontalizer:
    return Frontalizer(backend=OnHost(), **{**DEFAULTS, **options})
