"""The frozen face recogniser behind the identity-preserving loss.

MobileFaceNet (Chen et al., "MobileFaceNets", CCBR 2018) in the form of the weights that
foamliu/MobileFaceNet published (Apache-2.0): 112x112 RGB, ImageNet mean and deviation, 128
numbers out. The layer names are those of its checkpoint.
"""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from tpgan_sdk.errors import TrainingError
from tpgan_sdk.geometry import CROP_SIZE, OFFICIAL, fit_similarity, invert_transform

SIZE = 112
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


class MobileFaceNet(nn.Module):
    """(N, 3, 112, 112) normalised pictures to the last two layers' activations."""

    def __init__(self) -> None:
        super().__init__()
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

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Returns the (N, 512, 7, 7) map before pooling and the (N, 128) embedding."""
        maps = self.conv2(self.features(self.dw_conv(self.conv1(x))))
        return maps, self.bn(self.conv3(self.gdconv(maps))).flatten(1)


class Recogniser(nn.Module):
    """Frozen network over aligned 128-px crops: warps them to its own template first."""

    grid: Tensor
    mean: Tensor
    deviation: Tensor

    def __init__(self, weights: Path) -> None:
        """
        Args:
            weights: state dict of `MobileFaceNet`.

        Raises:
            TrainingError: no such file, or not these weights.
        """
        super().__init__()
        if not weights.is_file():
            raise TrainingError(
                f"no recogniser weights at {weights}; expected the state dict of a MobileFaceNet"
            )
        self.network = MobileFaceNet()
        try:
            state = torch.load(weights, map_location="cpu", weights_only=True)
            self.network.load_state_dict(state)
        except Exception as error:  # torch.load raises whatever its unpickler does
            raise TrainingError(f"{weights} does not hold MobileFaceNet weights: {error}") from None
        self.register_buffer("grid", _arcface_grid(), persistent=False)
        for name, values in (("mean", (0.485, 0.456, 0.406)), ("deviation", (0.229, 0.224, 0.225))):
            self.register_buffer(name, torch.tensor(values).view(1, 3, 1, 1), persistent=False)
        self.requires_grad_(False).eval()

    def train(self, mode: bool = True) -> Recogniser:
        """Stays frozen: its batch statistics never follow the training mode."""
        return super().train(False)

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor]:
        """(N, 3, 128, 128) RGB in [-1, 1] to feature maps and unit-length embeddings."""
        grid = self.grid.expand(image.shape[0], -1, -1, -1).to(image.dtype)
        face = F.grid_sample(image, grid, padding_mode="border", align_corners=True)
        maps, embedding = self.network((face / 2 + 0.5 - self.mean) / self.deviation)
        return maps, F.normalize(embedding.float(), dim=1)


def _arcface_grid() -> Tensor:
    """Where each pixel of the 112-px ArcFace crop lies on the 128-px one, in [-1, 1]."""
    inverse = torch.from_numpy(invert_transform(fit_similarity(OFFICIAL.points, ARCFACE_POINTS)))
    ys, xs = torch.meshgrid(torch.arange(SIZE), torch.arange(SIZE), indexing="ij")
    points = torch.stack([xs, ys], dim=-1).double() @ inverse[:, :2].T + inverse[:, 2]
    return (points / (CROP_SIZE - 1) * 2 - 1).float()[None]
