"""Rests while other programs wait for the CPU or the disks.

Linux tells for which part of the time some process was waiting (Linux kernel documentation "PSI - Pressure Stall
Information"). That includes the waiting that this worker causes. Of the waiting for the CPU, the part counts that
corresponds to the others' part of the CPU time that is used. Of the waiting for disks no such part is known, so the
worker tries: it rests, and if the waiting is over at once, it was its own, and is not looked at for a while.
"""

import os
import re
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tonearm.events.states import RestCode
from tonearm.settings.machine import PROC, read_text
from tonearm.worker.rest import Rest

BEGIN_S = 10.0
"""Seconds over which the waiting is averaged before a rest begins, and least length of a rest."""
END_S = 30.0
"""Seconds over which it is averaged before a rest ends. It ends at half of what it begins at."""
OWN_S = 600.0
"""Seconds for which waiting for disks is not looked at after it was found to be caused by this worker."""

_TICK_S = 1 / os.sysconf("SC_CLK_TCK")
_TOTAL = re.compile(r"^some .*total=(\d+)", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Sample:
    """A look at the machine: all in seconds, counted from some moment on. ``None``: the system does not tell.

    cpu_s, io_s: time in which some process waited for a CPU, for a disk. used_s: CPU time used by all processes.
    own_s: that of this worker and its children. load: average number of processes that want a CPU.
    """

    at: float
    cpu_s: float | None
    io_s: float | None
    used_s: float | None
    own_s: float
    load: float


def look(at: float, own_s: float, proc: Path = PROC) -> Sample:
    """Look at the machine."""
    columns = read_text(proc / "stat").partition("\n")[0].split()[1:]
    used_s = None
    if len(columns) >= 8:  # user nice system idle iowait irq softirq steal
        used_s = sum(int(columns[at]) for at in (0, 1, 2, 5, 6, 7)) * _TICK_S
    load = os.getloadavg()[0]
    return Sample(at, _stalled_s(proc, "cpu"), _stalled_s(proc, "io"), used_s, own_s, load)


def _stalled_s(proc: Path, what: str) -> float | None:
    found = _TOTAL.search(read_text(proc / "pressure" / what))
    return int(found[1]) / 1e6 if found is not None else None


class LoadRule:
    """Rests while other programs wait for more than a part of the time."""

    def __init__(
        self,
        percent: float,
        look: Callable[[float], Sample],
        cores: int | None = None,
    ) -> None:
        """``percent``: of the time, from which on to rest. ``look``: looks at the machine at a Unix time."""
        self._limit = percent / 100
        self._look = look
        self._cores = cores or os.cpu_count() or 1
        self._samples: deque[Sample] = deque()
        self._rest: Rest | None = None
        self._since = 0.0
        self._for_disks = False
        self._disks_from = float("-inf")

    def rest(self, now: float) -> Rest | None:
        """Rest while others wait; nobody knows until when."""
        if self._samples and not 0 <= now - self._samples[-1].at < END_S:
            self._samples.clear()  # the machine slept, or its clock was set
        self._samples.append(self._look(now))
        while len(self._samples) > 2 and self._samples[1].at <= now - END_S:
            self._samples.popleft()
        if self._rest is None:
            self._begin(now)
        elif now - self._since >= BEGIN_S:
            self._end(now)
        return self._rest

    def _begin(self, now: float) -> None:
        if now - self._samples[0].at < BEGIN_S:
            return
        cpu, disks = self._waiting(now - BEGIN_S)
        for_disks = now >= self._disks_from and disks >= self._limit
        if cpu >= self._limit or for_disks:
            self._since, self._for_disks = now, cpu < self._limit
            what = "the disks" if self._for_disks else "the CPU"
            self._rest = Rest(RestCode.LOAD, f"other programs wait for {what}")

    def _end(self, now: float) -> None:
        cpu, disks = self._waiting(now - min(END_S, now - self._since))
        rested_s = now - self._since
        if self._for_disks and rested_s < END_S and max(cpu, disks) < self._limit / 2:
            self._disks_from = now + OWN_S  # it was over as soon as this worker rested
            self._rest = None
        elif rested_s >= END_S and max(cpu, disks) < self._limit / 2:
            self._rest = None

    def _waiting(self, since: float) -> tuple[float, float]:
        """The parts of the time since then in which others waited for the CPU, and anyone for disks."""
        first = next((one for one in self._samples if one.at >= since), self._samples[0])
        last = self._samples[-1]
        passed_s = max(last.at - first.at, 1e-3)
        if last.cpu_s is None or first.cpu_s is None:
            cpu = max(0.0, 1 - self._cores / last.load) if last.load > 0 else 0.0
        else:
            cpu = (last.cpu_s - first.cpu_s) / passed_s
        disks = 0.0 if last.io_s is None or first.io_s is None else (last.io_s - first.io_s) / passed_s
        return cpu * self._others_part(first, last, passed_s), disks

    def _others_part(self, first: Sample, last: Sample, passed_s: float) -> float:
        """The part of the used CPU time that is not this worker's."""
        if last.used_s is None or first.used_s is None:
            used_s = min(last.load, self._cores) * passed_s
        else:
            used_s = last.used_s - first.used_s
        own_s = last.own_s - first.own_s
        return min(1.0, max(0.0, 1 - own_s / used_s)) if used_s > 0 else 1.0
