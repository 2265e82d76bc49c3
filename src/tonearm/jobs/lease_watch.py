"""Detects that a worker has died: it no longer renews the leases of its jobs."""

import time
from collections.abc import Callable, Iterable, Mapping

LONGEST_GAP_S = 5.0
"""Calls at most this far apart never restart the measurement."""

Held = tuple[int, int, float]
"""A lease as read: the job, the number of the attempt, and its time of expiry, which each renewal changes."""


class LeaseWatch:
    """Finds the leases that were not renewed for ``lease_s`` while this process was watching.

    Time is measured by this process's monotonic clock, so that setting a clock, here or at the database, neither ends
    nor extends a lease. After a gap between two calls of more than half of ``lease_s`` the measurement starts again:
    this process slept, or the database was unavailable and no worker could renew.
    """

    def __init__(self, lease_s: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._lease_s = lease_s
        self._clock = clock
        self._since: Mapping[Held, float] = {}
        self._looked = clock()

    def expired(self, leases: Iterable[Held]) -> frozenset[Held]:
        """Those of all current leases that were not renewed for too long."""
        now = self._clock()
        if now - self._looked > max(LONGEST_GAP_S, self._lease_s / 2):
            self._since = {}
        self._looked = now
        self._since = {lease: self._since.get(lease, now) for lease in leases}
        return frozenset(lease for lease, since in self._since.items() if now - since >= self._lease_s)
