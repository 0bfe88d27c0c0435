"""Objective: every loss of the configuration, apart and weighted."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from tpgan_sdk.errors import TrainingError
from tpgan_sdk.geometry import CROP_SIZE, PATCHES, TEMPLATES

from ..data.example import Example
from ..data.shards import NO_SURFACE, SEEN
from ..networks import Frontal, FrontalFlow
from ..recognisers import Recogniser
from . import losses
from .config import TrainConfig

OTHERS = 1024
"""Faces from which the identity contrast must tell the person, less the person's own."""

HIDDEN_FLOW = 0.25
"""Weight of the flow where the photo does not show the face."""
SEEN_AS_HIDDEN = 0.5
"""Cost of hiding what is seen, against showing what is hidden: drawn skin does less harm than
background in the face."""
FLOW_BOUND = 1.4
"""Beyond it, in halves of the face input, a place is as far outside as any."""

Terms = dict[str, Callable[[], Tensor]]
"""Losses by name, computed only when wanted."""


class Objective(nn.Module):
    """The losses on one batch. Names are those of their weights in the configuration."""

    weight: Tensor
    others: Tensor
    others_identity: Tensor

    def __init__(self, config: TrainConfig, recogniser: Recogniser | None) -> None:
        """
        Raises:
            TrainingError: an identity loss is wanted and there is no recogniser.
        """
        super().__init__()
        wanted = any(
            getattr(config, name)
            for name in (
                "identity",
                "identity_contrast",
                "identity_embedding",
                "identity_features",
            )
        )
        if wanted and recogniser is None:
            raise TrainingError(
                "the identity losses need a recogniser: pass --recogniser FILE, or train without "
                "them: --set identity=0 --set identity_contrast=0 --set identity_embedding=0 --set "
                "identity_features=0"
            )
        self.config = config
        self.recogniser = recogniser if wanted else None
        self.boxes = TEMPLATES[config.spec.template].paste_boxes()
        weight = losses.center_weight(CROP_SIZE, config.center_weight_low)
        self.register_buffer("weight", weight, persistent=False)
        dimensions = recogniser.network.dimensions if recogniser is not None else 0
        self.register_buffer("others", torch.empty(0, dimensions), persistent=False)
        self.register_buffer("others_identity", torch.empty(0), persistent=False)

    @torch.no_grad()
    def remember(self, targets: Tensor, identity: Tensor) -> None:
        """True faces of people, (K, 3, 128, 128), and their numbers (K,), for the contrast."""
        if self.recogniser is not None:
            parts = [self.recogniser(part)[1] for part in targets.split(32)]
            self.others, self.others_identity = torch.cat(parts), identity

    def forward(
        self,
        result: Frontal | FrontalFlow,
        batch: Example,
        step: int,
        taught: Tensor | None = None,
        jitter: Tensor | None = None,
    ) -> dict[str, Tensor]:
        """Each active loss, unweighted; the adversarial one is the critic's.

        Args:
            result: of the generator.
            batch: examples; their targets are the true frontal faces.
            step: decides whether the identity losses run yet.
            taught: (N, 3, 128, 128) the teacher's pictures.
            jitter: (N, 3) how the recogniser's faces are moved, see `FaceNetwork.of_crop`.
        """
        image, target, identity = result.image.float(), batch["target"], batch["identity"]
        fetch_only = step < self.config.fetch_only_until
        if isinstance(result, FrontalFlow):
            terms = self._flow(result, batch)
            if not fetch_only:
                terms |= self._composed(result, image, target)
        else:
            terms = self._pixel(result, image, target) | self._regular(result, image)
            terms["cross_entropy"] = lambda: F.cross_entropy(result.logits.float(), identity)
        terms["gradient"] = lambda: losses.gradient(image, target)
        if taught is not None:
            terms["distill"] = lambda: losses.pixel(image, taught)
        found = {name: term() for name, term in terms.items() if getattr(self.config, name)}
        if fetch_only:
            del found["gradient"]
        elif self.recogniser is not None and step >= self.config.identity_after:
            found |= self._identity(self.recogniser, image, target, identity, jitter)
        return found

    def total(self, terms: dict[str, Tensor]) -> Tensor:
        """The weighted sum."""
        return torch.stack([getattr(self.config, n) * term for n, term in terms.items()]).sum()

    def _pixel(self, result: Frontal, image: Tensor, target: Tensor) -> Terms:
        return {
            "pixel_128": lambda: losses.pixel(image, target, self.weight),
            "pixel_64": lambda: losses.pixel(result.image_64.float(), losses.shrink(target, 64)),
            "pixel_32": lambda: losses.pixel(result.image_32.float(), losses.shrink(target, 32)),
            "pixel_patches": lambda: self._patches(result.patches, target),
        }

    def _flow(self, result: FrontalFlow, batch: Example) -> Terms:
        """What the global pathway alone learns from."""
        size = batch["face"].shape[-1]
        # No sum over a boolean: in the middle of what is hidden the flow still is some place.
        seen = (batch["visibility"] == SEEN)[:, None].float()
        surface = (batch["visibility"] != NO_SURFACE)[:, None].float()
        weight = HIDDEN_FLOW * surface + (1 - HIDDEN_FLOW) * seen
        full = F.interpolate(seen, scale_factor=2.0)

        def flow() -> Tensor:
            true = batch["flow"].clamp(-FLOW_BOUND, FLOW_BOUND)
            apart = (result.flow - true).abs().sum(1, keepdim=True) * (size / 2)
            return (apart * weight).sum() / weight.sum().clamp(min=1)

        def fetched() -> Tensor:
            apart = (result.fetched.float() - batch["target"]).abs().mean(1, keepdim=True)
            return (apart * full).sum() / full.sum().clamp(min=1)

        entropy = F.binary_cross_entropy_with_logits
        return {
            "flow": flow,
            "visibility": lambda: entropy(
                result.visibility.float(), seen, pos_weight=seen.new_tensor(SEEN_AS_HIDDEN)
            ),
            "silhouette": lambda: entropy(result.silhouette.float(), batch["silhouette"]),
            "pixel_fetched": fetched,
            "fetch_share": lambda: (
                ((1 - result.fetch_weight.float()) * full).sum() / full.sum().clamp(min=1)
            ),
        }

    def _composed(self, result: FrontalFlow, image: Tensor, target: Tensor) -> Terms:
        return {
            "pixel_128": lambda: losses.pixel(image, target, self.weight),
            "pixel_composed": lambda: losses.pixel(result.composed.float(), target, self.weight),
            "pixel_patches": lambda: self._patches(
                tuple(
                    image[:, :, y : y + p.height, x : x + p.width]
                    for (x, y), p in zip(self.boxes, PATCHES, strict=True)
                ),
                target,
            ),
            "symmetry_32": lambda: losses.symmetry(losses.shrink(image, 32)),
            "total_variation": lambda: losses.total_variation(image),
        }

    def _patches(self, patches: tuple[Tensor, ...], target: Tensor) -> Tensor:
        each = [
            losses.pixel(made.float(), target[:, :, y : y + p.height, x : x + p.width])
            for made, (x, y), p in zip(patches, self.boxes, PATCHES, strict=True)
        ]
        return torch.stack(each).mean()

    def _regular(self, result: Frontal, image: Tensor) -> Terms:
        detach = self.config.detach_mirror
        return {
            "symmetry_128": lambda: losses.symmetry(image, detach),
            "symmetry_64": lambda: losses.symmetry(result.image_64.float(), detach),
            "symmetry_32": lambda: losses.symmetry(result.image_32.float(), detach),
            "symmetry_laplacian": lambda: losses.symmetry(losses.laplacian(image), detach),
            "total_variation": lambda: losses.total_variation(image),
        }

    def _identity(
        self,
        recogniser: Recogniser,
        image: Tensor,
        target: Tensor,
        identity: Tensor,
        jitter: Tensor | None,
    ) -> dict[str, Tensor]:
        with torch.no_grad():
            true_maps, true_embedding = recogniser(target, jitter)
        maps, embedding = recogniser(image, jitter)
        squared = self.config.identity_squared
        own = identity[:, None] == self.others_identity[None]  # no others: (N, 0)
        terms: Terms = {
            "identity": lambda: losses.identity_cosine(embedding, true_embedding),
            "identity_contrast": lambda: losses.contrast(
                embedding, true_embedding, self.others, own
            ),
            "identity_embedding": lambda: losses.distance(embedding, true_embedding, squared),
            "identity_features": lambda: losses.distance(maps, true_maps, squared),
        }
        return {name: term() for name, term in terms.items() if getattr(self.config, name)}
