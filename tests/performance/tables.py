"""Recorded figures as Markdown."""

from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby
from typing import Any

from tests.performance.results import Measurement

DIGITS = 3
"""Significant digits of a measured number; more would claim a precision that no measurement here has."""


def number(value: Any) -> str:
    """A value as it stands in a table: three significant digits, groups of thousands."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return str(value).replace("|", "\\|")
    if isinstance(value, int) or abs(value) >= 10**DIGITS:
        return f"{value:,.0f}"
    return f"{float(f'{value:.{DIGITS}g}'):,}".removesuffix(".0")


def table(columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    """A table; columns of numbers stand at the right."""
    rows = list(rows)
    right = [all(isinstance(row[place], int | float) for row in rows) for place in range(len(columns))]
    lines = [columns, *([number(value) for value in row] for row in rows)]
    written = [f"| {' | '.join(line)} |" for line in lines]
    written.insert(1, f"|{'|'.join('---:' if each else '---' for each in right)}|")
    return "\n".join(written)


def listed(measurements: Iterable[Measurement], start: str = "") -> str:
    """The figures whose names start so, each measurement with where it comes from."""
    parts = []
    for measured in measurements:
        figures = {name: value for name, value in measured.figures.items() if name.startswith(start)}
        if figures:
            parts.append(f"{_figures(figures)}\n\n{told(measured)}")
    return "\n\n".join(parts)


def _figures(figures: Mapping[str, Any]) -> str:
    """Tables and printed lines in the order in which they were recorded; rows with the same columns share a table."""
    parts = []
    for columns, group in groupby(figures.items(), lambda figure: _columns(figure[1])):
        together = list(group)
        if columns == ("lines",):
            parts += ["\n".join(["```text", *lines, "```"]) for _, lines in together]
        elif columns == ("figure",):
            parts.append(table(("what", "figure"), together))
        else:
            parts.append(table(("what", *columns), [(name, *row.values()) for name, row in together]))
    return "\n\n".join(parts)


def _columns(value: Any) -> tuple[str, ...]:
    if isinstance(value, dict):
        return tuple(value)
    return ("lines",) if isinstance(value, list) else ("figure",)


def told(measured: Measurement) -> str:
    """Where figures come from, in a sentence."""
    return f"Measured with `{measured.command}` on {measured.date[:10]}: commit {measured.commit}, {measured.machine}."
