"""The network is YuNet, to the last digit."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from tpgan_sdk.errors import TrainingError
from tpgan_sdk.faces.refiner import PACKAGED_REFINER
from train.detector.network import KINDS, STRIDES, DetectorNetwork, flops


def test_it_computes_what_yunet_computes(yunet: Path) -> None:
    runtime = pytest.importorskip("onnxruntime")
    network = DetectorNetwork().eval()
    network.borrow(yunet)
    images = np.random.default_rng(0).uniform(0, 255, (2, 3, 96, 160)).astype(np.float32)
    session = runtime.InferenceSession(str(yunet), providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]
    theirs = dict(zip(names, session.run(names, {"input": images}), strict=True))
    with torch.no_grad():
        output = network(torch.from_numpy(images))
    assert output.shape == (2, 12 * 20 + 6 * 10 + 3 * 5, 16)
    for kind, ours in zip(KINDS, output.split(list(KINDS.values()), dim=-1), strict=True):
        expected = np.concatenate([theirs[f"{kind}_{stride}"] for stride in STRIDES], axis=1)
        found = ours.sigmoid() if kind in ("cls", "obj") else ours
        np.testing.assert_allclose(found.numpy(), expected, atol=1e-4)


def test_it_is_small() -> None:
    assert sum(value.numel() for value in DetectorNetwork().parameters()) < 100_000
    assert flops(320) < 0.3e9
    assert flops(640) == pytest.approx(4 * flops(320), rel=1e-6)


def test_another_onnx_is_refused(tmp_path: Path) -> None:
    pytest.importorskip("onnx", reason="YuNet's weights are read from its ONNX")
    path = tmp_path / "junk.onnx"
    path.write_bytes(b"no model")
    with pytest.raises(TrainingError, match=r"junk\.onnx is no ONNX .*expected YuNet's"):
        DetectorNetwork().borrow(path)
    with pytest.raises(TrainingError, match="is not YuNet's ONNX"):
        DetectorNetwork().borrow(PACKAGED_REFINER)
