"""Alpha blending: a rendered, premultiplied picture over a background."""

from __future__ import annotations

import numpy as np

from tpgan_sdk.images.resample import Float32Array, UInt8Array, to_uint8


def blend(image: UInt8Array, background: Float32Array) -> Float32Array:
    """Premultiplied (H, W, 4) over a colour or a (H, W, 3) picture, float32 in [0, 255]."""
    rest = (255 - image[..., 3:]).astype(np.float32) / np.float32(255)
    return image[..., :3].astype(np.float32) + background * rest


def compose(image: UInt8Array, background: tuple[float, float, float] | UInt8Array) -> UInt8Array:
    """As `blend`, rounded to uint8."""
    return to_uint8(blend(image, np.asarray(background, dtype=np.float32)))
