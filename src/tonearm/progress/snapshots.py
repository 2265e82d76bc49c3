"""Counts the whole library for the live view. On a big one that takes a while: it is not done more than need be."""

from sqlalchemy import Connection, func, or_, select

from tonearm.jobs.job import OPEN, JobState
from tonearm.jobs.rows import clock
from tonearm.jobs.runs import Counts, counts_of
from tonearm.library.database import Database
from tonearm.library.schema import Job, Run
from tonearm.progress.port import RunCounts, Snapshot
from tonearm.settings import Level

RECENT_S = 3600.0
RUNS = 100


def take_snapshot(database: Database) -> Snapshot:
    """Count what waits and what became of recent runs, all as of one moment.

    Raises:
        StorageError: the database can't be asked now.
    """
    with database.read() as connection:
        now = clock(connection)
        waiting = connection.execute(
            select(Job.state, Job.level, func.count().label("jobs"))
            .where(Job.state.in_(OPEN))
            .group_by(Job.state, Job.level)
        ).all()
        queued = {level.label: 0 for level in Level}
        for row in waiting:
            if row.state == JobState.QUEUED:
                queued[Level(row.level).label] += row.jobs
        owed = connection.execute(select(func.count()).where(Job.owed_at <= now)).scalar_one()
        return Snapshot(
            at=now,
            queued=queued,
            retrying=sum(row.jobs for row in waiting if row.state == JobState.RETRYING),
            running=sum(row.jobs for row in waiting if row.state == JobState.RUNNING),
            owed=owed,
            runs=_runs(connection, now),
        )


def _runs(connection: Connection, now: float) -> tuple[RunCounts, ...]:
    rows = connection.execute(
        select(Run.id, Run.state, Run.counts)
        .where(or_(Run.finished_at.is_(None), Run.finished_at > now - RECENT_S))
        .order_by(Run.id.desc())
        .limit(RUNS)
    ).all()
    return tuple(
        _told(row.id, row.state, Counts(**row.counts) if row.counts else counts_of(connection, row.id))
        for row in rows
    )


def _told(run: int, state: str, counts: Counts) -> RunCounts:
    return RunCounts(
        run=run,
        state=state,
        discovered=counts.discovered,
        done=counts.done,
        partial=counts.partial,
        skipped=counts.skipped,
        failed=counts.failed,
        pending=counts.pending,
    )
