"""Tells whether anything was written to a database: a text that differs after each commit."""

import sqlite3
from typing import Protocol

from sqlalchemy import text

from tonearm.errors import StorageUnavailable
from tonearm.library.database import Database


class DataVersion(Protocol):
    """The version of all that a database holds; two equal ones mean that nothing was committed in between."""

    look_s: float
    """Seconds for which a version that was read counts as the present one."""

    def read(self) -> str:
        """The version now. Raises StorageError."""

    def close(self) -> None:
        """Close the connection, if there is one of its own."""


class SqliteDataVersion:
    """SQLite's own counter of commits, read from shared memory by a connection that is kept."""

    look_s = 0.5  # an analysis commits several times a second

    def __init__(self, path: str) -> None:
        self._address = path
        self._connection = sqlite3.connect(path, timeout=0, isolation_level=None, check_same_thread=False)

    def read(self) -> str:
        """The version now. Raises StorageUnavailable."""
        try:
            return str(self._connection.execute("PRAGMA data_version").fetchone()[0])
        except sqlite3.Error as error:
            raise StorageUnavailable(f"{self._address}: {error}") from error

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()


class PostgresDataVersion:
    """PostgreSQL's snapshot: the transactions whose changes are visible. Those to other databases count too."""

    look_s = 1.0

    def __init__(self, database: Database) -> None:
        self._database = database

    def read(self) -> str:
        """The version now. Raises StorageError."""
        with self._database.read_once() as connection:
            return str(connection.execute(text("SELECT pg_current_snapshot()::text")).scalar_one())

    def close(self) -> None:
        """Nothing is kept open."""


def data_version(database: Database) -> DataVersion:
    """The version of what a database holds."""
    return PostgresDataVersion(database) if database.shared else SqliteDataVersion(database.address)
