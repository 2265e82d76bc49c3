"""Walks a folder in the order of its paths' bytes, without following a link or touching a pipe."""

import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass

from tonearm.library.files import FoundFile
from tonearm.names import printable
from tonearm.scan.patterns import Patterns


@dataclass(frozen=True, slots=True)
class Passed:
    """An entry that is not taken, and why."""

    path: bytes
    reason: str


@dataclass(frozen=True, slots=True)
class Unread:
    """A folder that can't be read, or an entry of unknown kind: what is known there is neither met nor missing."""

    path: bytes
    reason: str


@dataclass(frozen=True, slots=True)
class Mount:
    """A folder on another device than the one around it."""

    path: bytes


Met = FoundFile | Passed | Unread | Mount
_Entry = tuple[bytes, os.stat_result | Unread]

_KINDS = (
    (stat.S_ISLNK, "a symbolic link"),
    (stat.S_ISFIFO, "a named pipe"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
)


def walk(root: bytes, scope: bytes, patterns: Patterns) -> Iterator[Met]:
    """What lies at or below ``scope`` (relative to ``root``), music in the order of its paths' bytes.

    Raises:
        OSError: at once, when the scope itself can't be read.
    """
    top = os.path.join(root, scope) if scope else root
    status = os.stat(top, follow_symlinks=not scope)
    if stat.S_ISDIR(status.st_mode):
        return _folder(root, _listing(top, patterns, scope), status.st_dev, patterns)
    return _entry(scope, status, patterns)


def _folder(root: bytes, entries: list[_Entry], device: int, patterns: Patterns) -> Iterator[Met]:
    """Depth first over an explicit stack, so that no depth of folders can exhaust the interpreter's."""
    stack = [iter(entries)]
    devices = [device]
    while stack:
        item = next(stack[-1], None)
        if item is None:
            stack.pop()
            devices.pop()
            continue
        path, status = item
        if isinstance(status, Unread):
            yield status
            continue
        if not stat.S_ISDIR(status.st_mode):
            yield from _entry(path, status, patterns)
            continue
        if status.st_dev != devices[-1]:
            yield Mount(path)
        try:
            below = _listing(os.path.join(root, path), patterns, path)
        except OSError as error:
            yield Unread(path, f"the folder can't be read: {error.strerror}")
            continue
        stack.append(iter(below))
        devices.append(status.st_dev)


def _listing(folder: bytes, patterns: Patterns, path: bytes) -> list[_Entry]:
    """A folder's wanted entries, sorted so that the walk comes out in the order of whole paths.

    Raises:
        OSError: its names can't be read, or not one of the entries can be looked at.
    """
    found: list[tuple[bytes, bytes, os.stat_result]] = []
    unread: list[_Entry] = []
    wrong: OSError | None = None
    with os.scandir(folder) as entries:
        for entry in entries:
            inside = path + b"/" + entry.name if path else entry.name
            try:
                status = _looked_at(entry, inside, patterns)
            except OSError as error:  # such as a mount whose server is gone
                if not patterns.leaves_out(inside, True):
                    unread.append((inside, Unread(inside, f"it can't be looked at: {error.strerror}")))
                    wrong = error
                continue
            if status is not None:
                is_folder = stat.S_ISDIR(status.st_mode)
                found.append((entry.name + b"/" if is_folder else entry.name, inside, status))
    if wrong is not None and not found:
        raise wrong
    found.sort(key=lambda item: item[0])
    return [*unread, *((inside, status) for _, inside, status in found)]


def _looked_at(entry: os.DirEntry[bytes], inside: bytes, patterns: Patterns) -> os.stat_result | None:
    """What an entry is, when it is wanted and still there."""
    is_folder = entry.is_dir(follow_symlinks=False)
    if patterns.leaves_out(inside, is_folder):
        return None
    if not is_folder and not _worth_a_word(entry, patterns):
        return None
    try:
        return entry.stat(follow_symlinks=False)
    except FileNotFoundError:
        return None  # gone between the listing and the look at it


def _worth_a_word(entry: os.DirEntry[bytes], patterns: Patterns) -> bool:
    """Whether something that is no folder is music, or will be missed by whoever takes it for some."""
    return bool(patterns.music(entry.name) or patterns.other_music(entry.name)) or _links_to_folder(entry)


def _links_to_folder(entry: os.DirEntry[bytes]) -> bool:
    try:
        return entry.is_symlink() and entry.is_dir()
    except OSError:  # a loop of links
        return True


def _entry(path: bytes, status: os.stat_result, patterns: Patterns) -> Iterator[Met]:
    extension = patterns.music(path)
    if stat.S_ISREG(status.st_mode):
        if extension:
            yield FoundFile(path, status.st_size, status.st_mtime_ns, _signed(status.st_ino), extension)
        elif other := patterns.other_music(path):
            yield Passed(path, f"{other} is not read here")
        else:
            yield Passed(path, "its name does not end like a music file's")
        return
    kind = next((name for test, name in _KINDS if test(status.st_mode)), "not a regular file")
    yield Passed(path, f"{kind}, not a file: {printable(os.path.basename(path))} is not followed or opened")


def _signed(inode: int) -> int:
    """Inode numbers are unsigned 64-bit; databases keep signed ones."""
    return inode - (1 << 64) if inode >= 1 << 63 else inode
