"""`tpgan frontalize` with a pipeline that is known: what is written, reported and returned."""

from __future__ import annotations

import io
import json
import logging
import os
import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from tpgan_sdk import cli
from tpgan_sdk.cli import frontalize
from tpgan_sdk.cli.frontalize import main
from tpgan_sdk.cli.progress import progress
from tpgan_sdk.cli.report_file import Report
from tpgan_sdk.errors import BackendError, DetectorError, GeometryError, TPGANError
from tpgan_sdk.geometry import OFFICIAL
from tpgan_sdk.images.files import read_image, write_image
from tpgan_sdk.types import Detection, Face

from ..conftest import REPOSITORY

POINTS = np.asarray(OFFICIAL.points)


def result(level: int, index: int = 0) -> Face:
    image = np.full((128, 128, 3), level, np.uint8)
    move = np.array([[1.0, 0, -5.0 * index], [0, 1, 0]])
    return Face(image, (1, 2, 3, 4.123), POINTS, 0.87654, -33.333, True, image, move)


class Pipeline:
    """Finds as many faces as the blue value of the first pixel says."""

    model = SimpleNamespace(name="edge")
    backend = SimpleNamespace(name="onnxruntime-cpu", device="cpu")

    def __init__(self, **options: Any) -> None:
        self.options = options
        self.timings = {"read": 1e6, "detect": 1.234, "network": 5.678}
        self.given: list[Any] = []
        self.error: BaseException | None = None

    def __enter__(self) -> Pipeline:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        pass

    @property
    def detector(self) -> Any:
        return SimpleNamespace(name="blue")

    @property
    def refiner(self) -> Any:
        return None

    def detect(self, image: np.ndarray) -> list[Detection]:
        self.timings = {"detect": 1.234, "refine": 0.5}
        return [Detection((0, 0, 9, 9), POINTS + 1, 0.9)] * int(image[0, 0, 0])

    def frontalize(self, image: np.ndarray, largest_only: bool = False) -> list[Face]:
        if self.error:
            raise self.error
        number = int(image[0, 0, 0])
        return [result(40 * (k + 1), k) for k in range(min(number, 1) if largest_only else number)]

    def frontalize_aligned(self, crops: list[np.ndarray], landmarks: list[Any]) -> list[Face]:
        self.given += landmarks
        self.timings = {"align": 1.0, "network": 2.0}
        return [result(77)]


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Two photos with one and three faces, one without, and four files that are no photo."""
    folder = tmp_path / "photos"
    for name, faces in (("one.jpg", 1), ("a/three.png", 3), ("a/none.png", 0)):
        write_image(folder / name, np.full((130, 150, 3), faces, np.uint8))
    whole = (folder / "one.jpg").read_bytes()
    (folder / "bad").mkdir()
    (folder / "bad" / "cut.jpg").write_bytes(whole[:-300])
    (folder / "bad" / "empty.jpg").write_bytes(b"")
    (folder / "bad" / "text.jpg").write_text("this is no picture at all")
    (folder / "notes.txt").write_text("not looked at")
    return folder


def run(*words: str | Path, pipeline: Pipeline | None = None) -> int:
    def make(**options: Any) -> Any:
        if pipeline is None:
            return Pipeline(**options)
        pipeline.options = options
        return pipeline

    return main([str(word) for word in words], make)


def lines(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "report.jsonl").read_text().splitlines()]


def files(folder: Path) -> list[str]:
    return sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file())


def test_a_folder(photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "out"
    assert run(photos, "-o", out) == 3
    assert files(out) == ["a/three.png", "one.png", "report.jsonl"]
    assert (read_image(out / "one.png") == 40).all()
    report = {Path(line["input"]).name: line for line in lines(out)}
    assert set(report) == {"one.jpg", "three.png", "none.png", "cut.jpg", "empty.jpg", "text.jpg"}
    for name, reason in (
        ("none.png", "no face found"),
        ("cut.jpg", "the end of the JPEG is missing"),
        ("empty.jpg", "is empty (0 bytes)"),
        ("text.jpg", "is not an image; expected"),
    ):
        assert reason in report[name]["reason"]
        assert "output" not in report[name]
    assert "2 of 6 inputs gave 2 faces" in capsys.readouterr().out


def test_the_line_of_a_face(photos: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert run(photos / "one.jpg", "-o", out) == 0
    (line,) = lines(out)
    times = line.pop("timings_ms")
    assert list(times) == ["read", "detect", "network", "write"]
    assert times["detect"] == 1.23
    assert 1e6 < times["read"] < 1e6 + 60_000  # both, the command's and the frontalizer's own
    assert line.pop("run").endswith("+00:00")
    assert line == {
        "input": str(photos / "one.jpg"),
        "output": str(out / "one.png"),
        "box": [1, 2, 3, 4.12],
        "landmarks": [[round(x, 2), round(y, 2)] for x, y in POINTS.tolist()],
        "yaw": -33.33,
        "roll": 0.0,
        "score": 0.8765,
        "mirrored": True,
        "model": "edge",
        "backend": "onnxruntime-cpu",
        "detector": "blue",
    }


def test_all_faces_and_paste_back(photos: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert run(photos / "a" / "three.png", "-o", out, "--all-faces", "--paste-back") == 0
    assert files(out) == [
        "report.jsonl",
        "three.pasted.png",
        "three_0.png",
        "three_1.png",
        "three_2.png",
    ]
    assert [Path(line["output"]).name for line in lines(out)] == [
        "three_0.png",
        "three_1.png",
        "three_2.png",
    ]
    assert {line["pasted"] for line in lines(out)} == {str(out / "three.pasted.png")}
    assert read_image(out / "three.pasted.png").shape == (130, 150, 3)


def test_same_names_are_kept_apart(photos: Path, tmp_path: Path) -> None:
    write_image(photos / "one.png", np.full((130, 150, 3), 1, np.uint8))
    out = tmp_path / "out"
    assert run(photos / "one.jpg", photos / "one.png", "-o", out) == 0
    assert files(out) == ["one.png", "one.png.png", "report.jsonl"]


def test_aligned_takes_the_detectors_landmarks_or_the_templates(tmp_path: Path) -> None:
    for name, faces in (("seen.png", 1), ("unseen.png", 0)):
        write_image(tmp_path / "in" / name, np.full((128, 128, 3), faces, np.uint8))
    pipeline = Pipeline()
    assert run(tmp_path / "in", "-o", tmp_path / "out", "--aligned", pipeline=pipeline) == 0
    np.testing.assert_array_equal(pipeline.given[0], POINTS + 1)
    assert pipeline.given[1] is None
    seen, unseen = lines(tmp_path / "out")
    assert (seen["landmarks_from"], seen["score"]) == ("detector", 0.9)
    assert (unseen["landmarks_from"], unseen["score"]) == ("template", None)
    stages = ["read", "detect", "refine", "align", "network", "write"]
    assert list(seen["timings_ms"]) == stages


class Blind(Pipeline):
    """Without any detector, as on a machine without yuface."""

    @property
    def detector(self) -> Any:
        raise DetectorError("the default detector does not load; name --detector")

    def detect(self, image: np.ndarray) -> list[Detection]:
        return list(self.detector.detect(image))


def test_aligned_needs_no_detector(photos: Path, tmp_path: Path) -> None:
    assert run(photos / "one.jpg", "-o", tmp_path / "out", "--aligned", pipeline=Blind()) == 0
    (line,) = lines(tmp_path / "out")
    assert (line["detector"], line["landmarks_from"]) == (None, "template")


def test_without_detector_nothing_starts(
    photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(photos, "-o", tmp_path / "out", pipeline=Blind()) == 2
    assert "tpgan frontalize: the default detector does not load" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


class Unrefined(Pipeline):
    """Without ONNX Runtime, beside a backend that does not need it."""

    @property
    def refiner(self) -> Any:
        raise BackendError("ONNX Runtime cannot be imported; or do without: --no-refine")


@pytest.mark.parametrize("flags", [[], ["--aligned"]])
def test_without_refiner_nothing_starts(
    photos: Path, tmp_path: Path, flags: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(photos, "-o", tmp_path / "out", *flags, pipeline=Unrefined()) == 2
    message = "tpgan frontalize: ONNX Runtime cannot be imported; or do without: --no-refine\n"
    assert capsys.readouterr().err == message
    assert not (tmp_path / "out").exists()


def test_a_refiner_that_breaks_makes_no_profile_frontal(photos: Path, tmp_path: Path) -> None:
    class Breaking(Pipeline):
        def detect(self, image: np.ndarray) -> list[Detection]:
            raise BackendError("the refiner broke")

    pipeline = Breaking()
    assert run(photos / "one.jpg", "-o", tmp_path / "out", "--aligned", pipeline=pipeline) == 1
    assert lines(tmp_path / "out")[0]["reason"] == "the refiner broke"
    assert pipeline.given == []


def test_aligned_says_what_the_detector_did(photos: Path, tmp_path: Path) -> None:
    class Astray(Pipeline):
        def frontalize_aligned(self, crops: list[np.ndarray], landmarks: list[Any]) -> list[Face]:
            raise GeometryError("the nose landmark lies at (900, 3); expected crop pixels")

    photo = photos / "one.jpg"
    assert run(photo, "-o", tmp_path / "out", "--aligned", pipeline=Astray()) == 1
    assert lines(tmp_path / "out")[0]["reason"] == (
        f"{photo}: the detector blue gave landmarks that no face can have here: the nose landmark "
        "lies at (900, 3)"
    )


def test_exit_codes(photos: Path, tmp_path: Path) -> None:
    assert run(photos / "a" / "none.png", "-o", tmp_path / "1") == 1
    assert run(photos / "one.jpg", tmp_path / "gone.jpg", "-o", tmp_path / "2") == 3
    assert "gone.jpg does not exist" in lines(tmp_path / "2")[1]["reason"]


def test_a_folder_without_images(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    assert run(tmp_path / "empty", "-o", tmp_path / "out") == 1
    (line,) = lines(tmp_path / "out")
    assert "is a folder; expected an image file, or" in line["reason"]


def test_an_unexpected_error_is_reported_and_skipped(photos: Path, tmp_path: Path) -> None:
    pipeline = Pipeline()
    pipeline.error = RuntimeError("broke")
    assert run(photos / "one.jpg", "-o", tmp_path / "out", pipeline=pipeline) == 1
    assert lines(tmp_path / "out")[0]["reason"] == "unexpected RuntimeError: broke"


class Sceptic(Pipeline):
    """Leaves out the second of three faces, and the only one."""

    def frontalize(self, image: np.ndarray, largest_only: bool = False) -> list[Face]:
        log = logging.getLogger("tpgan_sdk")
        log.warning("a detected face is left out: %s", "its middle lies outside the image")
        log.warning("something else")
        return [result(10, k) for k in (0, 2)] if image[0, 0, 0] == 3 else []


def test_faces_that_are_left_out_are_told(
    photos: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    inputs = photos / "a" / "three.png", photos / "one.jpg"
    assert run(*inputs, "-o", tmp_path / "out", "--all-faces", pipeline=Sceptic()) == 3
    *kept, none = lines(tmp_path / "out")
    assert [line["left_out"] for line in (*kept, none)] == [
        ["its middle lies outside the image"]
    ] * 3
    assert "reason" not in kept[0]
    assert none["reason"] == "no detected face can be used: its middle lies outside the image"
    told = "a detected face is left out: its middle lies outside the image"
    expected = [text for path in inputs for text in ("something else", f"{path}: {told}")]
    assert caplog.messages == expected


def test_warnings_are_shown(photos: Path, tmp_path: Path) -> None:
    """Without -v too; in a process of its own, because pytest sets up the log."""
    code = (
        "import sys; from tests.cli.test_frontalize import main, Sceptic\n"
        "sys.exit(main(sys.argv[1:], Sceptic))"
    )
    words = [str(photos / "one.jpg"), "-o", str(tmp_path / "out")]
    done = subprocess.run(
        [sys.executable, "-c", code, *words], capture_output=True, text=True, cwd=REPOSITORY
    )
    assert done.returncode == 1
    assert f"{words[0]}: a detected face is left out: its middle" in done.stderr


def nothing_is_replaced(folder: Path, *words: str | Path) -> bool:
    """Whether the command refuses, and leaves every file as it was."""
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    code = run(*words)
    after = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    return code == 2 and before == after


@pytest.mark.parametrize(
    ("photo", "flags"),
    [
        ("face.png", []),
        ("face_0.png", ["--all-faces"]),
        ("face_12.png", ["--all-faces"]),
        ("face.pasted.png", ["--paste-back"]),
        ("sub/face.png", []),
    ],
)
def test_inputs_are_never_replaced(
    tmp_path: Path, photo: str, flags: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    album = tmp_path / "album"
    plain = np.full((130, 150, 3), 1, np.uint8)
    write_image(album / photo, plain)
    write_image((album / photo).parent / "face.jpg", plain)
    (tmp_path / "link").symlink_to(album)
    given = album / photo
    commands: list[list[str | Path]] = [
        [album, "-o", album],
        [album, "-o", tmp_path / "link"],
        [tmp_path / "link", "-o", album],
        [given.parent / "face.jpg", given, "-o", given.parent],
    ]
    for words in commands:
        assert nothing_is_replaced(tmp_path, *words, *flags)
        message = capsys.readouterr().err
        assert "would replace the input" in message
        assert Path(photo).name in message
    assert run(album, "-o", tmp_path / "other", *flags) == 0


def test_a_file_beside_its_result_and_a_link_to_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_image(tmp_path / "a.png", np.full((130, 150, 3), 1, np.uint8))
    monkeypatch.chdir(tmp_path)
    assert nothing_is_replaced(tmp_path, "a.png", "-o", ".")
    (tmp_path / "x").mkdir()
    (tmp_path / "x" / "a.jpg").symlink_to("../a.png")
    assert nothing_is_replaced(tmp_path, "x/a.jpg", "-o", ".")
    assert run("a.png", "-o", ".", "--all-faces") == 0  # a_0.png replaces nothing
    assert run("a.png", "-o", "new") == 0
    assert run("a.png", "-o", "new") == 0  # an earlier result is no input


def test_options_reach_the_frontalizer(photos: Path, tmp_path: Path) -> None:
    pipeline = Pipeline()
    words = ["--model", "m.onnx", "--backend", "b", "--detector", "d", "--device", "cuda:1"]
    words += ["--max-batch", "3", "--no-refine", "--size", "256"]
    run(photos / "one.jpg", "-o", tmp_path / "out", *words, pipeline=pipeline)
    assert pipeline.options == {
        "model": "m.onnx",
        "backend": "b",
        "detector": "d",
        "device": "cuda:1",
        "max_batch": 3,
        "refine": False,
        "size": 256,
    }


def test_a_backend_that_does_not_work(
    photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def refuse(**_: Any) -> Any:
        raise BackendError("no CUDA here")

    assert main([str(photos), "-o", str(tmp_path / "out")], refuse) == 2
    assert capsys.readouterr().err == "tpgan frontalize: no CUDA here\n"


def test_trust_takes_an_engine_that_nothing_vouches_for(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[Any] = []

    def opened(model: Any, *words: Any, **options: Any) -> str:
        asked.append((model.name, *words, options))
        return "the engine"

    monkeypatch.setattr(frontalize, "create_backend", opened)
    pipeline = Pipeline()
    words = ["--backend", "e.engine", "--trust", "--device", "cuda:1"]
    run(photos / "one.jpg", "-o", tmp_path / "out", *words, pipeline=pipeline)
    assert asked == [("edge", "e.engine", "cuda:1", {"trust": True})]
    assert pipeline.options["backend"] == "the engine"


def test_a_trusted_engine_is_closed_where_the_set_up_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    closed: list[str] = []
    engine = SimpleNamespace(close=lambda: closed.append("engine"))
    monkeypatch.setattr(frontalize, "create_backend", lambda *_, **__: engine)

    def refuse(**options: Any) -> Any:
        assert options["backend"] is engine
        raise DetectorError("no such detector")

    words = ["in", "-o", str(tmp_path / "out"), "--backend", "e.engine", "--trust"]
    assert main(words, refuse) == 2
    assert "no such detector" in capsys.readouterr().err
    assert closed == ["engine"]


def test_trust_is_for_engines_alone(
    photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([str(photos), "-o", str(tmp_path / "out"), "--trust"]) == 2
    expected = "--trust is for an engine: --backend PATH.engine, not auto"
    assert expected in capsys.readouterr().err


def test_an_unwritable_output(
    photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("in the way")
    assert run(photos, "-o", tmp_path / "file" / "out") == 2
    message = capsys.readouterr().err
    assert "report.jsonl cannot be written" in message
    assert "expected the output to be a writable folder" in message


def test_a_later_run_keeps_the_report_and_its_own_results_are_no_input(
    photos: Path, tmp_path: Path
) -> None:
    out = photos / "out"
    run(photos, "-o", out)
    first = lines(out)
    run(photos, "-o", out)
    both = lines(out)
    assert both[: len(first)] == first
    assert len(both) == 2 * len(first)
    assert len({line["run"] for line in both}) == 2


def test_half_a_line_does_not_spoil_the_next(tmp_path: Path) -> None:
    (tmp_path / "report.jsonl").write_text('{"input": "x"}\n{"inp')
    with Report(tmp_path, {}) as report:
        report.add(Path("y"), reason="z")
    last = (tmp_path / "report.jsonl").read_text().splitlines()[-1]
    assert json.loads(last)["input"] == "y"


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full")
def test_a_full_disk_ends_the_run_with_one_error(tmp_path: Path) -> None:
    (tmp_path / "report.jsonl").symlink_to("/dev/full")
    report = Report(tmp_path, {})
    with pytest.raises(TPGANError, match=r"report\.jsonl cannot be written \(No space left"):
        report.add(Path("y"), reason="z")


def test_interrupted(
    photos: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Lines and pictures written before Ctrl-C are there; the exit code is the shell's 130."""

    class Interrupted(Pipeline):
        def frontalize(self, image: np.ndarray, largest_only: bool = False) -> list[Face]:
            if image[0, 0, 0] == 3:
                raise KeyboardInterrupt
            return super().frontalize(image, largest_only)

    monkeypatch.setattr(
        "tpgan_sdk.cli.frontalize.main",
        lambda words: main(words, Interrupted),  # type: ignore[arg-type]
    )
    out = tmp_path / "out"
    inputs = [str(photos / "one.jpg"), str(photos / "a" / "three.png")]
    assert cli.main(["frontalize", *inputs, "-o", str(out)]) == 130
    assert files(out) == ["one.png", "report.jsonl"]
    assert len(lines(out)) == 1
    assert "interrupted; what was written so far is kept" in capsys.readouterr().err


def test_commands(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    assert cli.main([]) == 2
    assert cli.main(["--help"]) == 0
    assert "frontalize" in capsys.readouterr().out
    assert cli.main(["--version"]) == 0
    assert capsys.readouterr().out.startswith("tpgan-sdk ")
    assert cli.main(["frontalise"]) == 2
    assert "unknown command 'frontalise'; expected frontalize, doctor" in capsys.readouterr().err

    def absent(name: str) -> Any:
        raise ModuleNotFoundError("No module named 'torch'", name="torch")

    monkeypatch.setattr("importlib.import_module", absent)
    assert cli.main(["train"]) == 2
    line = (
        'tpgan: `tpgan train` needs torch, which is not installed: pip install "tpgan-sdk[train]"'
    )
    assert capsys.readouterr().err.strip() == line


@pytest.mark.parametrize(
    ("words", "module", "extra"),
    [
        (["train", "--data", "none", "--output", "none"], "torch", "train"),
        (["train", "--data", "none", "--output", "none"], "safetensors", "train"),
        (["export", "--checkpoint", "none", "--output", "none.onnx"], "onnx", "export"),
        (["export", "--checkpoint", "none", "--output", "none.onnx"], "torch", "export"),
        (["frontalize", "none", "-o", "none"], "cv2", "cpu"),
    ],
)
def test_a_package_that_is_missing(
    words: list[str], module: str, extra: str, tmp_path: Path
) -> None:
    """The import itself fails, in whichever module and at whichever moment it stands."""
    if words[0] == "export" and module != "onnx":
        pytest.importorskip("onnx", reason="needed before torch is")
    if module == "safetensors":
        pytest.importorskip("torch", reason="needed before safetensors is")
    code = (
        f"import sys; sys.modules[{module!r}] = None\n"
        "from tpgan_sdk.cli import main; sys.exit(main(sys.argv[1:]))"
    )
    command = [sys.executable, "-c", code, *words]
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY)}
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, env=environment)
    missing = f'needs {module}, which is not installed: pip install "tpgan-sdk[{extra}]"'
    assert done.stderr.splitlines()[-1] == f"tpgan: `tpgan {words[0]}` {missing}"
    assert "Traceback" not in done.stderr
    assert done.returncode == 2


def test_a_module_of_ours_that_is_missing_is_a_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "train.__main__", None)
    with pytest.raises(ModuleNotFoundError, match="train"):
        cli.main(["train"])


def test_progress_bar() -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    out = Terminal()
    assert list(progress([1, 2, 3], out)) == [1, 2, 3]
    assert "0/3" in out.getvalue()
    assert out.getvalue().endswith("3/3 0 s left\x1b[K\n")
    quiet = io.StringIO()
    assert list(progress([1], quiet)) == [1]
    assert quiet.getvalue() == ""


def test_without_a_terminal_a_line_a_minute(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 0.0
    monkeypatch.setattr("tpgan_sdk.cli.progress.time.monotonic", lambda: now)
    out = io.StringIO()
    for _ in progress(range(100), out):
        now += 13.0
    # Of 100 inputs of 13 s each: at the first beginning of one in each minute.
    told = out.getvalue().splitlines()
    assert told[:2] == ["5/100 1235 s left", "10/100 1170 s left"]
    assert len(told) == 19


def test_the_reason_is_on_the_screen(
    photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, reason in (("a/none.png", "no face found that can"), ("bad/empty.jpg", "is empty")):
        assert run(photos / name, "-o", tmp_path / "out") == 1
        assert capsys.readouterr().err.splitlines()[1].startswith(str(photos / name))
        assert run(photos / "one.jpg", photos / name, "-o", tmp_path / "out") == 3
        (line,) = capsys.readouterr().err.splitlines()[1:]
        assert reason in line
        assert line.count(str(photos / name)) == 1


def test_not_every_reason_is_on_the_screen(
    photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run(*[photos / f"gone_{k}.jpg" for k in range(9)], "-o", tmp_path / "out")
    told = capsys.readouterr()
    assert sum("does not exist" in line for line in told.err.splitlines()) == 3
    assert "0 of 9 inputs gave 0 faces" in told.out


def numbered(photo: Path, faces: int, out: Path, *flags: str) -> int:
    """A run on a photo that now has this many faces."""
    write_image(photo, np.full((130, 150, 3), faces, np.uint8))
    return run(photo, "-o", out, *flags)


def test_fewer_faces_leave_none_of_the_earlier_ones(tmp_path: Path) -> None:
    out, photo = tmp_path / "out", tmp_path / "a.png"
    assert numbered(photo, 5, out, "--all-faces") == 0
    assert len(files(out)) == 6
    assert numbered(photo, 2, out, "--all-faces") == 0
    assert files(out) == ["a_0.png", "a_1.png", "report.jsonl"]
    photo.write_text("no picture")
    assert run(photo, "-o", out, "--all-faces") == 1
    assert files(out) == ["a_0.png", "a_1.png", "report.jsonl"]  # nothing is known of its faces
    assert numbered(photo, 0, out, "--all-faces") == 1
    assert files(out) == ["report.jsonl"]


def test_only_numbered_faces_of_the_same_input_are_removed(tmp_path: Path) -> None:
    """Not a file of the user, nor the result of a photo whose own name has a number."""
    out = tmp_path / "out"
    for name in ("a_2.png", "sub/a.png", "b.png"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
    numbered(tmp_path / "a_2.png", 1, out)
    numbered(tmp_path / "b.png", 3, out, "--all-faces")
    write_image(tmp_path / "sub" / "a.png", np.full((130, 150, 3), 3, np.uint8))
    run(tmp_path / "sub", "-o", out / "sub", "--all-faces")
    (out / "a_3.png").write_text("of the user")
    with (out / "report.jsonl").open("ab") as report:
        report.write(b'{"cut off\n[1]\n{"output": 3, "input": "x"}\n')
    kept = files(out)
    assert "a_2.png" in kept
    numbered(tmp_path / "a.png", 1, out, "--all-faces")
    assert files(out) == sorted([*kept, "a_0.png"])


def test_other_endings_are_counted(
    photos: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    for name in ("x.heic", "a/y.HEIC", "z.avif", "README", ".hidden"):
        (photos / name).write_bytes(b"")
    assert run(photos, "-o", tmp_path / "out") == 3
    (told,) = caplog.messages
    assert told.startswith(
        "left out of the folders, by ending: .heic 2, .avif 1, .txt 1, no ending 1; images end in "
    )


def test_a_folder_that_cannot_be_listed(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Root can list them all, hence the stand-in."""
    listed = os.scandir

    def scandir(path: Any) -> Any:
        if os.path.basename(path) == "a":
            raise PermissionError(13, "Permission denied", path)
        return listed(path)

    shutil.rmtree(photos / "bad")
    monkeypatch.setattr(os, "scandir", scandir)
    assert run(photos, "-o", tmp_path / "out") == 3
    report = {line["input"]: line for line in lines(tmp_path / "out")}
    assert report.keys() == {str(photos / "a"), str(photos / "one.jpg")}
    assert report[str(photos / "a")]["reason"] == (
        f"{photos / 'a'} cannot be searched (Permission denied); expected a folder that you may "
        "read"
    )


def test_as_a_module() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tpgan_sdk", "--version"], capture_output=True, text=True, check=True
    )
    assert done.stdout.startswith("tpgan-sdk ")


@pytest.mark.parametrize(
    "system", [{}, {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}]
)
@pytest.mark.parametrize("workers", ["1", "2"])
def test_names_that_are_not_utf_8(tmp_path: Path, system: dict[str, str], workers: str) -> None:
    """Photos of such names are done and reported, and so is one that is none."""
    names = [b"caf\xe9", "人".encode(), b"bad\xe9"]
    folder = os.fsencode(tmp_path / "in")
    for name in names:
        write_image(Path(os.fsdecode(folder + b"/" + name + b".png")), np.ones((9, 9, 3), np.uint8))
    Path(os.fsdecode(folder + b"/bad\xe9.png")).write_text("no picture")
    code = (
        "import sys; from functools import partial; import tpgan_sdk.cli as cli\n"
        "from tpgan_sdk.cli import frontalize; from tests.cli.test_frontalize import Pipeline\n"
        "frontalize.main = partial(frontalize.main, make_frontalizer=Pipeline)\n"
        "if __name__ == '__main__': sys.exit(cli.main(sys.argv[1:]))"
    )
    out = tmp_path / "out"
    words = ["frontalize", str(tmp_path / "in"), "-o", str(out), "--paste-back"]
    done = subprocess.run(
        [sys.executable, "-c", code, *words, "--workers", workers],
        cwd=REPOSITORY,
        env={**os.environ, **system},
        capture_output=True,
    )
    assert (done.returncode, done.stdout[:18]) == (3, b"2 of 3 inputs gave"), done.stderr
    assert b"Traceback" not in done.stderr
    assert b"bad\\udce9.png is not an image" in done.stderr
    found = {name for name in os.listdir(os.fsencode(out)) if name.endswith(b".png")}
    assert found == {name + end for name in names[:2] for end in (b".png", b".pasted.png")}
    inputs = [os.fsencode(line["input"]) for line in lines(out)]
    if not system:
        assert set(inputs) == {folder + b"/" + name + b".png" for name in names}
