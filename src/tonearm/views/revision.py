"""The revision of a library: a text that differs once something has changed that is counted or drawn."""

from sqlalchemy import Connection, FromClause, func, select

from tonearm.library.access_schema import audit_table
from tonearm.library.database import Database
from tonearm.library.schema import file_table, history_table, job_table, root_table


def read_revision(database: Database) -> str:
    """The revision now: the latest file, end of a job, event of a file, scan and noted action. Raises StorageError.

    Each is the end of an index, so that this takes about a millisecond whatever the size of the library.
    """
    with database.read() as connection:
        latest = (
            _highest(connection, file_table, "id"),
            _highest(connection, job_table, "finished_at"),
            _highest(connection, history_table, "id"),
            _highest(connection, audit_table, "id"),
            _highest(connection, root_table, "scanned_at"),
        )
    return "-".join("" if each is None else f"{each:.6f}".rstrip("0").rstrip(".") for each in latest)


def _highest(connection: Connection, table: FromClause, column: str) -> float | None:
    highest = select(func.max(table.c[column])).where(
        table.c[column].is_not(None)
    )  # as partial indexes have it
    found: float | None = connection.execute(highest).scalar_one()
    return found
