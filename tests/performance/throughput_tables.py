"""The tables of the throughput that was recorded."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from tests.performance.cell import Cell
from tests.performance.results import Measurement, recorded
from tests.performance.tables import number, table
from tests.performance.throughput import CHECKS, MIXED, MIXED_SIZE, NAME, WORKERS, cells

Rows = Mapping[Cell, Mapping[str, Any]]

COLUMNS = ("files", "files/h", "× real time", "p50 s", "p95 s", "p99 s", "MB", "MB a child")
BASE = Cell(MIXED_SIZE, MIXED)
COLD_WORKERS = 2
NOTHING = "Nothing is recorded."


def measured(start: str, folder: Path) -> str:
    """What was measured: each cell with its throughput, its quantiles, its memory and its efficiency."""
    found = recorded(NAME, folder)
    if not found:
        return NOTHING
    rows = _rows(found)
    heads = ("size", "format", "workers", "mode", "cache", *COLUMNS, "efficiency", "commit")
    commits = {str(cell): each.commit for each in found for cell in _rows([each])}
    lines = [
        (
            *(cell.size, cell.format, _workers(cell), cell.mode, cell.cache),
            *(row[column] for column in COLUMNS),
            *(_efficiency(rows, cell), commits[str(cell)]),
        )
        for cell, row in rows.items()
        if str(cell).startswith(start)
    ]
    return f"{table(heads, lines)}\n\n{_origin(found)}"


def pace(start: str, folder: Path) -> str:
    """What a guide needs of it: files an hour, and the memory of all processes together."""
    found = recorded(NAME, folder)
    if not found:
        return NOTHING
    lines = [
        (
            *(cell.size, cell.format, _workers(cell), cell.mode, cell.cache),
            *(row["files/h"], row["× real time"], row["MB"] + cell.workers * row["MB a child"]),
        )
        for cell, row in _rows(found).items()
        if str(cell).startswith(start)
    ]
    heads = ("size", "format", "workers", "mode", "cache", "files/h", "× real time", "MB in all")
    return f"{table(heads, lines)}\n\n{_origin(found)}"


def stages(start: str, folder: Path) -> str:
    """Which share of the work each stage has, in cells whose names start so, with one worker and SQLite."""
    found = recorded(NAME, folder)
    if not found:
        return NOTHING
    rows = {
        cell: row
        for cell, row in _rows(found).items()
        if str(cell).startswith(start) and cell == Cell(cell.size, cell.format)
    }
    names = sorted(
        {name for row in rows.values() for name in row["stages"]},
        key=lambda name: -sum(row["stages"].get(name, 0.0) for row in rows.values()),
    )
    lines = [
        (cell.size, cell.format, *(f"{row['stages'].get(name, 0.0):.1%}" for name in names))
        for cell, row in rows.items()
    ]
    return f"{table(('size', 'format', *names), lines)}\n\n{_origin(found)}"


def computed(start: str, folder: Path) -> str:  # noqa: ARG001  a view is called with it
    """Files an hour in the cells that were not measured, and how far the formula was off in those that were."""
    found = recorded(NAME, folder)
    if not found:
        return NOTHING
    rows = _rows(found)
    modes = [
        (workers, servers, cold) for servers in (False, True) for cold in (False, True) for workers in WORKERS
    ]
    modes = [each for each in modes if each != (1, False, False) and _mixed_speed(rows, Cell("", "", *each))]
    heads = [f"{Cell('', '', *each).mode}, {Cell('', '', *each).cache}, {each[0]}" for each in modes]
    single = [cell for cell in rows if cell == Cell(cell.size, cell.format) and cell.format != MIXED]
    lines = [
        (cell.size, cell.format, *(_shown(rows, Cell(cell.size, cell.format, *each)) for each in modes))
        for cell in single
    ]
    errors = [f"{cell} {error:+.0%}" for cell, error in _errors(rows)]
    return (
        f"{table(('size', 'format', *heads), lines)}\n\n"
        "Files an hour by mode, cache and workers. **Bold: measured.** The others are computed: files/h of the size and"
        f" the format with one worker, embedded and warm, times the speed of {MIXED_SIZE} files ({MIXED}) in that mode"
        f" by their speed with one worker, embedded and warm. That of a cold cache was measured with {COLD_WORKERS}"
        " workers, and is taken as the same share of the speed of a warm one with others. How far the formula is off"
        " where both are known: "
        f"{'; '.join(errors) or 'not known'}."
    )


def _errors(rows: Rows) -> Iterator[tuple[Cell, float]]:
    for cell in CHECKS:
        guess = _computed(rows, cell)
        if cell in rows and guess:
            yield cell, guess / rows[cell]["files/h"] - 1


def _shown(rows: Rows, cell: Cell) -> str:
    if cell in rows:
        return f"**{number(rows[cell]['files/h'])}**"
    guess = _computed(rows, cell)
    return "" if guess is None else number(float(f"{guess:.2g}"))


def _computed(rows: Rows, cell: Cell) -> float | None:
    alone = rows.get(Cell(cell.size, cell.format))
    speed = _mixed_speed(rows, cell)
    base = _mixed_speed(rows, BASE)
    if alone is None or speed is None or base is None:
        return None
    return float(alone["files/h"]) * speed / base


def _mixed_speed(rows: Rows, cell: Cell) -> float | None:
    """The speed of all formats in a mode; with a cold cache where need be by that of other workers, cold and warm."""
    mixed = replace(cell, size=MIXED_SIZE, format=MIXED)
    if mixed in rows:
        return float(rows[mixed]["× real time"])
    warm, other = replace(mixed, cold=False), replace(mixed, workers=COLD_WORKERS)
    factors = [rows.get(each) for each in (warm, other, replace(other, cold=False))]
    if not cell.cold or None in factors:
        return None
    speeds = [float(row["× real time"]) for row in factors if row is not None]
    return speeds[0] * speeds[1] / speeds[2]


def _rows(found: Iterable[Measurement]) -> dict[Cell, dict[str, Any]]:
    """The rows of all cells, by cell, in the order in which the report has them."""
    rows = [row for each in found for row in each.figures.values()]
    by_cell = {Cell(*(row[name] for name in Cell.__dataclass_fields__)): row for row in rows}
    order = [cell for cell in cells() if cell in by_cell]
    return {cell: by_cell[cell] for cell in (*order, *by_cell)}


def _workers(cell: Cell) -> str:
    return f"{cell.workers}, one core" if cell.cores == 1 else str(cell.workers)


def _efficiency(rows: Rows, cell: Cell) -> str:
    """The speed by that of one worker, a worker."""
    alone = rows.get(Cell(cell.size, cell.format, 1, cell.servers, cell.cold))
    if cell.workers == 1 or alone is None:
        return ""
    return f"{rows[cell]['× real time'] / alone['× real time'] / cell.workers:.2f}"


def _origin(found: Iterable[Measurement]) -> str:
    """Machines, commits and days of measuring."""
    machines = sorted({each.machine for each in found})
    days = sorted({each.date[:10] for each in found})
    commits = sorted({each.commit for each in found})
    return f"Measured on {' and '.join(days)}, commit {', '.join(commits)}: {'; '.join(machines)}."
