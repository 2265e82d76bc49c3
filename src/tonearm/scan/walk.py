"""Walks a folder in the order of the bytes of its paths, without following symbolic links or opening files."""

import os
import stat
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from operator import itemgetter
from typing import NamedTuple

from tonearm.errors import TonearmError
from tonearm.library.found_file import FoundFile
from tonearm.library.left_out import count_names
from tonearm.names import printable
from tonearm.scan.patterns import Patterns


class PlaceUnreadable(TonearmError):
    """A path given to the scan can't be read."""


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


@dataclass(frozen=True, slots=True)
class LeftOut:
    """Files of other kinds, counted. path: their folder with a slash, empty for the root."""

    path: bytes
    counts: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class _Folder:
    """A folder to walk, and the device it is on."""

    path: bytes
    device: int


WalkItem = FoundFile | Skipped | Unreadable | MountPoint | LeftOut


class Walked(NamedTuple):
    """A walk that has begun. device: of the root."""

    device: int
    items: Iterator[WalkItem]


Walk = Callable[[bytes, bytes, Patterns], Walked]
"""Begins a walk of a scope below a root; raises OSError if the scope can't be read."""

_Entry = WalkItem | _Folder

_KINDS = (
    (stat.S_ISLNK, "a symbolic link"),
    (stat.S_ISFIFO, "a named pipe"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
)


def walk_here(root: bytes, scope: bytes, patterns: Patterns) -> Walked:
    """Walk in this process, which waits as long as a folder does not answer. Raises OSError."""
    return Walked(os.stat(root).st_dev, walk(root, scope, patterns))


def walk(root: bytes, scope: bytes, patterns: Patterns) -> Iterator[WalkItem]:
    """The entries at or below ``scope`` (relative to ``root``), music files in the order of the bytes of their paths.

    Raises:
        OSError: the scope itself can't be read; raised by this call, not by the iterator.
    """
    top = os.path.join(root, scope) if scope else root
    status = os.stat(top, follow_symlinks=not scope)
    if stat.S_ISDIR(status.st_mode):
        return _walk_folder(root, _list_folder(top, patterns, scope), status.st_dev, patterns)
    return iter([_classified(scope, patterns.music(scope), status)])


def _walk_folder(root: bytes, entries: list[_Entry], device: int, patterns: Patterns) -> Iterator[WalkItem]:
    """Walk depth first with an explicit stack, so that Python's recursion limit does not limit the depth of folders."""
    stack = [(device, iter(entries))]
    while stack:
        device, left = stack.pop()
        for item in left:
            if not isinstance(item, _Folder):
                yield item
                continue
            if item.device != device:
                yield MountPoint(item.path)
            try:
                below = _list_folder(os.path.join(root, item.path), patterns, item.path)
            except OSError as error:
                yield Unreadable(item.path, f"the folder can't be read: {error.strerror}")
                continue
            stack += [(device, left), (item.device, iter(below))]
            break


def _list_folder(folder: bytes, patterns: Patterns, path: bytes) -> list[_Entry]:
    """The relevant entries of a folder. A folder sorts as its name and "/", so that whole paths are in order.

    Raises:
        OSError: the names can't be read, or no entry's status can.
    """
    above = path + b"/" if path else b""
    found: list[tuple[bytes, _Entry]] = []
    others: list[bytes] = []
    first: list[_Entry] = []
    first_error: OSError | None = None
    with os.scandir(folder) as entries:
        for entry in entries:
            inside = above + entry.name
            try:
                item = _relevant(entry, inside, patterns, others)
            except OSError as error:  # such as a mount point whose server does not answer
                if not patterns.excludes(inside, True):
                    reason = f"its status can't be read: {error.strerror}"
                    first.append(Unreadable(inside, reason))
                    first_error = first_error or error
                continue
            if item is not None:
                found.append((entry.name + b"/" if isinstance(item, _Folder) else entry.name, item))
    if first_error is not None and not found:
        raise first_error
    found.sort(key=itemgetter(0))
    if others and b"/." not in b"/" + path:
        first.append(LeftOut(above, count_names(others)))
    return [*first, *(item for _, item in found)]


def _relevant(
    entry: os.DirEntry[bytes], inside: bytes, patterns: Patterns, others: list[bytes]
) -> _Entry | None:
    """What an entry is; ``None`` if it is not relevant or was deleted. Raises OSError.

    others: gets the names of files of other kinds that are not hidden.
    """
    is_folder = entry.is_dir(follow_symlinks=False)
    if patterns.excludes(inside, is_folder):
        return None
    extension = "" if is_folder else patterns.music(entry.name)
    if not (is_folder or extension or _links_to_folder(entry)):
        if not entry.name.startswith(b".") and entry.is_file(follow_symlinks=False):
            others.append(entry.name)
        return None  # a person does not expect it to be music
    try:
        status = entry.stat(follow_symlinks=False)
    except FileNotFoundError:
        return None  # deleted since its name was read
    if stat.S_ISDIR(status.st_mode):
        return _Folder(inside, status.st_dev)
    return _classified(inside, extension, status)


def _links_to_folder(entry: os.DirEntry[bytes]) -> bool:
    try:
        return entry.is_symlink() and entry.is_dir()
    except OSError:  # a cycle of links
        return True


def _classified(path: bytes, extension: str, status: os.stat_result) -> FoundFile | Skipped:
    """What a file is. ``extension``: that of music files, or empty."""
    if stat.S_ISREG(status.st_mode):
        if extension:
            return FoundFile(path, status.st_size, status.st_mtime_ns, _signed(status.st_ino), extension)
        return Skipped(path, "not a music file extension")
    kind = next((name for test, name in _KINDS if test(status.st_mode)), "not a regular file")
    return Skipped(path, f"{kind}, not a file: {printable(os.path.basename(path))} is not followed or opened")


def _signed(inode: int) -> int:
    """An unsigned 64-bit number as a signed one, which databases can store."""
    return inode - (1 << 64) if inode >= 1 << 63 else inode
