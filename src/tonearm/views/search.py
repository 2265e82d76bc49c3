"""Finds the files of a page of tracks: those that meet some conditions, in an order, after a position.

There are two methods. Where, by an index, few tracks meet one of the conditions, these are fetched, tested and sorted.
Otherwise the index of the order is read from the position on, in growing portions, and each track is tested: where
many tracks match, the first ones are found soon. So no query sorts or counts a whole library.
"""

from collections.abc import Sequence
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

from tonearm.library.column_types import unindexed
from tonearm.library.roots import Place
from tonearm.library.schema import audio_table, file_table, root_table, tags_table
from tonearm.views import conditions
from tonearm.views.columns import SearchColumn
from tonearm.views.conditions import Condition
from tonearm.views.walks import ColumnWalk, OneKey, PathWalk, Position

FEW = 15_000
"""Maximum number of tracks that are fetched and sorted instead of reading the index of the order."""
READ_IN_ORDER = 15_000
"""Number of entries that are read in order before the other method is considered again."""
MANY = 200_000
"""Maximum number of tracks that are fetched and sorted instead of reading on in order."""


@dataclass(frozen=True, slots=True)
class Hit:
    """A file that was found, and its position in the list."""

    file: int
    position: Position


class _TooFewFound(Exception):
    """Many entries were read in order, and few matched; fetching the tracks of condition ``better`` is quicker."""

    def __init__(self, better: Condition) -> None:
        super().__init__()
        self.better = better


class Search:
    """One search, on one connection, in one transaction."""

    def __init__(
        self,
        connection: Connection,
        wanted: Sequence[Condition],
        order: SearchColumn | None,
        descending: bool,
        place: Place | None = None,
        missing: bool = False,
    ) -> None:
        """``order``: the column that tracks are sorted by, ``None`` for their paths; those without a value come last.

        Tracks of equal values are in the order of their paths. ``place``: what one of the conditions asks for, if
        any. ``missing``: look among missing files only.
        """
        self._connection = connection
        self._wanted = [*wanted, conditions.missing()] if missing else list(wanted)
        self._order = order
        self._descending = descending
        self._place = place
        gone = file_table.c.missing_since
        is_missing = func.coalesce(gone, 0) != 0  # without the index, which finds them already
        self._there = and_(file_table.c.moved_to_id.is_(None), is_missing if missing else gone.is_(None))
        self._counts: dict[int, tuple[Condition, int, int]] = {}
        """By condition how many it leaves, and up to which number they were counted."""
        self._read = 0
        """Entries of indexes that were read in order so far."""

    def page(self, after: Position | None, limit: int) -> list[Hit]:
        """The next files after a position, or the first ones."""
        if self._order is None:
            return self._by_path(self._wanted, after, limit, self._descending)
        return self._by_column(self._order, after, limit)

    def count(self, at_most: int) -> int:
        """Number of files found, counted up to ``at_most``."""
        few = self._fewest(self._wanted, at_most)
        found = self._joined(self._wanted, few).with_only_columns(file_table.c.id).limit(at_most)
        return self._connection.execute(select(func.count()).select_from(found.subquery())).scalar_one()

    # in the order of a column

    def _by_column(self, column: SearchColumn, after: Position | None, limit: int) -> list[Hit]:
        few = self._fewest(self._wanted, FEW)
        if few is not None:
            return self._collected(self._wanted, few, column, after, limit)
        try:
            return self._in_order(column, after, limit)
        except _TooFewFound as error:
            return self._collected(self._wanted, error.better, column, after, limit)

    def _in_order(self, column: SearchColumn, after: Position | None, limit: int) -> list[Hit]:
        """Read the index of the column. Raises _TooFewFound."""
        unknown = [*self._wanted, conditions.without(column)]
        if after is not None and after.key is None:
            return self._by_path(unknown, after, limit, False)
        found: list[Hit] = []
        if after is not None:
            same = [*self._wanted, conditions.with_key(column, after.key)]
            found = self._by_path(same, after, limit, False, after.key)
        walk = ColumnWalk(self._connection, column, self._descending, self._wanted, after)
        for group in walk.groups():
            if len(found) >= limit:
                return found
            self._note_read(walk.read)
            if isinstance(group, OneKey):
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
        walk = PathWalk(self._connection, descending, self._place, after, tests=bool(wanted))
        for portion in walk.portions():
            if self._order is not None:
                self._note_read(walk.read)
            else:
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

    def _note_read(self, entries: int) -> None:
        """Count entries that were read in order. Raises _TooFewFound after many, if there is a better way."""
        self._read += entries
        if self._read >= READ_IN_ORDER:
            better = self._better_than_walking(self._wanted)
            if better is not None:
                raise _TooFewFound(better)

    def _fewest(self, wanted: Sequence[Condition], at_most: int) -> Condition | None:
        """The condition that the fewest tracks meet, if no more than ``at_most`` meet it."""
        best, fewest = None, at_most + 1
        for condition in wanted:
            if condition.owners is not None:
                count = self._count_of(condition, at_most + 1)
                if count < fewest:
                    best, fewest = condition, count
        return best

    def _better_than_walking(self, wanted: Sequence[Condition]) -> Condition | None:
        """The condition to fetch tracks by where few were found in order; many may meet it, or it has no index."""
        best = self._fewest(wanted, MANY)
        if best is not None:
            return best
        scanned = [
            condition for condition in wanted if condition.owners is None and condition.scanned is not None
        ]
        return replace(scanned[0], owners=scanned[0].scanned) if scanned else None

    def _count_of(self, condition: Condition, at_most: int) -> int:
        _, count, counted_to = self._counts.get(id(condition), (condition, 0, 0))
        if count == counted_to < at_most:
            assert condition.owners is not None  # noqa: S101  only such are counted
            owners = condition.owners.limit(at_most).subquery()
            count = self._connection.execute(select(func.count()).select_from(owners)).scalar_one()
            self._counts[id(condition)] = condition, count, at_most
        return min(count, at_most)

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
        key = unindexed(column.key)
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
        key = unindexed(column.key)
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
        source = source.join(root_table, root_table.c.id == unindexed(file_table.c.root_id))
        for table in tables:
            if table is not file_table:
                source = source.outerjoin(table, _belongs(table))
        return chosen.select_from(source).where(self._there, *[condition.test for condition in wanted])


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
