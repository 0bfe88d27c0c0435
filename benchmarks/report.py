"""Tables and plots of the docs, made from benchmarks/results/*.json.

    python -m benchmarks.report             writes them
    python -m benchmarks.report --check     says what is not current, and changes nothing

A table stands in a page between `<!-- results: NAME -->` and `<!-- /results -->`, and the plot of
its name above it: docs/images/results-NAME.png, which holds a hash of what it shows.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from tpgan_sdk.system.atomic_write import replace_file

from .errors import BenchmarkError
from .reporting.doc_tables import SECTIONS
from .reporting.plot_style import Plot, digest, draw
from .reporting.plots import PLOTS
from .reporting.results import FOLDER, Result, read_all

DOCS: Final = Path(__file__).parent.parent / "docs"
_BEGIN: Final = re.compile(r"^<!-- results: ", re.MULTILINE)
_SECTION: Final = re.compile(
    r"^(<!-- results: (?P<name>[\w-]+) -->\n).*?^(<!-- /results -->)$", re.DOTALL | re.MULTILINE
)


def filled(text: str, results: Sequence[Result], page: str = "the page") -> str:
    """A page with its tables made anew.

    Raises:
        BenchmarkError: a section that there is no table for, or that is not closed.
    """
    if len(_BEGIN.findall(text)) != len(_SECTION.findall(text)):
        raise BenchmarkError(
            f"{page}: expected `<!-- results: NAME -->` and `<!-- /results -->` in turns, each on "
            "a line of its own"
        )

    def section(found: re.Match[str]) -> str:
        name = found["name"]
        if name not in SECTIONS:
            known = ", ".join(SECTIONS)
            raise BenchmarkError(f"{page}: no table {name!r}; there are: {known}")
        parts = [found[1].rstrip(), SECTIONS[name].markdown(results), found[3]]
        if name in PLOTS and PLOTS[name].shown(results):
            parts.insert(1, f"![{PLOTS[name].words}](images/{picture(name)})")
        return "\n\n".join(parts)

    return _SECTION.sub(section, text)


def picture(name: str) -> str:
    """Name of a plot's file."""
    return f"results-{name}.png"


def outdated_pages(results: Sequence[Result], docs: Path) -> dict[Path, str]:
    """Pages whose tables are not those of the results, with the text that they should have.

    Raises:
        BenchmarkError: as `filled`.
    """
    found = {}
    for page in sorted(docs.glob("*.md")):
        text = page.read_text(encoding="utf-8")
        wanted = filled(text, results, page.name)
        if wanted != text:
            found[page] = wanted
    return found


def outdated_plots(results: Sequence[Result], docs: Path) -> dict[Path, Plot]:
    """Pictures that are missing, show other results, or show what is no longer measured."""
    found = {}
    for name, plot in PLOTS.items():
        path = docs / "images" / picture(name)
        data, shown = path.read_bytes() if path.is_file() else b"", plot.shown(results)
        if bool(shown) != bool(data) or (shown and digest(shown).encode() not in data):
            found[path] = plot
    return found


def main(argv: Sequence[str] | None = None) -> int:
    """Exit code 1: something is not current (--check), or a result cannot be read."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.report",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--check", action="store_true", help="only say what is not current")
    parser.add_argument("--results", type=Path, default=FOLDER, help="folder of the JSON files")
    parser.add_argument("--docs", type=Path, default=DOCS, help="folder of the pages")
    arguments = parser.parse_args(argv)
    try:
        results = read_all(arguments.results)
        pages = outdated_pages(results, arguments.docs)
        plots = outdated_plots(results, arguments.docs)
    except BenchmarkError as error:
        print(error, file=sys.stderr)
        return 1
    for path in (*pages, *plots):
        print(f"{path} is not current: python -m benchmarks.report" if arguments.check else path)
    if arguments.check:
        return 1 if pages or plots else 0
    for page, text in pages.items():
        replace_file(page, text.encode())
    for path, plot in plots.items():
        if shown := plot.shown(results):
            draw(plot, shown, path)
        else:
            path.unlink()
    return 0


if __name__ == "__main__":
    sys.exit(main())
