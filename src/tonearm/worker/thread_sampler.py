"""Samples the stacks of all threads of this process."""

import sys
import threading
import time

from tonearm.worker.busy_clock import BusyClock
from tonearm.worker.stacks import Frame, Stack, StackReader, Stacks

MAIN = Frame("main thread")


class ThreadSampler:
    """The stacks of all threads but the calling one; each begins with the name of its thread."""

    def __init__(self) -> None:
        self.stacks = Stacks()
        self._reader = StackReader()
        self._sampled_at = time.monotonic()
        self._clocks: dict[int, BusyClock] = {}

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
            clock = clocks.pop(thread.native_id, None) or BusyClock(thread.native_id)
            self._clocks[thread.native_id] = clock
            busy_s = clock.passed_s()
            waiting = busy_s is not None and busy_s < passed_s / 2
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
