"""The parent's side of one child process: starts it, sends it files, receives its replies, enforces its deadlines."""

import contextlib
import json
import math
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from tonearm.analysis.catalog import for_child
from tonearm.errors import Failure
from tonearm.jobs.failures import DEADLINE, KILLED, crashed, ended
from tonearm.jobs.lease import Lease
from tonearm.jobs.port import ReadFile
from tonearm.settings import Settings
from tonearm.worker.child_output import ChildOutput
from tonearm.worker.child_protocol import InvalidReply, Message, MessageBuffer, encode
from tonearm.worker.limits import private_bytes
from tonearm.worker.opener_pool import OpenFile
from tonearm.worker.opener_process import CPU_MORE_S, allowed_s

STARTUP_S = 60.0

SLOWEST_BYTES_A_SECOND = 4_000
"""The bit rate that is assumed for a file of unknown duration: speech at 32 kbit/s."""

MP3_BYTES_A_SECOND = 40_000
"""The highest bit rate of MP3, 320 kbit/s. It gives the minimum duration of files that were joined end to end, which
declare only the duration of the first."""

REAP_S = 2.0
"""Seconds in which a process has to end by itself after it has closed its connection."""

UNKILLABLE_S = 10.0
"""Seconds after SIGKILL until a process that has not ended is left behind: it hangs in a system call that reads from a
disk or a server that does not answer."""

HUNG_S = 1.0
"""The same, where it is known that the mount of the file does not answer."""

CHILD = ("-c", "import gc; gc.disable(); from tonearm.worker.child_main import main; main()")
"""Arguments of Python for a child. Garbage collection during the start would take a tenth of the time, in vain."""

ENVIRONMENT = ("PATH", "LD_LIBRARY_PATH", "LANG", "LC_ALL", "LC_CTYPE", "TMPDIR")
"""Environment variables that a child gets. Others may hold passwords, and a child reads untrusted files."""

MEMORY = {"MALLOC_MMAP_THRESHOLD_": str(1 << 22), "MALLOC_TRIM_THRESHOLD_": str(1 << 25)}
"""Variables by which glibc keeps the memory of one file for the next, instead of having the kernel clear it anew. What
is larger than 4 MiB, as only very long files need, goes back to the kernel, and leaves no gaps."""


@dataclass(slots=True)
class Assignment:
    """The file that a child is working on."""

    lease: Lease
    path: bytes  # the file on this host
    started_at: float  # by time.monotonic, as is deadline
    deadline: float = math.inf  # until it is opened, its opener has a limit of its own
    file: OpenFile | None = None  # until it is opened, there is none
    is_suspected: bool = False  # it took too long, and it is being found out whether its mount answers
    is_hung: bool = False  # its mount does not answer
    stage: str = "start"
    stage_since: float = field(default_factory=time.monotonic)
    earlier_stages: dict[str, float] = field(default_factory=dict)  # seconds in each stage before this one
    identity: object = None  # the IdentifiedFile that the child has sent
    read: ReadFile | None = None  # what the child has sent of a file that it has not identified

    def reach(self, stage: str) -> None:
        """Set the current stage; the time since the last change is added to the former stage."""
        if stage != self.stage:
            self.earlier_stages = self.timings()
            self.stage, self.stage_since = stage, time.monotonic()

    def timings(self) -> dict[str, float]:
        """Seconds in each stage so far, measured by the parent."""
        now = time.monotonic() - self.stage_since
        return self.earlier_stages | {self.stage: self.earlier_stages.get(self.stage, 0.0) + now}


class ChildProcess:
    """One child process; ``assignment`` is the file that it works on."""

    def __init__(self, settings: Settings, program: Sequence[str] = CHILD) -> None:
        """``program``: arguments of Python for the child, which follows the protocol of ``child_main``."""
        self._settings = settings
        self._buffer = MessageBuffer()
        self._files_sent = 0
        self._bytes_sent = 0
        self._ready_bytes = 0
        self._released = False
        self._killed_for: Failure | None = None
        self._killed_at: float | None = None
        self._suspended_at: float | None = None
        self.ready = False
        self.assignment: Assignment | None = None
        self.started_at = time.monotonic()
        self.output = ChildOutput()
        self.connection, theirs = socket.socketpair()
        options = {
            "nice": settings.nice,
            "memory_mb": settings.memory_mb,
            "read_bytes_s": _read_bytes_s(settings),
            "cpu_share": settings.cpu_share,
            "tag_encoding": settings.tag_encoding,
            "analysers": for_child(settings),
        }
        with theirs:
            self.process = subprocess.Popen(  # noqa: S603  our own interpreter and our own module
                [
                    sys.executable,
                    "-I",
                    *program,
                    str(theirs.fileno()),
                    str(os.getpid()),
                    json.dumps(options),
                ],
                pass_fds=(theirs.fileno(),),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=self.output.writer,
                start_new_session=True,
                env=environment(),
            )
        self.output.started()
        self.connection.setblocking(True)

    @property
    def idle(self) -> bool:
        """Whether a file can be sent to it."""
        return self.ready and self.assignment is None and not self.killed

    def mark_ready(self) -> None:
        """Note that it is ready for its first file, and how much memory it has then."""
        self.ready = True
        self._ready_bytes = private_bytes(self.process.pid)

    @property
    def due_for_recycling(self) -> bool:
        """Whether it has reached ``recycle_files`` or ``recycle_mb``, and a new process has to replace it."""
        return (
            self._files_sent >= self._settings.recycle_files
            or self._bytes_sent >= self._settings.recycle_mb * 1e6
        )

    @property
    def kept_memory(self) -> int | None:
        """Bytes of private memory that it has after a file, if they are so many that a new process has to replace it.

        That is more than half of what it may use for a file. Otherwise the file that it has when the limit is reached
        would fail for what earlier ones have left. Looked up once after each file.
        """
        if not self._released:
            return None
        self._released = False
        now = private_bytes(self.process.pid)
        limit = self._settings.memory_mb << 20
        return now if now > (self._ready_bytes + limit) / 2 else None

    def expect_file(self, lease: Lease, path: bytes) -> Assignment:
        """Assign a file, which an opener sends. path: on this host."""
        self.assignment = Assignment(lease, path, time.monotonic())
        self.output.begin_file()
        return self.assignment

    def file_opened(self, file: OpenFile) -> None:
        """Start the deadline for identifying the assigned file, because it was sent. This object closes it."""
        if self.assignment is None:
            return
        self.assignment.file = file
        size = file.status.size
        allowed = allowed_s(self._settings.deadline_base_s, size) + self._paced_s(size)
        self.assignment.deadline = time.monotonic() + allowed
        self._files_sent += 1
        self._bytes_sent += size

    def send_analysers(self, names: list[str], declared_s: float | None) -> None:
        """Send the analysers to run on the identified file, and set its deadline by its duration.

        ``names``: none where its sound is known; the file does not count towards ``recycle_files`` then, as a new
        process costs as much as some hundred of such files. ``declared_s``: the duration that the file declares.
        """
        if self.assignment is None or self.assignment.file is None:
            return
        if not names:
            self._files_sent -= 1
        size = self.assignment.file.status.size
        seconds = _longest_s(size, declared_s)
        allowed = self._settings.deadline_base_s + seconds / self._settings.deadline_speed
        allowed += self._paced_s(size)
        self.assignment.deadline = time.monotonic() + allowed
        with contextlib.suppress(OSError):
            self.connection.sendall(encode({"analyse": names, "cpu_s": allowed + CPU_MORE_S}))

    def suspend(self) -> None:
        """Have the process wait (SIGSTOP); its deadline waits, too."""
        if self._suspended_at is None and not self.killed:
            self._suspended_at = time.monotonic()
            self.process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Have it go on."""
        if self._suspended_at is not None:
            waited_s = time.monotonic() - self._suspended_at
            self._suspended_at = None
            self.started_at += waited_s
            if self.assignment is not None:
                self.assignment.deadline += waited_s
            self.process.send_signal(signal.SIGCONT)

    def _paced_s(self, size: int) -> float:
        """Seconds that reading so many bytes takes at least, as it is paced."""
        bytes_s = _read_bytes_s(self._settings)
        return size / bytes_s if bytes_s is not None else 0.0

    def receive(self) -> list[Message] | None:
        """The messages that have arrived; ``None`` when the child has ended or sent something invalid."""
        try:
            piece = self.connection.recv(1 << 16)
            return self._buffer.feed(piece) if piece else None
        except (OSError, InvalidReply):
            return None

    def release_file(self) -> OpenFile | None:
        """Give the file up; the child is idle again. Returns the file, which the caller closes; see ``close_file``."""
        if self.assignment is None:
            return None
        file, self.assignment, self._released = self.assignment.file, None, True
        return file

    def close_file(self) -> None:
        """Close the file, if there is one; the child is idle again."""
        if (file := self.release_file()) is not None:
            file.close()

    @property
    def act_at(self) -> float:
        """The monotonic time at which a child that has sent nothing is killed, or left behind if it was killed."""
        if self._killed_at is not None:
            is_hung = self.assignment is not None and self.assignment.is_hung
            return self._killed_at + (HUNG_S if is_hung else UNKILLABLE_S)
        if self._suspended_at is not None:
            return float("inf")
        if self.assignment is not None:
            return self.assignment.deadline
        return float("inf") if self.ready else self.started_at + STARTUP_S

    @property
    def killed(self) -> bool:
        """Whether it was sent SIGKILL."""
        return self._killed_at is not None

    def kill(self, reason: Failure | None) -> None:
        """Send SIGKILL; ``reason`` becomes the failure of its attempt."""
        self._killed_for = self._killed_for or reason
        self._killed_at = self._killed_at or time.monotonic()
        with contextlib.suppress(ProcessLookupError):
            self.process.send_signal(signal.SIGKILL)

    def reap(self) -> Failure:
        """Wait for the process to end, up to ``REAP_S``; returns why it ended or was left behind."""
        status = self._exit_status()
        if self._killed_for is not None:
            return self._killed_for
        if status == -signal.SIGXCPU:
            return DEADLINE
        if status is None or status in {-signal.SIGKILL, -signal.SIGTERM, -signal.SIGINT}:
            return KILLED
        return crashed(-status) if status < 0 else ended(status)

    def _exit_status(self) -> int | None:
        """The exit status; a process that does not end by itself is killed. ``None`` if even that does not end it."""
        while True:
            since = time.monotonic() if self._killed_at is None else self._killed_at
            try:
                return self.process.wait(timeout=max(0.0, since + REAP_S - time.monotonic()))
            except subprocess.TimeoutExpired:
                if self.killed:
                    return None
                self.kill(None)

    def last_error_line(self) -> str:
        """The last line that the process wrote to standard error."""
        self.output.lines()
        return self.output.last or "it wrote nothing to standard error"

    def close(self) -> None:
        """Wait for the process to end, and close its connection, standard error and file."""
        self.connection.close()
        self._exit_status()
        self.output.close()
        self.close_file()


def environment() -> dict[str, str]:
    """The environment of a child."""
    kept = {name: os.environ[name] for name in ENVIRONMENT if name in os.environ}
    return MEMORY | kept | dict.fromkeys(("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS"), "1")


def _read_bytes_s(settings: Settings) -> float | None:
    """How many bytes a second one of all children may read; ``None``: as many as it can."""
    if settings.read_mb_s is None:
        return None
    return settings.read_mb_s * 1e6 / max(1, settings.workers)


def _longest_s(size: int, declared_s: float | None) -> float:
    """The longest duration that a file of this size (bytes) is expected to have."""
    if declared_s is None:
        return size / SLOWEST_BYTES_A_SECOND
    return max(declared_s, size / MP3_BYTES_A_SECOND)
