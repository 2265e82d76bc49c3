"""The mount points of this host, as the kernel lists them. Reading the list touches none of them, and never hangs."""

import contextlib
import os
import re
import select
import time
from collections.abc import Callable, Mapping

MOUNTS = "/proc/self/mountinfo"
READ_S = 1.0
"""Seconds for which a list that was read is used."""
_ESCAPED = re.compile(rb"\\([0-7]{3})")
"""A byte of a name as the kernel escapes it, such as a space."""


def read_mounts() -> dict[bytes, bytes]:
    """The kind of file system by mount point; empty where the system has no such list."""
    try:
        with open(MOUNTS, "rb") as lines:
            mounts = [line.split() for line in lines]
    except OSError:  # not Linux
        return {}
    return {_ESCAPED.sub(_byte, one[4]): one[one.index(b"-") + 1] for one in mounts}


class MountList:
    """The kind of file system by mount point, read again only after the kernel has told of a change (proc(5))."""

    def __init__(self) -> None:
        self._changed: select.poll | None = None
        with contextlib.suppress(OSError):  # not Linux
            self._descriptor = os.open(MOUNTS, os.O_RDONLY | os.O_CLOEXEC)
            self._changed = select.poll()
            self._changed.register(self._descriptor, select.POLLPRI)
        self._points = read_mounts()

    def points(self) -> Mapping[bytes, bytes]:
        """The mount points at this moment."""
        if self._changed is not None and self._changed.poll(0):
            self._points = read_mounts()
        return self._points

    def close(self) -> None:
        """Be told of no more changes."""
        if self._changed is not None:
            os.close(self._descriptor)
            self._changed = None


class MountTable:
    """Tells on which mount a path lies."""

    def __init__(
        self,
        read: Callable[[], Mapping[bytes, bytes]] = read_mounts,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """``read``: returns the mount points."""
        self._read = read
        self._clock = clock
        self._points: Mapping[bytes, bytes] = {}
        self._of_folders: dict[bytes, bytes] = {}
        self._read_at = float("-inf")

    def mount_of(self, path: bytes) -> bytes:
        """The mount point at or above an absolute path, the nearest one."""
        now = self._clock()
        if now > self._read_at + READ_S:
            self._points, self._read_at, self._of_folders = self._read(), now, {}
        if path in self._points:
            return path
        folder = path[: path.rfind(b"/")]
        mount = self._of_folders.get(folder)
        if mount is None:
            mount = self._of_folders[folder] = self._nearest(folder or b"/")
        return mount

    def _nearest(self, folder: bytes) -> bytes:
        while folder not in self._points and len(folder) > 1:
            folder = folder[: folder.rfind(b"/")] or b"/"
        return folder


def _byte(octal: re.Match[bytes]) -> bytes:
    return bytes((int(octal[1], 8),))
