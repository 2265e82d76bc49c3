"""Writes rows to SQLite by statements that were compiled once, each of which writes several rows.

SQLAlchemy would look at each value of each row several times, which takes longer than SQLite needs to store it. SQLite
prepares each statement for its failure: it keeps what the statement changes, and has the index over the words of tags
write what it has got. So a statement of many rows takes a third of the time of as many statements.
"""

import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, repeat
from operator import itemgetter
from typing import Any

from sqlalchemy import Column, Connection
from sqlalchemy.dialects import sqlite
from sqlalchemy.exc import DBAPIError
from sqlalchemy.sql.dml import Insert, Update
from sqlalchemy.types import JSON, TypeEngine

from tonearm.library.column_types import CleanText, FiniteFloat, json_text, stored_floats, stored_texts

_Conversion = Callable[[Iterable[Any]], list[Any]]

_DIALECT = sqlite.dialect(json_serializer=json_text)
MOST_ROWS = 64
"""Maximum number of rows of a statement. Smaller ones have half as many, a quarter and so on, so that few texts are
parsed for any number of rows."""
GIVEN = "given"
"""The name by which an UPDATE reads the new values of its rows."""


@dataclass(frozen=True, slots=True)
class SqliteWrite:
    """A compiled statement for some rows: its text before, for and after the values of the rows.

    values_of: the values of a row, in the order of the statement's parameters.
    conversions: what makes the stored values from the values at an index, for the columns that need it.
    defaults: the stored values of columns that the rows lack, by their places among the parameters.
    """

    head: str
    row: str
    tail: str
    values_of: Callable[[Mapping[str, Any]], tuple[Any, ...]]
    conversions: tuple[tuple[int, _Conversion], ...]
    defaults: tuple[tuple[int, Any], ...] = ()

    def execute(self, connection: Connection, rows: Iterable[Mapping[str, Any]]) -> None:
        """Write the rows, in the transaction of a connection.

        Raises:
            ValueError, OverflowError: a column can't hold a value.
            DBAPIError: the driver's error, as SQLAlchemy raises it.
        """
        driver = connection.connection.driver_connection
        assert isinstance(driver, sqlite3.Connection)  # noqa: S101  narrows the library's type
        for together in _in_parts(self._parameters(rows)):
            text = f"{self.head}{', '.join([self.row] * len(together))}{self.tail}"
            parameters = [*chain.from_iterable(together)]
            try:
                driver.execute(text, parameters)
            except sqlite3.Error as error:
                raise DBAPIError.instance(text, parameters, error, sqlite3.Error) from error

    def _parameters(self, rows: Iterable[Mapping[str, Any]]) -> list[tuple[Any, ...]]:
        columns: list[Iterable[Any]] = [*zip(*map(self.values_of, rows), strict=True)]
        try:
            for index, convert in self.conversions:
                columns[index] = convert(columns[index])
        except TypeError as error:
            raise ValueError(f"a value of a wrong type: {error}") from error
        for place, value in self.defaults:
            columns.insert(place, repeat(value))
        return [*zip(*columns, strict=False)]  # the defaults have no end


def _in_parts(rows: Sequence[tuple[Any, ...]]) -> Iterator[Sequence[tuple[Any, ...]]]:
    """Parts of ``MOST_ROWS`` rows, then of half as many and so on."""
    begin, size = 0, MOST_ROWS
    while begin < len(rows):
        if begin + size <= len(rows):
            yield rows[begin : begin + size]
            begin += size
        else:
            size //= 2


def prepared_insert(statement: Insert, names: Sequence[str]) -> SqliteWrite:
    """Compile an INSERT of rows with some columns; columns that they lack get their defaults."""
    compiled = statement.compile(dialect=_DIALECT, column_keys=list(names))
    parameters = compiled.positiontup or []
    given = [parameter for parameter in parameters if parameter in names]
    lacking = {column.key: column for column in compiled.insert_prefetch}
    defaults = [
        (place, _stored_default(lacking[parameter]))
        for place, parameter in enumerate(parameters)
        if parameter not in names
    ]
    types = [compiled.binds[parameter].type for parameter in given]
    row = _row(len(parameters))
    head, _, tail = compiled.string.partition(f" VALUES {row}")
    return SqliteWrite(f"{head} VALUES ", row, tail, *_reading(given, types), tuple(defaults))


def prepared_update(statement: Update, names: Sequence[str]) -> SqliteWrite:
    """Compile an UPDATE that reads the rows, which have some columns of its table, from a table named ``GIVEN``."""
    quote = _DIALECT.identifier_preparer.quote
    head = f"WITH {GIVEN} ({', '.join(map(quote, names))}) AS (VALUES "
    types = [statement.table.c[name].type for name in names]
    return SqliteWrite(
        head, _row(len(names)), f") {statement.compile(dialect=_DIALECT)}", *_reading(names, types)
    )


def _row(width: int) -> str:
    return f"({', '.join('?' * width)})"


def _reading(
    names: Sequence[str], types: Sequence[TypeEngine[Any]]
) -> tuple[Callable[[Mapping[str, Any]], tuple[Any, ...]], tuple[tuple[int, _Conversion], ...]]:
    """What returns the values of a row, and the conversions of those that need one."""
    values_of = itemgetter(*names) if len(names) > 1 else lambda row: (row[names[0]],)
    conversions = [
        (index, convert) for index, kind in enumerate(types) if (convert := _conversion(kind)) is not None
    ]
    return values_of, tuple(conversions)


def _conversion(kind: TypeEngine[Any]) -> _Conversion | None:
    """What SQLAlchemy does to each value of a type, for a column at a time where this module knows the type."""
    if isinstance(kind, CleanText):
        return stored_texts
    if isinstance(kind, FiniteFloat):
        return stored_floats
    if type(kind) is JSON and not kind.none_as_null:
        return _json_texts
    convert = kind.dialect_impl(_DIALECT).bind_processor(_DIALECT)
    return None if convert is None else lambda values: [*map(convert, values)]


def _json_texts(values: Iterable[Any]) -> list[str]:
    return [*map(json_text, values)]


def _stored_default(column: Column[Any]) -> Any:
    """What is stored in a column of rows that lack it."""
    default: Any = column.default
    value = default.arg(None) if default.is_callable else default.arg
    convert = _conversion(column.type)
    return value if convert is None else convert([value])[0]
