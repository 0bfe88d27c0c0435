"""Image headers: kind, size, orientation and end of a file, before it is decoded.

OpenCV decodes first and asks later: a file of 20,000x20,000 pixels takes gigabytes, and a JPEG
that was cut off comes back with a grey rest. Both are seen here from a few bytes.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from ..errors import ImageError

KINDS: Final = "JPEG, PNG, WebP, GIF, TIFF or BMP"

# Types of whole numbers. The standard wants SHORT; cameras and tools write the others, too.
_TIFF_WHOLE: Final = {1: "B", 3: "H", 4: "I", 6: "b", 8: "h", 9: "i"}
_TIFF_WIDTH, _TIFF_HEIGHT, _TIFF_ORIENTATION = 256, 257, 274
# 0 is no marker: FF 00 stands for the byte FF among filler.
_JPEG_WITHOUT_LENGTH: Final = frozenset({0x00, 0x01, *range(0xD0, 0xD9)})
# SOF0..SOF15 without DHT (C4), JPG (C8) and DAC (CC), which share the range.
_JPEG_FRAMES: Final = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_JPEG_SCAN, _JPEG_APP1 = 0xDA, 0xE1


@dataclass(frozen=True, slots=True)
class ImageHeader:
    """What the file's first bytes promise."""

    kind: str
    """"JPEG", "PNG", ..."""
    width: int
    height: int
    """Stored size in px, before the rotation."""
    orientation: int
    """EXIF orientation that is left to apply, 1 (none) to 8."""
    complete: bool
    """False where the end of the file is missing for certain."""


def read_header(data: bytes) -> ImageHeader:
    """The header of an image file's bytes.

    Raises:
        ImageError: not one of `KINDS`, or cut off within the header. The message lacks the name
            of the file.
    """
    try:
        if data.startswith(b"\xff\xd8\xff"):
            return _jpeg(data)
        if data.startswith(b"\x89PNG\r\n\x1a\n"):
            return _png(data)
        if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
            return _webp(data)
        if data[:6] in (b"GIF87a", b"GIF89a"):
            width, height = struct.unpack_from("<HH", data, 6)
            return ImageHeader("GIF", width, height, 1, True)
        if data[:4] in (b"II*\0", b"MM\0*"):
            tags = _tiff_tags(data)
            # OpenCV applies the orientation of a TIFF by itself.
            return ImageHeader("TIFF", tags[_TIFF_WIDTH], tags[_TIFF_HEIGHT], 1, True)
        if data[:2] == b"BM":
            return _bmp(data)
    except (struct.error, IndexError, KeyError) as error:
        raise ImageError(
            "is damaged or cut off within its header; copy or save it again"
        ) from error
    if data[4:8] == b"ftyp":
        raise ImageError(f"is a HEIC, AVIF or video file; expected {KINDS}: convert it first")
    raise ImageError(f"is not an image; expected {KINDS}")


def _jpeg(data: bytes) -> ImageHeader:
    size, exif, position = None, None, 2
    while True:
        # As libjpeg: whatever stands between segments is skipped, up to the next marker.
        position = data.find(b"\xff", position)
        if position < 0:
            raise IndexError("no scan")
        while data[position] == 0xFF:
            position += 1
        marker = data[position]
        position += 1
        if marker in _JPEG_WITHOUT_LENGTH:
            continue
        if marker == _JPEG_SCAN:
            break
        length = struct.unpack_from(">H", data, position)[0]
        if marker in _JPEG_FRAMES:
            height, width = struct.unpack_from(">HH", data, position + 3)
            size = width, height
        elif marker == _JPEG_APP1 and data[position + 2 : position + 8] == b"Exif\0\0":
            exif = exif or data[position + 2 : position + length]
        position += length
    if size is None:
        raise IndexError("scan before frame")
    # Looked for after the scan begins: a thumbnail in the metadata has an end marker of its own.
    complete = data.find(b"\xff\xd9", position) >= 0
    return ImageHeader("JPEG", *size, _orientation(exif), complete)


def _png(data: bytes) -> ImageHeader:
    width, height = struct.unpack_from(">II", data, 16)
    exif, complete = None, False
    for name, start, length in _chunks(data, 8, ">I4s", length_first=True, extra=4):
        if name == b"eXIf":
            exif = exif or data[start : start + length]
        complete = complete or name == b"IEND"
    return ImageHeader("PNG", width, height, _orientation(exif), complete)


def _webp(data: bytes) -> ImageHeader:
    promised = struct.unpack_from("<I", data, 4)[0]
    size, exif = None, None
    for name, start, length in _chunks(data, 12, "<4sI", length_first=False, extra=0):
        if name == b"EXIF":
            exif = exif or data[start : start + length]
        elif size is None and name == b"VP8X":
            w, h = (int.from_bytes(data[start + at : start + at + 3], "little") for at in (4, 7))
            size = w + 1, h + 1
        elif size is None and name == b"VP8L":
            bits = struct.unpack_from("<I", data, start + 1)[0]
            size = (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
        elif size is None and name == b"VP8 ":
            w, h = struct.unpack_from("<HH", data, start + 6)
            size = w & 0x3FFF, h & 0x3FFF
    if size is None:
        raise IndexError("no picture chunk")
    return ImageHeader("WebP", *size, _orientation(exif), len(data) >= promised + 8)


def _bmp(data: bytes) -> ImageHeader:
    if struct.unpack_from("<I", data, 14)[0] == 12:
        width, height = struct.unpack_from("<HH", data, 18)
    else:
        width, height = struct.unpack_from("<ii", data, 18)
    # A negative height means that the rows run from top to bottom.
    return ImageHeader("BMP", width, abs(height), 1, True)


def _chunks(
    data: bytes, position: int, layout: str, length_first: bool, extra: int
) -> Iterator[tuple[bytes, int, int]]:
    """(name, start, length) of each chunk of a PNG or RIFF file that begins within the data."""
    while position + 8 <= len(data):
        first, second = struct.unpack_from(layout, data, position)
        length, name = (first, second) if length_first else (second, first)
        yield name, position + 8, length
        padding = 0 if length_first else length % 2
        position += 8 + length + padding + extra


def _orientation(exif: bytes | None) -> int:
    """Of the file's first EXIF block, as OpenCV and Pillow have it; 1 where it tells none."""
    try:
        value = _tiff_tags((exif or b"").removeprefix(b"Exif\0\0")).get(_TIFF_ORIENTATION, 1)
    except (struct.error, IndexError):
        return 1  # metadata that nobody can read is no reason to refuse the picture
    return value if 1 <= value <= 8 else 1


def _tiff_tags(data: bytes) -> dict[int, int]:
    """Whole-number tags of the first directory of a TIFF, the format that EXIF has as well.

    Where the directory breaks off, those before count; of a tag that is there twice, the first.
    """
    order = "<" if data[:2] == b"II" else ">"
    start = struct.unpack_from(order + "I", data, 4)[0]
    count = struct.unpack_from(order + "H", data, start)[0]
    tags: dict[int, int] = {}
    for at in range(start + 2, min(start + 2 + 12 * count, len(data) - 11), 12):
        tag, kind, _ = struct.unpack_from(order + "HHI", data, at)
        if kind in _TIFF_WHOLE:
            tags.setdefault(tag, struct.unpack_from(order + _TIFF_WHOLE[kind], data, at + 8)[0])
    return tags
