"""Carries out single steps on the disk: a rename that can't overwrite, or a checked copy to another file system."""

import contextlib
import errno
import os
import stat
from collections.abc import Callable, Sequence

from tonearm.library.mount_table import MountTable
from tonearm.library.proposal import FileStamp
from tonearm.library.rename_journal import StepKind
from tonearm.naming.copying import copy_file, part_of, same_content
from tonearm.naming.folders import Folders
from tonearm.naming.safe_rename import UNSUPPORTED, link_and_remove, rename_no_replace

_CODES = {
    errno.EEXIST: "destination-exists",
    errno.ENOTEMPTY: "destination-exists",
    errno.EACCES: "not-permitted",
    errno.EPERM: "not-permitted",
    errno.EROFS: "read-only",
    errno.ENOSPC: "disk-full",
    errno.EDQUOT: "disk-full",
    errno.ENAMETOOLONG: "name-too-long",
    errno.ENOTDIR: "parent-not-folder",
    errno.ELOOP: "parent-not-folder",
    errno.EILSEQ: "name-refused",
    errno.EINVAL: "name-refused",
}


class Refused(Exception):
    """A step that was not done; nothing was changed. ``code`` says why, ``path`` where."""

    def __init__(self, code: str, path: bytes) -> None:
        super().__init__(code, path)
        self.code = code
        self.path = path


class OtherKind(Exception):
    """A rename can't be done by this kind of step; ``Disk.kind`` gives another one now. Nothing was changed."""


def identity_of(status: os.stat_result) -> FileStamp:
    """What a status tells about which file it is."""
    return FileStamp(status.st_size, status.st_mtime_ns, status.st_ino)


def look(path: bytes) -> os.stat_result | None:
    """The status of what is at a path, a link itself; ``None`` where nothing is. Raises OSError."""
    try:
        return os.lstat(path)
    except (FileNotFoundError, NotADirectoryError):
        return None


def same_file(
    status: os.stat_result | None, identity: FileStamp, path: bytes, any_content: bool = False
) -> FileStamp:
    """The identity of a file by what is at its path now. any_content: a file that was edited will do.

    Raises Refused where it is another.
    """
    if status is None:
        raise Refused("source-gone", path)
    if stat.S_ISLNK(status.st_mode):
        raise Refused("symbolic-link", path)
    found = identity_of(status)
    is_as_known = any_content or (found.size, found.mtime_ns) == (identity.size, identity.mtime_ns)
    if not stat.S_ISREG(status.st_mode) or not is_as_known:
        raise Refused("changed-since", path)
    return found


class Disk:
    """The folders below some roots. ``stopping``: whether a person has asked to stop; asked during copies."""

    def __init__(self, roots: Sequence[bytes], stopping: Callable[[], bool]) -> None:
        self._folders = Folders(roots)
        self._stopping = stopping
        self._mounts = MountTable()
        self._linking: set[int] = set()
        self._apart: set[tuple[bytes, bytes]] = set()

    @property
    def folders(self) -> Folders:
        """The open folders."""
        return self._folders

    def kind(self, source: bytes, target: bytes) -> StepKind:
        """How a file gets from one path to another, by what renames before have shown. Raises Refused."""
        try:
            here, there = self._device(os.path.dirname(source)), self._device(os.path.dirname(target))
        except OSError as error:
            raise refusal(error, target) from error
        if here != there or (os.path.dirname(source), os.path.dirname(target)) in self._apart:
            return StepKind.COPY
        return StepKind.LINK if there in self._linking else StepKind.RENAME

    def require_apart(self, source: bytes, target: bytes) -> None:
        """Raise Refused where a file that was to come to another mount would stay on its own: that one is not there.

        It would be put below the mount point, where nobody finds it once the disk is mounted again.
        """
        mounts = {self._mounts.mount_of(os.path.dirname(path) + b"/") for path in (source, target)}
        if len(mounts) == 1 and self.kind(source, target) is not StepKind.COPY:
            raise Refused("not-mounted", target)

    def missing_folders(self, folder: bytes) -> list[bytes]:
        """The folders that have to be made, the outermost first. Raises OSError."""
        missing: list[bytes] = []
        root = self._folders.root_of(folder)
        while folder != root and look(folder) is None:
            missing.append(folder)
            folder = os.path.dirname(folder)
        return missing[::-1]

    def make_folder(self, folder: bytes) -> None:
        """Make a folder, unless it is there. Raises Refused."""
        try:
            self._folders.make(folder)
        except OSError as error:
            raise refusal(error, folder) from error

    def remove_if_empty(self, folder: bytes) -> bool:
        """Remove an empty folder that is no root; returns whether it was."""
        return self._folders.remove_if_empty(folder)

    def check_same(self, path: bytes, identity: FileStamp, any_content: bool = False) -> FileStamp:
        """What is at a path now. any_content: a file that was edited will do. Raises Refused where it is another."""
        try:
            return same_file(look(path), identity, path, any_content)
        except OSError as error:
            raise refusal(error, path) from error

    def carry_out(self, kind: StepKind, source: bytes, target: bytes) -> None:
        """Do a step.

        Raises:
            Refused: it can't be done; nothing was changed.
            OtherKind: this kind of step can't be done here; nothing was changed.
            Stopped: a person has asked to stop during a copy; nothing was changed.
        """
        try:
            if kind is StepKind.COPY:
                self._copy(source, target)
            elif kind is StepKind.LINK:
                self._link(source, target)
            else:
                self._rename(source, target)
        except OSError as error:
            raise refusal(error, target) from error
        self._folders.changed(source)
        self._folders.changed(target)

    def sync(self) -> None:
        """Have all changes of folders on the disk. Raises OSError."""
        self._folders.sync()

    def close(self) -> None:
        """Close every folder; a folder that another program exchanges meanwhile is then found anew."""
        self._folders.close()

    def _device(self, folder: bytes) -> int:
        while True:
            try:
                return os.fstat(self._folders.open(folder)).st_dev
            except FileNotFoundError:
                if folder == self._folders.root_of(folder):
                    raise
                folder = os.path.dirname(folder)

    def _rename(self, source: bytes, target: bytes) -> None:
        there, name = self._folders.split(target)
        here, old = self._folders.split(source)
        try:
            rename_no_replace(here, old, there, name)
        except OSError as error:
            if error.errno in UNSUPPORTED:
                self._linking.add(os.fstat(there).st_dev)
            elif error.errno == errno.EXDEV:  # two mounts of one disk, or two quotas
                self._apart.add((os.path.dirname(source), os.path.dirname(target)))
            else:
                raise
            raise OtherKind from error

    def _link(self, source: bytes, target: bytes) -> None:
        there, name = self._folders.split(target)
        here, old = self._folders.split(source)
        if os.stat(old, dir_fd=here, follow_symlinks=False).st_nlink > 1:
            raise Refused("hard-linked", source)
        try:
            if not link_and_remove(here, old, there, name):
                raise Refused("changed-since", source)
        except OSError as error:
            if error.errno in UNSUPPORTED or error.errno in {errno.EPERM, errno.EMLINK}:
                raise Refused("no-safe-rename", target) from error
            raise

    def _copy(self, source: bytes, target: bytes) -> None:
        there, name = self._folders.split(target)
        here, old = self._folders.split(source)
        part = part_of(name)
        try:
            copied = copy_file(here, old, there, part, self._stopping)
            try:
                rename_no_replace(there, part, there, name)
            except OSError as error:
                if error.errno not in UNSUPPORTED:
                    raise
                self._link(os.path.join(os.path.dirname(target), part), target)
        except BaseException:
            with contextlib.suppress(OSError):
                os.unlink(part, dir_fd=there)
            raise
        os.fsync(there)
        if os.stat(name, dir_fd=there, follow_symlinks=False).st_size != copied.size:
            raise Refused("destination-exists", target)  # another process copies to the same name
        if identity_of(os.stat(old, dir_fd=here, follow_symlinks=False)) != identity_of(copied.source):
            os.unlink(name, dir_fd=there)  # it was written to meanwhile, so the copy is of the past
            raise Refused("changed-since", source)
        os.unlink(old, dir_fd=here)

    # after a kill

    def finish_link(self, source: bytes, target: bytes) -> None:
        """Take the first name of a file that has both. Raises Refused."""
        try:
            one, two = look(source), look(target)
            if one is not None and two is not None and (one.st_dev, one.st_ino) == (two.st_dev, two.st_ino):
                here, old = self._folders.split(source)
                os.unlink(old, dir_fd=here)
                self._folders.changed(source)
        except OSError as error:
            raise refusal(error, source) from error

    def finish_copy(self, source: bytes, target: bytes) -> bool:
        """Remove a source whose whole copy is in place, and else the part of a copy; returns whether it is copied."""
        with contextlib.suppress(OSError):
            there, name = self._folders.split(target)
            os.unlink(part_of(name), dir_fd=there)
        try:
            one, two = look(source), look(target)
            if two is None or one is None:
                return one is None and two is not None
            there, name = self._folders.split(target)
            here, old = self._folders.split(source)
            if not same_content((here, old), (there, name)):
                return False
            os.fsync(there)
            os.unlink(old, dir_fd=here)
        except OSError as error:
            raise refusal(error, source) from error
        self._folders.changed(source)
        return True


def refusal(error: OSError, path: bytes) -> Refused:
    """What an error of the system means for a step."""
    return Refused(
        _CODES.get(error.errno or 0, "source-gone" if error.errno == errno.ENOENT else "io-error"), path
    )
