"""A read-only file system that shows a folder: ``python -m tests.fuse_folder FOLDER WHERE``.

The process that serves it can be stopped. It speaks the protocol of /dev/fuse (Linux kernel, include/uapi/linux/fuse.h,
version 7.31) and keeps nothing in the caches of the kernel, so that every look at a file reaches it. From SIGUSR1 to
SIGUSR2 it reads the questions and answers none: who asks then can't even be killed.
"""

import ctypes
import errno
import os
import signal
import stat
import struct
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

HEAD, ANSWER = struct.Struct("=IIQQIIII"), struct.Struct("=IiQ")
ATTR = struct.Struct("=6Q10I")
FORGET, OPEN, INIT, INTERRUPT, BATCH_FORGET = 2, 14, 26, 36, 42
SILENT = (FORGET, INTERRUPT, BATCH_FORGET)
DIRECT_IO = 1  # nothing of a file is kept in the page cache


class Server:
    """Answers the questions of the kernel, one after the other."""

    def __init__(self, device: int, folder: str) -> None:
        self._device = device
        self._paths = {1: folder}
        self._nodes = {folder: 1}
        self._is_mute = False
        signal.signal(signal.SIGUSR1, lambda *_: self._set_mute(True))
        signal.signal(signal.SIGUSR2, lambda *_: self._set_mute(False))

    def _set_mute(self, is_mute: bool) -> None:
        self._is_mute = is_mute

    def serve(self) -> None:
        """Until the file system is unmounted."""
        while True:
            try:
                question = os.read(self._device, 1 << 17)
            except OSError:
                return
            _, code, unique, node, *_ = HEAD.unpack_from(question)
            if code in SILENT or self._is_mute:
                continue
            number, body = 0, b""
            try:
                body = self._answer(code, node, question[HEAD.size :])
            except OSError as error:
                number = -(error.errno or errno.EIO)
            with suppress(OSError):  # who asked has ended
                os.write(self._device, ANSWER.pack(ANSWER.size + len(body), number, unique) + body)

    def _answer(self, code: int, node: int, question: bytes) -> bytes:
        if code == INIT:
            return struct.pack("=4I2H10I", 7, 31, 0, 0, 12, 10, 4096, 1, *[0] * 8)
        path = self._paths[node]
        match code:
            case 1:  # LOOKUP
                return self._entry(os.path.join(path, os.fsdecode(question.rstrip(b"\0"))))
            case 3:  # GETATTR
                return struct.pack("=QII", 0, 0, 0) + self._attributes(path)
            case 14 | 27:  # OPEN, OPENDIR
                return struct.pack("=QII", 0, DIRECT_IO if code == OPEN else 0, 0)
            case 15:  # READ
                _, offset, size = struct.unpack_from("=QQI", question)
                with open(path, "rb") as file:
                    return os.pread(file.fileno(), size, offset)
            case 28:  # READDIR
                _, offset, size = struct.unpack_from("=QQI", question)
                return self._names(path, offset, size)
            case 17:  # STATFS
                return struct.pack("=5Q4I6I", 1 << 20, 1 << 19, 1 << 19, 100, 100, 4096, 255, 4096, *[0] * 7)
            case 18 | 25 | 29 | 34:  # RELEASE, FLUSH, RELEASEDIR, ACCESS
                return b""
        raise OSError(errno.ENOSYS, "not needed")

    def _entry(self, path: str) -> bytes:
        attributes = self._attributes(path)
        node = self._nodes.setdefault(path, len(self._paths) + 1)
        self._paths[node] = path
        return struct.pack("=4Q2I", node, 0, 0, 0, 0, 0) + attributes

    def _attributes(self, path: str) -> bytes:
        status = os.lstat(path)
        when = int(status.st_mtime)
        return ATTR.pack(
            *(status.st_ino, status.st_size, status.st_blocks, when, when, when),
            *(0, status.st_mtime_ns % 10**9, 0, status.st_mode, status.st_nlink, 0, 0, 0, 4096, 0),
        )

    def _names(self, path: str, offset: int, size: int) -> bytes:
        listed = b""
        for number, name in enumerate(sorted(os.listdir(path))[offset:], offset + 1):
            raw = os.fsencode(name)
            kind = stat.S_IFMT(os.lstat(os.path.join(path, name)).st_mode) >> 12
            entry = struct.pack("=2Q2I", 1, number, len(raw), kind) + raw
            entry += bytes(-len(entry) % 8)
            if len(listed) + len(entry) > size:
                break
            listed += entry
        return listed


def mount(folder: str, where: str, make: Callable[[int, str], Server]) -> None:
    """Show one folder at another one, say so, and serve until the end; ``make`` is given the device and the folder."""
    device = os.open("/dev/fuse", os.O_RDWR)
    options = f"fd={device},rootmode=40000,user_id=0,group_id=0,allow_other".encode()
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.mount(b"shown", os.fsencode(where), b"fuse", 0, options) != 0:
        sys.exit(os.strerror(ctypes.get_errno()))
    server = make(device, folder)
    print("mounted", flush=True)
    server.serve()


@contextmanager
def shown(
    folder: Path, where: Path, module: str = __name__, *arguments: str
) -> Iterator[subprocess.Popen[str]]:
    """Show ``folder`` at ``where`` until the ``with`` block ends; yields the process that serves it.

    module: what that process runs, with the two folders and ``arguments``; it calls ``mount``.

    Skips where that is not allowed, and fails there where ``CI`` is set and this is root.
    """
    where.mkdir()
    server = subprocess.Popen(
        [sys.executable, "-m", module, str(folder), str(where), *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[1],
    )
    assert server.stdout is not None
    assert server.stderr is not None
    try:
        if not server.stdout.readline():
            text = f"needs to mount with FUSE: {server.stderr.read().strip()}"
            if os.environ.get("CI") and os.geteuid() == 0:
                pytest.fail(text)
            pytest.skip(text)
        yield server
    finally:
        server.kill()  # with its last descriptor the connection ends, and whoever hangs gets an error
        server.wait()
        server.stdout.close()
        server.stderr.close()
        ctypes.CDLL(None).umount2(os.fsencode(where), 2)


if __name__ == "__main__":
    mount(sys.argv[1], sys.argv[2], Server)
