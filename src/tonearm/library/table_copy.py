"""Copies whole tables, row by row, from one database to another: every value as it is stored, in bounded memory."""

import hashlib
import itertools
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import JSON, Column, Connection, Table, Text, cast, func, select, text

from tonearm.library.column_types import json_text, sort_key, storable_text
from tonearm.library.driver_errors import translated_errors
from tonearm.library.schema import highest_id_table

ROWS = 100
"""Number of rows in memory at once; one row may hold the beats of a recording of a day."""

Values = tuple[Any, ...]


@dataclass(slots=True)
class Digest:
    """The number of rows that passed, and a SHA-256 over their values."""

    rows: int = 0
    _hash: Any = field(default_factory=hashlib.sha256)

    def through(self, rows: Iterator[Values]) -> Iterator[Values]:
        """The same rows, counted and hashed as they pass."""
        for row in rows:
            self.rows += 1
            self._hash.update(ascii(row).encode("ascii"))
            yield row

    @property
    def sha256(self) -> str:
        """The hash of the rows so far, in hexadecimal digits."""
        return str(self._hash.hexdigest())


def rows_of(connection: Connection, table: Table, address: str) -> Iterator[Values]:
    """The rows in the order of their keys, with the values that either database stores. Documents are texts."""
    columns = [_as_text(column) if _is_document(column) else column for column in table.columns]
    documents = [_is_document(column) for column in table.columns]
    ordered = select(*columns).order_by(*(sort_key(key) for key in table.primary_key))
    with translated_errors(address):
        for row in connection.execute(ordered.execution_options(yield_per=ROWS)):
            yield tuple(map(_kept, row, documents))


def count_rows(connection: Connection, table: Table) -> int:
    """How many rows a table has."""
    return connection.execute(select(func.count()).select_from(table)).scalar_one()


def write_rows(connection: Connection, table: Table, rows: Iterator[Values]) -> None:
    """Write rows of ``rows_of`` to an empty table; they may refer to later rows of the same table."""
    quoted = connection.dialect.identifier_preparer.quote
    columns = ", ".join(quoted(column.name) for column in table.columns)
    if connection.dialect.name == "postgresql":
        from tonearm.library.postgres import copy_rows

        copy_rows(connection, f"COPY {quoted(table.name)} ({columns}) FROM STDIN", rows)
        return
    connection.execute(text("PRAGMA defer_foreign_keys = ON"))
    marks = ", ".join("?" * len(table.columns))
    statement = f"INSERT INTO {quoted(table.name)} ({columns}) VALUES ({marks})"  # noqa: S608  names of ours
    while batch := list(itertools.islice(rows, ROWS)):
        connection.exec_driver_sql(statement, batch)


def continue_numbering(connection: Connection, table: Table) -> None:
    """Let the ids of new rows follow the highest id that there is or was; SQLite does that by itself."""
    column = table.autoincrement_column
    if connection.dialect.name != "postgresql" or column is None:
        return
    removed = select(highest_id_table.c.id).where(highest_id_table.c.name == table.name).scalar_subquery()
    last = connection.execute(select(func.greatest(func.max(column), removed))).scalar_one()
    if last is not None:
        sequence = func.pg_get_serial_sequence(table.name, column.name)
        connection.execute(select(func.setval(sequence, last)))


def _is_document(column: Column[Any]) -> bool:
    return isinstance(column.type, JSON)


def _as_text(column: Column[Any]) -> Any:
    return cast(column, Text)


def _kept(value: Any, is_document: bool) -> Any:
    """A value as this version writes it; earlier versions stored NUL in texts."""
    if isinstance(value, float):
        return value + 0.0
    if not isinstance(value, str):
        return value
    if is_document and ("\\u0000" in value or "\\ud" in value):
        return json_text(json.loads(value))
    return storable_text(value)
