"""Finds the texts that hold a part by the indexes over parts of texts."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from sqlalchemy import Connection, FromClause, Select, String, bindparam, literal_column, select, table, text

from tonearm.views.columns import SearchColumn
from tonearm.views.postgres_words import holders

KINDS = 100
FEW_TERMS = 60
"""Maximum number of trigrams that are looked up for a text of one or two characters; with more, tables are read."""
_WORDS = table("tag_words")
_TERMS_FROM = text("SELECT term FROM tag_words_vocabulary WHERE term >= :part AND term < :after LIMIT :count")


@dataclass(frozen=True, slots=True)
class Words:
    """A query of an index over parts of texts: ``owners``, ``source`` and ``exact`` of a ``ConditionKind``.

    values: of the parameters. few: the ids of its files, where they are known and few. number: how many there are.
    """

    owners: Select[Any]
    source: FromClause
    exact: bool
    values: Mapping[str, Any]
    few: Sequence[int] | None = None
    number: int | None = None


def with_words(connection: Connection, column: SearchColumn, part: str) -> Words | None:
    """The owners of texts that may hold a part, which is folded; ``None`` where no index helps."""
    if column.words is None or not part:
        return None
    if connection.dialect.name == "postgresql":
        holding = holders(connection, column, part)
        if holding is None:
            return None
        return Words(holding.owners, column.table, True, holding.values, holding.few, holding.number)
    terms = [part[start : start + 3] for start in range(len(part) - 2)]
    joined = " AND "
    if not terms:
        if len(part) == 1 and part.isascii():
            return None
        terms, joined = _terms_from(connection, part), " OR "
        if len(terms) > FEW_TERMS:
            return None
    quoted = joined.join('"' + term.replace('"', '""') + '"' for term in terms) or '"\x01\x01\x01"'
    values = {f"{column.name}_words": f"{column.words} : ({quoted})"}
    return Words(_matching(column), _WORDS, len(part) <= 3, values)


@lru_cache(KINDS)
def _matching(column: SearchColumn) -> Select[Any]:
    matches = literal_column("tag_words").op("MATCH")(bindparam(f"{column.name}_words", type_=String()))
    return select(literal_column("tag_words.rowid").label("owner")).select_from(_WORDS).where(matches)


def _terms_from(connection: Connection, part: str) -> list[str]:
    """The trigrams in SQLite's index that begin with a text of one or two characters."""
    following = ord(part[-1]) + 1
    end = part[:-1] + chr(0xE000 if 0xD800 <= following <= 0xDFFF else min(following, 0x10FFFF))
    wanted = {"part": part, "after": end, "count": FEW_TERMS + 1}
    return list(connection.execute(_TERMS_FROM, wanted).scalars())
