"""`tpgan engines`: list, verify and prune on real files."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from tpgan_sdk.backends.tensorrt.engine_file import sidecar_path, write_engine
from tpgan_sdk.cli import engines
from tpgan_sdk.gpu.cuda import Gpu

from ..backends.tensorrt.test_engine_file import DATA, info_of


class Runtime:
    __version__ = "1.7.1.116"


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A sound engine, one for another GPU, and a truncated one; the GPU here is SM 86."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(engines, "find_gpu", lambda: Gpu("RTX 3090", 86, 24 << 30))
    monkeypatch.setattr(engines, "load_runtime", lambda name: Runtime)
    folder = tmp_path / "tpgan-sdk" / "engines"
    folder.mkdir(parents=True)
    write_engine(folder / "a.engine", DATA, info_of())
    write_engine(folder / "b.engine", DATA, replace(info_of(), sm=(120,), parity={"psnr": 60.0}))
    write_engine(folder / "c.engine", DATA, info_of())
    (folder / "c.engine").write_bytes(DATA[:7])
    return folder


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.glob("*.engine"))


def test_list(cache: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert engines.main(["list"]) == 0
    sound, other, damaged, total = capsys.readouterr().out.splitlines()
    assert sound == (
        "a.engine  0.0 MB  edge fp16, rtx 1.7.1.116, SM 86, 89, batch 1:2:4, not run, no driver"
    )
    assert other.endswith("SM 120, batch 1:2:4, verified")
    assert "unusable" in damaged
    assert "is truncated" in damaged
    assert total == f"3 engines in {cache}, 0.0 MB"


def test_list_as_json(cache: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert engines.main(["list", "--json"]) == 0
    first, _, last = json.loads(capsys.readouterr().out)
    assert (first["bytes"], first["problem"], first["info"]["sm"]) == (600, None, [86, 89])
    assert (last["info"], last["bytes"]) == (None, 7)


def test_verify(cache: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert engines.main(["verify"]) == 1
    sound, other, damaged, total = capsys.readouterr().out.splitlines()
    assert sound == "ok    a.engine"
    assert other.startswith("FAIL  b.engine")
    assert "was built for SM 120 (RTX 3090), the GPU here is SM 86" in other
    assert "is truncated: 7 bytes of 600" in damaged
    assert total == f"1 of 3 engines in {cache} run here"


def test_verify_without_a_gpu(
    cache: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(engines, "find_gpu", lambda: "no NVIDIA driver")
    assert engines.main(["verify"]) == 1
    assert "FAIL  a.engine  no NVIDIA driver" in capsys.readouterr().out


def test_prune_deletes_the_damaged_alone(cache: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert engines.main(["prune", "--dry-run"]) == 0
    assert names(cache) == ["a.engine", "b.engine", "c.engine"]
    assert engines.main(["prune"]) == 0
    assert names(cache) == ["a.engine", "b.engine"]
    assert not sidecar_path(cache / "c.engine").exists()
    assert "1 of 3 engines deleted" in capsys.readouterr().out


def test_prune_more(cache: Path) -> None:
    assert engines.main(["prune", "--unfit"]) == 0
    assert names(cache) == ["a.engine"]
    assert engines.main(["prune", "--all"]) == 0
    assert list(cache.iterdir()) == []


def test_another_folder(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert engines.main(["--dir", str(tmp_path / "absent"), "list"]) == 0
    assert capsys.readouterr().out == f"0 engines in {tmp_path / 'absent'}, 0.0 MB\n"


def test_wrong_usage(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        engines.main([])
    assert stop.value.code == 2
