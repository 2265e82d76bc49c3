"""What is to be done about once a second beside the work: leases, the wishes of persons, the worker's own row."""

import contextlib
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from tonearm.errors import StorageError
from tonearm.jobs.port import JobStore
from tonearm.jobs.runs import Runs, RunState
from tonearm.jobs.worker_registry import WorkerStatus
from tonearm.names import to_document
from tonearm.settings import Settings
from tonearm.worker.attempt_recorder import whole_path
from tonearm.worker.child_process import Assignment
from tonearm.worker.pending_writes import PendingWrites

RENEW_S = 5.0
HEARTBEAT_S = 2.0


class Registration(Protocol):
    """Where a worker says that it lives."""

    def heartbeat(
        self, assignment: Sequence[Mapping[str, Any]], unmounted: Sequence[bytes], done: int, failed: int
    ) -> WorkerStatus:
        """Renew this worker's row, and learn how it stands."""


@dataclass(frozen=True, slots=True)
class Round:
    """What a round has found out. ``lost``: jobs in hand that are no longer ours; ``states``: of their runs."""

    lost: frozenset[int] = frozenset()
    states: Mapping[int, RunState] = field(default_factory=dict)
    status: WorkerStatus = WorkerStatus.ACTIVE


class Maintenance:
    """Keeps a worker's leases and its row alive."""

    def __init__(
        self,
        job_store: JobStore,
        runs: Runs,
        books: PendingWrites,
        settings: Settings,
        worker: str,
        registration: Registration | None,
    ) -> None:
        self._job_store = job_store
        self._runs = runs
        self._pending_writes = books
        self._settings = settings
        self._worker = worker
        self._registration = registration
        self._disowned_at = 0.0
        self._renew_at = self._recover_at = self._beat_at = 0.0
        self._status = WorkerStatus.ACTIVE
        self.done = 0
        self.failed = 0

    def round(
        self, assignments: Sequence[Assignment], watched: int | None, unmounted: Sequence[bytes]
    ) -> Round:
        """Do what is due. ``watched``: a run whose state matters though nothing of it may be in hand."""
        now = time.monotonic()
        lost = self._renewed(assignments, now)
        away = self._pending_writes.away_until
        back = away > self._disowned_at and not self._pending_writes.owed and not self._pending_writes.trouble
        if back or now >= self._beat_at:
            self._beat_at = now + HEARTBEAT_S
            heard = self._heartbeat(assignments, unmounted)
            if back and heard:
                self._disown(assignments, away)
        if now >= self._recover_at:
            self._recover_at = now + min(10.0, self._settings.lease_s / 4)
            self._pending_writes.change(self._job_store.recover)
        runs = {assignment.lease.run for assignment in assignments} | (
            {watched} if watched is not None else set()
        )
        states = self._pending_writes.ask(lambda: self._runs.states(runs)) if runs else {}
        return Round(lost, states or {}, self._status)

    def _renewed(self, assignments: Sequence[Assignment], now: float) -> frozenset[int]:
        stages = {assignment.lease.job: assignment.stage for assignment in assignments}
        if not stages or now < self._renew_at:
            return frozenset()
        held = self._pending_writes.change(lambda: self._job_store.renew(self._worker, stages))
        if held is None:
            return frozenset()
        self._renew_at = now + min(RENEW_S, self._settings.lease_s / 3)
        return frozenset(stages) - held

    def _disown(self, assignments: Sequence[Assignment], away: float) -> None:
        """After the server was away: a job may have been given to this worker in an answer that got lost.

        Only to be said by who still has the worker's name: what another start of it has in hand is not ours.
        """
        if self._status is WorkerStatus.REPLACED:
            return
        jobs = [assignment.lease.job for assignment in assignments]
        if self._pending_writes.change(lambda: self._job_store.disown(self._worker, jobs)) is not None:
            self._disowned_at = away

    def last_word(self) -> None:
        """Say for the last time what this worker has done."""
        if self._registration is not None and not self._pending_writes.trouble:
            with contextlib.suppress(StorageError):
                self._registration.heartbeat([], [], self.done, self.failed)

    def _heartbeat(self, assignments: Sequence[Assignment], unmounted: Sequence[bytes]) -> bool:
        """Say what this worker does, and note how it stands; returns whether that is known."""
        registration = self._registration
        if registration is None:
            return True
        assignment = [
            {
                "job": assignment.lease.job,
                "path": to_document(whole_path(assignment.lease)),
                "stage": assignment.stage,
                "for_s": round(time.monotonic() - assignment.since, 1),
            }
            for assignment in assignments
        ]
        status = self._pending_writes.change(
            lambda: registration.heartbeat(assignment, unmounted, self.done, self.failed)
        )
        self._status = status or self._status
        return status is not None
