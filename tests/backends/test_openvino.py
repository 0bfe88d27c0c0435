"""OpenVINO against ONNX Runtime, its precision, and what it refuses."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from tpgan_sdk import backends
from tpgan_sdk.errors import BackendError, ModelError
from tpgan_sdk.faces.crops import crop_aligned, network_inputs
from tpgan_sdk.models.model import ModelInfo, load_model, resolve_model, sha256_of, write_sidecar

MODEL = resolve_model(None)
CPU = Path("/proc/cpuinfo").read_text() if Path("/proc/cpuinfo").is_file() else ""
installed = pytest.mark.skipif(
    importlib.util.find_spec("openvino") is None,
    reason="OpenVINO is not installed",
)


def faces(count: int) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(1)
    crops = [rng.integers(0, 256, (128, 128, 3), dtype=np.uint8) for _ in range(count)]
    crops = [cv2.GaussianBlur(crop, (0, 0), 3) for crop in crops]  # photos are no noise
    cut = [crop_aligned(crop, None, MODEL.template, MODEL.margin) for crop in crops]
    return network_inputs(cut, True, MODEL.inputs)


@installed
def test_it_computes_in_fp32_what_onnx_runtime_computes() -> None:
    """BF16, its own choice on many CPUs, would differ by more than 1e-3."""
    backend = backends.create_backend(MODEL, "openvino")
    assert (backend.info.provider, backend.info.device) == ("CPU (f32)", "cpu")
    inputs = faces(3)
    expected = backends.create_backend(MODEL, "onnxruntime-cpu").run(inputs)
    found = backend.run(inputs)
    assert found.shape == (3, 3, 128, 128)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, expected, atol=1e-4)


@installed
def test_results_stay_when_it_and_its_clone_run_again() -> None:
    backend = backends.create_backend(MODEL, "openvino")
    clone = backend.clone()
    inputs = faces(2)
    first = {name: values[:1] for name, values in inputs.items()}
    second = {name: values[1:] for name, values in inputs.items()}
    kept = backend.run(first)
    before = kept.copy()
    other = clone.run(second)
    np.testing.assert_array_equal(backend.run(second), other)
    np.testing.assert_array_equal(kept, before)
    assert not np.array_equal(kept, other)
    backend.close()
    with pytest.raises(BackendError, match="closed"):
        backend.run(first)
    with pytest.raises(BackendError, match="closed"):
        backend.clone()
    np.testing.assert_array_equal(clone.run(first), before)


@installed
@pytest.mark.skipif("avx512_bf16" not in CPU, reason="this CPU does not compute in BF16")
def test_a_bf16_model_runs_in_bf16(tmp_path: Path) -> None:
    pytest.importorskip("onnxruntime")
    to_onnx = pytest.importorskip("export.to_onnx")
    path = tmp_path / "half.onnx"
    to_onnx.convert_onnx(MODEL.path, path, "bf16", to_onnx.parity.FACES)
    backend = backends.create_backend(load_model(path), "openvino")
    assert backend.info.provider == "CPU (bf16)"
    inputs = faces(1)
    exact = backends.create_backend(MODEL, "openvino").run(inputs)
    difference = np.abs(backend.run(inputs) - exact)
    assert 1e-3 < difference.max() < 0.1
    assert difference.mean() * 127.5 < 1.0


@pytest.mark.parametrize("precision", ["int8", "fp8"])
def test_models_that_it_would_spoil_are_refused(precision: str) -> None:
    model = replace(MODEL, info=replace(MODEL.info, precision=precision))
    with pytest.raises(BackendError, match=f"changes the pictures of {precision} models"):
        backends.create_backend(model, "openvino")


@installed
def test_other_devices_and_files_are_refused(tmp_path: Path) -> None:
    with pytest.raises(BackendError, match=r"runs on device 'cpu', not on 'cuda:0'"):
        backends.create_backend(MODEL, "openvino", "cuda:0")
    broken = tmp_path / "broken.onnx"
    broken.write_bytes(b"no network")
    write_sidecar(broken, replace(MODEL.info, sha256=sha256_of(broken)))
    with pytest.raises(BackendError, match=r"OpenVINO cannot load .*broken\.onnx"):
        backends.create_backend(load_model(broken), "openvino")


@installed
def test_an_onnx_with_other_inputs_is_refused(tmp_path: Path) -> None:
    onnx = pytest.importorskip("onnx")
    value = [onnx.helper.make_tensor_value_info(n, 1, ["b", 3, "h", 8]) for n in "xy"]
    node = onnx.helper.make_node("Relu", ["x"], ["y"])
    graph = onnx.helper.make_graph([node], "other", value[:1], value[1:])
    path = tmp_path / "other.onnx"
    opset = [onnx.helper.make_opsetid("", 18)]
    onnx.save(onnx.helper.make_model(graph, opset_imports=opset, ir_version=10), path)
    write_sidecar(path, ModelInfo("other", "edge", "official", sha256_of(path), "fp32", 18))
    with pytest.raises(ModelError, match=r"takes the inputs \{'x': \[3, '\?', 8\]\}; expected"):
        backends.create_backend(load_model(path), "openvino")


@installed
def test_it_is_imported_without_its_telemetry() -> None:
    code = (
        "import sys; from tpgan_sdk.backends import openvino; openvino.import_openvino();"
        "sys.exit('openvino_telemetry' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_without_openvino_the_error_names_the_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "openvino", None)
    with pytest.raises(BackendError, match=r"pip install 'tpgan-sdk\[openvino\]'"):
        backends.create_backend(MODEL, "openvino")
    assert backends.create_backend(MODEL, device="cpu").info.name == "onnxruntime-cpu"
