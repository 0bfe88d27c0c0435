"""Pictures in and out: files to BGR arrays and back, and what is wrong with those that fail."""

from __future__ import annotations

import os
import re
import stat
import uuid
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from ..errors import ImageError
from ..system.opencv import load_opencv
from .folders import search_folder
from .header import read_header
from .resample import UInt8Array

MAX_PIXELS: Final = 120_000_000
"""Larger pictures are refused from their header: twice the largest common camera's."""

MAX_BYTES: Final = 8 * MAX_PIXELS + 1_000_000
"""Of a file: even uncompressed 16-bit RGBA is smaller. More is not read, whatever it is."""

TRANSPARENT_GREY: Final = 128
"""What shows through transparent pixels: the middle of the network's range, like a studio wall."""

SUFFIXES: Final = frozenset(
    {".bmp", ".gif", ".jfif", ".jpe", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp"}
)
"""Endings by which a folder's images are told; a file given by name may have any."""

_WRITTEN: Final = SUFFIXES | {".avif", ".dib", ".jp2", ".pam", ".pbm", ".pgm", ".pnm", ".ppm"}
"""Endings that OpenCV may write. It gets one of these and never the user's own string: its binding
dies on a name that is not UTF-8."""

PASTED: Final = ".pasted"
"""What the name of a photo with its faces pasted back has beyond that of the face."""

_ADDRESS = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+)://")
_EXPECTED = "expected (H, W, 3) uint8 in BGR order"


def read_image(path: str | Path) -> UInt8Array:
    """A file as the SDK takes it.

    EXIF rotation is applied; 10, 12 or 16 bit become 8 and alpha is composed on grey as in
    `check_image`; grey becomes BGR; CMYK is converted; of an animation or several pages
    the first is taken.

    What is told: a file that ends too early or lacks its end marker, and whatever the decoder
    refuses, as any wrong bit of a PNG (it carries checksums). What is not: damage in the middle of
    a JPEG, BMP or uncompressed TIFF. These carry no checksum; the decoder fills the place with
    wrong colours and for JPEG prints "Corrupt JPEG data" on stderr, which no setting of OpenCV
    stops.

    Returns:
        (H, W, 3) uint8 BGR.

    Raises:
        ImageError: missing, a folder, a device or socket, empty, not an image, larger than
            `MAX_PIXELS`, cut off, or damaged so that it shows.
    """
    if found := _ADDRESS.match(str(path)):
        raise ImageError(
            f"{path} is an address ({found[1]}); the SDK downloads nothing: download it and pass "
            "the file, or its bytes"
        )
    path = Path(path).expanduser() if str(path).startswith("~") else Path(path)
    return decode_image(_read_bytes(path), str(path))


def decode_image(data: bytes, path: str) -> UInt8Array:
    """As `read_image`, of the bytes of a file; `path` is what errors call it.

    Raises:
        ImageError: empty, not an image, larger than `MAX_PIXELS`, cut off, or damaged.
    """
    cv2 = load_opencv()
    if not data:
        raise ImageError(f"{path} is empty (0 bytes); expected an image file: copy it again")
    if len(data) > MAX_BYTES:
        raise _too_large(path)
    try:
        header = read_header(data)
    except ImageError as error:
        raise ImageError(f"{path} {error}") from error.__cause__
    if header.width * header.height > MAX_PIXELS:
        raise ImageError(
            f"{path} has {header.width}x{header.height} pixels, more than the limit of "
            f"{MAX_PIXELS // 1_000_000} million; scale it down first, or read it yourself and "
            "pass the array"
        )
    if not header.complete:
        raise ImageError(
            f"{path} is cut off: the end of the {header.kind} is missing; copy it again"
        )
    try:
        image = cv2.imdecode(np.frombuffer(data, dtype=np.uint8), cv2.IMREAD_UNCHANGED)
    except cv2.error as error:
        raise ImageError(f"{path} cannot be decoded ({error}); save it as PNG or JPEG") from error
    if image is None:
        raise ImageError(
            f"{path} cannot be decoded: the {header.kind} is damaged or cut off; copy or save it "
            "again"
        )
    try:
        return check_image(_upright(image, header.orientation))
    except ImageError as error:
        raise ImageError(f"{path}: {error}") from error


def check_image(image: npt.NDArray[Any]) -> UInt8Array:
    """An array given by the user, as the SDK takes it.

    Args:
        image: uint8, or uint16 (of 10 bits where nothing is above 1023, of 12 where nothing is
            above 4095, else of 16; shift 14 bits by two); (H, W, 3) BGR, (H, W, 4) BGRA, which is
            composed on grey, (H, W) or (H, W, 1) grey. Alpha that is nowhere above 1 of 255 is
            none: screen grabs leave it 0, masks are stored as 0 and 1.

    Returns:
        (H, W, 3) uint8 BGR, contiguous; the same array where it is that already.

    Raises:
        ImageError: any other type or shape, or a broadcast array of more than `MAX_PIXELS`.
    """
    if not isinstance(image, np.ndarray):
        raise ImageError(f"the image is a {type(image).__name__}; {_EXPECTED}, or a path")
    found = f"the image has shape {image.shape} and type {image.dtype}; {_EXPECTED}"
    # It holds no memory, and its copy would take all. Any other array's size the user has chosen.
    if 0 in image.strides and image.size > 4 * MAX_PIXELS:
        raise ImageError(
            f"{found}; broadcast to more than {MAX_PIXELS // 1_000_000} million pixels it is no "
            "photo"
        )
    if image.dtype == np.uint16:
        image = _to_8_bits(image)
    if image.dtype != np.uint8:
        raise ImageError(found + (_of_floats(image) if image.dtype.kind == "f" else ""))
    if image.ndim == 2:
        image = image[:, :, None]
    if image.ndim != 3 or image.shape[2] not in (1, 3, 4):
        planes = image.ndim == 3 and image.shape[0] in (1, 3, 4)
        raise ImageError(
            found + (": image.transpose(1, 2, 0) puts channels last" if planes else "")
        )
    if image.size == 0:
        raise ImageError(found + " with at least one pixel")
    if image.shape[2] == 1:
        image = np.repeat(image, 3, axis=2)
    elif image.shape[2] == 4:
        image, alpha = image[:, :, :3], image[:, :, 3:]
        if alpha.max() > 1:
            share = alpha.astype(np.float32) / 255
            grey = TRANSPARENT_GREY * (1 - share)
            image = np.rint(image * share + grey).astype(np.uint8)
    return np.ascontiguousarray(image)


def write_image(path: str | Path, image: UInt8Array) -> None:
    """Writes a picture in the format of the name's ending; folders are made.

    The file appears whole or not at all: an interrupted run leaves no half picture.

    Args:
        path: its ending names the format.
        image: (H, W, 3) uint8 BGR; (H, W, 4) BGRA and (H, W) or (H, W, 1) grey too.

    Raises:
        ImageError: no such array, an ending or a size that OpenCV does not write, or the place
            cannot be written.
    """
    path = Path(path)
    if "\0" in str(path):
        raise ImageError(f"{str(path)!r} is no path (embedded null byte); expected a file to write")
    _check_writable(path, image)
    encoded = _encode(path, image)
    partial = path.with_name(f".{path.name}.{uuid.uuid4().hex}.partial")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            partial.write_bytes(encoded)
            os.replace(partial, path)
        finally:
            partial.unlink(missing_ok=True)
    except OSError as error:
        raise ImageError(
            f"{path} cannot be written ({error.strerror or error}); expected a writable folder "
            "with space left"
        ) from error


def find_images(
    inputs: Sequence[str | Path],
    leave_out: Path | None = None,
    skipped: Counter[str] | None = None,
) -> Iterator[tuple[Path, Path]]:
    """The images of files and folders, and what to call their results.

    Folders are searched recursively by the endings in `SUFFIXES`, sorted, without hidden files;
    links to folders are followed, no folder is searched twice. A file that is missing, a folder
    without images and one that cannot be listed come back as they are, so that reading them gives
    the error.

    Args:
        inputs: files and folders.
        leave_out: a folder that is not searched: where the results go.
        skipped: counts, by ending, the files of folders that are not given.

    Yields:
        (path, relative name without ending): ``a/b`` for ``INPUT/a/b.jpg``. Where that name is
        taken, as for ``a.jpg`` beside ``a.png``, the later one keeps its ending (``a.png``), and
        a number is added where even that is taken.
    """
    taken: set[str] = set()
    others: Counter[str] = Counter() if skipped is None else skipped
    for given in map(Path, inputs):
        files = [given]
        if os.path.isdir(given):  # Path.is_dir raises where a folder above cannot be entered
            files = sorted(search_folder(given, SUFFIXES, leave_out, others)) or [given]
        for path in files:
            relative = path.relative_to(given) if path != given else Path(path.name or "folder")
            yield path, _free_name(relative, taken)


def _free_name(relative: Path, taken: set[str]) -> Path:
    name, number = relative.with_suffix(""), 1
    # Some file systems do not tell A from a.
    while not taken.isdisjoint(files := {f"{name}{end}".casefold() for end in ("", PASTED)}):
        name = relative if number == 1 else relative.with_name(f"{relative.name}-{number}")
        number += 1
    taken |= files
    return name


def _read_bytes(path: Path) -> bytes:
    if os.path.isdir(path):
        try:
            os.scandir(path).close()
        except OSError as error:
            raise ImageError(
                f"{path} cannot be searched ({error.strerror or error}); expected a folder that "
                "you may read"
            ) from error
        raise ImageError(
            f"{path} is a folder; expected an image file, or for `tpgan frontalize` a folder with "
            f"images ({' '.join(sorted(SUFFIXES))})"
        )
    try:
        status = path.stat()
        if stat.S_ISREG(status.st_mode) and status.st_size > MAX_BYTES:
            raise _too_large(str(path))
        if not (stat.S_ISREG(status.st_mode) or stat.S_ISFIFO(status.st_mode)):
            raise ImageError(
                f"{path} is a device or a socket; expected an image file, or a pipe that gives one"
            )
        with path.open("rb") as file:
            return file.read(MAX_BYTES + 1)  # a pipe tells no size
    except ImageError:
        raise  # which is a ValueError
    except ValueError as error:
        raise ImageError(f"{str(path)!r} is no path ({error}); expected an image file") from error
    except FileNotFoundError as error:
        raise ImageError(f"{path} does not exist; expected an image file") from error
    except OSError as error:
        raise ImageError(f"{path} cannot be read: {error.strerror or error}") from error


def _of_floats(image: npt.NDArray[Any]) -> str:
    """How a picture of floats becomes bytes."""
    if image.size and np.nanmax(image) > 2:
        return ": it seems to be in 0..255, so image.round().clip(0, 255).astype(np.uint8)"
    if image.size and np.nanmin(image) < 0:
        return ": multiply by 127.5 and add 127.5 where it is in -1..1, then .astype(np.uint8)"
    return ": multiply by 255 where it is in 0..1, then round and .astype(np.uint8)"


def _to_8_bits(image: npt.NDArray[np.uint16]) -> UInt8Array:
    """Rounded to the nearest. A picture of 16 bits that stays below 4096 would be black."""
    highest = int(image.max(initial=0))
    white = next(white for white in (1023, 4095, 65535) if highest <= white)
    return ((image.astype(np.uint32) * 255 + white // 2) // white).astype(np.uint8)


def _too_large(path: str) -> ImageError:
    return ImageError(f"{path} is too large for an image; expected one of {MAX_PIXELS} px")


def _check_writable(path: Path, image: npt.NDArray[Any]) -> None:
    if not isinstance(image, np.ndarray):
        raise ImageError(
            f"{path} is not written: the image is a {type(image).__name__}; {_EXPECTED}"
        )
    channels = image.shape[2] if image.ndim == 3 else 1
    if image.dtype == np.uint8 and image.ndim in (2, 3) and channels in (1, 3, 4) and image.size:
        return
    scale = _of_floats(image) if image.dtype.kind == "f" else ""
    raise ImageError(
        f"{path} is not written: the image has shape {image.shape} and type {image.dtype}; "
        f"{_EXPECTED} with at least one pixel{scale}"
    )


def _encode(path: Path, image: UInt8Array) -> bytes:
    cv2 = load_opencv()

    ending = path.suffix.lower()
    if ending not in _WRITTEN or not cv2.haveImageWriter(f"name{ending}"):
        raise ImageError(f"{path} has an ending that OpenCV cannot write; expected .png")
    fault = f"{path} cannot be written: {path.suffix} does not take shape {image.shape}"
    expected = "expected a format that takes it, as .png"
    try:
        done, encoded = cv2.imencode(ending, image)
    except cv2.error as error:
        raise ImageError(f"{fault} ({error}); {expected}") from error
    if not done:  # too large for the format, for one
        raise ImageError(f"{fault}; {expected}")
    return bytes(encoded.tobytes())


def _upright(image: npt.NDArray[Any], orientation: int) -> npt.NDArray[Any]:
    """Undoes the EXIF orientation: 2, 4, 5, 7 mirror, 3, 4 turn by half, 5 to 8 swap the axes."""
    if orientation >= 5:
        image = image.swapaxes(0, 1)
    if orientation in (2, 3, 6, 7):
        image = image[:, ::-1]
    if orientation in (3, 4, 7, 8):
        image = image[::-1]
    return image
