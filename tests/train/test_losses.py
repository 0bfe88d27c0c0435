"""Every loss against a value worked by hand."""

from __future__ import annotations

import pytest
import torch

from train import losses


def test_pixel_is_the_mean_absolute_difference() -> None:
    a, b = torch.zeros(1, 1, 2, 2), torch.tensor([[[[1.0, -2.0], [0.0, 3.0]]]])
    assert losses.pixel(a, b).item() == 1.5
    weight = torch.tensor([[[[4.0, 0.0], [0.0, 0.0]]]])
    assert losses.pixel(a, b, weight).item() == 1.0


def test_symmetry_compares_with_the_mirror() -> None:
    row = torch.tensor([[[[0.0, 1.0, 4.0]]]])
    assert losses.symmetry(row).item() == pytest.approx(8 / 3)
    assert losses.symmetry(torch.tensor([[[[2.0, 5.0, 2.0]]]])).item() == 0


def test_total_variation_adds_both_directions() -> None:
    picture = torch.tensor([[[[0.0, 1.0], [3.0, 3.0]]]])
    assert losses.total_variation(picture).item() == pytest.approx(0.5 + 2.5)


def test_identity_terms() -> None:
    a, b = torch.tensor([[1.0, 0.0], [0.0, 1.0]]), torch.tensor([[1.0, 0.0], [1.0, 0.0]])
    assert losses.identity_cosine(a, b).item() == 0.5
    assert losses.identity_features(a, b).item() == 0.5


def test_center_weight_has_mean_one_and_favours_the_middle() -> None:
    weight = losses.center_weight(128)
    assert weight.mean().item() == pytest.approx(1, abs=1e-6)
    assert weight[0, 0, 64, 64] > 2 * weight[0, 0, 0, 0]


def test_shrink_is_the_mean_of_blocks() -> None:
    picture = torch.arange(16.0).reshape(1, 1, 4, 4)
    assert losses.shrink(picture, 2).tolist() == [[[[2.5, 4.5], [10.5, 12.5]]]]
