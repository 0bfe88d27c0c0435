"""The appearance-flow generator: size, what it does before training, and its own definitions."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from train.networks.flow_generator import FlowGenerator, fill
from train.networks.flow_spec import EDGE, TINY_FLOW, FlowSpec


def _face(count: int = 2, size: int = 160) -> torch.Tensor:
    generator = torch.Generator().manual_seed(3)
    coarse = torch.rand(count, 3, 12, 12, generator=generator) * 2 - 1
    return torch.nn.functional.interpolate(coarse, size=(size, size), mode="bilinear")


def test_edge_keeps_its_budget() -> None:
    with torch.device("meta"):
        network = FlowGenerator(EDGE).eval()
        face = torch.zeros(1, 3, 160, 160)
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        network(face)
    assert sum(p.numel() for p in network.parameters()) < 6_000_000
    assert counter.get_total_flops() < 3_600_000_000


@pytest.mark.parametrize("margin", [0, 16, 32])
def test_before_training_it_fetches_the_crop_itself(margin: int) -> None:
    network = FlowGenerator(replace(TINY_FLOW, margin=margin)).eval()
    face = _face(size=128 + 2 * margin)
    result = network(face)
    crop = face[:, :, margin : margin + 128, margin : margin + 128]
    # The grid is kept in 16 bits: up to 0.02 px beside the pixel centres.
    apart = (result.fetched - crop).abs()
    assert apart.max() < 0.01
    assert apart.mean() < 1e-3
    assert result.flow.shape == (2, 2, 64, 64)
    assert result.silhouette.shape == (2, 1, 64 + margin, 64 + margin)
    assert result.image.shape == (2, 3, 128, 128)


def test_the_result_is_the_sum_of_its_outputs() -> None:
    # What the SDK does at larger sizes must at 128 px give the network's own picture.
    torch.manual_seed(0)
    network = FlowGenerator(TINY_FLOW).eval()
    for parameter in network.parameters():
        parameter.data += torch.randn_like(parameter) * 0.05
    r = network(_face())
    tone = torch.nn.functional.interpolate(r.tone, scale_factor=2.0, mode="bilinear")
    for _ in range(2):
        tone = torch.nn.functional.interpolate(tone, scale_factor=2.0, mode="bilinear")
    gain, bias = tone.chunk(2, dim=1)
    mirrored = r.fetched.flip(3) * (1 + gain) + bias
    whole = r.fetch_weight * r.fetched + r.mirror_weight * mirrored + r.drawn
    torch.testing.assert_close(r.image, whole.clamp(-1, 1), atol=1e-5, rtol=0)
    assert (r.fetch_weight >= 0).all()
    assert (r.fetch_weight + r.mirror_weight <= 1 + 1e-6).all()


@pytest.mark.parametrize(
    "part", [{"local": ()}, {"mirror": False}, {"silhouette": False}, {"compose": False}]
)
def test_every_part_can_be_left_out(part: dict[str, object]) -> None:
    spec: FlowSpec = replace(TINY_FLOW, **part)  # type: ignore[arg-type]
    result = FlowGenerator(spec).eval()(_face(1))
    assert torch.isfinite(result.image).all()
    if "mirror" in part:
        assert result.mirror_weight.max() < 0.05


def test_every_parameter_learns() -> None:
    torch.manual_seed(0)
    network = FlowGenerator(TINY_FLOW).train()
    for _ in range(2):  # the heads begin at zero: what lies before them learns from the second step
        result = network(_face(4))
        loss = sum(x.float().square().mean() + x.float().mean() for x in result)
        network.zero_grad()
        loss.backward()
        for parameter in network.parameters():
            assert parameter.grad is not None
            parameter.data -= 0.1 * parameter.grad
    still = [n for n, p in network.named_parameters() if p.grad is None or not p.grad.abs().any()]
    assert still == []


def test_holes_are_filled_from_around() -> None:
    picture = torch.rand(1, 3, 128, 128)
    whole = torch.ones(1, 1, 128, 128)
    torch.testing.assert_close(fill(picture, whole), picture, atol=2e-3, rtol=0)
    # One colour stays that colour wherever a hole is; nothing at all gives grey.
    weight = torch.zeros(1, 1, 128, 128)
    weight[..., :40] = 1
    weight[..., 60:70, 100:110] = 0.5
    colour = torch.tensor([0.5, -0.25, 1.0])[None, :, None, None]
    torch.testing.assert_close(
        fill(weight * colour, weight), colour.expand(-1, -1, 128, 128), atol=0.02, rtol=0
    )
    assert fill(picture * 0, whole * 0).abs().max() == 0
    # Between two colours it is a mixture, nearer to the nearer one.
    two = torch.zeros(1, 3, 128, 128)
    two[..., :32], two[..., 96:] = -1, 1
    sides = torch.zeros(1, 1, 128, 128)
    sides[..., :32], sides[..., 96:] = 1, 1
    row = fill(two, sides)[0, 0, 64]
    assert row[40] < -0.5 < 0.5 < row[88]
    assert (row.diff() > -0.05).all()


def test_what_is_hidden_begins_in_the_colours_around_it() -> None:
    torch.manual_seed(0)
    network = FlowGenerator(TINY_FLOW).eval()
    face = torch.full((1, 3, 160, 160), 0.25)
    torch.testing.assert_close(
        network(face).image, torch.full((1, 3, 128, 128), 0.25), atol=5e-3, rtol=0
    )


def test_a_grey_photo_gives_a_grey_face() -> None:
    torch.manual_seed(0)
    network = FlowGenerator(TINY_FLOW).eval()
    for parameter in network.parameters():
        parameter.data += torch.randn_like(parameter) * 0.2
    grey = _face(2)[:, :1].expand(-1, 3, -1, -1)
    image = network(grey).image
    assert float(image.detach().std()) > 0.05
    torch.testing.assert_close(image, image[:, :1].expand_as(image), atol=1e-5, rtol=0)
