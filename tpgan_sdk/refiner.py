"""The documented name of `tpgan_sdk.faces.refiner`."""

from .faces.refiner import *  # noqa: F403
