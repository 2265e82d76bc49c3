"""Puts a changed copy in the place of a file, so that at any moment the whole old or the whole new file is there.

1. The copy is written beside the file, synced, and compared by the caller.
2. Both exchange their names in one step; where the file system can't do that, the copy replaces the file.
3. The old file, which has the name of the copy now, is removed if it is still the one that was copied.
"""

import contextlib
import hashlib
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from io import FileIO

from tonearm.library.proposal import FileStamp
from tonearm.library.rename_journal import Rewrite
from tonearm.naming.copying import BLOCK, READ, Stopped, keep_attributes, part_of
from tonearm.naming.disk import Refused, identity_of, refusal
from tonearm.naming.folders import Folders
from tonearm.naming.safe_rename import UNSUPPORTED, exchange, rename_no_replace
from tonearm.naming.splices import Splice, spliced

_WRITE = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


@dataclass(frozen=True, slots=True)
class Written:
    """SHA-256 of a file and of its changed copy, and what tells the copy."""

    before: bytes
    after: bytes
    copy: FileStamp


def aside(path: bytes) -> bytes:
    """The path of the changed copy of a file while it is written."""
    folder, name = os.path.split(path)
    return os.path.join(folder, part_of(name))


class Rewriter:
    """Rewrites files below some roots. ``stopping``: whether a person has asked to stop; asked during copies."""

    def __init__(self, folders: Folders, stopping: Callable[[], bool]) -> None:
        self._folders = folders
        self._stopping = stopping

    def copy(
        self,
        path: bytes,
        splices: Sequence[Splice],
        is_same: Callable[[FileIO, FileIO], bool],
        keep_times: bool = False,
    ) -> Written:
        """Write the changed copy. ``is_same``: whether both files, open for reading alone, hold the same sound.

        Raises:
            Refused: it can't be written, ``owner-differs`` or ``audio-differs``; nothing was changed.
            Stopped: a person has asked to stop; nothing was changed.
        """
        folder, name = self._split(path)
        part = part_of(name)
        try:
            self._remove(folder, part)
            with _opened(name, READ, folder) as old:
                with _opened(part, _WRITE, folder) as new:
                    before, after = self._written(old, new, splices)
                    status = os.fstat(old.fileno())
                    keep_attributes(old.fileno(), new.fileno(), status, keep_times)
                    if owner(os.fstat(new.fileno())) != owner(status):
                        raise Refused("owner-differs", path)
                    os.fsync(new.fileno())
                with _opened(part, READ, folder) as copy:
                    if not is_same(old, copy):
                        raise Refused("audio-differs", path)
                    written = identity_of(os.fstat(copy.fileno()))
        except (OSError, ValueError, Refused, Stopped) as error:
            with contextlib.suppress(OSError):
                self._remove(folder, part)
            if isinstance(error, OSError):
                raise refusal(error, path) from error
            if isinstance(error, ValueError):
                raise Refused("changed-since", path) from error
            raise
        return Written(before, after, written)

    def _split(self, path: bytes) -> tuple[int, bytes]:
        try:
            return self._folders.split(path)
        except OSError as error:
            raise refusal(error, path) from error

    def _written(self, old: FileIO, new: FileIO, splices: Sequence[Splice]) -> tuple[bytes, bytes]:
        """Write the changed copy; returns the digests of both."""
        before, after = hashlib.sha256(), hashlib.sha256()

        def read(size: int) -> bytes:
            if self._stopping():
                raise Stopped
            data = old.read(size) or b""
            before.update(data)
            return data

        for piece in spliced(read, splices):
            after.update(piece)
            view = memoryview(piece)
            while view:
                view = view[new.write(view) or 0 :]
        return before.digest(), after.digest()

    def put_in_place(self, path: bytes, identity: FileStamp, copy: FileStamp) -> None:
        """Let the copy take the place of the file. ``identity``, ``copy``: what tells both.

        The folder is to be synced then, and ``remove_old`` called.

        Raises Refused, and the file is as it was; also where the copy is not the one that was written.
        """
        folder, name = self._split(path)
        part = part_of(name)
        try:
            if (identity_of(_status(folder, name)), _found(folder, part)) != (identity, copy):
                raise Refused("changed-since", path)
            exchanged = _exchanged(folder, name, part)
            if _found(folder, name) != copy:  # the file system takes the flag and does something else
                rename_no_replace(folder, part, folder, name)
                raise Refused("no-safe-rename", path)
            if exchanged and _found(folder, part) != identity:  # it was written to meanwhile
                exchange(folder, name, part)
                raise Refused("changed-since", path)
        except (OSError, Refused) as error:
            with contextlib.suppress(OSError):
                if _found(folder, part) == copy:
                    self._remove(folder, part)
            raise refusal(error, path) if isinstance(error, OSError) else error from error
        self._folders.changed(path)

    def remove_old(self, path: bytes, identity: FileStamp) -> None:
        """Remove the old file beside the copy that has its place.

        Raises Refused; with ``changed-since``, as the old file was written to, it has its place again.
        """
        folder, name = self._split(path)
        part = part_of(name)
        try:
            if _found(folder, part) not in (None, identity):
                exchange(folder, name, part)
                self._remove(folder, part)
                self._folders.changed(path)
                self._folders.sync()
                raise Refused("changed-since", path)
            self._remove(folder, part)
        except OSError as error:
            raise refusal(error, path) from error

    def settled(self, path: bytes, rewrite: Rewrite | None) -> bool:
        """After a kill: whether the copy has the place of the file; what is left beside it is removed.

        Where somebody has moved the copy elsewhere from there, the old file gets its place again.

        Raises OSError.
        """
        folder, name = self._folders.split(path)
        part = part_of(name)
        has_part = _found(folder, part) is not None
        if rewrite is None:
            self._remove(folder, part)
            return False
        beside = digest_of(part, folder) if has_part else None
        if _found(folder, name) is None:
            if has_part:
                self._settle_moved(path, beside, rewrite)
            return False
        done = digest_of(name, folder) == rewrite.after or beside == rewrite.before
        if done and beside not in (None, rewrite.before):  # the file was written to just before
            exchange(folder, name, part)
            done = False
        if has_part:
            self._remove(folder, part)
            self._folders.changed(path)
        return done

    def _settle_moved(self, path: bytes, beside: bytes | None, rewrite: Rewrite) -> None:
        """Settle what is left beside a path at which nothing is any more. Raises OSError."""
        folder, name = self._folders.split(path)
        if beside == rewrite.after:
            self._remove(folder, part_of(name))
        else:
            rename_no_replace(folder, part_of(name), folder, name)
        self._folders.changed(path)

    @staticmethod
    def _remove(folder: int, name: bytes) -> None:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(name, dir_fd=folder)


def digest_of(path: bytes, folder: int | None = None) -> bytes:
    """The SHA-256 of a file, by its path or by its name in an open folder. Raises OSError."""
    digest = hashlib.sha256()
    with FileIO(os.open(path, READ, dir_fd=folder), "rb") as file:
        while block := file.read(BLOCK):
            digest.update(block)
    return digest.digest()


def _exchanged(folder: int, name: bytes, part: bytes) -> bool:
    """Exchange a file and its copy; where the file system can't, the copy replaces the file, and this is false."""
    try:
        exchange(folder, name, part)
    except OSError as error:
        if error.errno not in UNSUPPORTED:
            raise
        os.rename(part, name, src_dir_fd=folder, dst_dir_fd=folder)
        return False
    return True


def _found(folder: int, name: bytes) -> FileStamp | None:
    """What tells the file of a name; ``None`` where there is none. Raises OSError."""
    try:
        return identity_of(_status(folder, name))
    except FileNotFoundError:
        return None


def owner(status: os.stat_result) -> tuple[int, int]:
    """Owner and group of a file."""
    return status.st_uid, status.st_gid


def _status(folder: int, name: bytes) -> os.stat_result:
    return os.stat(name, dir_fd=folder, follow_symlinks=False)


def _opened(name: bytes, flags: int, folder: int) -> FileIO:
    return FileIO(os.open(name, flags, 0o600, dir_fd=folder), "r+b" if flags & os.O_RDWR else "rb")
