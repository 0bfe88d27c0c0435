"""Network, loss and loop of the refiner."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors import safe_open

from tpgan_sdk.errors import TrainingError
from tpgan_sdk.models.model import PACKAGED
from train.auxiliary.loop import LOG
from train.auxiliary.weights import training_note
from train.landmarks import examples
from train.landmarks import trainer as refiner
from train.landmarks.__main__ import main
from train.landmarks.network import Refiner, flops
from train.landmarks.views import ViewSet, write_views
from train.training import trainer


def test_the_network_is_within_its_budget() -> None:
    assert Refiner().eval()(torch.zeros(2, 3, 96, 96)).shape == (2, 13)
    # The first convolution alone: 48 * 48 outputs of 16 channels, 27 multiply-adds each.
    assert 2 * 48 * 48 * 16 * 27 < flops() < 0.05e9


def test_the_borrowed_backbone_computes_what_yunet_does(shared_dir: Path) -> None:
    onnx = pytest.importorskip("onnx", reason="reads YuNet's ONNX")
    runtime = pytest.importorskip("onnxruntime", reason="runs YuNet's ONNX")
    file = shared_dir / "models" / "yunet" / "yunet_n_dynamic.onnx"
    if not file.is_file():
        pytest.skip(f"no YuNet at {file}")
    model = onnx.load(file)
    finest = "283"  # what YuNet's neck gives at an eighth of the size
    model.graph.output.append(onnx.helper.make_tensor_value_info(finest, 1, None))
    session = runtime.InferenceSession(model.SerializeToString())
    image = np.random.default_rng(0).uniform(0, 255, (1, 3, 96, 96)).astype(np.float32)
    (expected,) = session.run([finest], {"input": image})
    network, seen = Refiner().eval(), []
    network.borrow(file)
    network.merge_eighth.register_forward_hook(lambda *call: seen.append(call[2]))
    with torch.no_grad():
        network(torch.from_numpy(image[:, ::-1] / np.float32(127.5) - 1))
    np.testing.assert_allclose(seen[0].numpy(), expected, atol=1e-4)
    assert expected.max() > 1


def test_another_onnx_lends_no_backbone(tmp_path: Path) -> None:
    pytest.importorskip("onnx", reason="reads an ONNX")
    with pytest.raises(TrainingError, match="is not YuNet's ONNX"):
        Refiner().borrow(PACKAGED / "edge.onnx")
    (tmp_path / "no.onnx").write_bytes(b"nothing")
    with pytest.raises(TrainingError, match="is no ONNX"):
        Refiner().borrow(tmp_path / "no.onnx")


def test_the_loss_is_smooth_l1_and_ignores_what_is_unknown() -> None:
    truth = torch.zeros(1, 13)
    output = torch.zeros(1, 13)
    output[0, 0], output[0, 10] = 0.5, -0.3
    soft = refiner.SOFT
    expected = (0.5 - soft / 2) / 10 + refiner.POSE_WEIGHT * (0.3 - soft / 2) / 3
    assert float(refiner.loss_of(output, truth)) == pytest.approx(expected, rel=1e-5)
    truth[0, 10] = float("nan")
    assert float(refiner.loss_of(output, truth)) == pytest.approx((0.5 - soft / 2) / 10, rel=1e-5)


def test_a_run_leaves_weights_that_know_the_cartoon(
    views: ViewSet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(examples, "BACKGROUNDS", 4)
    write_views(tmp_path / "views-00000.npz", [views])
    out = tmp_path / "run"
    flags = ["--data", str(tmp_path), "--output", str(out), "--max-minutes", "0.01"]
    assert main([*flags, "--batch", "8", "--workers", "0"]) == 0
    with safe_open(out / refiner.WEIGHTS, "pt") as file:
        note = json.loads(file.metadata()["training"])
    assert (note["views"], note["begun_from"]) == (2, "random weights")
    assert note["config"]["batch"] == 8
    assert note == {**note, **json.loads((out / LOG).read_text().splitlines()[-1])}
    assert not refiner.load_refiner(out / refiner.WEIGHTS).training
    # A second run goes on from there, and says so.
    further = [*flags, "--batch", "8", "--workers", "0", "--start", str(out / refiner.WEIGHTS)]
    assert main(further) == 0
    assert training_note(out / refiner.WEIGHTS)["begun_from"] == note


def test_steps_lower_the_loss(views: ViewSet, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(examples, "BACKGROUNDS", 4)
    torch.manual_seed(0)
    network = Refiner()
    optimizer = torch.optim.AdamW(network.parameters(), lr=2e-3)
    image, truth = next(examples.batches(examples.Examples([views]), 8, 0))
    losses = [refiner._step(network, optimizer, image, truth) for _ in range(12)]
    assert losses[-1] < losses[0] / 2


def test_the_average_follows_the_weights() -> None:
    torch.manual_seed(0)
    network, average = Refiner(), Refiner()
    name = "squeeze.0.weight"
    mean, value = (dict(n.named_parameters())[name] for n in (average, network))
    expected = 0.75 * mean.detach() + 0.25 * value.detach()
    trainer.average(average, network, 0.75)
    torch.testing.assert_close(mean.detach(), expected)


def test_bad_input_is_explained(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--data", str(tmp_path), "--output", str(tmp_path / "out")]) == 1
    assert "no views in" in capsys.readouterr().err
    file = tmp_path / "other.safetensors"
    file.write_bytes(b"nothing")
    with pytest.raises(TrainingError, match="does not hold a refiner's weights"):
        refiner.load_refiner(file)
