"""From embeddings to a loss over the training identities: softmax, or ArcFace's margin."""

from __future__ import annotations

import math
from typing import Final

import torch
from torch import Tensor, nn
from torch.nn import functional as F

LOSSES: Final = ("softmax", "arcface")


def arcface_logits(cosines: Tensor, identity: Tensor, margin: float, scale: float) -> Tensor:
    """ArcFace: the angle to the own identity's centre counts as wider by `margin`.

    Deng et al., "ArcFace", CVPR 2019. Beyond pi - margin, where the cosine of the wider angle would
    rise again, the cosine is lowered by margin * sin(margin) instead, as in their published code.

    Args:
        cosines: (N, classes) of embeddings and centres.
        identity: (N,) int64.
        margin: radians.
        scale: of all logits.
    """
    own = cosines.gather(1, identity[:, None]).clamp(-1 + 1e-6, 1 - 1e-6)
    wider = own * math.cos(margin) - torch.sqrt(1 - own * own) * math.sin(margin)
    beyond = own - margin * math.sin(margin)
    widened = torch.where(own > math.cos(math.pi - margin), wider, beyond)
    return scale * cosines.scatter(1, identity[:, None], widened)


class Head(nn.Module):
    """Only for training: one row of weights an identity."""

    def __init__(
        self, dimensions: int, classes: int, loss: str, margin: float, scale: float
    ) -> None:
        super().__init__()
        self.loss, self.margin, self.scale = loss, margin, scale
        self.weight = nn.Parameter(torch.empty(classes, dimensions))
        nn.init.normal_(self.weight, std=0.01)

    def forward(self, embedding: Tensor, identity: Tensor) -> tuple[Tensor, Tensor]:
        """Mean cross-entropy, and the share of the batch whose nearest class is its own."""
        if self.loss == "softmax":
            plain = logits = F.linear(embedding, self.weight)
        else:
            plain = F.linear(F.normalize(embedding, dim=1), F.normalize(self.weight, dim=1))
            logits = arcface_logits(plain, identity, self.margin, self.scale)
        accuracy = (plain.argmax(dim=1) == identity).float().mean()
        return F.cross_entropy(logits, identity), accuracy
