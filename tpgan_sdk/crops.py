"""The documented name of `tpgan_sdk.faces.crops`."""

from .faces.crops import *  # noqa: F403
