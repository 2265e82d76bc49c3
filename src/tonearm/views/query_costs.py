"""Estimates how long the two methods of finding a page take, so that the quicker one is tried first.

All times are microseconds of one core, measured with a library of a million tracks; only their ratios matter.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from math import prod
from typing import Any

from sqlalchemy import Connection, Select, and_, bindparam, func, select

from tonearm.library.schema import file_table
from tonearm.views.columns import SearchColumn
from tonearm.views.conditions import KEPT, Condition, ConditionKind, is_beside
from tonearm.views.row_estimates import estimated_rows

_LATEST = select(func.max(file_table.c.id))


@dataclass(frozen=True, slots=True)
class Costs:
    """What a database takes for one row.

    entry: of a file in the order of paths, whose neighbours lie beside it. beside: of what another table has about
    it. lookup: of a row that is found by an id, where ids come in ascending order. scattered: where they do not.
    """

    entry: float
    beside: float
    lookup: float
    scattered: float


COSTS = {
    "sqlite": Costs(entry=0.4, beside=0.3, lookup=2.0, scattered=3.0),
    "postgresql": Costs(entry=1.5, beside=2.0, lookup=3.5, scattered=5.0),
}
FEW = 3_000
"""Number up to which PostgreSQL counts."""
MAY_BE_FEW = 15_000
"""Where PostgreSQL estimates no more, it counts; more than ``FEW`` are then taken for this many."""
COUNTED = 50_000
"""Number up to which the tracks of a condition are counted at first."""
MANY = 200_000
"""Maximum number of tracks that are fetched and sorted after reading in order was in vain."""
MOST = 0.2
"""Share of the tracks that is assumed to meet a condition that has no index, or that more meet than were counted."""
IN_VAIN = 10_000.0
"""Time that is spent on reading in order before it counts as in vain, though it was expected to take less."""
SCAN = 0.1
"""Time that is spent on reading in order before a whole table is read, for each track of the library."""
PATIENCE = 4
"""How many times the expected time is spent on reading in order before it counts as in vain."""


class Sizes:
    """How many tracks meet each condition, as far as the choice needs it."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self.dialect = connection.dialect.name
        self._estimates = self.dialect == "postgresql"
        self._known: dict[int, tuple[Condition, int, int]] = {}
        """By condition how many were counted, and up to which number."""
        self._estimated: dict[int, tuple[Condition, int]] = {}
        self._all: int | None = None

    def fewest(self, wanted: Sequence[Condition], at_most: int) -> Condition | None:
        """The condition that the fewest tracks meet, if no more than ``at_most`` meet it."""
        best, fewest = None, at_most + 1
        for condition in [*wanted, *(_combined(wanted) if self._estimates else ())]:
            if condition.kind.owners is not None:
                size = self.size(condition, at_most)
                if size < fewest:
                    best, fewest = condition, size
        return best

    def size(self, condition: Condition, at_most: int) -> int:
        """How many meet a condition that has an index; if more than ``at_most``, some number above it.

        PostgreSQL, whose indexes don't tell which rows are visible, estimates, and counts only what may be few.
        """
        if condition.number is not None:
            return condition.number
        if not self._estimates:
            return self._count(condition, at_most + 1)
        estimate = self._estimate(condition)
        if estimate > MAY_BE_FEW:
            return estimate
        count = self._count(condition, FEW + 1)
        return count if count <= FEW else MAY_BE_FEW

    def share(self, condition: Condition) -> float:
        """The share of all tracks that meet a condition, as estimated."""
        if condition.kind.owners is None:
            return MOST
        size = self.size(condition, COUNTED)
        known = self._estimates or size <= COUNTED
        return max(1, size) / max(size, self.total) if known else MOST

    @property
    def total(self) -> int:
        """The number of all tracks, or somewhat more."""
        if self._all is None:
            self._all = self._connection.execute(_LATEST).scalar_one() or 1
        return self._all

    def _count(self, condition: Condition, at_most: int) -> int:
        _, count, counted_to = self._known.get(id(condition), (condition, 0, 0))
        if count == counted_to < at_most:
            values = {**condition.values, "at_most": at_most}
            count = self._connection.execute(_counted(condition.kind), values).scalar_one()
            self._known[id(condition)] = condition, count, at_most
        return min(count, at_most)

    def _estimate(self, condition: Condition) -> int:
        known = self._estimated.get(id(condition))
        if known is None:
            assert condition.kind.owners is not None  # noqa: S101  only such are counted
            estimate = estimated_rows(self._connection, condition.kind.owners, condition.values)
            known = condition, estimate
            self._estimated[id(condition)] = known
        return known[1]


@lru_cache(KEPT)
def _counted(kind: ConditionKind) -> Select[Any]:
    """How many meet a condition of a kind that has an index, counted up to the parameter ``at_most``."""
    assert kind.owners is not None  # noqa: S101  only such are counted
    return select(func.count()).select_from(kind.owners.limit(bindparam("at_most")).subquery())


def _combined(wanted: Sequence[Condition]) -> Iterator[Condition]:
    """The conditions that several indexes of one table meet together."""
    by_source: dict[Any, list[Condition]] = {}
    for condition in wanted:
        if condition.kind.owners is not None:
            by_source.setdefault(condition.kind.source, []).append(condition)
    for those in by_source.values():
        if len(those) > 1:
            values = {name: value for condition in those for name, value in condition.values.items()}
            yield Condition(_together(tuple(condition.kind for condition in those)), values)


@lru_cache(KEPT)
def _together(kinds: tuple[ConditionKind, ...]) -> ConditionKind:
    """The kind of what meets conditions of several kinds with indexes of one table."""
    first, *others = kinds
    clauses = [other.owners.whereclause for other in others if other.owners is not None]
    assert first.owners is not None  # noqa: S101  only such are here
    assert first.source is not None  # noqa: S101  what has an index has a table
    return ConditionKind(
        test=and_(*[kind.test for kind in kinds]),
        tables=(first.source,),
        owners=first.owners.where(*[clause for clause in clauses if clause is not None]),
        source=first.source,
        exact=all(kind.exact for kind in kinds),
        of_file=first.of_file,
    )


@dataclass(frozen=True, slots=True)
class Effort:
    """What the methods are expected to take. ``best``: the condition to fetch tracks by, if they are not too many.

    entries: how many entries are expected to be read in order. entry: what each of them takes. least: time that is
    spent on reading in order before it counts as in vain.
    """

    best: Condition | None
    fetching: float
    entries: float
    entry: float
    least: float

    @property
    def reading(self) -> float:
        """What reading in order is expected to take."""
        return self.entries * self.entry

    @property
    def reads(self) -> bool:
        """Whether reading in order is tried first."""
        return self.best is None or self.reading < self.fetching

    @property
    def patience(self) -> float:
        """Time after which reading in order counts as in vain."""
        patience = max(self.least, PATIENCE * self.reading)
        return patience if self.best is None else min(patience, self.fetching)


def estimated(sizes: Sizes, wanted: Sequence[Condition], column: SearchColumn | None, limit: int) -> Effort:
    """What it takes to find ``limit`` tracks in the order of a column, ``None`` for their paths."""
    costs = COSTS[sizes.dialect]
    tested = [condition for condition in wanted if column is None or not _is_walked(condition, column)]
    if column is None:
        tables = {table for condition in wanted for table in condition.kind.tables} - {file_table}
        entry = costs.entry + costs.beside * len(tables)
    else:
        entry = costs.scattered * _rows(sizes, tested, column.table, column.of_file)
    if wanted and not tested:  # every entry that is read will do
        return Effort(None, 0.0, limit, entry, IN_VAIN)
    read = min(sizes.total, limit / prod(sizes.share(condition) for condition in tested))
    scans = any(each.kind.owners is None and each.kind.scanned is not None for each in wanted)
    least = max(IN_VAIN, SCAN * sizes.total) if scans else IN_VAIN
    best = sizes.fewest(wanted, COUNTED)
    if best is None:
        return Effort(None, 0.0, read, entry, least)
    return Effort(best, _fetching(sizes, wanted, best, column), read, entry, least)


def _is_walked(condition: Condition, column: SearchColumn) -> bool:
    """Whether reading the index of a column in order comes upon tracks that meet a condition, and no others."""
    return condition.column == column.name and (condition.has_one_key or not column.is_text)


def _fetching(
    sizes: Sizes, wanted: Sequence[Condition], best: Condition, column: SearchColumn | None
) -> float:
    """What it takes to fetch the tracks that meet ``best``, and to test them."""
    tested = [condition for condition in wanted if not (condition is best and best.kind.exact)]
    also = None if column is None else column.table
    rows = _rows(sizes, tested, best.kind.source, best.kind.of_file, also, best)
    return sizes.size(best, COUNTED) * COSTS[sizes.dialect].lookup * rows


def _rows(
    sizes: Sizes,
    wanted: Sequence[Condition],
    source: Any,
    of_file: bool,
    also: Any = None,
    best: Condition | None = None,
) -> float:
    """How many rows are looked up for each owner in ``source``, with its own.

    As ``Search`` joins them: first what is beside the owner, then its files, then what is beside those and ``also``;
    each table tests what the ones before have left. best: a condition that hardly any owner fails to meet.
    """
    shares: dict[Any, float] = {}
    for condition in sorted(wanted, key=lambda each: each.kind.is_slow):
        for table in condition.kind.tables:
            share = 1.0 if condition is best else sizes.share(condition)
            shares[table] = shares.get(table, 1.0) * share
    beside = [table for table in shares if source is not file_table and is_beside(table, of_file)]
    rows, left = 1.0, shares.get(source, 1.0)
    for table in dict.fromkeys([*beside, file_table, *shares, *([] if also is None else [also])]):
        if table is not source:
            rows += left
            left *= shares.get(table, 1.0)
    return rows
