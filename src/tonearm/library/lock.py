"""Which processes use a library: in a folder one process at a time, by a file lock; on a server any workers."""

import contextlib
import fcntl
import os
import time
from collections.abc import Iterator
from pathlib import Path

from sqlalchemy import Connection, inspect, text

from tonearm.errors import LibraryInUse, StorageUnusable

MIGRATION_HEARTBEAT_S = 60
"""Seconds since the last heartbeat of a worker after which a library on a server may be migrated or moved."""


@contextlib.contextmanager
def exclusive_lock(folder: Path) -> Iterator[None]:
    """Hold the library's lock.

    Raises:
        LibraryInUse: another process holds it; the message names its process id.
    """
    path = folder / "analyze.lock"
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    except OSError as error:
        raise StorageUnusable(f"{path}: can't be opened: {error.strerror}") from error
    try:
        if not _taken(descriptor):
            holder = os.pread(descriptor, 20, 0).decode("ascii", "replace").strip() or "unknown"
            raise LibraryInUse(
                f"process {holder} is analysing with the library in {folder}; "
                "watch it with `tonearm status`, or wait for it to end"
            )
        with contextlib.suppress(OSError):  # on a full disk the lock is held without the process id in it
            os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, f"{os.getpid()}\n".encode("ascii"), 0)
        yield
    finally:
        os.close(descriptor)


def _taken(descriptor: int) -> bool:
    """Take the lock; waits up to half a second for a process that only reads the holder's id."""
    for _ in range(10):
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            time.sleep(0.05)
        else:
            return True
    return False


def holder(folder: Path) -> int | None:
    """The id of the process that is analysing now, or ``None``."""
    try:
        descriptor = os.open(folder / "analyze.lock", os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        text = os.pread(descriptor, 20, 0).strip()
        return int(text) if text.isdigit() else 0
    finally:
        os.close(descriptor)
    return None


def refuse_while_at_work(connection: Connection, address: str) -> None:
    """Raise LibraryInUse while workers use a library on a server."""
    if connection.dialect.name != "postgresql" or not inspect(connection).has_table("workers"):
        return
    names = connection.execute(
        text(
            "SELECT name FROM workers WHERE ended_at IS NULL"
            " AND seen_at > extract(epoch FROM clock_timestamp()) - :seconds ORDER BY name"
        ),
        {"seconds": MIGRATION_HEARTBEAT_S},
    ).scalars()
    if at_work := ", ".join(names):
        raise LibraryInUse(
            f"{address}: in use by workers: {at_work}; end them with `tonearm workers drain NAME`, "
            "or wait a minute after the last heartbeat of one that was killed"
        )
