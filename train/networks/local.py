"""The local pathways (one U-Net a patch) and the fuser that lays them on the frontal map."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from tpgan_sdk.geometry import CROP_SIZE, PATCHES, TEMPLATES

from .blocks import Conv, Residual, Upsample
from .spec import GeneratorSpec

_WINDOWS = tuple(f"weight_{patch.name}" for patch in PATCHES)


class LocalPathway(nn.Module):
    """U-Net over one patch; returns its frontal picture and the features behind it."""

    def __init__(self, spec: GeneratorSpec) -> None:
        super().__init__()
        widths = [spec.scaled(c) for c in spec.local]
        self.features_from_head = spec.local_features_from_head
        self.bounded = spec.bounded
        ins = [3, *widths[:-1]]
        self.down = nn.ModuleList(
            nn.Sequential(Conv(spec, i, o, stride=1 if n == 0 else 2), Residual(spec, o, 3))
            for n, (i, o) in enumerate(zip(ins, widths, strict=True))
        )
        pairs = list(zip(widths[:0:-1], widths[-2::-1], strict=True))
        self.up = nn.ModuleList(Upsample(spec, i, o) for i, o in pairs)
        self.join = nn.ModuleList(
            nn.Sequential(Conv(spec, 2 * o, o), Residual(spec, o, 3)) for _, o in pairs
        )
        self.head = nn.Conv2d(widths[0], 3, 1)

    def forward(self, patch: Tensor) -> tuple[Tensor, Tensor]:
        skips = []
        x = patch
        for stage in self.down:
            x = stage(x)
            skips.append(x)
        skips.pop()
        raised = x
        for up, join in zip(self.up, self.join, strict=True):
            raised = up(x)
            x = join(torch.cat([raised, skips.pop()], dim=1))
        image = self.head(x)
        return (
            torch.tanh(image) if self.bounded else image,
            x if self.features_from_head else raised,
        )


class FuserStyle(Protocol):
    """What a generator's table says about laying patches over the face."""

    @property
    def fuse(self) -> str: ...
    @property
    def feather(self) -> int: ...
    @property
    def template(self) -> str: ...


class Fuser(nn.Module):
    """Lays four patches at their places on the 128-px frontal map.

    ``max`` is the paper's: outside its patch a map holds 0, so negative features are clipped
    there and pictures (in [-1, 1]) are grey at least. ``mean`` averages where patches overlap
    and leaves 0 elsewhere. With `spec.feather` every map fades out towards its patch's border:
    a step there would stand in the face as a faint line.
    """

    def __init__(self, spec: FuserStyle) -> None:
        super().__init__()
        self.use_max = spec.fuse == "max"
        boxes = zip(TEMPLATES[spec.template].paste_boxes(), PATCHES, strict=True)
        self.pads = [
            (x, CROP_SIZE - x - p.width, y, CROP_SIZE - y - p.height) for (x, y), p in boxes
        ]
        windows = [fade(p.height, p.width, spec.feather) for p in PATCHES]
        laid = [F.pad(w, pad) for w, pad in zip(windows, self.pads, strict=True)]
        # Where patches overlap, `mean` shares the pixel among them.
        share = 1.0 if self.use_max else torch.stack(laid).sum(0).clamp(min=1.0)
        self.plain = self.use_max and not spec.feather
        for name, window, pad in zip(_WINDOWS, laid, self.pads, strict=True):
            left, right, top, bottom = pad
            weight = (window / share)[:, :, top : CROP_SIZE - bottom, left : CROP_SIZE - right]
            # Exact in 16 bits, in which exported models keep their numbers.
            self.register_buffer(name, weight.half().float(), persistent=False)

    def forward(self, patches: Sequence[Tensor]) -> Tensor:
        """Four (N, C, h, w) maps, order of `PATCHES`, to (N, C, 128, 128)."""
        if not self.plain:
            weights = [getattr(self, name) for name in _WINDOWS]
            patches = [x * w.to(x.dtype) for x, w in zip(patches, weights, strict=True)]
        first, *others = [F.pad(x, pad) for x, pad in zip(patches, self.pads, strict=True)]
        for other in others:
            first = torch.maximum(first, other) if self.use_max else first + other
        return first


def fade(height: int, width: int, border: int) -> Tensor:
    """(1, 1, height, width) float32: 1, falling linearly to nearly 0 over `border` px."""
    return (_ramp(height, border)[:, None] * _ramp(width, border))[None, None]


def _ramp(length: int, border: int) -> Tensor:
    to_edge = torch.minimum(torch.arange(length), torch.arange(length).flip(0)) + 0.5
    return (to_edge / border).clamp(max=1.0) if border else torch.ones(length)


class LocalPathways(nn.Module):
    """All four patches to fused features, the fused picture and the four patch pictures."""

    def __init__(self, spec: GeneratorSpec) -> None:
        super().__init__()
        self.share_eyes = spec.share_eyes
        names = [p.name for p in PATCHES if not (self.share_eyes and p.name == "right_eye")]
        self.nets = nn.ModuleDict({name: LocalPathway(spec) for name in names})
        self.fuser = Fuser(spec)
        self.features = spec.scaled(spec.local[0])

    def forward(self, patches: Sequence[Tensor]) -> tuple[Tensor, Tensor, tuple[Tensor, ...]]:
        if self.share_eyes:
            left, right, *rest = patches
            # One pass for both eyes; the right one is shown as a left one.
            image, features = self.nets["left_eye"](torch.cat([left, right.flip(3)]))
            count = left.shape[0]
            results = [
                (image[:count], features[:count]),
                (image[count:].flip(3), features[count:].flip(3)),
            ]
            results += [self.nets[p.name](x) for p, x in zip(PATCHES[2:], rest, strict=True)]
        else:
            results = [self.nets[p.name](x) for p, x in zip(PATCHES, patches, strict=True)]
        images = tuple(image for image, _ in results)
        return self.fuser([features for _, features in results]), self.fuser(images), images
