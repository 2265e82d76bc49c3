"""Decides which process reads figures over a whole library, so that they are exported once.

A leader needs no confirmation from the others. It asks for the figures in the session that holds its lock, so that it
has no figures when that session has ended; and the lock is free again as soon as the process or its host has ended.
"""

import contextlib
import threading
from collections.abc import Iterator
from typing import Protocol

from sqlalchemy import Connection, func, select

from tonearm.library.database import ADVISORY, Database

LEAD = 1
"""Distinguishes this advisory lock from others of a library."""
UNASKED_S = 120.0
"""A leader that nobody has asked for this long gives its lock up, as another process may be asked."""
_LEADS = "tonearm_leads"


class Leadership(Protocol):
    """The right of one process at a time to read figures over the whole library."""

    @contextlib.contextmanager
    def reading(self) -> Iterator[Connection | None]:
        """A connection to read by; ``None`` where another process leads. Raises StorageError."""

    def close(self) -> None:
        """Give the right up."""


class SoleProcess:
    """The process that holds a library in a folder leads always."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @contextlib.contextmanager
    def reading(self) -> Iterator[Connection | None]:
        with self._database.read() as connection:
            yield connection

    def close(self) -> None:
        """Do nothing, as the lock of the folder is not of this object."""


class AdvisoryLeader:
    """Leads while its session holds an advisory lock of PostgreSQL."""

    def __init__(self, database: Database, unasked_s: float = UNASKED_S) -> None:
        """``database``: has one connection, which nothing else uses; this object closes it."""
        self._database = database
        self._unasked_s = unasked_s
        self._lock = threading.Lock()
        self._release: threading.Timer | None = None

    @contextlib.contextmanager
    def reading(self) -> Iterator[Connection | None]:
        with self._lock:
            self._release_later()
            with self._database.read() as connection:
                if not connection.info.get(_LEADS):  # kept with the session, and lost with it
                    held = select(func.pg_try_advisory_lock(ADVISORY, LEAD))
                    connection.info[_LEADS] = connection.execute(held).scalar_one()
                yield connection if connection.info[_LEADS] else None

    def close(self) -> None:
        """Close the connection, which ends the session and releases the lock."""
        with self._lock:
            if self._release is not None:
                self._release.cancel()
            self._database.close()

    def _release_later(self) -> None:
        if self._release is not None:
            self._release.cancel()
        self._release = threading.Timer(self._unasked_s, self._release_unasked)
        self._release.daemon = True
        self._release.name = "metrics leader"
        self._release.start()

    def _release_unasked(self) -> None:
        with self._lock:
            self._database.close()  # the next call opens it again
