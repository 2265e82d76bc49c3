"""A process that has loaded the command, and becomes a copy of it for each call: Python needs no time to start then.

It is started by ``tests.forked``, which sends a datagram for each call: what the call is given, as JSON, and the
descriptors of its standard streams and of a pipe for its exit status. The answer is the process id. With ``--children``
it has loaded what analyses too, and the children of its copies are copies of these.
"""

import atexit
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
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Collection, Sequence
from typing import Any

import tonearm.bootstrap
import tonearm.cli
from tonearm.analysis.catalog import for_child
from tonearm.settings import load_settings

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


def load_children() -> None:
    """Load what children are made of, and let those that are started from now on be copies."""
    child = importlib.import_module("tonearm.worker.child_main")
    child.load_all(for_child(load_settings({})))
    assert len(os.listdir("/proc/self/task")) == 1
    gc.freeze()
    vars(subprocess)["Popen"] = ChildCopy  # in the copies too, which start children with it


POPEN = subprocess.Popen


class ChildCopy(subprocess.Popen[bytes]):
    """A child that is a copy of the process which starts it; other programs are started as ever."""

    def _execute_child(self, args: Any, *rest: Any) -> None:
        """``rest``: what Popen passes on."""
        if args[:3] != [sys.executable, "-I", "-c"]:
            vars(POPEN)["_execute_child"](self, args, *rest)
            return
        kept, environment, pipes = rest[3], rest[5], rest[9:15]
        self.pid = os.fork()
        self._child_created = True
        if self.pid == 0:
            status = 1
            try:
                os.setsid()
                become([pipes[0], pipes[3], pipes[5]], kept)
                os.environ.clear()
                os.environ.update(environment)
                sys.argv = ["-c", *args[4:]]
                exec(args[3], {"__name__": "__main__"})  # noqa: S102  as Python does with -c
                status = 0
            finally:
                os._exit(status)
        vars(POPEN)["_close_pipe_fds"](self, *pipes)


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
            call: dict[str, Any] = json.loads(data)
            if (pid := os.fork()) == 0:
                become(descriptors[:3])
                if call["held"]:
                    os.kill(os.getpid(), signal.SIGSTOP)
                return call
            statuses[pid] = descriptors[3]
            if call["held"]:
                os.waitpid(pid, os.WUNTRACED)
            for descriptor in descriptors[:3]:
                os.close(descriptor)
            link.send(b"%d" % pid)


def become(streams: Sequence[int], kept: Collection[int] = ()) -> None:
    """Have the standard streams, signals and descriptors of a process that has just started.

    kept: other descriptors that it has.
    """
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    for number, descriptor in enumerate(streams):
        os.dup2(descriptor, number)
    ends = sorted(kept)
    for begin, end in zip([3, *(each + 1 for each in ends)], [*ends, 1024], strict=True):
        os.closerange(begin, end)
    sys.stdin = _opened(0, sys.stdin, "r")
    sys.stdout = _opened(1, sys.stdout, "w")
    sys.stderr = _opened(2, sys.stderr, "w", always=True)


def _opened(number: int, like: Any, mode: str, always: bool = False) -> Any:
    """A standard stream with the encoding of another one. always: each line is written at once."""
    raw = open(number, f"{mode}b", closefd=False)  # noqa: SIM115  open until the end of the process
    lines = always or os.isatty(number)
    return io.TextIOWrapper(raw, like.encoding, like.errors, line_buffering=lines)


def main() -> None:
    """Serve the process that holds the other end of a socket, whose number is the first argument."""
    load()
    if "--children" in sys.argv[2:]:
        load_children()
    call = next_call(socket.socket(fileno=int(sys.argv[1])))
    if call is None:
        return
    os.chdir(call["folder"])
    os.environ.clear()
    os.environ.update(call["environment"])
    time.tzset()
    tempfile.tempdir = None
    sys.argv[1:] = call["arguments"]
    status = 0
    try:
        runpy.run_module("tonearm", run_name="__main__", alter_sys=True)
    except SystemExit as end:
        if not isinstance(end.code, int | None):
            raise
        status = end.code or 0
    leave(status)


def leave(status: int) -> None:
    """End this process as Python does, but for taking apart what it has loaded, which takes longer than most calls."""
    vars(threading)["_shutdown"]()
    vars(atexit)["_run_exitfuncs"]()
    try:
        sys.stdout.flush()
        sys.stderr.flush()
    except OSError:
        sys.exit(status)  # which says so
    os._exit(status)


if __name__ == "__main__":
    main()
