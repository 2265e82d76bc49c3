"""The books of the jobs, kept in the database. The jobs table is also the queue when there is no broker."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, and_, case, or_, select, update

from tonearm.errors import Failure
from tonearm.jobs import counting, ending
from tonearm.jobs.ending import Finished
from tonearm.jobs.failures import INTERRUPTED, unstorable
from tonearm.jobs.job import Depth, JobState, Lease, Refusal, Unseen
from tonearm.jobs.leases import LeaseWatch
from tonearm.jobs.port import Ending
from tonearm.jobs.retry import INTERRUPTIONS, Backoff, retry_after
from tonearm.jobs.rows import Versions, cancel_unwanted, clock, engine_text
from tonearm.jobs.taking import claim_named, count_next, take_next, wake
from tonearm.library.database import Database, epoch
from tonearm.library.many import among
from tonearm.library.schema import Analysis, Audio, Job
from tonearm.settings import Level

_MEASURED = (
    select(Audio.hash, Analysis.analyser, Analysis.version)
    .join(Analysis, Analysis.audio_id == Audio.id)
    .where(among(Audio.hash, "hashes"))
)
_HELD = select(Job.id, Job.attempts, Job.lease_until).where(Job.state == JobState.RUNNING)
_IN_HAND = (
    select(Job.id, Job.file_id, Job.attempts, Job.lease_until, Job.interruptions)
    .where(Job.state == JobState.RUNNING)
    .order_by(Job.rank)
    .with_for_update(skip_locked=True)
)
_BACK = {
    "state": JobState.QUEUED,
    "forgiven": Job.forgiven + 1,
    "worker": None,
    "lease_until": None,
    "stage": None,
}


class SqlLedger:
    """Ledger and queue on the jobs table."""

    def __init__(
        self,
        database: Database,
        versions: Versions,
        backoff: Backoff,
        lease_s: float,
        watch: LeaseWatch | None = None,
    ) -> None:
        """``watch`` tells which leases are over; one of its own unless given."""
        self._watch = watch or LeaseWatch(lease_s)
        self._database = database
        self._versions = dict(versions)
        self._engine = engine_text(versions)
        self._backoff = backoff
        self._lease_s = lease_s

    # A job comes into a worker's hands.

    def take(
        self, worker: str, run: int | None, unseen: Collection[Unseen] = (), at_most: int = 1
    ) -> list[Lease]:
        """Lease waiting jobs in the order of their rank, of one run or of all, and count their attempts.

        None when nothing may be taken now. Jobs of paused runs and of unseen places are not taken.
        """
        with self._database.write() as connection:
            taken = take_next(connection, worker, run, unseen, at_most, self._lease_s)
            if len(taken) < at_most and wake(connection):
                left = at_most - len(taken)
                taken += take_next(connection, worker, run, unseen, left, self._lease_s)
            return taken

    def claim(self, announced: Mapping[int, Level | None], worker: str) -> dict[int, Lease | Refusal]:
        claimed: dict[int, Lease | Refusal] = {}
        left = dict(announced)
        wait = len(left) == 1
        while left:  # who waits for one at a time keeps nobody waiting who waits for him
            chosen = dict(list(left.items())[:1]) if wait else left
            with self._database.write() as connection:
                claimed |= claim_named(connection, chosen, worker, self._lease_s, wait)
            left = {job: level for job, level in left.items() if job not in claimed}
            wait = not wait
        return claimed

    def renew(self, worker: str, stages: Mapping[int, str]) -> frozenset[int]:
        if not stages:
            return frozenset()
        with self._database.write() as connection:
            held = connection.execute(
                update(Job)
                .where(Job.id.in_(stages), Job.worker == worker, Job.state == JobState.RUNNING)
                .values(
                    lease_until=epoch() + self._lease_s,
                    stage=case(dict(stages), value=Job.id, else_=Job.stage),
                )
                .returning(Job.id)
            )
            return frozenset(held.scalars())

    # Its attempt ends.

    def stored(self, asked: Sequence[tuple[Lease, str]]) -> list[frozenset[str]]:
        hashes = {digest for lease, digest in asked if not lease.fresh}
        known: dict[str, set[str]] = {}
        if hashes:
            with self._database.read() as connection:
                for row in connection.execute(_MEASURED, {"hashes": list(hashes)}):
                    if self._versions.get(row.analyser) == row.version:
                        known.setdefault(row.hash, set()).add(row.analyser)
        return [frozenset() if lease.fresh else frozenset(known.get(digest, ())) for lease, digest in asked]

    def finish(self, finished: Sequence[Finished]) -> list[Ending | None]:
        endings: dict[Lease, Ending | None] = {}
        left = list(finished)
        together = True
        while left:
            if together and len(left) > 1:
                try:
                    endings |= self._finish_together(left)
                except Exception as error:
                    if not ending.of_its_own(error):
                        raise
                    together = False  # one of them can't be stored; which one will turn out
                left = [one for one in left if one[0] not in endings]
            if left:
                endings[left[0][0]] = self._finish_alone(left[0])
                del left[0]
        return [endings[lease] for lease, _ in finished]

    def _finish_together(self, finished: Sequence[Finished]) -> dict[Lease, Ending]:
        """Store what is ours and is not just being written by somebody else."""
        with self._database.write() as connection:
            held = ending.held(connection, [lease for lease, _ in finished], wait=False)
            ours = [(lease, result) for lease, result in finished if lease in held]
            if not ours:
                return {}
            now = held[ours[0][0]].now
            return ending.store(connection, ours, now, self._engine, self._database.shared)

    def _finish_alone(self, finished: Finished) -> Ending | None:
        lease, result = finished
        try:
            with self._database.write() as connection:
                held = ending.held(connection, [lease])
                if not held:
                    return ending.ended_before(connection, lease)
                now = held[lease].now
                return ending.store(connection, [finished], now, self._engine, self._database.shared)[lease]
        except Exception as error:
            if not ending.of_its_own(error):
                raise
            return self.fail(lease, unstorable(error), result.work_s)

    def fail(self, lease: Lease, failure: Failure, work_s: float) -> Ending | None:
        with self._database.write() as connection:
            held = ending.held(connection, [lease])
            if not held:
                return ending.ended_before(connection, lease)
            now, forgiven = held[lease].now, held[lease].forgiven
            delay_s = retry_after(failure, lease.attempt - forgiven, self._backoff)
            if delay_s is None:
                ending.end(connection, lease, JobState.QUARANTINED, now, failure, work_s)
                ending.settle(connection, lease.file, JobState.QUARANTINED)
                return Ending(JobState.QUARANTINED, failure)
            ending.put_off(connection, lease.job, now + delay_s, failure)
            if cancel_unwanted(connection, Job.id == lease.job, now):
                return Ending(JobState.CANCELLED, failure)
            return Ending(JobState.RETRYING, failure, retry_in_s=delay_s)

    def cancel(self, lease: Lease, failure: Failure) -> None:
        with self._database.write() as connection:
            held = ending.held(connection, [lease])
            if held:
                ending.end(connection, lease, JobState.CANCELLED, held[lease].now, failure)
                ending.settle(connection, lease.file, "waiting")

    # It goes back to wait.

    def give_back(self, leases: Sequence[Lease], after_s: float = 0.0) -> None:
        if not leases:
            return
        with self._database.write() as connection:
            now = clock(connection)
            ours = or_(
                *(
                    and_(Job.id == lease.job, Job.worker == lease.worker, Job.attempts == lease.attempt)
                    for lease in leases
                )
            )
            later = {"state": JobState.RETRYING, "not_before": now + after_s} if after_s else {}
            connection.execute(
                update(Job)
                .where(Job.state == JobState.RUNNING, ours)
                .values(owed_at=now + after_s, **_BACK | later)
            )
            cancel_unwanted(connection, Job.id.in_([lease.job for lease in leases]), now)

    def disown(self, worker: str, in_hand: Collection[int]) -> int:
        """Give back what the books say this worker has and it has not, after an answer got lost on the way."""
        with self._database.write() as connection:
            back = connection.execute(
                update(Job)
                .where(Job.state == JobState.RUNNING, Job.worker == worker, Job.id.not_in(in_hand))
                .values(owed_at=epoch(), **_BACK)
                .returning(Job.id)
            ).scalars()
            given = list(back)
            if given:
                cancel_unwanted(connection, Job.id.in_(given), clock(connection))
            return len(given)

    def recover(self) -> int:
        with self._database.read() as connection:
            held = connection.execute(_HELD).all()
        over = self._watch.over((row.id, row.attempts, row.lease_until) for row in held)
        with self._database.write() as connection:
            wake(connection)
            if not over:
                return 0
            found = connection.execute(_IN_HAND.where(Job.id.in_([job for job, *_ in over]))).all()
            return self._take_back(
                connection, [row for row in found if (row.id, row.attempts, row.lease_until) in over]
            )

    def reclaim(self, worker: str | None) -> int:
        """Take back at once the jobs of a worker that is known to be gone, or all; returns how many."""
        with self._database.write() as connection:
            wake(connection)
            own = [Job.worker == worker] if worker is not None else []
            return self._take_back(connection, connection.execute(_IN_HAND.where(*own)).all())

    def _take_back(self, connection: Connection, lost: Sequence[Any]) -> int:
        """Count an interruption against jobs that nobody works on any more, and let them wait again."""
        if not lost:
            return 0
        now = clock(connection)
        for job in lost:
            if job.interruptions + 1 >= INTERRUPTIONS:
                ending.quarantine_lost(connection, job.id, job.file_id, now)
                continue
            ending.put_off(connection, job.id, now + self._backoff.delay_s(1), INTERRUPTED)
            connection.execute(
                update(Job)
                .where(Job.id == job.id)
                .values(interruptions=job.interruptions + 1, forgiven=Job.forgiven + 1)
            )
        cancel_unwanted(connection, Job.id.in_([job.id for job in lost]), now)
        return len(lost)

    # How much there is.

    def waiting(self, run: int | None, at_most: int, unseen: Collection[Unseen] = ()) -> int:
        """How many jobs could be taken now, counted no further than ``at_most``."""
        with self._database.read() as connection:
            return count_next(connection, run, unseen, at_most)

    def open_jobs(self, run: int, unseen: Collection[Unseen] = ()) -> bool:
        """Whether a run has jobs that have not ended, those of unseen places left aside."""
        with self._database.read() as connection:
            return counting.any_open(connection, run, unseen)

    def depth(self, run: int | None) -> Depth:
        """How much is open, of one run or of all."""
        with self._database.read() as connection:
            return counting.depth(connection, run)

    def owed(self) -> int:
        """How many waiting jobs have no message out: the outbox."""
        with self._database.read() as connection:
            return counting.owed(connection)

    def samples(self, root: int, limit: int) -> list[bytes]:
        """Some files of a root that were there when it was last read: the oldest and the newest in the library."""
        with self._database.read() as connection:
            return counting.samples(connection, root, limit)

    def ping(self) -> float:
        """Ask the database for the time."""
        with self._database.read() as connection:
            return clock(connection)
