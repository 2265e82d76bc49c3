"""Starts the command as a copy of a process that has loaded it (``tests.fork_server``), where that shows the same."""

import atexit
import json
import os
import select
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from functools import cache
from typing import IO, Any

from tests.fork_server import MOST, STATUS
from tests.sizes import size

AS_IT_STARTED = ("PYTHON", "LC_", "LANG", "LD_", "MALLOC_")
"""Starts of the names of variables that only a process that starts takes notice of."""


class Copy(subprocess.Popen[bytes]):
    """A started command whose exit status comes through a pipe, as it is no child of this process."""

    def __init__(  # the attributes are those of Popen
        self,
        pid: int,
        arguments: Sequence[str],
        status: int,
        stdout: IO[bytes] | None,
        stderr: IO[bytes] | None,
    ) -> None:
        self.args = arguments
        self.pid = pid
        self.stdin, self.stdout, self.stderr = None, stdout, stderr
        self.returncode = None
        self.text_mode = self.encoding = self.errors = None
        self._status = status
        self._child_created = True
        self._communication_started = False
        self._closed_child_pipe_fds = True
        self._sigint_wait_secs = 0.25
        self._input = None
        self._waitpid_lock = threading.Lock()

    def _try_wait(self, wait_flags: int) -> tuple[int, int]:
        if wait_flags & os.WNOHANG and not select.select([self._status], [], [], 0)[0]:
            return 0, 0
        told = os.read(self._status, STATUS.size)
        os.close(self._status)
        # without a status the server itself was killed, and nobody knows how this process ended
        return self.pid, STATUS.unpack(told)[0] if told else signal.SIGKILL

    def _internal_poll(self, _deadstate: int | None = None) -> int | None:
        if self.returncode is None and self._waitpid_lock.acquire(blocking=False):
            try:
                pid, status = self._try_wait(os.WNOHANG)
                if pid:
                    self.returncode = os.waitstatus_to_exitcode(status)
            finally:
                self._waitpid_lock.release()
        return self.returncode


def start(
    arguments: Sequence[Any],
    environment: Mapping[str, str],
    stdout: int | IO[bytes] = subprocess.PIPE,
    stderr: int | IO[bytes] = subprocess.PIPE,
) -> "subprocess.Popen[bytes]":
    """Start the command; as a copy, unless tests are run in full or it needs a Python that starts."""
    if size(1, 0) and sys.platform == "linux" and (server := _server()).can(environment):
        return server.start(arguments, environment, stdout, stderr)
    return subprocess.Popen(
        [sys.executable, "-m", "tonearm", *arguments],
        stdout=stdout,
        stderr=stderr,
        env=environment,
        bufsize=0,  # what one reader leaves is there for the next
    )


def held(arguments: Sequence[Any], environment: Mapping[str, str]) -> "subprocess.Popen[bytes]":
    """Start the command as a copy that is stopped before it begins, until SIGCONT; its children are copies too."""
    server = _server(children=True)
    assert server.can(environment)
    return server.start(arguments, environment, subprocess.PIPE, subprocess.PIPE, is_held=True)


def run(arguments: Sequence[Any], environment: Mapping[str, str]) -> tuple[int, str]:
    """Call the command as such a copy; returns its exit status and what it has written."""
    with held(arguments, environment) as process:
        os.kill(process.pid, signal.SIGCONT)
        said = b"".join(process.communicate())
    return process.returncode, said.decode(errors="replace")


@cache
def _server(children: bool = False) -> "ForkServer":
    return ForkServer("--children") if children else ForkServer()


class ForkServer:
    """The process that is copied; it ends with this one."""

    def __init__(self, *options: str) -> None:
        self._link, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._link.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, MOST)
        self._lock = threading.Lock()
        self._environment = dict(os.environ)
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "tests.fork_server", str(theirs.fileno()), *options],
                pass_fds=(theirs.fileno(),),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                env=self._environment | {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"},
            )
        atexit.register(self.close)

    def can(self, environment: Mapping[str, str]) -> bool:
        """Whether a process with this environment starts as the server has."""
        return _as_it_started(environment) == _as_it_started(self._environment)

    def start(
        self,
        arguments: Sequence[Any],
        environment: Mapping[str, str],
        stdout: int | IO[bytes],
        stderr: int | IO[bytes],
        is_held: bool = False,
    ) -> Copy:
        """Start the command; ``stdout`` and ``stderr`` as ``Popen`` takes them. is_held: stop it before it begins."""
        texts = [os.fsdecode(argument) for argument in arguments]
        request = {
            "arguments": texts,
            "environment": dict(environment),
            "folder": os.getcwd(),
            "held": is_held,
        }
        (output, to_output), (errors, to_errors), (status, to_status) = (
            _pipe(stdout),
            _pipe(stderr),
            os.pipe(),
        )
        with open(os.devnull, "rb") as nothing, self._lock:
            descriptors = [nothing.fileno(), to_output, to_errors, to_status]
            socket.send_fds(self._link, [json.dumps(request).encode()], descriptors)
            pid = int(self._link.recv(100))
        for ours, theirs in ((output, to_output), (errors, to_errors), (status, to_status)):
            if ours is not None:
                os.close(theirs)
        return Copy(pid, texts, status, output, errors)

    def close(self) -> None:
        """End it."""
        self._link.close()
        self._process.wait()


def _as_it_started(environment: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in environment.items() if name.startswith(AS_IT_STARTED)}


def _pipe(stream: int | IO[bytes]) -> tuple[IO[bytes] | None, int]:
    """Our end, and the descriptor of the other one; for a file, only the latter."""
    if not isinstance(stream, int):
        return None, stream.fileno()
    assert stream == subprocess.PIPE
    ours, theirs = os.pipe()
    return open(ours, "rb", buffering=0), theirs
