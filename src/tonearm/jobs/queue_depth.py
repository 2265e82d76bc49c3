"""Counts of open jobs."""

from collections.abc import Collection

from sqlalchemy import Connection, bindparam, func, select

from tonearm.jobs.job import OPEN, Depth, JobState, UnmountedPlace
from tonearm.jobs.job_sql import IS_OPEN, WAITING, in_mounted_places, of_run
from tonearm.library.schema import IS_PRESENT, file_table, job_table
from tonearm.settings import Level

_ONE_OPEN = (
    select(job_table.c.id)
    .where(job_table.c.run_id == bindparam("run"), job_table.c.state.in_(OPEN), IS_OPEN)
    .limit(1)
)


def any_open(connection: Connection, run: int, unmounted: Collection[UnmountedPlace]) -> bool:
    """Whether a run has jobs that have not ended, not counting those of unmounted places."""
    found = _ONE_OPEN
    if unmounted:
        found = found.join(file_table, file_table.c.id == job_table.c.file_id).where(
            in_mounted_places(unmounted)
        )
    return connection.execute(found, {"run": run}).first() is not None


def depth(connection: Connection, run: int | None) -> Depth:
    """How many jobs are open, of one run or of all."""
    rows = connection.execute(
        select(job_table.c.state, job_table.c.level, func.count().label("jobs"))
        .where(job_table.c.state.in_(OPEN), IS_OPEN, of_run(run))
        .group_by(job_table.c.state, job_table.c.level)
    ).all()
    queued = {level.label: 0 for level in Level}
    for row in rows:
        if row.state == JobState.QUEUED:
            queued[Level(row.level).label] += row.jobs
    counts = {state: sum(row.jobs for row in rows if row.state == state) for state in OPEN}
    return Depth(queued, counts[JobState.RETRYING], counts[JobState.RUNNING])


def count_unsent(connection: Connection) -> int:
    """How many waiting jobs have a message that is still to be sent: the size of the outbox."""
    return connection.execute(
        select(func.count()).where(job_table.c.publish_due_at.is_not(None), job_table.c.state.in_(WAITING))
    ).scalar_one()


def sample_paths(connection: Connection, root: int, limit: int) -> list[bytes]:
    """Paths of some files that the last scan of a root found: the first and the last that were recorded."""
    present = select(file_table.c.path).where(file_table.c.root_id == root, IS_PRESENT)
    oldest = connection.execute(present.order_by(file_table.c.id).limit(limit // 2)).scalars().all()
    newest = connection.execute(present.order_by(file_table.c.id.desc()).limit(limit // 2)).scalars().all()
    return list(dict.fromkeys((*oldest, *newest)))
