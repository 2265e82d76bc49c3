"""What the loop of a worker is to do."""

from collections.abc import Callable
from dataclasses import dataclass

from tonearm.jobs.job import UnmountedPlace


@dataclass(frozen=True, slots=True)
class Task:
    """What a supervisor works on.

    run: the run whose state is followed and announced; ``None`` for a worker that serves all runs.
    is_over: whether the task is complete; called with the unmounted places when there is no job to take and no file is
        being analysed.
    each_second: called about once a second.
    """

    run: int | None
    is_over: Callable[[frozenset[UnmountedPlace]], bool]
    each_second: Callable[[], None]
