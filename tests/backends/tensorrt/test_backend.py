"""The TensorRT backend against a GPU that fails on wrong order, leaks, sizes and threads."""

from __future__ import annotations

import gc
import logging
import sys
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from export.engines.refit import refit_engine
from tpgan_sdk.backends import available, create_backend
from tpgan_sdk.backends.tensorrt import loader as engine_loader
from tpgan_sdk.backends.tensorrt.backend import MAX_GRAPHS, TensorRTBackend
from tpgan_sdk.backends.tensorrt.engine_file import (
    EngineError,
    EngineInfo,
    digest,
    read_sidecar,
    sidecar_path,
    write_engine,
)
from tpgan_sdk.backends.tensorrt.loader import engine_of_cache, open_engine
from tpgan_sdk.errors import BackendError
from tpgan_sdk.gpu import cuda
from tpgan_sdk.models.model import Model, ModelInfo

from ..fake_gpu import INPUTS, FakeGpu, install, picture
from .test_engine_file import DATA, info_of

MODEL = Model(Path("m.onnx"), ModelInfo("edge", "edge", "official", "a" * 64, "fp32", 18))


@pytest.fixture
def gpu(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeGpu]:
    """Whatever a test does, nothing may be held at its end."""
    fake = FakeGpu()
    install(fake, monkeypatch)
    yield fake
    gc.collect()
    fake.check_no_leak()


def orin(**changes: object) -> EngineInfo:
    fitting = {"runtime": "tensorrt", "runtime_version": "10.3.0", "sm": (87,), "gpu": "Orin"}
    return replace(info_of(), **{**fitting, "parity": {"psnr": 60.0}, **changes})  # type: ignore[arg-type]


@pytest.fixture
def engine(tmp_path: Path) -> Path:
    path = tmp_path / "e.engine"
    write_engine(path, DATA, orin())
    return path


def batch(count: int, seed: int = 0) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    return {
        name: rng.uniform(-1, 1, (count, *row)).astype(np.float32) for name, row in INPUTS.items()
    }


def check(backend: TensorRTBackend, count: int, seed: int = 0) -> None:
    inputs = batch(count, seed)
    result = backend.run(inputs)
    assert result.dtype == np.float32
    assert result.shape == (count, 3, 8, 8)
    if count:
        np.testing.assert_array_equal(result, picture(inputs["face"], inputs["left_eye"]))


@pytest.mark.parametrize("count", [0, 1, 2, 3, 4, 5, 8, 11])
def test_every_row_has_its_own_result(count: int, gpu: FakeGpu, engine: Path) -> None:
    with open_engine(engine, MODEL) as backend:
        check(backend, count)


def test_a_batch_below_the_smallest_is_filled_and_sliced(gpu: FakeGpu, engine: Path) -> None:
    gpu.batch = (3, 3, 4)
    with open_engine(engine, MODEL) as backend:
        assert backend.batch == (3, 3, 4)
        for count in (1, 2, 3, 4, 5):
            check(backend, count)


def test_sizes_in_any_order_with_graphs(gpu: FakeGpu, engine: Path) -> None:
    with open_engine(engine, MODEL) as backend:
        for seed, count in enumerate([1, 2, 1, 3, 1, 2, 4, 3, 2, 1, 4, 4, 1]):
            check(backend, count, seed)
        assert gpu.calls.count("cuStreamBeginCapture") == 4
        assert gpu.calls.count("cuGraphLaunch") > 4


def test_results_are_the_callers_own(gpu: FakeGpu, engine: Path) -> None:
    with open_engine(engine, MODEL) as backend:
        first = backend.run(batch(2, 1))
        kept = first.copy()
        backend.run(batch(2, 2))
        np.testing.assert_array_equal(first, kept)


def test_no_more_graphs_than_allowed(gpu: FakeGpu, engine: Path) -> None:
    gpu.batch = (1, 4, 16)
    with open_engine(engine, MODEL) as backend:
        for count in [*range(1, 10), *range(1, 10)]:
            check(backend, count)
        assert gpu.graphs == MAX_GRAPHS


def test_buffers_are_made_once(gpu: FakeGpu, engine: Path) -> None:
    with open_engine(engine, MODEL) as backend:
        made = gpu.calls.count("mem_alloc"), gpu.calls.count("pagelocked_empty")
        assert made == (3, 3)
        for count in (1, 4, 9):
            check(backend, count)
        assert (gpu.calls.count("mem_alloc"), gpu.calls.count("pagelocked_empty")) == made


def test_it_is_warm_when_it_is_open(gpu: FakeGpu, engine: Path) -> None:
    with open_engine(engine, MODEL) as backend:
        assert gpu.calls.count("execute_async_v3") == 1
        info = backend.info
        assert (info.name, info.provider) == ("tensorrt", "TensorRT 10.3.0")
        assert (info.device, info.reason) == ("cuda:0", "asked for by path")


@pytest.mark.parametrize("fault", ["cuGraphInstantiate", "cuStreamBeginCapture"])
def test_a_refused_graph_falls_back(
    fault: str, gpu: FakeGpu, engine: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with open_engine(engine, MODEL) as backend:
        gpu.fail.add(fault)
        for seed in range(4):
            check(backend, 2, seed)
        assert gpu.calls.count("cuGraphLaunch") == 0
    assert [r.levelno for r in caplog.records] == [logging.WARNING]
    assert f"no CUDA graph for 2 faces ({fault} failed" in caplog.text


def test_a_replay_that_differs_is_not_used(
    gpu: FakeGpu, engine: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with open_engine(engine, MODEL) as backend:
        gpu.wrong_replay = True
        for seed in range(4):
            check(backend, 2, seed)
        assert gpu.calls.count("cuGraphLaunch") == 1
    assert "its replay differs by nan" in caplog.text


def test_without_cuda_bindings(monkeypatch: pytest.MonkeyPatch, engine: Path) -> None:
    gpu = FakeGpu()
    install(gpu, monkeypatch, graphs=False)
    with open_engine(engine, MODEL) as backend:
        for seed in range(3):
            check(backend, 2, seed)
    assert not [call for call in gpu.calls if call.startswith("cuGraph")]


def test_closing_frees_all_and_twice_is_nothing(gpu: FakeGpu, engine: Path) -> None:
    backend = open_engine(engine, MODEL)
    check(backend, 3)
    check(backend, 3)
    backend.close()
    gpu.check_no_leak()
    calls = len(gpu.calls)
    backend.close()
    assert len(gpu.calls) == calls
    with pytest.raises(BackendError, match="closed; make a new Frontalizer"):
        backend.run(batch(1))
    with pytest.raises(BackendError, match="closed; make a new Frontalizer"):
        backend.clone()


def test_create_run_close_leaves_nothing(gpu: FakeGpu, engine: Path) -> None:
    for _ in range(50):
        with open_engine(engine, MODEL) as backend:
            check(backend, 2)
        gpu.check_no_leak()


def test_clones_share_the_engine_and_outlive_the_first(gpu: FakeGpu, engine: Path) -> None:
    first = open_engine(engine, MODEL)
    second = first.clone()
    assert gpu.calls.count("deserialize_cuda_engine") == 1
    check(second, 2)
    first.close()
    check(second, 5)
    third = second.clone()
    second.close()
    check(third, 1)
    third.close()
    gpu.check_no_leak()


def test_each_thread_with_its_clone(gpu: FakeGpu, engine: Path) -> None:
    first = open_engine(engine, MODEL)
    errors: list[BaseException] = []

    def work(seed: int) -> None:
        try:
            with first.clone() as own:
                for turn in range(20):
                    check(own, 1 + turn % 5, seed * 100 + turn)
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    first.close()
    assert errors == []


def test_a_backend_may_move_to_another_thread(gpu: FakeGpu, engine: Path) -> None:
    backend = open_engine(engine, MODEL)
    errors: list[BaseException] = []

    def work() -> None:
        try:
            check(backend, 2)
            backend.close()
        except BaseException as error:
            errors.append(error)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert errors == []


def test_two_threads_at_once_are_refused(gpu: FakeGpu, engine: Path) -> None:
    with open_engine(engine, MODEL) as backend:
        backend._busy.acquire()
        with pytest.raises(BackendError, match=r"in use by another thread; give each a clone\(\)"):
            backend.run(batch(1))
        backend._busy.release()
        check(backend, 1)


@pytest.mark.parametrize(
    "call",
    ["deserialize_cuda_engine", "pagelocked_empty", "mem_alloc", "Stream"]
    + ["create_execution_context", "memcpy_htod_async", "execute_async_v3", "synchronize"],
)
def test_a_failure_while_opening_leaves_nothing(call: str, gpu: FakeGpu, engine: Path) -> None:
    gpu.fail.add(call)
    with pytest.raises(BackendError, match=f"failed: {call} failed: out of memory"):
        open_engine(engine, MODEL)
    gpu.fail.clear()


def test_a_failing_batch_is_named_and_the_next_one_runs(gpu: FakeGpu, engine: Path) -> None:
    with open_engine(engine, MODEL) as backend:
        gpu.fail.add("execute")
        with pytest.raises(BackendError, match="TensorRT could not start the batch"):
            backend.run(batch(2))
        gpu.fail = {"memcpy_dtoh_async"}
        with pytest.raises(BackendError, match="running a batch failed: memcpy_dtoh_async failed"):
            backend.run(batch(2))
        gpu.fail.clear()
        assert gpu.depth == 0
        check(backend, 2)


def test_wrong_inputs(gpu: FakeGpu, engine: Path) -> None:
    with open_engine(engine, MODEL) as backend:
        good = batch(2)
        with pytest.raises(BackendError, match="inputs are face; expected face, left_eye"):
            backend.run({"face": good["face"]})
        with pytest.raises(BackendError, match=r"left_eye is float32 of shape \(1, 3, 4, 4\); exp"):
            backend.run({**good, "left_eye": good["left_eye"][:1]})
        with pytest.raises(BackendError, match="face is float64 of shape"):
            backend.run({**good, "face": good["face"].astype(np.float64)})
        check(backend, 2)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"sm": (86, 89)}, r"was built for SM 86, 89 \(Orin\), the GPU here is SM 87; build it"),
        ({"runtime_version": "10.13.3"}, r"TensorRT 10\.13\.3, here is TensorRT 10\.3\.0; an eng"),
        ({"runtime": "rtx"}, r"cannot import tensorrt_rtx"),
        ({"runtime": "warp"}, r"unknown runtime 'warp'; known: tensorrt, rtx"),
        ({"onnx_sha256": "c" * 64}, r"built from another model \(ONNX cccccccccccc, the model he"),
        ({"size": 601}, r"is truncated: 600 bytes of 601"),
        ({"sha256": "d" * 64}, r"is not the file that e\.engine\.json describes"),
    ],
)
def test_refused_before_deserialising(
    changes: dict[str, object],
    message: str,
    gpu: FakeGpu,
    engine: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "tensorrt_rtx", None)
    write_engine(engine, DATA, orin(**changes))
    with pytest.raises(BackendError, match=message):
        open_engine(engine, MODEL)
    assert gpu.calls == []


@pytest.mark.parametrize("swapped", [DATA[:-1] + b"!", None])
def test_a_file_that_is_swapped_after_its_check_is_not_deserialised(
    swapped: bytes | None, gpu: FakeGpu, engine: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def swap(index: int) -> cuda.Gpu | str:
        if swapped is None:
            engine.unlink()
        else:
            engine.write_bytes(swapped)
        return cuda.find_gpu(index)

    monkeypatch.setattr(engine_loader, "find_gpu", swap)
    message = "changed while it was opened; expected the file" if swapped else "cannot be read"
    with pytest.raises(EngineError, match=message):
        open_engine(engine, MODEL)
    assert gpu.calls == []


def test_an_engine_that_tensorrt_does_not_read(gpu: FakeGpu, engine: Path) -> None:
    write_engine(engine, b"junk", orin(sha256=info_of(b"junk").sha256, size=4))
    with pytest.raises(BackendError, match="TensorRT does not read the engine"):
        open_engine(engine, MODEL)


def test_without_a_sidecar_only_on_trust(
    gpu: FakeGpu, engine: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    compared: list[object] = []

    def compare(backend: object, model: object) -> dict[str, float]:
        compared.append(backend)
        return {"psnr": 60.0}

    monkeypatch.setattr(engine_loader, "check_parity", compare)
    sidecar_path(engine).unlink()
    with pytest.raises(EngineError, match=r"has no sidecar .*: give --trust, or trust=True"):
        open_engine(engine, MODEL)
    with open_engine(engine, MODEL, trust=True) as backend:
        check(backend, 3)
    assert len(compared) == 1
    assert not sidecar_path(engine).exists()
    engine.write_bytes(b"\x08\x08\x12ONNX")
    with pytest.raises(EngineError, match="is an ONNX"):
        open_engine(engine, MODEL, trust=True)


def test_trust_does_not_excuse_a_wrong_sidecar(gpu: FakeGpu, engine: Path) -> None:
    write_engine(engine, DATA, orin(sm=(75,)))
    with pytest.raises(EngineError, match="was built for SM 75"):
        open_engine(engine, MODEL, trust=True)


def test_trust_takes_a_file_that_its_sidecar_does_not_describe(
    gpu: FakeGpu, engine: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(engine_loader, "check_parity", lambda *_: {"psnr": 60.0})
    engine.write_bytes(DATA + b"changed")
    with pytest.raises(EngineError, match=r"is not the file that e\.engine\.json describes"):
        create_backend(MODEL, str(engine))
    backend = create_backend(MODEL, str(engine), trust=True)
    assert isinstance(backend, TensorRTBackend)
    check(backend, 3)
    backend.close()
    assert "trusted as asked" in caplog.text


def stripped(engine: Path, onnx: bytes, **changes: object) -> None:
    details = {"features": {"strip": True}}
    data = b"ENGINE-WEIGHTS"
    info = orin(sha256=digest(data), size=len(data), graph_sha256=digest(onnx), details=details)
    write_engine(engine, data, replace(info, **changes))  # type: ignore[arg-type]


@pytest.mark.parametrize("name", ["m.onnx", "e.fp16.onnx"])
def test_a_stripped_engine_gets_its_weights_from_the_onnx(
    name: str, gpu: FakeGpu, engine: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(engine.parent)
    stripped(engine, b"ONNX weights")
    Path(name).write_bytes(b"ONNX weights")
    with open_engine(engine, MODEL) as backend:
        check(backend, 3)
        with backend.clone() as other:
            check(other, 2)
    assert gpu.calls.count("refit_cuda_engine") == 1


def test_a_stripped_engine_without_its_onnx(
    gpu: FakeGpu, engine: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(engine.parent)
    stripped(engine, b"ONNX weights")
    Path("m.onnx").write_bytes(b"ONNX of another")
    with pytest.raises(BackendError, match=r"holds no weights, and the ONNX .* is neither m\.onnx"):
        open_engine(engine, MODEL)
    assert gpu.calls == []


def test_weights_that_do_not_fit_leave_nothing(
    gpu: FakeGpu, engine: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(engine.parent)
    stripped(engine, b"of another network")
    Path("m.onnx").write_bytes(b"of another network")
    with pytest.raises(BackendError, match="does not take the ONNX's weights into the engine"):
        open_engine(engine, MODEL)


def test_the_runtime_inside_an_engine_runs_only_where_its_sidecar_says_so(
    gpu: FakeGpu, engine: Path
) -> None:
    data = b"ENGINE+RUNTIME"
    info = orin(sha256=digest(data), size=len(data), runtime_version="10.2.1")
    details = {"features": {"version_compatible": True}}
    write_engine(engine, data, replace(info, details=details))
    with open_engine(engine, MODEL) as backend:
        check(backend, 2)
    write_engine(engine, data, replace(info, runtime_version="10.3.0"))
    with pytest.raises(BackendError, match="TensorRT does not read the engine"):
        open_engine(engine, MODEL)


def test_an_engine_is_refitted_for_another_onnx(gpu: FakeGpu, engine: Path) -> None:
    details = {"features": {"refit": True}, "layers": 7, "multiplied_in": {"fp16": 5}}
    write_engine(engine, DATA, orin(details=details))
    runtime = sys.modules["tensorrt"]
    built = refit_engine(runtime, engine, b"ONNX new", "tensorrt")
    assert built.data == b"ENGINE refitted with ONNX new"
    assert (built.multiplied_in, built.layers) == ({"fp16": 5}, 7)
    gpu.check_no_leak()
    with pytest.raises(BackendError, match="does not take the ONNX's weights"):
        refit_engine(runtime, engine, b"other", "tensorrt")
    write_engine(engine, DATA, orin(details=details, sm=(86,)))
    with pytest.raises(EngineError, match="was built for SM 86"):
        refit_engine(runtime, engine, b"ONNX new", "tensorrt")


def test_the_engine_tells_its_layers(gpu: FakeGpu, engine: Path) -> None:
    backend = open_engine(engine, MODEL)
    assert '"Type": "Half"' in backend.inspect()
    backend.close()
    with pytest.raises(BackendError, match="closed; make a new Frontalizer"):
        backend.inspect()


def test_an_unverified_engine_is_compared_once_before_its_first_result(
    gpu: FakeGpu, engine: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    compared: list[object] = []

    def compare(backend: object, model: object) -> dict[str, float]:
        compared.append(backend)
        return {"psnr": 55.0}

    monkeypatch.setattr(engine_loader, "check_parity", compare)
    write_engine(engine, DATA, orin(parity="not run, no driver"))
    for _ in range(2):
        open_engine(engine, MODEL).close()
    assert len(compared) == 1
    assert read_sidecar(engine).parity == {"psnr": 55.0}


def test_a_comparison_is_not_noted_beside_another_engine(
    gpu: FakeGpu, engine: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = orin(sha256=digest(b"ENGINE other"), size=12, parity="not run, no driver")

    def replaced(*_: object) -> dict[str, float]:
        write_engine(engine, b"ENGINE other", other)
        return {"psnr": 55.0}

    def removed(*_: object) -> dict[str, float]:
        sidecar_path(engine).unlink()
        return {"psnr": 55.0}

    for meanwhile, left in ((replaced, other), (removed, None)):
        write_engine(engine, DATA, orin(parity="not run, no driver"))
        monkeypatch.setattr(engine_loader, "check_parity", meanwhile)
        with open_engine(engine, MODEL) as backend:
            check(backend, 3)
        assert (read_sidecar(engine) if sidecar_path(engine).exists() else None) == left


def test_an_engine_that_fails_its_comparison_is_not_used(
    gpu: FakeGpu, engine: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise BackendError("the engine differs from ONNX Runtime by 9.00 grey levels")

    monkeypatch.setattr(engine_loader, "check_parity", refuse)
    write_engine(engine, DATA, orin(parity="not run, no driver"))
    with pytest.raises(BackendError, match=r"differs from ONNX Runtime by 9\.00"):
        open_engine(engine, MODEL)
    assert read_sidecar(engine).parity == "not run, no driver"


def test_the_cache_gives_the_engine_of_the_model(
    gpu: FakeGpu, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    folder = tmp_path / "tpgan-sdk" / "engines"
    with pytest.raises(BackendError, match=r"build one: tpgan build-engine --onnx m\.onnx"):
        engine_of_cache(MODEL)
    folder.mkdir(parents=True)
    write_engine(folder / "a.engine", DATA, orin(onnx_sha256="e" * 64))
    write_engine(folder / "b.engine", DATA, orin(sm=(86,)))
    (folder / "c.engine").write_bytes(b"damaged")
    with pytest.raises(BackendError, match=r"b\.engine was built for SM 86"):
        engine_of_cache(MODEL)
    write_engine(folder / "d.engine", DATA, orin())
    with engine_of_cache(MODEL) as backend:
        assert backend.info.reason == "in the engine cache"
        check(backend, 2)


def test_without_a_driver(engine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(name: str) -> None:
        raise OSError("absent")

    monkeypatch.setattr("ctypes.CDLL", refuse)
    with pytest.raises(BackendError, match="no NVIDIA driver"):
        open_engine(engine, MODEL)
    with pytest.raises(BackendError, match="no NVIDIA driver"):
        engine_of_cache(MODEL)


@pytest.mark.parametrize("device", ["cpu", "cuda:x", "tpu"])
def test_other_devices(device: str, gpu: FakeGpu, engine: Path) -> None:
    with pytest.raises(BackendError, match="tensorrt runs on 'cuda' or 'cuda:N', not on"):
        open_engine(engine, MODEL, device)


def test_a_gpu_that_is_not_there(gpu: FakeGpu, engine: Path) -> None:
    with pytest.raises(BackendError, match="'cuda:3' does not exist; GPUs here: 1"):
        open_engine(engine, MODEL, "cuda:3")


def test_without_pycuda_the_line_is_named(
    gpu: FakeGpu, engine: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pycuda.driver", None)
    with pytest.raises(BackendError, match=r"pycuda cannot be imported .*tpgan-sdk\[tensorrt\]"):
        open_engine(engine, MODEL)


def test_beside_torch_in_either_order(gpu: FakeGpu, engine: Path) -> None:
    """What torch does is hold and push the same primary context: ours never takes it away."""
    other = sys.modules["pycuda.driver"].Device(0).retain_primary_context()
    other.push()
    with open_engine(engine, MODEL) as backend:
        check(backend, 2)
        assert gpu.depth == 1
    assert (gpu.depth, gpu.retained) == (1, 1)
    sys.modules["pycuda.driver"].Context.pop()
    other.detach()


def test_what_the_driver_says_of_a_gpu(gpu: FakeGpu) -> None:
    assert cuda.find_gpu() == cuda.Gpu("Orin", 87, 8 << 30)
    assert cuda.find_gpu(1) == "device 'cuda:1' does not exist; GPUs here: 1"


def test_a_closed_device_refuses(gpu: FakeGpu) -> None:
    device = cuda.Device()
    assert isinstance(sys.modules["pycuda.driver"], ModuleType)
    device.close()
    device.close()
    with pytest.raises(BackendError, match="cuda:0 is closed"):
        device.stream()


@pytest.fixture
def cached(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The user's cache, with an engine of `MODEL` for the GPU of these tests."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    folder = tmp_path / "tpgan-sdk" / "engines"
    folder.mkdir(parents=True)
    write_engine(folder / "e.engine", DATA, orin())
    return folder / "e.engine"


@pytest.mark.parametrize("choice", ["auto", "tensorrt", "path"])
def test_a_backend_is_chosen_by_name_path_or_itself(
    choice: str, gpu: FakeGpu, cached: Path
) -> None:
    backend = create_backend(MODEL, str(cached) if choice == "path" else choice)
    assert isinstance(backend, TensorRTBackend)
    assert (backend.info.name, backend.info.provider) == ("tensorrt", "TensorRT 10.3.0")
    reasons = {
        "auto": "first that works",
        "tensorrt": "asked for by name",
        "path": "asked for by p",
    }
    assert backend.info.reason.startswith(reasons[choice])
    check(backend, 3)
    backend.close()


def test_looking_at_what_is_available_holds_nothing(gpu: FakeGpu, cached: Path) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("tpgan_sdk.backends.resolve_model", lambda model: MODEL)
        found = available()
    assert found[0] == ("tensorrt", True, "TensorRT 10.3.0")
    gpu.check_no_leak()
