"""Reads the index that tracks are sorted by, from a position on, in portions of bounded size."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, select

from tonearm.library.roots import Place
from tonearm.library.schema import file_table, root_table
from tonearm.views.columns import SearchColumn
from tonearm.views.conditions import Condition

LEAST, MOST = 30, 100_000
"""Number of entries of an index that are read by one statement."""
MARGIN = 1.3
"""How many times the expected number of entries is read, so that most pages take one statement."""


@dataclass(frozen=True, slots=True)
class Position:
    """A position in a list of tracks: the key and the path of a track."""

    key: Any
    root: bytes
    path: bytes


@dataclass(frozen=True, slots=True)
class OneKey:
    """Many entries of an index that have the same key."""

    key: Any


class ColumnWalk:
    """Reads the index of a column from a position on, in groups of whole keys."""

    def __init__(
        self,
        connection: Connection,
        column: SearchColumn,
        descending: bool,
        wanted: Sequence[Condition],
        after: Position | None,
        portions: "Portions",
    ) -> None:
        self._portions = portions
        self._connection = connection
        self._column = column
        self._descending = descending
        self.read = 0
        """Entries of the last group."""
        own = [c for c in wanted if c.column == column.name]
        self.bounded = bool(own)
        """Whether a condition asks for a value of this very column."""
        key, first = column.key, column.behind
        self._within = [key.is_not(None)]
        if first is not None:
            self._within += [first.key == c.low for c in wanted if c.column == first.name and c.has_one_key]
        # one lowest and one highest key: of several, SQLite would look up the first, and test the others one by one
        self._start = self._end = None
        if own:
            low, high = max(c.low for c in own), min(c.high for c in own)
            self._start, self._end = (key <= high, key >= low) if descending else (key >= low, key <= high)
        if after is not None and not (own and self._is_before(after.key, high if descending else low)):
            self._start = self._beyond(after.key)

    def groups(self) -> Iterator["OneKey | ColumnElement[bool]"]:
        """Groups one after the other: many entries of one key, or conditions on the key that few entries meet."""
        while True:
            portion = next(self._portions)
            last = self._entry(portion)
            if last is None:
                self.read = portion
                yield and_(*self._conditions(self._end))
                return
            first = self._entry(0)
            self.read = portion
            if first == last:
                yield OneKey(first)
                self._start = self._beyond(first)
            else:
                yield and_(
                    *self._conditions(
                        self._column.key > last if self._descending else self._column.key < last
                    )
                )
                self._start = self._column.key <= last if self._descending else self._column.key >= last

    def _conditions(self, end: ColumnElement[bool] | None) -> list[ColumnElement[bool]]:
        return [*self._within, *(each for each in (self._start, end) if each is not None)]

    def _is_before(self, key: Any, first: Any) -> bool:
        """Whether a key comes before the first one that a condition asks for."""
        return bool(key > first if self._descending else key < first)

    def _beyond(self, key: Any) -> ColumnElement[bool]:
        beyond: ColumnElement[bool] = self._column.key < key if self._descending else self._column.key > key
        return beyond

    def _entry(self, number: int) -> Any:
        """The key of an entry, counted from where the walk is; ``None`` beyond the last one."""
        key = self._column.key
        found = select(key).where(*self._conditions(self._end))
        found = found.order_by(key.desc() if self._descending else key)
        return self._connection.execute(found.offset(number).limit(1)).scalar_one_or_none()


class PathWalk:
    """Reads the index of paths from a position on, root by root."""

    def __init__(
        self,
        connection: Connection,
        descending: bool,
        place: Place | None,
        after: Position | None,
        tests: bool,
        portions: "Portions",
    ) -> None:
        """``tests``: whether files will be tested, so that it has to be known how many were read."""
        self._portions = portions
        self._connection = connection
        self._descending = descending
        self._place = place
        self._after = after
        self._tests = tests
        self.read = 0
        """Entries of the last group."""

    def portions(self) -> Iterator[ColumnElement[bool]]:
        """Conditions on files that ever more entries meet, one after the other."""
        path = file_table.c.path
        for root in self._roots():
            here = and_(file_table.c.root_id == root.id, file_table.c.moved_to_id.is_(None))
            if self._place is not None and self._place.scope:
                here = and_(here, path >= self._place.scope, path < self._place.scope + b"0")
            start: ColumnElement[bool] | None = None
            if self._after is not None and root.path == self._after.root:
                start = self._beyond(self._after.path)
            while self._tests:
                portion = next(self._portions)
                entries = select(path).where(here, *([] if start is None else [start]))
                entries = entries.order_by(path.desc() if self._descending else path)
                last = self._connection.execute(entries.offset(portion).limit(1)).scalar_one_or_none()
                if last is None:
                    break
                self.read = portion
                before = path >= last if self._descending else path <= last
                yield and_(here, before, *([] if start is None else [start]))
                start = self._beyond(last)
            yield and_(here, *([] if start is None else [start]))

    def _roots(self) -> list[Any]:
        """The roots that are still to be read, in their order."""
        roots = self._connection.execute(select(root_table.c.id, root_table.c.path)).all()
        after = self._after
        if self._place is not None:
            roots = [row for row in roots if row.id == self._place.root]
        if after is not None:
            roots = [
                row
                for row in roots
                if (row.path <= after.root if self._descending else row.path >= after.root)
            ]
        return sorted(roots, key=lambda row: bytes(row.path), reverse=self._descending)

    def _beyond(self, path: bytes) -> ColumnElement[bool]:
        known = file_table.c.path
        beyond: ColumnElement[bool] = known < path if self._descending else known > path
        return beyond


class Portions:
    """How many entries of an index are read by each statement: about as many as are needed to fill the page."""

    def __init__(self, expected: float, limit: int) -> None:
        """``expected``: number of entries in which ``limit`` files are expected to be found."""
        self._limit = limit
        self._read = 0
        self.needed = expected
        """Entries in which the rest of the page is expected."""
        self._next = _bounded(MARGIN * expected)

    def __next__(self) -> int:
        """The number of entries to read next."""
        self._read += self._next
        return self._next

    def found(self, number: int) -> None:
        """Note how many files all portions so far have had."""
        self.needed = self._read * (self._limit - number) / max(number, 1)
        self._next = _bounded(min(MARGIN * self.needed, 2 * self._next))


def _bounded(number: float) -> int:
    return int(min(MOST, max(LEAST, number)))
