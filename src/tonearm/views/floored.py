"""Rounding down in SQL, on either database."""

from typing import Any

from sqlalchemy import Integer
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement


class floored(FunctionElement[int]):  # noqa: N801  written as the SQL function it stands for
    """The greatest whole number that is not greater."""

    type = Integer()
    inherit_cache = True


@compiles(floored, "sqlite")
def _floored_sqlite(element: floored, compiler: Any, **kw: Any) -> str:
    value = compiler.process(element.clauses, **kw)
    return (
        f"(CAST({value} AS INTEGER) - ({value} < CAST({value} AS INTEGER)))"  # floor() is not in every SQLite
    )


@compiles(floored, "postgresql")
def _floored_postgresql(element: floored, compiler: Any, **kw: Any) -> str:
    return f"CAST(floor({compiler.process(element.clauses, **kw)}) AS INTEGER)"
