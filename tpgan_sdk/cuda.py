"""The documented name of `tpgan_sdk.gpu.cuda`."""

from .gpu.cuda import *  # noqa: F403
