"""Column types whose values SQLite and PostgreSQL store and return identically, to the last bit."""

import json
import re
from collections.abc import Callable, Iterable
from typing import Any

from sqlalchemy import ColumnElement, Dialect, String
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement
from sqlalchemy.types import Double, TypeDecorator, TypeEngine

ReadJson = Callable[[str | bytes], Any]
"""Reads a JSON text. Raises ValueError."""
KEY_LENGTH = 100
"""Characters of a text that are compared when tracks are sorted by it."""
PADDING = "\x01\x01"
_EMPTY: dict[type, str] = {dict: "{}", list: "[]"}
_encode = json.JSONEncoder(allow_nan=False).encode
_decode = json.JSONDecoder().raw_decode


def storable_text(text: str) -> str:
    """Text without what PostgreSQL refuses: NUL is removed, and a lone surrogate becomes a question mark."""
    if "\0" in text:
        text = text.replace("\0", "")
    if type(text) is str and text.isascii():
        return text
    return text.encode("utf-8", "replace").decode()


def json_text(value: Any) -> str:
    """A value as the JSON text that is stored; PostgreSQL stores it unchanged, too.

    Raises:
        ValueError: a number in it is not finite.
    """
    if not value and (empty := _EMPTY.get(type(value))) is not None:
        return empty
    text = _encode(value)
    if "\\u0000" in text or "\\ud" in text:
        text = _encode(_storable_within(value))
    return text


def json_value(text: str) -> Any:
    """The value of a JSON text that ``json_text`` made: no space around it is looked for, as ``json.loads`` does."""
    return _decode(text)[0]


def _storable_within(value: Any) -> Any:
    if isinstance(value, str):
        return storable_text(value)
    if isinstance(value, dict):
        return {storable_text(name): _storable_within(inner) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_storable_within(inner) for inner in value]
    return value


def stored_text(value: str | None) -> str | None:
    """A value of a column of type ``CleanText`` as it is stored."""
    return None if value is None else storable_text(value)


def stored_float(value: float | None) -> float | None:
    """A value of a column of type ``FiniteFloat`` as it is stored."""
    return None if value is None else float(value) + 0.0


def stored_texts(values: Iterable[str | None]) -> list[str | None]:
    """``stored_text`` of several values, without a call for each."""
    return [
        text
        if text is None or (type(text) is str and text.isascii() and "\0" not in text)
        else storable_text(text)
        for text in values
    ]


def stored_floats(values: Iterable[float | None]) -> list[float | None]:
    """``stored_float`` of several values, without a call for each."""
    return [None if value is None else float(value) + 0.0 for value in values]


class CleanText(TypeDecorator[str]):
    """Text that either database can store."""

    impl = String
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:  # noqa: ARG002  the library's signature
        """Remove what PostgreSQL refuses."""
        return stored_text(value)


class FiniteFloat(TypeDecorator[float]):
    """A 64-bit float. A negative zero is stored as a positive one on both databases, because SQLite has no other."""

    impl = Double
    cache_ok = True

    def process_bind_param(self, value: float | None, dialect: Dialect) -> float | None:  # noqa: ARG002  the library's signature
        """Turn whole numbers into floats, and -0.0 into 0.0."""
        return stored_float(value)


class KeyText(CleanText):
    """A text of at most ``KEY_LENGTH`` characters that is sorted by its code points."""

    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """SQLite compares bytes, which is the order of code points too."""
        return String(collation="C") if dialect.name == "postgresql" else String()


class code_point_order(FunctionElement[str]):  # noqa: N801  written as an SQL function
    """A text that is sorted by its code points, whatever the language of the server."""

    type = String()
    inherit_cache = True


@compiles(code_point_order, "sqlite")
def _bytewise_sqlite(element: code_point_order, compiler: Any, **kw: Any) -> str:
    return str(compiler.process(element.clauses, **kw))


@compiles(code_point_order, "postgresql")
def _bytewise_postgresql(element: code_point_order, compiler: Any, **kw: Any) -> str:
    return f'({compiler.process(element.clauses, **kw)}) COLLATE "C"'


class text_key(FunctionElement[str]):  # noqa: N801  written as an SQL function
    """The first ``KEY_LENGTH`` characters of a text, sorted by their code points: what an index over texts holds.

    PostgreSQL refuses index entries of more than 2,700 bytes.
    """

    type = String()
    inherit_cache = True


@compiles(text_key, "sqlite")
def _text_key_sqlite(element: text_key, compiler: Any, **kw: Any) -> str:
    return f"substr({compiler.process(element.clauses, **kw)}, 1, {KEY_LENGTH})"


@compiles(text_key, "postgresql")
def _text_key_postgresql(element: text_key, compiler: Any, **kw: Any) -> str:
    return f'substr({compiler.process(element.clauses, **kw)}, 1, {KEY_LENGTH}) COLLATE "C"'


class unindexed(FunctionElement[Any]):  # noqa: N801  written as an SQL function
    """A column as it is compared without an index: SQLite, which knows no frequencies, would choose any."""

    inherit_cache = True

    def __init__(self, column: ColumnElement[Any]) -> None:
        super().__init__(column)
        self.type = column.type


@compiles(unindexed, "sqlite")
def _unindexed_sqlite(element: unindexed, compiler: Any, **kw: Any) -> str:
    return f"+({compiler.process(element.clauses, **kw)})"


@compiles(unindexed, "postgresql")
def _unindexed_postgresql(element: unindexed, compiler: Any, **kw: Any) -> str:
    return f"({compiler.process(element.clauses, **kw)})"


class without_numbers(FunctionElement[str]):  # noqa: N801  written as an SQL function
    """A text with ``…`` in place of every number that stands alone, so that texts that differ in numbers are equal."""

    type = String()
    inherit_cache = True


@compiles(without_numbers, "sqlite")
def _without_numbers_sqlite(element: without_numbers, compiler: Any, **kw: Any) -> str:
    return f"tonearm_without_numbers({compiler.process(element.clauses, **kw)})"


@compiles(without_numbers, "postgresql")
def _without_numbers_postgresql(element: without_numbers, compiler: Any, **kw: Any) -> str:
    text = compiler.process(element.clauses, **kw)
    return rf"regexp_replace({text}, '\m[0-9]+([.,][0-9]+)*\M', '…', 'g')"


_NUMBER = re.compile(r"\b[0-9]+(?:[.,][0-9]+)*\b")


def numbers_replaced(text: str | None) -> str | None:
    """SQLite's ``tonearm_without_numbers``."""
    return None if text is None else _NUMBER.sub("…", text)


def sort_key(column: ColumnElement[Any]) -> ColumnElement[Any]:
    """An expression for a column that both databases sort alike."""
    return code_point_order(column) if issubclass(column.type.python_type, str) else column


def contains_folded(whole: str | None, part: str) -> bool | None:
    """Whether a text contains another, in any case: SQLite's ``tonearm_has``; PostgreSQL's is in migration 0002."""
    return None if whole is None else folded(part) in folded(whole)


def padded(whole: str | None) -> str | None:
    """A text as SQLite's index over three characters has it: three begin at every character, the last one too."""
    return None if whole is None else folded(whole) + PADDING


def folded(text: str) -> str:
    """Small letters, one for each capital one, as PostgreSQL makes them; both forms of the small sigma are one."""
    return text.replace("İ", "i").lower().replace("ς", "σ")
