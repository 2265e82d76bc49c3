"""Which measurements there are, and what each has recorded last."""

import ast
from collections.abc import Mapping
from pathlib import Path

from tests.performance.results import FOLDER, names, recorded
from tests.performance.tables import listed as listed_figures

COMMAND = "python -m tests.performance"
TOOLS = ("blocks", "material")
"""Scripts that measure nothing."""
ABOVE = "throughput"
"""The script whose results have tables of their own."""


def scripts() -> Mapping[str, str]:
    """What can be called by its name, each with what its docstring says first."""
    found = {}
    for file in sorted(Path(__file__).parent.glob("*.py")):
        text = file.read_text(encoding="utf-8")
        purpose, called, _ = (ast.get_docstring(ast.parse(text)) or "").partition(
            f": ``{COMMAND} {file.stem}"
        )
        if called:
            found[file.stem] = purpose
    return found


def listed(start: str, folder: Path = FOLDER) -> str:
    """Every script whose name starts so, with its last recorded result, and results that no script has."""
    parts = []
    known = scripts()
    for name in (*known, *(each for each in names(folder) if each not in known)):
        if name.startswith(start):
            said = f"{known[name]}." if name in known else "Measured by the commands below."
            parts.append(f"### {name}\n\n{said} {_last(name, folder)}".rstrip())
    return "\n\n".join(parts)


def _last(name: str, folder: Path) -> str:
    if name in TOOLS:
        return ""
    if name == ABOVE:
        return "Its results are in the tables above."
    found = recorded(name, folder)
    return f"\n\n{listed_figures(found)}" if found else "No result is recorded."
