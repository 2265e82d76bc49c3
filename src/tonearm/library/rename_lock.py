"""The right of one process at a time to rename files of a library, and to write their tags."""

import contextlib
from collections.abc import Iterator, Mapping
from pathlib import Path

from sqlalchemy import func, select, text

from tonearm.errors import LibraryInUse
from tonearm.library.database import ADVISORY, Database
from tonearm.library.process_lock import changing_process, exclusive_lock

RENAME = 2
"""Distinguishes this advisory lock from others of a library."""
_HELD = text(
    "SELECT count(*) > 0 FROM pg_locks WHERE locktype = 'advisory' AND granted AND objsubid = 2"
    " AND CAST(classid AS bigint) = :lock AND CAST(objid AS bigint) = :part"
    " AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
)


def changing(database: Database) -> Mapping[str, int | None] | None:
    """Who renames files or writes their tags now; ``None`` where nobody does.

    process: its id; ``None`` in a shared library, where it may be on any host.
    """
    if not database.shared:
        process = changing_process(Path(database.address).parent)
        return None if process is None else {"process": process}
    with database.read() as connection:
        held = connection.execute(_HELD, {"lock": ADVISORY, "part": RENAME}).scalar_one()
    return {"process": None} if held else None


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
