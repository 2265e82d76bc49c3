"""Turns errors of the database drivers into ours, with the address and a sentence that a person understands."""

import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy.exc import DBAPIError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from tonearm.errors import BehindPooler, StorageBusy, StorageFull, StorageUnavailable, StorageUnusable

_SQLITE = {
    sqlite3.SQLITE_NOTADB: "it is not a SQLite database",
    sqlite3.SQLITE_CORRUPT: "the database file is damaged; restore it from a copy",
    sqlite3.SQLITE_CANTOPEN: "the database file can't be opened",
    sqlite3.SQLITE_IOERR: "reading or writing the database file fails; check its disk",
    sqlite3.SQLITE_ERROR: "its tables are not as this version made them",
}


@contextmanager
def translated_errors(address: str) -> Iterator[None]:
    """Raise the driver's errors as ours; an error that is a mistake of this program is raised unchanged."""
    try:
        yield
    except PoolTimeout as error:
        raise StorageUnavailable(f"{address}: no connection was free in time") from error
    except DBAPIError as error:
        if isinstance(error.orig, sqlite3.Error):
            _raise_sqlite(address, error)
        else:
            _raise_postgres(address, error)
        raise


def _raise_sqlite(address: str, error: DBAPIError) -> None:
    code = getattr(error.orig, "sqlite_errorcode", 0) & 0xFF
    if code == sqlite3.SQLITE_FULL:
        raise StorageFull(f"{address}: no room on the disk; free some and go on") from error
    if code in {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}:
        raise StorageBusy(f"{address}: another program holds the database; waiting for it") from error
    if code in {sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN} and not _may_write(address):
        raise StorageUnusable(
            f"{address}: it is read-only here, for this user or for all, and SQLite has to write even to read; "
            "copy its folder to a place that can be written, and name that with --data"
        ) from error
    if code in {sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN} and _no_room(address):
        raise StorageFull(f"{address}: no room on the disk; free some and go on") from error
    if isinstance(error, OperationalError) or code in _SQLITE:
        raise StorageUnusable(f"{address}: {_SQLITE.get(code, 'SQLite does not accept it')}") from error


def _raise_postgres(address: str, error: DBAPIError) -> None:
    from tonearm.library.postgres_errors import advice_of, kind_of, sentence_of

    reason = sentence_of(error.orig)
    match kind_of(error.orig):
        case "full":
            raise StorageFull(f"{address}: no room on its disk; free some and it goes on") from error
        case "busy":
            raise StorageBusy(f"{address}: another transaction was in the way; trying again") from error
        case "unavailable":
            raise StorageUnavailable(f"{address} does not answer: {reason}") from error
        case "pooled":
            raise BehindPooler(address) from error
        case "refused":
            raise StorageUnusable(
                f"{address} refused the connection: {reason}; {advice_of(error.orig)}"
            ) from error
        case "unusable":
            raise StorageUnusable(f"{address}: {reason}") from error
        case _:
            return


def _may_write(address: str) -> bool:
    return all(
        os.access(path, os.W_OK) for path in (os.path.dirname(address), address) if os.path.exists(path)
    )


def _no_room(address: str) -> bool:
    try:
        room = os.statvfs(os.path.dirname(address))
    except OSError:
        return False
    return room.f_bavail * room.f_frsize < 1 << 20
