"""The terms of the losses, each a mean over all its elements.

Source: TP-GAN, section 3.2, equations 4 to 9; Gulrajani et al., "Improved Training of Wasserstein
GANs", 2017, for the gradient penalty. Pictures are (N, 3, H, W) in [-1, 1].
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import torch
from torch import Tensor
from torch.nn import functional as F

TEMPERATURE: Final = 0.1
"""Of the contrast: cosines of two people differ from those of one by a few tenths."""


def pixel(image: Tensor, target: Tensor, weight: Tensor | None = None) -> Tensor:
    """Mean absolute difference; `weight`, (1, 1, H, W) with mean 1, favours some pixels."""
    difference = (image - target).abs()
    return (difference if weight is None else difference * weight).mean()


def symmetry(image: Tensor, detach_mirror: bool = False) -> Tensor:
    """Mean absolute difference to the picture's own mirror image.

    `detach_mirror` lets no gradient through the mirror image, as the published code has it.
    """
    mirror = image.flip(3)
    return (image - (mirror.detach() if detach_mirror else mirror)).abs().mean()


def laplacian(image: Tensor) -> Tensor:
    """Four times each pixel minus its four neighbours; (N, C, H - 2, W - 2)."""
    around = image[..., :-2, 1:-1] + image[..., 2:, 1:-1]
    around = around + image[..., 1:-1, :-2] + image[..., 1:-1, 2:]
    return 4 * image[..., 1:-1, 1:-1] - around


def total_variation(image: Tensor) -> Tensor:
    """Mean absolute difference of neighbours, across plus down."""
    across = (image[..., 1:] - image[..., :-1]).abs().mean()
    return across + (image[..., 1:, :] - image[..., :-1, :]).abs().mean()


def identity_cosine(embedding: Tensor, target: Tensor) -> Tensor:
    """1 minus the cosine of unit-length embeddings, (N, D)."""
    return 1 - (embedding * target).sum(dim=1).mean()


def contrast(embedding: Tensor, target: Tensor, others: Tensor, own: Tensor) -> Tensor:
    """Cross-entropy of finding the person among others by cosines (InfoNCE).

    Source: van den Oord et al., "Representation Learning with Contrastive Predictive Coding", 2018.

    Args:
        embedding, target: (N, D) of unit length, of the made and of the true face.
        others: (K, D) of unit length.
        own: (N, K), where one of the others is the person itself and does not count.
    """
    right = (embedding * target).sum(dim=1, keepdim=True)
    # A matrix product would be one of 16 bits in a mixed-precision run, the other cosine is not.
    with torch.autocast(embedding.device.type, enabled=False):
        wrong = (embedding @ others.T).masked_fill(own, -1.0)
    logits = torch.cat([right, wrong], dim=1) / TEMPERATURE
    return F.cross_entropy(logits, torch.zeros(len(logits), dtype=torch.long, device=logits.device))


def distance(activation: Tensor, target: Tensor, squared: bool = False) -> Tensor:
    """Mean absolute, or mean squared, difference of a recogniser's activations."""
    return F.mse_loss(activation, target) if squared else F.l1_loss(activation, target)


def wasserstein_critic(real: Tensor, fake: Tensor) -> Tensor:
    """What the critic minimises, its penalty apart: logits of fake minus those of real."""
    return fake.mean() - real.mean()


def wasserstein_generator(fake: Tensor) -> Tensor:
    """What the generator minimises: the critic's logits, negated."""
    return -fake.mean()


def logistic_critic(real: Tensor, fake: Tensor) -> Tensor:
    """Cross-entropy of the logits, as in the paper."""
    return F.softplus(-real).mean() + F.softplus(fake).mean()


def logistic_generator(fake: Tensor) -> Tensor:
    """Cross-entropy towards "real" (the form that does not saturate)."""
    return F.softplus(-fake).mean()


def gradient_penalty(
    critic: Callable[[Tensor], Tensor], real: Tensor, fake: Tensor, mix: Tensor
) -> Tensor:
    """Mean over the pictures of (norm of the critic's gradient - 1) squared.

    The critic's value of a picture is the mean of its logits, as in the critic's loss.
    The norm is taken for each picture by itself. Taken over the whole batch, as some published
    code does, it grows with the square root of the batch and penalises nothing of the sort.

    Args:
        mix: (N, 1, 1, 1) in [0, 1]: where between real and fake each gradient is taken.
    """
    between = (mix * real + (1 - mix) * fake).detach().requires_grad_(True)
    (gradient,) = torch.autograd.grad(_scores(critic(between)), between, create_graph=True)
    norms: Tensor = gradient.flatten(1).norm(dim=1)
    return ((norms - 1) ** 2).mean()


def r1_penalty(critic: Callable[[Tensor], Tensor], real: Tensor) -> Tensor:
    """Half the squared norm of the critic's gradient at real pictures, mean over them.

    The critic's value of a picture is the mean of its logits, as in the critic's loss.

    Source: Mescheder et al., "Which Training Methods for GANs do actually Converge?", ICML 2018.
    """
    at = real.detach().requires_grad_(True)
    (gradient,) = torch.autograd.grad(_scores(critic(at)), at, create_graph=True)
    return 0.5 * (gradient**2).flatten(1).sum(dim=1).mean()


def _scores(logits: Tensor) -> Tensor:
    """Sum over the pictures, which do not depend on each other, of each one's mean logit."""
    return logits.reshape(len(logits), -1).mean(dim=1).sum()


def center_weight(size: int, low: float = 0.4) -> Tensor:
    """(1, 1, size, size) bump over the face with mean 1: corners hold hair and background."""
    axis = torch.linspace(-1, 1, size)
    y, x = torch.meshgrid(axis, axis, indexing="ij")
    bump = low + (1 - low) * torch.exp(-((x / 0.75) ** 4) - ((y / 0.9) ** 4))
    return (bump / bump.mean())[None, None]


def shrink(image: Tensor, size: int) -> Tensor:
    """Box-reduced to `size` px: the targets of the smaller pictures."""
    return F.avg_pool2d(image, image.shape[-1] // size)


def gradient(image: Tensor, target: Tensor) -> Tensor:
    """Mean absolute difference of the differences between neighbours, both directions added."""
    apart = image - target
    across = (apart[..., 1:] - apart[..., :-1]).abs().mean()
    return across + (apart[..., 1:, :] - apart[..., :-1, :]).abs().mean()
