"""Records how attempts end, and announces each outcome after it is stored."""

import time
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence, Set

from tonearm.errors import Failure
from tonearm.events.event import Announce
from tonearm.events.facts import FileMoved, JobEvent, JobFinished, JobRetrying, JobReturned, Warned
from tonearm.events.job_ref import JobRef
from tonearm.events.states import WarningCode
from tonearm.jobs.failures import cause_of
from tonearm.jobs.job import JobState, UnmountedPlace
from tonearm.jobs.lease import Lease
from tonearm.jobs.port import (
    NO_TIMINGS,
    AttemptOutcome,
    InterruptedAttempt,
    JobQueue,
    JobStore,
    ReadFile,
    Result,
)
from tonearm.resilience.compute_lock import give_way
from tonearm.worker.pending_writes import PendingWrites


class AttemptRecorder:
    """Records the ends of attempts. They are kept in ``pending_writes`` while the database can't be written.

    Results are collected until ``flush``, and stored together. The queue's message is acknowledged after the outcome
    is stored, never before.
    """

    def __init__(
        self, job_store: JobStore, queue: JobQueue, pending_writes: PendingWrites, announce: Announce
    ) -> None:
        self._job_store = job_store
        self._queue = queue
        self._pending_writes = pending_writes
        self._announce = announce
        self._results: list[tuple[Lease, Result]] = []
        self._recording: set[int] = set()
        self._stored: list[tuple[Lease, Result, AttemptOutcome | None]] = []

    @property
    def has_results(self) -> bool:
        """Whether results wait for the next ``flush``."""
        return bool(self._results)

    @property
    def recording(self) -> Set[int]:
        """The jobs whose attempts have ended, which the database does not know yet."""
        return self._recording

    def expect(self, lease: Lease) -> None:
        """Count a job as being recorded, whose outcome follows."""
        self._recording.add(lease.job)

    def finished(self, lease: Lease, result: Result) -> None:
        """Add the result of an analysed file; the next ``flush`` stores it."""
        self._recording.add(lease.job)
        self._results.append((lease, result))

    def flush(
        self,
        unmounted: Collection[UnmountedPlace] = (),
        at_most: int = 0,
        taken: Callable[[Sequence[Lease]], None] = lambda _: None,
    ) -> None:
        """Store the collected results, and take up to ``at_most`` jobs in the same transaction.

        taken: called with the jobs after the results are stored. Takes none without results, or when the results can't
        be stored now.
        """
        results, self._results = self._results, []
        wanted = at_most

        def store() -> tuple[Sequence[AttemptOutcome | None], Sequence[Lease]]:
            nonlocal wanted
            at_most, wanted = wanted, 0  # when this is repeated, the worker may no longer take jobs
            if at_most:
                return self._queue.finish_and_take(results, unmounted, at_most)
            return self._job_store.finish(results), ()

        def stored(answer: tuple[Sequence[AttemptOutcome | None], Sequence[Lease]]) -> None:
            outcomes, leases = answer
            for (lease, result), outcome in zip(results, outcomes, strict=True):
                self._recording.discard(lease.job)
                self._stored.append((lease, result, outcome))
            taken(leases)

        if results:
            self._pending_writes.add(store, stored)

    def announce_stored(self) -> None:
        """Acknowledge and announce what was stored since the last call."""
        stored, self._stored = self._stored, []
        for lease, result, outcome in stored:
            self._acknowledge(lease, outcome)
            if outcome is None:
                text = "its lease was lost before its result could be stored; the result is discarded"
                self._announce(Warned(WarningCode.RESULT_NOT_STORED, text, lease.ref.path))
            elif outcome.state in {JobState.DONE, JobState.PARTIAL}:
                self._announce_result(lease, result, outcome)
            else:
                self._announce_failure(
                    lease, outcome, result.work_s, result.timings, result.ended_at, result.sound.codec
                )
            give_way()

    def failed(
        self,
        lease: Lease,
        failure: Failure,
        work_s: float,
        timings: Mapping[str, float],
        codec: str | None = None,
        read: ReadFile | None = None,
    ) -> None:
        """Record a failed attempt; the job is retried later, or the file is quarantined.

        work_s: for how many seconds a child worked on the file. timings: seconds by stage. codec: where it is known.
        read: what the child has read of the file.
        """
        ended_at = time.monotonic()

        def recorded(outcome: AttemptOutcome | None) -> None:
            self._acknowledge(lease, outcome)
            if outcome is not None:
                self._announce_failure(lease, outcome, work_s, timings, ended_at, codec)

        self._recording.add(lease.job)
        self._pending_writes.add(
            lambda: self._job_store.fail(lease, failure, work_s, timings, ended_at, read), recorded
        )

    def cancelled(self, lease: Lease, failure: Failure, work_s: float = 0.0) -> None:
        """Record that the run was cancelled, or the file is gone or no music."""

        def recorded(_: None) -> None:
            self._acknowledge(lease)
            self._announce(JobReturned(lease.ref, failure.reason, JobState.CANCELLED, work_s))

        self._recording.add(lease.job)
        self._pending_writes.add(lambda: self._job_store.cancel(lease, failure, work_s), recorded)

    def given_back(self, lease: Lease, reason: str, after_s: float) -> None:
        """Give back a job that this worker can't do now; the attempt is not charged.

        after_s: seconds until it may be taken again.
        """

        def recorded(_: None) -> None:
            self._acknowledge(lease)
            self._announce(JobReturned(lease.ref, reason))

        self._recording.add(lease.job)
        self._pending_writes.add(lambda: self._job_store.give_back([lease], after_s), recorded)

    def _acknowledge(self, lease: Lease, outcome: AttemptOutcome | None = None) -> None:
        """Delete the job's message, or move it to the dead-letter queue if the file is quarantined."""
        self._recording.discard(lease.job)
        if outcome is not None and outcome.state == JobState.QUARANTINED:
            self._queue.dead_letter(lease)
        else:
            self._queue.acknowledge(lease)

    def _announce_result(self, lease: Lease, result: Result, outcome: AttemptOutcome) -> None:
        job = lease.ref
        if outcome.moved_from is not None:
            self._announce(FileMoved(job.path, outcome.moved_from))
        values = {name: found[1] for name, found in result.findings.items()}
        failure = outcome.failure
        self._announce(
            JobFinished(
                job=job,
                state=outcome.state,
                run_s=result.work_s,
                store_s=time.monotonic() - result.ended_at,
                timings=dict(result.timings),
                decoded_s=result.decoded.decoded_s if result.decoded else 0.0,
                code=failure.code if failure else None,
                reason=failure.reason if failure else None,
                advice=failure.advice if failure else None,
                bpm=values.get("tempo", {}).get("bpm"),
                key=values.get("key", {}).get("key"),
                codec=result.sound.codec,
                cause=cause_of(failure.code) if failure else None,
            )
        )

    def _announce_failure(
        self,
        lease: Lease,
        outcome: AttemptOutcome,
        work_s: float,
        timings: Mapping[str, float],
        ended_at: float,
        codec: str | None,
    ) -> None:
        store_s = time.monotonic() - ended_at
        self._announce(failed_attempt_fact(lease.ref, outcome, work_s, store_s, timings, codec))


def failed_attempt_fact(
    job: JobRef,
    outcome: AttemptOutcome,
    run_s: float = 0.0,
    store_s: float = 0.0,
    timings: Mapping[str, float] = NO_TIMINGS,
    codec: str | None = None,
) -> JobEvent:
    """What is announced of an attempt that failed or was interrupted. The times are those of ``JobFinished``."""
    failure = outcome.failure
    assert failure is not None  # noqa: S101  the outcome of a failed attempt always has its failure
    if outcome.state == JobState.CANCELLED:  # the run was cancelled meanwhile
        return JobReturned(job, failure.reason, JobState.CANCELLED, run_s, failure.code)
    if outcome.retry_in_s is not None:
        return JobRetrying(
            job=job,
            code=failure.code,
            reason=failure.reason,
            delay_s=outcome.retry_in_s,
            run_s=run_s,
            store_s=store_s,
            timings=dict(timings),
            cause=cause_of(failure.code),
        )
    return JobFinished(
        job=job,
        state=outcome.state,
        run_s=run_s,
        store_s=store_s,
        timings=dict(timings),
        code=failure.code,
        reason=failure.reason,
        advice=failure.advice,
        codec=codec,
        cause=cause_of(failure.code),
    )


def announce_interrupted(interrupted: Iterable[InterruptedAttempt], announce: Announce) -> None:
    """Announce what became of the jobs of lost workers, in place of those workers."""
    for attempt in interrupted:
        announce(failed_attempt_fact(attempt.job, attempt.outcome))
