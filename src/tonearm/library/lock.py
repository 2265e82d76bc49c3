"""Who is at work: one analysing process a library that is a file, by a lock the kernel frees; workers on a server."""

import contextlib
import fcntl
import os
import time
from collections.abc import Iterator
from pathlib import Path

from sqlalchemy import Connection, inspect, text

from tonearm.errors import LibraryInUse, StorageUnusable

SILENT_S = 60
"""A worker that was not heard of for so many seconds is gone."""


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
        with contextlib.suppress(OSError):  # on a full disk the lock holds without a name on it
            os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, f"{os.getpid()}\n".encode("ascii"), 0)
        yield
    finally:
        os.close(descriptor)


def _taken(descriptor: int) -> bool:
    """Take the lock; somebody who only looks who holds it is waited for."""
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
    """Raise LibraryInUse while workers of a library on a server are at work with it."""
    if connection.dialect.name != "postgresql" or not inspect(connection).has_table("workers"):
        return
    names = connection.execute(
        text(
            "SELECT name FROM workers WHERE ended_at IS NULL"
            " AND seen_at > extract(epoch FROM clock_timestamp()) - :silent ORDER BY name"
        ),
        {"silent": SILENT_S},
    ).scalars()
    if at_work := ", ".join(names):
        raise LibraryInUse(
            f"{address}: at work with it: {at_work}; end them with `tonearm workers drain NAME`, "
            "or wait a minute for those that are gone without a word"
        )
