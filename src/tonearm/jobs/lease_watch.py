"""Telling from outside that a worker is gone: the leases of what it has in hand are not renewed any more."""

import time
from collections.abc import Callable, Iterable, Mapping

LONGEST_GAP_S = 5.0
"""How far apart looks may always be."""

Held = tuple[int, int, float]
"""A lease as it is seen: the job, the number of the attempt, and until when it is said to hold."""


class LeaseWatch:
    """Finds the leases that stood still for ``lease_s`` while this process was looking.

    Time is measured by this process's own steady clock: a clock that is set, here or at the database, ends no
    lease and lengthens none. After a gap between two looks of more than half of ``lease_s`` all is watched from the
    beginning: this process slept, or the database was away and nobody could renew.
    """

    def __init__(self, lease_s: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._lease_s = lease_s
        self._clock = clock
        self._since: Mapping[Held, float] = {}
        self._looked = clock()

    def over(self, leases: Iterable[Held]) -> frozenset[Held]:
        """Those of all the leases there are that have stood still for too long."""
        now = self._clock()
        if now - self._looked > max(LONGEST_GAP_S, self._lease_s / 2):
            self._since = {}
        self._looked = now
        self._since = {lease: self._since.get(lease, now) for lease in leases}
        return frozenset(lease for lease, since in self._since.items() if now - since >= self._lease_s)
