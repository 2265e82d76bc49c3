"""What was measured: rounds, reading, servers."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tonearm.settings import Settings
from tonearm.settings.machine import Machine
from tonearm.tuning.occupancy import Work
from tonearm.tuning.processes import CpuTime, Memory
from tonearm.tuning.reading import Reading
from tonearm.tuning.throughput import RoundTimes, Speed, speeds


@dataclass(frozen=True, slots=True)
class Round:
    """Some seconds of real work.

    workers: files at the same time. window_s: seconds in which all slots had files. busy: share of that in which they
    did. works: the files that were finished in it. cpu: what was used in it. child, parent: the greatest memory.
    start_s: until a child was ready. cold: whether the files were read past the kernel's memory.
    """

    workers: int
    window_s: float
    busy: float
    works: Sequence[Work]
    cpu: CpuTime
    child: Memory
    parent: Memory
    start_s: float
    cold: bool

    @property
    def times(self) -> RoundTimes:
        """What its speed is computed from."""
        return RoundTimes(
            self.workers * self.busy, [(work.path, work.ended - work.began) for work in self.works]
        )


@dataclass(frozen=True, slots=True)
class ServerTime:
    """What calls of a server took: milliseconds, the middle, the shortest and the longest.

    reason: why there are none; ``None`` where there are. what: the kind of call.
    """

    server: str
    what: str
    middle_ms: float = 0.0
    least_ms: float = 0.0
    most_ms: float = 0.0
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Measured:
    """Everything that was measured, with the settings and the machine it was measured with.

    files, size: number and bytes of the files that were chosen. most_workers: as many as there is memory for.
    """

    settings: Settings
    machine: Machine
    files: int
    size: int
    rounds: Sequence[Round]
    reading: Reading | None = None
    servers: Sequence[ServerTime] = ()
    most_workers: int = 512
    elapsed_s: float = 0.0
    failures: Sequence[str] = ()

    def speeds(self, cold: bool = True) -> Mapping[int, Speed]:
        """Files an hour by number of workers. ``cold``: of the rounds with files from the disk; else from memory."""
        found: dict[int, list[float]] = {}
        for each, speed in zip(self.rounds, speeds([one.times for one in self.rounds]), strict=True):
            if speed and each.cold == cold:
                found.setdefault(each.workers, []).append(speed * 3600)
        return {workers: Speed(tuple(repeats)) for workers, repeats in sorted(found.items())}

    def of(self, workers: int, cold: bool = True) -> Sequence[Round]:
        """The rounds with so many workers."""
        return [each for each in self.rounds if (each.workers, each.cold) == (workers, cold)]

    def works(self, workers: int) -> Sequence[Work]:
        """The files that were finished in those rounds."""
        return [work for each in self.of(workers) for work in each.works]

    @property
    def child(self) -> Memory:
        """The greatest memory of a child."""
        found = Memory()
        for each in self.rounds:
            found |= each.child
        return found

    @property
    def parent(self) -> Memory:
        """The greatest memory of the process that hands out the files."""
        found = Memory()
        for each in self.rounds:
            found |= each.parent
        return found

    @property
    def mean_size(self) -> float:
        """Bytes of a file, on average."""
        return self.size / max(1, self.files)

    @property
    def cores(self) -> float:
        """Cores' worth of processor time that this process may use."""
        quota = self.machine.cpu_quota
        return self.machine.cores if quota is None else min(self.machine.cores, quota)

    def processor_share(self, workers: int) -> float:
        """Share of the processor that the rounds used themselves."""
        used = sum(each.cpu.own_s + each.cpu.children_s for each in self.of(workers))
        window_s = sum(each.window_s for each in self.of(workers))
        return used / (self.cores * window_s) if window_s else 0.0

    def others_share(self) -> float:
        """Share of the machine's processors that other programs used meanwhile; 0 where it is not known."""
        known = [each for each in self.rounds if each.cpu.machine_s is not None]
        window_s = sum(each.window_s for each in known)
        others = sum((each.cpu.machine_s or 0.0) - each.cpu.own_s - each.cpu.children_s for each in known)
        return max(0.0, others / (self.machine.cores * window_s)) if window_s else 0.0
