"""The discriminator: a map of logits that say how real each part of a picture looks.

Source: TP-GAN, section 3.2.3, in the form of the public PyTorch code: five convolutions of
stride 2 with residual blocks after the last two. No batch norm: the gradient penalty is taken for
each picture by itself.
"""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm

from .blocks import Conv, Residual
from .spec import PAPER

CHANNELS = (64, 128, 256, 512, 512)
RESIDUAL_AFTER = 2
"""Stages at the end that have a residual block."""


class Discriminator(nn.Module):
    """(N, 3, 128, 128) in [-1, 1] to (N, 1, 4, 4) logits: larger means more real.

    Args:
        width: multiplies every channel count.
        spectral: divide every convolution's weight by its largest singular value (Miyato et al.,
            "Spectral Normalization for Generative Adversarial Networks", ICLR 2018).
    """

    def __init__(self, width: float = 1.0, spectral: bool = False) -> None:
        super().__init__()
        stages: list[nn.Module] = []
        inputs = 3
        for index, channels in enumerate(max(8, round(c * width)) for c in CHANNELS):
            stages.append(Conv(PAPER, inputs, channels, 3, stride=2))
            if index >= len(CHANNELS) - RESIDUAL_AFTER:
                stages.append(Residual(PAPER, channels, 3))
            inputs = channels
        self.stages = nn.Sequential(*stages)
        self.head = nn.Conv2d(inputs, 1, 1)
        if spectral:
            for module in list(self.modules()):
                if isinstance(module, nn.Conv2d):
                    spectral_norm(module)

    def forward(self, image: Tensor) -> Tensor:
        logits: Tensor = self.head(self.stages(image))
        return logits
