"""Writes rows to SQLite by statements that were compiled once.

SQLAlchemy would look at each value of each row several times, which takes longer than SQLite needs to store it.
"""

import sqlite3
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from itertools import repeat
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


@dataclass(frozen=True, slots=True)
class SqliteWrite:
    """A compiled statement that is executed for each of some rows.

    values_of: the values of a row, in the order of the statement's parameters.
    conversions: what makes the stored values from the values at an index, for the columns that need it.
    defaults: the stored values of columns that the rows lack, by their places among the parameters.
    """

    text: str
    values_of: Callable[[Mapping[str, Any]], tuple[Any, ...]]
    conversions: tuple[tuple[int, _Conversion], ...]
    defaults: tuple[tuple[int, Any], ...]

    def execute(self, connection: Connection, rows: Iterable[Mapping[str, Any]]) -> None:
        """Execute the statement for each row, in the transaction of a connection.

        Raises:
            ValueError, OverflowError: a column can't hold a value.
            DBAPIError: the driver's error, as SQLAlchemy raises it.
        """
        parameters = self._parameters(rows)
        driver = connection.connection.driver_connection
        assert isinstance(driver, sqlite3.Connection)  # noqa: S101  narrows the library's type
        try:
            driver.executemany(self.text, parameters)
        except sqlite3.Error as error:
            raise DBAPIError.instance(self.text, parameters, error, sqlite3.Error) from error

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


def prepared(statement: Insert | Update, names: Mapping[str, str]) -> SqliteWrite:
    """Compile a statement. ``names``: the name of a row's column by the name of the statement's parameter."""
    compiled = statement.compile(
        dialect=_DIALECT, column_keys=list(names) if isinstance(statement, Insert) else None
    )
    parameters = compiled.positiontup or []
    given = [parameter for parameter in parameters if parameter in names]
    columns = [names[parameter] for parameter in given]
    conversions = [
        (index, convert)
        for index, parameter in enumerate(given)
        if (convert := _conversion(compiled.binds[parameter].type)) is not None
    ]
    lacking = {column.key: column for column in compiled.insert_prefetch}
    defaults = [
        (place, _stored_default(lacking[parameter]))
        for place, parameter in enumerate(parameters)
        if parameter not in names
    ]
    values_of = itemgetter(*columns) if len(columns) > 1 else lambda row: (row[columns[0]],)
    return SqliteWrite(compiled.string, values_of, tuple(conversions), tuple(defaults))


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
