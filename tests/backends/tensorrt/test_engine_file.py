"""Engine files: what is refused before a runtime sees it, writing, and the cache."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from tpgan_sdk.backends.tensorrt import cache as engine_cache
from tpgan_sdk.backends.tensorrt import engine_file
from tpgan_sdk.backends.tensorrt.engine_file import (
    EngineError,
    EngineInfo,
    check_file,
    check_fits,
    write_engine,
)
from tpgan_sdk.models.model import PACKAGED

DATA = b"ENGINE" * 100
REBUILD = "tpgan build-engine --runtime rtx --precision fp16 --batch 1:2:4 --output "


def info_of(data: bytes = DATA) -> EngineInfo:
    return EngineInfo(
        model="edge",
        onnx_sha256="a" * 64,
        graph_sha256="b" * 64,
        sha256=engine_file.digest(data),
        size=len(data),
        runtime="rtx",
        runtime_version="1.7.1.116",
        precision="fp16",
        sm=(86, 89),
        batch=(1, 2, 4),
        inputs={"face": [-1, 3, 128, 128]},
        outputs={"frontal": [-1, 3, 128, 128]},
        gpu="RTX 3090",
        cuda="13.0",
        parity="not run, no driver",
        build_seconds=1.5,
        command="tpgan build-engine",
    )


@pytest.fixture
def engine(tmp_path: Path) -> Path:
    path = tmp_path / "e.engine"
    write_engine(path, DATA, info_of())
    return path


def test_what_is_written_is_read_back(engine: Path) -> None:
    info = check_file(engine)
    assert info == info_of()
    assert not info.verified
    assert replace(info, parity={"psnr": 60.0}).verified
    assert sorted(p.name for p in engine.parent.iterdir()) == ["e.engine", "e.engine.json"]


def test_an_absent_engine_names_the_line_that_builds_it(tmp_path: Path) -> None:
    path = tmp_path / "no ne.engine"
    with pytest.raises(EngineError) as found:
        check_file(path)
    line = f"tpgan build-engine --output '{path}'"
    assert str(found.value) == f"no engine at {path}; build it: {line}"


def test_an_empty_file(tmp_path: Path) -> None:
    (tmp_path / "e.engine").touch()
    with pytest.raises(EngineError, match="is empty; build it again: tpgan build-engine"):
        check_file(tmp_path / "e.engine")


@pytest.mark.parametrize("head", [b"\x08\x0a\x12\x09tpgan-sdk", b"\x08\x08:\x10", b"\x08\x07B\x02"])
def test_an_onnx_in_disguise(head: bytes, engine: Path) -> None:
    engine.write_bytes(head)
    expected = rf"is an ONNX, not an engine; build one from it: tpgan build-engine --onnx {engine} "
    with pytest.raises(EngineError, match=expected):
        check_file(engine)


def test_the_packaged_onnx_is_recognised() -> None:
    packaged = sorted(PACKAGED.glob("*.onnx"))
    for path in packaged:
        with pytest.raises(EngineError, match="is an ONNX, not an engine"):
            check_file(path)


def test_no_sidecar(engine: Path) -> None:
    engine_file.sidecar_path(engine).unlink()
    expected = "has no sidecar e.engine.json beside it, so nothing tells what it is; an engine is c"
    with pytest.raises(EngineError, match=expected):
        check_file(engine)


def test_a_truncated_engine(engine: Path) -> None:
    engine.write_bytes(DATA[:-1])
    with pytest.raises(
        EngineError, match=rf"is truncated: 599 bytes of 600; rebuild it: {REBUILD}"
    ):
        check_file(engine)


def test_the_sidecar_of_another_engine(engine: Path) -> None:
    other = bytes(reversed(DATA))
    engine.write_bytes(other)
    short = engine_file.digest(other)[:12], engine_file.digest(DATA)[:12]
    expected = rf"is not the file that e.engine.json describes \(SHA-256 {short[0]}, the sidecar "
    with pytest.raises(
        EngineError, match=rf"{expected}says {short[1]}\): .*; rebuild it: {REBUILD}"
    ):
        check_file(engine)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "is not an engine's sidecar"),
        ("[]", "is not an engine's sidecar"),
        ('{"format": 1}', "is not an engine's sidecar"),
        ('{"format": 2}', "has format 2, this SDK reads 1; build the engine again"),
        ('{"format": 1, "colour": 1}', "holds unknown entries: colour"),
    ],
)
def test_bad_sidecars(text: str, message: str, engine: Path) -> None:
    engine_file.sidecar_path(engine).write_text(text)
    with pytest.raises(EngineError, match=message):
        check_file(engine)


def test_another_gpu(engine: Path) -> None:
    expected = (
        rf"was built for SM 86, 89 \(RTX 3090\), the GPU here is SM 120; build it here: {REBUILD}"
    )
    with pytest.raises(EngineError, match=expected):
        check_fits(engine, info_of(), sm=120)
    check_fits(engine, info_of(), sm=89)


def test_another_tensorrt(engine: Path) -> None:
    expected = (
        "built by TensorRT-RTX 1.7.1.116, here is TensorRT 10.3.0; an engine runs only on the"
    )
    with pytest.raises(EngineError, match=expected):
        check_fits(engine, info_of(), runtime=("tensorrt", "10.3.0"))
    with pytest.raises(EngineError, match=r"1\.7\.1\.116, here is TensorRT-RTX 1\.8\.0; "):
        check_fits(engine, info_of(), runtime=("rtx", "1.8.0"))
    check_fits(engine, info_of(), runtime=("rtx", "1.7.1.116"))


def with_features(**features: object) -> EngineInfo:
    return replace(info_of(), details={"features": features})


@pytest.mark.parametrize(
    ("built", "here", "fits"),
    [
        ("10.3.0", "10.13.3", True),
        ("10.3.0.26", "10.3.0.30", True),
        ("10.3.0", "11.4.0", True),
        ("10.13.3", "10.3.0", False),
        ("11.0.0", "10.16.1", False),
        ("9.3.0", "10.3.0", False),
        ("10.3.0", "unknown", False),
    ],
)
def test_a_version_compatible_engine_runs_on_later_versions(
    built: str, here: str, fits: bool, engine: Path
) -> None:
    info = replace(
        with_features(version_compatible=True), runtime="tensorrt", runtime_version=built
    )
    if fits:
        check_fits(engine, info, runtime=("tensorrt", here))
    else:
        with pytest.raises(EngineError, match=r"runs only on that version and later ones; build i"):
            check_fits(engine, info, runtime=("tensorrt", here))
    with pytest.raises(EngineError, match="here is TensorRT-RTX"):
        check_fits(engine, info, runtime=("rtx", here))


def test_a_hardware_compatible_engine_runs_from_ampere_on(engine: Path) -> None:
    info = with_features(hardware="ampere-plus")
    for sm in (80, 89, 120):
        check_fits(engine, info, sm=sm)
    line = "tpgan build-engine --runtime rtx --precision fp16 --batch 1:2:4 --hardware ampere-plus"
    with pytest.raises(EngineError, match=f"the GPU here is SM 75; build it here: {line} --outp"):
        check_fits(engine, info, sm=75)
    with pytest.raises(EngineError, match="the GPU here is SM 120"):
        check_fits(engine, with_features(hardware="same-capability"), sm=120)


def test_another_model(engine: Path) -> None:
    expected = "built from another model (ONNX aaaaaaaaaaaa, the model here is cccccccccccc)"
    with pytest.raises(EngineError) as found:
        check_fits(engine, info_of(), onnx_sha256="c" * 64)
    assert expected in str(found.value)


def test_a_failed_write_keeps_what_was_there(engine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(handle: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OSError, match="No space left"):
        write_engine(engine, b"other", info_of(b"other"))
    assert check_file(engine) == info_of()
    assert len(list(engine.parent.iterdir())) == 2


def test_several_processes_at_once_leave_one_whole_pair(tmp_path: Path) -> None:
    code = (
        "import sys\n"
        "from pathlib import Path\n"
        "from dataclasses import replace\n"
        "from tests.backends.tensorrt.test_engine_file import info_of\n"
        "from tpgan_sdk.backends.tensorrt.engine_file import write_engine\n"
        "for turn in range(20):\n"
        "    data = sys.argv[2].encode() * (1000 + turn)\n"
        "    write_engine(Path(sys.argv[1]), data, info_of(data))\n"
    )
    target = tmp_path / "e.engine"
    root = str(Path(__file__).resolve().parents[3])
    writers = [
        subprocess.Popen([sys.executable, "-c", code, str(target), letter], cwd=root)
        for letter in "abc"
    ]
    assert [writer.wait(60) for writer in writers] == [0, 0, 0]
    assert check_file(target).size == 1019
    assert sorted(p.name for p in tmp_path.iterdir()) == ["e.engine", "e.engine.json"]


def test_the_cache_is_where_xdg_says(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert engine_cache.cache_dir() == tmp_path / "tpgan-sdk" / "engines"
    for ignored in ("", "relative"):
        monkeypatch.setenv("XDG_CACHE_HOME", ignored)
        assert engine_cache.cache_dir() == Path.home() / ".cache" / "tpgan-sdk" / "engines"


def test_a_name_changes_with_everything_that_matters() -> None:
    facts = {"sm": (86,), "batch": (1, 2, 4), "onnx": "a" * 64, "version": "10.3.0"}
    names = {engine_cache.cache_name("edge", "rtx", "fp16", **facts)}
    assert names == {engine_cache.cache_name("edge", "rtx", "fp16", **facts)}
    for key, value in {"sm": (89,), "batch": (1, 4, 4), "onnx": "b", "version": "10.4"}.items():
        names.add(engine_cache.cache_name("edge", "rtx", "fp16", **{**facts, key: value}))
    assert len(names) == 5
    assert all(name.startswith("edge-rtx-fp16-") for name in names)


def test_the_cache_lists_sound_and_damaged(engine: Path) -> None:
    damaged = engine.with_name("f.engine")
    write_engine(damaged, DATA, info_of())
    damaged.write_bytes(DATA[:10])
    sound, bad = engine_cache.cached_engines(engine.parent)
    assert (sound.path, sound.info, sound.problem) == (engine, info_of(), None)
    assert bad.info is None
    assert "is truncated" in str(bad.problem)
    sidecar = engine_file.sidecar_path(damaged)
    freed = damaged.stat().st_size + sidecar.stat().st_size
    assert engine_cache.remove(damaged) == freed
    assert [e.path for e in engine_cache.cached_engines(engine.parent)] == [engine]
    assert list(engine_cache.cached_engines(engine.parent / "absent")) == []
    assert json.loads(engine_file.sidecar_path(engine).read_text())["sm"] == [86, 89]
