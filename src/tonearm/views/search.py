"""Finds the files of a page of tracks: those that meet some conditions, in an order, after a place in it.

Two ways lead to a page. Where an index says that one condition leaves few tracks, these are fetched, tested and sorted.
Otherwise the index of the order is read from the place on, in growing portions, and each track is tested: of many that
match, the first are soon met. So no query sorts or counts a whole library, whatever is asked for.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Select,
    and_,
    func,
    literal,
    or_,
    select,
    tuple_,
)

from tonearm.library.roots import Place
from tonearm.library.schema import audio_table, file_table, root_table, tags_table
from tonearm.views import conditions
from tonearm.views.columns import SearchColumn
from tonearm.views.conditions import Condition

FEW = 15_000
"""Tracks that are fetched and sorted rather than met in order."""
PORTIONS = (500, 2_000, 6_000, 12_000, 25_000, 50_000, 100_000)
"""Entries of an index that are read in one statement, the first time, the second, and so on."""
READ_IN_ORDER = 15_000
"""Entries that are read in order before the other way is tried after all."""
MANY = 200_000
"""Tracks that are fetched and sorted rather than read on for."""


@dataclass(frozen=True, slots=True)
class Position:
    """A place in a list of tracks: the key of a track, what it is sorted by, and where its file lies."""

    key: Any
    root: bytes
    path: bytes


@dataclass(frozen=True, slots=True)
class Hit:
    """A file that was found, and its place in the list."""

    file: int
    position: Position


class Search:
    """One search, on one connection, as one transaction sees the library."""

    def __init__(
        self,
        connection: Connection,
        wanted: Sequence[Condition],
        order: SearchColumn | None,
        descending: bool,
        place: Place | None = None,
        missing: bool = False,
    ) -> None:
        """``order``: what tracks are sorted by, where not by their paths; those without a value come last.

        Tracks of equal values are in the order of their paths. ``place``: what one of the conditions asks for, if
        any. ``missing``: look among missing files only.
        """
        self._connection = connection
        self._wanted = [*wanted, conditions.missing()] if missing else list(wanted)
        self._order = order
        self._descending = descending
        self._place = place
        gone = file_table.c.missing_since
        self._there = and_(
            file_table.c.moved_to_id.is_(None), gone.is_not(None) if missing else gone.is_(None)
        )
        self._counts: dict[int, int] = {}
        self._read = 0
        """Entries of indexes that were read in order so far."""

    def page(self, after: Position | None, limit: int) -> list[Hit]:
        """The next files after a position, or the first ones."""
        if self._order is None:
            return self._by_path(self._wanted, after, limit, self._descending)
        return self._by_column(self._order, after, limit)

    def count(self, at_most: int) -> int:
        """How many files are found, counted up to a number."""
        few = self._fewest(self._wanted, at_most)
        found = self._joined(self._wanted, few).with_only_columns(file_table.c.id).limit(at_most)
        return self._connection.execute(select(func.count()).select_from(found.subquery())).scalar_one()

    # in the order of a column

    def _by_column(self, column: SearchColumn, after: Position | None, limit: int) -> list[Hit]:
        few = self._fewest(self._wanted, FEW)
        if few is not None:
            return self._collected(self._wanted, few, column, after, limit)
        unknown = [*self._wanted, conditions.without(column)]
        if after is not None and after.key is None:
            return self._by_path(unknown, after, limit, False)
        found: list[Hit] = []
        if after is not None:
            same = [*self._wanted, conditions.with_key(column, after.key)]
            found = self._by_path(same, after, limit, False, after.key)
        walk = _Walk(self._connection, column, self._descending, self._wanted, after)
        for group in walk.groups():
            if len(found) >= limit:
                return found
            self._read += walk.read
            if self._read >= READ_IN_ORDER and (rest := self._better_than_walking(self._wanted)) is not None:
                return self._collected(self._wanted, rest, column, after, limit)
            if isinstance(group, _OneKey):
                same = [*self._wanted, conditions.with_key(column, group.key)]
                found += self._by_path(same, None, limit - len(found), False, group.key)
            else:
                here = [condition.test for condition in self._wanted if condition.tables == (column.table,)]
                owners = select(column.owner).where(group, *here)
                portion = Condition(group, (column.table,), owners, of_file=column.of_file)
                found += self._collected(self._wanted, portion, column, None, limit - len(found))
        if len(found) < limit and not walk.bounded:
            found += self._by_path(unknown, None, limit - len(found), False)
        return found[:limit]

    # in the order of paths

    def _by_path(
        self,
        wanted: Sequence[Condition],
        after: Position | None,
        limit: int,
        descending: bool,
        key: Any = None,
    ) -> list[Hit]:
        """Files in the order of their paths; ``key`` is what all of them have in the list's own order."""
        few = self._fewest(wanted, FEW)
        if few is not None:
            return self._of_key(self._collected(wanted, few, None, after, limit, descending), key)
        found: list[Hit] = []
        walk = _PathWalk(self._connection, descending, self._place, after, tests=bool(wanted))
        for portion in walk.portions():
            self._read += walk.read
            if self._read >= READ_IN_ORDER and (rest := self._better_than_walking(wanted)) is not None:
                return self._of_key(self._collected(wanted, rest, None, after, limit, descending), key)
            path = file_table.c.path
            rows = self._joined(wanted, None).where(portion).order_by(path.desc() if descending else path)
            found += self._of_key(self._hits(rows, limit - len(found)), key)
            if len(found) >= limit:
                break
        return found

    def _of_key(self, hits: Sequence[Hit], key: Any) -> list[Hit]:
        return [Hit(hit.file, Position(key, hit.position.root, hit.position.path)) for hit in hits]

    # both ways

    def _fewest(self, wanted: Sequence[Condition], at_most: int) -> Condition | None:
        """The condition that leaves the fewest tracks, if it leaves no more than some."""
        best, fewest = None, at_most + 1
        for condition in wanted:
            if condition.owners is not None:
                count = self._count_of(condition, at_most + 1)
                if count < fewest:
                    best, fewest = condition, count
        return best

    def _better_than_walking(self, wanted: Sequence[Condition]) -> Condition | None:
        """The condition to fetch tracks by where few were met in order: one that leaves many, or is not indexed."""
        best = self._fewest(wanted, MANY)
        if best is not None:
            return best
        scanned = [
            condition for condition in wanted if condition.owners is None and condition.scanned is not None
        ]
        return replace(scanned[0], owners=scanned[0].scanned) if scanned else None

    def _count_of(self, condition: Condition, at_most: int) -> int:
        known = self._counts.get(id(condition))
        if known is None or known < at_most:
            assert condition.owners is not None  # noqa: S101  only such are counted
            owners = condition.owners.limit(at_most).subquery()
            count = self._connection.execute(select(func.count()).select_from(owners)).scalar_one()
            self._counts[id(condition)] = known = count
        return min(known, at_most)

    def _collected(
        self,
        wanted: Sequence[Condition],
        few: Condition,
        column: SearchColumn | None,
        after: Position | None,
        limit: int,
        descending: bool = False,
    ) -> list[Hit]:
        """Fetch all that may meet a condition, test them and sort them."""
        rows = self._joined(wanted, few, column)
        if after is not None:
            rows = rows.where(self._later(column, after, descending))
        return self._hits(self._sorted(rows, column, descending), limit)

    def _later(self, column: SearchColumn | None, after: Position, descending: bool) -> ColumnElement[bool]:
        place = tuple_(root_table.c.path, file_table.c.path)
        here = tuple_(after.root, after.path)
        further = place < here if descending else place > here
        if column is None:
            return further
        key = conditions.unindexed(column.key)
        if after.key is None:
            return and_(key.is_(None), further)
        beyond: ColumnElement[bool] = key < after.key if self._descending else key > after.key
        return or_(beyond, and_(key == after.key, further), key.is_(None))

    def _sorted(
        self, rows: Select[Any], column: SearchColumn | None, descending: bool = False
    ) -> Select[Any]:
        places: list[ColumnElement[Any]] = [root_table.c.path, file_table.c.path]
        if column is None:
            return rows.order_by(*[place.desc() if descending else place for place in places])
        key = conditions.unindexed(column.key)
        return rows.order_by(key.is_(None), key.desc() if self._descending else key, *places)

    def _hits(self, rows: Select[Any], limit: int) -> list[Hit]:
        return [
            Hit(row.id, Position(row.key, row.root, row.path))
            for row in self._connection.execute(rows.limit(limit))
        ]

    def _joined(
        self, wanted: Sequence[Condition], few: Condition | None, column: SearchColumn | None = None
    ) -> Select[Any]:
        """Files that meet all conditions, from the owners of ``few`` if it is given."""
        tables = {table: None for condition in wanted for table in condition.tables}
        key: Any = literal(None)
        if column is not None:
            key = column.key
            tables[column.table] = None
        chosen = select(file_table.c.id, root_table.c.path.label("root"), file_table.c.path, key.label("key"))
        source: Any = file_table
        if few is not None and few.owners is not None:
            owners = few.owners.cte("owners").prefix_with("MATERIALIZED")
            [owner] = owners.c
            source = owners.join(file_table, _is_owned(owner, few.of_file))
        source = source.join(root_table, root_table.c.id == conditions.unindexed(file_table.c.root_id))
        for table in tables:
            if table is not file_table:
                source = source.outerjoin(table, _belongs(table))
        return chosen.select_from(source).where(self._there, *[condition.test for condition in wanted])


@dataclass(frozen=True, slots=True)
class _OneKey:
    """Many entries of an index that have the same key."""

    key: Any


class _Walk:
    """Reads the index of a column from a position on, in groups of whole keys."""

    def __init__(
        self,
        connection: Connection,
        column: SearchColumn,
        descending: bool,
        wanted: Sequence[Condition],
        after: Position | None,
    ) -> None:
        self._connection = connection
        self._column = column
        self._descending = descending
        self.read = 0
        """Entries of the last group."""
        own = [c for c in wanted if c.column == column.name]
        self.bounded = bool(own)
        """Whether a condition asks for a value of this very column."""
        key = column.key
        self._within = [key.is_not(None), *[key >= c.low for c in own], *[key <= c.high for c in own]]
        self._from = None if after is None else self._beyond(after.key)

    def groups(self) -> Iterable["_OneKey | ColumnElement[bool]"]:
        """Groups one after the other: many entries of one key, or conditions on the key that few entries meet."""
        for portion in _growing():
            last = self._entry(portion)
            if last is None:
                self.read = portion
                yield and_(*self._conditions())
                return
            first = self._entry(0)
            if first == last:
                self.read = portion
                yield _OneKey(first)
                self._from = self._beyond(first)
            else:
                self.read = portion
                before = self._column.key > last if self._descending else self._column.key < last
                yield and_(*self._conditions(), before)
                self._from = self._column.key <= last if self._descending else self._column.key >= last

    def _conditions(self) -> list[ColumnElement[bool]]:
        return [*self._within, *([] if self._from is None else [self._from])]

    def _beyond(self, key: Any) -> ColumnElement[bool]:
        beyond: ColumnElement[bool] = self._column.key < key if self._descending else self._column.key > key
        return beyond

    def _entry(self, number: int) -> Any:
        """The key of an entry, counted from where the walk is; ``None`` beyond the last one."""
        key = self._column.key
        found = select(key).where(*self._conditions()).order_by(key.desc() if self._descending else key)
        return self._connection.execute(found.offset(number).limit(1)).scalar_one_or_none()


class _PathWalk:
    """Reads the index of paths from a position on, root by root."""

    def __init__(
        self,
        connection: Connection,
        descending: bool,
        place: Place | None,
        after: Position | None,
        tests: bool,
    ) -> None:
        """``tests``: whether files will be tested, so that it has to be known how many were read."""
        self._connection = connection
        self._descending = descending
        self._place = place
        self._after = after
        self._tests = tests
        self.read = 0
        """Entries of the last group."""

    def portions(self) -> Iterable[ColumnElement[bool]]:
        """Conditions on files that ever more entries meet, one after the other."""
        path = file_table.c.path
        sizes = _growing()
        for root in self._roots():
            here = and_(file_table.c.root_id == root.id, file_table.c.moved_to_id.is_(None))
            if self._place is not None and self._place.scope:
                here = and_(here, path >= self._place.scope, path < self._place.scope + b"0")
            start: ColumnElement[bool] | None = None
            if self._after is not None and root.path == self._after.root:
                start = self._beyond(self._after.path)
            while self._tests:
                portion = next(sizes)
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


def _growing() -> Iterator[int]:
    """How many entries are read at once."""
    yield from PORTIONS
    while True:
        yield PORTIONS[-1]


def _is_owned(owner: Any, of_file: bool) -> ColumnElement[bool]:
    """How the files of an owner, which is a file or a piece of audio, are found."""
    owned: ColumnElement[bool] = (file_table.c.id if of_file else file_table.c.audio_id) == owner
    return owned


def _belongs(table: Any) -> ColumnElement[bool]:
    """How a table's rows are found beside a file."""
    if table is tags_table:
        beside: ColumnElement[bool] = tags_table.c.file_id == file_table.c.id
        return beside
    owner = audio_table.c.id if table is audio_table else table.c.audio_id
    joined: ColumnElement[bool] = owner == file_table.c.audio_id
    return joined
