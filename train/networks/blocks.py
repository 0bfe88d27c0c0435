"""The few layers that both pathways are made of."""

from __future__ import annotations

from typing import Protocol

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class LayerStyle(Protocol):
    """What a generator's table says about all its layers."""

    @property
    def slope(self) -> float: ...
    @property
    def batch_norm(self) -> bool: ...
    @property
    def upsample(self) -> str: ...


class Conv(nn.Module):
    """Convolution, batch norm where the table asks for it, LeakyReLU where `activate`.

    An even kernel of stride 1 is padded by reflection at the left and top: the size is kept.
    """

    def __init__(
        self,
        spec: LayerStyle,
        inputs: int,
        outputs: int,
        kernel: int = 3,
        stride: int = 1,
        activate: bool = True,
    ) -> None:
        super().__init__()
        even = kernel % 2 == 0 and stride == 1
        self.pad = nn.ReflectionPad2d((1, 0, 1, 0)) if even else nn.Identity()
        self.conv = nn.Conv2d(
            inputs,
            outputs,
            kernel,
            stride,
            padding=0 if even else (kernel - stride + 1) // 2,
            bias=not spec.batch_norm,
        )
        self.norm = nn.BatchNorm2d(outputs) if spec.batch_norm else nn.Identity()
        self.slope = spec.slope if activate else None

    def forward(self, x: Tensor) -> Tensor:
        x = self.norm(self.conv(self.pad(x)))
        return x if self.slope is None else F.leaky_relu(x, self.slope)


class Residual(nn.Module):
    """R(c, k): conv k, LeakyReLU, conv k, add the input, LeakyReLU."""

    def __init__(self, spec: LayerStyle, channels: int, kernel: int) -> None:
        super().__init__()
        self.first = Conv(spec, channels, channels, kernel)
        self.second = Conv(spec, channels, channels, kernel, activate=False)
        self.slope = spec.slope

    def forward(self, x: Tensor) -> Tensor:
        return F.leaky_relu(x + self.second(self.first(x)), self.slope)


class Upsample(nn.Module):
    """Twice the size: a transposed convolution with ReLU, or a convolution and bilinear resize.

    The second form leaves no checkerboard and is cheap: its convolution runs at the small size.
    """

    def __init__(self, spec: LayerStyle, inputs: int, outputs: int) -> None:
        super().__init__()
        self.transposed = spec.upsample == "transposed"
        self.conv: nn.Module = (
            nn.ConvTranspose2d(inputs, outputs, 3, 2, padding=1, output_padding=1)
            if self.transposed
            else Conv(spec, inputs, outputs)
        )

    def forward(self, x: Tensor) -> Tensor:
        x = self.conv(x)
        return F.relu(x) if self.transposed else double(x)


class Grow(nn.Module):
    """Transposed convolution with ReLU that multiplies the size by `stride` (seed maps).

    Channels beyond those given count as zeros, so the code can come without its noise.
    """

    def __init__(self, inputs: int, outputs: int, kernel: int, stride: int) -> None:
        super().__init__()
        self.stride = stride
        self.padding, self.extra = (0, 0) if stride == 1 else (0, 1) if stride == 4 else (1, 1)
        self.conv = nn.ConvTranspose2d(inputs, outputs, kernel, stride, self.padding, self.extra)

    def forward(self, x: Tensor) -> Tensor:
        weight, bias = self.conv.weight[: x.shape[1]], self.conv.bias
        return F.relu(F.conv_transpose2d(x, weight, bias, self.stride, self.padding, self.extra))


def double(x: Tensor) -> Tensor:
    """Bilinear resize to twice the size."""
    return F.interpolate(x, scale_factor=2.0, mode="bilinear", align_corners=False)


def maxout(x: Tensor) -> Tensor:
    """Larger of each of two halves: (N, 2 c) to (N, c)."""
    first, second = x.chunk(2, dim=1)
    return torch.maximum(first, second)


def residuals(spec: LayerStyle, channels: int, kernel: int, count: int) -> nn.Sequential:
    """`count` residual blocks one after the other."""
    return nn.Sequential(*(Residual(spec, channels, kernel) for _ in range(count)))
