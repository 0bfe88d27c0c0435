"""Light CNN, the recogniser of the TP-GAN paper.

Wu et al., "A Light CNN for Deep Face Representation with Noisy Labels", IEEE TIFS 2018. Its
activation, max-feature-map, keeps the larger of two halves of the channels. Tensor names and
shapes are those of the published PyTorch checkpoints (AlfredXiangWu/LightCNN): 128x128 grey in
[0, 1], 256 numbers out.
"""

from __future__ import annotations

from typing import ClassVar

import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from tpgan_sdk.geometry import CROP_SIZE, FloatArray, alignment_transform

from .base import FaceNetwork

LUMA = (0.299, 0.587, 0.114)
"""Grey from RGB (ITU-R BT.601), as image libraries convert."""
_WIDTHS = (48, 96, 192, 128, 128)
"""Channels after the first convolution and after each group."""
_POOLED_AFTER = (0, 1, 2, 4)
"""Groups with pooling behind them; the first convolution counts as group 0."""
_FLAT = _WIDTHS[-1] * 8 * 8


def max_feature_map(x: Tensor) -> Tensor:
    """(N, 2C, ...) to (N, C, ...): the larger of channel i and channel C + i."""
    first, second = x.chunk(2, dim=1)
    return torch.maximum(first, second)


class _Competing(nn.Module):
    """A layer with twice the outputs, halved by `max_feature_map`."""

    def __init__(self, layer: nn.Module) -> None:
        super().__init__()
        self.filter = layer

    def forward(self, x: Tensor) -> Tensor:
        return max_feature_map(self.filter(x))


def _conv(inputs: int, outputs: int, kernel: int) -> _Competing:
    return _Competing(nn.Conv2d(inputs, 2 * outputs, kernel, padding=kernel // 2))


class _Group(nn.Module):
    """1x1, then 3x3."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.conv_a = _conv(inputs, inputs, 1)
        self.conv = _conv(inputs, outputs, 3)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.conv(self.conv_a(x))
        return y


class _Residual(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv1 = _conv(channels, channels, 3)
        self.conv2 = _conv(channels, channels, 3)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.conv2(self.conv1(x))
        return x + y


class _LightCNN(FaceNetwork):
    """Maps are the (N, 128, 8, 8) after the last pooling; 256 numbers an embedding."""

    size = CROP_SIZE
    dimensions = 256

    @staticmethod
    def alignment(points: npt.ArrayLike) -> FloatArray:
        """The published alignment of Light CNN is TP-GAN's own: its crop is the SDK's."""
        return alignment_transform(points)

    def forward(self, face: Tensor) -> tuple[Tensor, Tensor]:
        weights = torch.tensor(LUMA, dtype=face.dtype, device=face.device).view(1, 3, 1, 1)
        maps = self.maps((face * weights).sum(dim=1, keepdim=True))
        return maps, self.embedding(maps.flatten(1))

    def maps(self, grey: Tensor) -> Tensor:
        """(N, 1, 128, 128) to (N, 128, 8, 8)."""
        raise NotImplementedError

    def embedding(self, flat: Tensor) -> Tensor:
        """(N, 8192) to (N, 256)."""
        raise NotImplementedError


class LightCNN9(_LightCNN):
    """Nine layers."""

    name = "light-cnn-9"
    signature = ("fc1.filter.weight", (512, _FLAT))

    def __init__(self) -> None:
        super().__init__()
        layers: list[nn.Module] = [_conv(1, _WIDTHS[0], 5), nn.MaxPool2d(2)]
        for group in range(1, 5):
            layers.append(_Group(_WIDTHS[group - 1], _WIDTHS[group]))
            if group in _POOLED_AFTER:
                layers.append(nn.MaxPool2d(2))
        self.features = nn.Sequential(*layers)
        self.fc1 = _Competing(nn.Linear(_FLAT, 2 * self.dimensions))

    def maps(self, grey: Tensor) -> Tensor:
        y: Tensor = self.features(grey)
        return y

    def embedding(self, flat: Tensor) -> Tensor:
        y: Tensor = self.fc1(flat)
        return y


class LightCNN29(_LightCNN):
    """Twenty-nine layers: before group i there are i residual blocks."""

    name = "light-cnn-29"
    signature = ("fc.filter.weight", (512, _FLAT))
    mean_pooling: ClassVar[bool] = False
    """Whether pooling adds the mean of each 2x2 to its maximum."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = _conv(1, _WIDTHS[0], 5)
        for group in range(1, 5):
            inputs, outputs = _WIDTHS[group - 1], _WIDTHS[group]
            blocks = nn.Sequential(*(_Residual(inputs) for _ in range(group)))
            self.add_module(f"block{group}", blocks)
            self.add_module(f"group{group}", _Group(inputs, outputs))
        self.fc = self._last_layer()

    def _last_layer(self) -> nn.Module:
        return _Competing(nn.Linear(_FLAT, 2 * self.dimensions))

    def maps(self, grey: Tensor) -> Tensor:
        x = self._pool(self.conv1(grey))
        for group in range(1, 5):
            x = self.get_submodule(f"group{group}")(self.get_submodule(f"block{group}")(x))
            if group in _POOLED_AFTER:
                x = self._pool(x)
        return x

    def _pool(self, x: Tensor) -> Tensor:
        peak = F.max_pool2d(x, 2)
        return peak + F.avg_pool2d(x, 2) if self.mean_pooling else peak

    def embedding(self, flat: Tensor) -> Tensor:
        y: Tensor = self.fc(flat)
        return y


class LightCNN29v2(LightCNN29):
    """The second release: pooling adds maximum and mean, the last layer is plainly linear."""

    name = "light-cnn-29v2"
    signature = ("fc.weight", (256, _FLAT))
    mean_pooling = True

    def _last_layer(self) -> nn.Module:
        return nn.Linear(_FLAT, self.dimensions)
