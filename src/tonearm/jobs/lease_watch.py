"""Finds leases that have expired, because their worker no longer renews them."""

import time
from collections.abc import Callable, Iterable, Mapping

LONGEST_GAP_S = 5.0
"""Gaps between two calls of up to this many seconds never restart the measurement."""

ObservedLease = tuple[int, int, float]
"""A lease as it was read: the job, the number of the attempt, and ``lease_until``, which every renewal changes.

``lease_until`` is not compared with a clock, only with its earlier value."""


class LeaseWatch:
    """Finds the leases that were not renewed for ``lease_s`` while this process was watching.

    Time is measured by this process's monotonic clock, so that setting a clock, here or at the database, neither ends
    nor extends a lease. After a gap between two calls of more than half of ``lease_s`` the measurement starts again:
    this process slept, or the database was unavailable and no worker could renew.
    """

    def __init__(self, lease_s: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._lease_s = lease_s
        self._clock = clock
        self._since: Mapping[ObservedLease, float] = {}
        self._called_at = clock()

    def expired(self, leases: Iterable[ObservedLease]) -> frozenset[ObservedLease]:
        """The leases that were not renewed for ``lease_s``. ``leases``: all current ones."""
        now = self._clock()
        if now - self._called_at > max(LONGEST_GAP_S, self._lease_s / 2):
            self._since = {}
        self._called_at = now
        self._since = {lease: self._since.get(lease, now) for lease in leases}
        return frozenset(lease for lease, since in self._since.items() if now - since >= self._lease_s)
