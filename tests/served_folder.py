"""A folder behind a file system (FUSE) whose server is a process of the test: slow as the test wants, or stopped.

``python -m tests.served_folder SOURCE DELAY`` serves SOURCE, read-only, over the descriptor that is its standard input.
"""

import ctypes
import errno
import os
import struct
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest

ROOT = 1
AT_ONCE = 2
MESSAGE_BYTES = 1 << 17
READ_AHEAD_BYTES = 1 << 17
KEEP_CACHE = 2
IN, OUT = struct.Struct("<IIQQIIIHH"), struct.Struct("<IiQ")
ATTRIBUTES = struct.Struct("<6Q10I")


@contextmanager
def served_folder(source: Path, at: Path, delay_s: float = 0.0) -> Iterator["subprocess.Popen[bytes]"]:
    """Mount ``source`` at the folder ``at`` until the ``with`` block ends; yields the server, which may be stopped.

    delay_s: how long each read of up to 128 KiB takes. Skips the test where that is not allowed.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    try:
        device = os.open("/dev/fuse", os.O_RDWR)
    except OSError:
        pytest.skip("needs FUSE")
    options = f"fd={device},rootmode=40000,user_id=0,group_id=0".encode()
    if libc.mount(b"served", os.fsencode(at), b"fuse", 0, options) != 0:
        os.close(device)
        pytest.skip(f"needs the right to mount: {os.strerror(ctypes.get_errno())}")
    server = subprocess.Popen(
        [sys.executable, "-m", "tests.served_folder", str(source), str(delay_s)],
        stdin=device,
        cwd=Path(__file__).parents[1],
    )
    os.close(device)
    try:
        yield server
    finally:
        libc.umount2(os.fsencode(at), AT_ONCE)
        server.kill()  # the kernel then fails every call that waits for it
        server.wait()


class Server:
    """Answers the kernel's questions about a folder, one after the other."""

    def __init__(self, device: int, source: bytes, delay_s: float) -> None:
        self._device = device
        self._delay_s = delay_s
        self._paths = {ROOT: source}
        self._nodes = {source: ROOT}
        self._answers: Mapping[int, Callable[[int, bytes], bytes]] = {
            1: self._look_up,
            3: lambda node, _: struct.pack("<QII", 60, 0, 0) + self._attributes(node),
            14: self._opened,
            15: self._read,
            17: lambda *_: struct.pack(
                "<5Q4I24x", 1 << 20, 1 << 19, 1 << 19, 1 << 20, 1 << 19, 4096, 255, 4096, 0
            ),
            18: lambda *_: b"",
            25: lambda *_: b"",
            26: self._greet,
            27: self._opened,
            28: self._listed,
            29: lambda *_: b"",
        }

    def serve(self) -> None:
        """Answer until the file system is unmounted."""
        while True:
            try:
                message = os.read(self._device, MESSAGE_BYTES + (1 << 16))
            except OSError as error:
                if error.errno == errno.ENODEV:
                    return
                continue
            _, operation, number, node, *_ = IN.unpack_from(message)
            if operation in {2, 36, 42}:  # forgotten or interrupted: no answer is expected
                continue
            answer, failure = b"", 0
            try:
                answer = self._answers[operation](node, message[IN.size :])
            except KeyError:
                failure = -errno.ENOSYS
            except OSError as error:
                failure = -(error.errno or errno.EIO)
            os.write(self._device, OUT.pack(OUT.size + len(answer), failure, number) + answer)

    def _greet(self, _: int, message: bytes) -> bytes:
        del message
        return struct.pack(
            "<4I2H2I2H8I", 7, 31, READ_AHEAD_BYTES, 0, 12, 10, MESSAGE_BYTES, 1, 32, 0, *[0] * 8
        )

    def _look_up(self, node: int, name: bytes) -> bytes:
        path = os.path.join(self._paths[node], name.rstrip(b"\0"))
        os.stat(path)
        found = self._nodes.setdefault(path, len(self._nodes) + 1)
        self._paths[found] = path
        return struct.pack("<4Q2I", found, 0, 60, 60, 0, 0) + self._attributes(found)

    def _attributes(self, node: int) -> bytes:
        status = os.stat(self._paths[node])
        times = [status.st_atime_ns, status.st_mtime_ns, status.st_ctime_ns]
        return ATTRIBUTES.pack(
            node,
            status.st_size,
            status.st_blocks,
            *(at // 10**9 for at in times),
            *(at % 10**9 for at in times),
            status.st_mode,
            status.st_nlink,
            status.st_uid,
            status.st_gid,
            0,
            4096,
            0,
        )

    def _opened(self, *_: object) -> bytes:
        return struct.pack("<QII", 0, KEEP_CACHE, 0)

    def _read(self, node: int, message: bytes) -> bytes:
        _, offset, size = struct.unpack_from("<QQI", message)
        time.sleep(self._delay_s)
        with open(self._paths[node], "rb") as file:
            return os.pread(file.fileno(), size, offset)

    def _listed(self, node: int, message: bytes) -> bytes:
        _, offset, size = struct.unpack_from("<QQI", message)
        answer = b""
        for number, name in enumerate(sorted(os.listdir(self._paths[node]))[offset:], offset + 1):
            entry = struct.pack("<QQII", number + 1, number, len(name), 0) + name
            entry += bytes(-len(entry) % 8)
            if len(answer) + len(entry) > size:
                break
            answer += entry
        return answer


if __name__ == "__main__":
    Server(0, os.fsencode(sys.argv[1]), float(sys.argv[2])).serve()
