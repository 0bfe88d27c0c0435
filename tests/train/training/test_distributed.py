"""Two processes give the gradients that one gives with the joined batch."""

from __future__ import annotations

import multiprocessing
from dataclasses import replace
from pathlib import Path
from unittest import mock

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, distributed

from tpgan_sdk.errors import TrainingError
from tpgan_sdk.models.inputs import INPUT_NAMES
from train.data.example import Example
from train.networks.measure import example_inputs
from train.training.config import TrainConfig
from train.training.distributed import ALONE, Ranks
from train.training.loop import train
from train.training.run_settings import RunSettings
from train.training.trainer import Trainer

from ..runs import ADVERSARIAL, TINY

CONFIGS = {
    "synced": replace(ADVERSARIAL, sync_batch_norm=True, critic_r1=1.0),
    "apart": replace(ADVERSARIAL, critic_r1=1.0),
}


def joined_batch() -> Example:
    """Noise: on flat pictures the signs of total variation would hang on rounding."""
    torch.manual_seed(1)
    count = ADVERSARIAL.batch
    batch = {n: torch.rand_like(x) * 2 - 1 for n, x in zip(INPUT_NAMES, inputs(count), strict=True)}
    batch["target"] = torch.rand(count, 3, 128, 128) * 2 - 1
    double = {name: value.double() for name, value in batch.items()}
    return double | {"identity": torch.arange(count)}


def inputs(count: int) -> list[Tensor]:
    face, patches = example_inputs(count)
    return [face, *patches]


def after_a_step(config: TrainConfig, batch: Example, among: Ranks) -> dict[str, Tensor]:
    """Gradients of both networks, and batch norm's running statistics.

    In double precision: the losses' signs make 1 % of rounding in single precision.
    """
    torch.manual_seed(0)
    run = Trainer(config, classes=4, among=among)
    assert run.critic is not None
    for module in (run.network, run.averaged, run.critic.network, run.objective):
        module.double()
    with mock.patch.object(Tensor, "float", Tensor.double):
        losses = run.learn({name: among.own(value) for name, value in batch.items()}, 0.0)
    found = {
        f"{kind}.{name}": weight.grad
        for kind, network in (("generator", run.network), ("critic", run.critic.network))
        for name, weight in network.named_parameters()
        if weight.grad is not None
    }
    found |= {n: b.clone() for n, b in run.network.named_buffers() if n.endswith("running_var")}
    return found | {f"loss.{name}": torch.tensor(value) for name, value in losses.items()}


def one_of_two(rank: int, meeting: Path, output: Path) -> None:
    torch.set_num_threads(1)
    distributed.init_process_group("gloo", init_method=f"file://{meeting}", rank=rank, world_size=2)
    for name, config in CONFIGS.items():
        found = after_a_step(config, joined_batch(), Ranks(rank, 2))
        save_file(
            {key: value.contiguous() for key, value in found.items()},
            output / f"{name}-{rank}.safetensors",
        )
    distributed.destroy_process_group()


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder with what each of two gloo processes found."""
    output = tmp_path_factory.mktemp("ranks")
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["train.training.loop"])
    started = [
        context.Process(target=one_of_two, args=(rank, output / "meeting", output))
        for rank in (0, 1)
    ]
    for process in started:
        process.start()
    for process in started:
        process.join()
    assert [process.exitcode for process in started] == [0, 0]
    return output


def largest_difference(found: dict[str, Tensor], expected: dict[str, Tensor]) -> float:
    """Over all tensors, relative to the largest number of each."""
    assert found.keys() == expected.keys()
    return max(
        ((found[name] - value).abs().max() / value.abs().max().clamp(min=1e-3)).item()
        for name, value in expected.items()
    )


def test_with_synchronised_batch_norm_two_processes_are_one(two: Path) -> None:
    """Generator, critic with its random penalty, losses and running statistics.

    Without synchronising, the same figure shows the exception that the documentation names.
    """
    alone = after_a_step(CONFIGS["synced"], joined_batch(), ALONE)
    assert len(alone) > 100
    for rank in (0, 1):
        assert largest_difference(load_file(two / f"synced-{rank}.safetensors"), alone) < 1e-9
        assert largest_difference(load_file(two / f"apart-{rank}.safetensors"), alone) > 5e-2


def test_both_processes_have_the_same_gradients_in_any_case(two: Path) -> None:
    one, other = (load_file(two / f"apart-{rank}.safetensors") for rank in (0, 1))
    for name in one:
        if not name.endswith("running_var"):
            assert torch.equal(one[name], other[name]), name


def test_shares_are_every_second_row() -> None:
    whole = torch.arange(6)
    assert Ranks(0, 2).own(whole).tolist() == [0, 2, 4]
    assert Ranks(1, 2).own(whole).tolist() == [1, 3, 5]
    assert ALONE.own(whole).tolist() == whole.tolist()


def test_a_batch_that_cannot_be_shared_is_refused(shards: Path, tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="batch 4 cannot be shared by 3 processes"):
        train(TINY, RunSettings(shards, tmp_path, workers=0), among=Ranks(0, 3))
