"""Commits a transaction that changes no row, to measure how long a commit takes."""

from sqlalchemy import func, select

from tonearm.library.database import Database


def commit_nothing(database: Database) -> None:
    """Commit a transaction that PostgreSQL has to write to its disk, and of which nothing stays but in its log.

    Raises:
        StorageError: it could not be committed, or the user may not call ``pg_logical_emit_message``.
    """
    with database.write() as connection:
        connection.execute(select(func.pg_logical_emit_message(True, "tonearm", "tune")))
