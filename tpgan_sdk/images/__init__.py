"""Image files: reading, headers, orientation, writing; and resampling of pixels.

May be imported by every room except models and system.
"""

from .files import check_image, find_images, read_image, write_image

__all__ = ["check_image", "find_images", "read_image", "write_image"]
