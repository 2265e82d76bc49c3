"""Finds the files of a page of tracks: those that meet some conditions, in an order, after a position.

There are two methods. Where, by an index, few tracks meet one of the conditions, these are fetched, tested and sorted.
Otherwise the index of the order is read from the position on, in growing portions, and each track is tested: where
many tracks match, the first ones are found soon. So no query sorts or counts a whole library.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

from sqlalchemy import Connection, Select, select

from tonearm.library.roots import Place
from tonearm.library.schema import root_table
from tonearm.views import conditions, statements
from tonearm.views.columns import SearchColumn
from tonearm.views.conditions import KEPT, Condition, ConditionKind
from tonearm.views.index_walks import ColumnWalk, OneKey, PathWalk, Portions, Position
from tonearm.views.query_costs import MANY, Effort, Sizes, estimated
from tonearm.views.statements import Files

_ROOTS = select(root_table.c.id, root_table.c.path)


@dataclass(frozen=True, slots=True)
class Hit:
    """A file that was found, and its position in the list."""

    file: int
    position: Position


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
        self._roots: Mapping[int, bytes] = {root: bytes(path) for root, path in connection.execute(_ROOTS)}
        together = self._sizes.dialect == "postgresql"
        self._files = Files(missing, in_roots=len(self._roots) > 1, together=together)
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
        statement = statements.counted(self._files, _kinds(self._wanted), None if few is None else few.kind)
        found: int = self._connection.execute(statement, _values(self._wanted, limit=at_most)).scalar_one()
        return found

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
                found += self._collected(self._wanted, group, column, None, limit - len(found))
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
        walk = PathWalk(self._connection, self._roots, descending, self._place, after, bool(wanted), portions)
        for portion in walk.portions():
            spent += walk.read * effort.entry
            self._spent += walk.read * effort.entry
            in_vain = spent > effort.patience and portions.needed * effort.entry > effort.fetching
            if in_vain and (better := self._better(wanted)) is not None:
                return self._of_key(self._collected(wanted, better, None, after, limit, descending), key)
            statement = statements.in_path_order(
                self._files, _kinds(wanted), portion.has_scope, portion.start, portion.end, descending
            )
            values = _values(wanted, **portion.values, limit=limit - len(found))
            found += self._of_key(self._hits(statement, values), key)
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
        for condition in wanted:
            if condition.kind.owners is None and condition.kind.scanned is not None:
                return replace(condition, kind=_by_scanning(condition.kind))
        return None

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
        values = _values([*wanted, few], limit=limit)
        if after is not None:
            values |= {"after_root": after.root, "after_path": after.path, "after_key": after.key}
        statement = statements.collected(
            self._files,
            _kinds(wanted),
            few.kind,
            column,
            (self._descending, descending),
            None if after is None else after.key is not None,
        )
        return self._hits(statement, values)

    def _hits(self, statement: Select[Any], values: Mapping[str, Any]) -> list[Hit]:
        roots = self._roots
        return [
            Hit(file, Position(key, roots[root], path))
            for file, root, path, key in self._connection.execute(statement, values)
        ]


def _kinds(wanted: Sequence[Condition]) -> tuple[ConditionKind, ...]:
    return tuple([condition.kind for condition in wanted])


def _values(wanted: Sequence[Condition], **more: Any) -> dict[str, Any]:
    """The values of the parameters of a statement."""
    values: dict[str, Any] = {}
    for condition in wanted:
        values |= condition.values
    return values | more


@lru_cache(KEPT)
def _by_scanning(kind: ConditionKind) -> ConditionKind:
    """A kind without an index, whose owners are found by reading a whole table."""
    return replace(kind, owners=kind.scanned)
