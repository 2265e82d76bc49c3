"""Opens a file of the library without following symbolic links below the root, and without waiting for a pipe."""

import errno
import os
import stat

from tonearm.errors import Failure, Fault
from tonearm.jobs.failures import GONE, NO_PERMISSION, NOT_REGULAR, unreadable

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC


class CannotOpen(Exception):
    """The file can't be opened; ``failure`` says why.

    gone: no file has this name. maybe_unmounted: it is gone or its file system fails; its folder may not be mounted.
    """

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.reason)
        self.failure = failure
        self.gone = failure is GONE
        self.maybe_unmounted = self.gone or failure.code == Fault.READ_ERROR.code


def open_inside(root: bytes, path: bytes) -> tuple[int, os.stat_result]:
    """Open ``path`` below ``root`` part by part, so that no folder in it can be exchanged for a symbolic link.

    Returns the descriptor, which the caller closes, and its status.

    Raises:
        CannotOpen: gone, a link, not a regular file, not permitted, or the file system fails.
    """
    try:
        folder = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            *folders, name = path.split(b"/")
            for part in folders:
                deeper = os.open(part, _FOLDER, dir_fd=folder)
                os.close(folder)
                folder = deeper
            descriptor = os.open(name, _FILE, dir_fd=folder)
        finally:
            os.close(folder)
        status = os.fstat(descriptor)
    except OSError as error:
        raise CannotOpen(_failure(error)) from error
    if not stat.S_ISREG(status.st_mode):
        os.close(descriptor)
        raise CannotOpen(NOT_REGULAR)
    os.set_blocking(descriptor, True)
    return descriptor, status


def was_replaced(path: bytes, descriptor: int, then: os.stat_result) -> bool:
    """Whether the open file was written to since ``then``, or its path now holds another file."""
    now = os.fstat(descriptor)
    if (then.st_size, then.st_mtime_ns) != (now.st_size, now.st_mtime_ns):
        return True
    try:
        there = os.stat(path, follow_symlinks=False)
    except OSError:
        return False  # moved or deleted: the open file is still the one that was measured
    return (there.st_dev, there.st_ino) != (then.st_dev, then.st_ino)


def _failure(error: OSError) -> Failure:
    if error.errno == errno.ENOENT:
        return GONE
    if error.errno in {errno.ELOOP, errno.ENOTDIR, errno.ENXIO, errno.EISDIR}:
        return NOT_REGULAR
    if error.errno in {errno.EACCES, errno.EPERM}:
        return NO_PERMISSION
    return unreadable(error.strerror or str(error))
