"""The periodic tasks of a worker: renews leases, sends heartbeats, recovers jobs of lost workers, and checks for pause,
resume, cancel and drain."""

import contextlib
import time
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, field
from typing import Any, Protocol

from tonearm.errors import StorageError
from tonearm.events.event import Announce
from tonearm.events.facts import JobFinished, LeaseExpired
from tonearm.events.states import RunState
from tonearm.jobs.job import JobState
from tonearm.jobs.port import JobStore
from tonearm.jobs.runs import Runs
from tonearm.jobs.worker_registry import WorkerStatus
from tonearm.names import to_document
from tonearm.settings import Settings
from tonearm.worker.attempt_recorder import announce_interrupted
from tonearm.worker.child_process import Assignment
from tonearm.worker.pending_writes import PendingWrites

RENEW_S = 5.0
HEARTBEAT_S = 2.0
RECOVER_S = 10.0


class Registration(Protocol):
    """A worker's row in the table of workers."""

    def heartbeat(
        self, running: Sequence[Mapping[str, Any]], unmounted: Sequence[bytes], done: int, failed: int
    ) -> WorkerStatus:
        """Update the row and return this worker's status.

        unmounted: paths on this host. done, failed: numbers of jobs.
        """


@dataclass(frozen=True, slots=True)
class MaintenanceReport:
    """The findings of maintenance.

    lost_jobs: running jobs that are no longer leased to this worker. run_states: states of the runs of running jobs.
    """

    lost_jobs: frozenset[int] = frozenset()
    run_states: Mapping[int, RunState] = field(default_factory=dict)
    worker_status: WorkerStatus = WorkerStatus.ACTIVE


class Maintenance:
    """Keeps a worker's leases and its row up to date."""

    def __init__(
        self,
        job_store: JobStore,
        runs: Runs,
        pending_writes: PendingWrites,
        settings: Settings,
        worker: str,
        registration: Registration | None,
        announce: Announce,
    ) -> None:
        """``announce`` hears what became of the jobs of lost workers."""
        self._job_store = job_store
        self._runs = runs
        self._pending_writes = pending_writes
        self._settings = settings
        self._worker = worker
        self._registration = registration
        self._announce = announce
        self._gave_back_at = 0.0
        self._renew_at = self._recover_at = self._heartbeat_at = 0.0
        self._status = WorkerStatus.ACTIVE
        self._done = 0
        self._failed = 0

    def count(self, event: JobFinished) -> None:
        """Count a finished job for the worker's row."""
        if event.state == JobState.QUARANTINED:
            self._failed += 1
        else:
            self._done += 1

    @property
    def owes_return(self) -> bool:
        """Whether leases that this worker may have without knowing are to be given back; until then it takes none."""
        return self._pending_writes.unavailable_at > self._gave_back_at

    def run_due(
        self,
        assignments: Sequence[Assignment],
        followed_run: int | None,
        unmounted: Sequence[bytes],
        recording: Set[int] | None,
    ) -> MaintenanceReport:
        """Run the tasks that are due.

        followed_run: a run whose state is read even if none of its jobs is running. recording: jobs leased to this
        worker beside those of ``assignments``; ``None`` while jobs are being taken, as nobody knows them yet.
        """
        now = time.monotonic()
        lost = self._renew(assignments, now)
        unavailable_at = self._pending_writes.unavailable_at
        returned = recording is not None and self.owes_return and not self._pending_writes.failure
        if returned or now >= self._heartbeat_at:
            self._heartbeat_at = now + HEARTBEAT_S
            status_known = self._heartbeat(assignments, unmounted)
            if returned and recording is not None and status_known:
                leased = {*recording, *(assignment.lease.job for assignment in assignments)}
                self._give_back_unknown(leased, unavailable_at)
        if now >= self._recover_at:
            self._recover_at = now + min(RECOVER_S, self._settings.lease_s / 4)
            interrupted = self._pending_writes.write(self._job_store.recover_expired) or ()
            for attempt in interrupted:
                self._announce(LeaseExpired(attempt.job))
            announce_interrupted(interrupted, self._announce)
        runs = {assignment.lease.run for assignment in assignments}
        if followed_run is not None:
            runs.add(followed_run)
        states = self._pending_writes.read(lambda: self._runs.states(runs)) if runs else {}
        return MaintenanceReport(lost, states or {}, self._status)

    def send_final_heartbeat(self) -> None:
        """Store the final numbers of jobs that this worker has finished."""
        if self._registration is not None and not self._pending_writes.failure:
            with contextlib.suppress(StorageError):
                self._registration.heartbeat([], [], self._done, self._failed)

    def _renew(self, assignments: Sequence[Assignment], now: float) -> frozenset[int]:
        """Renew the leases if it is time; returns the jobs whose lease was lost."""
        stages = {assignment.lease.job: assignment.stage for assignment in assignments}
        if not stages or now < self._renew_at:
            return frozenset()
        leased = self._pending_writes.write(lambda: self._job_store.renew(self._worker, stages))
        if leased is None:
            return frozenset()
        self._renew_at = now + min(RENEW_S, self._settings.lease_s / 3)
        return frozenset(stages) - leased

    def _give_back_unknown(self, known: Set[int], unavailable_at: float) -> None:
        """Give back jobs that are leased to this worker without its knowledge, as an answer never arrived.

        known: the jobs that it has. Does nothing if another worker has registered this one's name, because the leases
        are then that worker's.
        """
        if self._status is WorkerStatus.REPLACED:
            return
        given_back = self._pending_writes.write(lambda: self._job_store.give_back_except(self._worker, known))
        if given_back is not None:
            self._gave_back_at = unavailable_at

    def _heartbeat(self, assignments: Sequence[Assignment], unmounted: Sequence[bytes]) -> bool:
        """Update this worker's row, and read its status; ``False`` if the database does not answer."""
        registration = self._registration
        if registration is None:
            return True
        running = [
            {
                "job": assignment.lease.job,
                "path": to_document(assignment.lease.ref.path),
                "stage": assignment.stage,
                "for_s": round(time.monotonic() - assignment.started_at, 1),
            }
            for assignment in assignments
        ]
        status = self._pending_writes.write(
            lambda: registration.heartbeat(running, unmounted, self._done, self._failed)
        )
        self._status = status or self._status
        return status is not None
