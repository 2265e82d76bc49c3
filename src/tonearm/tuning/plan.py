"""Which numbers of workers are measured, how often, and for how many seconds each."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tonearm.tuning.throughput import Speed

REPEATS = 3
"""How often a number of workers is measured before anything is concluded from it."""
CLOSE = 0.85
"""Numbers of workers below this share of the best are not measured again."""
CONTENDERS = 3
ROUND_COST_S = 2.0
"""Seconds of a round beside its window: a new library, the start of children, their end."""
SHORTEST_S, LONGEST_S = 0.5, 30.0
FROM_MEMORY = 2
"""Number of rounds in which files are read from memory."""
MEMORY_SHARE = 0.9
"""Share of the machine's memory that the processes may fill."""


@dataclass(frozen=True, slots=True)
class Budget:
    """Seconds for all rounds."""

    seconds: float

    def window_s(self, candidates: int) -> float:
        """Seconds of one round: each candidate has one, the first a second one, and contenders as many as needed."""
        again = min(candidates, CONTENDERS) * (REPEATS - 1)
        each_s = self.seconds / (candidates + 1 + again + FROM_MEMORY)
        return min(LONGEST_S, max(SHORTEST_S, each_s - ROUND_COST_S))


def candidates(cores: float, now: int, most: int) -> list[int]:
    """Numbers of workers to measure: from one to twice the cores, in steps that grow, and the present number.

    most: as many as there is memory for.
    """
    up_to = max(2, 2 * round(cores))
    steps = {1, 2, max(1, round(cores)), round(cores) + 1, up_to}
    step = 2
    while step < up_to:
        steps |= {step, step + step // 2}
        step *= 2
    wanted = {each for each in steps if each <= up_to} | ({now} if now else set())
    return sorted(each for each in wanted if each <= most) or [1]


def contenders(speeds: Mapping[int, Speed], now: int) -> list[int]:
    """Those worth measuring again: the fastest ones, and the present number."""
    best = max((speed.median for speed in speeds.values()), default=0.0)
    fast = [workers for workers, speed in speeds.items() if speed.median >= CLOSE * best and workers != now]
    fast.sort(key=lambda workers: -speeds[workers].median)
    kept = fast[: CONTENDERS - (now in speeds)]
    return sorted([*kept, now] if now in speeds else kept)


def least_measured(speeds: Mapping[int, Speed], among: Sequence[int]) -> int:
    """Which of these was measured least often; the first of several, or the last after an odd number of turns."""
    times = {workers: len(speeds[workers].repeats) if workers in speeds else 0 for workers in among}
    least = min(times.values())
    left = [workers for workers in among if times[workers] == least]
    return left[-1] if least % 2 else left[0]


def most_workers(memory_mb: int | None, parent_mb: float, child_mb: float) -> int:
    """How many children there is memory for; 512 where the memory is not known."""
    if memory_mb is None or child_mb <= 0:
        return 512
    return max(1, min(512, int((memory_mb * MEMORY_SHARE - parent_mb) / child_mb)))
