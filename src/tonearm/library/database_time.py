"""The clock of the database as an SQL expression."""

from typing import Any

from sqlalchemy import Float
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement


class database_time(FunctionElement[float]):  # noqa: N801  written as the SQL function it stands for
    """Seconds since 1970 on the database's own clock, so that leases do not depend on a worker's."""

    type = Float()
    inherit_cache = True


@compiles(database_time, "sqlite")
def _epoch_sqlite(element: database_time, compiler: Any, **kw: Any) -> str:  # noqa: ARG001  the library's signature
    return "((julianday('now') - 2440587.5) * 86400.0)"


@compiles(database_time, "postgresql")
def _epoch_postgresql(element: database_time, compiler: Any, **kw: Any) -> str:  # noqa: ARG001  the library's signature
    return "extract(epoch from clock_timestamp())::double precision"
