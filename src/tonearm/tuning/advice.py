"""What holds the work up, and what more hardware would bring. Computed from what was measured, with its spread."""

import enum
from collections.abc import Mapping
from dataclasses import dataclass

from tonearm.events.states import Obstacle
from tonearm.progress.bottleneck import part_of
from tonearm.tuning.measured import Measured
from tonearm.tuning.proposals import MARGIN, best_workers
from tonearm.tuning.throughput import Speed

FULLY_USED = 0.85
"""Share of the processor above which it is what limits the work."""


class Limit(enum.StrEnum):
    """What limits the speed."""

    PROCESSOR = "processor"
    READING = "reading"
    STORING = "storing"
    WORKERS = "workers"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Gain:
    """What a change of the hardware would bring.

    share: of the speed, such as 0.85 for 85 % more; 0 where it would be within the spread, ``None`` where it is not
    known. measured: whether the rounds show it; else it is computed from them. reason: a sentence.
    """

    hardware: str
    share: float | None
    measured: bool
    reason: str


@dataclass(frozen=True, slots=True)
class Bottleneck:
    """What limits the speed with so many workers. reason: a sentence."""

    limit: Limit
    workers: int
    reason: str


def shares_of_work(measured: Measured, workers: int) -> Mapping[Obstacle, float]:
    """Shares of a slot's time: reading, decoding, analysing and storing. Decoding waits for the disk, too."""
    seconds: dict[Obstacle, float] = dict.fromkeys(
        (Obstacle.READING, Obstacle.DECODING, Obstacle.ANALYSING, Obstacle.STORING), 0.0
    )
    for work in measured.works(workers):
        for stage, taken in (work.timings or {}).items():
            seconds[part_of(stage)] += taken
        seconds[Obstacle.STORING] += work.store_s
    whole = sum(seconds.values())
    return {part: taken / whole if whole else 0.0 for part, taken in seconds.items()}


def gains(measured: Measured) -> list[Gain]:
    """What each piece of hardware would bring."""
    return [core_gain(measured), disk_gain(measured)]


def disk_gain(measured: Measured) -> Gain:
    """What a disk or network would bring that is so fast that nothing waits for it."""
    cold, warm = measured.speeds(), measured.speeds(cold=False)
    both = [workers for workers in warm if workers in cold]
    if not both or measured.reading is None or measured.reading.cold is False:
        return Gain("disk", None, False, "the files could not be read past the memory of the kernel")
    workers = both[0]
    share = warm[workers].median / cold[workers].median - 1
    if not warm[workers].is_above(cold[workers], MARGIN):
        return Gain(
            "disk",
            0.0,
            True,
            f"files from memory are analysed as fast, within ± {_spread(cold[workers], warm[workers]):.0%}",
        )
    return Gain("disk", share, True, f"files from memory are analysed {share:.0%} faster")


def core_gain(measured: Measured) -> Gain:
    """What one more core would bring."""
    speeds = measured.speeds()
    best = best_workers(measured)
    name = "core"
    if best is None:
        return Gain(name, None, False, "nothing was measured")
    used = measured.processor_share(best)
    cores = max(1, round(measured.cores))
    if used + measured.others_share() < FULLY_USED:
        return Gain(name, 0.0, True, f"the processor is busy for {used:.0%} of the time only")
    scaling = _serial_share(measured, speeds, cores)
    share = _amdahl(cores + 1, scaling) / _amdahl(cores, scaling) - 1
    bound = _disk_bound(measured, speeds[best])
    if bound is not None and bound < share:
        return Gain(name, max(0.0, bound), False, "then the disk would be the limit")
    if cores in speeds and 1 in speeds and cores > 1:
        reason = f"{cores} cores brought {speeds[cores].median / speeds[1].median - 1:+.0%} over one"
    else:
        reason = f"{scaling:.0%} of the work is done by one process alone"
    return Gain(name, share, False, reason)


def _serial_share(measured: Measured, speeds: Mapping[int, Speed], cores: int) -> float:
    """Share of the work that more cores do not divide: measured by the speed of all cores, or by the process alone."""
    if cores > 1 and cores in speeds and 1 in speeds:
        times = max(0.1, speeds[cores].median / speeds[1].median)
        return min(1.0, max(0.0, (cores / times - 1) / (cores - 1)))
    own_s = sum(each.cpu.own_s for each in measured.rounds)
    whole_s = own_s + sum(each.cpu.children_s for each in measured.rounds)
    return own_s / whole_s if whole_s else 0.0


def _amdahl(cores: int, serial: float) -> float:
    return cores / (1 + serial * (cores - 1))


def _disk_bound(measured: Measured, speed: Speed) -> float | None:
    """By how much the speed can grow until the files can't be read any faster; ``None`` where that is not known."""
    reading = measured.reading
    if reading is None or not reading.cold or not measured.mean_size:
        return None
    most = max(reading.one_mb_s, reading.several_mb_s) * 1e6 / measured.mean_size * 3600
    return most / speed.median - 1


def bottleneck(measured: Measured) -> Bottleneck | None:
    """What limits the speed with the number of workers that is proposed; ``None`` where nothing was measured."""
    workers = best_workers(measured)
    if workers is None:
        return None
    used, disk = measured.processor_share(workers), disk_gain(measured)
    if used >= FULLY_USED:
        reason = f"with {_workers(workers)} the processor is busy for {used:.0%} of the time"
        return Bottleneck(Limit.PROCESSOR, workers, reason)
    if disk.share:
        return Bottleneck(Limit.READING, workers, disk.reason)
    others = measured.others_share()
    if used + others >= FULLY_USED:
        reason = f"other programs use {others:.0%} of the processor, and this work {used:.0%}"
        return Bottleneck(Limit.PROCESSOR, workers, reason)
    rounds = measured.of(workers)
    idle = 1 - sum(each.busy for each in rounds) / len(rounds)
    if idle > 1 - FULLY_USED:
        reason = f"children wait for {idle:.0%} of the time until a result is stored and a file is handed out"
        return Bottleneck(Limit.STORING, workers, reason)
    if workers >= max(measured.speeds()):
        reason = f"the processor is busy for {used:.0%} of the time, and no more workers were measured"
        return Bottleneck(Limit.WORKERS, workers, reason)
    return Bottleneck(Limit.UNKNOWN, workers, f"the processor is busy for {used:.0%} of the time")


def _workers(count: int) -> str:
    return "1 worker" if count == 1 else f"{count} workers"


def _spread(*speeds: Speed) -> float:
    return max(speed.spread for speed in speeds)
