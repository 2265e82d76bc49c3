"""How many tracks there are by two columns: tempo by key, loudness by year."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, FromClause, func, select

from tonearm.library.database import Database
from tonearm.library.schema import IS_PRESENT, file_table
from tonearm.views.columns import SearchColumn
from tonearm.views.floored import floored


@dataclass(frozen=True, slots=True)
class Axis:
    """A column of a grid. step: the width of its ranges; ``None`` for each value apart."""

    column: SearchColumn
    step: float | None = None


@dataclass(frozen=True, slots=True)
class Grid:
    """Numbers of tracks by two columns.

    cells: by the values, or by the numbers of the ranges: range 3 of width 5 is from 15 to below 20.
    unknown: number of tracks that lack one of the two values.
    """

    cells: Mapping[tuple[Any, Any], int]
    unknown: int


def read_grid(database: Database, x: Axis, y: Axis) -> Grid:
    """Count the tracks that the last scan found; this reads the whole library."""
    source: FromClause = file_table
    for column in {axis.column.table: axis.column for axis in (x, y)}.values():
        if column.table is not file_table:
            file_id = file_table.c.id if column.of_file else file_table.c.audio_id
            source = source.outerjoin(column.table, column.owner == file_id)
    across, down = _place(x), _place(y)
    with database.read() as connection:
        rows = connection.execute(
            select(across.label("across"), down.label("down"), func.count().label("tracks"))
            .select_from(source)
            .where(IS_PRESENT)
            .group_by("across", "down")
        ).all()
    known = {(row.across, row.down): row.tracks for row in rows if None not in (row.across, row.down)}
    return Grid(known, sum(row.tracks for row in rows) - sum(known.values()))


def _place(axis: Axis) -> ColumnElement[Any]:
    return axis.column.value if axis.step is None else floored(axis.column.value / axis.step)
