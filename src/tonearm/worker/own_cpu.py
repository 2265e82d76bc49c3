"""The CPU time of this process and its children, the living and the ended ones."""

import os
from pathlib import Path

from tonearm.events.event import Event
from tonearm.events.facts import ChildEnded, ChildStarted
from tonearm.settings.machine import PROC, read_text

_TICK_S = 1 / os.sysconf("SC_CLK_TCK")


class OwnCpu:
    """A subscriber that knows the living children, and reads how much CPU time all processes have used."""

    def __init__(self, proc: Path = PROC) -> None:
        self._proc = proc
        self._children: set[int] = set()
        self._most = 0.0

    def __call__(self, event: Event) -> None:
        """Note what an event says of a child."""
        match event:
            case ChildStarted():
                self._children.add(event.pid)
            case ChildEnded():
                self._children.discard(event.pid)

    def seconds(self) -> float:
        """Seconds of CPU time used so far; it never becomes less."""
        own = os.times()
        used = own.user + own.system + own.children_user + own.children_system
        self._most = max(self._most, used + sum(map(self._of_child, tuple(self._children))))
        return self._most

    def _of_child(self, pid: int) -> float:
        """What a child has used; 0 once it has ended, as it is then among the ended ones."""
        fields = read_text(self._proc / str(pid) / "stat").rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) * _TICK_S if len(fields) > 12 else 0.0
