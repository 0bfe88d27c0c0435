"""MobileFaceNet: Chen et al., "MobileFaceNets", CCBR 2018.

In the form of the weights that foamliu/MobileFaceNet published (Apache-2.0), whose layer names it
keeps: 112x112 RGB, ImageNet mean and deviation, 128 numbers out.
"""

from __future__ import annotations

import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from tpgan_sdk.geometry import FloatArray, fit_similarity

from .base import FaceNetwork

ARCFACE_POINTS = (
    (38.2946, 51.6963),
    (73.5318, 51.5014),
    (56.0252, 71.7366),
    (41.5493, 92.3655),
    (70.7299, 92.2041),
)
"""Five points of the 112-px ArcFace crop (Deng et al., CVPR 2019)."""

# (expansion, channels, blocks, stride) of the inverted residuals.
_STAGES = ((2, 64, 5, 2), (4, 128, 1, 2), (2, 128, 6, 1), (4, 128, 1, 2), (2, 128, 2, 1))


def _conv(inputs: int, outputs: int, kernel: int, stride: int = 1, groups: int = 1) -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, groups=groups, bias=False),
        nn.BatchNorm2d(outputs),
        nn.ReLU6(),
    )


class _Inverted(nn.Module):
    def __init__(self, inputs: int, outputs: int, stride: int, expansion: int) -> None:
        super().__init__()
        wide = inputs * expansion
        self.residual = stride == 1 and inputs == outputs
        self.conv = nn.Sequential(
            _conv(inputs, wide, 1),
            _conv(wide, wide, 3, stride, groups=wide),
            nn.Conv2d(wide, outputs, 1, bias=False),
            nn.BatchNorm2d(outputs),
        )

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.conv(x)
        return x + y if self.residual else y


class _Separable(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        self.depthwise = nn.Conv2d(channels, channels, 3, padding=1, groups=channels, bias=False)
        self.bn1 = nn.BatchNorm2d(channels)
        self.pointwise = nn.Conv2d(channels, channels, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(channels)

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(self.bn1(self.depthwise(x)))
        return F.relu(self.bn2(self.pointwise(x)))


class _GlobalDepthwise(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        self.depthwise = nn.Conv2d(channels, channels, 7, groups=channels, bias=False)
        self.bn = nn.BatchNorm2d(channels)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.bn(self.depthwise(x))
        return y


class MobileFaceNet(FaceNetwork):
    """Maps are the (N, 512, 7, 7) before pooling; 128 numbers an embedding."""

    name = "mobilefacenet"
    size = 112
    dimensions = 128
    signature = ("gdconv.depthwise.weight", (512, 1, 7, 7))
    mean: Tensor
    deviation: Tensor

    def __init__(self) -> None:
        super().__init__()
        for name, values in (("mean", (0.485, 0.456, 0.406)), ("deviation", (0.229, 0.224, 0.225))):
            self.register_buffer(name, torch.tensor(values).view(1, 3, 1, 1), persistent=False)
        self.conv1 = _conv(3, 64, 3, 2)
        self.dw_conv = _Separable(64)
        blocks, inputs = [], 64
        for expansion, channels, count, stride in _STAGES:
            for index in range(count):
                first = index == 0
                blocks.append(_Inverted(inputs, channels, stride if first else 1, expansion))
                inputs = channels
        self.features = nn.Sequential(*blocks)
        self.conv2 = _conv(inputs, 512, 1)
        self.gdconv = _GlobalDepthwise(512)
        self.conv3 = nn.Conv2d(512, 128, 1)
        self.bn = nn.BatchNorm2d(128)

    @staticmethod
    def alignment(points: npt.ArrayLike) -> FloatArray:
        """Least-squares similarity to `ARCFACE_POINTS`."""
        return fit_similarity(points, ARCFACE_POINTS)

    def forward(self, face: Tensor) -> tuple[Tensor, Tensor]:
        x = (face - self.mean) / self.deviation
        maps = self.conv2(self.features(self.dw_conv(self.conv1(x))))
        return maps, self.bn(self.conv3(self.gdconv(maps))).flatten(1)
