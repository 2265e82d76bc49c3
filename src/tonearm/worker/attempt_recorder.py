"""Ends attempts in the books, and announces an ending only once it is stored."""

import os
from collections.abc import Sequence

from tonearm.errors import Failure
from tonearm.events.facts import Announce, FileMoved, JobFinished, JobRetrying, JobReturned, Warned
from tonearm.jobs.job import JobState, Lease
from tonearm.jobs.port import AttemptOutcome, JobQueue, JobStore, Result
from tonearm.worker.pending_writes import PendingWrites


def whole_path(lease: Lease) -> bytes:
    """Where a lease's file lies."""
    return os.path.join(lease.root, lease.path)


class AttemptRecorder:
    """Ways for an attempt to end; each waits in ``books`` while the database can't take it.

    Results are gathered until ``settle``, and stored together. The queue is told once the ending is stored, never
    before.
    """

    def __init__(
        self, job_store: JobStore, queue: JobQueue, books: PendingWrites, announce: Announce
    ) -> None:
        self._job_store = job_store
        self._queue = queue
        self._pending_writes = books
        self._announce = announce
        self._finished: list[tuple[Lease, Result]] = []

    def store(self, lease: Lease, result: Result) -> None:
        """The file was analysed; its result waits for ``settle``."""
        self._finished.append((lease, result))

    def settle(self) -> None:
        """Store the results that were gathered."""
        finished, self._finished = self._finished, []
        if finished:
            self._pending_writes.owe(lambda: self._store(finished))

    def fail(self, lease: Lease, failure: Failure, work_s: float, size: int) -> None:
        """The attempt failed; another follows, or the file is quarantined."""
        self._pending_writes.owe(lambda: self._fail(lease, failure, work_s, size))

    def cancel(self, lease: Lease, failure: Failure) -> None:
        """The file is no longer wanted, or no longer there."""
        self._pending_writes.owe(lambda: self._cancel(lease, failure))

    def give_back(self, lease: Lease, reason: str, after_s: float) -> None:
        """This worker can't work on it now; another one may, at no charge."""
        self._pending_writes.owe(lambda: self._give_back(lease, reason, after_s))

    def _give_back(self, lease: Lease, reason: str, after_s: float) -> None:
        self._job_store.give_back([lease], after_s)
        self._queue.acknowledge(lease)
        self._announce(JobReturned(lease.job, whole_path(lease), reason))

    def _store(self, finished: Sequence[tuple[Lease, Result]]) -> None:
        for (lease, result), ending in zip(finished, self._job_store.finish(finished), strict=True):
            self._tell(lease, ending)
            if ending is None:
                text = "another worker has taken it over; this result is not stored"
                self._announce(Warned(text, whole_path(lease)))
            elif ending.state in {JobState.DONE, JobState.PARTIAL}:
                self._announce_result(lease, result, ending)
            else:
                self._announce_failure(lease, ending, result.work_s, result.size)

    def _fail(self, lease: Lease, failure: Failure, work_s: float, size: int) -> None:
        ending = self._job_store.fail(lease, failure, work_s)
        self._tell(lease, ending)
        if ending is not None:
            self._announce_failure(lease, ending, work_s, size)

    def _tell(self, lease: Lease, ending: AttemptOutcome | None) -> None:
        """Let the queue know that the message of a lease has done its work."""
        if ending is not None and ending.state == JobState.QUARANTINED:
            self._queue.bury(lease)
        else:
            self._queue.acknowledge(lease)

    def _announce_result(self, lease: Lease, result: Result, ending: AttemptOutcome) -> None:
        path = whole_path(lease)
        if ending.moved_from is not None:
            self._announce(FileMoved(path, ending.moved_from))
        values = {name: found[1] for name, found in result.findings.items()}
        failure = ending.failure
        self._announce(
            JobFinished(
                job=lease.job,
                path=path,
                state=ending.state,
                elapsed_s=result.work_s,
                decoded_s=result.report.get("decoded_s") or 0.0,
                size=result.size,
                extension=lease.extension,
                code=failure.code if failure else None,
                reason=failure.reason if failure else None,
                advice=failure.advice if failure else None,
                attempts=lease.attempt - lease.uncharged_attempts,
                bpm=values.get("tempo", {}).get("bpm"),
                key=values.get("key", {}).get("key"),
                timings=dict(result.timings),
            )
        )

    def _announce_failure(self, lease: Lease, ending: AttemptOutcome, work_s: float, size: int) -> None:
        path, failure = whole_path(lease), ending.failure
        assert failure is not None  # noqa: S101  no attempt fails without a reason
        if ending.retry_in_s is not None:
            self._announce(
                JobRetrying(lease.job, path, failure.code, failure.reason, lease.attempt, ending.retry_in_s)
            )
            return
        self._announce(
            JobFinished(
                job=lease.job,
                path=path,
                state=ending.state,
                elapsed_s=work_s,
                size=size,
                extension=lease.extension,
                code=failure.code,
                reason=failure.reason,
                advice=failure.advice,
                attempts=lease.attempt - lease.uncharged_attempts,
            )
        )

    def _cancel(self, lease: Lease, failure: Failure) -> None:
        self._job_store.cancel(lease, failure)
        self._queue.acknowledge(lease)
        self._announce(JobReturned(lease.job, whole_path(lease), failure.reason, "cancelled"))
