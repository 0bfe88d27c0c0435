"""Configurations: by name, with settings, and what is refused."""

from __future__ import annotations

import json

import pytest

from tpgan_sdk.errors import TrainingError
from train.__main__ import main
from train.networks import PRESETS
from train.training.config import CONFIGS, TrainConfig, load_config


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (["bach=3"], "unknown setting 'bach'"),
        (["batch=many"], "batch is 'many'; expected a value of type int"),
        (["batch"], "expected key=value"),
        (["preset=huge"], "preset is 'huge'; expected paper or edge-drawn or tiny or edge"),
        (["batch=0"], "batch is 0; expected more than 0"),
        (["critic_bound=0"], "critic_bound is 0; expected more than 0"),
        (["learning_rate=NaN"], "learning_rate is nan; expected more than 0"),
        (["adversarial_kind=hinge"], "adversarial_kind is 'hinge'; expected wgan-gp or logistic"),
        (["reduction=sum"], "reduction is 'sum'; expected mean"),
        (["precision=int8"], "precision is 'int8'; expected fp32 or bf16 or fp16"),
    ],
)
def test_wrong_settings_are_refused(settings: list[str], message: str) -> None:
    with pytest.raises(TrainingError, match=message):
        load_config("edge", settings)


@pytest.mark.parametrize("name", ["edge", "edge-drawn", "paper", "paper-code"])
def test_ready_configurations_load(name: str) -> None:
    config = load_config(name)
    assert config.preset == name.removesuffix("-code")
    assert config.spec == PRESETS[config.preset]


def test_paper_weights_are_the_papers() -> None:
    """Section 3.2.6, all losses as means over elements."""
    config = load_config("paper")
    assert (config.pixel_128, config.pixel_64, config.pixel_32) == (1.0, 1.0, 1.5)
    assert (config.pixel_patches, config.symmetry_128, config.symmetry_laplacian) == (3, 0.3, 0.3)
    assert (config.adversarial, config.identity_features) == (1e-3, 3e-3)
    assert (config.total_variation, config.cross_entropy) == (1e-4, 1e-3)


@pytest.mark.parametrize("name", ["paper", "paper-code"])
def test_the_papers_weights_name_their_reduction(name: str) -> None:
    assert json.loads((CONFIGS / f"{name}.json").read_text())["reduction"] == "mean"


def test_weights_of_the_code_are_the_codes() -> None:
    """config.py of the public PyTorch code; its feature distance is a mean of squares."""
    config = load_config("paper-code")
    assert (config.identity_features, config.identity_squared) == (30, True)
    assert (config.total_variation, config.cross_entropy) == (1e-3, 10)
    assert (config.symmetry_laplacian, config.detach_mirror) == (0, True)


def test_without_local_pathways_the_table_has_none() -> None:
    assert TrainConfig(local_pathways=False).spec.local == ()


def test_an_unknown_configuration_lists_the_known(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--config", "huge", "--data", "x", "--output", "y"]) == 1
    assert (
        "known by name: edge, edge-drawn, edge-drawn-ablation, paper, paper-code"
        in capsys.readouterr().err
    )
