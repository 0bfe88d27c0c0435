"""The documented name of `tpgan_sdk.models.model`."""

from .models.model import *  # noqa: F403
