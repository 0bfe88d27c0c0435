"""Training the appearance-flow generator: its examples, its losses, and its two parts."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.nn import functional as F
from torch.utils.data import default_collate

from tpgan_sdk.backends import create_backend
from tpgan_sdk.models.model import resolve_model
from train.data.example import Example
from train.data.shard_examples import Position, ShardExamples
from train.data.shards import HIDDEN, SEEN
from train.networks import FlowGenerator, FrontalFlow
from train.training import checkpoint
from train.training.config import load_config
from train.training.loop import train
from train.training.objective import Objective
from train.training.run_settings import RunSettings
from train.training.trainer import Trainer, _judged

from ..runs import quiet

CONFIG = replace(
    load_config("edge"),
    preset="tiny-flow",
    batch=4,
    warmup=1,
    identity=0.0,
    identity_contrast=0.0,
    identity_features=0.0,
    precision="fp32",
    fetch_only_until=1,
)


@pytest.fixture(scope="module")
def batch(shards: Path) -> Example:
    examples = ShardExamples(shards, augmented=False, margin=16)
    result: Example = default_collate([examples[i] for i in range(4)])
    return result


def _perfect(batch: Example) -> FrontalFlow:
    """What a network that is never wrong would give."""
    target, flow = batch["target"], batch["flow"]
    sure = (batch["visibility"] == SEEN)[:, None].float() * 60 - 30
    person = (batch["silhouette"] - 0.5) * 60
    one, none = torch.ones_like(target[:, :1]), torch.zeros_like(target)
    tone = torch.zeros(len(target), 6, 16, 16)
    return FrontalFlow(target, flow, sure, person, one, 0 * one, tone, none, target, target)


def test_the_exact_flow_of_an_example_fetches_its_own_crop(shards: Path) -> None:
    # The cartoons' flow is the identity: what it fetches is the crop in the middle of the face.
    example = ShardExamples(shards, augmented=False, margin=16)[4]
    assert set(example) == {
        *("face", "target", "yaw", "identity", "flow", "visibility", "silhouette"),
    }
    assert example["face"].shape == (3, 160, 160)
    assert example["silhouette"].shape == (1, 80, 80)
    place = F.interpolate(example["flow"][None], scale_factor=2.0, mode="bilinear")
    fetched = F.grid_sample(example["face"][None], place.permute(0, 2, 3, 1), align_corners=False)
    inner = example["face"][:, 16:144, 16:144]
    # Landmarks are whole pixels in the cartoon and the alignment fits them within a hundredth.
    apart = (fetched[0] - inner).abs()[:, 1:-1, 1:-1]
    assert apart.max() < 0.04
    assert apart.mean() < 1e-3
    # The silhouette is the cartoon's ellipse.
    assert example["silhouette"][0, 40, 40] == 1
    assert example["silhouette"][0, 0, 0] == 0


def test_the_flow_follows_misplaced_landmarks_and_cut_photos(shards: Path) -> None:
    exact = ShardExamples(shards, augmented=False, margin=16)
    wild = ShardExamples(shards, margin=16)
    moved, hidden = [], []
    for seed in range(12):
        example = wild[Position(4, (0, 1, seed))]
        moved.append(float((example["flow"] - exact[4]["flow"]).abs().max()))
        hidden.append(float((example["visibility"] == HIDDEN).float().mean()))
    assert max(moved) > 0.02  # more than a pixel of 160
    assert max(hidden) > 0.01  # something covered the face, or the photo ended in it
    assert len(set(moved)) > 6


def test_a_perfect_result_costs_nothing_and_a_wrong_one_does(batch: Example) -> None:
    objective = Objective(replace(CONFIG, fetch_only_until=0), None)
    perfect = _perfect(batch)
    terms = objective(perfect, batch, 0)
    assert set(terms) == {
        *("flow", "visibility", "silhouette", "pixel_fetched", "fetch_share", "pixel_128"),
        *("pixel_composed", "pixel_patches", "gradient", "symmetry_32"),
    }
    for name, term in terms.items():
        if name not in ("symmetry_32", "silhouette"):  # faces are not symmetric; edges are soft
            assert float(term) < 1e-4, name
    wrong = {
        "flow": perfect._replace(flow=perfect.flow + 2 / 160),
        "visibility": perfect._replace(visibility=-perfect.visibility),
        "silhouette": perfect._replace(silhouette=-perfect.silhouette),
        "pixel_fetched": perfect._replace(fetched=perfect.fetched + 0.5),
        "fetch_share": perfect._replace(fetch_weight=perfect.fetch_weight * 0.5),
        "pixel_128": perfect._replace(image=perfect.image + 0.5),
        "pixel_composed": perfect._replace(composed=perfect.composed - 0.5),
        "pixel_patches": perfect._replace(image=perfect.image + 0.5),
        "gradient": perfect._replace(image=perfect.image * 0.5),
    }
    for name, result in wrong.items():
        assert float(objective(result, batch, 0)[name]) > float(terms[name]) + 0.005, name
    # One pixel of the face input in each direction.
    assert float(objective(wrong["flow"], batch, 0)["flow"]) == pytest.approx(2.0, abs=1e-3)
    assert float(objective(wrong["fetch_share"], batch, 0)["fetch_share"]) == pytest.approx(0.5)


def test_first_the_global_pathway_alone_then_all(batch: Example) -> None:
    torch.manual_seed(0)
    run = Trainer(CONFIG, classes=4)
    assert isinstance(run.network, FlowGenerator)
    before = {name: value.clone() for name, value in run.network.named_parameters()}
    first = run.learn(batch, 0.0)
    changed = {n for n, p in run.network.named_parameters() if not torch.equal(p, before[n])}
    assert changed
    assert all(name.startswith("pathway.") for name in changed)
    assert set(first) == {"flow", "visibility", "silhouette", "pixel_fetched"} | {"fetch_share"}
    second = run.learn(batch, 0.0)
    assert {"pixel_128", "gradient", "pixel_composed"} <= set(second)
    changed = {n for n, p in run.network.named_parameters() if not torch.equal(p, before[n])}
    assert any(name.startswith("composer.") for name in changed)
    assert any(name.startswith("local.") for name in changed)


def test_it_learns_where_the_face_lies(batch: Example) -> None:
    torch.manual_seed(0)
    run = Trainer(replace(CONFIG, fetch_only_until=99, learning_rate=5e-3), classes=4)
    shifted = {**batch, "flow": batch["flow"] + 8 / 160}
    losses = [run.learn(shifted, 0.0)["flow"] for _ in range(30)]
    assert losses[-1] < 0.5 * losses[0]


def test_the_gradient_is_clipped(batch: Example) -> None:
    torch.manual_seed(0)
    run = Trainer(replace(CONFIG, clip=1e-3), classes=4)
    run.learn(batch, 0.0)
    norms = [p.grad.norm() for p in run.network.parameters() if p.grad is not None]
    assert float(torch.stack(norms).norm()) <= 1e-3 * 1.001


def test_a_whole_run_writes_pictures_resumes_and_loads(shards: Path, tmp_path: Path) -> None:
    pytest.importorskip("tensorboard", reason="the pictures go to TensorBoard")
    config = replace(CONFIG, steps=4)
    settings = RunSettings(
        shards, tmp_path / "a", workers=0, log_every=1, save_every=2, heldout=shards
    )
    whole = train(config, settings, quiet)
    network, state = checkpoint.load_generator(whole)
    assert isinstance(network, FlowGenerator)
    assert (state.preset, state.step) == ("tiny-flow", 4)
    assert state.heldout is not None
    half = replace(config, steps=2)
    train(half, replace(settings, output=tmp_path / "b"), quiet)
    resumed = train(config, replace(settings, output=tmp_path / "b", resume=True), quiet)
    other, _ = checkpoint.load_generator(resumed)
    assert {k: v.shape for k, v in other.state_dict().items()} == {
        k: v.shape for k, v in network.state_dict().items()
    }
    assert (tmp_path / "a" / "tensorboard").is_dir()


def test_a_flow_run_begins_with_an_exported_model(batch: Example, shards: Path) -> None:
    torch.manual_seed(0)
    run = Trainer(replace(CONFIG, preset="edge"), classes=4)
    run.start_from(Path("edge"), ShardExamples(shards, margin=16))
    assert isinstance(run.network, FlowGenerator)
    model = resolve_model("edge")
    face = batch["face"][:2]
    expected = create_backend(model, "onnxruntime-cpu").run({"face": face.numpy()})
    with torch.inference_mode():
        made = run.averaged(face).image.numpy()
    # Weights in 16 bits, batch norms measured anew: the same picture within a grey level.
    assert np.abs(made - expected).mean() < 0.002
    assert np.ptp(made) > 1


def test_the_discriminator_teaches_only_what_is_drawn(batch: Example) -> None:
    perfect = _perfect(batch)
    fetched = perfect.fetched.clone().requires_grad_(True)
    drawn = perfect.drawn.clone().requires_grad_(True)
    result = perfect._replace(image=0.5 * fetched + drawn, drawn=drawn)
    judged = _judged(result)
    torch.testing.assert_close(judged, result.image)
    judged.sum().backward()
    assert fetched.grad is None
    assert drawn.grad is not None
    assert torch.equal(drawn.grad, torch.ones_like(drawn))
