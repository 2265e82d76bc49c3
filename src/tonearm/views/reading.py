"""The transaction of a view: one consistent state, with plans that read few rows."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, text

from tonearm.library.database import Database

PAGE = 50
"""Default number of rows of a page."""
MANY_AT_ONCE = 500
"""Number of rows of a page where all pages are read."""
COUNTED = 10_000
"""Number up to which matches are counted; more are shown as ``10,000+``."""


@dataclass(frozen=True, slots=True)
class BoundedCount:
    """A number of rows, counted up to ``COUNTED``. ``more``: there are more than that."""

    number: int
    more: bool

    @classmethod
    def of(cls, number: int) -> "BoundedCount":
        """From a number that was counted up to ``COUNTED`` + 1."""
        return cls(min(number, COUNTED), number > COUNTED)

    def __str__(self) -> str:
        return f"{self.number:,}{'+' if self.more else ''}"

    def of_noun(self, noun: str) -> str:
        """``1 track``, ``2 tracks``, ``10,000+ tracks``."""
        return f"{self} {noun}" if self.number == 1 and not self.more else f"{self} {noun}s"

    def to_json(self) -> dict[str, Any]:
        """Its JSON object."""
        return {"total": self.number, "more": self.more}


_FEW_ROWS = text(
    "SELECT set_config('enable_hashjoin', 'off', true), set_config('enable_mergejoin', 'off', true),"
    " set_config('random_page_cost', '1.1', true), set_config('jit', 'off', true),"
    " set_config('join_collapse_limit', '1', true), set_config('max_parallel_workers_per_gather', '0', true)"
)


@contextmanager
def reading(database: Database) -> Iterator[Connection]:
    """A connection that sees one state of the library.

    PostgreSQL is made to prefer some thousand look-ups by key, which are quicker here than reading whole tables.

    Raises:
        StorageError: the database can't be asked now.
    """
    with database.read() as connection:
        if database.shared:
            connection.execute(_FEW_ROWS)
        yield connection
