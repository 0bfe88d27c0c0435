"""One small exported model that the tests of this folder share."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from train.networks import Generator
from train.networks.spec import PRESETS
from train.training import checkpoint


@pytest.fixture(scope="session")
def checkpoint_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkpoint of the tiny preset whose output spans most of [-1, 1]."""
    torch.manual_seed(0)
    network = Generator(PRESETS["tiny"])
    with torch.no_grad():
        for name, buffer in network.named_buffers():
            if name.endswith("running_var"):
                buffer.uniform_(0.3, 2.0)
            elif name.endswith("running_mean"):
                buffer.normal_(0, 0.2)
        dict(network.named_parameters())["heads.128.weight"].mul_(12)
    folder = tmp_path_factory.mktemp("run") / "checkpoint"
    state = checkpoint.CheckpointState("tiny", 0, 7, 28, 0.5, {"seed": 0})
    checkpoint.save(folder, state, {checkpoint.WEIGHTS: network}, {})
    return folder
