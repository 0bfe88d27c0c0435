"""The generator that fetches what the photo shows and draws only what it hides.

TP-GAN's two pathways (Huang et al., ICCV 2017), with appearance flow (Zhou et al., ECCV 2016) in
place of drawing every pixel:

1. `GlobalPathway`: from the face, where each frontal pixel lies in it, whether it is seen there,
   and which part of the photo is background.
2. `fetch`: the picture that lies there, and its mirror image.
3. `Composer`: a drawn picture, and how much of fetched, mirrored and drawn picture to take.
4. `LocalDrawing`: eyes, nose and mouth drawn anew at the template's places, laid over without a
   seam.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from tpgan_sdk.faces.layers import LAYERS
from tpgan_sdk.geometry import CROP_SIZE, PATCHES, TEMPLATES
from tpgan_sdk.models.inputs import InputShapes

from .blocks import Conv, Residual, double
from .flow_spec import FlowSpec
from .local import Fuser

FLOW_SIZE = CROP_SIZE // 2
SKIN = 0.1
"""Mean distance of a face's RGB from its grey."""
FILL_LEVELS = 7
"""Halvings of `fill`: down to one pixel, so that no hole is left."""
MIN_WEIGHT = 1e-3
"""Of a cell of `fill`, so that an empty one divides by something."""
SAMPLED = 0.02, 0.2
"""Photo pixels for a frontal one: so few are none, so many are enough."""
TURNED = 1.0, 2.5
"""Mean way of the flow in px, in either direction: of a frontal face, and of a turned one."""
BLEND = slice(6, 9)
"""Channels of the filled picture behind the fetched and the mirrored one."""
MIN_SHARE = 0.02
"""Prior of what is not seen anywhere: the composer can still choose it."""


class FrontalFlow(NamedTuple):
    """All that the generator makes; pictures are RGB in [-1, 1], float."""

    image: Tensor
    """(N, 3, 128, 128) the result."""
    flow: Tensor
    """(N, 2, 64, 64) x, y in the face input, [-1, 1] from edge to edge (`align_corners=False`)."""
    visibility: Tensor
    """(N, 1, 64, 64) logit of whether the photo shows it."""
    silhouette: Tensor
    """(N, 1, s / 2, s / 2) logit of whether the face input shows a person, s its size."""
    fetch_weight: Tensor
    """(N, 1, 128, 128) share of the fetched picture in the result."""
    mirror_weight: Tensor
    """(N, 1, 128, 128) share of the mirrored picture."""
    tone: Tensor
    """(N, 6, 16, 16) gain - 1 and bias of the mirrored picture's RGB."""
    drawn: Tensor
    """(N, 3, 128, 128) what is drawn, times its share."""
    fetched: Tensor
    """(N, 3, 128, 128) the photo moved by the flow."""
    composed: Tensor
    """(N, 3, 128, 128) the result before the local pathways."""


class GlobalPathway(nn.Module):
    """Face to flow, visibility, silhouette, and the maps behind them."""

    def __init__(self, spec: FlowSpec) -> None:
        super().__init__()
        self.size = CROP_SIZE + 2 * spec.margin
        self.smallest = self.size // 16
        widths = spec.encoder
        stages: list[nn.Module] = []
        inputs = 12 + 2
        for k, width in enumerate(widths):
            blocks = [Residual(spec, width, 3) for _ in range(2 if k == 3 else 1)]
            stages.append(nn.Sequential(Conv(spec, inputs, width, stride=2 if k else 1), *blocks))
            inputs = width
        self.encoder = nn.ModuleList(stages)
        squeezed = spec.code_squeeze
        self.squeeze = Conv(spec, widths[3], squeezed, 1)
        self.code = nn.Linear(squeezed * self.smallest**2, spec.code)
        self.seed = nn.Linear(spec.code, squeezed * 64)
        up: list[nn.Module] = []
        lower = squeezed
        for width, skip in zip(reversed(spec.decoder), reversed(widths), strict=True):
            up.append(nn.Sequential(Conv(spec, lower + skip, width), Residual(spec, width, 3)))
            lower = width
        self.decoder = nn.ModuleList(up)
        self.head = nn.Conv2d(lower, 3, 3, padding=1)
        nn.init.zeros_(self.head.weight)
        nn.init.zeros_(self.head.bias)  # type: ignore[arg-type]
        self.silhouette = nn.ModuleList(nn.Conv2d(width, 1, 1) for width in widths)
        self.slope = spec.slope
        half = self.size // 2
        self.register_buffer("places", _grid(half, half), persistent=False)
        self.register_buffer("identity", _grid(FLOW_SIZE, half), persistent=False)
        self.register_buffer("identity_full", _grid(CROP_SIZE, self.size), persistent=False)

    def forward(self, face: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
        """Flow, visibility, silhouette, identity code, and the decoder's map at 8 px."""
        places: Any = self.places
        identity: Any = self.identity
        x = F.pixel_unshuffle(face, 2)
        x = torch.cat([x, places.to(x.dtype).expand(x.shape[0], -1, -1, -1)], dim=1)
        maps = []
        for stage in self.encoder:
            x = stage(x)
            maps.append(x)
        silhouette = self.silhouette[3](maps[3])
        for k in (2, 1, 0):
            silhouette = self.silhouette[k](maps[k]) + double(silhouette)
        code = F.leaky_relu(self.code(self.squeeze(x).flatten(1)), self.slope)
        lower = self.seed(code).view(x.shape[0], -1, 8, 8)
        deepest = lower
        for k, stage in enumerate(self.decoder):
            lower = double(lower) if k else lower
            lower = stage(torch.cat([lower, middle(maps.pop(), lower.shape[-1])], dim=1))
            deepest = deepest if k else lower
        head = self.head(lower).float()
        return identity + head[:, :2], head[:, 2:], silhouette.float(), code, deepest

    def sampled(self, flow: Tensor) -> Tensor:
        """(N, 1, 64, 64) in [0, 1]: whether the photo has pixels enough for a frontal one.

        The determinant of the flow's Jacobian is the photo's area for a frontal pixel: little where
        the photo shows the face edge-on, none where the flow folds, as it does beyond a profile.
        """
        place = flow.detach() * (self.size / 4)  # in steps of the flow
        x = torch.cat([place[..., 1:], place[..., -1:]], dim=3)
        x = x - torch.cat([place[..., :1], place[..., :-1]], dim=3)
        y = torch.cat([place[..., 1:, :], place[..., -1:, :]], dim=2)
        y = y - torch.cat([place[..., :1, :], place[..., :-1, :]], dim=2)
        area = (x[:, :1] * y[:, 1:] - x[:, 1:] * y[:, :1]) / 4
        none, enough = SAMPLED
        return torch.clamp((area - none) / (enough - none), 0.0, 1.0)

    def turned(self, flow: Tensor) -> Tensor:
        """(N, 1, 1, 1) in [0, 1]: whether the face is turned: how far the flow moves its middle."""
        identity: Any = self.identity
        way = (flow.detach() - identity)[:, :, 8:-8, 8:-8].abs().mean(dim=(1, 2, 3), keepdim=True)
        still, moved = TURNED
        return torch.clamp((way * (self.size / 2) - still) / (moved - still), 0.0, 1.0)

    def places_at_full_size(self, flow: Tensor) -> Tensor:
        """(N, 2, 128, 128) of (N, 2, 64, 64): what is doubled is the way, exact at the border."""
        identity: Any = self.identity
        full: Any = self.identity_full
        way: Tensor = full + double(flow - identity)
        return way


class Composer(nn.Module):
    """Fetched and mirrored picture to a drawn one, the shares of all three, and the tone."""

    def __init__(self, spec: FlowSpec, inputs: int) -> None:
        super().__init__()
        a, b, c, d = spec.composer
        self.down = nn.ModuleList(
            [
                Conv(spec, 4 * inputs, a),
                nn.Sequential(Conv(spec, a, b, stride=2), Residual(spec, b, 3)),
                nn.Sequential(Conv(spec, b, c, stride=2), Residual(spec, c, 3)),
                nn.Sequential(
                    Conv(spec, c, d, stride=2), Residual(spec, d, 3), Residual(spec, d, 3)
                ),
            ]
        )
        self.seed = nn.Linear(spec.code, spec.code_squeeze // 2 * 64)
        x, y, z = spec.composer_up
        joined = d + spec.decoder[3] + spec.code_squeeze // 2
        pairs = [(joined, d), (d + c, z), (z + b, y), (y + a, x)]
        self.up = nn.ModuleList(
            nn.Sequential(Conv(spec, i, o), Residual(spec, o, 3)) for i, o in pairs
        )
        self.tone = nn.Conv2d(z, 6, 3, padding=1)
        self.tail_up = Conv(spec, x, spec.tail)
        self.tail = Conv(spec, spec.tail + inputs, spec.tail)
        self.head = nn.Conv2d(spec.tail, 6, 3, padding=1)
        for layer in (self.tone, self.head):
            nn.init.zeros_(layer.weight)
            nn.init.zeros_(layer.bias)  # type: ignore[arg-type]

    def forward(self, pictures: Tensor, code: Tensor, deepest: Tensor) -> tuple[Tensor, Tensor]:
        """(N, 6, 128, 128) change of the filled picture and logits of the shares; the tone."""
        x = F.pixel_unshuffle(pictures, 2)
        maps = []
        for stage in self.down:
            x = stage(x)
            maps.append(x)
        seed = self.seed(code).view(x.shape[0], -1, 8, 8)
        x = self.up[0](torch.cat([maps.pop(), deepest, seed], dim=1))
        x = self.up[1](torch.cat([double(x), maps.pop()], dim=1))
        # One gain and one bias for all colours: the other side has less light, not another one.
        gain, bias = self.tone(x).float().chunk(2, dim=1)
        tone = torch.cat([t.mean(1, keepdim=True).expand(-1, 3, -1, -1) for t in (gain, bias)], 1)
        x = self.up[2](torch.cat([double(x), maps.pop()], dim=1))
        x = self.up[3](torch.cat([double(x), maps.pop()], dim=1))
        x = self.tail(torch.cat([double(self.tail_up(x)), pictures], dim=1))
        return self.head(x).float(), tone


class LocalDrawing(nn.Module):
    """One patch of the fetched pictures to its drawn picture and how much of it to take."""

    def __init__(self, spec: FlowSpec, inputs: int) -> None:
        super().__init__()
        a, b, c = spec.local
        self.down = nn.ModuleList(
            nn.Sequential(Conv(spec, i, o, stride=s), Residual(spec, o, 3))
            for i, o, s in ((inputs, a, 1), (a, b, 2), (b, c, 2))
        )
        self.raise_ = nn.ModuleList([Conv(spec, c, b), Conv(spec, b, a)])
        self.join = nn.ModuleList(
            nn.Sequential(Conv(spec, 2 * o, o), Residual(spec, o, 3)) for o in (b, a)
        )
        self.head = nn.Conv2d(a, 4, 3, padding=1)
        nn.init.zeros_(self.head.weight)
        self.head.bias.data = torch.tensor([0.0, 0.0, 0.0, -2.0])  # type: ignore[union-attr]

    def forward(self, patch: Tensor, colour: Tensor) -> Tensor:
        """(N, 4, h, w): the picture times its share, and the share."""
        blend = patch[:, BLEND].float()
        full = self.down[0](patch)
        half = self.down[1](full)
        x = self.down[2](half)
        x = self.join[0](torch.cat([double(self.raise_[0](x)), half], dim=1))
        x = self.join[1](torch.cat([double(self.raise_[1](x)), full], dim=1))
        head = self.head(x).float()
        share = torch.sigmoid(head[:, 3:])
        return torch.cat([(blend + muted(head[:, :3], colour)) * share, share], dim=1)


class FlowGenerator(nn.Module):
    """Face to frontal face.

    Args:
        spec: the table.
    """

    def __init__(self, spec: FlowSpec) -> None:
        super().__init__()
        self.spec = spec
        self.fetch_only = False
        """Whether only the global pathway runs, as in the first part of the training."""
        self.pathway = GlobalPathway(spec)
        # Fetched, mirrored and blended picture; visibility and silhouette, and their mirror image.
        inputs = 9 + 2 + 2 * spec.silhouette
        self.composer = Composer(spec, inputs) if spec.compose else None
        self.local = None
        if spec.local:
            names = [p.name for p in PATCHES if p.name != "right_eye"]
            self.local = nn.ModuleDict({name: LocalDrawing(spec, inputs) for name in names})
            self.fuser = Fuser(spec)
            self.boxes = list(TEMPLATES[spec.template].paste_boxes())

    @property
    def inputs(self) -> InputShapes:
        """Channels, height and width of each input, by name."""
        return {"face": [3, self.pathway.size, self.pathway.size]}

    @property
    def outputs(self) -> InputShapes:
        """The same of the exported model's outputs, see `deployed`."""
        return {"frontal": [3, CROP_SIZE, CROP_SIZE], **LAYERS}

    def deployed(self, face: Tensor) -> tuple[Tensor, ...]:
        """What the exported model gives, in the order of `outputs`."""
        result = self(face)
        tone = tone_at_full_size(result.tone)
        weights = result.fetch_weight, result.mirror_weight
        return result.image, result.flow, *weights, tone, result.drawn

    def forward(
        self, face: Tensor, patches: Sequence[Tensor] = (), noise: Tensor | None = None
    ) -> FrontalFlow:
        """
        Args:
            face: (N, 3, s, s) RGB in [-1, 1], s = 128 + 2 x margin.
            patches: none; as for `Generator`.
            noise: is not used; as for `Generator`.
        """
        if self.fetch_only:
            return self._fetch_only(face)
        flow, visibility, silhouette, code, deepest = self.pathway(face)
        place = self.pathway.places_at_full_size(flow).permute(0, 2, 3, 1)
        fetched = fetch(face.float(), place, "bicubic")
        seen = double(torch.sigmoid(visibility) * self.pathway.sampled(flow))
        person = fetch(torch.sigmoid(silhouette), place)
        if self.spec.silhouette:
            # Of a turned face only the person is fetched; a frontal photo stays whole.
            seen = seen * (1 - self.pathway.turned(flow) * (1 - person))
        mirrored, seen_mirrored = fetched.flip(3), seen.flip(3)
        if not self.spec.mirror:
            mirrored, seen_mirrored = fetched, seen
        from_mirror = (1 - seen) * seen_mirrored
        hidden = (1 - seen) * (1 - seen_mirrored)
        blend = fill(seen * fetched + from_mirror * mirrored, 1 - hidden)
        pictures = [fetched, mirrored, blend, seen, seen_mirrored]
        if self.spec.silhouette:
            pictures += [person, person.flip(3)]
        joined = torch.cat(pictures, dim=1)
        colour = colourfulness(blend)
        prior = torch.cat([seen, from_mirror * self.spec.mirror, hidden], dim=1)
        if self.composer is None:
            shares, tone = prior, torch.zeros_like(fetched[:, :1, :16, :16]).expand(-1, 6, -1, -1)
            drawing = blend
        else:
            output, tone = self.composer(joined, code, deepest)
            shares = torch.softmax(torch.log(prior + MIN_SHARE) + output[:, 3:], dim=1)
            # Drawn as a change of the filled picture: its colours are the photo's from the start.
            drawing = blend + muted(output[:, :3], colour)
        gain, bias = tone_at_full_size(tone).chunk(2, dim=1)
        toned = mirrored * (1 + gain) + bias
        fetch_weight, mirror_weight, draw_weight = shares.chunk(3, dim=1)
        drawn = draw_weight * drawing
        composed = fetch_weight * fetched + mirror_weight * toned + drawn
        image = composed
        if self.local is not None:
            laid = self._draw_patches(joined, colour)
            keep = 1 - laid[:, 3:]
            fetch_weight, mirror_weight = keep * fetch_weight, keep * mirror_weight
            drawn = keep * drawn + laid[:, :3]
            image = keep * composed + laid[:, :3]
        return FrontalFlow(
            image.clamp(-1.0, 1.0),
            flow,
            visibility,
            silhouette,
            fetch_weight,
            mirror_weight,
            tone,
            drawn,
            fetched,
            composed,
        )

    def _fetch_only(self, face: Tensor) -> FrontalFlow:
        """Of the global pathway alone: the result is the fetched picture."""
        flow, visibility, silhouette, _, _ = self.pathway(face)
        place = self.pathway.places_at_full_size(flow).permute(0, 2, 3, 1)
        fetched = fetch(face.float(), place, "bicubic")
        one, none = torch.ones_like(fetched[:, :1]), torch.zeros_like(fetched)
        tone = none[:, :1, :16, :16].expand(-1, 6, -1, -1)
        return FrontalFlow(
            fetched, flow, visibility, silhouette, one, 0 * one, tone, none, fetched, fetched
        )

    def _draw_patches(self, pictures: Tensor, colour: Tensor) -> Tensor:
        """(N, 4, 128, 128): the local pictures times their share, and the share."""
        assert self.local is not None
        patches = [
            pictures[:, :, y : y + p.height, x : x + p.width]
            for (x, y), p in zip(self.boxes, PATCHES, strict=True)
        ]
        left, right, *rest = patches
        # One pass for both eyes; the right one is shown as a left one.
        eyes = self.local["left_eye"](torch.cat([left, right.flip(3)]), torch.cat([colour] * 2))
        drawn = [eyes[: left.shape[0]], eyes[left.shape[0] :].flip(3)]
        drawn += [self.local[p.name](x, colour) for p, x in zip(PATCHES[2:], rest, strict=True)]
        laid: Tensor = self.fuser(drawn)
        return laid


def fetch(picture: Tensor, place: Tensor, mode: str = "bilinear") -> Tensor:
    """(N, C, h, w) of (N, C, H, W): what lies at the places (N, h, w, 2), the border beyond.

    Pictures are fetched bicubically: a bilinear one between the photo's pixels loses a third of
    its sharpness.
    """
    return F.grid_sample(picture, place, mode, padding_mode="border", align_corners=False)


def colourfulness(picture: Tensor) -> Tensor:
    """(N, 1, 1, 1) in [0, 1]: 0 for a grey picture, 1 for one as colourful as skin."""
    apart = (picture - picture.mean(dim=1, keepdim=True)).abs().mean(dim=(1, 2, 3), keepdim=True)
    return torch.clamp(apart / SKIN, max=1.0)


def muted(change: Tensor, colour: Tensor) -> Tensor:
    """A change of (N, 3, h, w) RGB with its colours times `colour`: grey photos stay grey."""
    grey = change.mean(dim=1, keepdim=True)
    return grey + (change - grey) * colour


def fill(picture: Tensor, weight: Tensor) -> Tensor:
    """The picture with its holes filled from around, smoothly.

    Source: the pull-push algorithm (Gortler et al., "The Lumigraph", SIGGRAPH 1996).

    Args:
        picture: (N, 3, 128, 128), times its weight.
        weight: (N, 1, 128, 128) in [0, 1]: 0 is a hole.
    """
    levels = [torch.cat([picture, weight], dim=1)]
    for _ in range(FILL_LEVELS):
        levels.append(F.avg_pool2d(levels[-1], 2))
    coarsest = levels.pop()
    filled = coarsest[:, :3] / (coarsest[:, 3:] + MIN_WEIGHT)
    while levels:
        level = levels.pop()
        # A cell that is known in part is known: only its own share counts.
        share = level[:, 3:]
        known = torch.clamp(share * 4, max=1.0)
        filled = level[:, :3] * (known / (share + MIN_WEIGHT)) + (1 - known) * double(filled)
    return filled


def tone_at_full_size(tone: Tensor) -> Tensor:
    """(N, 6, 128, 128) of (N, 6, 16, 16)."""
    return double(double(double(tone)))


def _grid(count: int, size: int) -> Tensor:
    """(1, 2, count, count) x, y of the middle pixels of `size`, [-1, 1] from edge to edge."""
    ramp = (torch.arange(count) + 0.5 + (size - count) / 2) * 2 / size - 1
    # Exact in 16 bits, in which exported models keep their numbers: at most 0.02 px away.
    return torch.stack(torch.meshgrid(ramp, ramp, indexing="xy"))[None].half().float()


def middle(x: Tensor, size: int) -> Tensor:
    """The middle (N, C, size, size) of a map: the crop without its margin."""
    edge = (x.shape[-1] - size) // 2
    return x[:, :, edge : edge + size, edge : edge + size]
