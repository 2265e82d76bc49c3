"""Figures in documents, generated from recorded results: ``python -m tests.performance blocks``.

A document marks where they stand, and what is between the marks is written anew:

    <!-- figures: NAME -->
    <!-- /figures -->

NAME is one of ``VIEWS``, or that of a file of results, whose figures are listed. Words behind the name leave only the
figures whose names start with them: ``<!-- figures: million rescan -->``.
"""

import re
from collections.abc import Callable, Mapping
from pathlib import Path

from tests.performance import scripts, sizing_tables, throughput_tables
from tests.performance.results import FOLDER, PROJECT, recorded
from tests.performance.tables import listed

VIEWS: Mapping[str, Callable[[str, Path], str]] = {
    "scripts": scripts.listed,
    "throughput": throughput_tables.measured,
    "pace": throughput_tables.pace,
    "stages": throughput_tables.stages,
    "computed": throughput_tables.computed,
    "first_runs": sizing_tables.first_runs,
    "machines": sizing_tables.machines,
    "reading": sizing_tables.reading,
}
BLOCK = re.compile(r"(<!-- figures: (\S+)(?: ([^\n]*?))? -->\n)(.*?)(<!-- /figures -->)", re.DOTALL)


def documents() -> list[Path]:
    """All documents that may have marked places."""
    return [
        PROJECT / "README.md",
        *sorted((PROJECT / "docs").rglob("*.md")),
        *sorted(Path(__file__).parent.glob("*.md")),
    ]


def generated(text: str, folder: Path = FOLDER) -> str:
    """The text with all its figures written anew. Raises ValueError for a name of which there are no results."""
    return BLOCK.sub(lambda found: f"{found[1]}{_block(found[2], found[3] or '', folder)}\n{found[5]}", text)


def _block(name: str, start: str, folder: Path) -> str:
    if name in VIEWS:
        return VIEWS[name](start, folder)
    found = recorded(name, folder)
    if not found:
        raise ValueError(f"there are no results of {name}; there are views of {', '.join(VIEWS)}")
    return listed(found, start)


def main() -> int:
    """Write the figures in all documents anew; prints which have changed."""
    for document in documents():
        before = document.read_text(encoding="utf-8")
        after = generated(before)
        if after != before:
            document.write_text(after, encoding="utf-8")
            print(document.relative_to(PROJECT))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
