"""Pictures in every form that users have, and every fault with its message."""

from __future__ import annotations

import io
import os
import struct
import threading
import zlib
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tpgan_sdk.errors import ImageError
from tpgan_sdk.images.files import check_image, find_images, read_image, write_image

# Three areas of one colour each survive JPEG and tell every rotation and mirror apart.
RED, GREEN, BLUE = (255, 0, 0), (0, 255, 0), (0, 0, 255)
MEDIA = ("JPEG", "PNG", "WEBP", "TIFF")


def picture(width: int = 64, height: int = 32) -> Image.Image:
    """Red; top left green, top right blue."""
    image = Image.new("RGB", (width, height), RED)
    image.paste(GREEN, (0, 0, width // 2, height // 2))
    image.paste(BLUE, (width // 2, 0, width, height // 2))
    return image


def encoded(image: Image.Image, kind: str, **options: Any) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def read(tmp_path: Path, data: bytes) -> np.ndarray:
    path = tmp_path / "picture.bin"  # the ending plays no part
    path.write_bytes(data)
    return read_image(path)


def fault(tmp_path: Path, data: bytes) -> str:
    with pytest.raises(ImageError) as caught:
        read(tmp_path, data)
    assert str(tmp_path / "picture.bin") in str(caught.value)
    return str(caught.value)


def close(image: np.ndarray, expected: Image.Image, tolerance: int = 6) -> bool:
    """Equal in the middle of each quarter, where chroma subsampling does not smear."""
    wanted = np.asarray(expected.convert("RGB"))[:, :, ::-1].astype(int)
    assert image.shape == wanted.shape
    height, width = image.shape[:2]
    places = [(height * y // 4, width * x // 4) for y in (1, 3) for x in (1, 3)]
    return all(np.abs(image[p].astype(int) - wanted[p]).max() <= tolerance for p in places)


@pytest.mark.parametrize("kind", [*MEDIA, "GIF", "BMP"])
def test_every_kind_is_read_as_bgr(tmp_path: Path, kind: str) -> None:
    image = read(tmp_path, encoded(picture(), kind))
    assert image.dtype == np.uint8
    assert close(image, picture())


@pytest.mark.parametrize("kind", MEDIA)
@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_rotation_is_applied(tmp_path: Path, kind: str, orientation: int) -> None:
    turned = {
        1: [],
        2: [Image.Transpose.FLIP_LEFT_RIGHT],
        3: [Image.Transpose.ROTATE_180],
        4: [Image.Transpose.FLIP_TOP_BOTTOM],
        5: [Image.Transpose.TRANSPOSE],
        6: [Image.Transpose.ROTATE_270],
        7: [Image.Transpose.TRANSVERSE],
        8: [Image.Transpose.ROTATE_90],
    }
    expected = picture()
    for step in turned[orientation]:
        expected = expected.transpose(step)
    exif = Image.Exif()
    exif[274] = orientation
    assert close(read(tmp_path, encoded(picture(), kind, exif=exif)), expected)


def test_unreadable_exif_is_ignored(tmp_path: Path) -> None:
    data = encoded(picture(), "JPEG", exif=b"Exif\0\0II*\0\xff\xff\xff\x7f")
    assert close(read(tmp_path, data), picture())


def exif_block(*entries: tuple[int, int, int], count: int | None = None) -> bytes:
    """EXIF with (tag, type, value); it ends after them, whatever the count promises."""
    start = b"Exif\0\0II*\0" + struct.pack("<IH", 8, len(entries) if count is None else count)
    return start + b"".join(
        struct.pack("<HHI4s", tag, kind, 1, value.to_bytes(4, "little"))
        for tag, kind, value in entries
    )


def with_two_blocks(kind: str, first: bytes, second: bytes) -> bytes:
    """A picture of that kind with two EXIF blocks, in this order."""
    data = encoded(picture(), kind)
    if kind == "JPEG":
        blocks = [b"\xff\xe1" + struct.pack(">H", len(b) + 2) + b for b in (first, second)]
        return data[:2] + b"".join(blocks) + data[2:]
    if kind == "PNG":
        bodies = [b"eXIf" + block.removeprefix(b"Exif\0\0") for block in (first, second)]
        chunks = [
            struct.pack(">I", len(body) - 4) + body + struct.pack(">I", zlib.crc32(body))
            for body in bodies
        ]
        return data[:33] + b"".join(chunks) + data[33:]
    data = encoded(picture(), kind, exif=first)
    data += b"EXIF" + struct.pack("<I", len(second)) + second + bytes(len(second) % 2)
    return data[:4] + struct.pack("<I", len(data) - 8) + data[8:]


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
@pytest.mark.parametrize(
    "block",
    [
        pytest.param(exif_block((274, 3, 6), count=40), id="breaks off after the tag"),
        pytest.param(exif_block((274, 3, 6), (305, 2, 9))[:-7], id="within the next tag"),
        pytest.param(exif_block((274, 8, 6)), id="signed short"),
        pytest.param(exif_block((274, 4, 6)), id="long"),
        pytest.param(exif_block((274, 9, 6)), id="signed long"),
        pytest.param(exif_block((274, 1, 6)), id="byte"),
        pytest.param(exif_block((274, 3, 6), (274, 3, 3)), id="the tag twice"),
    ],
)
def test_exif_that_is_not_as_it_should_be(tmp_path: Path, kind: str, block: bytes) -> None:
    """What was read before the break counts, of whatever type of whole number."""
    data = encoded(picture(), kind, exif=block)
    assert close(read(tmp_path, data), picture().transpose(Image.Transpose.ROTATE_270))


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_the_first_of_two_exif_blocks_counts(tmp_path: Path, kind: str) -> None:
    turned = exif_block((274, 3, 6)) + bytes(4)
    plain = exif_block((274, 3, 1)) + bytes(4)
    lying = picture().transpose(Image.Transpose.ROTATE_270)
    assert close(read(tmp_path, with_two_blocks(kind, turned, plain)), lying)
    assert close(read(tmp_path, with_two_blocks(kind, plain, turned)), picture())


@pytest.mark.parametrize("value", [0, 9, 65535])
def test_an_orientation_that_does_not_exist(tmp_path: Path, value: int) -> None:
    data = encoded(picture(), "JPEG", exif=exif_block((274, 3, value)))
    assert close(read(tmp_path, data), picture())


@pytest.mark.parametrize("filler", [b"\0", b"\0\0\x11", b"\xff\0", b"\xff\xff", b"\xff\0\xff\x01"])
@pytest.mark.parametrize("before", [b"\xff\xdb", b"\xff\xc0", b"\xff\xda", b"\xff\xe1"])
def test_filler_between_the_segments_of_a_jpeg(
    tmp_path: Path, filler: bytes, before: bytes
) -> None:
    """Some cameras write it, and libjpeg skips it: the pixels are those without."""
    data = encoded(picture(), "JPEG", exif=exif_block((274, 3, 6)))
    at = data.index(before)
    if before == b"\xff\xe1":  # OpenCV knows a JPEG by a marker right after the first
        data = data[:2] + b"\xff\xfe\0\x02" + data[2:]
        at += 4
    np.testing.assert_array_equal(
        read(tmp_path, data[:at] + filler + data[at:]), read(tmp_path, data)
    )


def test_a_jpeg_of_nothing_but_filler(tmp_path: Path) -> None:
    data = encoded(picture(), "JPEG")
    cut = data[: data.index(b"\xff\xdb")] + bytes(1000)
    assert "damaged or cut off within its header" in fault(tmp_path, cut)


@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
def test_16_bit_is_scaled(tmp_path: Path, kind: str) -> None:
    deep = Image.fromarray(np.array([[0, 257, 257 * 100 + 128, 65535]], np.uint16))
    image = read(tmp_path, encoded(deep, kind))
    np.testing.assert_array_equal(image[0, :, 0], [0, 1, 100, 255])
    np.testing.assert_array_equal(image[:, :, 0], image[:, :, 2])


@pytest.mark.parametrize("bits", [10, 12, 16])
def test_the_range_of_uint16_is_looked_at(tmp_path: Path, bits: int) -> None:
    """Cameras of 10 and 12 bits; the nearest of 256 values."""
    white = 2**bits - 1
    deep = np.linspace(0, white, 999).astype(np.uint16)[None]
    expected = np.rint(deep / white * 255)
    np.testing.assert_array_equal(check_image(deep)[:, :, 1], expected)
    image = read(tmp_path, encoded(Image.fromarray(deep), "PNG"))
    np.testing.assert_array_equal(image[:, :, 1], expected)


@pytest.mark.parametrize("kind", ["PNG", "WEBP"])
def test_alpha_is_composed_on_grey(tmp_path: Path, kind: str) -> None:
    rgba = np.array([[[255, 0, 0, 255], [9, 9, 9, 0]]], np.uint8).repeat(8, 0).repeat(8, 1)
    options = {"lossless": True} if kind == "WEBP" else {}
    image = read(tmp_path, encoded(Image.fromarray(rgba), kind, **options))
    assert image[4, 4].tolist() == [0, 0, 255]
    assert image[4, 12].tolist() == [128, 128, 128]


@pytest.mark.parametrize("alpha", [[0, 0], [0, 1], [1, 1]])
@pytest.mark.parametrize("scale", [1, 257])
def test_alpha_that_is_none(tmp_path: Path, alpha: list[int], scale: int) -> None:
    """Zero everywhere, or stored as 0 and 1: the colours are the picture."""
    bgra = np.array([[[10, 20, 30, alpha[0]], [40, 50, 255, alpha[1]]]], np.uint8)
    deep = bgra if scale == 1 else bgra.astype(np.uint16) * 257
    np.testing.assert_array_equal(check_image(deep), bgra[:, :, :3])
    write_image(tmp_path / "a.png", bgra)
    np.testing.assert_array_equal(read_image(tmp_path / "a.png"), bgra[:, :, :3])


def test_a_little_alpha_is_alpha() -> None:
    bgra = np.array([[[10, 20, 30, 0], [40, 50, 60, 2]]], np.uint8)
    np.testing.assert_array_equal(check_image(bgra), [[[128] * 3, [127, 127, 127]]])


@pytest.mark.parametrize("alpha", [0, 1])
def test_a_bmp_with_bit_fields(tmp_path: Path, alpha: int) -> None:
    """Of 32 bits, with a mask for alpha that nobody filled in, as screen grabs are saved."""
    pixels = bytes([10, 20, 30, alpha, 40, 50, 60, alpha])
    masks = struct.pack("<4I4s48x", 0xFF0000, 0xFF00, 0xFF, 0xFF000000, b"BGRs")
    header = struct.pack("<IiiHHIIiiII", 108, 2, 1, 1, 32, 3, len(pixels), 0, 0, 0, 0) + masks
    start = struct.pack("<2sIHHI", b"BM", 14 + 108 + len(pixels), 0, 0, 14 + 108)
    image = read(tmp_path, start + header + pixels)
    assert image.tolist() == [[[10, 20, 30], [40, 50, 60]]]


@pytest.mark.parametrize(
    ("mode", "kind"), [("L", "PNG"), ("L", "JPEG"), ("1", "PNG"), ("P", "PNG")]
)
def test_grey_and_palette(tmp_path: Path, mode: str, kind: str) -> None:
    original = picture().convert(mode)
    assert close(read(tmp_path, encoded(original, kind)), original)


def test_cmyk_jpeg(tmp_path: Path) -> None:
    assert close(read(tmp_path, encoded(picture().convert("CMYK"), "JPEG")), picture(), 12)


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "PNG", "TIFF"])
def test_first_of_several_frames(tmp_path: Path, kind: str) -> None:
    more = [Image.new("RGB", (64, 32), (9, 9, 9))]
    data = encoded(picture(), kind, save_all=True, append_images=more)
    assert close(read(tmp_path, data), picture())


def test_one_pixel(tmp_path: Path) -> None:
    image = read(tmp_path, encoded(Image.new("RGB", (1, 1), RED), "PNG"))
    assert image.tolist() == [[[0, 0, 255]]]


def png_header(width: int, height: int) -> bytes:
    body = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    start = b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + body
    return start + struct.pack(">I", zlib.crc32(body))


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF"])
def test_size_is_checked_before_decoding(
    tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    import cv2

    monkeypatch.setattr(cv2, "imdecode", lambda *_: pytest.fail("was decoded"))
    monkeypatch.setattr("tpgan_sdk.images.files.MAX_PIXELS", 64 * 32 - 1)
    assert "has 64x32 pixels, more than the limit" in fault(tmp_path, encoded(picture(), kind))


def test_20000_by_20000(tmp_path: Path) -> None:
    message = fault(tmp_path, png_header(20_000, 20_000))
    assert "20000x20000 pixels, more than the limit of 120 million" in message
    assert "scale it down first" in message


@pytest.mark.parametrize("kind", [*MEDIA, "GIF", "BMP"])
@pytest.mark.parametrize("share", [0.02, 0.6, 0.97])
def test_cut_off(tmp_path: Path, kind: str, share: float, rng: np.random.Generator) -> None:
    noise = Image.fromarray(rng.integers(0, 256, (64, 64, 3), dtype=np.uint8))
    data = encoded(noise, kind)
    message = fault(tmp_path, data[: int(len(data) * share)])
    assert "cut off" in message
    assert "copy" in message


def test_cut_off_jpeg_with_a_thumbnail_that_is_whole(tmp_path: Path) -> None:
    thumbnail = b"Exif\0\0" + b"II*\0\x08\0\0\0\0\0\0\0\0\0" + encoded(picture(8, 8), "JPEG")
    data = encoded(picture(), "JPEG", exif=thumbnail)
    assert read(tmp_path, data).shape == (32, 64, 3)
    assert "the end of the JPEG is missing" in fault(tmp_path, data[:-20])


def test_damaged_inside(tmp_path: Path) -> None:
    data = bytearray(encoded(picture(), "PNG"))
    at = data.index(b"IDAT") + 8
    data[at : at + 8] = b"\xff" * 8
    assert "cannot be decoded: the PNG is damaged" in fault(tmp_path, bytes(data))


def test_not_an_image(tmp_path: Path) -> None:
    assert "is not an image; expected JPEG, PNG" in fault(tmp_path, b"hello world, no picture here")
    assert "HEIC, AVIF or video" in fault(tmp_path, b"\0\0\0\x18ftypheic" + bytes(20))
    assert "float32" in fault(tmp_path, encoded(Image.fromarray(np.ones((4, 4), "f4")), "TIFF"))


def test_empty_missing_and_folder(tmp_path: Path) -> None:
    assert "is empty (0 bytes)" in fault(tmp_path, b"")
    with pytest.raises(ImageError, match=r"gone\.jpg does not exist"):
        read_image(tmp_path / "gone.jpg")
    with pytest.raises(ImageError, match="is a folder; expected an image file"):
        read_image(tmp_path)


def test_what_is_no_regular_file(tmp_path: Path) -> None:
    """A pipe given by name is read, up to a limit; a device is not, and a NUL is no path."""
    pipe = tmp_path / "pipe.png"
    os.mkfifo(pipe)
    data = encoded(picture(), "PNG")
    writer = threading.Thread(target=pipe.write_bytes, args=(data,), daemon=True)
    writer.start()
    assert close(read_image(pipe), picture())
    with pytest.raises(ImageError, match=r"/dev/zero is a device or a socket; expected"):
        read_image("/dev/zero")
    with pytest.raises(ImageError, match=r"is no path \(embedded null byte\); expected"):
        read_image("photo\0.png")
    with pytest.raises(ImageError, match="is no path"):
        write_image("photo\0.png", np.zeros((4, 4, 3), np.uint8))


def test_a_pipe_without_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tpgan_sdk.images.files.MAX_PIXELS", 1000)
    pipe = tmp_path / "pipe.png"
    os.mkfifo(pipe)

    def write() -> None:
        with suppress(BrokenPipeError), pipe.open("wb") as file:
            while True:
                file.write(bytes(65536))

    threading.Thread(target=write, daemon=True).start()
    with pytest.raises(ImageError, match="too large for an image"):
        read_image(pipe)


@pytest.mark.parametrize("shape", [(100_000, 100_000, 3), (100_000, 100_000), (100_000, 2000, 4)])
@pytest.mark.parametrize("kind", [np.uint8, np.uint16])
def test_a_broadcast_array_takes_no_memory(shape: tuple[int, ...], kind: type) -> None:
    with pytest.raises(ImageError, match="broadcast to more than 120 million pixels"):
        check_image(np.broadcast_to(kind(0), shape))


def test_arrays_that_are_taken() -> None:
    bgr = np.arange(24, dtype=np.uint8).reshape(2, 4, 3)
    assert check_image(bgr) is bgr
    assert check_image(bgr[:, ::-1]).flags.c_contiguous
    for grey in (bgr[:, :, 0], bgr[:, :, :1]):
        np.testing.assert_array_equal(check_image(grey), np.repeat(bgr[:, :, :1], 3, 2))
    half = np.dstack([bgr, np.full((2, 4), 51, np.uint8)])  # alpha 0.2
    np.testing.assert_array_equal(check_image(half), np.rint(bgr * 0.2 + 128 * 0.8))
    np.testing.assert_array_equal(check_image(bgr.astype(np.uint16) * 257), bgr)


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (np.zeros((2, 2, 3), np.float32), r"\(2, 2, 3\) and type float32.*multiply by 255"),
        (np.zeros((2, 2, 3), np.int64), "type int64; expected .* uint8 in BGR"),
        (np.zeros((2, 2, 3), bool), "type bool"),
        (np.zeros((3, 8, 8), np.uint8), "transpose"),
        (np.zeros((4, 8, 8, 3), np.uint8), r"\(4, 8, 8, 3\)"),
        (np.zeros(8, np.uint8), r"\(8,\)"),
        (np.zeros((0, 8, 3), np.uint8), "at least one pixel"),
        ([[1, 2], [3, 4]], "the image is a list; expected"),
        (None, "the image is a NoneType"),
    ],
)
def test_arrays_that_are_refused(array: Any, message: str) -> None:
    with pytest.raises(ImageError, match=message):
        check_image(array)


def test_written_as_it_is_and_whole(tmp_path: Path, rng: np.random.Generator) -> None:
    image = rng.integers(0, 256, (5, 7, 3), dtype=np.uint8)
    path = tmp_path / "new" / "folder" / "face.png"
    write_image(path, image)
    np.testing.assert_array_equal(read_image(path), image)
    assert os.listdir(path.parent) == ["face.png"]


def test_a_failed_write_leaves_the_old_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "face.png"
    path.write_bytes(b"old")

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(ImageError, match=r"face\.png cannot be written \(No space left"):
        write_image(path, np.zeros((2, 2, 3), np.uint8))
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["face.png"]


def test_write_faults(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(ImageError, match="cannot be written"):
        write_image(tmp_path / "file" / "face.png", np.zeros((2, 2, 3), np.uint8))
    with pytest.raises(ImageError, match=r"expected \.png"):
        write_image(tmp_path / "face.xyz", np.zeros((2, 2, 3), np.uint8))


@pytest.mark.parametrize("name", [b"caf\xe9.png", b"\xff\xfe.JPG", "人.Png".encode()])
def test_a_name_of_any_bytes(tmp_path: Path, name: bytes) -> None:
    path = tmp_path / os.fsdecode(name)
    write_image(path, np.full((4, 4, 3), 100, np.uint8))
    assert os.listdir(os.fsencode(tmp_path)) == [name]
    assert (read_image(path) == 100).all()


@pytest.mark.parametrize("name", [b"face.\xe9", b"face.png\xe9", b"face", b"caf\xe9"])
def test_an_ending_of_any_bytes(tmp_path: Path, name: bytes) -> None:
    with pytest.raises(ImageError, match=r"expected \.png"):
        write_image(tmp_path / os.fsdecode(name), np.zeros((4, 4, 3), np.uint8))


@pytest.mark.parametrize(
    ("image", "message"),
    [
        (None, "the image is a NoneType; expected"),
        (np.zeros((0, 4, 3), np.uint8), r"shape \(0, 4, 3\).* with at least one pixel"),
        (np.zeros((4, 4, 3), np.float32), "type float32; expected .*multiply by 255"),
        (np.zeros((4, 4, 3), np.uint16), "type uint16; expected"),
        (np.zeros((4, 4, 2), np.uint8), r"shape \(4, 4, 2\)"),
        (np.zeros(4, np.uint8), r"shape \(4,\)"),
    ],
)
def test_arrays_that_are_not_written(tmp_path: Path, image: Any, message: str) -> None:
    with pytest.raises(ImageError, match=rf"face\.png is not written: .*{message}"):
        write_image(tmp_path / "face.png", image)
    assert os.listdir(tmp_path) == []


def test_a_size_that_the_format_does_not_take(tmp_path: Path) -> None:
    """JPEG ends at 65,500 pixels: OpenCV answers false there, without an error."""
    long = np.zeros((1, 70_000, 3), np.uint8)
    with pytest.raises(ImageError, match=r"\.jpg does not take shape \(1, 70000, 3\).*as \.png"):
        write_image(tmp_path / "face.jpg", long)
    write_image(tmp_path / "face.png", long)


@pytest.mark.parametrize("channels", [(), (1,), (4,)])
def test_grey_and_alpha_are_written(tmp_path: Path, channels: tuple[int, ...]) -> None:
    write_image(tmp_path / "face.png", np.full((3, 5, *channels), 255, np.uint8))
    assert (read_image(tmp_path / "face.png") == 255).all()


def test_damage_that_shows_nowhere(tmp_path: Path, rng: np.random.Generator) -> None:
    """The limit that `read_image` documents: a JPEG has no checksum."""
    noise = Image.fromarray(rng.integers(0, 256, (64, 64, 3), dtype=np.uint8))
    data = bytearray(encoded(noise, "JPEG"))
    data[len(data) // 2] ^= 0x55
    assert read(tmp_path, bytes(data)).shape == (64, 64, 3)
    png = bytearray(encoded(noise, "PNG"))
    png[len(png) // 2] ^= 0x55
    assert "the PNG is damaged" in fault(tmp_path, bytes(png))


def test_find_images(tmp_path: Path) -> None:
    for name in ("a/b.jpg", "a/b.png", "a/b.c.PNG", "top.webp", "a/.hidden.png", "a/notes.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "old.png").touch()
    found = [
        (path.relative_to(tmp_path).as_posix(), name.as_posix())
        for path, name in find_images([tmp_path, tmp_path / "top.webp"], tmp_path / "out")
    ]
    assert found == [
        ("a/b.c.PNG", "a/b.c"),
        ("a/b.jpg", "a/b"),
        ("a/b.png", "a/b.png"),
        ("top.webp", "top"),
        ("top.webp", "top.webp"),
    ]


def test_find_images_names_never_clash(tmp_path: Path) -> None:
    names = ["x.jpg", "X.jpg", "x.pasted.jpg"]
    folders = [tmp_path / "1", tmp_path / "2"]
    for folder in folders:
        folder.mkdir()
        for name in names:
            (folder / name).touch()
    stems = [str(name).casefold() for _, name in find_images(folders)]
    outputs = [f"{stem}{end}.png" for stem in stems for end in ("", ".pasted")]
    assert len(set(outputs)) == len(outputs) == 12


def test_find_images_hands_on_what_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    given = [tmp_path / "gone.jpg", tmp_path / "empty"]
    found = list(find_images(given))
    assert [path for path, _ in found] == given
    for path, _ in found:
        with pytest.raises(ImageError):
            read_image(path)
