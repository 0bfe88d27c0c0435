"""The table of the throughput command."""

from __future__ import annotations

from pathlib import Path

import pytest
from safetensors.torch import save_file

from tpgan_sdk.errors import TrainingError
from train.recognisers.mobilefacenet import MobileFaceNet
from train.throughput import Row, main, markdown, prepare
from train.training.config import TrainConfig
from train.training.distributed import Ranks


def test_the_table_has_a_row_for_each_setting(
    shards: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = "preset=tiny batch=2 identity=0 identity_contrast=0 identity_features=0"
    settings += " adversarial=1e-3 critic_width=0.0625"
    command = [f"--set={setting}" for setting in settings.split()]
    command += ["--data", str(shards), "--steps", "1", "--try", "precision=fp32"]
    assert main([*command, "--device", "cpu"]) == 0
    head, _, *rows = capsys.readouterr().out.splitlines()
    assert head.endswith("| data, % | generator, % | identity, % | critic, % |")
    cells = [[cell.strip() for cell in row.strip("|").split("|")] for row in rows]
    assert [row[0] for row in cells] == ["edge", "edge precision=fp32"]
    for row in cells:
        data, generator, identity, critic = map(int, row[3:])
        assert identity == 0
        assert min(data, generator, critic) > 0
        assert data + generator + critic == pytest.approx(100, abs=2)


@pytest.mark.parametrize("preset", ["tiny", "tiny-flow"])
def test_the_identity_losses_have_a_share(
    preset: str, shards: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """As the packaged configuration has them, the contrast with its other people among them."""
    weights = tmp_path / "recogniser.safetensors"
    save_file(MobileFaceNet().state_dict(), weights)
    command = ["--set", f"preset={preset}", "--set", "batch=2", "--device", "cpu", "--steps", "1"]
    assert main([*command, "--data", str(shards), "--recogniser", str(weights)]) == 0
    row = capsys.readouterr().out.splitlines()[2].strip("|").split("|")
    assert int(row[5]) > 0  # the recogniser
    assert int(row[6]) > 0  # the discriminator


def test_a_batch_that_two_processes_cannot_share_is_refused(shards: Path) -> None:
    config = TrainConfig(preset="tiny", batch=3)
    with pytest.raises(TrainingError, match="batch 3 cannot be shared by 2 processes"):
        prepare("tiny", config, shards, None, Ranks(0, 2))


def test_shares_are_percent_and_rates_images_a_second() -> None:
    row = Row("edge", 16, 12.345, {"data": 0.05, "generator": 0.7, "identity": 0.25})
    assert markdown([row]).splitlines()[-1] == "| edge | 16 | 12.35 | 5 | 70 | 25 | 0 |"


def test_missing_data_is_an_error_message(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--data", str(tmp_path), "--device", "cpu"]) == 1
    assert "throughput: no shards in" in capsys.readouterr().err
