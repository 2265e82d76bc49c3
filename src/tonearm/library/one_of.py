"""A condition of a statement: that a column has one of several values, on SQLite and PostgreSQL."""

import json
from collections.abc import Sequence
from typing import Any

from sqlalchemy import Dialect, String, bindparam
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement
from sqlalchemy.types import NullType, TypeDecorator, TypeEngine


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
