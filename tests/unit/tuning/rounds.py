"""Measured rounds for tests, as a machine of given behaviour would give them."""

from collections.abc import Callable, Mapping, Sequence

from tonearm.settings import Settings
from tonearm.settings.machine import Machine
from tonearm.tuning.measured import Measured, Round, ServerTime
from tonearm.tuning.occupancy import Work
from tonearm.tuning.processes import CpuTime, Memory
from tonearm.tuning.reading import Reading

FILES = [(f"/m/{number}.flac".encode(), 0.3 + 0.1 * (number % 7)) for number in range(40)]
"""Files, and the seconds that each needs alone."""
CHILD = Memory(50.0, 120.0)
QUICK_DISK = Reading(200.0, 200.0, 4, True)


def a_round(
    workers: int,
    slowness: float,
    cold: bool = True,
    window_s: float = 10.0,
    busy: float = 1.0,
    files: Sequence[tuple[bytes, float]] = (),
    processor: float = 0.9,
    others: float = 0.0,
    child: Memory = CHILD,
    start_s: float = 1.0,
) -> Round:
    """A round in which each file took ``slowness`` times as long as alone; it got to as many as fit into the window.

    processor, others: shares of two cores that were used by it and by other programs.
    """
    left, works = workers * window_s * busy, []
    for path, alone_s in files or FILES:
        if left < alone_s * slowness:
            break
        left -= alone_s * slowness
        timings = {
            "identify": 0.05 * slowness * alone_s,
            "decode": 0.55 * slowness * alone_s,
            "front": 0.4 * alone_s,
        }
        works.append(Work(path, 0.0, alone_s * slowness, True, timings, 0.001, 200.0))
    used = CpuTime(0.02 * window_s, (2 * processor - 0.02) * window_s, 2 * (processor + others) * window_s)
    return Round(workers, window_s, busy, works, used, child, Memory(60.0, 90.0), start_s, cold)


def measured(
    rounds: Sequence[Round],
    workers: int = 2,
    cores: int = 2,
    memory_mb: int | None = 8000,
    most_workers: int = 512,
    reading: Reading | None = QUICK_DISK,
    servers: Sequence[ServerTime] = (),
    **settings: int,
) -> Measured:
    """What these rounds are on a machine with so many cores."""
    return Measured(
        Settings(workers=workers, **settings),  # type: ignore[arg-type]  # numbers alone
        Machine(cores, None, memory_mb),
        len(FILES),
        len(FILES) * 4_000_000,
        rounds,
        reading,
        servers,
        most_workers=most_workers,
    )


def repeated(slowness: Mapping[int, Sequence[float]], make: Callable[..., Round] = a_round) -> list[Round]:
    """Rounds for each number of workers, with the slowness of each repetition."""
    return [make(workers, each) for workers, several in slowness.items() for each in several]
