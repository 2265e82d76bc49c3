"""The right of one process at a time to rename files of a library."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

from sqlalchemy import func, select

from tonearm.errors import LibraryInUse
from tonearm.library.database import ADVISORY, Database
from tonearm.library.process_lock import exclusive_lock

RENAME = 2
"""Distinguishes this advisory lock from others of a library."""


@contextlib.contextmanager
def rename_lock(database: Database, folder: Path) -> Iterator[None]:
    """Hold the lock: of a library in a folder the one of `analyze` too, on a server an advisory one.

    Raises:
        LibraryInUse: another process holds it.
    """
    if not database.shared:
        with exclusive_lock(folder, changes=True):
            yield
        return
    with database.read_once() as connection:
        if not connection.execute(select(func.pg_try_advisory_lock(ADVISORY, RENAME))).scalar_one():
            raise LibraryInUse("another process is renaming files of this library; wait for it to end")
        try:
            yield
        finally:
            connection.execute(select(func.pg_advisory_unlock(ADVISORY, RENAME)))
