"""Conditions on tracks: each as a test of one track and, where there is an index, as a query for all that meet it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    FromClause,
    Select,
    and_,
    false,
    func,
    literal_column,
    or_,
    select,
    table,
    text,
)

from tonearm.jobs.job_sql import has_results_of, has_stale_results
from tonearm.library.column_types import KEY_LENGTH, contains_folded, folded, storable_text, unindexed
from tonearm.library.curation_schema import locked_value_table
from tonearm.library.roots import Place
from tonearm.library.schema import file_table, tags_table
from tonearm.views.columns import SearchColumn
from tonearm.views.postgres_words import array, holders

FEW_VALUES = 1_000
"""Maximum number of distinct values of a text column that is searched by comparing each distinct value once."""
SAMPLE = 600
"""Number of values by which it is told at first whether a column has more than a few distinct ones: 100 of them."""
FEW_TERMS = 60
"""Maximum number of trigrams that are looked up for a text of one or two characters; with more, tables are read."""


@dataclass(frozen=True, slots=True)
class Condition:
    """A condition on tracks.

    test: of one track. tables: the tables that the test needs.
    owners: a query for the ids of all files, or all audio, that may meet it, by an index; ``None`` without an index.
    scanned: the same query by reading a whole table, where there is no index.
    source: the table that both queries read. exact: whether every owner meets the condition, so that no test is needed.
    of_file: whether the owners are files; otherwise they are audio.
    column: the name of the column that the condition restricts; its key is not null, and from ``low`` to ``high``.
    number: how many owners there are, as counted or estimated when the condition was made, if it was.
    """

    test: ColumnElement[bool]
    tables: tuple[FromClause, ...] = ()
    owners: Select[Any] | None = None
    scanned: Select[Any] | None = None
    source: FromClause | None = None
    exact: bool = False
    of_file: bool = True
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


def between(column: SearchColumn, low: float, high: float) -> Condition:
    """Tracks with a value from ``low`` to ``high``, both included."""
    return Condition(
        test=unindexed(column.value).between(low, high),
        tables=(column.table,),
        owners=select(column.owner).where(column.value.between(low, high)),
        source=column.table,
        exact=True,
        of_file=column.of_file,
        column=column.name,
        low=low,
        high=high,
    )


def with_key(column: SearchColumn, key: Any) -> Condition:
    """Tracks with a key, which are neighbours in the order of that column."""
    return Condition(
        test=unindexed(column.key) == key,
        tables=(column.table,),
        owners=select(column.owner).where(column.key == key),
        source=column.table,
        exact=True,
        of_file=column.of_file,
        column=column.name,
        low=key,
        high=key,
    )


def without(column: SearchColumn) -> Condition:
    """Tracks without a value in a column."""
    return Condition(test=column.value.is_(None), tables=(column.table,))


def missing() -> Condition:
    """Files that were not there when their folder was last read."""
    since = file_table.c.missing_since
    return Condition(
        test=func.coalesce(since, 0) != 0,
        tables=(file_table,),
        owners=select(file_table.c.id).where(since.is_not(None)),
        source=file_table,
    )


def locked() -> Condition:
    """Files with a sound of which a person has locked something."""
    owner = locked_value_table.c.audio_id
    return Condition(
        test=owner.is_not(None),
        tables=(locked_value_table,),
        owners=select(owner),
        source=locked_value_table,
        exact=True,
        of_file=False,
    )


def stale(engine: str) -> Condition:
    """Files whose results are from other analysers than those that ``engine`` names."""
    test = has_stale_results(engine)
    return Condition(
        test=test, tables=(file_table,), scanned=select(file_table.c.id).where(test), source=file_table
    )


def measured(analyser: str, version: int | None) -> Condition:
    """Files with results of one version of an analyser, or, with ``None``, without any of it."""
    test = has_results_of(analyser, version)
    return Condition(
        test=test, tables=(file_table,), scanned=select(file_table.c.id).where(test), source=file_table
    )


def at(place: Place) -> Condition:
    """Files at or below a path."""
    here = and_(file_table.c.root_id == place.root, file_table.c.moved_to_id.is_(None))
    root, path = unindexed(file_table.c.root_id), unindexed(file_table.c.path)
    test = root == place.root
    if place.scope:
        here = and_(here, file_table.c.path.between(place.scope, place.scope + b"0"))  # and little beside
        within = and_(path > place.scope + b"/", path < place.scope + b"0")
        test = and_(test, or_(path == place.scope, within))
    return Condition(
        test=test, tables=(file_table,), owners=select(file_table.c.id).where(here), source=file_table
    )


def named(connection: Connection, columns: Sequence[SearchColumn], names: Sequence[str]) -> Condition:
    """Tracks with one of some names in one of some columns of one table; case makes no difference."""
    wanted = {folded(storable_text(name)) for name in names}
    tests: list[ColumnElement[bool]] = []
    owners: list[ColumnElement[bool]] = []
    bounds: dict[str, Any] = {}
    for column in columns:
        values = few_values(connection, column)
        if values is None:
            tests.append(func.lower(column.value).in_(sorted(wanted)))
            owners.append(func.lower(column.value).in_(sorted(wanted)))
        elif same := [value for value in values if folded(value) in wanted]:
            tests.append(unindexed(column.value).in_(same))
            owners.append(column.key.in_(same))
            bounds = _bounds(column, same)
    found = or_(*tests) if tests else false()
    first = columns[0]
    return Condition(
        test=found,
        tables=(first.table,),
        owners=select(first.owner).where(or_(*owners) if owners else false()),
        source=first.table,
        exact=True,
        of_file=first.of_file,
        **(bounds if len(tests) == 1 else {}),
    )


def containing(connection: Connection, column: SearchColumn, part: str) -> Condition:
    """Tracks with a text that contains a part; case makes no difference."""
    part = storable_text(part)
    values = few_values(connection, column)
    if values is not None:
        wanted = [value for value in values if contains_folded(value, part)]
        return Condition(
            test=unindexed(column.value).in_(wanted),
            tables=(column.table,),
            owners=select(column.owner).where(column.key.in_(wanted)),
            source=column.table,
            exact=True,
            of_file=column.of_file,
            **_bounds(column, wanted),
        )
    test = func.tonearm_has(column.value, part)
    found = _with_words(connection, column, folded(part))
    if found is not None and found.few is not None:
        return _one_of(found.few)
    return Condition(
        test=test,
        tables=(column.table,),
        owners=None if found is None else found.owners,
        scanned=select(column.owner).where(test),
        source=column.table if found is None else found.source,
        exact=found is None or found.exact,
        of_file=column.of_file,
        number=None if found is None else found.number,
    )


def _one_of(files: Sequence[int]) -> Condition:
    """Files by their ids."""
    here = file_table.c.id == func.any(array(files))
    return Condition(
        test=here,
        tables=(file_table,),
        owners=select(file_table.c.id).where(here),
        source=file_table,
        exact=True,
        number=len(files),
    )


def _bounds(column: SearchColumn, values: Sequence[str]) -> dict[str, Any]:
    """The lowest and the highest key among some values of a column."""
    return {"column": column.name, "low": min(values), "high": max(values)} if values else {}


def few_values(connection: Connection, column: SearchColumn) -> list[str] | None:
    """Every value of a text column, from its index; ``None`` if there are more than a few, or very long ones."""
    first = select(column.key.label("value")).where(column.key.is_not(None)).order_by(column.key).limit(1)
    sample = first.limit(SAMPLE).subquery()
    if connection.execute(select(func.count(sample.c.value.distinct()))).scalar_one() > SAMPLE // 6:
        return None
    values = first.subquery().select().cte("found", recursive=True)
    following = first.where(column.key > values.c.value).correlate(values).scalar_subquery()
    values = values.union_all(select(following).where(values.c.value.is_not(None)))
    found = connection.execute(select(values.c.value).limit(FEW_VALUES + 2)).scalars().all()
    known = [value for value in found if value is not None]
    if len(known) > FEW_VALUES or any(len(value) >= KEY_LENGTH for value in known):
        return None
    return known


@dataclass(frozen=True, slots=True)
class _Words:
    """A query of the trigram index: see ``Condition``. few: the ids of its files, where they are known and few."""

    owners: Select[Any]
    source: FromClause
    exact: bool
    few: Sequence[int] | None = None
    number: int | None = None


def _with_words(connection: Connection, column: SearchColumn, part: str) -> _Words | None:
    """The owners of texts that may hold a part, from the trigram index."""
    if column.words is None or not part:
        return None
    if connection.dialect.name == "postgresql":
        holding = holders(connection, column, part)
        if holding is None:
            return None
        return _Words(holding.owners, column.table, True, holding.few, holding.number)
    terms = [part[start : start + 3] for start in range(len(part) - 2)]
    joined = " AND "
    if not terms:
        if len(part) == 1 and part.isascii():
            return None
        terms, joined = _terms_from(connection, part), " OR "
        if len(terms) > FEW_TERMS:
            return None
    quoted = joined.join('"' + term.replace('"', '""') + '"' for term in terms) or '"\x01\x01\x01"'
    words = table("tag_words")
    matches = literal_column("tag_words").op("MATCH")(f"{column.words} : ({quoted})")
    owners: Select[Any] = (
        select(literal_column("tag_words.rowid").label("owner")).select_from(words).where(matches)
    )
    return _Words(owners, words, exact=len(part) <= 3)


def _terms_from(connection: Connection, part: str) -> list[str]:
    """The trigrams in SQLite's index that begin with a text of one or two characters."""
    following = ord(part[-1]) + 1
    end = part[:-1] + chr(0xE000 if 0xD800 <= following <= 0xDFFF else min(following, 0x10FFFF))
    found = text("SELECT term FROM tag_words_vocabulary WHERE term >= :part AND term < :after LIMIT :count")
    return list(connection.execute(found, {"part": part, "after": end, "count": FEW_TERMS + 1}).scalars())
