"""Takes jobs from the queue. After an empty answer it pauses, for longer the longer the answer took."""

import time
from collections.abc import Callable, Sequence

from tonearm.events.event import Announce
from tonearm.events.facts import JobTaken
from tonearm.jobs.lease import Lease
from tonearm.jobs.port import JobQueue
from tonearm.worker.mount_guard import MountGuard
from tonearm.worker.pending_writes import PendingWrites

SHORTEST_PAUSE_S = 0.5
LONGEST_PAUSE_S = 10.0
PAUSE_FACTOR = 20
"""The pause after an empty answer, as a multiple of the time that the answer took."""


class JobTaker:
    """Takes jobs of mounted places, and limits how often the queue is asked."""

    def __init__(
        self, queue: JobQueue, pending_writes: PendingWrites, mount_guard: MountGuard, announce: Announce
    ) -> None:
        self._announce_fact = announce
        self._queue = queue
        self._pending_writes = pending_writes
        self._mount_guard = mount_guard
        self._ask_at = 0.0

    def is_paused(self, now: float) -> bool:
        """Whether the queue is not asked now, because it was empty or the database was unavailable."""
        return now < self._ask_at

    def wake(self) -> None:
        """End the pause, because there may be a job to take."""
        self._ask_at = 0.0

    def take(self, at_most: int, taken: Callable[[Sequence[Lease]], None]) -> None:
        """Lease the next jobs, and call ``taken`` with them, if there are any and the database answers."""
        began = time.monotonic()
        unmounted = self._mount_guard.unmounted_places()

        def answered(leases: Sequence[Lease] | None) -> None:
            if leases:
                self.announce(leases, time.monotonic() - began)
                taken(leases)
            else:
                self._pause(began)

        self._pending_writes.add_once(lambda: self._queue.take(unmounted, at_most), answered, shows_use=bool)

    def announce(self, leases: Sequence[Lease], elapsed_s: float) -> None:
        """Announce jobs that were taken. elapsed_s: how long that took."""
        for lease in leases:
            self._announce_fact(JobTaken(lease.ref, lease.traceparent, lease.sampled, elapsed_s))

    def count_waiting(self, at_most: int) -> int:
        """How many jobs could be taken now, counted up to ``at_most``; 0 while the database does not answer."""
        began = time.monotonic()
        waiting = self._pending_writes.read(
            lambda: self._queue.count_waiting(self._mount_guard.unmounted_places(), at_most),
            shows_use=lambda _: False,  # a broker's queue counts messages
        )
        if not waiting:
            self._pause(began)
        return waiting or 0

    def _pause(self, began: float) -> None:
        now = time.monotonic()
        self._ask_at = now + min(LONGEST_PAUSE_S, max(SHORTEST_PAUSE_S, (now - began) * PAUSE_FACTOR))
