"""OpenCV, or the line that makes it load."""

from __future__ import annotations

from typing import Any, Final

from ..errors import OpenCVError

LIBRARIES_LINE: Final = "apt-get install -y libgl1 libglib2.0-0"
"""What slim images lack of the libraries that OpenCV's wheels are linked to."""


def load_opencv() -> Any:
    """The module cv2, imported when it is needed: `import tpgan_sdk` stays light.

    Raises:
        OpenCVError: it is installed and does not load.
        ModuleNotFoundError: it is not installed.
    """
    try:
        import cv2
    except ModuleNotFoundError:
        raise
    except ImportError as error:
        raise opencv_fault(error) from error
    return cv2


def opencv_fault(error: ImportError) -> OpenCVError:
    """The error of a cv2 that is installed and does not load, with what mends it."""
    return OpenCVError(
        f"OpenCV does not load ({error}); in a slim image it lacks libraries: {LIBRARIES_LINE}. "
        "What else is amiss: tpgan doctor"
    )
