"""How many of a run's slots really work."""

import math

PRIOR_SLOT_S = 20.0
"""Weight of the first estimate that all slots always have a file, in seconds of one slot."""
OCCUPANCY_S = 300.0
"""Seconds after which what was observed of the slots has lost two thirds of its weight."""


class Slots:
    """Which share of the slots has a file while files wait."""

    def __init__(self) -> None:
        self._busy_s = self._all_s = PRIOR_SLOT_S
        self._at: float | None = None
        self._busy = 0
        self._all = 0

    def observe(self, at: float, busy: int, slots: int) -> None:
        """From now on so many of the slots are busy; ``slots`` is 0 while no file waits or none may be taken."""
        if self._at is not None and self._all:
            passed = max(0.0, at - self._at)
            keep = math.exp(-passed / OCCUPANCY_S)
            self._busy_s = self._busy_s * keep + min(self._busy, self._all) * passed
            self._all_s = self._all_s * keep + self._all * passed
        self._at, self._busy, self._all = at, busy, slots

    @property
    def share(self) -> float:
        """The share; less while children start, jobs are taken, results are stored, or other runs are worked on."""
        return max(self._busy_s / self._all_s, 0.05) if self._all_s else 1.0
