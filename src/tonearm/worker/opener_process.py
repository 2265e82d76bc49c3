"""The main program of an opener: a process of its own that touches the files of one mount for the supervisor.

If the mount does not answer, this process hangs and the supervisor does not. A message holds several questions, which
are answered one after the other:

open: opens a file, answers with its status or an error number, then sends the open file to the child whose socket came
with the message. A file to which a symbolic link leads on another mount is not touched: the answer is that mount, and
the part of the path that leads to it. check: answers whether an open file was replaced, or an error number, and closes
it.
close: closes it, without an answer. look: answers once a folder can be read.
mounted: answers whether a root and folders below it look mounted.

The answers are sent together, but none waits longer than ``TOGETHER_S``.
"""

import contextlib
import errno
import os
import socket
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from tonearm.library.links import crossings
from tonearm.library.mount_table import MountList
from tonearm.library.mounts import empty_mounts, is_root_mounted
from tonearm.names import from_document, to_bytes, to_document, to_text
from tonearm.worker.child_protocol import Message, encode, receive_with_files, send_with_files
from tonearm.worker.limits import die_with_parent
from tonearm.worker.safe_open import FileStatus, open_inside, was_replaced

SPEED = 1e6
"""Bytes of a file that a child is to identify in a second at least."""
CPU_MORE_S = 10.0
"""Seconds of CPU time that a child gets beyond its deadline."""
TOGETHER_S = 0.01
"""Seconds for which an answer waits for others at most."""


def main() -> None:
    """Answer until the supervisor closes the connection. Called as ``python … FOLDER SOCKET PARENT MOUNT``."""
    die_with_parent(int(sys.argv[3]))
    _Opener(socket.socket(fileno=int(sys.argv[2])), os.fsencode(sys.argv[4])).serve()


def allowed_s(base_s: float, size: int) -> float:
    """Seconds in which a file of this size (bytes) has to be identified."""
    return base_s + size / SPEED


class _Opener:
    def __init__(self, link: socket.socket, mount: bytes) -> None:
        self._link = link
        self._mount = mount
        self._mounts = MountList()
        self._files: dict[int, int] = {}
        self._answers: list[Any] = []
        self._unsent: list[tuple[socket.socket, Message, int]] = []
        self._since = 0.0

    def serve(self) -> None:
        self._link.sendall(encode({"ready": True}))
        while (received := receive_with_files(self._link)) is not None:
            message, descriptors = received
            children = [socket.socket(socket.AF_UNIX, socket.SOCK_STREAM, 0, child) for child in descriptors]
            self._since = time.monotonic()
            waiting = iter(children)
            for question in message["ask"]:
                self._consider(question, waiting)
                if time.monotonic() > self._since + TOGETHER_S:
                    self._send()
            self._send()
            for link in children:
                link.close()
        self._mounts.close()

    def _consider(self, question: list[Any], children: Iterator[socket.socket]) -> None:
        match question:
            case ["open", number, root, path, base_s, links, wanted]:
                self._answers.append(self._open(number, root, path, base_s, links, wanted, next(children)))
            case ["check", number, path, links, *status]:
                self._answers.append(self._check(number, path, links, FileStatus(*status)))
            case ["close", number]:
                self._close(number)
            case ["look", folder]:
                with contextlib.suppress(OSError), os.scandir(to_bytes(folder)) as entries:
                    next(entries, None)
                self._answers.append(True)
            case ["mounted", place]:
                self._answers.append(mounted(place))

    def _send(self) -> None:
        """Send the answers, then the open files, so that no child says anything about a file before its answer."""
        if self._answers:
            self._link.sendall(encode({"answers": self._answers}))
        for child, message, descriptor in self._unsent:
            with contextlib.suppress(OSError):  # the child has ended
                send_with_files(child, message, [descriptor])
        self._answers, self._unsent, self._since = [], [], time.monotonic()

    def _open(
        self,
        number: int,
        root: str,
        path: str,
        base_s: float,
        links: bool,
        wanted: Message,
        child: socket.socket,
    ) -> Sequence[int] | Sequence[str] | int:
        """The status of a file, or the number of the error, or the answer of ``_onward``.

        links: follow symbolic links. wanted: for the child.
        """
        if links and (onward := self._onward(os.path.join(to_bytes(root), to_bytes(path)))) is not None:
            return onward
        try:
            descriptor, status = open_inside(to_bytes(root), to_bytes(path), links)
        except OSError as error:
            return error.errno or errno.EIO
        self._files[number] = descriptor
        cpu_s = allowed_s(base_s, status.size) + CPU_MORE_S
        self._unsent.append((child, {"cpu_s": cpu_s, **wanted}, descriptor))
        return status

    def _onward(self, path: bytes) -> Sequence[str] | None:
        """The next mount behind this one that a path leads to by a link, and the part of the path up to that link."""
        is_here = self._mount == b"/"
        for mount, at in crossings(path, self._mounts.points()):
            if is_here and mount != self._mount:
                return to_text(mount), to_text(at)
            is_here = is_here or mount == self._mount
        return None

    def _check(self, number: int, path: str, links: bool, then: FileStatus) -> bool | int:
        """Whether a file was replaced, or the number of the error."""
        try:
            return was_replaced(to_bytes(path), self._files.get(number), then, links)
        except OSError as error:  # its file system failed meanwhile, as a mount does whose server is gone
            return error.errno or errno.EIO
        finally:
            self._close(number)

    def _close(self, number: int) -> None:
        descriptor = self._files.pop(number, None)
        if descriptor is not None:
            with contextlib.suppress(OSError):  # for the same reason; the descriptor is freed all the same
                os.close(descriptor)


def mounted(message: Mapping[str, Any]) -> dict[str, Any]:
    """Whether a root is mounted, and which folders below it are not, by the rules of ``library.mounts``."""
    root = from_document(message["root"])
    others = [from_document(path) for path in message["others"]]
    mounts = [from_document(mount) for mount in message["mounts"]]
    return {
        "mounted": is_root_mounted(root, others),
        "empty": [to_document(mount) for mount in empty_mounts(root, mounts)],
    }
