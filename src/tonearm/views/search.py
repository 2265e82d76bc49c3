"""Finds the files of a page of tracks: those that meet some conditions, in an order, after a position.

There are two methods. Where, by an index, few tracks meet one of the conditions, these are fetched, tested and sorted.
Otherwise the index of the order is read from the position on, in growing portions, and each track is tested: where
many tracks match, the first ones are found soon. So no query sorts or counts a whole library.
"""

from collections.abc import Mapping, Sequence
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
    true,
    tuple_,
)

from tonearm.library.column_types import unindexed
from tonearm.library.roots import Place
from tonearm.library.schema import audio_table, file_table, root_table, tags_table
from tonearm.views import conditions
from tonearm.views.columns import SearchColumn
from tonearm.views.conditions import Condition, is_beside
from tonearm.views.query_costs import MANY, Effort, Sizes, estimated, in_order_of_tests
from tonearm.views.walks import ColumnWalk, OneKey, PathWalk, Portions, Position


@dataclass(frozen=True, slots=True)
class Hit:
    """A file that was found, and its position in the list."""

    file: int
    position: Position


@dataclass(frozen=True, slots=True)
class _Found:
    """A query for files, with the columns that hold their path and what they are sorted by."""

    rows: Select[Any]
    path: Any
    key: Any


class _InVain(Exception):
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
        self._sizes = Sizes(connection)
        self._wanted = [*wanted, conditions.missing()] if missing else list(wanted)
        self._order = order
        self._descending = descending
        self._place = place
        gone = file_table.c.missing_since
        is_missing = func.coalesce(gone, 0) != 0  # without the index, which finds them already
        self._there = and_(file_table.c.moved_to_id.is_(None), is_missing if missing else gone.is_(None))
        self._roots: Mapping[int, bytes] = {
            row.id: row.path for row in connection.execute(select(root_table.c.id, root_table.c.path))
        }
        self._spent = 0.0
        """Time that reading in order was estimated to take so far, in microseconds."""

    def page(self, after: Position | None, limit: int) -> list[Hit]:
        """The next files after a position, or the first ones."""
        if self._order is None:
            return self._by_path(self._wanted, after, limit, self._descending)
        return self._by_column(self._order, after, limit)

    def count(self, at_most: int) -> int:
        """Number of files found, counted up to ``at_most``."""
        effort = estimated(self._sizes, self._wanted, None, at_most)
        few = None if effort.reads else effort.best
        found = self._found(self._wanted, few).rows.limit(at_most)
        return self._connection.execute(select(func.count()).select_from(found.subquery())).scalar_one()

    # in the order of a column

    def _by_column(self, column: SearchColumn, after: Position | None, limit: int) -> list[Hit]:
        effort = estimated(self._sizes, self._wanted, column, limit)
        if effort.best is not None and not effort.reads:
            return self._collected(self._wanted, effort.best, column, after, limit)
        try:
            return self._in_order(effort, column, after, limit)
        except _InVain as error:
            return self._collected(self._wanted, error.better, column, after, limit)

    def _in_order(
        self, effort: Effort, column: SearchColumn, after: Position | None, limit: int
    ) -> list[Hit]:
        """Read the index of the column. Raises _InVain."""
        unknown = [*self._wanted, conditions.without(column)]
        if after is not None and after.key is None:
            return self._by_path(unknown, after, limit, False)
        found: list[Hit] = []
        if after is not None:
            same = [*self._wanted, conditions.with_key(column, after.key)]
            found = self._by_path(same, after, limit, False, after.key)
        if len(found) >= limit:
            return found
        portions = Portions(effort.entries, limit)
        walk = ColumnWalk(self._connection, column, self._descending, self._wanted, after, portions)
        for group in walk.groups():
            if not isinstance(group, OneKey):
                self._spent += walk.read * effort.entry
            if self._spent > effort.patience and (better := self._better(self._wanted)) is not None:
                raise _InVain(better)
            if isinstance(group, OneKey):
                same = [*self._wanted, conditions.with_key(column, group.key)]
                found += self._by_path(same, None, limit - len(found), False, group.key)
            else:
                portion = Condition(
                    test=group,
                    tables=(column.table,),
                    owners=select(column.owner).where(group),
                    source=column.table,
                    exact=True,
                    of_file=column.of_file,
                )
                found += self._collected(self._wanted, portion, column, None, limit - len(found))
                portions.found(len(found))
            if len(found) >= limit:
                return found
        if not walk.bounded:
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
        effort = estimated(self._sizes, wanted, None, limit)
        if effort.best is not None and not effort.reads:
            return self._of_key(self._collected(wanted, effort.best, None, after, limit, descending), key)
        found: list[Hit] = []
        spent = 0.0
        portions = Portions(effort.entries, limit)
        walk = PathWalk(self._connection, descending, self._place, after, bool(wanted), portions)
        for portion in walk.portions():
            spent += walk.read * effort.entry
            self._spent += walk.read * effort.entry
            in_vain = spent > effort.patience and portions.needed * effort.entry > effort.fetching
            if in_vain and (better := self._better(wanted)) is not None:
                return self._of_key(self._collected(wanted, better, None, after, limit, descending), key)
            path = file_table.c.path
            rows = self._found(wanted, None).rows.where(portion)
            rows = rows.order_by(path.desc() if descending else path)
            found += self._of_key(self._hits(rows, limit - len(found)), key)
            if len(found) >= limit:
                break
            portions.found(len(found))
        return found

    def _of_key(self, hits: Sequence[Hit], key: Any) -> list[Hit]:
        return [Hit(hit.file, Position(key, hit.position.root, hit.position.path)) for hit in hits]

    # both ways

    def _better(self, wanted: Sequence[Condition]) -> Condition | None:
        """The condition to fetch tracks by where few were found in order; many may meet it, or it has no index."""
        best = self._sizes.fewest(wanted, MANY)
        if best is not None:
            return best
        scanned = [
            condition for condition in wanted if condition.owners is None and condition.scanned is not None
        ]
        return replace(scanned[0], owners=scanned[0].scanned) if scanned else None

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
        found = self._found(wanted, few, column, whole=True)
        rows = found.rows
        if after is not None:
            rows = rows.where(self._later(found, after, descending))
        places: list[ColumnElement[Any]] = [found.path]
        if len(self._roots) > 1:
            places.insert(0, root_table.c.path)
        if descending:
            places = [place.desc() for place in places]
        if column is not None:
            key = unindexed(found.key)
            places = [key.is_(None), key.desc() if self._descending else key, *places]
        return self._hits(rows.order_by(*places), limit)

    def _later(self, found: _Found, after: Position, descending: bool) -> ColumnElement[bool]:
        further: ColumnElement[bool]
        if len(self._roots) > 1:
            place, here = tuple_(root_table.c.path, found.path), tuple_(after.root, after.path)
            further = place < here if descending else place > here
        else:
            further = found.path < after.path if descending else found.path > after.path
        if found.key is None:
            return further
        key = unindexed(found.key)
        if after.key is None:
            return and_(key.is_(None), further)
        beyond: ColumnElement[bool] = key < after.key if self._descending else key > after.key
        return or_(beyond, and_(key == after.key, further), key.is_(None))

    def _hits(self, rows: Select[Any], limit: int) -> list[Hit]:
        return [
            Hit(row.id, Position(row.key, self._roots[row.root_id], row.path))
            for row in self._connection.execute(rows.limit(limit))
        ]

    def _found(
        self,
        wanted: Sequence[Condition],
        few: Condition | None,
        column: SearchColumn | None = None,
        whole: bool = False,
    ) -> _Found:
        """Files that meet all conditions, from the owners of ``few`` if it is given.

        Each table is read once: what the owners' own table says is tested and taken where the owners are found.
        whole: all of the files will be read. PostgreSQL then collects the ids first, as it finds neighbours together.
        """
        tests = in_order_of_tests(each for each in wanted if not (each is few and few.exact))
        file: Any = file_table.c
        key = None if column is None else column.key
        source: Any = file_table
        owner: Any = None
        only: Any = true()
        if few is not None and few.owners is not None:
            owners = few.owners.where(*[each.test for each in tests if each.tables == (few.source,)])
            tests = [each for each in tests if each.tables != (few.source,)]
            if column is not None and column.table is few.source:
                owners = owners.add_columns(column.key.label("key"))
            if few.source is file_table:
                more = (file_table.c.root_id, file_table.c.path, file_table.c.audio_id)
                owners = owners.add_columns(*more).where(self._there)
            chosen = owners.cte("owners")
            if column is not None and column.table is few.source:
                key = chosen.c.key
            source = chosen
            if few.source is file_table:
                file = chosen.c
            else:
                owner = unindexed(next(iter(chosen.c)))
        tables = dict.fromkeys(table for condition in tests for table in condition.tables)
        if column is not None and key is column.key:
            tables[column.table] = None
        if few is not None and owner is not None:
            # files last, as what is beside their owners leaves fewer of them
            beside = [each for each in tables if is_beside(each, few.of_file)]
            for table in beside:
                source = source.outerjoin(table, _owner_in(table) == owner)
                del tables[table]
            own = file_table.c.id if few.of_file else file_table.c.audio_id
            if (
                whole
                and self._sizes.dialect == "postgresql"
                and not beside
                and (column is None or key is column.key)
            ):
                source = file_table
                only = own == func.any(func.array(select(owner).scalar_subquery()))
            else:
                source = source.join(file_table, own == owner)
        if len(self._roots) > 1:
            source = source.join(root_table, root_table.c.id == unindexed(file.root_id))
        for table in tables:
            if table is not file_table:
                source = source.outerjoin(
                    table, _owner_in(table) == (file.id if table is tags_table else file.audio_id)
                )
        rows = select(file.id, file.root_id, file.path, (literal(None) if key is None else key).label("key"))
        rows = rows.select_from(source).where(only, *[each.test for each in tests])
        if file is file_table.c:
            rows = rows.where(self._there)
        return _Found(rows, file.path, key)


def _owner_in(table: Any) -> Any:
    """The column that tells to which file, or to which audio, a row belongs."""
    if table is tags_table:
        return tags_table.c.file_id
    return audio_table.c.id if table is audio_table else table.c.audio_id
