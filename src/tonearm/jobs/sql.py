"""The books of the jobs, kept in the database. The jobs table is also the queue when there is no broker."""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, func, or_, select, update

from tonearm.errors import Failure
from tonearm.jobs.failures import CANCELLED_BY_PERSON, INTERRUPTED, incomplete
from tonearm.jobs.job import OPEN, Depth, JobState, Lease
from tonearm.jobs.port import Ending, Result
from tonearm.jobs.retry import INTERRUPTIONS, Backoff, retry_after
from tonearm.library.database import Database, epoch
from tonearm.library.results import follow_move, write_audio, write_findings, write_tags
from tonearm.library.schema import Analysis, Audio, File, Job, Root, Run
from tonearm.settings import Level

Versions = Mapping[str, int]


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

    def take(self, worker: str, run: int | None) -> Lease | None:
        with self._database.write() as connection:
            now = clock(connection)
            job = connection.execute(
                select(Job.id).where(_takable(now, run)).order_by(Job.rank, Job.id).limit(1)
            ).scalar_one_or_none()
            if job is None:
                return None
            connection.execute(
                update(Job)
                .where(Job.id == job)
                .values(
                    state=JobState.RUNNING,
                    attempts=Job.attempts + 1,
                    worker=worker,
                    lease_until=now + self._lease_s,
                    started_at=now,
                    not_before=None,
                    stage="start",
                )
            )
            return _lease(connection, job, worker)

    def renew(self, worker: str, stages: Mapping[int, str]) -> None:
        with self._database.write() as connection:
            until = clock(connection) + self._lease_s
            for job, stage in stages.items():
                connection.execute(
                    update(Job)
                    .where(Job.id == job, Job.worker == worker, Job.state == JobState.RUNNING)
                    .values(lease_until=until, stage=stage)
                )

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
            if not _held(connection, lease):
                return None
            now = clock(connection)
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
            connection.execute(
                update(File)
                .where(File.id == lease.file)
                .values(
                    audio_id=audio,
                    state=state,
                    engine=engine_text(self._versions),
                    size=result.size,
                    mtime_ns=result.mtime_ns,
                    inode=result.inode,
                    missing_since=None,
                )
            )
            decoded_s = result.report.get("decoded_s") or 0.0
            _end(connection, lease, state, now, failure, result.work_s, decoded_s)
            return Ending(state, failure, moved_from=moved_from)

    def fail(self, lease: Lease, failure: Failure, work_s: float) -> Ending | None:
        with self._database.write() as connection:
            if not _held(connection, lease):
                return None
            now = clock(connection)
            forgiven = connection.execute(select(Job.forgiven).where(Job.id == lease.job)).scalar_one()
            delay_s = retry_after(failure, lease.attempt - forgiven, self._backoff)
            if delay_s is None:
                _end(connection, lease, JobState.QUARANTINED, now, failure, work_s=work_s)
                _settle(connection, lease.file, JobState.QUARANTINED)
                return Ending(JobState.QUARANTINED, failure)
            _wait(connection, lease.job, now + delay_s, failure)
            if cancel_unwanted(connection, Job.id == lease.job, now):
                return Ending(JobState.CANCELLED, failure)
            return Ending(JobState.RETRYING, failure, retry_in_s=delay_s)

    def give_back(self, leases: Sequence[Lease]) -> None:
        if not leases:
            return
        with self._database.write() as connection:
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
                    )
                )
            mine = Job.id.in_([lease.job for lease in leases])
            cancel_unwanted(connection, mine, clock(connection))

    def cancel(self, lease: Lease, failure: Failure) -> None:
        with self._database.write() as connection:
            if _held(connection, lease):
                _end(connection, lease, JobState.CANCELLED, clock(connection), failure)
                _settle(connection, lease.file, "waiting")

    def recover(self, worker: str) -> int:
        """Take back running jobs whose lease ran out, and all of this worker's host and data folder."""
        with self._database.write() as connection:
            now = clock(connection)
            lost = connection.execute(
                select(Job.id, Job.file_id, Job.interruptions)
                .where(Job.state == JobState.RUNNING, or_(Job.lease_until < now, Job.worker == worker))
                .order_by(Job.rank)
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
            return len(lost)

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
        .values(state=JobState.CANCELLED, finished_at=now, **_reasons(CANCELLED_BY_PERSON))
    ).rowcount


def _of_run(run: int | None) -> ColumnElement[bool]:
    return Job.run_id.is_not(None) if run is None else Job.run_id == run


def _takable(now: float, run: int | None) -> ColumnElement[bool]:
    held = select(Run.id).where(Run.state.in_(("paused", "cancelled")))
    return and_(
        or_(Job.state == JobState.QUEUED, and_(Job.state == JobState.RETRYING, Job.not_before <= now)),
        Job.run_id.not_in(held),
        _of_run(run),
    )


def _ours(lease: Lease) -> ColumnElement[bool]:
    return and_(
        Job.id == lease.job,
        Job.state == JobState.RUNNING,
        Job.worker == lease.worker,
        Job.attempts == lease.attempt,
    )


def _held(connection: Connection, lease: Lease) -> bool:
    return connection.execute(select(Job.id).where(_ours(lease))).first() is not None


def _lease(connection: Connection, job: int, worker: str) -> Lease:
    row = connection.execute(
        select(Job.attempts, Job.run_id, Job.file_id, Job.level, Job.fresh, File.size, File.extension)
        .add_columns(Root.path.label("root"), File.path.label("path"))
        .join(File, File.id == Job.file_id)
        .join(Root, Root.id == File.root_id)
        .where(Job.id == job)
    ).one()
    return Lease(
        job=job,
        attempt=row.attempts,
        worker=worker,
        run=row.run_id,
        file=row.file_id,
        root=row.root,
        path=row.path,
        size=row.size,
        extension=row.extension,
        level=Level(row.level),
        fresh=row.fresh,
    )


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
