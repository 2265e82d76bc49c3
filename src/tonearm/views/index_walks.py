"""Reads the index that tracks are sorted by, from a position on, in portions of bounded size."""

import operator
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, and_, bindparam, select

from tonearm.library.roots import Place
from tonearm.library.schema import file_table
from tonearm.views.columns import SearchColumn
from tonearm.views.conditions import KEPT, Condition, ConditionKind

LEAST, MOST = 30, 100_000
"""Number of entries of an index that are read by one statement."""
MARGIN = 1.3
"""How many times the expected number of entries is read, so that most pages take one statement."""

Comparison = Callable[[Any, Any], Any]
"""One of ``operator.lt``, ``le``, ``gt`` and ``ge``."""


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


@dataclass(frozen=True, slots=True)
class Bound:
    """Where a stretch of an index begins or ends."""

    comparison: Comparison
    key: Any

    @classmethod
    def kind(cls, bound: "Bound | None") -> Comparison | None:
        """What a statement with the bound depends on; its key is a parameter."""
        return None if bound is None else bound.comparison


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
        first = column.behind
        behind = [c.low for c in wanted if first is not None and c.column == first.name and c.has_one_key]
        self._behind: Mapping[str, Any] = {"walk_behind": behind[0]} if behind else {}
        # one lowest and one highest key: of several, SQLite would look up the first, and test the others one by one
        self._start = self._end = None
        if own:
            low, high = max(c.low for c in own), min(c.high for c in own)
            at_least, at_most = Bound(operator.ge, low), Bound(operator.le, high)
            self._start, self._end = (at_most, at_least) if descending else (at_least, at_most)
        if after is not None and (self._start is None or not self._is_before(after.key, self._start.key)):
            self._start = self._beyond(after.key)

    def groups(self) -> Iterator[OneKey | Condition]:
        """Groups one after the other: many entries of one key, or conditions on the key that few entries meet."""
        while True:
            portion = next(self._portions)
            last = self._entry(portion)
            if last is None:
                self.read = portion
                yield self._until(self._end)
                return
            first = self._entry(0)
            self.read = portion
            if first == last:
                yield OneKey(first)
                self._start = self._beyond(first)
            else:
                yield self._until(Bound(operator.gt if self._descending else operator.lt, last))
                self._start = Bound(operator.le if self._descending else operator.ge, last)

    def _until(self, end: Bound | None) -> Condition:
        kind = _portion(self._column, bool(self._behind), Bound.kind(self._start), Bound.kind(end))
        return Condition(kind, self._values(end))

    def _values(self, end: Bound | None) -> dict[str, Any]:
        ends = {"walk_start": self._start, "walk_end": end}
        return {**self._behind, **{name: each.key for name, each in ends.items() if each is not None}}

    def _is_before(self, key: Any, first: Any) -> bool:
        """Whether a key comes before the first one that a condition asks for."""
        return bool(key > first if self._descending else key < first)

    def _beyond(self, key: Any) -> Bound:
        return Bound(operator.lt if self._descending else operator.gt, key)

    def _entry(self, number: int) -> Any:
        """The key of an entry, counted from where the walk is; ``None`` beyond the last one."""
        found = _entry(
            self._column,
            bool(self._behind),
            Bound.kind(self._start),
            Bound.kind(self._end),
            self._descending,
        )
        values = self._values(self._end) | {"number": number}
        return self._connection.execute(found, values).scalar_one_or_none()


def _within(
    column: SearchColumn, is_behind: bool, start: Comparison | None, end: Comparison | None
) -> ColumnElement[bool]:
    """Entries of the index of a column, from a start to an end; of one value of the column before it, if asked."""
    key = column.key
    tests: list[ColumnElement[bool]] = [key.is_not(None)]
    if is_behind:
        assert column.behind is not None  # noqa: S101  only such are asked for
        tests.append(column.behind.key == bindparam("walk_behind", type_=column.behind.key.type))
    for name, comparison in (("walk_start", start), ("walk_end", end)):
        if comparison is not None:
            tests.append(comparison(key, bindparam(name, type_=key.type)))
    return and_(*tests)


@lru_cache(KEPT)
def _portion(
    column: SearchColumn, is_behind: bool, start: Comparison | None, end: Comparison | None
) -> ConditionKind:
    test = _within(column, is_behind, start, end)
    return ConditionKind(
        test=test,
        tables=(column.table,),
        owners=select(column.owner).where(test),
        source=column.table,
        exact=True,
        of_file=column.of_file,
    )


@lru_cache(KEPT)
def _entry(
    column: SearchColumn,
    is_behind: bool,
    start: Comparison | None,
    end: Comparison | None,
    descending: bool,
) -> Select[Any]:
    key = column.key
    found = select(key).where(_within(column, is_behind, start, end))
    return found.order_by(key.desc() if descending else key).offset(bindparam("number")).limit(1)


@dataclass(frozen=True, slots=True)
class PathPortion:
    """Files of one root that follow each other in the order of their paths, by where they start and end.

    values: those of the parameters of the test. has_scope: whether only files below a path are among them.
    """

    has_scope: bool
    start: Comparison | None
    end: Comparison | None
    values: Mapping[str, Any]


class PathWalk:
    """Reads the index of paths from a position on, root by root."""

    def __init__(
        self,
        connection: Connection,
        roots: Mapping[int, bytes],
        descending: bool,
        place: Place | None,
        after: Position | None,
        tests: bool,
        portions: "Portions",
    ) -> None:
        """``roots``: their paths. ``tests``: whether files will be tested, so that it has to be known how many were
        read."""
        self._portions = portions
        self._connection = connection
        self._roots = roots
        self._descending = descending
        self._place = place
        self._after = after
        self._tests = tests
        self.read = 0
        """Entries of the last group."""

    def portions(self) -> Iterator[PathPortion]:
        """Ever more entries, one portion after the other."""
        scope = self._place.scope if self._place is not None else b""
        for root, path in self._left():
            values: dict[str, Any] = {"walk_root": root}
            if scope:
                values |= {"walk_scope": scope, "walk_scope_end": scope + b"0"}
            start: Comparison | None = None
            beyond = operator.lt if self._descending else operator.gt
            if self._after is not None and path == self._after.root:
                start = beyond
                values["walk_start"] = self._after.path
            while self._tests:
                portion = next(self._portions)
                entry = _path_entry(bool(scope), start, self._descending)
                given = values | {"number": portion}
                last = self._connection.execute(entry, given).scalar_one_or_none()
                if last is None:
                    break
                self.read = portion
                end = operator.ge if self._descending else operator.le
                yield PathPortion(bool(scope), start, end, values | {"walk_end": last})
                start = beyond
                values["walk_start"] = last
            yield PathPortion(bool(scope), start, None, dict(values))

    def _left(self) -> list[tuple[int, bytes]]:
        """The roots that are still to be read, in their order: their ids and paths."""
        roots, after = list(self._roots.items()), self._after
        if self._place is not None:
            roots = [(root, path) for root, path in roots if root == self._place.root]
        if after is not None:
            roots = [
                (root, path)
                for root, path in roots
                if (path <= after.root if self._descending else path >= after.root)
            ]
        return sorted(roots, key=lambda each: each[1], reverse=self._descending)


def of_portion(has_scope: bool, start: Comparison | None, end: Comparison | None) -> ColumnElement[bool]:
    """The test of a ``PathPortion``."""
    path = file_table.c.path
    tests: list[ColumnElement[bool]] = [
        file_table.c.root_id == bindparam("walk_root", type_=file_table.c.root_id.type),
        file_table.c.moved_to_id.is_(None),
    ]
    if has_scope:
        tests += [
            path >= bindparam("walk_scope", type_=path.type),
            path < bindparam("walk_scope_end", type_=path.type),
        ]
    for name, comparison in (("walk_end", end), ("walk_start", start)):
        if comparison is not None:
            tests.append(comparison(path, bindparam(name, type_=path.type)))
    return and_(*tests)


@lru_cache(KEPT)
def _path_entry(has_scope: bool, start: Comparison | None, descending: bool) -> Select[Any]:
    path = file_table.c.path
    entries = select(path).where(of_portion(has_scope, start, None))
    return entries.order_by(path.desc() if descending else path).offset(bindparam("number")).limit(1)


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
