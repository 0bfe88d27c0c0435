"""Pictures of more than 128 px: composed from a model's layers as the network composes them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from export.to_onnx import export_checkpoint
from tpgan_sdk import BackendError, Frontalizer, ModelError
from tpgan_sdk.backends.parity import FACES
from tpgan_sdk.faces.crops import crop_face, network_inputs, with_detail
from tpgan_sdk.faces.layers import LAYERS, compose_layers
from tpgan_sdk.faces.pasting import paste_back
from tpgan_sdk.geometry import OFFICIAL, enlarge_transform
from tpgan_sdk.models.model import resolve_model
from train.networks import build
from train.networks.flow_spec import TINY_FLOW
from train.training import checkpoint

POINTS = np.asarray(OFFICIAL.points) * 2.5 + 60
POINTS[2, 0] += 20  # looks to the right


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A fetching model with random weights that uses all its layers."""
    torch.manual_seed(4)
    network = build(TINY_FLOW)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.04)
    folder = tmp_path_factory.mktemp("flow")
    state = checkpoint.CheckpointState("tiny-flow", 0, 1, 4, 0.1, {"seed": 0})
    checkpoint.save(folder / "checkpoint", state, {checkpoint.WEIGHTS: network}, {})
    output = folder / "tiny-flow.onnx"
    export_checkpoint(folder / "checkpoint", output, "fp32", FACES)
    return output


@pytest.fixture(scope="module")
def photo() -> np.ndarray:
    """Smooth, so that what is sampled at another size differs little."""
    coarse = np.random.default_rng(1).integers(0, 256, (14, 14, 3), dtype=np.uint8)
    return np.asarray(cv2.resize(coarse, (480, 480), interpolation=cv2.INTER_CUBIC))


def _faces(photo: np.ndarray, mirrored: bool) -> list[object]:
    from tpgan_sdk import Detection

    points = POINTS.copy()
    if mirrored:
        points = np.column_stack([479 - points[:, 0], points[:, 1]])[[1, 0, 2, 4, 3]]
    return [Detection((60.0, 60.0, 380.0, 380.0), points, 1.0)]


@pytest.mark.parametrize("backend", ["onnxruntime-cpu", "openvino"])
def test_the_layers_make_the_networks_own_picture(
    model: Path, photo: np.ndarray, backend: str
) -> None:
    if backend == "openvino":
        pytest.importorskip("openvino")
    with Frontalizer(model, backend, refine=False) as frontalizer:
        face = frontalizer.frontalize(photo, _faces(photo, False))[0]
        cut = with_detail(crop_face(photo, POINTS, OFFICIAL, margin=16), photo, 1)
        inputs = network_inputs([cut], True, frontalizer.model.inputs)
        layers = frontalizer._backend.run_layers(inputs)  # type: ignore[attr-defined]
    assert cut.detail is not None
    np.testing.assert_allclose(cut.detail, cut.face, atol=0.01)
    made = compose_layers({name: layers[name][0] for name in LAYERS}, cut.detail, 128)
    # Every layer counts here.
    assert layers["fetch_weight"].mean() > 0.1
    assert layers["mirror_weight"].max() > 0.03
    assert np.abs(layers["drawn"]).mean() > 0.01
    assert np.abs(layers["tone"]).max() > 0.01
    difference = np.abs(made.astype(int) - face.image)
    assert difference.max() <= 2
    assert difference.mean() < 0.2


@pytest.mark.parametrize("size", [256, 512])
@pytest.mark.parametrize("mirrored", [False, True])
def test_a_larger_picture_is_the_same_picture(
    model: Path, photo: np.ndarray, size: int, mirrored: bool
) -> None:
    image = np.ascontiguousarray(photo[:, ::-1]) if mirrored else photo
    faces = _faces(photo, mirrored)
    with Frontalizer(model, "onnxruntime-cpu", refine=False) as small:
        one = small.frontalize(image, faces)[0]
    with Frontalizer(model, "onnxruntime-cpu", refine=False, size=size) as large:
        other = large.frontalize(image, faces)[0]
        clone = large.clone()
        again = clone.frontalize(image, faces)[0]
        clone.close()
    assert other.image.shape == other.aligned.shape == (size, size, 3)
    assert (other.mirrored, one.mirrored) == (mirrored, mirrored)
    np.testing.assert_array_equal(other.image, again.image)
    np.testing.assert_array_equal(one.transform, other.transform)
    for a, b in ((one.image, other.image), (one.aligned, other.aligned)):
        shrunk = cv2.resize(b, (128, 128), interpolation=cv2.INTER_AREA)
        difference = np.abs(shrunk.astype(int) - a)[2:-2, 2:-2]
        assert difference.mean() < 2
        assert np.corrcoef(shrunk.ravel(), a.ravel())[0, 1] > 0.99
    # The crop at that size is the photo, sampled there.
    pasted = paste_back(image, other)
    reference = paste_back(image, one)
    assert pasted.shape == image.shape
    assert np.abs(pasted.astype(int) - reference).mean() < 1.5


def test_aligned_crops_can_be_enlarged(model: Path, photo: np.ndarray) -> None:
    crop = np.asarray(cv2.resize(photo, (128, 128)))
    with Frontalizer(model, "onnxruntime-cpu", refine=False, size=256) as frontalizer:
        face = frontalizer.frontalize_aligned([crop])[0]
    assert face.image.shape == (256, 256, 3)


def test_enlarging_keeps_the_corners_of_the_first_pixel() -> None:
    # Pixel centres at whole numbers: the corner at -0.5 stays there.
    larger = enlarge_transform(np.array([[1.0, 0, 0], [0, 1, 0]]), 4)
    np.testing.assert_allclose(larger @ [-0.5, -0.5, 1], [-0.5, -0.5])
    np.testing.assert_allclose(larger @ [127.5, 127.5, 1], [511.5, 511.5])


def test_other_sizes_are_refused(model: Path) -> None:
    with pytest.raises(ValueError, match="size is 200; expected 128, 256, 512"):
        Frontalizer(model, size=200)


def test_a_model_that_draws_has_one_size() -> None:
    edge = resolve_model("edge")
    plain = replace(edge, info=replace(edge.info, outputs={"frontal": [3, 128, 128]}))
    with pytest.raises(ModelError, match=r"edge gives no drawn, .*; expected a model that fetches"):
        Frontalizer(plain, "onnxruntime-cpu", size=256)


def test_a_backend_without_layers_is_named(model: Path) -> None:
    class Plain:
        from tpgan_sdk.types import BackendInfo

        info = BackendInfo("plain", "mine", "cpu", "given", None)

        def run(self, inputs: object) -> None: ...
        def clone(self) -> None: ...
        def close(self) -> None: ...

    with pytest.raises(BackendError, match="plain gives the picture of 128 px alone"):
        Frontalizer(model, Plain(), size=256)  # type: ignore[arg-type]
