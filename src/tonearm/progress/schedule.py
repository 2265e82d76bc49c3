"""How long a queue of files takes that several slots work on."""

import heapq
from collections.abc import Iterable, Sequence
from typing import NamedTuple

EXACT_FILES = 64
"""Number of files of one level up to which each file is placed; more are divided evenly."""


class Batch(NamedTuple):
    """Waiting files that are expected to take equally long. ``rank``: of their level; the lowest is taken first."""

    rank: int
    files: int
    work_s: float


def makespan(slots: int, running: Iterable[float], waiting: Sequence[Batch]) -> float:
    """Seconds until the last file ends, when each free slot takes the next waiting file.

    running: seconds that each file in a slot still takes. Within a level the files of all batches are taken in turns,
    because their order is not known. At the end of a run some slots are idle while others finish a last long file.
    """
    free_at = sorted(running)
    late = (
        free_at[:-slots] if len(free_at) > slots else []
    )  # more files than slots, when a worker has just left
    free_at = free_at[len(late) :] + [0.0] * (slots - len(free_at))
    heapq.heapify(free_at)
    for left_s in late:
        heapq.heapreplace(free_at, free_at[0] + left_s)
    for rank in sorted({batch.rank for batch in waiting}):
        _take(free_at, [batch for batch in waiting if batch.rank == rank and batch.files > 0])
    return max(free_at)


def _take(free_at: list[float], batches: Sequence[Batch]) -> None:
    """Place the files of one level; ``free_at`` is a heap of the moments at which the slots become free."""
    slots = len(free_at)
    files = sum(batch.files for batch in batches)
    exact = max(EXACT_FILES, 4 * slots)
    if files > exact:  # the first files are divided evenly, the last ones are placed
        share = (files - exact) / files
        level_s = sum(free_at) + sum(batch.files * batch.work_s for batch in batches) * share
        even = max(level_s / slots, max(free_at))
        free_at[:] = [even] * slots
        batches = [batch._replace(files=round(batch.files * (1 - share))) for batch in batches]
    order = sorted(
        ((number + 0.5) / batch.files, batch.work_s) for batch in batches for number in range(batch.files)
    )
    for _, work_s in order:
        heapq.heapreplace(free_at, free_at[0] + work_s)
