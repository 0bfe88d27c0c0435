"""Every error that the SDK raises on purpose.

Each message says what happened, what was expected and what to do about it.
"""

from __future__ import annotations


class TPGANError(Exception):
    """Base of all errors of this SDK: catch it to catch them all."""


class ImageError(TPGANError, ValueError):
    """An image cannot be read, or is not what the call takes."""


class GeometryError(TPGANError, ValueError):
    """Landmarks or transforms that no face can have (NaN, coinciding, far outside)."""


class ModelError(TPGANError):
    """A model file is missing, damaged, or not one of this SDK."""


class BackendError(TPGANError):
    """The backend asked for does not work on this machine."""


class DetectorError(TPGANError):
    """The detector asked for does not work on this machine."""


class OpenCVError(TPGANError, ImportError):
    """OpenCV is installed and does not load, for want of a library of the system."""


class ExportError(TPGANError):
    """A checkpoint or ONNX cannot be exported, or fails its parity check."""


class TrainingError(TPGANError):
    """Training data or configuration that cannot be used."""
