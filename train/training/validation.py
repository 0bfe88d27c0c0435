"""Validation: a fixed batch of views that the training never sees."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.utils.data import default_collate

from ..data.example import Example, ExampleSet
from ..networks import Network
from . import losses

VIEWS = 32
"""Views to measure on, spread evenly over the held-out ones."""


class ValidationBatch:
    """The loss by which the best checkpoint is chosen: the pixel loss, unweighted."""

    def __init__(self, examples: ExampleSet, device: torch.device) -> None:
        """`examples` without augmentation: the same pictures at every call."""
        count = min(VIEWS, len(examples))
        chosen = [examples[i * len(examples) // count] for i in range(count)]
        self.batch: Example = {k: v.to(device) for k, v in default_collate(chosen).items()}

    def loss(self, network: Network) -> float:
        """Mean absolute difference to the true frontal faces, in [-1, 1]."""
        return losses.pixel(frontalized(network, self.batch), self.batch["target"]).item()


@torch.inference_mode()
def frontalized(network: Network, batch: Example) -> Tensor:
    """(N, 3, 128, 128) in [-1, 1], made one by one to bound the memory."""
    views = [
        [picture[None] for picture in view]
        for view in zip(*(batch[n] for n in network.inputs), strict=True)
    ]
    return torch.cat([network(face, patches).image for face, *patches in views]).clamp(-1, 1)
