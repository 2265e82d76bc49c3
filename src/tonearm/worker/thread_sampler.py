"""Samples the stacks of all threads of this process."""

import os
import sys
import threading
import time

from tonearm.worker.stacks import Frame, Stack, StackReader, Stacks

MAIN = Frame("main thread")
CLOCK = "/proc/self/task/{}/schedstat"
"""Begins with the nanoseconds for which a thread has run, and has waited for a processor (Linux, sched-stats)."""


class ThreadSampler:
    """The stacks of all threads but the calling one; each begins with the name of its thread."""

    def __init__(self) -> None:
        self.stacks = Stacks()
        self._reader = StackReader()
        self._sampled_at = time.monotonic()
        self._clocks: dict[int, _Clock] = {}

    def sample(self) -> None:
        """Take a sample; the time since the last one is added to the stack of each thread."""
        frames = sys._current_frames()
        now = time.monotonic()
        passed_s, self._sampled_at = now - self._sampled_at, now
        own = threading.get_ident()
        clocks, self._clocks = self._clocks, {}
        for thread in threading.enumerate():
            if thread.ident is None or thread.native_id is None or thread.ident == own:
                continue
            innermost = frames.get(thread.ident)
            if innermost is None:  # it began or ended just now
                continue
            clock = clocks.pop(thread.native_id, None) or _Clock(thread.native_id)
            self._clocks[thread.native_id] = clock
            used_s = clock.passed_s()
            waiting = used_s is not None and used_s < passed_s / 2
            self.stacks.add(self._named(thread, self._reader.read(innermost, waiting)), passed_s)
        for ended in clocks.values():
            ended.close()

    def close(self) -> None:
        """Close the clocks of the threads."""
        for clock in self._clocks.values():
            clock.close()
        self._clocks.clear()

    def _named(self, thread: threading.Thread, stack: Stack) -> Stack:
        return (MAIN if thread is threading.main_thread() else Frame(f"thread {thread.name}"), *stack)


class _Clock:
    """For how long a thread has had something to compute."""

    def __init__(self, native_id: int) -> None:
        self._used_s = 0.0
        try:
            self._file: int | None = os.open(CLOCK.format(native_id), os.O_RDONLY | os.O_CLOEXEC)
        except OSError:  # not Linux, or the thread has ended
            self._file = None
        self.passed_s()

    def passed_s(self) -> float | None:
        """Seconds since the last call in which it ran or could have run; ``None`` where that is not known."""
        if self._file is None:
            return None
        try:
            used_s = sum(map(int, os.pread(self._file, 100, 0).split()[:2])) / 1e9
        except (OSError, ValueError, IndexError):
            return None
        passed_s, self._used_s = used_s - self._used_s, used_s
        return passed_s

    def close(self) -> None:
        """Close the file."""
        if self._file is not None:
            os.close(self._file)
            self._file = None
