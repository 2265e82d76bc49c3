"""Looks at the processes of a round, and ends it after some seconds."""

import threading
import time
from collections.abc import Callable

from tonearm.tuning.occupancy import Occupancy
from tonearm.tuning.processes import Memory, cpu_time, memory_of
from tonearm.worker.signals import StopSwitch

LOOK_S = 0.2
FILES_A_SLOT = 2
"""A round in which fewer files were finished for each slot lasts longer, if it may."""
FULL_S = 60.0
"""Seconds after which a round ends although a slot has not had a file yet."""


class Watch:
    """A thread that looks at the processes while all slots have files, and ends the round after some seconds."""

    def __init__(
        self,
        occupancy: Occupancy,
        seconds: float,
        at_most_s: float,
        stop: StopSwitch,
        stopping: Callable[[], bool],
    ) -> None:
        """``seconds``: how long the round lasts; ``at_most_s`` where few files were finished by then."""
        self._occupancy = occupancy
        self._seconds = seconds
        self._at_most_s = max(seconds, at_most_s)
        self._stop = stop
        self._stopping = stopping
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="measurement", daemon=True)
        self.child, self.parent = Memory(), Memory()
        self.before = self.after = cpu_time(())
        self.ended_at = 0.0

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *error: object) -> None:
        self._over.set()
        self._thread.join()

    def _run(self) -> None:
        began = time.monotonic()
        while not self._occupancy.full.wait(LOOK_S):
            if self._over.is_set() or self._stopping() or time.monotonic() - began > FULL_S:
                break
        self.before = self.after = cpu_time(self._children)
        full_at = time.monotonic()
        while not self._over.is_set() and not self._stopping():
            lasted_s = time.monotonic() - full_at
            enough = self._occupancy.has_finished(FILES_A_SLOT)
            if lasted_s >= (self._seconds if enough else self._at_most_s):
                break
            self._over.wait(min(LOOK_S, max(0.01, self._seconds - lasted_s)))
            self._look()
        self.ended_at = time.monotonic()
        self._stop.request()
        self._stop.request()  # at once: the files that are being analysed are not waited for

    def _look(self) -> None:
        children = self._children
        self.parent |= memory_of("self")
        for child in children:
            self.child |= memory_of(child)
        now = cpu_time(children)
        if now.children_s >= self.after.children_s:  # else a child has ended, and its time with it
            self.after = now

    @property
    def _children(self) -> list[int]:
        return list(self._occupancy.children)
