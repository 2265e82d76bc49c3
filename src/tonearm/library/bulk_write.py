"""Writes many rows by few statements, on SQLite and PostgreSQL. A statement is built once for any number of rows."""

import functools
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING, Any, Literal

from sqlalchemy import (
    JSON,
    ColumnElement,
    Connection,
    FromClause,
    LargeBinary,
    Select,
    Table,
    bindparam,
    column,
    func,
    literal_column,
    select,
    text,
    update,
)
from sqlalchemy import table as table_clause
from sqlalchemy.sql.dml import Insert, ReturningInsert, Update

from tonearm.library.column_types import FiniteFloat
from tonearm.library.schema import highest_id_table

if TYPE_CHECKING:
    from sqlalchemy.dialects import postgresql, sqlite

    from tonearm.library.postgres_write import PostgresWrite
    from tonearm.library.sqlite_write import SqliteWrite

_NEXT_IDS = text(
    "SELECT nextval(pg_get_serial_sequence(:table, 'id')) FROM generate_series(1, CAST(:count AS integer))"
)
Row = dict[str, Any]
Names = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Write:
    """What is done with rows that have the same columns. The names are those of ``RowBatch.upsert``."""

    verb: Literal["add", "upsert", "change"]
    table: Table
    names: Names
    keys: Names = ()
    first: Names = ()
    newest: str = ""


class RowBatch:
    """Rows of several tables that are written together. No row may be written twice."""

    def __init__(self) -> None:
        self._writes: list[_Write] = []
        self._rows: list[list[Row]] = []

    def upsert(
        self, table: Table, keys: Names, rows: Iterable[Row], first: Names = (), newest: str = ""
    ) -> None:
        """Insert rows, or update those with the same keys. No two of the rows may have the same keys.

        first: columns that keep the value they were inserted with. newest: a column with a time; a row that has a later
        one stays as it is.
        """
        for names, alike in _by_columns(rows).items():
            self._writes.append(_Write("upsert", table, names, keys, first, newest))
            self._rows.append(alike)

    def change(self, table: Table, rows: Iterable[Row]) -> None:
        """Update columns of existing rows, each found by its ``id``."""
        for names, alike in _by_columns(rows).items():
            self._writes.append(_Write("change", table, names))
            self._rows.append(alike)

    def execute(self, connection: Connection) -> None:
        """Write the rows: by one statement on PostgreSQL, where a round trip costs most."""
        if not self._writes:
            return
        if connection.dialect.name == "postgresql":
            texts = [
                _with_binary_as_text(write.table, rows)
                for write, rows in zip(self._writes, self._rows, strict=True)
            ]
            _postgres_write(tuple(self._writes)).execute(connection, texts)
            return
        for write, rows in zip(self._writes, self._rows, strict=True):
            _sqlite_write(write).execute(connection, rows)


@contextmanager
def row_batch(connection: Connection) -> Iterator[RowBatch]:
    """A batch that is written at the end of the block."""
    batch = RowBatch()
    yield batch
    batch.execute(connection)


def upsert(connection: Connection, table: Table, keys: Names, rows: Iterable[Row], first: Names = ()) -> None:
    """Insert or update rows of one table; see ``RowBatch.upsert``."""
    with row_batch(connection) as batch:
        batch.upsert(table, keys, rows, first)


def upsert_returning(
    connection: Connection,
    table: Table,
    keys: Names,
    rows: Sequence[Row],
    first: Names,
    returned: tuple[ColumnElement[Any], ...],
) -> Sequence[Any]:
    """``upsert`` on PostgreSQL, of rows that have the same columns.

    Returns columns of the rows that were inserted or updated, not of those that kept all their values.
    """
    statement = _returning(_Write("upsert", table, tuple(rows[0]), keys, first), returned)
    return connection.execute(statement, {"rows": rows}).all()


def change(connection: Connection, table: Table, rows: Iterable[Row]) -> None:
    """Update rows of one table; see ``RowBatch.change``."""
    with row_batch(connection) as batch:
        batch.change(table, rows)


def add(connection: Connection, table: Table, rows: Iterable[Row]) -> None:
    """Insert rows without returning their ids. They may lack columns that have a default."""
    for names, alike in _by_columns(rows).items():
        write = _Write("add", table, names)
        if connection.dialect.name == "postgresql":
            connection.execute(_statement("postgresql", write), {"rows": _with_binary_as_text(table, alike)})
        else:
            _sqlite_write(write).execute(connection, alike)


def new_ids(connection: Connection, table: Table, count: int) -> Sequence[int]:
    """Ids for new rows, which are then added with them: returning an id for each row takes ten times longer."""
    if connection.dialect.name == "sqlite":
        last = connection.execute(_last_id(table)).scalar_one()
        return range(last + 1, last + 1 + count)  # there is no other writer
    return connection.execute(_NEXT_IDS, {"table": table.name, "count": count}).scalars().all()


@functools.cache
def _last_id(table: Table) -> Select[int]:
    """Of the rows, and of those that were removed."""
    removed = select(highest_id_table.c.id).where(highest_id_table.c.name == table.name).scalar_subquery()
    return select(func.max(func.coalesce(func.max(table.c.id), 0), func.coalesce(removed, 0)))


def _with_binary_as_text(table: Table, rows: list[Row]) -> list[Row]:
    """Rows whose binary values are written as PostgreSQL reads them from JSON: in hexadecimal digits."""
    binary = [name for name in rows[0] if isinstance(table.c[name].type, LargeBinary)]
    if not binary:
        return rows
    return [row | {name: rf"\x{row[name].hex()}" for name in binary if row[name] is not None} for row in rows]


def _by_columns(rows: Iterable[Row]) -> dict[Names, list[Row]]:
    groups: dict[Names, list[Row]] = {}
    for names, alike in groupby(rows, key=tuple):
        groups.setdefault(names, []).extend(alike)
    return groups


@functools.cache
def _postgres_write(writes: tuple[_Write, ...]) -> "PostgresWrite":
    from tonearm.library.postgres_write import prepared

    return prepared(
        {f"rows{n}": _statement("postgresql", write, f"rows{n}") for n, write in enumerate(writes)}
    )


@functools.cache
def _sqlite_write(write: _Write) -> "SqliteWrite":
    from tonearm.library.sqlite_write import prepared_insert, prepared_update

    statement = _statement("sqlite", write)
    if isinstance(statement, Insert):
        return prepared_insert(statement, write.names)
    return prepared_update(statement, write.names)


@functools.cache
def _returning(write: _Write, columns: tuple[ColumnElement[Any], ...]) -> ReturningInsert[Any]:
    statement = _statement("postgresql", write)
    assert isinstance(statement, Insert)  # noqa: S101  an upsert always is one
    return statement.returning(*columns)


@functools.cache
def _statement(dialect: str, write: _Write, document: str = "rows") -> Insert | Update:
    """A statement for any rows. ``document``: the name of its only parameter on PostgreSQL."""
    if write.verb == "change":
        return _change(dialect, write, document)
    statement = _insert(dialect, write, document)
    if write.verb == "add":
        return statement
    kept = (*write.keys, *write.first)
    changes = {name: statement.excluded[name] for name in write.names if name not in kept}
    if not changes:
        return statement.on_conflict_do_nothing(index_elements=list(write.keys))
    newest = write.table.c[write.newest] <= statement.excluded[write.newest] if write.newest else None
    return statement.on_conflict_do_update(index_elements=list(write.keys), set_=changes, where=newest)


def _insert(dialect: str, write: _Write, document: str) -> "postgresql.Insert | sqlite.Insert":
    if dialect == "postgresql":
        from sqlalchemy.dialects import (
            postgresql,  # each dialect is slow to import, so only the one in use is
        )

        _, columns = _recordset(write, document)
        return postgresql.insert(write.table).from_select(list(write.names), select(*columns.values()))
    from sqlalchemy.dialects import sqlite

    return sqlite.insert(write.table)


def _change(dialect: str, write: _Write, document: str) -> Update:
    table = write.table
    given, columns = _recordset(write, document) if dialect == "postgresql" else _given(write)
    changes = {name: value for name, value in columns.items() if name != "id"}
    return update(table).where(table.c.id == given.c.id).values(changes)


def _given(write: _Write) -> tuple[FromClause, dict[str, ColumnElement[Any]]]:
    """The rows on SQLite, as a table that the statement is given, and its columns."""
    given = table_clause("given", *map(column, write.names))
    return given, dict(given.c)


def _recordset(write: _Write, document: str) -> tuple[FromClause, dict[str, ColumnElement[Any]]]:
    """The rows of a JSON document as a table, and its columns with the types of the target table."""
    types = {name: write.table.c[name].type for name in write.names}
    columns = (column(name, kind) for name, kind in types.items())
    rows = func.json_to_recordset(bindparam(document, type_=JSON)).table_valued(*columns)
    given = rows.render_derived(name="given", with_types=True)
    return given, {
        name: given.c[name] + literal_column("0.0") if isinstance(kind, FiniteFloat) else given.c[name]
        for name, kind in types.items()  # a negative zero becomes a positive one, as SQLite has no other
    }
