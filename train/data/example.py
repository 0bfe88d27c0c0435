"""One training example: from an aligned view, its landmarks and the true frontal face.

Rendered views and photos of pairs both end here, so damage, errors of the landmarks, crop and
patches are made in one place.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.utils.data import Dataset, default_collate

from tpgan_sdk import geometry
from tpgan_sdk.errors import GeometryError
from tpgan_sdk.faces.crops import crop_face, network_inputs, normalise
from tpgan_sdk.geometry import CROP_SIZE, FloatArray, Template
from tpgan_sdk.images.resample import Float32Array, UInt8Array, to_uint8, warp
from tpgan_sdk.models.inputs import INPUT_NAMES

from . import augment
from .shards import HIDDEN, SEEN

FRONTAL: Final = 15.0
"""Degrees: a face turned no further stays as it is."""
COVERED: Final = 4.0
"""Grey levels: what differs by more is covered by something before the face."""

Example = dict[str, Tensor]
"""The inputs and ``target`` as float32 RGB in [-1, 1], (3, H, W); ``yaw`` in degrees, 0 or more;
``identity``, a running number. With a margin besides: ``flow`` (2, 64, 64) float32, x and y in the
face input, [-1, 1] from edge to edge; ``visibility`` (64, 64) uint8 of `shards`; ``silhouette``
(1, s / 2, s / 2) float32 in [0, 1], whether the face input shows a person."""


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


class Correspondence(NamedTuple):
    """Where the frontal face lies in the view."""

    flow: Float32Array
    """(2, 64, 64) px of the crop."""
    visibility: UInt8Array
    """(64, 64) of `shards`."""
    silhouette: UInt8Array
    """(S, S) opacity of the view before its background."""


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
    correspondence: Correspondence | None = None
    """Of rendered views."""


def make_example(
    sample: Sample,
    template: Template,
    rng: np.random.Generator | None = None,
    texture: Float32Array | None = None,
    face_margin: int = 0,
) -> Example:
    """The example of one sample.

    Args:
        sample: is not changed.
        template: the network's.
        rng: decides light, colour, damage, and the errors of the landmarks; None leaves all exact.
        texture: (S, S, 3) in [0, 255], what things before the face look like; None takes the view.
        face_margin: crop px that the face input shows around the crop.
    """
    margin = (sample.view.shape[0] - CROP_SIZE) // 2
    exact, target = sample.landmarks + margin, sample.target
    clean, hidden = sample.view, None
    if rng is None:
        pixels, detected = to_uint8(sample.view), exact
    else:
        texture = sample.view if texture is None else texture
        pixels, clean, target, hidden = _as_photographed(sample, texture, rng)
        wrong = augment.misplace(rng, sample.landmarks, sample.yaw) - sample.landmarks
        pixels, exact = augment.end_of_photo(rng, pixels, exact)
        detected = exact + wrong
    try:
        crops = crop_face(pixels, detected, template, False, face_margin)
    except GeometryError:  # misplaced beyond what a face can be: take the exact points
        crops = crop_face(pixels, exact, template, False, face_margin)
    if face_margin:
        face = np.empty((3, *crops.face.shape[:2]), np.float32)
        normalise(crops.face, face, reverse_channels=True)
        example = {"face": torch.from_numpy(face)}
    else:
        inputs = network_inputs([crops], reverse_channels=True)
        example = {name: torch.from_numpy(inputs[name][0]) for name in INPUT_NAMES}
    if face_margin and sample.correspondence is not None:
        origin = exact[0] - sample.landmarks[0]
        example |= _correspondence(
            sample.correspondence, origin, margin, pixels, crops.transform, hidden, face_margin
        )
        if sample.yaw <= FRONTAL:
            target = _stay(example, clean, margin - origin, pixels.shape, crops.transform)
    rgb = target[..., ::-1] / np.float32(127.5) - 1
    example["target"] = torch.from_numpy(rgb).permute(2, 0, 1)
    example["yaw"] = torch.tensor(float(sample.yaw))
    example["identity"] = torch.tensor(sample.identity)
    return example


def _stay(
    example: Example,
    clean: Float32Array,
    corner: FloatArray,
    shape: tuple[int, ...],
    transform: FloatArray,
) -> Float32Array:
    """The target of a face that is frontal already: itself, undamaged; its flow leaves all where
    it is. `corner`: x and y in the view of the part of it, of this `shape`, that the photo shows.
    """
    left, top = np.rint(corner).astype(int)
    part = to_uint8(clean[top : top + shape[0], left : left + shape[1]])
    size = example["face"].shape[-1]
    visibility = example["visibility"]
    count = visibility.shape[0]
    cell = CROP_SIZE / count
    ramp = ((torch.arange(count) + 0.5) * cell + (size - CROP_SIZE) / 2) * (2 / size) - 1
    example["flow"] = torch.stack(torch.meshgrid(ramp, ramp, indexing="xy"))
    # What is in front of the face is not the face; all else is the photo's own, behind it too.
    example["visibility"] = torch.where(visibility == HIDDEN, visibility, SEEN)
    return warp(part, transform, CROP_SIZE, CROP_SIZE)


def _correspondence(
    truth: Correspondence,
    origin: FloatArray,
    margin: int,
    pixels: UInt8Array,
    transform: FloatArray,
    occluded: npt.NDArray[np.bool_] | None,
    face_margin: int,
) -> Example:
    """Flow, visibility and silhouette in the face input.

    `origin`: x and y of the crop in `pixels`, which may be a part of the view; `margin`: of the
    crop in the view; `occluded`: (S, S) of the view.
    """
    place = truth.flow.reshape(2, -1).T + origin
    visibility = truth.visibility.copy()
    height, width = pixels.shape[:2]
    lost = ~((place >= 1) & (place <= (width - 2, height - 2))).all(axis=1)
    if occluded is not None:
        column, row = np.clip(np.rint(truth.flow + margin), 0, len(occluded) - 1).astype(np.intp)
        lost |= occluded[row, column].ravel()
    size = CROP_SIZE + 2 * face_margin
    flow = (geometry.apply_transform(transform, place) + face_margin + 0.5) * (2 / size) - 1
    lost |= (np.abs(flow) > 1 - 2 / size).any(axis=1)
    visibility[lost.reshape(visibility.shape) & (visibility == SEEN)] = HIDDEN
    shown = truth.silhouette if occluded is None else truth.silhouette * ~occluded
    left, top = np.rint(margin - origin).astype(int)
    shown = np.ascontiguousarray(shown[top : top + height, left : left + width, None])
    full = warp(shown, transform, size, size, -face_margin, -face_margin)
    half = full.reshape(size // 2, 2, size // 2, 2).mean(axis=(1, 3)) / 255
    return {
        "flow": torch.from_numpy(flow.T.reshape(truth.flow.shape).astype(np.float32)),
        "visibility": torch.from_numpy(visibility),
        "silhouette": torch.from_numpy(half.astype(np.float32))[None],
    }


def _as_photographed(
    sample: Sample, texture: Float32Array, rng: np.random.Generator
) -> tuple[UInt8Array, Float32Array, Float32Array, npt.NDArray[np.bool_]]:
    """View, undamaged view and target in one random exposure, and (S, S) where something covers
    the view.

    Occlusion and damage are the view's alone.
    """
    exposure = augment.colour_map(rng, sample.rendered)
    view = augment.occlude(rng, sample.view, texture)
    covered = (np.abs(view - sample.view) > COVERED).any(axis=-1)
    pictures = (augment.recolour(p, exposure) for p in (view, sample.view, sample.target))
    view, clean, target = augment.grey(rng, *pictures)
    return augment.damage(rng, view), clean, target, covered
