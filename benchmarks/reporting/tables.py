"""Results as Markdown tables."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from .results import Result

Row = Mapping[str, Any]
NOTHING: Final = "-"
"""In a cell without a value."""
_SHOWN_PACKAGES: Final = ("onnxruntime", "onnxruntime-gpu", "openvino", "torch", "tensorrt")


@dataclass(frozen=True, slots=True)
class Column:
    """One value of each row."""

    head: str
    key: str
    interval: bool = False
    """`KEY_low` and `KEY_high` are shown behind it."""
    suffix: str = ""
    """Behind the figure, as "%"."""
    scale: float = 1.0

    def cell(self, row: Row) -> str:
        """The value as text."""
        shown = self._figure(row.get(self.key))
        low, high = row.get(f"{self.key}_low"), row.get(f"{self.key}_high")
        if self.interval and low is not None and high is not None:
            return f"{shown} ({self._figure(low)} to {self._figure(high)})"
        return shown

    def _figure(self, value: Any) -> str:
        if value is None:
            return NOTHING
        if isinstance(value, bool):
            return "yes" if value else "no"
        if isinstance(value, int | float):
            return figure(value * self.scale) + self.suffix
        return str(value)


@dataclass(frozen=True, slots=True)
class Table:
    """Of the rows of one benchmark, one table a machine."""

    benchmark: str
    columns: Sequence[Column]
    keep: Callable[[Row], bool] = lambda row: True
    """Whether a row belongs to it."""
    note: str | None = None
    """Stands above in place of the machine, where nothing was measured on it."""

    def markdown(self, results: Sequence[Result]) -> str:
        """Tables under their machines; a column that no row has is left out."""
        parts = []
        for result in results:
            own = result.benchmark == self.benchmark
            rows = [row for row in result.rows if own and self.keep(row)]
            if not rows:
                continue
            columns = [c for c in self.columns if any(row.get(c.key) is not None for row in rows)]
            heads = [column.head for column in columns]
            cells = [[column.cell(row) for column in columns] for row in rows]
            parts += [f"*{self.note or caption(result)}*", markdown_table(heads, cells)]
            if result.left_out:
                parts.append(f"Not run there: {_reasons(result.left_out)}.")
        return "\n\n".join(parts) or f"Not measured yet: `python -m benchmarks.{self.benchmark}`."


def figure(value: float) -> str:
    """Three significant digits, thousands in groups; whole numbers whole."""
    if float(value).is_integer() and abs(value) < 1e15:
        return f"{value:,.0f}"
    # The magnitude is that of the rounded number: 9.996 is 10.0.
    magnitude = int(f"{value:.2e}".partition("e")[2])
    return f"{value:,.{max(0, 2 - magnitude)}f}"


def caption(result: Result) -> str:
    """Where and when a result was measured, and with what."""
    machine = result.machine
    parts = [machine.board or "", (machine.gpu or {}).get("name", "")]
    parts += [f"{machine.cpu}, {machine.cores} cores", machine.power_mode or ""]
    parts += [f"{n} {machine.packages[n]}" for n in _SHOWN_PACKAGES if n in machine.packages]
    parts += [f"SDK {result.sdk}", result.date.partition("T")[0]]
    parts += ["a quick look with few rounds"] * bool(result.settings.get("quick"))
    return ", ".join(part for part in parts if part)


def markdown_table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Columns of figures to the right, of words to the left."""
    rules = []
    for cells in zip(*rows, strict=True):
        words = [cell for cell in cells if cell != NOTHING and not cell[:1].isdigit()]
        rules.append("---" if words else "---:")
    lines = [heads, rules, *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def _reasons(left_out: Mapping[str, str]) -> str:
    """Each reason once, behind all that it kept from running."""
    names: dict[str, list[str]] = {}
    for name, reason in left_out.items():
        names.setdefault(reason.rstrip("."), []).append(f"`{name}`")
    return "; ".join(f"{', '.join(kept)}: {reason}" for reason, kept in names.items())
