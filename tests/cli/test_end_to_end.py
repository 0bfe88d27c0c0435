"""`tpgan frontalize` as users run it: the packaged model, the default detector, real photos."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tpgan_sdk.cli import main
from tpgan_sdk.images.files import read_image

from ..conftest import REPOSITORY

PHOTOS = REPOSITORY / "examples" / "photos"


def lines(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "report.jsonl").read_text().splitlines()]


def test_photos(tmp_path: Path) -> None:
    names = sorted(path.name for path in PHOTOS.glob("*.png"))
    assert main(["frontalize", str(PHOTOS), "-o", str(tmp_path), "--paste-back"]) == 0
    pictures = {path.name: read_image(path) for path in tmp_path.glob("*.png")}
    assert set(pictures) == {*names, *(f"{Path(name).stem}.pasted.png" for name in names)}
    report = {Path(line["input"]).name: line for line in lines(tmp_path)}
    assert sorted(report) == names
    for name, line in report.items():
        photo, face = read_image(PHOTOS / name), pictures[name]
        assert face.shape == (128, 128, 3)
        assert face.std() > 20
        assert pictures[Path(line["pasted"]).name].shape == photo.shape
        assert line["output"] == str(tmp_path / name)
        assert (line["model"], line["detector"]) == ("edge", "packaged")
        stages = ["read", "detect", "refine", "align", "network", "finish", "write"]
        assert list(line["timings_ms"]) == stages
        assert all(value > 0 for value in line["timings_ms"].values())
        assert 0.3 < line["score"] <= 1
        assert np.shape(line["landmarks"]) == (5, 2)
        assert line["mirrored"] == (line["yaw"] < 0)
        if "portrait" not in name:
            assert line["mirrored"] == ("left" in name)


def test_good_and_bad_files_together(tmp_path: Path) -> None:
    inputs, out = tmp_path / "in", tmp_path / "out"
    inputs.mkdir()
    portrait = Image.open(PHOTOS / "astronaut_portrait.png").convert("RGB")
    good = {
        "alpha.png": portrait.convert("RGBA"),
        "animated.gif": portrait,
        "cmyk.jpg": portrait.convert("CMYK"),
        "grey.png": portrait.convert("L"),
        "turned.jpg": portrait.transpose(Image.Transpose.ROTATE_90),
    }
    exif = Image.Exif()
    exif[274] = 6
    for name, picture in good.items():
        options: dict[str, Any] = {"exif": exif} if name == "turned.jpg" else {}
        if name == "animated.gif":
            options = {"save_all": True, "append_images": [Image.new("RGB", portrait.size)]}
        picture.save(inputs / name, **options)
    deep = np.asarray(portrait.convert("L")).astype(np.uint16) * 257
    Image.fromarray(deep).save(inputs / "16_bit.png")
    Image.new("RGB", (1, 1)).save(inputs / "one_pixel.png")
    Image.new("RGB", (300, 300), (90, 120, 150)).save(inputs / "nobody.png")
    (inputs / "cut.jpg").write_bytes((inputs / "cmyk.jpg").read_bytes()[:-500])
    (inputs / "empty.png").write_bytes(b"")
    (inputs / "text.jpg").write_text("this is no picture at all")
    expected = {
        "one_pixel": "no face found",
        "nobody": "no face found",
        "cut": "the end of the JPEG is missing",
        "empty": "is empty (0 bytes)",
        "text": "is not an image",
    }
    assert main(["frontalize", str(inputs), "-o", str(out)]) == 3
    report = {Path(line["input"]).stem: line for line in lines(out)}
    assert {name for name, line in report.items() if "reason" in line} == set(expected)
    assert all(reason in report[name]["reason"] for name, reason in expected.items())
    stems = {Path(name).stem for name in good} | {"16_bit"}
    assert {path.stem for path in out.glob("*.png")} == stems


def test_aligned_crops(tmp_path: Path) -> None:
    crops = tmp_path / "1"
    photos = [str(PHOTOS / f"astronaut_{name}.png") for name in ("portrait", "right_45")]
    assert main(["frontalize", *photos, "-o", str(crops)]) == 0
    assert main(["frontalize", str(crops), "-o", str(tmp_path / "2"), "--aligned"]) == 0
    for line in lines(tmp_path / "2"):
        assert list(line["timings_ms"])[:3] == ["read", "detect", "refine"]
        if line["landmarks_from"] == "detector":
            assert 0.3 < line["score"] < 1
        else:
            assert line["score"] is None


def test_an_album_into_itself(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    album = tmp_path / "album"
    shutil.copytree(PHOTOS, album)
    before = {path.name: path.read_bytes() for path in album.iterdir()}
    assert main(["frontalize", str(album), "-o", str(album)]) == 2
    assert {path.name: path.read_bytes() for path in album.iterdir()} == before
    assert "would replace the input" in capsys.readouterr().err
