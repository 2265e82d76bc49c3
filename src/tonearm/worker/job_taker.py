"""Takes jobs from the queue, and asks less often the longer it took to learn that there are none."""

import time
from collections.abc import Sequence

from tonearm.events.event import Announce
from tonearm.events.facts import JobTaken
from tonearm.jobs.job import Lease
from tonearm.jobs.port import JobQueue
from tonearm.worker.mount_guard import MountGuard
from tonearm.worker.pending_writes import PendingWrites

SHORTEST_REST_S = 0.5
LONGEST_REST_S = 10.0
REST_FACTOR = 20
"""The rest after an empty answer, as a multiple of the time that the answer took."""


class JobTaker:
    """The queue, as one worker may ask it now."""

    def __init__(
        self, queue: JobQueue, pending_writes: PendingWrites, mount_guard: MountGuard, announce: Announce
    ) -> None:
        self._announce = announce
        self._queue = queue
        self._pending_writes = pending_writes
        self._mount_guard = mount_guard
        self._ask_at = 0.0

    def is_resting(self, now: float) -> bool:
        """Whether the queue was found empty, or the database unavailable, a moment ago."""
        return now < self._ask_at

    def wake(self) -> None:
        """End the rest: there may be something to take."""
        self._ask_at = 0.0

    def take(self, at_most: int) -> Sequence[Lease]:
        """Lease the next jobs; none when there are none or the database does not answer."""
        began = time.monotonic()
        leases = self._pending_writes.write(
            lambda: self._queue.take(self._mount_guard.unmounted_places(), at_most)
        )
        if not leases:
            self._rest(began)
            return ()
        for lease in leases:
            self._announce(JobTaken(lease.ref, lease.traceparent))
        return leases

    def count_waiting(self, at_most: int) -> int:
        """How many jobs could be taken now, counted up to ``at_most``; 0 while the database does not answer."""
        began = time.monotonic()
        waiting = self._pending_writes.read(
            lambda: self._queue.count_waiting(self._mount_guard.unmounted_places(), at_most)
        )
        if not waiting:
            self._rest(began)
        return waiting or 0

    def _rest(self, began: float) -> None:
        now = time.monotonic()
        self._ask_at = now + min(LONGEST_REST_S, max(SHORTEST_REST_S, (now - began) * REST_FACTOR))
