"""A log file that is renamed when it is large, opened again when it was renamed, and used by one process only."""

import contextlib
import errno
import fcntl
import os
import stat
import time
from pathlib import Path

from tonearm.telemetry.log_outputs import write_all

KEPT = 5
"""Number of earlier files that are kept: ``NAME.1`` is the latest of them."""
MOST_PROCESSES = 100
CHECK_S = 1.0
"""Seconds between checks whether another program has renamed or removed the file."""
FLAGS = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY


class LogFile:
    """Appends lines to a file. A process that finds the file in use takes one with a number: ``NAME-2.log``.

    The file is opened by the first line. ``path`` is then the file that is written to.
    """

    def __init__(self, path: Path, most_bytes: float) -> None:
        """``most_bytes``: size after which a new file is begun."""
        self.path = path
        self._wanted = path
        self._most_bytes = most_bytes
        self._descriptor: int | None = None
        self._regular = False
        self._size = 0
        self._checked_at = 0.0

    @property
    def name(self) -> str:
        """The file, for messages."""
        return f"the log file {self.path}"

    def write(self, line: str) -> None:
        """Append a line, whole or not at all. Raises OSError."""
        data = (line + "\n").encode("utf-8", "backslashreplace")
        descriptor = self._opened(len(data))
        try:
            write_all(descriptor, data)
        except OSError:
            if self._regular:  # the part that was written
                with contextlib.suppress(OSError):
                    os.ftruncate(descriptor, self._size)
            raise
        self._size += len(data)

    def close(self) -> None:
        """Close the file; another process may use it then."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def _opened(self, more: int) -> int:
        """The descriptor of a file with room for ``more`` bytes."""
        now = time.monotonic()
        if self._descriptor is not None and now - self._checked_at >= CHECK_S:
            self._checked_at = now
            if not self._is_current(self._descriptor):
                self.close()
        if self._descriptor is not None and self._regular and 0 < self._size > self._most_bytes - more:
            self._rename()
        if self._descriptor is None:
            self._descriptor = self._open()
            status = os.fstat(self._descriptor)
            self._regular, self._size = stat.S_ISREG(status.st_mode), status.st_size
            self._checked_at = now
        return self._descriptor

    def _is_current(self, descriptor: int) -> bool:
        """Whether the path still leads to the open file; takes over a size that another program has changed."""
        mine = os.fstat(descriptor)
        self._size = mine.st_size
        try:
            there = os.stat(self.path)
        except FileNotFoundError:
            return False
        return (there.st_dev, there.st_ino) == (mine.st_dev, mine.st_ino)

    def _rename(self) -> None:
        """Make room for a new file; the oldest one is lost. The file is kept where it can't be renamed."""
        with contextlib.suppress(OSError):
            for number in range(KEPT, 0, -1):
                older = f"{self.path}.{number - 1}" if number > 1 else self.path
                with contextlib.suppress(FileNotFoundError):
                    os.replace(older, f"{self.path}.{number}")
            self.close()

    def _open(self) -> int:
        """Open the wanted file, or the first with a number that no other process uses. Raises OSError."""
        os.makedirs(self._wanted.parent, exist_ok=True)
        for number in range(1, MOST_PROCESSES + 1):
            self.path = self._numbered(number)
            descriptor = os.open(self.path, FLAGS, 0o644)
            if _lock(descriptor):
                return descriptor
            os.close(descriptor)
        raise OSError(errno.EBUSY, "other processes use it and every file with a number")

    def _numbered(self, number: int) -> Path:
        wanted = self._wanted
        return wanted if number == 1 else wanted.with_name(f"{wanted.stem}-{number}{wanted.suffix}")


def _lock(descriptor: int) -> bool:
    """Mark a file as used by this process; ``False`` when another one uses it. Devices and pipes may be shared."""
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        return True
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        return True  # a file system without locks
    return True
