"""Parts of texts on PostgreSQL, by its indexes over parts of texts.

An index of this kind is read as a whole before the first row is known, so it is read once for a list: where few texts
hold a part, their files are taken in place of the condition; how many hold a frequent one is told by a sample.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from sqlalchemy import (
    BindParameter,
    ColumnElement,
    Connection,
    Double,
    Select,
    String,
    and_,
    bindparam,
    func,
    literal_column,
    or_,
    select,
    tablesample,
    text,
)
from sqlalchemy.types import NullType

from tonearm.views.columns import SearchColumn

KINDS = 100
FOLLOWING = [chr(code) for code in range(1, 128) if not chr(code).isupper()]
"""What can follow two letters in a text of ASCII that is folded."""
MANY_PAIRS = 15_000
"""A part of two letters that is expected in more texts is not looked up: reading in order finds it sooner."""
FEW = 3_000
"""Maximum number of texts that are replaced by their files."""
SAMPLED = 2_000
"""Number of texts by which it is told how many hold a part."""
MANY_SAMPLED = 10
"""Minimum number of them that tells it."""
_KNOWN = text(
    "SELECT to_regclass('ix_tags_words') IS NOT NULL,"  # missing where pg_trgm could not be added
    " (SELECT reltuples FROM pg_class WHERE oid = to_regclass('tags'))"  # -1 where nothing was counted yet
)


@dataclass(frozen=True, slots=True)
class Holders:
    """The files whose texts hold a part: their ids if they are few, else a query for them and how many there are.

    values: of the parameters of the query.
    """

    owners: Select[Any]
    values: Mapping[str, Any]
    few: Sequence[int] | None
    number: int


def holders(connection: Connection, column: SearchColumn, part: str) -> Holders | None:
    """Which texts of a column hold a part that is folded; ``None`` where no index tells it soon.

    Groups of three letters are indexed: two are looked up with every letter that may follow in an ASCII text. Texts
    with other letters are in an index of their own too, over single letters.
    """
    indexed, texts = connection.execute(_KNOWN).one()
    values: dict[str, Any]
    if len(part) > 2:
        if not indexed:
            return None
        owners, values = _by_pattern(column), {f"{column.name}_like": f"%{_escaped(part)}%"}
    else:
        if part.isascii() and (len(part) == 1 or not (indexed and part.isalnum())):
            return None
        owners = _by_letters(column, part.isascii())
        values = {f"{column.name}_letters": list(part), f"{column.name}_short": part}
        if part.isascii():
            patterns = [f"%{part}", *(f"%{part}{_escaped(letter)}%" for letter in FOLLOWING)]
            values[f"{column.name}_like"] = patterns
    expected = _expected(connection, column, part, texts)
    if len(part) <= 2 and expected > MANY_PAIRS:
        return None
    if expected > 2 * FEW:
        return Holders(owners, values, None, expected)
    few = connection.execute(_first(owners), values).scalars().all()
    return Holders(owners, values, few if len(few) <= FEW else None, max(expected, len(few)))


@lru_cache(KINDS)
def _by_pattern(column: SearchColumn) -> Select[Any]:
    like = bindparam(f"{column.name}_like", type_=String())
    return select(column.owner).where(func.tonearm_fold(column.value).like(like))


@lru_cache(KINDS)
def _by_letters(column: SearchColumn, is_ascii: bool) -> Select[Any]:
    """Of a part of one or two letters."""
    found = and_(
        func.octet_length(column.value) != func.char_length(column.value),
        func.tonearm_letters(column.value).op("@>", is_comparison=True)(array(f"{column.name}_letters")),
        _holds(column.value, f"{column.name}_short"),
    )
    if is_ascii:
        folded_value = func.tonearm_fold(column.value)
        patterns = func.any(array(f"{column.name}_like"))
        found = or_(folded_value.op("LIKE", is_comparison=True)(patterns), found)
    return select(column.owner).where(found)


@lru_cache(KINDS)
def _first(owners: Select[Any]) -> Select[Any]:
    return owners.limit(FEW + 1)


def array(parameter: str) -> BindParameter[Any]:
    """A parameter for an array of PostgreSQL; SQLAlchemy's own type would load a dialect that SQLite does not need."""
    return bindparam(parameter, type_=NullType())


def _holds(value: ColumnElement[Any], parameter: str) -> ColumnElement[bool]:
    return func.strpos(func.tonearm_fold(value), bindparam(parameter, type_=String())) > 0


def _expected(connection: Connection, column: SearchColumn, part: str, texts: float) -> int:
    """How many texts of about so many hold a part, by a sample of pages; 0 if hardly any does."""
    if texts <= SAMPLED:
        return 0
    values = {"share": 100 * SAMPLED / texts, "part": part}
    read, holding = connection.execute(_sample(column), values).one()
    return int(texts * holding / read) if holding >= MANY_SAMPLED else 0


@lru_cache(KINDS)
def _sample(column: SearchColumn) -> Select[int, int]:
    """How many texts a sample of pages has, and how many of them hold a part."""
    share: BindParameter[float] = bindparam("share", type_=Double())
    sample = tablesample(column.table, func.system(share), seed=literal_column("0"))
    held = func.count().filter(_holds(sample.c[column.name], "part"))
    return select(func.count(), held).select_from(sample)


def _escaped(part: str) -> str:
    """A text as it is written in a pattern of ``LIKE``."""
    return part.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
