"""Which files below some roots have changed, by inotify: one watch for each folder, up to a number of folders."""

import errno
import os
from collections.abc import Iterator

from tonearm.library.data_folder import NETWORK_KINDS
from tonearm.library.mount_table import MountTable, read_mounts
from tonearm.library.mounts import is_inside
from tonearm.scan import inotify
from tonearm.scan.ignore_files import IGNORE_FILE, MARKER
from tonearm.scan.inotify import Inotify, Notice
from tonearm.scan.patterns import Patterns

GONE = inotify.MOVED_FROM | inotify.DELETE
MADE = inotify.MOVED_TO | inotify.CREATE


class NotWatched(Exception):
    """A root can't be watched; the message says why, and fits after a colon."""


class WatchedFolders:
    """The folders below some roots, and what has changed in them."""

    def __init__(self, patterns: Patterns, most: int) -> None:
        """``most``: how many folders are watched at most. Raises OSError where the system has no inotify."""
        self._patterns = patterns
        self._most = most
        self._inotify = Inotify()
        self._folders: dict[int, bytes] = {}
        self._watches: dict[bytes, int] = {}
        self._roots: set[bytes] = set()

    def close(self) -> None:
        """Watch nothing more."""
        self._inotify.close()

    def watch(self, root: bytes) -> None:
        """Watch a root and all folders below it. Raises NotWatched; nothing of the root is watched then."""
        mounts = read_mounts()
        kinds = {mounts.get(MountTable(lambda: mounts).mount_of(root), b"")}
        kinds |= {kind for mount, kind in mounts.items() if is_inside(mount, root.rstrip(b"/"))}
        if remote := sorted(kind.decode("ascii", "replace") for kind in kinds if _is_remote(kind)):
            raise NotWatched(f"it is, or holds, a file system of another host ({remote[0]})")
        self._roots.add(root)
        try:
            self._add(root)
        except (OSError, NotWatched) as error:
            self._roots.discard(root)
            self._remove(root)
            if isinstance(error, NotWatched):
                raise
            raise NotWatched(_reason(error)) from error

    def changed(self) -> set[bytes]:
        """Paths that have changed since the last call: files that are new or changed, and folders with less in them.

        The root of a folder that can't be watched any more is among them, as it has to be read whole.
        """
        found: set[bytes] = set()
        for notice in self._inotify.read():
            if notice.mask & inotify.OVERFLOW:
                return set(self._roots)
            found.update(self._of(notice))
        return found

    def _of(self, notice: Notice) -> Iterator[bytes]:
        folder = self._folders.get(notice.watch)
        if folder is None:
            return
        if notice.mask & inotify.IGNORED:
            self._forget(notice.watch)
        elif notice.mask & (inotify.DELETE_SELF | inotify.MOVE_SELF | inotify.UNMOUNT):
            if folder in self._roots:
                yield folder
        elif notice.mask & inotify.IS_FOLDER:
            yield from self._of_folder(notice, folder, os.path.join(folder, notice.name))
        elif notice.name in (IGNORE_FILE, MARKER):
            yield folder
        elif self._patterns.music(notice.name):
            path = os.path.join(folder, notice.name)
            if notice.mask & GONE:
                yield folder
            elif not notice.mask & inotify.CREATE or _is_whole(path):
                yield path

    def _of_folder(self, notice: Notice, folder: bytes, path: bytes) -> Iterator[bytes]:
        if notice.mask & GONE:
            self._remove(path)
            yield folder
        elif notice.mask & MADE:
            try:
                self._add(path)
            except (OSError, NotWatched):
                self._remove(path)
                yield from (root for root in self._roots if root == folder or is_inside(folder, root))
            yield path

    def _add(self, top: bytes) -> None:
        """Watch a folder and those below it. Raises OSError for the folder itself or a limit, and NotWatched."""
        left = [top]
        while left:
            folder = left.pop()
            if len(self._watches) >= self._most:
                raise NotWatched(f"more than {self._most:,} folders would be watched (setting watch_folders)")
            try:
                watch = self._inotify.add(folder)
                with os.scandir(folder) as entries:
                    below = [each.path for each in entries if each.is_dir(follow_symlinks=False)]
            except OSError as error:
                if folder == top or error.errno in (errno.ENOSPC, errno.ENOMEM):
                    raise
                continue  # it is unreadable or gone, which the scan tells
            self._folders[watch], self._watches[folder] = folder, watch
            left += [each for each in below if not self._patterns.excludes(os.path.basename(each), True)]

    def _remove(self, top: bytes) -> None:
        for folder in [each for each in self._watches if each == top or is_inside(each, top)]:
            watch = self._watches[folder]
            self._inotify.remove(watch)
            self._forget(watch)

    def _forget(self, watch: int) -> None:
        folder = self._folders.pop(watch, None)
        if folder is not None and self._watches.get(folder) == watch:
            del self._watches[folder]


def _is_remote(kind: bytes) -> bool:
    """Whether changes by another host may go unnoticed on a file system of a kind."""
    name = kind.decode("ascii", "replace")
    return name in NETWORK_KINDS or name.startswith("fuse.") or name in ("9p", "virtiofs", "vboxsf", "fuse")


def _is_whole(path: bytes) -> bool:
    """Whether a file that was made is not being written, because it is another name of a file that was there."""
    try:
        return os.lstat(path).st_nlink > 1
    except OSError:
        return False


def _reason(error: OSError) -> str:
    if error.errno == errno.ENOSPC:
        return "the system lets no more folders be watched (fs.inotify.max_user_watches)"
    return f"it can't be watched: {error.strerror}"
