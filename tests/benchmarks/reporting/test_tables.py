"""Markdown from invented rows."""

from __future__ import annotations

from typing import Any

import pytest

from benchmarks.reporting.doc_tables import SECTIONS
from benchmarks.reporting.tables import Column, Table, caption, figure, markdown_table

from ...conftest import REPOSITORY
from ..invented import machine, result

BENCHMARKS = REPOSITORY / "benchmarks"
FRONTALIZER = REPOSITORY / "tpgan_sdk" / "frontalizer.py"


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (0, "0"),
        (-3.0, "-3"),
        (16, "16"),
        (1234567, "1,234,567"),
        (1.5, "1.50"),
        (9.996, "10.0"),
        (99.96, "100"),
        (12.34, "12.3"),
        (1234.5, "1,234"),
        (0.0123456, "0.0123"),
        (0.00009996, "0.000100"),
        (-0.5, "-0.500"),
        (123.4, "123"),
    ],
)
def test_figures_have_three_digits(value: float, shown: str) -> None:
    assert figure(value) == shown


@pytest.mark.parametrize(
    ("column", "row", "shown"),
    [
        (Column("", "x"), {"x": 2.5}, "2.50"),
        (Column("", "x"), {}, "-"),
        (Column("", "x"), {"x": None}, "-"),
        (Column("", "x"), {"x": True}, "yes"),
        (Column("", "x"), {"x": "FP16"}, "FP16"),
        (Column("", "x", scale=100, suffix=" %"), {"x": 0.125}, "12.5 %"),
        (Column("", "x", interval=True), {"x": 2, "x_low": 1.5, "x_high": 2.5}, "2 (1.50 to 2.50)"),
        (Column("", "x", interval=True), {"x": 2}, "2"),
        (Column("", "x"), {"x": 2, "x_low": 1.5, "x_high": 2.5}, "2"),
    ],
)
def test_cells(column: Column, row: dict[str, Any], shown: str) -> None:
    assert column.cell(row) == shown


def test_figures_stand_to_the_right() -> None:
    assert markdown_table(["name", "ms"], [["one", "1.50"], ["two", "-"]]) == (
        "| name | ms |\n| --- | ---: |\n| one | 1.50 |\n| two | - |"
    )


LEFT_OUT = {
    "openvino": "it is not installed.",
    "a GPU": "no driver",
    "torch": "it is not installed.",
}


def test_a_table_for_each_machine() -> None:
    table = Table("some", (Column("a", "a"), Column("b", "b"), Column("c", "c")), lambda r: r["a"])
    rows = [{"a": 1, "c": "x"}, {"a": 0, "b": 7, "c": "y"}]
    board = machine(board="Some Board", power_mode="MAXN", gpu={"name": "GPU 1"}, packages={})
    found = table.markdown(
        [
            result("other", [{"z": 1}]),
            result("some", rows, left_out=LEFT_OUT),
            result("some", [{"a": 0}]),
            result("some", rows[:1], board),
        ]
    )
    assert found == (
        "*Imaginary 9000, 2 cores, onnxruntime 1.23.2, torch 2.13.0, SDK 9.9.9, 2026-01-02*\n\n"
        "| a | c |\n| ---: | --- |\n| 1 | x |\n\n"
        "Not run there: `openvino`, `torch`: it is not installed; `a GPU`: no driver.\n\n"
        "*Some Board, GPU 1, Imaginary 9000, 2 cores, MAXN, SDK 9.9.9, 2026-01-02*\n\n"
        "| a | c |\n| ---: | --- |\n| 1 | x |"
    )
    assert caption(result("some", [], board)) in found


def test_a_quick_look_is_called_one() -> None:
    assert caption(result("some", [], settings={"quick": True})).endswith(
        "2026-01-02, a quick look with few rounds"
    )


def test_a_projection_names_no_machine() -> None:
    table = Table("some", (Column("a", "a"),), note="Not measured")
    assert table.markdown([result("some", [{"a": 1}])]).startswith("*Not measured*\n\n| a |")


def test_a_table_without_rows_says_what_measures_them() -> None:
    table = Table("some", (Column("a", "a"),))
    assert table.markdown([]) == "Not measured yet: `python -m benchmarks.some`."


@pytest.mark.parametrize("name", SECTIONS)
def test_the_columns_of_the_docs_differ(name: str) -> None:
    columns = SECTIONS[name].columns
    assert len({column.head for column in columns}) == len(columns)
    assert len({column.key for column in columns}) == len(columns)


@pytest.mark.parametrize("name", SECTIONS)
def test_the_columns_are_what_benchmarks_write(name: str) -> None:
    shown = {
        BENCHMARKS / "reporting" / f"{name}.py" for name in ("doc_tables", "plots", "plot_style")
    }
    variant_builders = set(BENCHMARKS.rglob("*.py")) - shown
    code = "".join(path.read_text() for path in (*variant_builders, FRONTALIZER))
    # A stage's key is its name in the Frontalizer's timings, and the unit.
    keys = [
        {c.key, c.key.removesuffix("_ms")} for c in SECTIONS[name].columns if c.key != "total_ms"
    ]
    assert [either for either in keys if not any(f'"{key}"' in code for key in either)] == []
    assert (BENCHMARKS / f"{SECTIONS[name].benchmark}.py").is_file()
