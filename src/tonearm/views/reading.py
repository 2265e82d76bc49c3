"""How the views read: one transaction for an answer, planned to touch few rows."""

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Connection, text

from tonearm.library.database import Database

PAGE = 50
"""Rows of a page, unless another number is asked for."""
MANY_AT_ONCE = 500
"""Rows of a page where everything is read."""
COUNTED = 10_000
"""How far matches are counted; more are shown as ``10,000+``."""

_FEW_ROWS = text(
    "SELECT set_config('enable_hashjoin', 'off', true), set_config('enable_mergejoin', 'off', true),"
    " set_config('random_page_cost', '1.1', true), set_config('jit', 'off', true)"
)


@contextmanager
def reading(database: Database) -> Iterator[Connection]:
    """A connection that sees one state of the library.

    PostgreSQL is kept from reading whole tables where some thousand look-ups by key are quicker.

    Raises:
        StorageError: the database can't be asked now.
    """
    with database.read() as connection:
        if database.shared:
            connection.execute(_FEW_ROWS)
        yield connection
