"""Opens a file of the library without waiting for a pipe; links below the root are followed on request only."""

import errno
import os
import stat
from typing import NamedTuple

from tonearm.errors import Failure
from tonearm.jobs.failures import GONE, NO_PERMISSION, NOT_REGULAR, unreadable

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC


class FileStatus(NamedTuple):
    """The status of a file by which it is told whether it was replaced. size: bytes."""

    size: int
    mtime_ns: int
    inode: int
    device: int

    @classmethod
    def of(cls, status: os.stat_result) -> "FileStatus":
        """What counts of a status."""
        return cls(status.st_size, status.st_mtime_ns, status.st_ino, status.st_dev)


def open_inside(root: bytes, path: bytes, follow_links: bool = False) -> tuple[int, FileStatus]:
    """Open ``path`` below ``root`` part by part, so that no folder in it can be exchanged for a symbolic link.

    ``follow_links``: links below the root are followed too.

    Returns the descriptor, which the caller closes, and its status.

    Raises:
        OSError: gone, a link, not a regular file, not permitted, or the file system fails; see ``failure_of``.
    """
    folder = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        *folders, name = path.split(b"/")
        links = os.O_NOFOLLOW if follow_links else 0
        for part in folders:
            deeper = os.open(part, _FOLDER & ~links, dir_fd=folder)
            os.close(folder)
            folder = deeper
        descriptor = os.open(name, _FILE & ~links, dir_fd=folder)
    finally:
        os.close(folder)
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise OSError(errno.ENXIO, os.strerror(errno.ENXIO))
        os.set_blocking(descriptor, True)
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor, FileStatus.of(status)


def was_replaced(path: bytes, descriptor: int | None, then: FileStatus, follow_links: bool = False) -> bool:
    """Whether a file was written to since ``then``, or its path now holds another file.

    descriptor: the open file; ``None`` if it is not open any more.
    """
    if descriptor is not None and _written_to(FileStatus.of(os.fstat(descriptor)), then):
        return True
    try:
        there = FileStatus.of(os.stat(path, follow_symlinks=follow_links))
    except OSError:
        return False  # moved or deleted: the open file is still the one that was measured
    return _written_to(there, then) or (there.device, there.inode) != (then.device, then.inode)


def _written_to(now: FileStatus, then: FileStatus) -> bool:
    return (then.size, then.mtime_ns) != (now.size, now.mtime_ns)


def failure_of(number: int) -> Failure:
    """What an attempt fails of when opening its file fails with this error number."""
    if number == errno.ENOENT:
        return GONE
    if number in {errno.ELOOP, errno.ENOTDIR, errno.ENXIO, errno.EISDIR}:
        return NOT_REGULAR
    if number in {errno.EACCES, errno.EPERM}:
        return NO_PERMISSION
    return unreadable(os.strerror(number))
