"""The same picture in every form that holds one."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from tpgan_sdk.errors import ImageError
from tpgan_sdk.images import files, sources
from tpgan_sdk.images.files import read_image
from tpgan_sdk.images.sources import load_image

RGB = np.random.default_rng(0).integers(0, 256, (12, 20, 3), dtype=np.uint8)
BGR = RGB[..., ::-1]


def encoded(picture: Image.Image, **options: object) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, "PNG", **options)
    return buffer.getvalue()


class Wrapped:
    """As a library's own array type."""

    def __array__(self, dtype: object = None, copy: object = None) -> np.ndarray:
        return np.ascontiguousarray(BGR)


def test_every_form_is_the_same_picture(tmp_path: Path) -> None:
    data = encoded(Image.fromarray(RGB))
    path = tmp_path / "photo.png"
    path.write_bytes(data)
    forms = (str(path), path, data, bytearray(data), memoryview(data), io.BytesIO(data))
    for form in (*forms, Image.fromarray(RGB), Image.open(path), Wrapped(), BGR):
        loaded = load_image(form)
        assert loaded.flags.c_contiguous
        np.testing.assert_array_equal(loaded, BGR)
    with path.open("rb") as file:
        np.testing.assert_array_equal(load_image(file), BGR)


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "YCbCr", "HSV"])
def test_modes_of_pillow(mode: str, tmp_path: Path) -> None:
    plain = Image.fromarray(RGB).convert(mode)
    expected = np.asarray(plain.convert("RGB"))[..., ::-1]
    np.testing.assert_array_equal(load_image(plain), expected)


def test_alpha_and_rotation_of_pillow_are_those_of_the_file(tmp_path: Path) -> None:
    alpha = np.random.default_rng(1).integers(0, 256, (12, 20, 1), dtype=np.uint8)
    exif = Image.Exif()
    exif[0x0112] = 6
    picture = Image.fromarray(np.concatenate([RGB, alpha], axis=2), "RGBA")
    path = tmp_path / "photo.png"
    picture.save(path, exif=exif)
    np.testing.assert_array_equal(load_image(Image.open(path)), read_image(path))
    assert read_image(path).shape == (20, 12, 3)


def test_16_bits_of_pillow() -> None:
    deep = (np.arange(12 * 20, dtype=np.uint16) * 257).reshape(12, 20)
    loaded = load_image(Image.fromarray(deep))
    np.testing.assert_array_equal(loaded[..., 0], np.arange(240).reshape(12, 20))


def test_a_home_folder_is_expanded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "photo.png").write_bytes(encoded(Image.fromarray(RGB)))
    np.testing.assert_array_equal(load_image("~/photo.png"), BGR)


@pytest.mark.parametrize(
    ("source", "told"),
    [
        ("https://example.org/a.jpg", r"is an address \(https\); the SDK downloads nothing"),
        ("s3://bucket/a.jpg", r"is an address \(s3\)"),
        (b"", "the encoded picture is empty"),
        (b"not a picture", "the encoded picture .*not"),
        (encoded(Image.fromarray(RGB))[:-20], "the encoded picture .*cut off"),
        (io.StringIO("x"), "opened as text; open it with mode 'rb'"),
        (torch.zeros(3, 4, 5), r"is a Tensor; expected \(H, W.*\(3, 4, 5\).*permute\(1, 2, 0\)"),
        (None, "the image is a NoneType"),
        (np.full((2, 2, 3), 200.0), r"in 0\.\.255, so image\.round\(\)"),
        (np.full((2, 2, 3), 0.5), r"multiply by 255 where it is in 0\.\.1"),
        (np.full((2, 2, 3), -0.5), r"127\.5"),
    ],
)
def test_what_is_no_picture_is_told(source: object, told: str) -> None:
    with pytest.raises(ImageError, match=told):
        load_image(source)


def test_an_endless_file_is_not_read_to_its_end(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (files, sources):
        monkeypatch.setattr(module, "MAX_BYTES", 1000)
    with open("/dev/zero", "rb") as zeros, pytest.raises(ImageError, match="is too large"):
        load_image(zeros)


def test_a_closed_file_is_told(tmp_path: Path) -> None:
    path = tmp_path / "photo.png"
    path.write_bytes(encoded(Image.fromarray(RGB)))
    with path.open("rb") as file:
        pass
    with pytest.raises(ImageError, match=r"photo\.png cannot be read: .*closed"):
        load_image(file)


def test_the_advice_for_a_tensor_is_right() -> None:
    tensor = torch.from_numpy(RGB.copy()).permute(2, 0, 1) / 255
    advised = tensor.flip(0).permute(1, 2, 0).mul(255).round().byte().cpu().numpy()
    np.testing.assert_array_equal(load_image(advised), BGR)
