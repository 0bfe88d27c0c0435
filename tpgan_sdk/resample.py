"""The documented name of `tpgan_sdk.images.resample`."""

from .images.resample import *  # noqa: F403
