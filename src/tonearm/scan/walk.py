"""Walks a folder in the order of the bytes of its paths. It opens ignore files only, and follows links on request."""

import errno
import os
import stat
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from operator import itemgetter
from typing import NamedTuple

from tonearm.errors import TonearmError
from tonearm.library.found_file import FoundFile
from tonearm.library.left_out import count_names
from tonearm.names import printable
from tonearm.scan.ignore_files import IGNORE_FILE, MARKER, IgnoreRules, read_ignore_file, rules_above
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
class Ignored:
    """What an ignore file or a marker leaves out, or a link that is not followed.

    path: a file, or a folder with a slash; empty for the root.
    """

    path: bytes
    folder: bool = True

    def holds(self, path: bytes) -> bool:
        """Whether it leaves out a file."""
        return path.startswith(self.path) if self.folder else path == self.path


@dataclass(frozen=True, slots=True)
class InvalidLine:
    """Something in an ignore file that can't be followed. path: of its folder with a slash, empty for the root."""

    path: bytes
    reason: str


@dataclass(frozen=True, slots=True)
class _Folder:
    """A folder to walk: its device and inode, the ignore files in force above it, the link by which it was found."""

    path: bytes
    device: int
    inode: int = 0
    rules: IgnoreRules | None = None
    link: bytes = b""


WalkItem = FoundFile | Skipped | Unreadable | MountPoint | LeftOut | Ignored | InvalidLine


class Walked(NamedTuple):
    """A walk that has begun. device: of the root."""

    device: int
    items: Iterator[WalkItem]


Walk = Callable[[bytes, bytes, Patterns], Walked]
"""Begins a walk of a scope below a root; raises OSError if the scope can't be read."""

_Entry = WalkItem | _Folder

LIMIT_S = 3.0
"""Seconds in which a mount has to answer."""
UNANSWERED = f"its disk or server does not answer within {LIMIT_S:.0f} s"
READ_ALREADY = "it leads to a folder that is read by another path"
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
    status = os.stat(top, follow_symlinks=not scope or patterns.follow_links)
    is_folder = stat.S_ISDIR(status.st_mode)
    rules, ignored_by = rules_above(root, scope, is_folder) if patterns.ignore_files else (None, "")
    if ignored_by:
        place = scope + b"/" if is_folder and scope else scope
        return iter([Skipped(scope, f"it is left out by {ignored_by}"), Ignored(place, is_folder)])
    if not is_folder:
        return iter([_classified(scope, patterns.music(scope), status)])
    walked = _Walk(root, patterns)
    return walked.below(_Folder(scope, status.st_dev, status.st_ino, rules))


class _Walk:
    """A walk with what it has to remember: with links, the folders that were read."""

    def __init__(self, root: bytes, patterns: Patterns) -> None:
        self._root = root
        self._canonical = os.path.realpath(root) if patterns.follow_links else root
        self._patterns = patterns
        self._read: set[tuple[int, int]] = set()

    def below(self, top: _Folder) -> Iterator[WalkItem]:
        """The entries below a folder. Raises OSError at once if it can't be read."""
        self._is_first_visit(top)
        return self._walk(self._list(top), top.device)

    def _walk(self, entries: list[_Entry], device: int) -> Iterator[WalkItem]:
        """Walk depth first with an explicit stack, so that Python's recursion limit does not limit the depth."""
        stack = [(device, iter(entries))]
        while stack:
            device, left = stack.pop()
            for item in left:
                if not isinstance(item, _Folder):
                    yield item
                    continue
                if self._patterns.follow_links and not self._is_first_visit(item):
                    yield Skipped(item.path, READ_ALREADY)
                    continue
                if item.device != device:
                    yield MountPoint(item.path)
                try:
                    below = self._list(item)
                except OSError as error:
                    yield Unreadable(item.path, f"the folder can't be read: {error.strerror}")
                    continue
                stack += [(device, left), (item.device, iter(below))]
                break

    def _is_first_visit(self, folder: _Folder) -> bool:
        """Whether a folder was not read before by another path, which links and bind mounts make possible."""
        key = (folder.device, folder.inode)
        if key in self._read:
            return False
        self._read.add(key)
        return True

    def _list(self, folder: _Folder) -> list[_Entry]:
        place = os.path.join(self._root, folder.path) if folder.path else self._root
        self._patterns.follow(folder.link)
        return _list_folder(place, self._patterns, folder, self._canonical)


def _list_folder(place: bytes, patterns: Patterns, folder: _Folder, root: bytes) -> list[_Entry]:
    """The relevant entries of a folder. A folder sorts as its name and "/", so that whole paths are in order.

    Raises:
        OSError: the names can't be read, no entry's status can, or its ignore file can't.
    """
    above = folder.path + b"/" if folder.path else b""
    found: list[tuple[bytes, _Entry]] = []
    others: list[bytes] = []
    first: list[_Entry] = []
    first_error: OSError | None = None
    with os.scandir(place) as entries:
        for entry in entries:
            inside = above + entry.name
            try:
                item = _relevant(entry, inside, patterns, others, root, folder.link)
            except OSError as error:  # such as a mount point whose server does not answer
                if not patterns.excludes(inside, True):
                    reason = f"its status can't be read: {error.strerror}"
                    first.append(Unreadable(inside, reason))
                    first_error = first_error or error
                continue
            if item is not None:
                found.append((entry.name + b"/" if isinstance(item, _Folder) else entry.name, item))
                if isinstance(item, Skipped) and not patterns.follow_links and entry.is_symlink():
                    found += [
                        (entry.name, Ignored(inside, False)),
                        (entry.name + b"/", Ignored(inside + b"/")),
                    ]
    if first_error is not None and not found:
        raise first_error
    rules, hidden = folder.rules, [name for name in others if name.startswith(b".")] if others else []
    if hidden:
        if patterns.ignore_files and MARKER in hidden:
            return [Ignored(above)]
        if patterns.ignore_files and IGNORE_FILE in hidden:
            rules, problems = read_ignore_file(place, folder.path, rules)
            first += [InvalidLine(above, problem) for problem in problems]
        others = [name for name in others if not name.startswith(b".")]
    if rules is not None:
        found = [(name, _judged(item, rules)) for name, item in found]
        first = [
            item for item in first if not (isinstance(item, Unreadable) and rules.ignores(item.path, True))
        ]
        others = [name for name in others if not rules.ignores(above + name, False)]
    found.sort(key=itemgetter(0))
    if others and b"/." not in b"/" + folder.path:
        first.append(LeftOut(above, count_names(others)))
    return [*first, *(item for _, item in found)]


def _judged(item: _Entry, rules: IgnoreRules) -> _Entry:
    """An entry, or that it is ignored; a folder gets the rules that are in force above it."""
    if isinstance(item, _Folder):
        ignored = rules.ignores(item.path, True)
        return Ignored(item.path + b"/") if ignored else replace(item, rules=rules)
    if isinstance(item, FoundFile | Skipped) and rules.ignores(item.path, False):
        return Ignored(item.path, False)
    return item


def _relevant(
    entry: os.DirEntry[bytes],
    inside: bytes,
    patterns: Patterns,
    others: list[bytes],
    root: bytes,
    link: bytes,
) -> _Entry | None:
    """What an entry is; ``None`` if it is not relevant, was deleted or is a mount point that hangs. Raises OSError.

    others: gets the names of files of other kinds. link: by which its folder was found.
    """
    is_link = entry.is_symlink()
    is_hung = patterns.is_hung(inside, is_link)
    if is_hung and not is_link:
        return None
    if patterns.follow_links and is_link:
        if is_hung:
            raise OSError(errno.ETIMEDOUT, UNANSWERED)
        patterns.follow(inside)
        item = _linked(entry, inside, patterns, others, root)
        patterns.follow(link)
        return item
    is_folder = entry.is_dir(follow_symlinks=False)
    if patterns.excludes(inside, is_folder):
        return None
    extension = "" if is_folder else patterns.music(entry.name)
    if not (is_folder or extension or (is_link and (is_hung or _links_to_folder(entry, inside, patterns)))):
        if entry.is_file(follow_symlinks=False):
            others.append(entry.name)
        return None  # a person does not expect it to be music
    try:
        status = entry.stat(follow_symlinks=False)
    except FileNotFoundError:
        return None  # deleted since its name was read
    if stat.S_ISDIR(status.st_mode):
        return _Folder(inside, status.st_dev, status.st_ino, link=link)
    return _classified(inside, extension, status)


def _linked(
    entry: os.DirEntry[bytes], inside: bytes, patterns: Patterns, others: list[bytes], root: bytes
) -> _Entry | None:
    """What a link points to, as ``_relevant`` says it. A folder below the root is read where it is. Raises OSError.

    root: its canonical path.
    """
    try:
        status = entry.stat()
    except OSError as error:
        if error.errno not in (errno.ENOENT, errno.ENOTDIR, errno.ELOOP):
            raise
        status = entry.stat(follow_symlinks=False)
    is_folder = stat.S_ISDIR(status.st_mode)
    if patterns.excludes(inside, is_folder):
        return None
    if is_folder:
        target = os.path.realpath(entry.path)
        if target == root or target.startswith(root.rstrip(b"/") + b"/"):
            return Skipped(inside, READ_ALREADY)
        return _Folder(inside, status.st_dev, status.st_ino, link=inside)
    extension = patterns.music(entry.name)
    if not extension:
        if stat.S_ISREG(status.st_mode):
            others.append(entry.name)
        return None
    return _classified(inside, extension, status)


def _links_to_folder(link: os.DirEntry[bytes], inside: bytes, patterns: Patterns) -> bool:
    patterns.follow(inside)
    try:
        return link.is_dir()
    except OSError:  # a cycle of links
        return True
    finally:
        patterns.follow(b"")


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
