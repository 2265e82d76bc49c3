"""Asks PostgreSQL's planner how many rows a query has, which it knows without running it."""

from typing import Any

from sqlalchemy import ClauseElement, Connection, Executable, Select
from sqlalchemy.ext.compiler import compiles


def estimated_rows(connection: Connection, query: Select[Any]) -> int:
    """The number of rows of a query, from the statistics of its tables."""
    [plan] = connection.execute(_explained(query)).scalar_one()
    return int(plan["Plan"]["Plan Rows"])


class _explained(Executable, ClauseElement):  # noqa: N801  written as the statement that it stands for
    """PostgreSQL's plan for a query."""

    inherit_cache = False

    def __init__(self, query: Select[Any]) -> None:
        self.query = query


@compiles(_explained)
def _explain(element: _explained, compiler: Any, **kw: Any) -> str:
    return f"EXPLAIN (FORMAT JSON) {compiler.process(element.query, **kw)}"
