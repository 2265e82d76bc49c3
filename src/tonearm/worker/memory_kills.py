"""Which children the kernel has killed for lack of memory, and how many slots stay empty because of it."""

import re
from collections import deque
from pathlib import Path

from tonearm.settings.machine import PROC, control_groups, read_text

EMPTY_S = 60.0
"""Seconds for which a slot stays empty after its child was killed for lack of memory."""

_COUNTER = re.compile(r"^oom_kill (\d+)$", re.MULTILINE)


class MemoryKills:
    """Reads the kernel's counter of processes that it has killed for lack of memory.

    The counter of the control group counts its own processes, among which are the children, whoever set the limit that
    was reached. Where a group has none, the counter of the whole system is read.
    """

    def __init__(self, proc: Path = PROC) -> None:
        places = [
            group.folder / name
            for group in control_groups(proc)
            if "memory" in group.controllers
            for name in ("memory.events.local", "memory.events", "memory.oom_control")
        ]
        places.append(proc / "vmstat")
        self._counter = next((path for path in places if _COUNTER.search(read_text(path))), None)
        self._counted = self._count()
        self._unexplained = 0
        self._empty_until: deque[float] = deque()

    def take_kill(self, now: float) -> bool:
        """Whether a child that has just ended by SIGKILL was killed for lack of memory; then its slot stays empty."""
        counted = self._count()
        self._unexplained += counted - self._counted
        self._counted = counted
        if not self._unexplained:
            return False
        self._unexplained -= 1
        self._empty_until.append(now + EMPTY_S)
        return True

    def empty_slots(self, now: float, slots: int) -> int:
        """How many of the slots stay empty; at least one is used."""
        while self._empty_until and self._empty_until[0] <= now:
            self._empty_until.popleft()
        while len(self._empty_until) > max(0, slots - 1):
            self._empty_until.popleft()
        return len(self._empty_until)

    def _count(self) -> int:
        found = _COUNTER.search(read_text(self._counter)) if self._counter is not None else None
        return int(found[1]) if found is not None else 0
