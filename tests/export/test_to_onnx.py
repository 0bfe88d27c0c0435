"""The exported graph against torch, its precisions against each other, and the refusals."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import onnx
import pytest

from export import to_onnx
from export.precisions import conversion
from export.precisions.half import load_weights_fp32, precision_of, store_weights_fp16
from tpgan_sdk.backends import parity
from tpgan_sdk.errors import ExportError
from tpgan_sdk.models.model import load_model


@pytest.fixture(scope="module")
def exported(checkpoint_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    output = tmp_path_factory.mktemp("export") / "tiny.onnx"
    assert to_onnx.main(["--checkpoint", str(checkpoint_dir), "--output", str(output)]) == 0
    return output


def test_onnx_equals_torch_on_an_output_that_spans_the_range(exported: Path) -> None:
    figures = load_model(exported).info.parity["onnx_vs_torch"]
    assert figures["faces"] == 16
    assert figures["span"] >= 1.0
    assert figures["max"] < 2e-4
    assert figures["cosine"] > 0.999999


def test_the_sidecar_tells_everything_a_caller_needs(exported: Path) -> None:
    info = load_model(exported).info
    assert (info.preset, info.template, info.precision) == ("tiny", "official", "fp16-weights")
    assert (info.colour, info.input_range, info.output_range) == ("RGB", (-1, 1), (-1, 1))
    assert info.training["step"] == 7
    assert info.parity["fp16-weights_vs_fp32"]["mean_levels"] < 1


def test_inputs_have_a_dynamic_batch_and_every_row_its_own_result(exported: Path) -> None:
    graph = onnx.load(exported).graph
    names = [value.name for value in graph.input]
    assert names == ["face", "left_eye", "right_eye", "nose", "mouth"]
    assert [value.name for value in graph.output] == ["frontal"]
    inputs = parity.load_parity_faces(parity.FACES, load_model(exported).template)
    whole = parity.run_onnx(exported, inputs)
    for row in (0, 7, 15):
        single = parity.run_onnx(exported, {n: v[row : row + 1] for n, v in inputs.items()})
        np.testing.assert_allclose(single[0], whole[row], atol=1e-4)


def test_no_path_of_the_exporting_machine_is_in_the_file(exported: Path) -> None:
    content = exported.read_bytes()
    assert str(Path(__file__).resolve().parent.parent.parent).encode() not in content
    assert b"site-packages" not in content


def test_storing_as_fp16_changes_nothing_and_halves_the_file(exported: Path) -> None:
    stored = onnx.load(exported)
    plain = load_weights_fp32(stored)
    assert (precision_of(stored), precision_of(plain)) == ("fp16-weights", "fp32")
    assert store_weights_fp16(plain).SerializeToString() == stored.SerializeToString()
    assert stored.ByteSize() < 0.65 * plain.ByteSize()
    inputs = parity.load_parity_faces(parity.FACES, load_model(exported).template)
    np.testing.assert_allclose(
        parity.run_onnx(stored.SerializeToString(), inputs),
        parity.run_onnx(plain.SerializeToString(), inputs),
        atol=1e-5,
    )


def test_weights_that_fp16_cannot_hold_are_not_stored(exported: Path) -> None:
    graph = load_weights_fp32(onnx.load(exported))
    large = max(graph.graph.initializer, key=lambda t: len(t.raw_data))
    values = onnx.numpy_helper.to_array(large) + np.float32(1e-5)
    large.CopyFrom(onnx.numpy_helper.from_array(values, large.name))
    with pytest.raises(ExportError, match="not exact in FP16"):
        store_weights_fp16(graph)


def test_fp16_compute_is_made_without_torch_and_stays_within_two_levels(
    exported: Path, tmp_path: Path
) -> None:
    output = tmp_path / "half.onnx"
    arguments = ["--onnx", str(exported), "--precision", "fp16", "--output", str(output)]
    assert to_onnx.main([*arguments, "--name", "mine"]) == 0
    model = load_model(output)
    assert model.name == "mine"
    assert precision_of(onnx.load(output)) == model.info.precision == "fp16"
    assert model.info.parity["fp16_vs_fp16-weights"]["mean_levels"] < 2.0
    kinds = {value.type.tensor_type.elem_type for value in onnx.load(output).graph.input}
    assert kinds == {onnx.TensorProto.FLOAT}
    assert to_onnx.main(["--onnx", str(output), "--output", str(tmp_path / "x.onnx")]) == 1


def test_bf16_is_exported_and_measured_by_a_graph_that_rounds_alike(
    checkpoint_dir: Path, tmp_path: Path
) -> None:
    output = tmp_path / "bf16.onnx"
    arguments = ["--checkpoint", str(checkpoint_dir), "--output", str(output)]
    assert to_onnx.main([*arguments, "--precision", "bf16"]) == 0
    info = load_model(output).info
    assert precision_of(onnx.load(output)) == info.precision == "bf16"
    assert 0.01 < info.parity["bf16_vs_fp32"]["mean_levels"] < 2.0


def test_a_graph_that_differs_from_torch_is_not_written(
    checkpoint_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = parity.run_onnx
    monkeypatch.setattr(parity, "run_onnx", lambda model, inputs: real(model, inputs) + 1e-3)
    output = tmp_path / "off.onnx"
    with pytest.raises(ExportError, match=r"differ by 1\.\d+e-03 at most on 16 faces"):
        to_onnx.export_checkpoint(checkpoint_dir, output, "fp32", parity.FACES)
    assert not list(tmp_path.iterdir())


def test_a_flat_output_is_not_exported(
    checkpoint_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(conversion, "MIN_SPAN", 3.0)
    with pytest.raises(ExportError, match=r"spans 1\.\d+ of 2, less than half"):
        to_onnx.export_checkpoint(checkpoint_dir, tmp_path / "flat.onnx", "fp32", parity.FACES)
    assert not list(tmp_path.iterdir())


def test_rounded_weights_do_not_become_fp32_again(exported: Path, tmp_path: Path) -> None:
    with pytest.raises(ExportError, match="would only look precise"):
        to_onnx.convert_onnx(exported, tmp_path / "x.onnx", "fp32", parity.FACES)


def test_a_precision_that_costs_too_much_is_not_written(
    exported: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(conversion, "MAX_MEAN_LEVELS", 1e-9)
    with pytest.raises(ExportError, match="grey levels on average"):
        to_onnx.convert_onnx(exported, tmp_path / "h.onnx", "fp16", parity.FACES)
    assert not list(tmp_path.iterdir())


def test_compare_against_hand_worked_values() -> None:
    a, b = np.zeros((1, 3, 2, 2)), np.zeros((1, 3, 2, 2))
    a[0, 0, 0, 0], b[0, 0, 0, 0] = 1.0, 0.5
    found = parity.compare(a, b)
    assert (found.max, found.mean, found.span) == (0.5, 0.5 / 12, 1.0)
    assert found.cosine == pytest.approx(1.0)
    assert found.psnr == pytest.approx(10 * np.log10(4 / (0.25 / 12)))


def test_wrong_commands_say_what_to_do(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert to_onnx.main(["--checkpoint", "x", "--output", str(tmp_path / "m.bin")]) == 2
    assert "must end in .onnx" in capsys.readouterr().err
    missing = ["--checkpoint", str(tmp_path / "no"), "--output", str(tmp_path / "m.onnx")]
    assert to_onnx.main(missing) == 1
    assert "no checkpoint at" in capsys.readouterr().err
    empty = [*missing[:1], str(tmp_path), *missing[2:], "--faces", str(tmp_path)]
    assert to_onnx.main(empty) == 1


def test_parity_faces_are_sixteen_under_a_megabyte() -> None:
    files = list(parity.FACES.iterdir())
    assert len([f for f in files if f.suffix == ".png"]) == 16
    assert sum(f.stat().st_size for f in files) < 1_000_000
    assert len(json.loads((parity.FACES / "landmarks.json").read_text())) == 16
