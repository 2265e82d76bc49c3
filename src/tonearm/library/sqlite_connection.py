"""Prepares the connections to SQLite."""

import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

from tonearm.library.column_types import contains_folded, numbers_replaced, padded
from tonearm.resilience.backoff import Backoff, retry

BUSY_TIMEOUT_S = 5.0
LOCKED = Backoff(0.01, 0.1, least=0.5)


class Closable(Protocol):
    """What is closed when it is not needed any more."""

    def close(self) -> None:
        """Close it."""


@contextmanager
def closed_on_failure(opened: Closable) -> Iterator[None]:
    """Close a database or a connection if preparing it fails."""
    try:
        yield
    except BaseException:
        opened.close()
        raise


def prepare_sqlite(connection: sqlite3.Connection, _: object, cache_kb: int) -> None:
    """Set a new connection up: transactions, functions, and how it stores and caches. Closes it on failure."""
    connection.isolation_level = None  # transactions begin where ``Database`` says
    connection.create_function("tonearm_has", 2, contains_folded, deterministic=True)
    connection.create_function("tonearm_padded", 1, padded, deterministic=True)
    connection.create_function("tonearm_without_numbers", 1, numbers_replaced, deterministic=True)
    with closed_on_failure(connection):
        _use_wal(connection)
        for pragma in ("synchronous=FULL", "foreign_keys=ON", f"cache_size=-{cache_kb}"):
            connection.execute(f"PRAGMA {pragma}")


def _use_wal(connection: sqlite3.Connection) -> None:
    """Turn on the write-ahead log; repeats while another process creates the library, as SQLite does not wait here."""
    end = time.monotonic() + BUSY_TIMEOUT_S

    def is_locked(error: Exception, _: int) -> bool:
        return getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_BUSY and time.monotonic() < end

    retry(lambda: connection.execute("PRAGMA journal_mode=WAL"), is_locked, LOCKED)
