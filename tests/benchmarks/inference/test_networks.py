"""Networks with fixed weights: lively, always the same, and the same as their ONNX."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from benchmarks.errors import BenchmarkError  # noqa: E402
from benchmarks.inference.networks import (  # noqa: E402
    SPREAD,
    BenchmarkNetwork,
    as_tensors,
    make_benchmark_network,
)
from tpgan_sdk.backends.parity import compare, run_onnx  # noqa: E402
from tpgan_sdk.errors import ExportError  # noqa: E402
from tpgan_sdk.models.model import load_model  # noqa: E402


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> BenchmarkNetwork:
    return make_benchmark_network("tiny", tmp_path_factory.mktemp("tiny"))


def picture(subject: BenchmarkNetwork, batch: int) -> np.ndarray:
    with torch.inference_mode():
        made: np.ndarray = subject.network()(*as_tensors(subject.faces(batch))).numpy()
    return made


def test_random_weights_make_a_lively_picture(tiny: BenchmarkNetwork) -> None:
    network = tiny.network()
    convolutions = [m for m in network.modules() if isinstance(m, torch.nn.Conv2d)]
    spread: list[float] = []
    for module in convolutions:
        # A hook that returns something would replace the output.
        module.register_forward_hook(lambda _, __, output: spread.append(float(output.std())))
    with torch.inference_mode():
        made = network(*as_tensors(tiny.faces(1)))
    assert len(spread) == len(convolutions)
    assert spread == pytest.approx([SPREAD] * len(spread), rel=0.01)
    assert float(made.max() - made.min()) > 1  # what an export asks of a picture


def test_the_same_weights_every_time(tiny: BenchmarkNetwork, tmp_path: Path) -> None:
    assert np.array_equal(picture(make_benchmark_network("tiny", tmp_path), 2), picture(tiny, 2))


def test_a_copy_can_be_changed(tiny: BenchmarkNetwork) -> None:
    before = picture(tiny, 1)
    tiny.network().half()
    assert np.array_equal(picture(tiny, 1), before)


def test_faces_begin_again_after_the_last(tiny: BenchmarkNetwork) -> None:
    faces = tiny.faces(17)
    assert {len(values) for values in faces.values()} == {17}
    assert np.array_equal(faces["face"][16], faces["face"][0])
    assert not np.array_equal(faces["face"][1], faces["face"][0])


@pytest.mark.parametrize(("form", "limit"), [("fp32", 1e-4), ("padded", 1e-4), ("fp16", 0.05)])
def test_its_onnx_makes_the_same_picture(tiny: BenchmarkNetwork, form: str, limit: float) -> None:
    pytest.importorskip("onnxscript")
    path = tiny.onnx(form)  # type: ignore[arg-type]
    found = compare(picture(tiny, 3), run_onnx(path, tiny.faces(3)))
    assert found.max < limit
    info = load_model(path).info
    assert (info.preset, info.precision) == ("tiny", "fp16" if form == "fp16" else "fp32")


def test_a_form_that_would_be_the_plain_one(tiny: BenchmarkNetwork) -> None:
    pytest.importorskip("onnxscript")
    with pytest.raises(ExportError, match="none of its convolutions is large enough for Winograd"):
        tiny.onnx("winograd")


def test_an_unknown_preset(tmp_path: Path) -> None:
    with pytest.raises(
        BenchmarkError, match="no preset 'papier'; known: paper, edge-drawn, tiny, edge"
    ):
        make_benchmark_network("papier", tmp_path)
