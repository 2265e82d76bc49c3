"""Copies a file to another file system, and compares what is on the disk there with it."""

import contextlib
import errno
import hashlib
import os
import stat
from collections.abc import Callable
from dataclasses import dataclass

BLOCK = 1 << 20
PART = b".tonearm-copying-"
"""What names of incomplete copies begin with; they have no ending, so that no scan takes them for music."""


READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
"""How files are opened: what another program has put there, a pipe such as, must not hold this one up."""


class Stopped(Exception):
    """A person has asked to stop during a copy; nothing of it is left."""


def part_of(name: bytes) -> bytes:
    """The name of a copy while it is incomplete: known from the name that it will have, so that it is found again."""
    return PART + hashlib.blake2b(name, digest_size=8).hexdigest().encode()


@dataclass(frozen=True, slots=True)
class Copied:
    """The status that a source had when it was opened, and the number of bytes of its copy."""

    source: os.stat_result
    size: int


def copy_file(
    source_folder: int, source: bytes, target_folder: int, target: bytes, stopping: Callable[[], bool]
) -> Copied:
    """Copy a file with its times, permissions and attributes, sync it, and compare what is on the disk.

    What is at ``target`` is taken for what an earlier attempt has left.

    Raises:
        OSError: reading or writing failed; the source is no file (ENOENT); the copy differs (EIO); another process has
            put something in its place (EEXIST).
        Stopped: a person has asked to stop.
    """
    with contextlib.suppress(FileNotFoundError):
        os.unlink(target, dir_fd=target_folder)  # our own, of an earlier attempt
    read = os.open(source, READ, dir_fd=source_folder)
    try:
        status = os.fstat(read)
        if not stat.S_ISREG(status.st_mode):
            raise FileNotFoundError(errno.ENOENT, "it is no file any more")
        flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        write = os.open(target, flags, 0o600, dir_fd=target_folder)
        try:
            digest = _copied(read, write, stopping)
            keep_attributes(read, write, status)
            os.fsync(write)
            if digest != _digest(write, stopping):
                raise OSError(errno.EIO, "the copy differs from the original")
            written = os.fstat(write)
            if not os.path.samestat(written, os.stat(target, dir_fd=target_folder, follow_symlinks=False)):
                raise FileExistsError(errno.EEXIST, "another process copies to this name")
        finally:
            os.close(write)
    finally:
        os.close(read)
    return Copied(status, written.st_size)


def same_content(one: tuple[int, bytes], other: tuple[int, bytes]) -> bool:
    """Whether two files, each named in an open folder, have the same bytes. Raises OSError."""
    found = [os.stat(name, dir_fd=folder, follow_symlinks=False) for folder, name in (one, other)]
    if not all(stat.S_ISREG(each.st_mode) for each in found) or found[0].st_size != found[1].st_size:
        return False
    digests = []
    for folder, name in (one, other):
        descriptor = os.open(name, READ, dir_fd=folder)
        try:
            digests.append(_digest(descriptor, lambda: False))
        finally:
            os.close(descriptor)
    return digests[0] == digests[1]


def _copied(read: int, write: int, stopping: Callable[[], bool]) -> bytes:
    digest = hashlib.blake2b()
    while block := os.read(read, BLOCK):
        if stopping():
            raise Stopped
        digest.update(block)
        view = memoryview(block)
        while view:
            view = view[os.write(write, view) :]
    return digest.digest()


def _digest(descriptor: int, stopping: Callable[[], bool]) -> bytes:
    """The digest of a whole file, read from the disk where the system can be told to."""
    if hasattr(os, "posix_fadvise"):
        with contextlib.suppress(OSError):
            os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
    digest = hashlib.blake2b()
    os.lseek(descriptor, 0, os.SEEK_SET)
    while block := os.read(descriptor, BLOCK):
        if stopping():
            raise Stopped
        digest.update(block)
    return digest.digest()


def keep_attributes(read: int, write: int, status: os.stat_result, times: bool = True) -> None:
    """What the file system of the copy can keep: extended attributes, owner, permissions, and its times."""
    if hasattr(os, "listxattr"):
        with contextlib.suppress(OSError):
            for name in os.listxattr(read):
                with contextlib.suppress(OSError):
                    os.setxattr(write, name, os.getxattr(read, name))
    try:
        os.fchown(write, status.st_uid, status.st_gid)
    except OSError:  # only root gives files away; the group can be kept by its members
        with contextlib.suppress(OSError):
            os.fchown(write, -1, status.st_gid)
    with contextlib.suppress(OSError):
        os.fchmod(write, status.st_mode & 0o7777)
    if times:
        os.utime(write, ns=(status.st_atime_ns, status.st_mtime_ns))
