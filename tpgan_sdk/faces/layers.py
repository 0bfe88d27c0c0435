"""The frontal picture at more than 128 px, from the layers of a model that fetches.

Such a model says where each frontal pixel lies in the photo. That has no resolution: applied to
the photo itself it gives the seen part at the photo's own sharpness; only what is drawn is
enlarged. At 128 px the result is the network's own picture.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import numpy as np

from ..geometry import CROP_SIZE
from ..images.resample import Float32Array, UInt8Array, to_uint8
from ..system.opencv import load_opencv

SIZES: Final = (128, 256, 512)
"""Widths and heights that a frontal picture can have, in px."""
LAYERS: Final = {
    "flow": [2, 64, 64],
    "fetch_weight": [1, CROP_SIZE, CROP_SIZE],
    "mirror_weight": [1, CROP_SIZE, CROP_SIZE],
    "tone": [6, CROP_SIZE, CROP_SIZE],
    "drawn": [3, CROP_SIZE, CROP_SIZE],
}
"""Outputs of such a model besides the picture: channels, height and width.

``flow``: x and y in the face input, [-1, 1] from edge to edge; the weights: shares of the fetched
picture and of its mirror image; ``tone``: gain - 1 and bias of the mirror image's RGB; ``drawn``:
RGB in [-1, 1], times its share.
"""


def compose_layers(layers: Mapping[str, Float32Array], face: Float32Array, size: int) -> UInt8Array:
    """One frontal picture.

    Args:
        layers: of one face, (C, h, w) each, see `LAYERS`.
        face: (S, S, 3) BGR in [0, 255], what the face input shows at ``size / 128`` times its
            size.
        size: of the picture, one of `SIZES`.

    Returns:
        (size, size, 3) uint8 BGR.
    """
    cv2 = load_opencv()

    def enlarged(layer: Float32Array, how: int = cv2.INTER_LINEAR) -> Float32Array:
        """(size, size, C) of (C, h, w)."""
        planes = np.ascontiguousarray(layer.transpose(1, 2, 0))
        result: Float32Array = cv2.resize(planes, (size, size), interpolation=how)
        return result.reshape(size, size, -1)

    flow = layers["flow"]
    share = CROP_SIZE * face.shape[0] / size  # side of the face input in crop px
    coarse, fine = (_middle(count, share) for count in (flow.shape[1], size))
    way = enlarged(np.stack([flow[0] - coarse[None, :], flow[1] - coarse[:, None]]))
    x = (way[..., 0] + fine[None, :] + 1) * (face.shape[0] / 2) - 0.5
    y = (way[..., 1] + fine[:, None] + 1) * (face.shape[0] / 2) - 0.5
    signed = face[..., ::-1] * np.float32(1 / 127.5) - 1
    fetched = cv2.remap(signed, x, y, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
    gain, bias = np.split(enlarged(layers["tone"]), 2, axis=2)
    picture = enlarged(layers["drawn"], cv2.INTER_CUBIC if size > CROP_SIZE else cv2.INTER_LINEAR)
    picture += enlarged(layers["fetch_weight"]) * fetched
    picture += enlarged(layers["mirror_weight"]) * (fetched[:, ::-1] * (1 + gain) + bias)
    return to_uint8(np.ascontiguousarray(picture[..., ::-1] + 1) * 127.5)


def _middle(count: int, share: float) -> Float32Array:
    """(count,) centres of equal cells of the crop, in the face input of `share` crop px."""
    inner = (np.arange(count, dtype=np.float32) + 0.5) * (CROP_SIZE / count)
    return (inner + np.float32((share - CROP_SIZE) / 2)) * np.float32(2 / share) - 1
