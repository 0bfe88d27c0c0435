"""One training example: from an aligned view, its landmarks and the true frontal face.

Rendered views and photos of pairs both end here, so damage, errors of the landmarks, crop and
patches are made in one place.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset, default_collate

from tpgan_sdk.crops import INPUT_NAMES, crop_face, network_inputs
from tpgan_sdk.errors import GeometryError
from tpgan_sdk.geometry import CROP_SIZE, FloatArray, Template
from tpgan_sdk.resample import Float32Array, UInt8Array, to_uint8

from . import augment

Example = dict[str, Tensor]
"""The five inputs and ``target`` as float32 RGB in [-1, 1], (3, H, W); ``yaw`` in degrees, 0 or
more; ``identity``, a running number."""


class ExampleSet(Dataset[Example]):
    """Examples by position, as training reads them."""

    classes: int
    """Number of identities."""

    def __len__(self) -> int:
        raise NotImplementedError

    def index(self) -> str:
        """SHA-256 of what the examples are, without their pixels: other data have another."""
        raise NotImplementedError

    def sample(self, count: int) -> Example:
        """A batch of at most `count` from all over the data, the same at every call."""
        count = min(count, len(self))
        batch: Example = default_collate([self[i * len(self) // count] for i in range(count)])
        return batch


@dataclass(frozen=True, slots=True)
class Sample:
    """A view and its frontal face before any damage, the occluded side on the right."""

    view: Float32Array
    """(S, S, 3) BGR in [0, 255], aligned on the exact landmarks, the 128x128 crop in its middle."""
    landmarks: FloatArray
    """(5, 2) px of the crop."""
    target: Float32Array
    """(128, 128, 3) BGR in [0, 255]."""
    yaw: float
    """Degrees, 0 or more."""
    identity: int
    rendered: bool = True
    """Whether it lacks the contrast of photos."""


def make_example(
    sample: Sample,
    template: Template,
    rng: np.random.Generator | None = None,
    texture: Float32Array | None = None,
) -> Example:
    """The example of one sample.

    Args:
        sample: is not changed.
        template: the network's.
        rng: decides light, colour, damage, and the errors of the landmarks; None leaves all exact.
        texture: (S, S, 3) in [0, 255], what things before the face look like; None takes the view.
    """
    margin = (sample.view.shape[0] - CROP_SIZE) // 2
    exact, target = sample.landmarks + margin, sample.target
    if rng is None:
        pixels, detected = to_uint8(sample.view), exact
    else:
        texture = sample.view if texture is None else texture
        pixels, target = _as_photographed(sample, texture, rng)
        wrong = augment.misplace(rng, sample.landmarks, sample.yaw) - sample.landmarks
        pixels, exact = augment.end_of_photo(rng, pixels, exact)
        detected = exact + wrong
    try:
        crops = crop_face(pixels, detected, template, mirrored=False)
    except GeometryError:  # misplaced beyond what a face can be: take the exact points
        crops = crop_face(pixels, exact, template, mirrored=False)
    inputs = network_inputs([crops], reverse_channels=True)
    example = {name: torch.from_numpy(inputs[name][0]) for name in INPUT_NAMES}
    rgb = target[..., ::-1] / np.float32(127.5) - 1
    example["target"] = torch.from_numpy(rgb).permute(2, 0, 1)
    example["yaw"] = torch.tensor(float(sample.yaw))
    example["identity"] = torch.tensor(sample.identity)
    return example


def _as_photographed(
    sample: Sample, texture: Float32Array, rng: np.random.Generator
) -> tuple[UInt8Array, Float32Array]:
    """View and target in one random exposure; occlusion and damage are the view's alone."""
    exposure = augment.colour_map(rng, sample.rendered)
    view = augment.occlude(rng, sample.view, texture)
    view, target = (augment.recolour(picture, exposure) for picture in (view, sample.target))
    view, target = augment.grey(rng, view, target)
    return augment.damage(rng, view), target
