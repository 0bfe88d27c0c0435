"""Model files and their sidecars: what is taken and what is refused."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from tpgan_sdk.errors import ModelError
from tpgan_sdk.models import model as m
from tpgan_sdk.models.inputs import INPUT_SHAPES


@pytest.fixture
def pair(tmp_path: Path) -> Path:
    """A file with a fitting sidecar; `load_model` reads no further than the hash."""
    onnx = tmp_path / "toy.onnx"
    onnx.write_bytes(b"not really an ONNX")
    info = m.ModelInfo("toy", "edge", "official", m.sha256_of(onnx), "fp32", 18)
    m.write_sidecar(onnx, info)
    return onnx


def edit(onnx: Path, **changes: object) -> None:
    sidecar = m.sidecar_path(onnx)
    sidecar.write_text(json.dumps({**json.loads(sidecar.read_text()), **changes}))


def test_round_trip(pair: Path) -> None:
    model = m.load_model(pair)
    assert (model.name, model.template.name, model.info.opset) == ("toy", "official", 18)
    assert m.resolve_model(str(pair)) == m.resolve_model(model) == model


def test_the_package_has_its_default_model() -> None:
    assert m.resolve_model(None).name == "edge"
    assert "edge" in [model.name for model in m.list_models()]
    assert m.resolve_model(None).path.stat().st_size < 16e6


def test_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"no model at .*none\.onnx; expected an ONNX written by"):
        m.resolve_model(tmp_path / "none.onnx")


def test_an_unknown_name_lists_the_known() -> None:
    with pytest.raises(ModelError, match=r"no model named 'huge'; in the package: .*edge"):
        m.resolve_model("huge")


def test_an_onnx_that_is_not_ours(pair: Path) -> None:
    m.sidecar_path(pair).unlink()
    with pytest.raises(ModelError, match=r"has no sidecar toy\.json beside it"):
        m.load_model(pair)


def test_a_sidecar_of_another_file(pair: Path) -> None:
    pair.write_bytes(b"other bytes")
    with pytest.raises(ModelError, match=r"is not the file that toy\.json describes"):
        m.load_model(pair)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"format": 99}, "has format 99, this SDK reads 1"),
        ({"template": "other"}, "names the template 'other'; known: official, seed"),
        ({"surprise": 1}, "unknown entries: surprise"),
        ({"colour": "BGR"}, "says colour 'BGR'; this SDK feeds its models 'RGB'"),
        ({"input_range": [0, 1]}, "says input_range (0, 1)"),
        ({"template": ["official"]}, "wrong type of template"),
        ({"sha256": 5}, "wrong type of sha256"),
    ],
)
def test_a_sidecar_that_this_version_cannot_read(
    pair: Path, changes: dict[str, object], message: str
) -> None:
    edit(pair, **changes)
    with pytest.raises(ModelError, match=re.escape(message)):
        m.load_model(pair)


@pytest.mark.parametrize("text", ["{", "[]", '{"format": 1}'])
def test_a_damaged_sidecar(pair: Path, text: str) -> None:
    m.sidecar_path(pair).write_text(text)
    with pytest.raises(ModelError, match="is not a model's sidecar"):
        m.load_model(pair)


def test_a_sidecar_of_the_first_format_takes_a_face_and_four_patches(pair: Path) -> None:
    sidecar = m.sidecar_path(pair)
    values = json.loads(sidecar.read_text())
    del values["inputs"], values["outputs"]
    sidecar.write_text(json.dumps({**values, "format": 1}))
    model = m.load_model(pair)
    assert model.inputs == INPUT_SHAPES
    assert (model.margin, model.info.outputs) == (0, {"frontal": [3, 128, 128]})


def test_a_model_names_a_face_with_margin(pair: Path) -> None:
    edit(pair, inputs={"face": [3, 160, 160]})
    assert m.load_model(pair).margin == 16
    edit(pair, inputs={"face": [3, 128, 128], "mouth": [3, 32, 48]})
    assert m.load_model(pair).margin == 0


@pytest.mark.parametrize(
    "inputs",
    [
        {},
        {"mouth": [3, 32, 48]},
        {"face": [3, 96, 96]},
        {"face": [3, 131, 131]},
        {"face": [1, 160, 160]},
        {"face": [3, 160, 128]},
        {"face": [3, 128, 128], "mouth": [3, 40, 40]},
        {"face": [3, 128, 128], "chin": [3, 32, 48]},
        {"face": "big"},
    ],
)
def test_inputs_that_the_sdk_cannot_make(pair: Path, inputs: object) -> None:
    edit(pair, inputs=inputs)
    with pytest.raises(ModelError, match=r"says the model takes .*; expected a square face of 128"):
        m.load_model(pair)


def test_outputs_that_the_sdk_cannot_read(pair: Path) -> None:
    edit(pair, outputs={"flow": [2, 64, 64]})
    with pytest.raises(ModelError, match=r"says the model gives .*; expected frontal"):
        m.load_model(pair)
