"""Held-out rendered people: every view a probe, every person's frontal photo in the gallery."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Final, TypeVar

import numpy as np

from tpgan_sdk.errors import TrainingError
from tpgan_sdk.geometry import CROP_SIZE, TEMPLATES, Template
from tpgan_sdk.images.resample import Float32Array, UInt8Array, to_uint8

from ..data import augment
from ..data.alpha_blend import blend
from ..data.background import background, soften
from ..data.shards import VIEW_MARGIN, VIEW_SIZE, ShardReader, find_shards
from .views import View

Pixels = TypeVar("Pixels", UInt8Array, Float32Array)

OTHER_LIGHT: Final = 0.25
"""Part of a probe's light that comes from a lamp of its own; the gallery's is the portrait's."""
OTHER_EXPOSURE: Final = 6.0
"""Grey levels by which the exposures of a gallery photo and a probe differ at least."""
# Greys and the corners of the colour cube's middle: what exposures are compared on.
_CHART: Final = np.array(
    [[[v, v, v] for v in (40, 90, 140, 190, 230)], [[60, 120, 180]] * 2 + [[180, 120, 60]] * 3],
    np.float32,
)


def heldout_views(folder: Path, people: int, seed: int) -> Iterator[View]:
    """Gallery and probes of the first `people` identities.

    A gallery photo is in the portrait's own light; views without a lamp of their own, which have
    the same, are no probes. Background, exposure, noise and JPEG of every picture are drawn from
    the seed and its place alone, a probe's exposure anew until it is not that of its gallery photo.

    The recogniser sees the 128 px of the crop alone: of the frontal photo the shards hold no more,
    and one that saw more of the probe than of the gallery would err. The network sees the view.

    Raises:
        TrainingError: no shards there, or no view in them has a lamp of its own.
    """
    shards = [ShardReader(path) for path in find_shards(folder)]
    if not any(_relit(label) for shard in shards for label in shard.labels):
        raise TrainingError(
            f"no view in {folder} has a lamp of its own, so all of them share the gallery's light; "
            "expected held-out views of `python -m train.data.render`: render more of them"
        )
    seen = set()
    for view in islice(gallery_views(folder, seed), people):
        seen.add(view.person)
        yield view
    for number, shard in enumerate(shards):
        for row, label in enumerate(shard.labels):
            if str(int(label["identity"])) in seen and _relit(label):
                yield _probe(shard, row, number, seed)


def gallery_views(folder: Path, seed: int) -> Iterator[View]:
    """One frontal photo a person: the portrait as it stood, not its mirror image."""
    seen = set()
    for path in find_shards(folder):
        shard = ShardReader(path)
        for label in shard.labels:
            identity = int(label["identity"])
            if identity not in seen and not label["mirrored"]:
                seen.add(identity)
                yield _gallery(shard, label, seed)


def portrait_names(folder: Path) -> dict[str, str]:
    """File name of the portrait by person."""
    names: dict[str, str] = {}
    for path in find_shards(folder):
        names |= ShardReader(path).meta.get("portraits", {})
    return names


def _gallery(shard: ShardReader, label: np.void, seed: int) -> View:
    identity = int(label["identity"])
    rng = np.random.default_rng((seed, 1, identity))
    image = blend(shard.targets[label["target"]], background(rng, CROP_SIZE))
    image = augment.recolour(image, _gallery_exposure(identity, seed))
    picture = _rgb(augment.damage(rng, image))
    points = np.asarray(_template(shard).points)
    return View(f"gallery/{identity}", str(identity), picture, points, 0.0, probe=False)


def _probe(shard: ShardReader, row: int, number: int, seed: int) -> View:
    label = shard.labels[row]
    rng = np.random.default_rng((seed, 2, number, row))
    behind = background(rng, VIEW_SIZE)
    colours = _another_exposure(rng, _gallery_exposure(int(label["identity"]), seed))
    truth = blend(shard.targets[label["target"]], _inner(soften(behind)))
    pixels = augment.damage(rng, augment.recolour(blend(shard.views[row], behind), colours))
    return View(
        key=f"{shard.folder.name}/{row:05}",
        person=str(int(label["identity"])),
        picture=_rgb(_inner(pixels)),
        photo=_rgb(pixels),
        offset=VIEW_MARGIN,
        points=label["landmarks"].astype(np.float64),
        yaw=float(label["yaw"]),
        truth=_rgb(to_uint8(augment.recolour(truth, colours))),
    )


def _relit(label: np.void) -> bool:
    return float(np.linalg.norm(label["light"])) >= OTHER_LIGHT


def _gallery_exposure(identity: int, seed: int) -> augment.Exposure:
    return augment.colour_map(np.random.default_rng((seed, 3, identity)))


def _another_exposure(rng: np.random.Generator, other: augment.Exposure) -> augment.Exposure:
    """An exposure that differs from the other one by `OTHER_EXPOSURE`, mean over a colour chart."""
    chart = augment.recolour(_CHART, other)
    while True:
        exposure = augment.colour_map(rng)
        if float(np.abs(augment.recolour(_CHART, exposure) - chart).mean()) >= OTHER_EXPOSURE:
            return exposure


def _inner(picture: Pixels) -> Pixels:
    return picture[VIEW_MARGIN:-VIEW_MARGIN, VIEW_MARGIN:-VIEW_MARGIN]


def _rgb(bgr: UInt8Array) -> UInt8Array:
    return np.ascontiguousarray(bgr[..., ::-1])


def _template(shard: ShardReader) -> Template:
    name = shard.meta.get("template", "official")
    if name not in TEMPLATES:
        raise TrainingError(f"{shard.folder} names the template {name!r}; render it again")
    return TEMPLATES[name]
