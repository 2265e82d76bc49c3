"""Moves a library from one database to another: every table whole, compared before anything counts."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from sqlalchemy import Connection, Table, text

from tonearm.errors import StorageError, TonearmError
from tonearm.library.database import Database, disable_statement_timeout
from tonearm.library.lock import refuse_while_at_work
from tonearm.library.schema import metadata
from tonearm.library.table_copy import Values, Weight, count_rows, number_on, rows_of, write_rows

Tell = Callable[[str, str, int, int], None]
"""Hears of progress: ``copied`` or ``compared``, a table, how many of its rows, of how many."""

EVERY = 1000
"""Rows between two words of progress."""


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
    """What arrived is not what was sent; nothing was kept of it."""

    def __init__(self, tables: list[Moved]) -> None:
        names = ", ".join(moved.table for moved in tables if not moved.equal)
        super().__init__(f"what arrived differs from what was sent ({names}); nothing was kept of it")
        self.tables = tables


def move(origin: Database, goal: Database, tell: Tell) -> list[Moved]:
    """Copy every table, in one transaction of the goal; the origin is left as it is.

    Raises:
        LibraryInUse: workers are at work with one of the two.
        NotEmpty: the goal holds rows.
        MoveDiffers: a table is not the same afterwards.
    """
    tables = metadata.sorted_tables
    with origin.read() as source, goal.write() as sink:
        refuse_while_at_work(source, origin.address)
        disable_statement_timeout(source)
        disable_statement_timeout(sink)
        _have_to_ourselves(sink, tables)
        refuse_while_at_work(sink, goal.address)
        for table in tables:
            if count_rows(sink, table):
                raise NotEmpty(
                    f"{goal.address}: holds a library already; name an empty database or a new folder"
                )
        sent = {}
        for table in tables:
            sent[table.name] = weight = Weight()
            rows = weight.through(rows_of(source, table, origin.address))
            counted = _told(rows, "copied", table.name, count_rows(source, table), tell)
            write_rows(sink, table, counted)
        result = []
        for table in tables:
            weight, there = sent[table.name], Weight()
            met = _told(
                there.through(rows_of(sink, table, goal.address)), "compared", table.name, weight.rows, tell
            )
            for _ in met:
                pass
            number_on(sink, table)
            result.append(Moved(table.name, weight.rows, weight.sha256, there.rows, there.sha256))
        if not all(moved.equal for moved in result):
            raise MoveDiffers(result)
    return result


def _have_to_ourselves(sink: Connection, tables: list[Table]) -> None:
    if sink.dialect.name == "postgresql":
        names = ", ".join(table.name for table in tables)
        sink.execute(text(f"LOCK TABLE {names} IN SHARE ROW EXCLUSIVE MODE"))


def _told(rows: Iterator[Values], step: str, table: str, count: int, tell: Tell) -> Iterator[Values]:
    number = 0
    for number, row in enumerate(rows, 1):
        yield row
        if number % EVERY == 0:
            tell(step, table, number, count)
    tell(step, table, number, count)
