"""Announces what other workers do in a run, and how many slots all workers have together."""

import contextlib
import time

from tonearm.errors import StorageError
from tonearm.events.bus import EventBus
from tonearm.events.facts import Remote, WorkersChanged
from tonearm.jobs.worker_registry import WorkerRegistry
from tonearm.library.database import Database
from tonearm.progress.poller import ProgressPoller
from tonearm.progress.remote_events import RemoteEvents

COUNT_SLOTS_S = 5.0


class RunFollower:
    """What ``analyze`` does once a second in a shared library: announce what others did in its run."""

    def __init__(
        self,
        database: Database,
        workers: WorkerRegistry,
        bus: EventBus,
        poller: ProgressPoller | None,
        worker: str,
    ) -> None:
        self._database = database
        self._workers = workers
        self._bus = bus
        self._poller = poller
        self._worker = worker
        self._remote_events: RemoteEvents | None = None
        self._counted_at = 0.0

    def __call__(self, run: int) -> None:
        """Read and announce once; while the database does not answer, nothing is announced."""
        if self._remote_events is None:
            self._remote_events = RemoteEvents(self._database, self._poller, run, self._worker)
            self._bus.subscribe(self._remote_events, "run follower")
        with contextlib.suppress(StorageError):
            behind = True
            while behind:
                for event in self._remote_events.look():
                    self._bus(Remote(event))
                behind = self._remote_events.behind
            if time.monotonic() - self._counted_at > COUNT_SLOTS_S:
                self._counted_at = time.monotonic()
                shifts = self._workers.shifts()
                self._bus(WorkersChanged(sum(shift.slots for shift in shifts), shifts))
