"""Counts the jobs and runs of the library for the live view. On a large library that takes seconds."""

from sqlalchemy import Connection, func, or_, select

from tonearm.events.states import Outlook
from tonearm.jobs.job import OPEN, JobState
from tonearm.jobs.job_sql import IS_OPEN, clock
from tonearm.jobs.run_counts import RunCounts, counts_of
from tonearm.library.database import Database
from tonearm.library.schema import job_table, run_table
from tonearm.progress.port import RunProgress, Snapshot
from tonearm.settings import Level
from tonearm.views.liveness import Liveness, read_liveness
from tonearm.views.outlook import read_outlooks

RECENT_S = 3600.0
RUNS = 100
OUTLOOKS = 5
"""Number of open runs, the newest, of which the remaining time is estimated."""


def take_snapshot(database: Database) -> Snapshot:
    """Count the open jobs, and the files of recent runs by outcome, all as of one moment.

    Raises:
        StorageError: the database can't be asked now.
    """
    alive = read_liveness(database)
    with database.read() as connection:
        now = clock(connection)
        waiting = connection.execute(
            select(job_table.c.state, job_table.c.level, func.count().label("jobs"))
            .where(job_table.c.state.in_(OPEN), IS_OPEN)
            .group_by(job_table.c.state, job_table.c.level)
        ).all()
        queued = {level.label: 0 for level in Level}
        for row in waiting:
            if row.state == JobState.QUEUED:
                queued[Level(row.level).label] += row.jobs
        unsent = connection.execute(
            select(func.count()).where(job_table.c.publish_due_at <= now)
        ).scalar_one()
        return Snapshot(
            at=now,
            queued=queued,
            retrying=sum(row.jobs for row in waiting if row.state == JobState.RETRYING),
            running=sum(row.jobs for row in waiting if row.state == JobState.RUNNING),
            unsent=unsent,
            runs=_runs(connection, alive, now),
        )


def _runs(connection: Connection, alive: Liveness, now: float) -> tuple[RunProgress, ...]:
    rows = connection.execute(
        select(run_table.c.id, run_table.c.state, run_table.c.finished_at)
        .where(or_(run_table.c.finished_at.is_(None), run_table.c.finished_at > now - RECENT_S))
        .order_by(run_table.c.id.desc())
        .limit(RUNS)
    ).all()
    outlooks = read_outlooks(
        connection, alive, [(row.id, row.state) for row in rows if row.finished_at is None][:OUTLOOKS]
    )
    return tuple(
        _progress(row.id, row.state, counts_of(connection, row.id), outlooks.get(row.id)) for row in rows
    )


def _progress(run: int, state: str, counts: RunCounts, outlook: Outlook | None) -> RunProgress:
    return RunProgress(
        run=run,
        state=state,
        discovered=counts.discovered,
        done=counts.done,
        partial=counts.partial,
        skipped=counts.skipped,
        failed=counts.failed,
        pending=counts.pending,
        outlook=outlook,
    )
