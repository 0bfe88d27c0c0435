"""Which backend is chosen, what it says about itself, and what it refuses."""

from __future__ import annotations

import logging
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from tpgan_sdk import backends
from tpgan_sdk.backends import onnx_runtime
from tpgan_sdk.errors import BackendError, ModelError
from tpgan_sdk.faces.crops import crop_aligned, network_inputs
from tpgan_sdk.gpu import cuda
from tpgan_sdk.models.model import ModelInfo, load_model, resolve_model, sha256_of, write_sidecar

MODEL = resolve_model(None)
HAS_GPU = isinstance(cuda.find_driver(), cuda.CudaDriver)
no_gpu = pytest.mark.skipif(HAS_GPU, reason="this machine has a GPU")


def faces(count: int) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(1)
    crops = [rng.integers(0, 256, (128, 128, 3), dtype=np.uint8) for _ in range(count)]
    crops = [cv2.GaussianBlur(crop, (0, 0), 3) for crop in crops]  # photos are no noise
    cut = [crop_aligned(crop, None, MODEL.template, MODEL.margin) for crop in crops]
    return network_inputs(cut, True, MODEL.inputs)


@no_gpu
def test_auto_says_why_and_once(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, "tpgan_sdk"):
        backend = backends.create_backend(MODEL)
    assert backend.info.name == "onnxruntime-cpu"
    assert (backend.info.provider, backend.info.device) == ("CPUExecutionProvider", "cpu")
    assert "onnxruntime-cuda: no NVIDIA driver" in backend.info.reason
    assert backend.info.faster is None
    assert len([r for r in caplog.records if "backend onnxruntime-cpu" in r.message]) == 1


@no_gpu
def test_a_backend_asked_for_by_name_raises() -> None:
    with pytest.raises(BackendError, match="no NVIDIA driver"):
        backends.create_backend(MODEL, "onnxruntime-cuda")


def test_an_unknown_name_lists_the_known() -> None:
    with pytest.raises(
        BackendError, match="unknown backend 'warp'; known: auto, tensorrt, onnxruntime-cuda"
    ):
        backends.create_backend(MODEL, "warp")


@pytest.mark.parametrize("device", ["cuda:0", "gpu", 0, np.int64(1)])
def test_a_device_that_the_backend_has_not(device: str) -> None:
    with pytest.raises(BackendError, match="runs on device 'cpu', not on 'cuda"):
        backends.create_backend(MODEL, "onnxruntime-cpu", device)


class OtherDevice:
    """As torch's."""

    def __str__(self) -> str:
        return "cuda:2"


@pytest.mark.parametrize(
    ("given", "name"),
    [
        (None, None),
        ("cpu", "cpu"),
        ("CPU", "cpu"),
        ("cuda", "cuda"),
        ("CUDA:1", "cuda:1"),
        ("gpu", "cuda"),
        ("GPU:3", "cuda:3"),
        (0, "cuda:0"),
        ("1", "cuda:1"),
        (np.int64(2), "cuda:2"),
        (OtherDevice(), "cuda:2"),
    ],
)
def test_how_a_device_may_be_written(given: object, name: str | None) -> None:
    assert backends.device_name(given) == name


@pytest.mark.parametrize("device", ["tpu", "cuda:", "cuda:x", -1, True, 1.0, "", "cpu:0"])
def test_an_unknown_device(device: object) -> None:
    with pytest.raises(BackendError, match="is not known; expected 'cpu', 'cuda' or 'cuda:N'"):
        backends.create_backend(MODEL, "auto", device)  # type: ignore[arg-type]
    with pytest.raises(BackendError, match="is not known"):
        backends.available(device)  # type: ignore[arg-type]


@pytest.mark.parametrize("name", ["OnnxRuntime-CPU", "onnxruntime_cpu"])
def test_how_a_backend_may_be_written(name: str) -> None:
    assert backends.create_backend(MODEL, name, "CPU").info.name == "onnxruntime-cpu"


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("cpu", "onnxruntime-cpu"),
        ("GPU", "onnxruntime-cuda"),
        ("CPUExecutionProvider", "onnxruntime-cpu"),
        ("trt", "tensorrt"),
    ],
)
def test_the_right_word_for_a_backend(name: str, meant: str) -> None:
    message = f"unknown backend '{name}', perhaps '{meant}' is meant; known: auto"
    with pytest.raises(BackendError, match=message):
        backends.create_backend(MODEL, name)


def test_an_engine_by_its_path_object(tmp_path: Path) -> None:
    with pytest.raises(BackendError, match=r"gone\.engine") as by_text:
        backends.create_backend(MODEL, str(tmp_path / "gone.engine"))
    with pytest.raises(BackendError, match=r"gone\.engine") as by_path:
        backends.create_backend(MODEL, tmp_path / "gone.engine")
    assert str(by_path.value) == str(by_text.value)


def test_rows_do_not_depend_on_their_batch_and_clones_agree() -> None:
    backend = backends.create_backend(MODEL, "onnxruntime-cpu")
    inputs = faces(3)
    whole = backend.run(inputs)
    assert whole.shape == (3, 3, 128, 128)
    assert whole.dtype == np.float32
    clone = backend.clone()
    for row in range(3):
        single = clone.run({name: values[row : row + 1] for name, values in inputs.items()})
        np.testing.assert_allclose(single[0], whole[row], atol=1e-4)
    backend.close()
    with pytest.raises(BackendError, match="closed"):
        backend.run(inputs)
    clone.run(inputs)


def test_a_silent_fallback_to_the_cpu_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """The provider is compiled in but does not start: ONNX Runtime only prints a line then."""

    class Session:
        def get_providers(self) -> list[str]:
            return ["CPUExecutionProvider"]

    class Runtime:
        @staticmethod
        def get_available_providers() -> list[str]:
            return ["CUDAExecutionProvider", "CPUExecutionProvider"]

    monkeypatch.setattr(onnx_runtime, "find_driver", lambda: cuda.CudaDriver((13, 0), 1))
    monkeypatch.setattr(onnx_runtime, "_runtime", lambda: Runtime)
    monkeypatch.setattr(onnx_runtime, "_session", lambda *_: Session())
    with pytest.raises(BackendError, match="could not start its CUDA provider"):
        onnx_runtime.open_cuda(MODEL, None)
    with pytest.raises(BackendError, match="'cuda:3' does not exist; GPUs here: 1"):
        onnx_runtime.open_cuda(MODEL, "cuda:3")


def test_without_onnx_runtime_the_error_names_the_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(BackendError, match=r"pip install 'tpgan-sdk\[cpu\]'"):
        backends.create_backend(MODEL, "onnxruntime-cpu")
    monkeypatch.setitem(sys.modules, "openvino", None)
    with pytest.raises(BackendError, match=r"no backend works here.*tpgan doctor"):
        backends.create_backend(MODEL)


def test_an_onnx_with_other_inputs_is_refused(tmp_path: Path) -> None:
    """A sidecar that fits does not make it one of ours."""
    onnx = pytest.importorskip("onnx")
    value = [onnx.helper.make_tensor_value_info(n, onnx.TensorProto.FLOAT, ["b", 3]) for n in "xy"]
    node = onnx.helper.make_node("Relu", ["x"], ["y"])
    opset = [onnx.helper.make_opsetid("", 18)]
    graph = onnx.helper.make_graph([node], "other", value[:1], value[1:])
    path = tmp_path / "other.onnx"
    onnx.save(onnx.helper.make_model(graph, opset_imports=opset, ir_version=10), path)
    write_sidecar(path, ModelInfo("other", "edge", "official", sha256_of(path), "fp32", 18))
    with pytest.raises(ModelError, match=r"takes the inputs \{'x': \[3\]\}; expected"):
        backends.create_backend(load_model(path))


def test_an_object_that_is_no_backend_is_refused() -> None:
    with pytest.raises(BackendError, match="given as NoneType; expected auto"):
        backends.create_backend(MODEL, None)  # type: ignore[arg-type]


def test_available_tells_for_each_backend() -> None:
    found = backends.available()
    assert [name for name, _, _ in found] == list(backends.BACKENDS)
    assert ("onnxruntime-cpu", True, "CPUExecutionProvider") in found
