"""The parent's end of one child process: starts it, hands it a file, watches its time, hears its answers."""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass

from tonearm.analysis.catalog import for_child
from tonearm.errors import Failure
from tonearm.jobs.failures import DEADLINE, KILLED, crashed, ended
from tonearm.jobs.job import Lease
from tonearm.settings import Settings
from tonearm.worker.child_protocol import Inbox, InvalidReply, Message, pack, send_with_file

STARTUP_S = 60.0

SLOWEST_BYTES_A_SECOND = 4_000
"""Speech at 32 kbit/s: what a file of unknown duration is taken for."""

MP3_BYTES_A_SECOND = 40_000
"""MP3 at 320 kbit/s, the most it has: files joined end to end last so long at least, whatever the header of the first
of them says."""

REAP_S = 2.0

UNKILLABLE_S = 10.0
"""After so long a process that SIGKILL has not ended is left behind: it hangs in the kernel, which reads for it from a
disk or a server that does not answer."""

CHILD = ("-m", "tonearm.worker.child_main")

NEEDED = ("PATH", "LD_LIBRARY_PATH", "LANG", "LC_ALL", "LC_CTYPE", "TMPDIR")
"""What a child is told of the environment. The rest may hold passwords, and it is to read what strangers made."""


@dataclass(slots=True)
class Assignment:
    """The file that a child is working on."""

    lease: Lease
    place: bytes  # where this host has the file
    descriptor: int
    status: os.stat_result
    since: float
    deadline: float
    stage: str = "start"
    identity: object = None  # what the child has told of the file


class Slot:
    """One child process at a time; ``hand`` is what it works on."""

    def __init__(self, settings: Settings, program: Sequence[str] = CHILD) -> None:
        """``program``: what Python runs as the child; it speaks as ``worker.child`` does."""
        self._settings = settings
        self._inbox = Inbox()
        self._files = 0
        self._bytes = 0
        self._killed_for: Failure | None = None
        self._killed_at: float | None = None
        self.ready = False
        self.assignment: Assignment | None = None
        self.started_at = time.monotonic()
        self._complaints = tempfile.TemporaryFile()  # noqa: SIM115  lives as long as the process
        self.link, theirs = socket.socketpair()
        options = {
            "nice": settings.nice,
            "memory_mb": settings.memory_mb,
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
                stderr=self._complaints,
                start_new_session=True,
                env=_environment(),
            )
        self.link.setblocking(True)

    @property
    def idle(self) -> bool:
        """Ready for a file."""
        return self.ready and self.assignment is None and not self.killed

    @property
    def worn(self) -> bool:
        """Has worked enough to be replaced by a fresh process."""
        return self._files >= self._settings.recycle_files or self._bytes >= self._settings.recycle_mb * 1e6

    def give(self, lease: Lease, place: bytes, descriptor: int, status: os.stat_result) -> None:
        """Hand over an open file; the clock of its first stage begins."""
        allowed = self._settings.deadline_base_s + status.st_size / 1e6
        now = time.monotonic()
        self.assignment = Assignment(lease, place, descriptor, status, now, now + allowed)
        self._files += 1
        self._bytes += status.st_size
        with contextlib.suppress(OSError):  # a child that just died is noticed by its closed connection
            send_with_file(self.link, {"cpu_s": allowed + 10}, descriptor)

    def analyse(self, names: list[str], duration_s: float | None) -> None:
        """Answer an identified file with the analysers to run; its deadline now grows with its duration.

        ``duration_s``: as the file declares it.
        """
        if self.assignment is None:
            return
        seconds = _most_s(self.assignment.status.st_size, duration_s)
        allowed = self._settings.deadline_base_s + seconds / self._settings.deadline_speed
        self.assignment.deadline = time.monotonic() + allowed
        with contextlib.suppress(OSError):
            self.link.sendall(pack({"analyse": names, "cpu_s": allowed + 10}))

    def hear(self) -> list[Message] | None:
        """Read what the child said; ``None`` when it is gone or talks nonsense."""
        try:
            piece = self.link.recv(1 << 16)
            return self._inbox.take(piece) if piece else None
        except (OSError, InvalidReply):
            return None

    def let_go(self) -> None:
        """The file is finished: close it and be idle."""
        if self.assignment is not None:
            os.close(self.assignment.descriptor)
            self.assignment = None

    @property
    def due(self) -> float:
        """When, by ``time.monotonic``, something is to be done if nothing is heard of the child until then."""
        if self._killed_at is not None:
            return self._killed_at + UNKILLABLE_S
        if self.assignment is not None:
            return self.assignment.deadline
        return float("inf") if self.ready else self.started_at + STARTUP_S

    @property
    def killed(self) -> bool:
        """Whether it was told to end at once."""
        return self._killed_at is not None

    def kill(self, reason: Failure | None) -> None:
        """End the process at once; ``reason`` is what its file is charged with."""
        self._killed_for = self._killed_for or reason
        self._killed_at = self._killed_at or time.monotonic()
        with contextlib.suppress(ProcessLookupError):
            self.process.send_signal(signal.SIGKILL)

    def post_mortem(self) -> Failure:
        """Reap the process and say why it ended, or is given up."""
        status = self._reaped()
        if self._killed_for is not None:
            return self._killed_for
        if status == -signal.SIGXCPU:
            return DEADLINE
        if status is None or status in {-signal.SIGKILL, -signal.SIGTERM, -signal.SIGINT}:
            return KILLED
        return crashed(-status) if status < 0 else ended(status)

    def _reaped(self) -> int | None:
        """How the process ended; one that closed its connection has a moment to do so. ``None``: it does not."""
        while True:
            since = time.monotonic() if self._killed_at is None else self._killed_at
            try:
                return self.process.wait(timeout=max(0.0, since + REAP_S - time.monotonic()))
            except subprocess.TimeoutExpired:
                if self.killed:
                    return None
                self.kill(None)

    def last_words(self) -> str:
        """The last line the process wrote before it was confined."""
        self._complaints.seek(0)
        lines = self._complaints.read().decode("utf-8", "replace").strip().splitlines()
        return lines[-1] if lines else "it said nothing"

    def close(self) -> None:
        """End the process, if it can be ended, and free everything; a file in hand is let go."""
        self.link.close()
        self._reaped()
        self._complaints.close()
        self.let_go()


def _environment() -> dict[str, str]:
    handed = {name: os.environ[name] for name in NEEDED if name in os.environ}
    return handed | dict.fromkeys(("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS"), "1")


def _most_s(size: int, declared_s: float | None) -> float:
    """How many seconds a file of so many bytes may well hold."""
    if declared_s is None:
        return size / SLOWEST_BYTES_A_SECOND
    return max(declared_s, size / MP3_BYTES_A_SECOND)
