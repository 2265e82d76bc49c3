"""Walks a folder in the order of the bytes of its paths, without following symbolic links or opening files."""

import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass

from tonearm.library.files import FoundFile
from tonearm.names import printable
from tonearm.scan.patterns import Patterns


@dataclass(frozen=True, slots=True)
class Skipped:
    """An entry that is not analysed, and why."""

    path: bytes
    reason: str


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A folder that can't be read, or an entry whose status can't be read; its contents are unknown."""

    path: bytes
    reason: str


@dataclass(frozen=True, slots=True)
class MountPoint:
    """A folder on another device than its parent."""

    path: bytes


WalkItem = FoundFile | Skipped | Unreadable | MountPoint
_Entry = tuple[bytes, os.stat_result | Unreadable]

_KINDS = (
    (stat.S_ISLNK, "a symbolic link"),
    (stat.S_ISFIFO, "a named pipe"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
)


def walk(root: bytes, scope: bytes, patterns: Patterns) -> Iterator[WalkItem]:
    """The entries at or below ``scope`` (relative to ``root``), music files in the order of the bytes of their paths.

    Raises:
        OSError: the scope itself can't be read; raised by this call, not by the iterator.
    """
    top = os.path.join(root, scope) if scope else root
    status = os.stat(top, follow_symlinks=not scope)
    if stat.S_ISDIR(status.st_mode):
        return _walk_folder(root, _list_folder(top, patterns, scope), status.st_dev, patterns)
    return _classified(scope, status, patterns)


def _walk_folder(root: bytes, entries: list[_Entry], device: int, patterns: Patterns) -> Iterator[WalkItem]:
    """Walk depth first with an explicit stack, so that Python's recursion limit does not limit the depth of folders."""
    stack = [iter(entries)]
    devices = [device]
    while stack:
        item = next(stack[-1], None)
        if item is None:
            stack.pop()
            devices.pop()
            continue
        path, status = item
        if isinstance(status, Unreadable):
            yield status
            continue
        if not stat.S_ISDIR(status.st_mode):
            yield from _classified(path, status, patterns)
            continue
        if status.st_dev != devices[-1]:
            yield MountPoint(path)
        try:
            below = _list_folder(os.path.join(root, path), patterns, path)
        except OSError as error:
            yield Unreadable(path, f"the folder can't be read: {error.strerror}")
            continue
        stack.append(iter(below))
        devices.append(status.st_dev)


def _list_folder(folder: bytes, patterns: Patterns, path: bytes) -> list[_Entry]:
    """The relevant entries of a folder. A folder sorts as its name and "/", so that whole paths are in order.

    Raises:
        OSError: the names can't be read, or no entry's status can.
    """
    found: list[tuple[bytes, bytes, os.stat_result]] = []
    unreadable: list[_Entry] = []
    first_error: OSError | None = None
    with os.scandir(folder) as entries:
        for entry in entries:
            inside = path + b"/" + entry.name if path else entry.name
            try:
                status = _status(entry, inside, patterns)
            except OSError as error:  # such as a mount point whose server does not answer
                if not patterns.excludes(inside, True):
                    reason = f"its status can't be read: {error.strerror}"
                    unreadable.append((inside, Unreadable(inside, reason)))
                    first_error = first_error or error
                continue
            if status is not None:
                is_folder = stat.S_ISDIR(status.st_mode)
                found.append((entry.name + b"/" if is_folder else entry.name, inside, status))
    if first_error is not None and not found:
        raise first_error
    found.sort(key=lambda item: item[0])
    return [*unreadable, *((inside, status) for _, inside, status in found)]


def _status(entry: os.DirEntry[bytes], inside: bytes, patterns: Patterns) -> os.stat_result | None:
    """The status of an entry; ``None`` if it is not relevant or was deleted. Raises OSError."""
    is_folder = entry.is_dir(follow_symlinks=False)
    if patterns.excludes(inside, is_folder):
        return None
    if not is_folder and not _is_relevant(entry, patterns):
        return None
    try:
        return entry.stat(follow_symlinks=False)
    except FileNotFoundError:
        return None  # deleted since its name was read


def _is_relevant(entry: os.DirEntry[bytes], patterns: Patterns) -> bool:
    """Whether an entry other than a folder is a music file, or is reported because a person may expect it to be one."""
    return bool(patterns.music(entry.name) or patterns.other_music(entry.name)) or _links_to_folder(entry)


def _links_to_folder(entry: os.DirEntry[bytes]) -> bool:
    try:
        return entry.is_symlink() and entry.is_dir()
    except OSError:  # a cycle of links
        return True


def _classified(path: bytes, status: os.stat_result, patterns: Patterns) -> Iterator[WalkItem]:
    extension = patterns.music(path)
    if stat.S_ISREG(status.st_mode):
        if extension:
            yield FoundFile(path, status.st_size, status.st_mtime_ns, _signed(status.st_ino), extension)
        elif other := patterns.other_music(path):
            yield Skipped(path, f"{other} is not supported")
        else:
            yield Skipped(path, "not a music file extension")
        return
    kind = next((name for test, name in _KINDS if test(status.st_mode)), "not a regular file")
    yield Skipped(path, f"{kind}, not a file: {printable(os.path.basename(path))} is not followed or opened")


def _signed(inode: int) -> int:
    """An unsigned 64-bit number as a signed one, which databases can store."""
    return inode - (1 << 64) if inode >= 1 << 63 else inode
