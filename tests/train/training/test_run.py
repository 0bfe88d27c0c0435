"""One step of a run: precision, layout, averaging, teacher; each against plain arithmetic."""

from __future__ import annotations

import copy
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch.utils.data import default_collate

from tpgan_sdk.errors import TrainingError
from tpgan_sdk.models.inputs import INPUT_NAMES
from train.data.example import Example
from train.data.shard_examples import ShardExamples
from train.networks import Generator
from train.networks.spec import PRESETS
from train.recognisers import Recogniser
from train.recognisers.mobilefacenet import MobileFaceNet
from train.training import checkpoint, device
from train.training.config import TrainConfig
from train.training.distillation import Teacher, load_teacher
from train.training.distributed import Ranks
from train.training.trainer import Trainer, average

from ..runs import TINY


@pytest.fixture(scope="module")
def batch(shards: Path) -> Example:
    examples = ShardExamples(shards, augmented=False)
    result: Example = default_collate([examples[i] for i in range(4)])
    return result


def new_run(config: TrainConfig, teacher: Teacher | None = None) -> Trainer:
    torch.manual_seed(0)
    return Trainer(config, classes=4, teacher=teacher)


@pytest.mark.parametrize(
    ("changes", "tolerance"),
    [
        ({"channels_last": False}, 1e-5),
        pytest.param({"compile": "aot_eager"}, 1e-5, marks=pytest.mark.slow),
        ({"precision": "bf16"}, 2e-2),
        ({"precision": "fp16"}, 2e-3),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, dict) else "",
)
def test_an_option_for_speed_changes_no_loss(
    changes: dict[str, object], tolerance: float, batch: Example
) -> None:
    plain, fast = new_run(TINY), new_run(replace(TINY, **changes))  # type: ignore[arg-type]
    before = {key: value.clone() for key, value in fast.network.state_dict().items()}
    one, other = plain.learn(batch, 0.0), fast.learn(batch, 0.0)
    assert one == pytest.approx(other, rel=tolerance)
    after = fast.network.state_dict()
    assert after.keys() == plain.network.state_dict().keys()
    assert not torch.equal(after["heads.128.weight"], before["heads.128.weight"])
    assert all(value.isfinite().all() for value in after.values())


def test_fp16_scales_the_loss_and_keeps_the_scale() -> None:
    run = new_run(replace(TINY, precision="fp16"))
    assert run.scaler.state_dict()["scale"] > 1
    assert new_run(TINY).scaler.state_dict() == {}


def test_the_layout_is_the_configurations() -> None:
    last, plain = new_run(TINY), new_run(replace(TINY, channels_last=False))
    weight = "encoder.stages.1.0.conv.weight"
    assert last.network.get_parameter(weight).stride(1) == 1
    assert plain.network.get_parameter(weight).is_contiguous()


def test_averaged_weights_are_an_exponential_mean() -> None:
    mean, value = torch.nn.Linear(1, 1), torch.nn.Linear(1, 1)
    torch.nn.init.constant_(mean.weight, 1.0)
    torch.nn.init.constant_(value.weight, 3.0)
    average(mean, value, decay=0.9)
    assert mean.weight.item() == pytest.approx(1.2)
    average(mean, value, decay=0.9)
    assert mean.weight.item() == pytest.approx(1.38)


def test_distillation_is_the_difference_to_the_teachers_picture(batch: Example) -> None:
    torch.manual_seed(7)
    teacher = Teacher(Generator(PRESETS["tiny"]))
    run = new_run(replace(TINY, distill=0.5), teacher)
    student = copy.deepcopy(run.network)
    face, *patches = (batch[name] for name in INPUT_NAMES)
    with torch.no_grad():
        made = student(face, patches).image
        shown = teacher.network(face, patches).image
    terms = run.learn(batch, 0.0)
    assert terms["distill"] == pytest.approx((made - shown).abs().mean().item(), rel=1e-4)
    assert terms["distill"] > 0.01
    weighted = run.objective.total({"distill": torch.tensor(3.0)})
    assert weighted.item() == 1.5


def test_the_teacher_stays_as_it_is(batch: Example) -> None:
    teacher = Teacher(Generator(PRESETS["tiny"]))
    before = {key: value.clone() for key, value in teacher.state_dict().items()}
    teacher.train()
    new_run(replace(TINY, distill=0.5), teacher).learn(batch, 0.0)
    assert not teacher.network.training
    for key, value in teacher.state_dict().items():
        assert torch.equal(value, before[key])


def test_distillation_needs_weight_and_teacher() -> None:
    with pytest.raises(TrainingError, match=r"distill is 0.5 and there is no teacher; .*--teacher"):
        new_run(replace(TINY, distill=0.5))
    with pytest.raises(TrainingError, match=r"distill is 0.0 and there is a teacher; .*distill=1"):
        new_run(TINY, Teacher(Generator(PRESETS["tiny"])))


def test_a_teacher_of_another_alignment_is_refused(tmp_path: Path) -> None:
    state = checkpoint.CheckpointState("tiny", 0, 1, 4, 0.5, {})
    network = Generator(PRESETS["tiny"])
    checkpoint.save(tmp_path / "teacher", state, {checkpoint.WEIGHTS: network}, {})
    assert load_teacher(tmp_path / "teacher", "official").network.spec == network.spec
    with pytest.raises(TrainingError, match="aligned as 'official', this run has 'other'"):
        load_teacher(tmp_path / "teacher", "other")


def test_the_contrast_knows_others_and_leaves_the_own_faces_out(shards: Path) -> None:
    torch.manual_seed(0)
    config = replace(TINY, identity=0.1, identity_contrast=0.05, identity_after=0)
    run = Trainer(config, 4, Recogniser(MobileFaceNet()))
    examples = ShardExamples(shards)
    run.remember(examples)
    objective = run.objective
    assert objective.others.shape == (len(examples), 128)
    torch.testing.assert_close(objective.others.norm(dim=1), torch.ones(len(examples)))
    one = default_collate([examples[0]])
    terms = run.learn(one, 0.0)
    # Nobody but the own faces known: nothing to tell the person from.
    own = objective.others_identity == one["identity"]
    assert 0 < int(own.sum()) < len(examples)
    objective.others, objective.others_identity = (
        objective.others[own],
        one["identity"].repeat(int(own.sum())),
    )
    alone = run.learn(one, 0.0)
    assert terms["identity_contrast"] > 0.1
    assert alone["identity_contrast"] < 1e-2


def test_jitter_is_drawn_for_each_picture_and_shared_by_ranks() -> None:
    config = replace(TINY, batch=4, identity_jitter=0.06)
    torch.manual_seed(3)
    whole = Trainer(config, 4)._jitter()
    torch.manual_seed(3)
    parts = Trainer(config, 4, among=Ranks(1, 2))._jitter()
    assert whole is not None
    assert parts is not None
    assert whole.shape == (4, 3)
    assert 0.03 < float(whole.abs().max()) <= 0.06
    assert parts.shape == (2, 3)
    assert Trainer(TINY, 4)._jitter() is None


def test_a_gpu_that_is_not_there_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert device.pick("auto") == torch.device("cpu")
    with pytest.raises(TrainingError, match=r"torch sees 0; .*--device cpu"):
        device.pick("cuda")
