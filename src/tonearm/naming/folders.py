"""Open folders, reached from a root without following a link, so that nothing is renamed elsewhere."""

import contextlib
import errno
import os
from collections import OrderedDict
from collections.abc import Sequence

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_ROOT = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
OPEN_AT_ONCE = 64


class Folders:
    """Descriptors of folders, by path; kept until ``close``. ``roots``: below which every path must lie."""

    def __init__(self, roots: Sequence[bytes]) -> None:
        self._roots = sorted((root.rstrip(b"/") or b"/" for root in roots), key=len, reverse=True)
        self._open: OrderedDict[bytes, int] = OrderedDict()
        self._changed: set[bytes] = set()

    def root_of(self, path: bytes) -> bytes:
        """The root that a path is or lies below. Raises OSError (EXDEV has its own meaning, so ENOENT)."""
        for root in self._roots:
            if path == root or path.startswith(root.rstrip(b"/") + b"/"):
                return root
        raise OSError(errno.ENOENT, "below no folder of the library", path)

    def split(self, path: bytes) -> tuple[int, bytes]:
        """The open folder of a path, and its name there. Raises OSError."""
        folder, name = os.path.split(path)
        return self.open(folder), name

    def open(self, folder: bytes) -> int:
        """The descriptor of a folder. Raises OSError, also ELOOP or ENOTDIR where a part of it is a link."""
        found = self._open.get(folder)
        if found is not None:
            self._open.move_to_end(folder)
            return found
        if folder == self.root_of(folder):
            descriptor = os.open(folder, _ROOT)
        else:
            above, name = os.path.split(folder)
            descriptor = os.open(name, _FOLDER, dir_fd=self.open(above))
        self._open[folder] = descriptor
        if len(self._open) > OPEN_AT_ONCE:
            self._drop(next(iter(self._open)))
        return descriptor

    def make(self, folder: bytes) -> None:
        """Make a folder, unless it is there. Raises OSError."""
        above, name = os.path.split(folder)
        with contextlib.suppress(FileExistsError):
            os.mkdir(name, dir_fd=self.open(above))
            self._changed.add(above)
        self.open(folder)

    def remove_if_empty(self, folder: bytes) -> bool:
        """Remove a folder that is empty and no root; returns whether it was."""
        try:
            if folder == self.root_of(folder):
                return False
            above, name = os.path.split(folder)
            parent = self.open(above)
            self._forget(folder)
            os.rmdir(name, dir_fd=parent)
        except OSError:
            return False
        self._changed.add(above)
        return True

    def changed(self, path: bytes) -> None:
        """Note that the entry of a path has changed, so that its folder is to be synced."""
        self._changed.add(os.path.dirname(path))

    def sync(self) -> None:
        """Have the changes of all folders on the disk; a file system that can't say so is believed. Raises OSError."""
        for folder in self._changed:
            try:
                os.fsync(self.open(folder))
            except OSError as error:
                if error.errno not in {errno.EINVAL, errno.ENOENT, errno.ENOTDIR, errno.EBADF}:
                    raise
        self._changed.clear()

    def close(self) -> None:
        """Close every folder."""
        for folder in list(self._open):
            os.close(self._open.pop(folder))

    def _drop(self, folder: bytes) -> None:
        if folder in self._changed:
            with contextlib.suppress(OSError):
                os.fsync(self._open[folder])
                self._changed.discard(folder)
        os.close(self._open.pop(folder))

    def _forget(self, folder: bytes) -> None:
        """Close a folder and what is below it."""
        for known in [each for each in self._open if each == folder or each.startswith(folder + b"/")]:
            os.close(self._open.pop(known))
        self._changed -= {each for each in self._changed if each == folder or each.startswith(folder + b"/")}
