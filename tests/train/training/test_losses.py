"""Every loss against a value worked by hand."""

from __future__ import annotations

import math

import pytest
import torch

from train.networks.discriminator import Discriminator
from train.training import losses


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
    assert losses.distance(a, b).item() == 0.5
    assert losses.distance(2 * a, 2 * b).item() == 1.0
    assert losses.distance(2 * a, 2 * b, squared=True).item() == 2.0


def test_contrast_is_the_cross_entropy_of_the_right_face() -> None:
    made = torch.tensor([[1.0, 0.0]])
    others = torch.tensor([[0.0, 1.0], [0.6, 0.8]])
    nobody = torch.tensor([[False, False]])
    logits = [0.8 / 0.1, 0.0, 0.6 / 0.1]
    expected = math.log(sum(math.exp(v) for v in logits)) - logits[0]
    true = torch.tensor([[0.8, 0.6]])
    assert losses.contrast(made, true, others, nobody).item() == pytest.approx(expected)
    with torch.autocast("cpu", torch.bfloat16):  # as in training
        assert losses.contrast(made, true, others, nobody).item() == pytest.approx(expected)
    itself = torch.tensor([[False, True]])  # at a cosine of -1 it is nearly nobody
    rest = math.log(math.exp(8) + 1 + math.exp(-10)) - 8
    assert losses.contrast(made, true, others, itself).item() == pytest.approx(rest, rel=1e-3)


def test_center_weight_has_mean_one_and_favours_the_middle() -> None:
    weight = losses.center_weight(128)
    assert weight.mean().item() == pytest.approx(1, abs=1e-6)
    assert weight[0, 0, 64, 64] > 2 * weight[0, 0, 0, 0]


def test_shrink_is_the_mean_of_blocks() -> None:
    picture = torch.arange(16.0).reshape(1, 1, 4, 4)
    assert losses.shrink(picture, 2).tolist() == [[[[2.5, 4.5], [10.5, 12.5]]]]


def test_a_detached_mirror_halves_the_gradient() -> None:
    row = torch.tensor([[[[0.0, 1.0, 4.0]]]], requires_grad=True)
    (whole,) = torch.autograd.grad(losses.symmetry(row), row)
    (half,) = torch.autograd.grad(losses.symmetry(row, detach_mirror=True), row)
    torch.testing.assert_close(whole, 2 * half)
    assert half[0, 0, 0].tolist() == pytest.approx([-1 / 3, 0, 1 / 3])


def test_laplacian_is_zero_on_ramps_and_finds_a_point() -> None:
    y, x = torch.meshgrid(torch.arange(5.0), torch.arange(5.0), indexing="ij")
    assert losses.laplacian((2 * x + 3 * y)[None, None]).abs().max() == 0
    point = torch.zeros(1, 1, 5, 5)
    point[0, 0, 2, 2] = 1
    assert losses.laplacian(point)[0, 0].tolist() == [[0, -1, 0], [-1, 4, -1], [0, -1, 0]]


def test_adversarial_terms() -> None:
    real, fake = torch.tensor([2.0, 4.0]), torch.tensor([-1.0, 0.0])
    assert losses.wasserstein_critic(real, fake).item() == -3.5
    assert losses.wasserstein_generator(fake).item() == 0.5
    zero = torch.zeros(2)
    assert losses.logistic_critic(zero, zero).item() == pytest.approx(2 * math.log(2))
    assert losses.logistic_generator(zero).item() == pytest.approx(math.log(2))
    assert losses.logistic_critic(real, fake) < losses.logistic_critic(fake, real)


@pytest.mark.parametrize("count", [1, 2, 5])
def test_the_gradient_penalty_is_taken_for_each_picture(count: int) -> None:
    """A critic w.x has the gradient w everywhere: penalty (|w| - 1)^2, however large the batch."""
    weight = torch.zeros(3, 4, 4)
    weight[0, 0, 0], weight[1, 2, 3] = 3.0, 4.0  # norm 5
    real, fake = torch.rand(count, 3, 4, 4), torch.rand(count, 3, 4, 4)
    mix = torch.rand(count, 1, 1, 1)
    found = losses.gradient_penalty(lambda x: (x * weight).sum(dim=(1, 2, 3)), real, fake, mix)
    assert found.item() == pytest.approx(16.0, rel=1e-5)


@pytest.mark.parametrize("count", [1, 3])
def test_r1_is_half_the_squared_gradient_at_real_pictures(count: int) -> None:
    weight = torch.zeros(3, 4, 4)
    weight[0, 0, 0], weight[1, 2, 3] = 3.0, 4.0  # squared norm 25
    real = torch.rand(count, 3, 4, 4)
    assert losses.r1_penalty(lambda x: (x * weight).sum(dim=(1, 2, 3)), real).item() == 12.5
    # Of x squared the gradient is 2 x.
    squared = losses.r1_penalty(lambda x: (x**2).sum(dim=(1, 2, 3)), real)
    assert squared.item() == pytest.approx(2 * (real**2).flatten(1).sum(dim=1).mean().item())


def map_of_logits(picture: torch.Tensor) -> torch.Tensor:
    """(N, 1, 4, 4): 48 and 64 times a pixel of the picture at two places, 0 elsewhere."""
    logits = torch.zeros(len(picture), 1, 4, 4)
    logits[:, 0, 0, 0], logits[:, 0, 3, 1] = 48 * picture[:, 0, 0, 0], 64 * picture[:, 1, 2, 3]
    return logits


@pytest.mark.parametrize("count", [1, 3])
def test_the_penalties_of_a_map_are_those_of_its_mean(count: int) -> None:
    """The mean of the 16 logits is 3 a + 4 b: its gradient has norm 5."""
    real, fake = torch.rand(count, 3, 4, 4), torch.rand(count, 3, 4, 4)
    mix = torch.rand(count, 1, 1, 1)
    penalty = losses.gradient_penalty(map_of_logits, real, fake, mix)
    assert penalty.item() == pytest.approx(16.0, rel=1e-5)
    assert losses.r1_penalty(map_of_logits, real).item() == pytest.approx(12.5)
    # The same critic in the loss: mean of the logits, too.
    expected = (3 * (fake - real)[:, 0, 0, 0] + 4 * (fake - real)[:, 1, 2, 3]).mean().item()
    loss = losses.wasserstein_critic(map_of_logits(real), map_of_logits(fake)).item()
    assert loss == pytest.approx(expected, abs=1e-6)


def test_spectral_norm_makes_the_largest_singular_value_one() -> None:
    torch.manual_seed(0)
    network = Discriminator(width=0.0625, spectral=True)
    picture = torch.rand(1, 3, 128, 128)
    with torch.no_grad():
        for _ in range(100):  # each pass is one step of its power iteration
            network(picture)
    weights = [m.weight.detach() for m in network.modules() if isinstance(m, torch.nn.Conv2d)]
    assert len(weights) == 10
    for weight in weights:
        largest = torch.linalg.matrix_norm(weight.flatten(1), ord=2)
        assert largest.item() == pytest.approx(1, abs=0.02)


def test_the_discriminator_maps_a_picture_to_four_by_four_logits() -> None:
    network = Discriminator(width=0.25)
    assert network(torch.zeros(2, 3, 128, 128)).shape == (2, 1, 4, 4)
    assert not any(isinstance(m, torch.nn.BatchNorm2d) for m in network.modules())
