"""Which processes use a library: in a folder one process at a time, by a file lock; on a server any workers."""

import contextlib
import fcntl
import os
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from sqlalchemy import Connection, inspect, text

from tonearm.errors import LibraryInUse, StorageUnusable

MIGRATION_HEARTBEAT_S = 60
"""Seconds since the last heartbeat of a worker after which a library on a server may be migrated or moved."""


SCANS = "scans"
"""Beside the process id in the lock: the holder carries out scans that other processes ask for."""
CHANGES = "changes"
"""The holder does not analyse: it renames files, or writes their tags."""


@contextlib.contextmanager
def exclusive_lock(folder: Path, scans: bool = False, changes: bool = False) -> Iterator[None]:
    """Hold the library's lock.

    scans: whether this process carries out scans that others ask for. changes: whether it changes files instead.

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
            raise LibraryInUse(_in_use(folder, _read(descriptor)))
        said = f"{os.getpid()}{f' {SCANS}' * scans}{f' {CHANGES}' * changes}\n"
        with contextlib.suppress(OSError):  # on a full disk the lock is held without the process id in it
            os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, said.encode("ascii"), 0)
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


def analysing_process(folder: Path) -> int | None:
    """The id of the process that is analysing now, or ``None``."""
    words = _words(folder)
    if words is None or CHANGES in words:
        return None
    return int(words[0]) if words and words[0].isdigit() else 0


def changing_process(folder: Path) -> int | None:
    """The id of the process that renames files or writes their tags now, or ``None``."""
    words = _words(folder) or []
    return int(words[0]) if CHANGES in words and words[0].isdigit() else None


def takes_requests(folder: Path) -> bool:
    """Whether a process is analysing now that carries out scans which others ask for."""
    return SCANS in (_words(folder) or ())


def _words(folder: Path) -> list[str] | None:
    """What the holder has written into the lock; ``None`` if nobody holds it."""
    try:
        descriptor = os.open(folder / "analyze.lock", os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return _read(descriptor)
    finally:
        os.close(descriptor)
    return None


def _read(descriptor: int) -> list[str]:
    return os.pread(descriptor, 40, 0).decode("ascii", "replace").split()


def _in_use(folder: Path, words: Sequence[str]) -> str:
    process = words[0] if words else "unknown"
    if SCANS in words:
        return (
            f"process {process} keeps the library in {folder} up to date (`tonearm serve`); "
            "end that first with Ctrl-C or SIGTERM"
        )
    if CHANGES in words:
        return f"process {process} renames files of the library in {folder}, or writes their tags; wait for it to end"
    return (
        f"process {process} is analysing with the library in {folder}; "
        "watch it with `tonearm status`, or wait for it to end"
    )


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
