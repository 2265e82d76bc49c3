"""The pool of child processes: starts, recycles and ends them, and detects those that end by themselves."""

import selectors
import socket
import subprocess
import time
from collections.abc import Callable, Sequence

from tonearm.errors import Failure, TonearmError
from tonearm.events.event import Announce
from tonearm.events.facts import ChildEnded, ChildStarted, Warned
from tonearm.events.job_ref import JobRef
from tonearm.events.messages import ChildMessage
from tonearm.events.states import ChildEnding, WarningCode
from tonearm.jobs.failures import KILLED, KILLED_FOR_MEMORY
from tonearm.resilience.compute_lock import waiting
from tonearm.settings import Settings
from tonearm.worker.child_process import Assignment, ChildProcess
from tonearm.worker.memory_kills import MemoryKills

MAX_FAILED_STARTS = 5
MAX_KILLED_STARTS = 50
"""Maximum number of starts in a row that end by SIGKILL, which is usually temporary: too little memory, or a person."""

LOOK_S = 0.1
"""Seconds between two looks at the deadlines of all children."""

KILLS = (KILLED, KILLED_FOR_MEMORY)

LEFT_BEHIND = (
    "process {} can't be ended, as the disk or server that it reads from does not answer; it is left behind"
)
RECYCLED = "it has reached the maximum number of files or bytes for one child"
KEPT_MEMORY = (
    "it held {:,.0f} MB of memory after its file; an analyser or a decoder does not free what it takes"
)
NOT_NEEDED = "this worker takes no more jobs"
RESTING = "this worker rests, and its memory may be of use to others"


class CannotStart(TonearmError):
    """Child processes end before they are ready."""


class ChildPool:
    """At most ``settings.workers`` child processes, and the selector that waits for their messages."""

    def __init__(
        self,
        settings: Settings,
        program: Sequence[str],
        wakeup: int,
        announce: Announce,
        memory_kills: MemoryKills | None = None,
    ) -> None:
        """``wakeup``: a descriptor that becomes readable when the loop has to act at once."""
        self._memory_kills = memory_kills or MemoryKills()
        self._settings = settings
        self._program = program
        self._announce = announce
        self._children: list[ChildProcess] = []
        self._left_behind: list[subprocess.Popen[bytes]] = []
        self._failed_starts = 0
        self._looked_at = 0.0
        self._selector = selectors.DefaultSelector()
        self._selector.register(wakeup, selectors.EVENT_READ, None)

    def attend(self, file: int | socket.socket, hear: Callable[[], None]) -> None:
        """Have ``wait`` call ``hear`` when a file becomes readable, until ``leave``."""
        self._selector.register(file, selectors.EVENT_READ, hear)

    def leave(self, file: int | socket.socket) -> None:
        """Attend to a file no more."""
        self._selector.unregister(file)

    @property
    def children(self) -> Sequence[ChildProcess]:
        """All children."""
        return self._children

    @property
    def idle(self) -> list[ChildProcess]:
        """Children that are ready for a file."""
        return [child for child in self._children if child.assignment is None and child.idle]

    @property
    def busy(self) -> list[tuple[ChildProcess, Assignment]]:
        """Children that work on a file, each with its assignment."""
        return [(child, child.assignment) for child in self._children if child.assignment is not None]

    @property
    def starting(self) -> int:
        """Number of children that are not ready yet."""
        return sum(not child.ready for child in self._children)

    @property
    def free_slots(self) -> int:
        """Number of children that may be started.

        A child left behind leaves its slot, so that other folders go on; at most ``workers`` are left behind so. One
        that was killed for lack of memory leaves its slot empty for a while.
        """
        self._left_behind = [process for process in self._left_behind if process.poll() is None]
        too_many = max(0, len(self._left_behind) - self._settings.workers)
        empty = self._memory_kills.empty_slots(time.monotonic(), self._settings.workers)
        return self._settings.workers - len(self._children) - too_many - empty

    def start(self, count: int) -> None:
        """Start children."""
        for _ in range(count):
            child = ChildProcess(self._settings, self._program)
            self._children.append(child)
            self._selector.register(child.connection, selectors.EVENT_READ, child)
            self._selector.register(child.output, selectors.EVENT_READ, child)
            self._announce(ChildStarted(child.process.pid))

    def mark_ready(self, child: ChildProcess) -> None:
        """Note that a child is ready for its first file."""
        child.mark_ready()
        self._failed_starts = 0

    def recycle(self) -> None:
        """End the idle children that are due for recycling."""
        for child in self.idle:
            if child.due_for_recycling:
                self.end(child, ChildEnding.RECYCLED, RECYCLED)
            elif (kept := child.kept_memory) is not None:
                self.end(child, ChildEnding.KEPT_MEMORY, KEPT_MEMORY.format(kept / 1e6))

    def end_idle(self) -> None:
        """End the idle children, as their worker rests."""
        for child in self.idle:
            self.end(child, ChildEnding.NOT_NEEDED, RESTING)

    def wait(self, at_most_s: float) -> tuple[list[ChildProcess], bool]:
        """Wait for messages or a wake-up; announce what children have written.

        Returns the children whose connection is readable, and whether there was a wake-up.
        """
        with waiting():
            ready = [key for key, _ in self._selector.select(at_most_s)]
        readable = []
        for key in ready:
            if isinstance(key.data, ChildProcess):
                if key.fileobj is key.data.output:
                    self._relay(key.data)
                else:
                    readable.append(key.data)
            elif key.data is not None:
                key.data()
        return readable, any(key.data is None for key in ready)

    def _relay(self, child: ChildProcess) -> None:
        """Announce the lines that a child has written to standard error."""
        for line in child.output.lines():
            self._announce(ChildMessage(child.process.pid, line, job=_job_of(child)))
        if child.output.ended:
            self._selector.unregister(child.output)

    def overdue(self, now: float) -> list[ChildProcess]:
        """Children whose deadline has passed; looks every ``LOOK_S``."""
        if now < self._looked_at + LOOK_S:
            return []
        self._looked_at = now
        return [child for child in self._children if now > child.act_at]

    def remove_ended(self, child: ChildProcess) -> Failure:
        """Remove a child that has ended from the pool; returns why it ended. The caller closes it.

        Raises:
            CannotStart: too many children in a row have ended before they were ready.
        """
        failure = child.reap()
        if failure is KILLED and self._memory_kills.take_kill(time.monotonic()):
            failure = KILLED_FOR_MEMORY
        self._remove(child)
        self._announce(ChildEnded(child.process.pid, failure.reason, failure.code, _job_of(child)))
        if child.assignment is None and not child.ready:
            self._failed_starts += 1
            if self._failed_starts >= (MAX_KILLED_STARTS if failure in KILLS else MAX_FAILED_STARTS):
                reason = child.last_error_line()
                child.close()
                raise CannotStart(f"analysing processes do not start: {reason}")
        return failure

    def leave_behind(self, child: ChildProcess) -> None:
        """Stop waiting for a child that did not end on SIGKILL. The caller then treats it as ended."""
        path = child.assignment.path if child.assignment is not None else None
        text = LEFT_BEHIND.format(child.process.pid)
        self._announce(Warned(WarningCode.CHILD_LEFT_BEHIND, text, path))
        self._left_behind.append(child.process)

    def end(self, child: ChildProcess, ending: ChildEnding, reason: str) -> None:
        """Kill a child, whether it works on a file or not. reason: a sentence for the event."""
        self._remove(child)
        job = _job_of(child)
        child.kill(None)
        child.close()
        self._announce(ChildEnded(child.process.pid, reason, job=job, ending=ending))

    def end_all(self) -> None:
        """End all children."""
        ended = [
            ChildEnded(child.process.pid, NOT_NEEDED, job=_job_of(child), ending=ChildEnding.NOT_NEEDED)
            for child in self._children
        ]
        for child in self._children:
            child.kill(None)
        for child in self._children:
            child.close()
        for fact in ended:
            self._announce(fact)
        self._children.clear()

    def close(self) -> None:
        """End all children, and wait for nothing more."""
        self.end_all()
        self._selector.close()

    def _remove(self, child: ChildProcess) -> None:
        """Announce what is left of a child's output, and wait for nothing more from it."""
        if not child.output.ended:
            self._relay(child)
        if not child.output.ended:
            self._selector.unregister(child.output)
        self._selector.unregister(child.connection)
        self._children.remove(child)


def _job_of(child: ChildProcess) -> JobRef | None:
    return child.assignment.lease.ref if child.assignment is not None else None
