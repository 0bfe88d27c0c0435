"""Two steps by the command line from every kind of data that is not rendered here."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from tpgan_sdk.images.files import write_image
from train.__main__ import main
from train.recognisers.light_cnn import LightCNN9
from train.training.checkpoint import load_state

from .photos import face_photo, face_points, write_multipie

SETTINGS = {
    "preset": "tiny",
    "batch": 2,
    "warmup": 1,
    "identity": 0,
    "identity_after": 0,
    "cross_entropy": 1e-3,
    "precision": "fp32",
}
SMALL = ["--config", "edge-drawn", *(f"--set={name}={value}" for name, value in SETTINGS.items())]
NO_IDENTITY = ["--set", "identity_contrast=0", "--set", "identity_features=0"]


def run(output: Path, dataset: str, root: Path, steps: int, *more: str) -> dict[str, float]:
    """The losses that the checkpoint keeps after training to `steps`."""
    data = ["--dataset", dataset, "--root", str(root), "--output", str(output)]
    length = ["--device", "cpu", "--workers", "0", "--set", f"steps={steps}"]
    assert main([*data, *SMALL, *length, *more]) == 0
    state = load_state(output / "checkpoint")
    assert state.step == steps
    assert state.data["dataset"] == dataset
    return state.losses


def write_pairs(folder: Path) -> Path:
    """Three people with photos and points, one of them looking left."""
    rows = ["profile,frontal,identity,yaw,profile_points,frontal_points"]
    for person, yaw in enumerate((40, -60, 15)):
        cells = []
        for name, turn in (("side", yaw), ("front", 0)):
            write_image(folder / f"{person}_{name}.png", face_photo(person, turn))
            cells.append(" ".join(f"{v:.2f}" for v in face_points(turn).ravel()))
        rows.append(
            f'{person}_side.png,{person}_front.png,p{person},{yaw},"{cells[0]}","{cells[1]}"'
        )
    path = folder / "pairs.csv"
    path.write_text("\n".join(rows) + "\n")
    return path


def test_a_csv_trains_and_resumes(tmp_path: Path) -> None:
    pairs = write_pairs(tmp_path)
    losses = run(tmp_path / "run", "csv", pairs, 2, *NO_IDENTITY)
    assert {"pixel_128", "pixel_patches", "cross_entropy"} <= losses.keys()
    run(tmp_path / "run", "csv", pairs, 3, *NO_IDENTITY, "--resume")


def test_resuming_with_other_points_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pairs = write_pairs(tmp_path)
    run(tmp_path / "run", "csv", pairs, 1, *NO_IDENTITY)
    pairs.write_text(pairs.read_text().replace(",15,", ",16,"))
    data = ["--dataset", "csv", "--root", str(pairs), "--output", str(tmp_path / "run")]
    assert main([*data, *SMALL, *NO_IDENTITY, "--workers", "0", "--resume"]) == 1
    assert "3 views of 3 identities (csv, index" in capsys.readouterr().err


def test_multipie_trains(tmp_path: Path) -> None:
    write_multipie(tmp_path / "data", [1, 2], lights=(7, 8))
    losses = run(tmp_path / "run", "multipie", tmp_path / "data", 2, *NO_IDENTITY)
    assert losses["cross_entropy"] > 0
    log = (tmp_path / "run" / "checkpoint" / "checkpoint.json").read_text()
    assert json.loads(log)["data"]["identities"] == 2


def test_a_published_light_cnn_gives_the_identity_loss(tmp_path: Path) -> None:
    """Saved as its authors' checkpoints are: a state dict of `module.` names beside an epoch."""
    torch.manual_seed(0)
    state = {f"module.{name}": value for name, value in LightCNN9().state_dict().items()}
    file = tmp_path / "LightCNN_9Layers_checkpoint.pth"
    torch.save({"epoch": 80, "arch": "LightCNN", "state_dict": state, "prec1": 98.0}, file)
    pairs = write_pairs(tmp_path)
    more = ("--recogniser", str(file), "--set", "identity_embedding=3e-3")
    losses = run(tmp_path / "run", "csv", pairs, 2, *more)
    assert losses["identity_features"] > 0
    assert losses["identity_embedding"] > 0
