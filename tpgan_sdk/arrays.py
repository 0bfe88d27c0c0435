"""The documented name of `tpgan_sdk.gpu.frames`."""

from .gpu.frames import *  # noqa: F403
