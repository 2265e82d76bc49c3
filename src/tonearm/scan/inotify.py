"""Linux's inotify, called in the C library: it takes names of any bytes, and tells when it has lost something."""

import ctypes
import os
import struct
from dataclasses import dataclass

ATTRIB, CLOSE_WRITE, MOVED_FROM, MOVED_TO, CREATE, DELETE = 0x4, 0x8, 0x40, 0x80, 0x100, 0x200
DELETE_SELF, MOVE_SELF = 0x400, 0x800
UNMOUNT, OVERFLOW, IGNORED = 0x2000, 0x4000, 0x8000
IS_FOLDER = 0x4000_0000
WATCHED = ATTRIB | CLOSE_WRITE | MOVED_FROM | MOVED_TO | CREATE | DELETE | DELETE_SELF | MOVE_SELF
ONLY_FOLDERS, NO_LINKS = 0x0100_0000, 0x0200_0000
READ_BYTES = 1 << 16
_HEAD = struct.Struct("iIII")
"""Watch, mask, cookie, length of the name that follows; inotify(7)."""


@dataclass(frozen=True, slots=True)
class Notice:
    """Something that happened in a folder. watch: as ``add`` has returned it; -1 where notices were lost."""

    watch: int
    mask: int
    name: bytes


class Inotify:
    """One queue of notices about folders."""

    def __init__(self) -> None:
        """Raises OSError where the system has no inotify, or has no queue to spare."""
        self._library = ctypes.CDLL(None, use_errno=True)
        try:
            made = self._library.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC)
        except AttributeError as error:
            raise OSError("the system has no inotify") from error
        self._descriptor = _checked(made)

    def add(self, folder: bytes) -> int:
        """Watch a folder, without those below it. Raises OSError, with ENOSPC where no more may be watched."""
        mask = WATCHED | ONLY_FOLDERS | NO_LINKS
        return _checked(self._library.inotify_add_watch(self._descriptor, folder, ctypes.c_uint32(mask)))

    def remove(self, watch: int) -> None:
        """Watch a folder no longer; one that is gone is not watched anyway."""
        self._library.inotify_rm_watch(self._descriptor, watch)

    def read(self) -> list[Notice]:
        """The notices that have arrived."""
        found: list[Notice] = []
        while True:
            try:
                piece = os.read(self._descriptor, READ_BYTES)
            except BlockingIOError:
                return found
            place = 0
            while place < len(piece):
                watch, mask, _, length = _HEAD.unpack_from(piece, place)
                place += _HEAD.size
                found.append(Notice(watch, mask, piece[place : place + length].rstrip(b"\0")))
                place += length

    def close(self) -> None:
        """End all watches."""
        os.close(self._descriptor)


def _checked(answer: int) -> int:
    if answer < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    return answer
