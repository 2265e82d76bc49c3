"""Keeps a worker and its children within a number of cores, by suspending the children for parts of a second.

CPU time is earned as time passes and spent as it is used. When more is spent than was earned, all children are
suspended (SIGSTOP) until enough is earned again (SIGCONT). A child that is suspended uses up nothing of its deadline.
"""

import time
from collections.abc import Callable, Sequence

from tonearm.worker.child_process import ChildProcess

AHEAD_S = 0.25
"""Seconds for which CPU time that is not used is kept."""
DEBT_S = 5.0
"""Seconds of earning that are owed at most, such as after a scan."""
LOOK_S = 0.05
"""Seconds between two looks while children run."""


class CpuBudget:
    """How much CPU time may be used now."""

    def __init__(
        self,
        cores: float,
        used: Callable[[], float],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """``cores``: cores' worth of CPU time. ``used``: seconds of CPU time used by all processes so far."""
        self._cores = cores
        self._used = used
        self._clock = clock
        self._at = clock()
        self._used_s = used()
        self._left_s = cores * AHEAD_S
        self._suspended = False

    def turn(self, children: Sequence[ChildProcess]) -> float:
        """Suspend or resume the children; returns after how many seconds to look again."""
        now, used_s = self._clock(), self._used()
        self._left_s += self._cores * (now - self._at) - (used_s - self._used_s)
        self._at, self._used_s = now, used_s
        self._left_s = max(-DEBT_S * self._cores, min(self._left_s, AHEAD_S * self._cores))
        enough_s = AHEAD_S / 2 * self._cores if self._suspended else 0.0
        self._suspended = self._left_s < enough_s
        for child in children:
            if self._suspended:
                child.suspend()
            else:
                child.resume()
        missing_s = (AHEAD_S / 2 * self._cores - self._left_s) / self._cores
        return max(LOOK_S, missing_s) if self._suspended else LOOK_S
