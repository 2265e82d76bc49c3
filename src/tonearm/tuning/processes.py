"""Processor time and memory of processes and of the machine, as Linux tells them in /proc; nothing elsewhere."""

import os
import re
import time
from collections.abc import Iterable
from dataclasses import dataclass

_TICK_S = 1 / os.sysconf("SC_CLK_TCK")
_IDLE = (3, 4)
"""Fields of the line ``cpu`` of /proc/stat: idle, and waiting for a disk."""
_GUEST = 8
"""The first of the fields that are counted in others already."""


@dataclass(frozen=True, slots=True)
class CpuTime:
    """Seconds of processor time until now: of this process, its children, and all processes of the machine."""

    own_s: float
    children_s: float
    machine_s: float | None

    def since(self, before: "CpuTime") -> "CpuTime":
        """What was used since then."""
        known = self.machine_s is not None and before.machine_s is not None
        return CpuTime(
            self.own_s - before.own_s,
            self.children_s - before.children_s,
            (self.machine_s or 0.0) - (before.machine_s or 0.0) if known else None,
        )


@dataclass(frozen=True, slots=True)
class Memory:
    """Megabytes of a process: what is its own, and what its limit (``memory_mb``) counts."""

    own_mb: float = 0.0
    counted_mb: float = 0.0

    def __or__(self, other: "Memory") -> "Memory":
        """The greater of each."""
        return Memory(max(self.own_mb, other.own_mb), max(self.counted_mb, other.counted_mb))


def cpu_time(children: Iterable[int]) -> CpuTime:
    """The processor time of this process, of these children and of the machine."""
    return CpuTime(time.process_time(), sum(map(_cpu_of, children)), _machine_s())


def memory_of(process: int | str) -> Memory:
    """The memory of a process; nothing if it has ended. ``"self"``: of this one."""
    found = {
        name: int(kilobytes) / 1024
        for name, kilobytes in re.findall(
            r"^(\w+):\s+(\d+) kB", _read(f"/proc/{process}/status"), re.MULTILINE
        )
    }
    return Memory(found.get("RssAnon", 0.0), found.get("VmData", 0.0))


def _cpu_of(pid: int) -> float:
    fields = _read(f"/proc/{pid}/stat").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) * _TICK_S if len(fields) > 12 else 0.0


def _machine_s() -> float | None:
    fields = _read("/proc/stat").partition("\n")[0].split()[1 : 1 + _GUEST]
    if not fields:
        return None
    return sum(int(value) for place, value in enumerate(fields) if place not in _IDLE) * _TICK_S


def _read(path: str) -> str:
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read()
    except OSError:
        return ""
