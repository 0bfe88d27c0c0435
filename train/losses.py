"""The terms of the generator's loss, each a mean over all its elements.

Source: TP-GAN, section 3.2, equations 4 to 9. Pictures are (N, 3, H, W) in [-1, 1].
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F


def pixel(image: Tensor, target: Tensor, weight: Tensor | None = None) -> Tensor:
    """Mean absolute difference; `weight`, (1, 1, H, W) with mean 1, favours some pixels."""
    difference = (image - target).abs()
    return (difference if weight is None else difference * weight).mean()


def symmetry(image: Tensor) -> Tensor:
    """Mean absolute difference to the picture's own mirror image."""
    return (image - image.flip(3)).abs().mean()


def total_variation(image: Tensor) -> Tensor:
    """Mean absolute difference of neighbours, across plus down."""
    across = (image[..., 1:] - image[..., :-1]).abs().mean()
    return across + (image[..., 1:, :] - image[..., :-1, :]).abs().mean()


def identity_cosine(embedding: Tensor, target: Tensor) -> Tensor:
    """1 minus the cosine of unit-length embeddings, (N, D)."""
    return 1 - (embedding * target).sum(dim=1).mean()


def identity_features(maps: Tensor, target: Tensor) -> Tensor:
    """Mean absolute difference of feature maps."""
    return (maps - target).abs().mean()


def center_weight(size: int, low: float = 0.4) -> Tensor:
    """(1, 1, size, size) bump over the face with mean 1: corners hold hair and background."""
    axis = torch.linspace(-1, 1, size)
    y, x = torch.meshgrid(axis, axis, indexing="ij")
    bump = low + (1 - low) * torch.exp(-((x / 0.75) ** 4) - ((y / 0.9) ** 4))
    return (bump / bump.mean())[None, None]


def shrink(image: Tensor, size: int) -> Tensor:
    """Box-reduced to `size` px: the targets of the smaller pictures."""
    return F.avg_pool2d(image, image.shape[-1] // size)
