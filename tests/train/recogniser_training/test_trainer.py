"""Training a recogniser: margins by hand, a few steps that learn, and what is refused."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from tpgan_sdk.errors import TrainingError
from train.recogniser import main
from train.recogniser_training.heads import Head, arcface_logits
from train.recogniser_training.people import PeopleFolder
from train.recogniser_training.trainer import LearningConfig, learn
from train.recognisers import NETWORKS, load_recogniser

QUICK = LearningConfig(loss="softmax", steps=12, batch=6, learning_rate=2e-3)


@pytest.fixture(scope="module")
def people(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three people of four pictures: discs of a colour of their own, and noise."""
    folder = tmp_path_factory.mktemp("people")
    rng = np.random.default_rng(0)
    for name, colour in (("ada", (200, 60, 60)), ("bob", (60, 200, 60)), ("eve", (60, 60, 200))):
        (folder / name).mkdir()
        for number in range(4):
            picture = rng.integers(0, 60, (128, 128, 3), dtype=np.uint8)
            cv2.circle(picture, (64, 64), 40 + number, colour, -1)
            cv2.imwrite(str(folder / name / f"{number}.png"), picture)
    (folder / "empty").mkdir()
    return folder


def test_arcface_logits_are_those_worked_by_hand() -> None:
    """60 degrees and a margin of half a radian: 10 cos(pi / 3 + 0.5)."""
    cosines = torch.tensor([[0.5, 0.2, -0.1], [0.3, -0.95, 0.0]], dtype=torch.float64)
    logits = arcface_logits(cosines, torch.tensor([0, 1]), margin=0.5, scale=10.0)
    assert logits[0].tolist() == pytest.approx([10 * math.cos(math.pi / 3 + 0.5), 2.0, -1.0])
    assert logits[0, 0].item() == pytest.approx(0.2360, abs=1e-4)
    # -0.95 lies beyond cos(pi - 0.5) = -0.878: lowered by 0.5 sin 0.5 = 0.2397.
    assert logits[1].tolist() == pytest.approx([3.0, -11.8971, 0.0], abs=1e-4)


def test_without_margin_arcface_is_a_scaled_cosine() -> None:
    cosines = torch.linspace(-0.9, 0.9, 12).reshape(4, 3)
    logits = arcface_logits(cosines, torch.tensor([0, 1, 2, 0]), margin=0.0, scale=5.0)
    assert torch.allclose(logits, 5 * cosines, atol=1e-6)


def test_the_heads_loss_is_the_cross_entropy_worked_by_hand() -> None:
    """Embedding (3, 4), centres (1, 0) and (0, 1): softmax of 3 and 4, ArcFace of 0.6 and 0.8."""
    embedding, identity = torch.tensor([[3.0, 4.0]]), torch.tensor([1])
    for loss, expected in (
        ("softmax", math.log(1 + math.exp(3 - 4))),
        ("arcface", math.log(1 + math.exp(2 * (0.6 - math.cos(math.acos(0.8) + 0.5))))),
    ):
        head = Head(2, 2, loss, margin=0.5, scale=2.0)
        head.weight.data = torch.eye(2)
        value, accuracy = head(embedding, identity)
        assert value.item() == pytest.approx(expected, rel=1e-5)
        assert accuracy.item() == 1


@pytest.mark.parametrize("loss", ["softmax", "arcface"])
def test_a_few_steps_learn_and_the_result_loads(loss: str, people: Path, tmp_path: Path) -> None:
    """Softmax begins at ln 3: its weights are small. ArcFace's accuracy begins at chance."""
    config = replace(QUICK, loss=loss, scale=8.0)
    path = learn(config, people, tmp_path)
    state = json.loads((tmp_path / "recogniser.json").read_text())
    assert state["step"] == 12
    assert state["people"] == 3
    assert state["config"]["architecture"] == "mobilefacenet"
    assert state["accuracy"] > 0.6  # the mean over all steps
    if loss == "softmax":
        assert state["loss"] < 0.7 * math.log(3)
    assert load_recogniser(path).name == "mobilefacenet"


def test_fine_tuning_goes_on_from_given_weights(people: Path, tmp_path: Path) -> None:
    """With a tiny learning rate the weights stay what they were; the file says what it is."""
    torch.manual_seed(0)
    start = NETWORKS["light-cnn-9"]()
    torch.save(start.state_dict(), tmp_path / "start.pt")
    config = replace(QUICK, steps=1, batch=2, learning_rate=1e-9)
    path = learn(config, people, tmp_path / "out", init=tmp_path / "start.pt")
    tuned = load_recogniser(path).network.state_dict()
    for name, value in start.state_dict().items():
        assert torch.allclose(tuned[name], value, atol=1e-7), name
    described = json.loads((tmp_path / "out/recogniser.json").read_text())
    assert described["config"]["architecture"] == "light-cnn-9"


def test_rendered_shards_are_people_too(
    shards: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """By the command, as a user calls it."""
    flags = ["--steps", "2", "--batch", "2", "--loss", "softmax"]
    assert main(["--data", str(shards), "--output", str(tmp_path), *flags]) == 0
    assert f"recogniser: {tmp_path / 'recogniser.safetensors'}" in capsys.readouterr().out
    assert json.loads((tmp_path / "recogniser.json").read_text())["people"] == 4
    assert main(["--data", str(shards), "--output", str(tmp_path), *flags]) == 1
    assert "exists already; train into another folder" in capsys.readouterr().err


def test_a_run_ends_at_its_time(people: Path, tmp_path: Path) -> None:
    learn(replace(QUICK, steps=10_000, batch=2), people, tmp_path, max_minutes=0.01)
    assert 0 < json.loads((tmp_path / "recogniser.json").read_text())["step"] < 10_000


def test_pictures_come_with_their_people_in_the_range_of_the_network(people: Path) -> None:
    folder = PeopleFolder(people)
    assert (len(folder), folder.classes) == (12, 3)
    example = folder[4]
    assert example["identity"].item() == 1
    assert example["face"].shape == (3, 128, 128)
    # The disc of bob is (60, 200, 60) as OpenCV writes it, blue first, and so as RGB.
    assert example["face"][:, 64, 64].tolist() == pytest.approx(
        [60 / 127.5 - 1, 200 / 127.5 - 1, 60 / 127.5 - 1]
    )


def test_unusable_people_are_refused(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match=r"no folder of people at .*; expected FOLDER/NAME"):
        PeopleFolder(tmp_path / "none")
    (tmp_path / "one").mkdir()
    cv2.imwrite(str(tmp_path / "one/a.png"), np.zeros((64, 64, 3), np.uint8))
    with pytest.raises(TrainingError, match="pictures of 1 people; expected two or more"):
        PeopleFolder(tmp_path)
    (tmp_path / "two").mkdir()
    (tmp_path / "two/b.jpg").write_text("no picture")
    folder = PeopleFolder(tmp_path)
    with pytest.raises(TrainingError, match=r"a\.png is 64x64 px; expected a 128x128 crop"):
        folder[0]
    with pytest.raises(TrainingError, match=r"b\.jpg is no picture; expected a 128x128 crop"):
        folder[1]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"architecture": "resnet"}, "architecture is 'resnet'; expected mobilefacenet or"),
        ({"loss": "triplet"}, "loss is 'triplet'; expected softmax or arcface"),
        ({"steps": 0}, "steps is 0; expected more than 0"),
        ({"margin": 2.0}, "margin is 2.0; expected 0 to 1.57 radians"),
    ],
)
def test_unusable_settings_are_refused(changes: dict[str, object], message: str) -> None:
    with pytest.raises(TrainingError, match=message):
        LearningConfig(**changes)  # type: ignore[arg-type]


def test_unusable_runs_are_refused(people: Path, tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="max_minutes is 0; expected more than 0"):
        learn(QUICK, people, tmp_path, max_minutes=0)
    with pytest.raises(TrainingError, match="workers is -1; expected 0 or more"):
        learn(QUICK, people, tmp_path, workers=-1)
    with pytest.raises(TrainingError, match=r"loss is not finite at step \d+; nothing was saved"):
        learn(replace(QUICK, learning_rate=1e30), people, tmp_path)
