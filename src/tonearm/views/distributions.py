"""How the values of a column are distributed over a library."""

from array import array
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Column, select

from tonearm.library.database import Database
from tonearm.library.schema import IS_PRESENT, file_table

PERCENTS = (0, 5, 25, 50, 75, 95, 100)
"""The percentiles that are told."""
BINS = 20
"""Ranges of a histogram, of equal width, from the 1st to the 99th percentile; the outer ones hold what lies beyond."""
READ_AT_ONCE = 10_000


@dataclass(frozen=True, slots=True)
class Distribution:
    """The values of a column over the tracks that have one, each file counted once.

    percentiles: the value at each of ``PERCENTS``, by nearest rank; empty without tracks. low, high: the ends of the
    histogram. counts: tracks by range.
    """

    tracks: int
    percentiles: tuple[float, ...] = ()
    low: float | None = None
    high: float | None = None
    counts: tuple[int, ...] = ()


def read_distribution(database: Database, column: Column[float]) -> Distribution:
    """The distribution of a column of the feature tables over the files that are there."""
    table = column.table
    wanted = (
        select(column)
        .join_from(file_table, table, file_table.c.audio_id == table.c.audio_id)
        .where(IS_PRESENT, column.is_not(None))
    )
    values = array("d")
    with database.read() as connection:
        for rows in connection.execution_options(yield_per=READ_AT_ONCE).execute(wanted).partitions():
            values.extend(row[0] for row in rows)
    return distribution_of(sorted(values))


def distribution_of(ordered: Sequence[float]) -> Distribution:
    """The distribution of ascending values."""
    if not ordered:
        return Distribution(0)

    def at(percent: float) -> float:
        return ordered[round(percent / 100 * (len(ordered) - 1))]

    low, high = at(1), at(99)
    width = (high - low) / BINS
    counts = [0] * (BINS if width else 1)
    for value in ordered:
        counts[min(max(int((value - low) / width), 0), BINS - 1) if width else 0] += 1
    return Distribution(len(ordered), tuple(map(at, PERCENTS)), low, high, tuple(counts))
