"""The job store in the database. Without a message broker the jobs table is also the queue."""

from collections.abc import Collection, Mapping, Sequence

from sqlalchemy import Connection, case, select, update

from tonearm.errors import Failure, Fault
from tonearm.jobs import attempt_outcomes, attempts, giving_back, queue_depth
from tonearm.jobs.attempt_outcomes import Finished
from tonearm.jobs.attempts import Outcome
from tonearm.jobs.claiming import claim_delivered, count_next, queue_due_retries, take_next
from tonearm.jobs.failures import CHILD_LOST, unstorable
from tonearm.jobs.job import LEFT_OUT, ClaimRefusal, Depth, JobState, UnmountedPlace
from tonearm.jobs.job_sql import IS_OPEN, Versions, cancel_unwanted, clock, engine_text, in_state
from tonearm.jobs.lease import Lease
from tonearm.jobs.lease_watch import LeaseWatch
from tonearm.jobs.lost_workers import recover_interrupted
from tonearm.jobs.port import (
    NO_IDENTITIES,
    NO_TIMINGS,
    NO_WORK,
    AttemptOutcome,
    InterruptedAttempt,
    ReadFile,
    Result,
)
from tonearm.jobs.result_writer import ResultWriter
from tonearm.jobs.retry import retry_after
from tonearm.jobs.run_counts import count_left_out
from tonearm.library.database import Database
from tonearm.library.database_time import database_time
from tonearm.library.features import FeatureTables
from tonearm.library.former_identities import FormerIdentity, adopt
from tonearm.library.left_out import VIDEO
from tonearm.library.one_of import among
from tonearm.library.schema import analysis_table, audio_table, job_table
from tonearm.resilience.backoff import Backoff
from tonearm.settings import Level

_MEASURED = (
    select(audio_table.c.hash, analysis_table.c.analyser, analysis_table.c.version)
    .join(analysis_table, analysis_table.c.audio_id == audio_table.c.id)
    .where(among(audio_table.c.hash, "hashes"))
)
_LEASES = select(job_table.c.id, job_table.c.attempts, job_table.c.lease_until).where(
    in_state(JobState.RUNNING), IS_OPEN
)


class SqlJobStore:
    """JobStore and JobClaims on the jobs table, and the queue of libraries without a broker."""

    def __init__(
        self,
        database: Database,
        versions: Versions,
        backoff: Backoff,
        lease_s: float,
        watch: LeaseWatch | None = None,
        features: FeatureTables | None = None,
    ) -> None:
        """``watch``: finds expired leases; by default a new LeaseWatch."""
        self._watch = watch or LeaseWatch(lease_s)
        self._database = database
        self._versions = dict(versions)
        self._results = ResultWriter(
            database, engine_text(versions), features or FeatureTables(()), self._reject
        )
        self._backoff = backoff
        self._lease_s = lease_s

    # Taking jobs.

    def take(
        self, worker: str, run: int | None, unmounted: Collection[UnmountedPlace] = (), at_most: int = 1
    ) -> list[Lease]:
        """Lease waiting jobs in the order of their rank, of one run or of all, and count their attempts.

        Empty when nothing can be taken now. Jobs of paused runs and of unmounted places are not taken.
        """
        with self._database.write() as connection:
            return self._take(connection, worker, run, unmounted, at_most)

    def _take(
        self,
        connection: Connection,
        worker: str,
        run: int | None,
        unmounted: Collection[UnmountedPlace],
        at_most: int,
    ) -> list[Lease]:
        taken = take_next(connection, worker, run, unmounted, at_most, self._lease_s)
        if len(taken) < at_most and queue_due_retries(connection):
            left = at_most - len(taken)
            taken += take_next(connection, worker, run, unmounted, left, self._lease_s)
        return taken

    def claim(self, delivered: Mapping[int, Level | None], worker: str) -> dict[int, Lease | ClaimRefusal]:
        claimed: dict[int, Lease | ClaimRefusal] = {}
        left = dict(delivered)
        wait = len(left) == 1
        while left:  # waiting for the lock of one row at a time avoids deadlocks
            chosen = dict(list(left.items())[:1]) if wait else left
            with self._database.write() as connection:
                claimed |= claim_delivered(connection, chosen, worker, self._lease_s, wait)
            left = {job: level for job, level in left.items() if job not in claimed}
            wait = not wait
        return claimed

    def renew(self, worker: str, stages: Mapping[int, str]) -> frozenset[int]:
        if not stages:
            return frozenset()
        with self._database.write() as connection:
            renewed = connection.execute(
                update(job_table)
                .where(
                    job_table.c.id.in_(stages),
                    job_table.c.worker == worker,
                    in_state(JobState.RUNNING),
                )
                .values(
                    lease_until=database_time() + self._lease_s,
                    stage=case(dict(stages), value=job_table.c.id, else_=job_table.c.stage),
                )
                .returning(job_table.c.id)
            )
            return frozenset(renewed.scalars())

    # Ending attempts.

    def known_results(
        self, asked: Sequence[tuple[Lease, str]], former: Mapping[str, FormerIdentity] = NO_IDENTITIES
    ) -> list[frozenset[str]]:
        if former:
            with self._database.write() as connection:
                adopt(connection, former, clock(connection))
        hashes = {digest for lease, digest in asked if not lease.fresh}
        known: dict[str, set[str]] = {}
        if hashes:
            with self._database.read_once() as connection:
                for row in connection.execute(_MEASURED, {"hashes": list(hashes)}):
                    if self._versions.get(row.analyser) == row.version:
                        known.setdefault(row.hash, set()).add(row.analyser)
        return [frozenset() if lease.fresh else frozenset(known.get(digest, ())) for lease, digest in asked]

    def finish(self, finished: Sequence[Finished]) -> list[AttemptOutcome | None]:
        return self._results.write(finished, lambda _: None)[0]

    def finish_and_take(
        self,
        finished: Sequence[Finished],
        worker: str,
        run: int | None,
        unmounted: Collection[UnmountedPlace],
        at_most: int,
    ) -> tuple[list[AttemptOutcome | None], Sequence[Lease]]:
        """``finish`` and ``take`` in one transaction; nothing is taken if one transaction can't store all results."""
        outcomes, taken = self._results.write(
            finished, lambda connection: self._take(connection, worker, run, unmounted, at_most)
        )
        return outcomes, taken or ()

    def finish_and_claim(
        self, finished: Sequence[Finished], delivered: Mapping[int, Level | None], worker: str
    ) -> tuple[list[AttemptOutcome | None], Mapping[int, Lease | ClaimRefusal]]:
        outcomes, claimed = self._results.write(
            finished,
            lambda connection: (
                claim_delivered(connection, delivered, worker, self._lease_s, wait=False) if delivered else {}
            ),
        )
        return outcomes, claimed or {}

    def _reject(self, lease: Lease, result: Result, error: Exception) -> AttemptOutcome | None:
        """End the attempt whose result the database refuses."""
        return self.fail(lease, unstorable(error), result.work_s, result.timings, result.ended_at)

    def fail(
        self,
        lease: Lease,
        failure: Failure,
        work_s: float,
        timings: Mapping[str, float] = NO_TIMINGS,
        ended_at: float | None = None,
        read: ReadFile | None = None,
    ) -> AttemptOutcome | None:
        try:
            return self._fail(lease, failure, work_s, timings, ended_at, read)
        except Exception as error:
            if read is None or not attempt_outcomes.is_data_error(error):
                raise
            return self._fail(lease, failure, work_s, timings, ended_at, None)

    def _fail(
        self,
        lease: Lease,
        failure: Failure,
        work_s: float,
        timings: Mapping[str, float],
        ended_at: float | None,
        read: ReadFile | None,
    ) -> AttemptOutcome | None:
        with self._database.write() as connection:
            rows = attempt_outcomes.lock_leased(connection, [lease])
            if not rows:
                return attempt_outcomes.recorded_outcome(connection, lease, failure)
            now = rows[lease].now
            ended = attempts.ended(lease, Outcome.FAILED, now, failure.code, work_s, timings, ended_at)
            attempts.record(connection, [ended])
            if failure.code in CHILD_LOST:
                attempt_outcomes.count_child_death(connection, lease.job)
            delay_s = retry_after(failure, lease.charged_attempts, self._backoff)
            if delay_s is None:
                attempt_outcomes.end(connection, lease, JobState.QUARANTINED, now, failure, work_s)
                attempt_outcomes.set_file_state(connection, lease.file, JobState.QUARANTINED)
                if read is not None:
                    attempt_outcomes.keep_what_was_read(connection, lease, read, now)
                return AttemptOutcome(JobState.QUARANTINED, failure)
            attempt_outcomes.postpone(connection, lease.job, now + delay_s, failure)
            if cancel_unwanted(connection, job_table.c.id == lease.job, now):
                return AttemptOutcome(JobState.CANCELLED, failure)
            return AttemptOutcome(JobState.RETRYING, failure, retry_in_s=delay_s)

    def cancel(self, lease: Lease, failure: Failure, work_s: float = 0.0) -> None:
        with self._database.write() as connection:
            rows = attempt_outcomes.lock_leased(connection, [lease])
            if rows:
                now = rows[lease].now
                attempts.record(
                    connection, [attempts.ended(lease, Outcome.CANCELLED, now, failure.code, work_s)]
                )
                attempt_outcomes.end(connection, lease, JobState.CANCELLED, now, failure, work_s)
                is_video = failure.code == Fault.VIDEO.code
                attempt_outcomes.set_file_state(connection, lease.file, LEFT_OUT if is_video else "waiting")
                if is_video:
                    count_left_out(connection, lease.run, {VIDEO: 1})

    # Returning jobs to the queue.

    def give_back(
        self, leases: Sequence[Lease], after_s: float = 0.0, work_s: Mapping[int, float] = NO_WORK
    ) -> None:
        if leases:
            with self._database.write() as connection:
                giving_back.give_back(connection, leases, after_s, work_s)

    def give_back_except(self, worker: str, known: Collection[int]) -> int:
        with self._database.write() as connection:
            return giving_back.give_back_except(connection, worker, known)

    def recover_expired(self) -> list[InterruptedAttempt]:
        with self._database.read() as connection:
            leases = connection.execute(_LEASES).all()
        expired = self._watch.expired((row.id, row.attempts, row.lease_until) for row in leases)
        with self._database.write() as connection:
            queue_due_retries(connection)
            if not expired:
                return []
            found = giving_back.running_jobs(connection, job_table.c.id.in_([job for job, *_ in expired]))
            lost = [row for row in found if (row.id, row.attempts, row.lease_until) in expired]
            return recover_interrupted(connection, lost, self._backoff)

    def recover_worker(self, worker: str | None) -> list[InterruptedAttempt]:
        """Recover at once the jobs of a worker that has ended, or of all workers."""
        with self._database.write() as connection:
            queue_due_retries(connection)
            own = [job_table.c.worker == worker] if worker is not None else []
            lost = giving_back.running_jobs(connection, *own)
            return recover_interrupted(connection, lost, self._backoff)

    # Counts.

    def count_waiting(self, run: int | None, at_most: int, unmounted: Collection[UnmountedPlace] = ()) -> int:
        """How many jobs could be taken now, counted up to ``at_most``."""
        with self._database.read() as connection:
            return count_next(connection, run, unmounted, at_most)

    def open_jobs(self, run: int, unmounted: Collection[UnmountedPlace] = ()) -> bool:
        """Whether a run has jobs that have not ended, not counting those of unmounted places."""
        with self._database.read() as connection:
            return queue_depth.any_open(connection, run, unmounted)

    def depth(self, run: int | None) -> Depth:
        """How many jobs are open, of one run or of all."""
        with self._database.read() as connection:
            return queue_depth.depth(connection, run)

    def count_unsent(self) -> int:
        """How many waiting jobs have a message that is still to be sent: the size of the outbox."""
        with self._database.read() as connection:
            return queue_depth.count_unsent(connection)

    def sample_paths(self, root: int, limit: int) -> list[bytes]:
        """Paths of some files that the last scan of a root found: the first and the last that were recorded."""
        with self._database.read() as connection:
            return queue_depth.sample_paths(connection, root, limit)
