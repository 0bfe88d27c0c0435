"""The documented name of `tpgan_sdk.gpu.kernels`."""

from .gpu.kernels import *  # noqa: F403
