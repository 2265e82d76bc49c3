"""Asks PostgreSQL's planner how many rows a query has, which it knows without running it."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import ClauseElement, Connection, Executable, Select
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.visitors import InternalTraversal


def estimated_rows(connection: Connection, query: Select[Any], values: Mapping[str, Any]) -> int:
    """The number of rows of a query with some values of its parameters, from the statistics of its tables."""
    [plan] = connection.execute(_explained(query), values).scalar_one()
    return int(plan["Plan"]["Plan Rows"])


class _explained(Executable, ClauseElement):  # noqa: N801  written as the statement that it stands for
    """PostgreSQL's plan for a query."""

    inherit_cache = True
    _traverse_internals = [("query", InternalTraversal.dp_clauseelement)]  # noqa: RUF012  as the library declares it
    """What its text follows from, so that it is compiled once for all queries of one form."""
    _all_selected_columns = ()

    def __init__(self, query: Select[Any]) -> None:
        self.query = query


@compiles(_explained)
def _explain(element: _explained, compiler: Any, **kw: Any) -> str:
    return f"EXPLAIN (FORMAT JSON) {compiler.process(element.query, **kw)}"
