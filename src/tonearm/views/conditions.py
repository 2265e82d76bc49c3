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

from tonearm.library.column_types import KEY_LENGTH, contains_folded, folded, storable_text, unindexed
from tonearm.library.roots import Place
from tonearm.library.schema import file_table
from tonearm.views.columns import SearchColumn

FEW_VALUES = 300
"""Maximum number of distinct values of a text column that is searched by comparing each distinct value once."""
FEW_TERMS = 60
"""Maximum number of trigrams that are looked up for a text of one or two characters; with more, tables are read."""


@dataclass(frozen=True, slots=True)
class Condition:
    """A condition on tracks.

    test: of one track. tables: the tables that the test needs, beside files.
    owners: a query for the ids of all files, or all audio, that may meet it, by an index; ``None`` without an index.
    scanned: the same query by reading a whole table, where there is no index.
    of_file: whether the owners are files; otherwise they are audio.
    column: the name of the column that the condition restricts; its key is not null, and from ``low`` to ``high``.
    """

    test: ColumnElement[bool]
    tables: tuple[FromClause, ...] = ()
    owners: Select[Any] | None = None
    scanned: Select[Any] | None = None
    of_file: bool = True
    column: str | None = None
    low: Any = None
    high: Any = None


def between(column: SearchColumn, low: float, high: float) -> Condition:
    """Tracks with a value from ``low`` to ``high``, both included."""
    return Condition(
        test=unindexed(column.value).between(low, high),
        tables=(column.table,),
        owners=select(column.owner).where(column.value.between(low, high)),
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
        test=func.coalesce(since, 0) != 0, owners=select(file_table.c.id).where(since.is_not(None))
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
    return Condition(test=test, owners=select(file_table.c.id).where(here))


def named(connection: Connection, columns: Sequence[SearchColumn], name: str) -> Condition:
    """Tracks with a name in one of some columns of one table; case makes no difference."""
    wanted = folded(storable_text(name))
    tests: list[ColumnElement[bool]] = []
    owners: list[ColumnElement[bool]] = []
    bounds: dict[str, Any] = {}
    for column in columns:
        values = few_values(connection, column)
        if values is None:
            tests.append(func.lower(column.value) == wanted)
            owners.append(func.lower(column.value) == wanted)
        elif same := [value for value in values if folded(value) == wanted]:
            tests.append(unindexed(column.value).in_(same))
            owners.append(column.key.in_(same))
            bounds = _bounds(column, same)
    found = or_(*tests) if tests else false()
    first = columns[0]
    return Condition(
        test=found,
        tables=(first.table,),
        owners=select(first.owner).where(or_(*owners) if owners else false()),
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
            of_file=column.of_file,
            **_bounds(column, wanted),
        )
    test = func.tonearm_has(column.value, part)
    return Condition(
        test=test,
        tables=(column.table,),
        owners=_with_words(connection, column, folded(part)),
        scanned=select(column.owner).where(test),
        of_file=column.of_file,
    )


def _bounds(column: SearchColumn, values: Sequence[str]) -> dict[str, Any]:
    """The lowest and the highest key among some values of a column."""
    return {"column": column.name, "low": min(values), "high": max(values)} if values else {}


def few_values(connection: Connection, column: SearchColumn) -> list[str] | None:
    """Every value of a text column, from its index; ``None`` if there are more than a few, or very long ones."""
    first = select(column.key.label("value")).where(column.key.is_not(None)).order_by(column.key).limit(1)
    values = first.subquery().select().cte("found", recursive=True)
    following = first.where(column.key > values.c.value).correlate(values).scalar_subquery()
    values = values.union_all(select(following).where(values.c.value.is_not(None)))
    found = connection.execute(select(values.c.value).limit(FEW_VALUES + 2)).scalars().all()
    known = [value for value in found if value is not None]
    if len(known) > FEW_VALUES or any(len(value) >= KEY_LENGTH for value in known):
        return None
    return known


def _with_words(connection: Connection, column: SearchColumn, part: str) -> Select[Any] | None:
    """The owners of texts that may hold a part, from the trigram index."""
    if column.words is None or not part:
        return None
    if connection.dialect.name == "postgresql":
        if len(part) < 3:
            return None
        escaped = part.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
        return select(column.owner).where(func.tonearm_fold(column.value).like(f"%{escaped}%"))
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
    return select(literal_column("tag_words.rowid").label("owner")).select_from(words).where(matches)


def _terms_from(connection: Connection, part: str) -> list[str]:
    """The trigrams in SQLite's index that begin with a text of one or two characters."""
    following = ord(part[-1]) + 1
    end = part[:-1] + chr(0xE000 if 0xD800 <= following <= 0xDFFF else min(following, 0x10FFFF))
    found = text("SELECT term FROM tag_words_vocabulary WHERE term >= :part AND term < :after LIMIT :count")
    return list(connection.execute(found, {"part": part, "after": end, "count": FEW_TERMS + 1}).scalars())
