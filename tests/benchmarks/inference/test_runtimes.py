"""Every runtime that is here makes the picture of PyTorch eager; the others say why not."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("onnxscript")

from benchmarks.errors import BenchmarkError  # noqa: E402
from benchmarks.inference.gpu_runtimes import GPU  # noqa: E402
from benchmarks.inference.networks import BenchmarkNetwork, make_benchmark_network  # noqa: E402
from benchmarks.inference.runtimes import BASELINE, CPU, SHIPPED, Opened, Runtime  # noqa: E402
from tpgan_sdk.backends.parity import Inputs, compare  # noqa: E402
from tpgan_sdk.gpu.cuda import CudaDriver, find_driver  # noqa: E402

QUICK = [r for r in (*CPU, *SHIPPED) if not r.compiles and r.device == "cpu"]


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Iterator[BenchmarkNetwork]:
    with pytest.MonkeyPatch.context() as patch:
        # So small a network has nothing that Winograd's tiles would be worth.
        patch.setattr("export.graphs.winograd.LEAST_GAIN", 0.0)
        yield make_benchmark_network("tiny", tmp_path_factory.mktemp("tiny"))


@pytest.mark.parametrize("runtime", QUICK, ids=lambda r: r.name)
def test_the_picture_is_that_of_eager(runtime: Runtime, tiny: BenchmarkNetwork) -> None:
    if runtime.name.startswith("openvino"):
        pytest.importorskip("openvino")
    inputs = tiny.faces(2)
    expected = CPU[0].open(tiny, inputs).run().copy()
    opened = runtime.open(tiny, inputs)
    found = compare(expected, opened.run())
    opened.close()
    assert found.span > 1
    assert found.max < 2e-4 if runtime.precision == "fp32" else found.psnr > 30


def test_names_are_unique_and_the_baseline_comes_first() -> None:
    names = [runtime.name for runtime in (*CPU, *GPU, *SHIPPED)]
    assert len(set(names)) == len(names)
    assert names[0] == BASELINE


def test_what_compiles_is_no_quick_look() -> None:
    compiling = {runtime.name for runtime in (*CPU, *GPU, *SHIPPED) if runtime.compiles}
    assert compiling == {"torch-compile", "torch-compile-frozen", "torch-max-autotune"}


@pytest.mark.parametrize("runtime", GPU, ids=lambda r: r.name)
def test_without_a_gpu_the_driver_is_the_reason(runtime: Runtime, tiny: BenchmarkNetwork) -> None:
    driver = find_driver()
    if isinstance(driver, CudaDriver):
        pytest.skip("there is a GPU")
    with pytest.raises(BenchmarkError, match=f"^{driver}$"):
        runtime.open(tiny, tiny.faces(1))


def failing(error: Exception) -> Runtime:
    def opener(_: BenchmarkNetwork, __: Inputs) -> Opened:
        raise error

    return Runtime("failing", "a runtime that fails", "fp32", opener)


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (ModuleNotFoundError("No module named 'x'", name="x"), "x is not installed"),
        (RuntimeError("no compiler\nlong output"), "RuntimeError: no compiler"),
        (BenchmarkError("no driver"), "no driver"),
    ],
)
def test_what_does_not_open_says_why(error: Exception, reason: str, tiny: BenchmarkNetwork) -> None:
    with pytest.raises(BenchmarkError, match=f"^{reason}$"):
        failing(error).open(tiny, tiny.faces(1))


def test_a_runtime_that_opens_but_does_not_run(tiny: BenchmarkNetwork) -> None:
    def run() -> np.ndarray:
        raise MemoryError("2 GB wanted")

    broken = Runtime("broken", "", "fp32", lambda *_: Opened(run))
    with pytest.raises(BenchmarkError, match=r"^MemoryError: 2 GB wanted$"):
        broken.open(tiny, tiny.faces(1))
