"""Copies a library from one database to another, table by table, and compares both before it commits."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from sqlalchemy import Connection, Table, text

from tonearm.errors import StorageError, TonearmError
from tonearm.library.access_schema import audit_table  # noqa: F401  its module adds tables to the metadata
from tonearm.library.curation_schema import locked_value_table  # noqa: F401  its module adds tables to the metadata
from tonearm.library.database import Database, disable_statement_timeout
from tonearm.library.process_lock import refuse_while_at_work
from tonearm.library.rename_schema import rename_step_table  # noqa: F401  its module adds tables to the metadata
from tonearm.library.schema import metadata
from tonearm.library.table_copy import Digest, Values, continue_numbering, count_rows, rows_of, write_rows

ShowProgress = Callable[[str, str, int, int], None]
"""Called with ``copied`` or ``compared``, the name of a table, the number of rows done, and the number of all rows."""

EVERY = 1000
"""Number of rows between two calls that show the progress."""


class NotEmpty(TonearmError):
    """The database that a library is to be moved to holds one already."""


@dataclass(frozen=True, slots=True)
class Moved:
    """A table on both sides: its rows, and a SHA-256 over all of them in the order of their keys."""

    table: str
    rows: int
    sha256: str
    rows_there: int
    sha256_there: str

    @property
    def equal(self) -> bool:
        """Whether both sides hold the same."""
        return (self.rows, self.sha256) == (self.rows_there, self.sha256_there)


class MoveDiffers(StorageError):
    """The copy differs from the original; it was rolled back."""

    def __init__(self, tables: list[Moved]) -> None:
        names = ", ".join(moved.table for moved in tables if not moved.equal)
        super().__init__(f"the copy differs from the original ({names}); nothing of it was kept")
        self.tables = tables


def move(origin: Database, goal: Database, show: ShowProgress) -> list[Moved]:
    """Copy every table, in one transaction of the goal; the origin is left as it is.

    Raises:
        LibraryInUse: workers are using one of the two.
        NotEmpty: the goal holds rows.
        MoveDiffers: a table is not the same afterwards.
    """
    tables = metadata.sorted_tables
    with origin.read() as source, goal.write() as sink:
        refuse_while_at_work(source, origin.address)
        disable_statement_timeout(source)
        disable_statement_timeout(sink)
        _lock_tables(sink, tables)
        refuse_while_at_work(sink, goal.address)
        for table in tables:
            if count_rows(sink, table):
                raise NotEmpty(
                    f"{goal.address}: holds a library already; name an empty database or a new folder"
                )
        sent = {}
        for table in tables:
            sent[table.name] = digest = Digest()
            rows = digest.through(rows_of(source, table, origin.address))
            counted = _showing(rows, "copied", table.name, count_rows(source, table), show)
            write_rows(sink, table, counted)
        result = []
        for table in tables:
            digest, there = sent[table.name], Digest()
            compared = _showing(
                there.through(rows_of(sink, table, goal.address)), "compared", table.name, digest.rows, show
            )
            for _ in compared:
                pass
            continue_numbering(sink, table)
            result.append(Moved(table.name, digest.rows, digest.sha256, there.rows, there.sha256))
        if not all(moved.equal for moved in result):
            raise MoveDiffers(result)
    return result


def _lock_tables(sink: Connection, tables: list[Table]) -> None:
    if sink.dialect.name == "postgresql":
        names = ", ".join(table.name for table in tables)
        sink.execute(text(f"LOCK TABLE {names} IN SHARE ROW EXCLUSIVE MODE"))


def _showing(
    rows: Iterator[Values], step: str, table: str, count: int, show: ShowProgress
) -> Iterator[Values]:
    number = 0
    for number, row in enumerate(rows, 1):
        yield row
        if number % EVERY == 0:
            show(step, table, number, count)
    show(step, table, number, count)
