"""A file system that can be written to and takes several names for one: ``python -m tests.folding_folder``.

It folds case, stores names in a normal form, limits their length, and refuses the flags of renames, as the arguments
say. Below it is a folder of the machine, whose files it shows. It speaks the protocol of /dev/fuse as ``fuse_folder``.
"""

import errno
import os
import struct
import sys
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from tests.fuse_folder import Server, mount, shown

UNLINK, RENAME2, WRITE = 10, 45, 16
CHANGING = {4, 9, UNLINK, 11, 12, 13, WRITE, 35, RENAME2}
EXCHANGE = 2
TROUBLE = ".trouble"
OPEN_FLAGS = struct.Struct("=QII")


class Folding(Server):
    """Answers also what changes files.

    rules: of ``fold``, ``nfd``, ``noflags``, ``nolinks``, ``short`` and ``deaf``.
    """

    def __init__(self, device: int, folder: str, rules: set[str]) -> None:
        super().__init__(device, folder)
        self._rules = rules
        self._trouble = f"{folder}{TROUBLE}"

    def _key(self, name: str) -> str:
        if "nfd" in self._rules:
            name = unicodedata.normalize("NFD", name)
        return unicodedata.normalize("NFD", name).casefold() if "fold" in self._rules else name

    def _at(self, folder: str, raw: bytes) -> str:
        """The path of a name: that of the file which has it, or the one that a new file gets."""
        name = os.fsdecode(raw)
        if "short" in self._rules and len(name.encode("utf-16-le", "surrogatepass")) > 2 * 60:
            raise OSError(errno.ENAMETOOLONG, name)
        for each in os.listdir(folder):
            if self._key(each) == self._key(name):
                return os.path.join(folder, each)
        return os.path.join(folder, unicodedata.normalize("NFD", name) if "nfd" in self._rules else name)

    def _answer(self, code: int, node: int, question: bytes) -> bytes:
        path = self._paths.get(node, "")
        if code in CHANGING:
            self._refuse(code)
        match code:
            case 1:  # LOOKUP
                return self._entry(self._at(path, question.rstrip(b"\0")))
            case 9:  # MKDIR
                made = self._at(path, question[8:].rstrip(b"\0"))
                os.mkdir(made)
                return self._entry(made)
            case 10 | 11:  # UNLINK, RMDIR
                gone = self._at(path, question.rstrip(b"\0"))
                (os.unlink if code == UNLINK else os.rmdir)(gone)
                self._forget(gone)
                return b""
            case 12 | 45:  # RENAME, RENAME2
                return self._rename(path, code, question)
            case 13:  # LINK
                if "nolinks" in self._rules:
                    raise OSError(errno.EPERM, "no links here")
                (source,) = struct.unpack_from("=Q", question)
                made = self._at(path, question[8:].rstrip(b"\0"))
                os.link(self._paths[source], made)
                return self._entry(made)
            case 35:  # CREATE
                flags, mode = struct.unpack_from("=II", question)
                made = self._at(path, question[16:].rstrip(b"\0"))
                os.close(
                    os.open(made, flags & (os.O_EXCL | os.O_TRUNC) | os.O_CREAT | os.O_WRONLY, mode & 0o777)
                )
                return self._entry(made) + OPEN_FLAGS.pack(0, 1, 0)
            case 16:  # WRITE
                _, offset, size = struct.unpack_from("=QQI", question)
                with open(path, "r+b") as file:
                    os.pwrite(file.fileno(), question[40 : 40 + size], offset)
                return struct.pack("=II", size, 0)
            case 4:  # SETATTR
                valid, _, _, size, _, atime, mtime = struct.unpack_from("=IIQQQQQ", question)
                atime_ns, mtime_ns = struct.unpack_from("=II", question, 56)
                if valid & 8:
                    os.truncate(path, size)
                if valid & 48:
                    os.utime(path, ns=(atime * 10**9 + atime_ns, mtime * 10**9 + mtime_ns))
                return struct.pack("=QII", 0, 0, 0) + self._attributes(path)
            case 20 | 30:  # FSYNC, FSYNCDIR
                return b""
        return super()._answer(code, node, question)

    def _refuse(self, code: int) -> None:
        """Fail as a disk does whose trouble ``trouble`` has written down."""
        try:
            with open(self._trouble) as file:
                said = file.read()
        except FileNotFoundError:
            return
        if said == "read-only" or (said == "full" and code == WRITE):
            number = errno.EROFS if said == "read-only" else errno.ENOSPC
            raise OSError(number, os.strerror(number))

    def _rename(self, path: str, code: int, question: bytes) -> bytes:
        flags = 0
        (folder,) = struct.unpack_from("=Q", question)
        if code == RENAME2:
            (flags,) = struct.unpack_from("=I", question, 8)
        if flags and "noflags" in self._rules:
            raise OSError(errno.EINVAL, "no flags here")
        old, new = question[16 if code == RENAME2 else 8 :].rstrip(b"\0").split(b"\0")
        source, target = self._at(path, old), self._at(self._paths[folder], new)
        if flags & EXCHANGE and "deaf" not in self._rules:
            raise OSError(errno.EINVAL, "no exchange here")
        if flags & 1 and os.path.lexists(target):
            raise OSError(errno.EEXIST, "it is there")
        if source == target:  # another spelling of the same name
            target = os.path.join(self._paths[folder], os.fsdecode(new))
        os.rename(source, target)
        if source != target:
            self._forget(target)  # it is replaced
        for known in [each for each in self._nodes if each == source or each.startswith(source + "/")]:
            node = self._nodes.pop(known)
            self._paths[node] = target + known[len(source) :]
            self._nodes[self._paths[node]] = node
        return b""

    def _forget(self, path: str) -> None:
        """A file that is at this path later is another one, with another number."""
        node = self._nodes.pop(path, None)
        if node is not None:
            self._paths[node] = f"{path} (gone)"


@contextmanager
def folding(folder: Path, where: Path, *rules: str) -> Iterator[Path]:
    """Show ``folder`` at ``where`` by some rules, until the end. Skips where that is not allowed."""
    folder.mkdir()
    with shown(folder, where, __name__, *rules):
        yield where


def trouble(folder: Path, what: str | None) -> None:
    """Let the disk below ``folder`` be ``full`` or ``read-only`` from now on, or neither."""
    file = Path(f"{folder}{TROUBLE}")
    if what is None:
        file.unlink()
    else:
        file.write_text(what)


if __name__ == "__main__":
    source, target, *kept = sys.argv[1:]
    mount(source, target, partial(Folding, rules=set(kept)))
