"""Pages and plots are made from the results, and are current."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from benchmarks.errors import BenchmarkError
from benchmarks.report import DOCS, filled, main
from benchmarks.reporting.results import FOLDER, read_all, write

from .invented import machine, result

PAGE = """# Speed

Before.

<!-- results: peers-seed -->
<!-- /results -->

Between.

<!-- results: peers-int8 -->
old
<!-- /results -->

<!-- results: peers -->
<!-- /results -->
"""


def peer(**changes: Any) -> dict[str, Any]:
    """A row of `peers`."""
    row: dict[str, Any] = {
        "kind": "runtime",
        "preset": "edge",
        "runtime": "a",
        "what": "runtime A",
        "device": "cpu",
        "precision": "fp32",
        "batch": 1,
        "shipped": False,
        "median_ms": 10.0,
        "speedup": 1.5,
        "speedup_low": 1.4,
        "speedup_high": 1.6,
    }
    return {**row, **changes}


@pytest.fixture
def folders(tmp_path: Path) -> list[str]:
    """Invented results and a page; arguments that name them."""
    rows = [peer(kind="seed", what="all"), peer(), peer(what="runtime B", shipped=True)]
    write(result("peers", rows), tmp_path / "results")
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "page.md").write_text(PAGE)
    return ["--results", str(tmp_path / "results"), "--docs", str(tmp_path / "docs")]


def test_the_docs_are_current(capsys: pytest.CaptureFixture[str]) -> None:
    code = main(["--check"])
    assert (code, capsys.readouterr().out) == (0, "")


def test_every_result_can_be_read_and_is_in_a_page() -> None:
    pages = "".join(page.read_text() for page in DOCS.glob("*.md"))
    for found in read_all(FOLDER):
        assert f"<!-- results: {found.benchmark}" in pages


def test_pages_are_filled_and_then_current(folders: list[str], tmp_path: Path) -> None:
    page, plot = tmp_path / "docs" / "page.md", tmp_path / "docs" / "images" / "results-peers.png"
    assert main([*folders, "--check"]) == 1
    assert page.read_text() == PAGE
    assert not plot.exists()
    assert main(folders) == 0
    text = page.read_text()
    assert "| all | 10 | 1.50 (1.40 to 1.60) |" in text
    assert "old" not in text
    assert "](images/results-peers.png)\n\n*Imaginary 9000, 2 cores" in text
    assert "Not measured yet: `python -m benchmarks.peers`." in text
    assert text.startswith("# Speed\n\nBefore.\n\n<!-- results: peers-seed -->\n")
    assert main([*folders, "--check"]) == 0


def test_the_same_results_make_the_same_bytes(folders: list[str], tmp_path: Path) -> None:
    plot = tmp_path / "docs" / "images" / "results-peers.png"
    main(folders)
    first = plot.read_bytes()
    plot.unlink()
    main(folders)
    assert plot.read_bytes() == first


def test_other_results_make_it_stale(
    folders: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    main(folders)
    rows = [peer(kind="seed", what="all"), peer(speedup=1.7)]
    path = write(result("peers", rows), tmp_path / "results")
    capsys.readouterr()
    assert main([*folders, "--check"]) == 1
    told = capsys.readouterr().out
    assert "results-peers.png is not current: python -m benchmarks.report" in told
    assert "page.md is not current" in told
    path.unlink()
    assert main(folders) == 0
    assert not (tmp_path / "docs" / "images" / "results-peers.png").exists()
    assert main([*folders, "--check"]) == 0


def test_a_second_machine_has_its_own_panel(folders: list[str], tmp_path: Path) -> None:
    cv2 = pytest.importorskip("cv2")
    main(folders)
    plot = tmp_path / "docs" / "images" / "results-peers.png"
    one = cv2.imread(str(plot)).shape
    write(result("peers", [peer(), peer()], machine(board="Board")), tmp_path / "results")
    main(folders)
    two = cv2.imread(str(plot)).shape
    assert two[0] == 2 * one[0]
    assert two[1] == one[1]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("<!-- results: nonsense -->\n<!-- /results -->\n", "page: no table 'nonsense'; there are"),
        ("<!-- results: peers -->\n", "in turns, each on a line of its own"),
        ("<!-- results: peers -->\n<!-- results: peers -->\n<!-- /results -->\n", "in turns"),
    ],
)
def test_sections_that_cannot_be_filled(text: str, reason: str) -> None:
    with pytest.raises(BenchmarkError, match=reason):
        filled(text, [], "page")


def test_a_mention_in_a_sentence_is_no_section() -> None:
    text = "Tables stand between `<!-- results: NAME -->` and `<!-- /results -->`.\n"
    assert filled(text, []) == text


def test_a_broken_result_is_one_sentence(
    folders: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "results" / "broken.json").write_text("{}")
    assert main(folders) == 1
    assert "broken.json has format None" in capsys.readouterr().err
