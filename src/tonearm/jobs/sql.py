"""The books of the jobs, kept in the database. The jobs table is also the queue when there is no broker."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, and_, case, func, or_, select, true, update

from tonearm.errors import Failure
from tonearm.jobs.failures import CANCELLED_BY_PERSON, INTERRUPTED, incomplete
from tonearm.jobs.job import OPEN, Depth, JobState, Lease, Refusal
from tonearm.jobs.port import Ending, Result
from tonearm.jobs.retry import INTERRUPTIONS, Backoff, retry_after
from tonearm.library.database import Database, epoch
from tonearm.library.results import follow_move, write_audio, write_findings, write_tags
from tonearm.library.schema import Analysis, Audio, File, Job, Root, Run
from tonearm.settings import Level

Versions = Mapping[str, int]
UNSEEN_AGAIN_S = 5.0
"""When a job that this host can't see is offered again."""


def engine_text(versions: Versions) -> str:
    """Analysers and their versions as one word for the files table."""
    return " ".join(f"{name}:{version}" for name, version in sorted(versions.items()))


class SqlLedger:
    """Ledger and queue on the jobs table."""

    def __init__(self, database: Database, versions: Versions, backoff: Backoff, lease_s: float) -> None:
        self._database = database
        self._versions = dict(versions)
        self._backoff = backoff
        self._lease_s = lease_s

    def take(self, worker: str, run: int | None, unseen: Collection[int] = ()) -> Lease | None:
        """Lease the waiting job of the lowest rank, of one run or of all, and count its attempt.

        ``None`` when nothing may be taken now. Jobs of paused runs and of unseen roots are not taken.
        """
        with self._database.write() as connection:
            job = connection.execute(_next(run, unseen)).scalar_one_or_none()
            if job is None and _wake(connection):
                job = connection.execute(_next(run, unseen)).scalar_one_or_none()
            if job is None:
                return None
            return self._lease(connection, _waiting_job(connection, job), worker)

    def claim(
        self, job: int, worker: str, unseen: Collection[int], announced: Level | None = None
    ) -> Lease | Refusal:
        with self._database.write() as connection:
            row = _waiting_job(connection, job)
            if row is None or row.state not in {JobState.QUEUED, JobState.RETRYING}:
                return Refusal.SETTLED
            if announced is not None and row.owed_at is None and announced < (row.published_level or 0):
                return Refusal.OUTDATED
            refusal, due = _refusal(row, unseen)
            if refusal is None:
                return self._lease(connection, row, worker)
            connection.execute(update(Job).where(Job.id == job).values(owed_at=due, published_at=None))
            cancel_unwanted(connection, Job.id == job, row.now)
            return refusal

    def waiting(self, run: int | None, at_most: int, unseen: Collection[int] = ()) -> int:
        """How many jobs could be taken now, counted no further than ``at_most``."""
        with self._database.read() as connection:
            found = _next(run, unseen, lock=False).limit(at_most).subquery()
            return connection.execute(select(func.count()).select_from(found)).scalar_one()

    def open_jobs(self, run: int, unseen: Collection[int] = ()) -> bool:
        """Whether a run has jobs that have not ended, those of unseen roots left aside."""
        with self._database.read() as connection:
            found = select(Job.id).where(Job.run_id == run, Job.state.in_(OPEN), _seen(unseen)).limit(1)
            return connection.execute(found).first() is not None

    def samples(self, root: int, limit: int) -> list[bytes]:
        """Some files of a root that were there when it was last read: the oldest and the newest in the library."""
        there = select(File.path).where(
            File.root_id == root, File.missing_since.is_(None), File.moved_to_id.is_(None)
        )
        with self._database.read() as connection:
            oldest = connection.execute(there.order_by(File.id).limit(limit // 2)).scalars().all()
            newest = connection.execute(there.order_by(File.id.desc()).limit(limit // 2)).scalars().all()
            return list(dict.fromkeys((*oldest, *newest)))

    def _lease(self, connection: Connection, row: Any, worker: str) -> Lease:
        connection.execute(
            update(Job)
            .where(Job.id == row.id)
            .values(
                state=JobState.RUNNING,
                attempts=Job.attempts + 1,
                worker=worker,
                lease_until=row.now + self._lease_s,
                started_at=row.now,
                not_before=None,
                owed_at=None,
                stage="start",
            )
        )
        return Lease(
            job=row.id,
            attempt=row.attempts + 1,
            worker=worker,
            run=row.run_id,
            file=row.file_id,
            root_id=row.root_id,
            root=row.root,
            path=row.path,
            size=row.size,
            extension=row.extension,
            level=Level(row.level),
            fresh=row.fresh,
            correlation_id=row.correlation_id or f"{row.id:032x}",
        )

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

    def stored(self, lease: Lease, audio_hash: str) -> frozenset[str]:
        if lease.fresh:
            return frozenset()
        with self._database.read() as connection:
            rows = connection.execute(
                select(Analysis.analyser, Analysis.version)
                .join(Audio, Audio.id == Analysis.audio_id)
                .where(Audio.hash == audio_hash)
            ).all()
        return frozenset(row.analyser for row in rows if self._versions.get(row.analyser) == row.version)

    def finish(self, lease: Lease, result: Result) -> Ending | None:
        with self._database.write() as connection:
            held = _held(connection, lease)
            if held is None:
                return _ended_before(connection, lease)
            now = held.now
            audio = write_audio(connection, result.audio_hash, result.facts, result.report, now)
            write_findings(connection, audio, result.findings, now)
            write_tags(connection, lease.file, result.tags, now)
            moved_from = follow_move(connection, lease.file, audio, now)
            heard = connection.execute(
                select(Audio.complete, Audio.decoded_s, Audio.declared_s).where(Audio.id == audio)
            ).one()
            whole = heard.complete is not False
            state = JobState.DONE if whole else JobState.PARTIAL
            failure = None if whole else incomplete(heard.decoded_s, heard.declared_s)
            seen: dict[str, object] = {}
            if (
                not self._database.shared
            ):  # another host may see other times and inodes than the one that scans
                seen = {"size": result.size, "mtime_ns": result.mtime_ns, "inode": result.inode}
            connection.execute(
                update(File)
                .where(File.id == lease.file)
                .values(
                    audio_id=audio,
                    state=state,
                    engine=engine_text(self._versions),
                    missing_since=None,
                    graph_owed_at=now,
                    **seen,
                )
            )
            decoded_s = result.report.get("decoded_s") or 0.0
            _end(connection, lease, state, now, failure, result.work_s, decoded_s)
            return Ending(state, failure, moved_from=moved_from)

    def fail(self, lease: Lease, failure: Failure, work_s: float) -> Ending | None:
        with self._database.write() as connection:
            held = _held(connection, lease)
            if held is None:
                return _ended_before(connection, lease)
            delay_s = retry_after(failure, lease.attempt - held.forgiven, self._backoff)
            if delay_s is None:
                _end(connection, lease, JobState.QUARANTINED, held.now, failure, work_s=work_s)
                _settle(connection, lease.file, JobState.QUARANTINED)
                return Ending(JobState.QUARANTINED, failure)
            _wait(connection, lease.job, held.now + delay_s, failure)
            if cancel_unwanted(connection, Job.id == lease.job, held.now):
                return Ending(JobState.CANCELLED, failure)
            return Ending(JobState.RETRYING, failure, retry_in_s=delay_s)

    def give_back(self, leases: Sequence[Lease], after_s: float = 0.0) -> None:
        if not leases:
            return
        with self._database.write() as connection:
            now = clock(connection)
            for lease in leases:
                connection.execute(
                    update(Job)
                    .where(_ours(lease))
                    .values(
                        state=JobState.QUEUED,
                        forgiven=Job.forgiven + 1,
                        worker=None,
                        lease_until=None,
                        stage=None,
                        owed_at=now + after_s,
                    )
                )
            mine = Job.id.in_([lease.job for lease in leases])
            cancel_unwanted(connection, mine, now)

    def cancel(self, lease: Lease, failure: Failure) -> None:
        with self._database.write() as connection:
            held = _held(connection, lease)
            if held is not None:
                _end(connection, lease, JobState.CANCELLED, held.now, failure)
                _settle(connection, lease.file, "waiting")

    def recover(self, worker: str | None) -> int:
        with self._database.write() as connection:
            now = clock(connection)
            gone = (
                Job.lease_until < now if worker is None else or_(Job.lease_until < now, Job.worker == worker)
            )
            lost = connection.execute(
                select(Job.id, Job.file_id, Job.interruptions)
                .where(Job.state == JobState.RUNNING, gone)
                .order_by(Job.rank)
                .with_for_update(skip_locked=True)
            ).all()
            for job in lost:
                if job.interruptions + 1 >= INTERRUPTIONS:
                    _quarantine_lost(connection, job.id, job.file_id, now)
                    continue
                _wait(connection, job.id, now + self._backoff.delay_s(1), INTERRUPTED)
                connection.execute(
                    update(Job)
                    .where(Job.id == job.id)
                    .values(interruptions=job.interruptions + 1, forgiven=Job.forgiven + 1)
                )
            cancel_unwanted(connection, Job.id.in_([job.id for job in lost]), now)
            _wake(connection)
            return len(lost)

    def disown(self, worker: str, in_hand: Collection[int]) -> int:
        """Give back what the books say this worker has and it has not, after an answer got lost on the way."""
        with self._database.write() as connection:
            back = connection.execute(
                update(Job)
                .where(Job.state == JobState.RUNNING, Job.worker == worker, Job.id.not_in(in_hand))
                .values(
                    state=JobState.QUEUED,
                    forgiven=Job.forgiven + 1,
                    worker=None,
                    lease_until=None,
                    stage=None,
                    owed_at=epoch(),
                )
                .returning(Job.id)
            ).scalars()
            given = list(back)
            cancel_unwanted(connection, Job.id.in_(given), clock(connection))
            return len(given)

    def depth(self, run: int | None) -> Depth:
        with self._database.read() as connection:
            rows = connection.execute(
                select(Job.state, Job.level, func.count().label("jobs"))
                .where(Job.state.in_(OPEN), _of_run(run))
                .group_by(Job.state, Job.level)
            ).all()
        queued = {level.label: 0 for level in Level}
        for row in rows:
            if row.state == JobState.QUEUED:
                queued[Level(row.level).label] += row.jobs
        counts = {state: sum(row.jobs for row in rows if row.state == state) for state in OPEN}
        return Depth(queued, counts[JobState.RETRYING], counts[JobState.RUNNING])

    def owed(self) -> int:
        """How many waiting jobs have no message out: the outbox."""
        with self._database.read() as connection:
            return connection.execute(
                select(func.count()).where(
                    Job.owed_at.is_not(None), Job.state.in_((JobState.QUEUED, JobState.RETRYING))
                )
            ).scalar_one()

    def ping(self) -> float:
        """Ask the database for the time."""
        with self._database.read() as connection:
            return clock(connection)

    def next_due_s(self, run: int | None) -> float | None:
        with self._database.read() as connection:
            due = connection.execute(
                select(func.min(Job.not_before)).where(Job.state == JobState.RETRYING, _of_run(run))
            ).scalar_one_or_none()
            return None if due is None else max(0.0, due - clock(connection))


def clock(connection: Connection) -> float:
    """Seconds since 1970 by the database's clock."""
    return connection.execute(select(epoch())).scalar_one()


def cancel_unwanted(connection: Connection, among: ColumnElement[bool], now: float) -> int:
    """End those of some jobs that wait in runs which a person has cancelled; returns how many."""
    unwanted = select(Run.id).where(Run.state == "cancelled")
    return connection.execute(
        update(Job)
        .where(among, Job.state.in_((JobState.QUEUED, JobState.RETRYING)), Job.run_id.in_(unwanted))
        .values(state=JobState.CANCELLED, finished_at=now, owed_at=None, **_reasons(CANCELLED_BY_PERSON))
    ).rowcount


def _of_run(run: int | None) -> ColumnElement[bool]:
    return Job.run_id.is_not(None) if run is None else Job.run_id == run


def _seen(unseen: Collection[int]) -> ColumnElement[bool]:
    """Jobs of files that lie in none of some roots."""
    if not unseen:
        return true()
    return Job.file_id.not_in(select(File.id).where(File.root_id.in_(unseen)))


def _next(run: int | None, unseen: Collection[int], lock: bool = True) -> Select[int]:
    """The waiting job of the lowest rank; one that another worker is just taking is passed over."""
    held = select(Run.id).where(Run.state.in_(("paused", "cancelled")))
    chosen = (
        select(Job.id)
        .where(Job.state == JobState.QUEUED, Job.run_id.not_in(held), _of_run(run), _seen(unseen))
        .order_by(Job.rank, Job.id)
        .limit(1)
    )
    return chosen.with_for_update(skip_locked=True, of=Job) if lock else chosen


def _wake(connection: Connection) -> int:
    """Let retries that are due wait in the queue again, at their old place."""
    return connection.execute(
        update(Job)
        .where(Job.state == JobState.RETRYING, Job.not_before <= epoch())
        .values(state=JobState.QUEUED, not_before=None)
    ).rowcount


def _waiting_job(connection: Connection, job: int) -> Any:
    """A job with its file, locked until the transaction ends; ``None`` when there is none."""
    return connection.execute(
        select(
            Job.id,
            Job.state,
            Job.attempts,
            Job.run_id,
            Job.file_id,
            Job.level,
            Job.fresh,
            Job.correlation_id,
            Job.not_before,
            Job.owed_at,
            Job.published_level,
            File.size,
            File.extension,
            File.path,
            File.root_id,
            Root.path.label("root"),
            Run.state.label("run_state"),
            epoch().label("now"),
        )
        .join(File, File.id == Job.file_id)
        .join(Root, Root.id == File.root_id)
        .join(Run, Run.id == Job.run_id)
        .where(Job.id == job)
        .with_for_update(of=Job)
    ).one_or_none()


def _refusal(row: Any, unseen: Collection[int]) -> tuple[Refusal | None, float | None]:
    """Why a waiting job can't be worked on now, and when its next message is due."""
    if row.not_before is not None and row.not_before > row.now:
        return Refusal.EARLY, row.not_before
    if row.run_state == "paused":
        return Refusal.PAUSED, None
    if row.run_state == "cancelled":
        return Refusal.SETTLED, None
    if row.root_id in unseen:
        return Refusal.UNSEEN, row.now + UNSEEN_AGAIN_S
    return None, None


def _ours(lease: Lease) -> ColumnElement[bool]:
    return and_(
        Job.id == lease.job,
        Job.state == JobState.RUNNING,
        Job.worker == lease.worker,
        Job.attempts == lease.attempt,
    )


def _held(connection: Connection, lease: Lease) -> Any:
    """The job's row, locked, with the time; ``None`` when the lease is no longer ours."""
    return connection.execute(
        select(Job.forgiven, epoch().label("now")).where(_ours(lease)).with_for_update()
    ).one_or_none()


def _ended_before(connection: Connection, lease: Lease) -> Ending | None:
    """How this very attempt ended, when the transaction that said so came through unnoticed."""
    row = connection.execute(
        select(Job.state, Job.attempts, Job.worker, Job.code, Job.reason, Job.advice).where(
            Job.id == lease.job
        )
    ).one_or_none()
    ended = (JobState.DONE, JobState.PARTIAL, JobState.QUARANTINED)
    if row is None or row.attempts != lease.attempt or row.worker != lease.worker or row.state not in ended:
        return None
    return Ending(row.state, Failure(row.code, row.reason, row.advice) if row.code else None)


def _reasons(failure: Failure | None) -> dict[str, Any]:
    if failure is None:
        return {"code": None, "reason": None, "advice": None}
    return {"code": failure.code, "reason": failure.reason, "advice": failure.advice}


def _end(
    connection: Connection,
    lease: Lease,
    state: str,
    now: float,
    failure: Failure | None = None,
    work_s: float = 0.0,
    decoded_s: float = 0.0,
) -> None:
    connection.execute(
        update(Job)
        .where(Job.id == lease.job)
        .values(
            state=state,
            finished_at=now,
            lease_until=None,
            stage=None,
            work_s=work_s,
            decoded_s=decoded_s,
            **_reasons(failure),
        )
    )


def _wait(connection: Connection, job: int, until: float, failure: Failure) -> None:
    connection.execute(
        update(Job)
        .where(Job.id == job)
        .values(
            state=JobState.RETRYING,
            not_before=until,
            owed_at=until,
            worker=None,
            lease_until=None,
            stage=None,
            **_reasons(failure),
        )
    )


def _quarantine_lost(connection: Connection, job: int, file: int, now: float) -> None:
    connection.execute(
        update(Job)
        .where(Job.id == job)
        .values(
            state=JobState.QUARANTINED,
            finished_at=now,
            lease_until=None,
            stage=None,
            interruptions=Job.interruptions + 1,
            **_reasons(INTERRUPTED),
        )
    )
    _settle(connection, file, JobState.QUARANTINED)


def _settle(connection: Connection, file: int, state: str) -> None:
    connection.execute(update(File).where(File.id == file).values(state=state))
