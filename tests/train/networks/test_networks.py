"""The presets against the published counts, and the parts against what they promise."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch.nn import functional as F

from tpgan_sdk.geometry import OFFICIAL, PATCHES
from train.networks import Generator
from train.networks.blocks import maxout
from train.networks.local import Fuser
from train.networks.measure import cost, example_inputs
from train.networks.spec import DRAWN, PAPER, PRESETS, TINY


def test_paper_has_exactly_the_published_parameters_and_flops() -> None:
    total = cost(PAPER, classes=347)
    assert total.parameters == 138_078_575
    assert total.flops / 1e9 == pytest.approx(180.03, abs=0.005)


def test_paper_joins_have_the_published_widths() -> None:
    with torch.device("meta"):
        network = Generator(PAPER)
    widths = {size: stage.width for size, stage in network.decoder.items()}
    assert widths == {"8": 576, "16": 768, "32": 419, "64": 214, "128": 209}
    weights = dict(network.named_parameters())
    skips = {s: weights[f"decoder.{s}.skip.first.conv.weight"].shape[1] for s in widths if s != "8"}
    assert skips == {"16": 256, "32": 163, "64": 83, "128": 75}
    assert network.local is not None
    assert sum(p.numel() for p in network.local.nets["nose"].parameters()) == 12_466_627


def test_edge_keeps_its_budget() -> None:
    total = cost(DRAWN)
    assert total.flops <= 4e9
    assert total.parameters <= 6_000_000


@pytest.mark.parametrize("preset", ["edge-drawn", "tiny"])
def test_shapes_and_determinism(preset: str) -> None:
    network = Generator(PRESETS[preset], classes=5).eval()
    face, patches = example_inputs(2)
    face = torch.rand_like(face)
    with torch.no_grad():
        one, two = network(face, patches), network(face, patches)
    assert one.image.shape == (2, 3, 128, 128)
    assert one.image_64.shape == (2, 3, 64, 64)
    assert one.image_32.shape == (2, 3, 32, 32)
    assert [p.shape[2:] for p in one.patches] == [(p.height, p.width) for p in PATCHES]
    assert one.local_image.shape == (2, 3, 128, 128)
    assert (one.code.shape, one.logits.shape) == ((2, 256), (2, 5))
    assert torch.equal(one.image, two.image)
    assert one.image.abs().max() <= 1


def test_noise_reaches_the_picture() -> None:
    network = Generator(TINY).eval()
    face, patches = example_inputs(1)
    with torch.no_grad():
        still = network(face, patches).image
        moved = network(face, patches, torch.full((1, TINY.noise), 5.0)).image
    assert not torch.equal(still, moved)


def test_width_multiplier_scales_every_channel() -> None:
    half = cost(replace(PAPER, width=0.5))
    assert half.flops < 0.3 * cost(PAPER).flops
    assert replace(PAPER, width=0.5).scaled(64) == 32


def test_batch_norm_is_an_entry_of_the_table() -> None:
    with torch.device("meta"):
        plain, normed = Generator(TINY), Generator(replace(TINY, batch_norm=False))
    count = sum(isinstance(m, torch.nn.BatchNorm2d) for m in plain.modules())
    assert count > 20
    assert not any(isinstance(m, torch.nn.BatchNorm2d) for m in normed.modules())


def patches_of(values: tuple[float, ...]) -> list[torch.Tensor]:
    return [torch.full((1, 1, p.height, p.width), v) for p, v in zip(PATCHES, values, strict=True)]


def test_fuser_max_is_the_papers() -> None:
    """Outside a patch its map is zero: the maximum never falls below 0 there."""
    fused = Fuser(PAPER)(patches_of((-1.0, 2.0, 3.0, -4.0)))[0, 0]
    assert fused[30, 30] == 0  # left eye alone: max(-1, 0, 0, 0)
    assert fused[30, 80] == 2
    assert fused[75, 60] == 3  # nose over mouth
    assert fused[100, 60] == 0
    assert fused[0, 0] == 0


def test_fuser_mean_averages_overlaps_only() -> None:
    fused = Fuser(replace(DRAWN, feather=0))(patches_of((-1.0, 2.0, 3.0, -4.0)))[0, 0]
    assert fused[30, 30] == -1
    assert fused[75, 60] == -0.5  # nose and mouth
    assert fused[100, 60] == -4
    assert fused[0, 0] == 0


def test_feathered_patches_fade_out_at_their_borders() -> None:
    """The nose's box begins at (43, 48): half a step of 1/6 in its first row and column."""
    fused = Fuser(DRAWN)(patches_of((0.0, 0.0, 1.0, 0.0)))[0, 0]
    torch.testing.assert_close(
        fused[48:56, 63], torch.tensor([1, 3, 5, 7, 9, 11, 12, 12]) / 12, rtol=5e-4, atol=0.0
    )
    torch.testing.assert_close(
        fused[60, 43:46], torch.tensor([1.0, 3.0, 5.0]) / 12, rtol=5e-4, atol=0.0
    )
    assert fused[48, 43] == pytest.approx(
        1 / 145, rel=1e-3
    )  # 1/144, shared with the whole left eye
    assert fused[47, 63] == 0
    # Deep in the overlap with the mouth both count fully, and share the pixel.
    both = Fuser(DRAWN)(patches_of((0.0, 0.0, 1.0, -1.0)))[0, 0]
    assert both[75, 63] == pytest.approx((4.5 / 6 - 3.5 / 6) / (8 / 6), rel=4e-3)


def test_patches_are_pasted_where_a_frontal_face_has_them() -> None:
    """Cutting a frontal picture at the template and fusing it gives the picture back."""
    picture = torch.rand(1, 3, 128, 128)
    cut = [
        picture[:, :, y : y + p.height, x : x + p.width]
        for (x, y), p in zip(OFFICIAL.paste_boxes(), PATCHES, strict=True)
    ]
    fused = Fuser(PAPER)(cut)
    covered = Fuser(PAPER)(patches_of((1.0,) * 4))[0, 0] > 0
    torch.testing.assert_close(fused[0, :, covered], picture[0, :, covered])


def test_shared_eyes_see_the_right_eye_mirrored() -> None:
    local = Generator(DRAWN).eval().local
    assert local is not None
    eye = torch.rand(1, 3, 40, 40)
    rest = [torch.zeros(1, 3, 32, 40), torch.zeros(1, 3, 32, 48)]
    with torch.no_grad():
        _, _, images = local([eye, eye.flip(3), *rest])
    torch.testing.assert_close(images[1], images[0].flip(3), atol=1e-5, rtol=1e-4)


def test_without_local_pathways_the_patches_are_not_looked_at() -> None:
    network = Generator(replace(TINY, local=())).eval()
    face, patches = torch.rand(1, 3, 128, 128), example_inputs(1)[1]
    with torch.no_grad():
        plain = network(face, patches)
        other = network(face, [patch + 1 for patch in patches])
    assert torch.equal(plain.image, other.image)
    assert plain.patches == ()
    assert not plain.local_image.any()
    assert not any(name.startswith("local.") for name in network.state_dict())


def test_maxout_takes_the_larger_half() -> None:
    x = torch.tensor([[1.0, -5.0, 0.5, 2.0]])
    assert maxout(x).tolist() == [[1.0, 2.0]]


def test_the_smallest_picture_is_detached_before_it_goes_up() -> None:
    network = Generator(TINY)
    face, patches = example_inputs(2)
    F.mse_loss(network(face, patches).image, torch.ones_like(face)).backward()
    assert network.heads["32"].weight.grad is None
    assert network.heads["64"].weight.grad is not None
