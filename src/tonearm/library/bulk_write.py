"""Writes many rows by one statement, on SQLite and PostgreSQL. A statement is built once for any number of rows.

PostgreSQL gets the rows as one JSON document, which takes a tenth of the time of a parameter for each value.
"""

import functools
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from sqlalchemy import (
    JSON,
    ColumnElement,
    Connection,
    Dialect,
    FromClause,
    String,
    Table,
    bindparam,
    column,
    func,
    literal_column,
    select,
    update,
)
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.dml import Insert, Update
from sqlalchemy.sql.functions import FunctionElement
from sqlalchemy.types import NullType, TypeDecorator, TypeEngine

from tonearm.library.column_types import FiniteFloat

if TYPE_CHECKING:
    from sqlalchemy.dialects import postgresql, sqlite

Row = dict[str, Any]
Names = tuple[str, ...]
Write = Callable[[Connection, Sequence[Row]], object]


def upsert(connection: Connection, table: Table, keys: Names, rows: Iterable[Row], first: Names = ()) -> None:
    """Insert rows, or update those with the same keys. No two of the rows may have the same keys.

    ``first`` names columns that keep the value they were inserted with.
    """
    for names, alike in _by_columns(rows).items():
        _upsert(connection.dialect.name, table, keys, names, first)(connection, alike)


def add(connection: Connection, table: Table, rows: Iterable[Row]) -> None:
    """Insert rows without returning their ids."""
    for names, alike in _by_columns(rows).items():
        _add(connection.dialect.name, table, names)(connection, alike)


def change(connection: Connection, table: Table, rows: Iterable[Row]) -> None:
    """Update columns of existing rows, each found by its ``id``."""
    for names, alike in _by_columns(rows).items():
        _change(connection.dialect.name, table, names)(connection, alike)


def _by_columns(rows: Iterable[Row]) -> dict[Names, list[Row]]:
    groups: dict[Names, list[Row]] = {}
    for row in rows:
        groups.setdefault(tuple(row), []).append(row)
    return groups


def _recordset(table: Table, names: Names) -> tuple[FromClause, dict[str, ColumnElement[Any]]]:
    """The rows of the JSON document as a table, and its columns with the types of the target table."""
    columns = (column(name, table.c[name].type) for name in names)
    rows = func.json_to_recordset(bindparam("rows", type_=JSON)).table_valued(*columns)
    given = rows.render_derived(name="given", with_types=True)
    return given, {
        name: given.c[name] + literal_column("0.0")
        if isinstance(table.c[name].type, FiniteFloat)
        else given.c[name]
        for name in names  # a negative zero becomes a positive one, as SQLite has no other
    }


def _insert(dialect: str, table: Table, names: Names) -> "postgresql.Insert | sqlite.Insert":
    if dialect == "postgresql":
        from sqlalchemy.dialects import (
            postgresql,  # each dialect is slow to import, so only the one in use is
        )

        _, columns = _recordset(table, names)
        return postgresql.insert(table).from_select(list(names), select(*columns.values()))
    from sqlalchemy.dialects import sqlite

    return sqlite.insert(table)


@functools.cache
def _add(dialect: str, table: Table, names: Names) -> Write:
    return _write(dialect, _insert(dialect, table, names), {name: name for name in names})


@functools.cache
def _upsert(dialect: str, table: Table, keys: Names, names: Names, first: Names) -> Write:
    statement = _insert(dialect, table, names)
    changes = {name: statement.excluded[name] for name in names if name not in (*keys, *first)}
    if changes:
        statement = statement.on_conflict_do_update(index_elements=list(keys), set_=changes)
    else:
        statement = statement.on_conflict_do_nothing(index_elements=list(keys))
    return _write(dialect, statement, {name: name for name in names})


@functools.cache
def _change(dialect: str, table: Table, names: Names) -> Write:
    if dialect == "postgresql":
        given, columns = _recordset(table, names)
        chosen = update(table).where(table.c.id == given.c.id)
        statement = chosen.values({name: columns[name] for name in names if name != "id"})
    else:
        values: dict[str, Any] = {name: bindparam(f"new_{name}") for name in names if name != "id"}
        statement = update(table).where(table.c.id == bindparam("new_id")).values(values)
    return _write(dialect, statement, {f"new_{name}": name for name in names})


def _write(dialect: str, statement: Insert | Update, names: Mapping[str, str]) -> Write:
    """What executes a statement for rows. ``names``: the column by the name of the statement's parameter on SQLite."""
    if dialect == "postgresql":
        return lambda connection, rows: connection.execute(statement, {"rows": rows})
    from tonearm.library.sqlite_write import prepared

    return prepared(statement, names).execute


class _Several(TypeDecorator[Sequence[Any]]):
    """Values of one type as one parameter: an array on PostgreSQL, the text of a JSON array on SQLite."""

    impl = String
    cache_ok = True

    def __init__(self, item: TypeEngine[Any]) -> None:
        super().__init__()
        self.item = item

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """An array type on PostgreSQL, text on SQLite."""
        if dialect.name != "postgresql":
            return String()
        from sqlalchemy.dialects.postgresql import ARRAY

        return ARRAY(self.item)

    def process_bind_param(self, value: Any, dialect: Dialect) -> Any:
        """A list on PostgreSQL, the text of a JSON array on SQLite."""
        return list(value) if dialect.name == "postgresql" else json.dumps(list(value))


class among(FunctionElement[Any]):  # noqa: N801  written as the SQL function it stands for
    """Whether a column has one of the values of a parameter; the statement is the same for any number of them."""

    type = NullType()  # a Boolean would be compared with 1 on SQLite, which then uses no index
    inherit_cache = True

    def __init__(self, column: Any, name: str) -> None:
        super().__init__(column, bindparam(name, type_=_Several(column.type)))


@compiles(among, "sqlite")
def _among_sqlite(element: among, compiler: Any, **kw: Any) -> str:
    one, several = (compiler.process(clause, **kw) for clause in element.clauses)
    return f"{one} IN (SELECT value FROM json_each({several}))"  # noqa: S608  names of ours


@compiles(among, "postgresql")
def _among_postgresql(element: among, compiler: Any, **kw: Any) -> str:
    one, several = (compiler.process(clause, **kw) for clause in element.clauses)
    return f"{one} = ANY ({several})"
