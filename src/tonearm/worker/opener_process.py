"""The main program of an opener: a process of its own that touches the files of one mount for the supervisor.

If the mount does not answer, this process hangs and the supervisor does not. It answers questions one after the other:

open: opens a file, answers with its status, then sends the open file to the child whose socket came with the question.
check: answers whether an open file was replaced, and closes it. close: closes it, without an answer.
look: answers once a folder can be read. mounted: answers whether a root and folders below it look mounted.
"""

import contextlib
import os
import socket
import sys
from dataclasses import asdict
from typing import Any

from tonearm.library.mounts import empty_mounts, is_root_mounted
from tonearm.names import from_document, to_document
from tonearm.worker.child_protocol import Message, encode, receive, send_with_file
from tonearm.worker.limits import die_with_parent
from tonearm.worker.safe_open import FileStatus, open_inside, was_replaced

SPEED = 1e6
"""Bytes of a file that a child is to identify in a second at least."""
CPU_MORE_S = 10.0
"""Seconds of CPU time that a child gets beyond its deadline."""


def main() -> None:
    """Answer until the supervisor closes the connection. Called as ``python … FOLDER SOCKET PARENT``."""
    die_with_parent(int(sys.argv[3]))
    _Opener(socket.socket(fileno=int(sys.argv[2]))).serve()


def allowed_s(base_s: float, size: int) -> float:
    """Seconds in which a file of this size (bytes) has to be identified."""
    return base_s + size / SPEED


class _Opener:
    def __init__(self, link: socket.socket) -> None:
        self._link = link
        self._files: dict[int, int] = {}

    def serve(self) -> None:
        self._answer({"ready": True})
        while (received := receive(self._link)) is not None:
            message, child = received
            match message["ask"]:
                case "open" if child is not None:
                    with socket.socket(fileno=child) as link:
                        self._open(message, link)
                case "check":
                    self._answer(self._check(message))
                case "close":
                    self._close(message["file"])
                case "look":
                    self._look(from_document(message["path"]))
                case "mounted":
                    self._answer(mounted(message))

    def _answer(self, message: Message) -> None:
        self._link.sendall(encode(message))

    def _open(self, message: Message, child: socket.socket) -> None:
        try:
            root, path = from_document(message["root"]), from_document(message["path"])
            descriptor, status = open_inside(root, path, message["links"])
        except OSError as error:
            self._answer({"errno": error.errno})
            return
        self._files[message["file"]] = descriptor
        self._answer({"status": asdict(status)})  # before the child can say anything about the file
        cpu_s = allowed_s(message["base_s"], status.size) + CPU_MORE_S
        with contextlib.suppress(OSError):  # the child has ended
            wanted = {name: message[name] for name in ("tags_first", "former")}
            send_with_file(child, {"cpu_s": cpu_s, **wanted}, descriptor)

    def _check(self, message: Message) -> Message:
        number, then = message["file"], FileStatus(**message["status"])
        try:
            path = from_document(message["path"])
            return {"replaced": was_replaced(path, self._files.get(number), then, message["links"])}
        except OSError as error:  # its file system failed meanwhile, as a mount does whose server is gone
            return {"errno": error.errno}
        finally:
            self._close(number)

    def _close(self, number: int) -> None:
        descriptor = self._files.pop(number, None)
        if descriptor is not None:
            with contextlib.suppress(OSError):  # for the same reason; the descriptor is freed all the same
                os.close(descriptor)

    def _look(self, folder: bytes) -> None:
        with contextlib.suppress(OSError), os.scandir(folder) as entries:
            next(entries, None)
        self._answer({"looked": True})


def mounted(message: Message) -> dict[str, Any]:
    """Whether a root is mounted, and which folders below it are not, by the rules of ``library.mounts``."""
    root = from_document(message["root"])
    others = [from_document(path) for path in message["others"]]
    mounts = [from_document(mount) for mount in message["mounts"]]
    return {
        "mounted": is_root_mounted(root, others),
        "empty": [to_document(mount) for mount in empty_mounts(root, mounts)],
    }
