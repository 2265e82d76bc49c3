"""A process that has loaded the command, and becomes a copy of it for each call: Python needs no time to start then.

It is started by ``tests.forked``, which sends a datagram for each call: what the call is given, as JSON, and the
descriptors of its standard streams and of a pipe for its exit status. The answer is the process id.
"""

import gc
import importlib
import io
import json
import os
import pkgutil
import runpy
import select
import signal
import socket
import struct
import sys
import tempfile
import threading
import time
from typing import Any

import tonearm.bootstrap
import tonearm.cli

ALSO = (
    "alembic.command",
    "psycopg",
    "sqlalchemy.dialects.postgresql.psycopg",
    "sqlalchemy.dialects.sqlite.pysqlite",
    "tonearm.library.database",
)
MOST = 1 << 20
"""Bytes of a request."""
STATUS = struct.Struct("i")
"""An exit status as ``waitpid`` returns it."""


def load() -> None:
    """Load what the commands are made of; nothing of it may start a thread."""
    for package in (tonearm.cli, tonearm.bootstrap):
        for module in pkgutil.iter_modules(package.__path__):
            importlib.import_module(f"{package.__name__}.{module.name}")
    for name in ALSO:
        importlib.import_module(name)
    assert threading.active_count() == 1, threading.enumerate()
    gc.freeze()


def next_call(link: socket.socket) -> dict[str, Any] | None:
    """Serve; returns in each copy with the call that it is to make, and in this process when nobody asks any more."""
    read, write = os.pipe()
    os.set_blocking(write, False)
    signal.set_wakeup_fd(write)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    statuses: dict[int, int] = {}
    while True:
        ready, _, _ = select.select([link.fileno(), read], [], [])
        if read in ready:
            os.read(read, 1000)
            while statuses and (ended := os.waitpid(-1, os.WNOHANG))[0]:
                status = statuses.pop(ended[0])
                os.write(status, STATUS.pack(ended[1]))
                os.close(status)
        if link.fileno() in ready:
            data, descriptors, _, _ = socket.recv_fds(link, MOST, 4)
            if not data:
                return None
            if (pid := os.fork()) == 0:
                become(descriptors[:3])
                call: dict[str, Any] = json.loads(data)
                return call
            statuses[pid] = descriptors[3]
            for descriptor in descriptors[:3]:
                os.close(descriptor)
            link.send(b"%d" % pid)


def become(streams: list[int]) -> None:
    """Have the standard streams, signals and descriptors of a process that has just started."""
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    for number, descriptor in enumerate(streams):
        os.dup2(descriptor, number)
    os.closerange(3, 1024)
    sys.stdin = _opened(0, sys.stdin, "r")
    sys.stdout = _opened(1, sys.stdout, "w")
    sys.stderr = _opened(2, sys.stderr, "w", always=True)


def _opened(number: int, like: Any, mode: str, always: bool = False) -> Any:
    """A standard stream with the encoding of another one. always: each line is written at once."""
    raw = open(number, f"{mode}b", closefd=False)  # noqa: SIM115  open until the end of the process
    lines = always or os.isatty(number)
    return io.TextIOWrapper(raw, like.encoding, like.errors, line_buffering=lines)


def main() -> None:
    """Serve the process that holds the other end of a socket, whose number is the argument."""
    load()
    call = next_call(socket.socket(fileno=int(sys.argv[1])))
    if call is None:
        return
    os.chdir(call["folder"])
    os.environ.clear()
    os.environ.update(call["environment"])
    time.tzset()
    tempfile.tempdir = None
    sys.argv[1:] = call["arguments"]
    runpy.run_module("tonearm", run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
