"""Files that appear whole or not at all."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tpgan_sdk.system.atomic_write import replace_file


@pytest.mark.parametrize("name", ["model.json", "x" * 255, "写" * 85])
def test_every_name_that_a_file_can_have(tmp_path: Path, name: str) -> None:
    for content in (b"old", b"new"):
        replace_file(tmp_path / name, content)
        assert (tmp_path / name).read_bytes() == content
    assert os.listdir(tmp_path) == [name]


def test_a_failed_write_leaves_the_old_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    (tmp_path / "model.json").write_bytes(b"old")
    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        replace_file(tmp_path / "model.json", b"new")
    assert os.listdir(tmp_path) == ["model.json"]
    assert (tmp_path / "model.json").read_bytes() == b"old"
