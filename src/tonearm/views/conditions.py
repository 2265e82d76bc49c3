"""Conditions on tracks: each as a test of one track and, where there is an index, as a query for all that meet it.

Building SQL takes longer than executing it. So the SQL of each kind of condition is built once, and what is asked for
is given to it as the values of its parameters.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    FromClause,
    Select,
    and_,
    bindparam,
    false,
    func,
    or_,
    select,
)

from tonearm.jobs.job_sql import has_results_of, has_stale_results
from tonearm.library.column_types import KEY_LENGTH, contains_folded, folded, storable_text, unindexed
from tonearm.library.curation_schema import locked_value_table
from tonearm.library.roots import Place
from tonearm.library.schema import file_table, tags_table
from tonearm.views.columns import SearchColumn
from tonearm.views.postgres_words import array
from tonearm.views.words import with_words

KEPT = 1_000
"""Number of kinds, and of statements of each form, that are kept; of the others those that were used last."""
FEW_VALUES = 1_000
"""Maximum number of distinct values of a text column that is searched by comparing each distinct value once."""
SAMPLE = 600
"""Number of values by which it is told at first whether a column has more than a few distinct ones: 100 of them."""


@dataclass(frozen=True, slots=True, eq=False)
class ConditionKind:
    """A kind of condition on tracks: its SQL, without the values of its parameters.

    test: of one track. tables: the tables that the test needs.
    owners: a query for the ids of all files, or all audio, that may meet it, by an index; ``None`` without an index.
    scanned: the same query by reading a whole table, where there is no index.
    source: the table that both queries read. exact: whether every owner meets the condition, so that no test is needed.
    of_file: whether the owners are files; otherwise they are audio.
    """

    test: ColumnElement[bool]
    tables: tuple[FromClause, ...] = ()
    owners: Select[Any] | None = None
    scanned: Select[Any] | None = None
    source: FromClause | None = None
    exact: bool = False
    of_file: bool = True

    @property
    def is_slow(self) -> bool:
        """Whether its test takes so long that the others come first: a function over a text."""
        return self.scanned is not None


@dataclass(frozen=True, slots=True, eq=False)
class Condition:
    """A condition on tracks: its kind, and the values of the kind's parameters.

    column: the name of the column that the condition restricts; its key is not null, and from ``low`` to ``high``.
    number: how many owners there are, as counted or estimated when the condition was made, if it was.
    """

    kind: ConditionKind
    values: Mapping[str, Any] = field(default_factory=dict)
    column: str | None = None
    low: Any = None
    high: Any = None
    number: int | None = None

    @property
    def has_one_key(self) -> bool:
        """Whether all tracks that meet it have the same key in ``column``."""
        return self.low is not None and self.low == self.high


def is_beside(table: FromClause, of_file: bool) -> bool:
    """Whether a table has rows of the owners of a condition themselves: of files, or of audio."""
    return table is not file_table and (table is tags_table) == of_file


def _of_column(column: SearchColumn, test: ColumnElement[bool], owners: ColumnElement[bool]) -> ConditionKind:
    """A kind with an index whose entries all meet it. ``owners``: the test as the index is asked for it."""
    return ConditionKind(
        test=test,
        tables=(column.table,),
        owners=select(column.owner).where(owners),
        source=column.table,
        exact=True,
        of_file=column.of_file,
    )


def between(column: SearchColumn, low: float, high: float) -> Condition:
    """Tracks with a value from ``low`` to ``high``, both included."""
    values = {f"{column.name}_low": low, f"{column.name}_high": high}
    return Condition(_between(column), values, column.name, low, high)


@lru_cache(KEPT)
def _between(column: SearchColumn) -> ConditionKind:
    low = bindparam(f"{column.name}_low", type_=column.value.type)
    high = bindparam(f"{column.name}_high", type_=column.value.type)
    return _of_column(column, unindexed(column.value).between(low, high), column.value.between(low, high))


def with_key(column: SearchColumn, key: Any, parameter: str = "same_key") -> Condition:
    """Tracks with a key, which are neighbours in the order of that column."""
    return Condition(_with_key(column, parameter), {parameter: key}, column.name, key, key)


@lru_cache(KEPT)
def _with_key(column: SearchColumn, parameter: str) -> ConditionKind:
    key = bindparam(parameter, type_=column.key.type)
    return _of_column(column, unindexed(column.key) == key, column.key == key)


@lru_cache(KEPT)
def without(column: SearchColumn) -> Condition:
    """Tracks without a value in a column."""
    return Condition(ConditionKind(test=column.value.is_(None), tables=(column.table,)))


@lru_cache(1)
def missing() -> Condition:
    """Files that were not there when their folder was last read."""
    since = file_table.c.missing_since
    return Condition(
        ConditionKind(
            test=func.coalesce(since, 0) != 0,
            tables=(file_table,),
            owners=select(file_table.c.id).where(since.is_not(None)),
            source=file_table,
        )
    )


@lru_cache(1)
def locked() -> Condition:
    """Files with a sound of which a person has locked something."""
    owner = locked_value_table.c.audio_id
    return Condition(
        ConditionKind(
            test=owner.is_not(None),
            tables=(locked_value_table,),
            owners=select(owner),
            source=locked_value_table,
            exact=True,
            of_file=False,
        )
    )


@lru_cache(1)
def stale(engine: str) -> Condition:
    """Files whose results are from other analysers than those that ``engine`` names."""
    test = has_stale_results(engine)
    return Condition(
        ConditionKind(
            test=test, tables=(file_table,), scanned=select(file_table.c.id).where(test), source=file_table
        )
    )


@lru_cache(KEPT)
def measured(analyser: str, version: int | None) -> Condition:
    """Files with results of one version of an analyser, or, with ``None``, without any of it."""
    test = has_results_of(analyser, version)
    return Condition(
        ConditionKind(
            test=test, tables=(file_table,), scanned=select(file_table.c.id).where(test), source=file_table
        )
    )


def at(place: Place) -> Condition:
    """Files at or below a path."""
    scope = place.scope
    values: dict[str, Any] = {"place_root": place.root}
    if scope:
        values |= {"place": scope, "place_below": scope + b"/", "place_end": scope + b"0"}
    return Condition(_at(bool(scope)), values)


@lru_cache(2)
def _at(has_scope: bool) -> ConditionKind:
    wanted_root = bindparam("place_root", type_=file_table.c.root_id.type)
    here = and_(file_table.c.root_id == wanted_root, file_table.c.moved_to_id.is_(None))
    root, path = unindexed(file_table.c.root_id), unindexed(file_table.c.path)
    test = root == wanted_root
    if has_scope:
        kind = file_table.c.path.type
        scope, below, end = (bindparam(name, type_=kind) for name in ("place", "place_below", "place_end"))
        here = and_(here, file_table.c.path.between(scope, end))  # and little beside
        test = and_(test, or_(path == scope, and_(path > below, path < end)))
    return ConditionKind(
        test=test, tables=(file_table,), owners=select(file_table.c.id).where(here), source=file_table
    )


def named(connection: Connection, columns: Sequence[SearchColumn], names: Sequence[str]) -> Condition:
    """Tracks with one of some names in one of some columns of one table; case makes no difference."""
    wanted = {folded(storable_text(name)) for name in names}
    found: list[tuple[SearchColumn, bool]] = []
    values: dict[str, Any] = {}
    bounds: tuple[Any, ...] = ()
    for column in columns:
        known = few_values(connection, column)
        if known is None:
            values[f"{column.name}_named"] = sorted(wanted)
        elif same := [value for value in known if folded(value) in wanted]:
            values[f"{column.name}_named"] = same
            bounds = _bounds(column, same)
        else:
            continue
        found.append((column, known is not None))
    kind = _named(columns[0], tuple(found))
    return Condition(kind, values, *(bounds if len(found) == 1 else ()))


@lru_cache(KEPT)
def _named(first: SearchColumn, columns: tuple[tuple[SearchColumn, bool], ...]) -> ConditionKind:
    """``columns``: each with whether its own spellings of the names are given; none: nothing has one of the names."""
    tests: list[ColumnElement[bool]] = []
    owners: list[ColumnElement[bool]] = []
    for column, is_spelt in columns:
        names = bindparam(f"{column.name}_named", type_=column.key.type, expanding=True)
        tests.append((unindexed(column.value) if is_spelt else func.lower(column.value)).in_(names))
        owners.append((column.key if is_spelt else func.lower(column.value)).in_(names))
    return _of_column(first, or_(*tests) if tests else false(), or_(*owners) if owners else false())


def containing(connection: Connection, column: SearchColumn, part: str) -> Condition:
    """Tracks with a text that contains a part; case makes no difference."""
    part = storable_text(part)
    values = few_values(connection, column)
    if values is not None:
        wanted = [value for value in values if contains_folded(value, part)]
        return Condition(_with_one_of(column), {f"{column.name}_is": wanted}, *_bounds(column, wanted))
    given = {f"{column.name}_part": part}
    found = with_words(connection, column, folded(part))
    if found is None:
        return Condition(_containing(column, None, column.table, exact=True), given)
    if found.few is not None:
        return Condition(_one_of(column), {f"{column.name}_files": found.few}, number=len(found.few))
    kind = _containing(column, found.owners, found.source, found.exact)
    return Condition(kind, {**given, **found.values}, number=found.number)


@lru_cache(KEPT)
def _one_of(column: SearchColumn) -> ConditionKind:
    """Files by their ids, those whose texts in a column hold a part."""
    here = file_table.c.id == func.any(array(f"{column.name}_files"))
    return ConditionKind(
        test=here,
        tables=(file_table,),
        owners=select(file_table.c.id).where(here),
        source=file_table,
        exact=True,
    )


@lru_cache(KEPT)
def _with_one_of(column: SearchColumn) -> ConditionKind:
    values = bindparam(f"{column.name}_is", type_=column.key.type, expanding=True)
    return _of_column(column, unindexed(column.value).in_(values), column.key.in_(values))


@lru_cache(KEPT)
def _containing(
    column: SearchColumn, owners: Select[Any] | None, source: FromClause, exact: bool
) -> ConditionKind:
    test = func.tonearm_has(column.value, bindparam(f"{column.name}_part", type_=column.value.type))
    return ConditionKind(
        test=test,
        tables=(column.table,),
        owners=owners,
        scanned=select(column.owner).where(test),
        source=source,
        exact=exact,
        of_file=column.of_file,
    )


def _bounds(column: SearchColumn, values: Sequence[str]) -> tuple[Any, ...]:
    """The name of a column, and the lowest and the highest key among some of its values."""
    return (column.name, min(values), max(values)) if values else ()


def few_values(connection: Connection, column: SearchColumn) -> list[str] | None:
    """Every value of a text column, from its index; ``None`` if there are more than a few, or very long ones."""
    sample, every = _value_statements(column)
    if connection.execute(sample).scalar_one() > SAMPLE // 6:
        return None
    known = [value for value in connection.execute(every).scalars() if value is not None]
    if len(known) > FEW_VALUES or any(len(value) >= KEY_LENGTH for value in known):
        return None
    return known


@lru_cache(KEPT)
def _value_statements(column: SearchColumn) -> tuple[Select[Any], Select[Any]]:
    """The number of distinct values among the first ones, and every distinct value, or somewhat more than a few."""
    first = select(column.key.label("value")).where(column.key.is_not(None)).order_by(column.key).limit(1)
    sample = first.limit(SAMPLE).subquery()
    values = first.subquery().select().cte("found", recursive=True)
    following = first.where(column.key > values.c.value).correlate(values).scalar_subquery()
    values = values.union_all(select(following).where(values.c.value.is_not(None)))
    return select(func.count(sample.c.value.distinct())), select(values.c.value).limit(FEW_VALUES + 2)
