"""How much there is to do."""

import functools
from collections.abc import Collection

from sqlalchemy import Connection, Select, bindparam, func, select

from tonearm.jobs.job import OPEN, Depth, JobState
from tonearm.jobs.rows import WAITING, clock, of_run
from tonearm.library.schema import File, Job
from tonearm.settings import Level


def any_open(connection: Connection, run: int, unseen: Collection[int]) -> bool:
    """Whether a run has jobs that have not ended, those of unseen roots left aside."""
    wanted = {"run": run, "unseen": list(unseen)}
    return connection.execute(_one_open(bool(unseen)), wanted).first() is not None


@functools.cache
def _one_open(some_unseen: bool) -> Select[int]:
    found = select(Job.id).where(Job.run_id == bindparam("run"), Job.state.in_(OPEN)).limit(1)
    if some_unseen:
        found = found.join(File, File.id == Job.file_id)
        found = found.where(File.root_id.not_in(bindparam("unseen", expanding=True)))
    return found


def depth(connection: Connection, run: int | None) -> Depth:
    """How much is open."""
    rows = connection.execute(
        select(Job.state, Job.level, func.count().label("jobs"))
        .where(Job.state.in_(OPEN), of_run(run))
        .group_by(Job.state, Job.level)
    ).all()
    queued = {level.label: 0 for level in Level}
    for row in rows:
        if row.state == JobState.QUEUED:
            queued[Level(row.level).label] += row.jobs
    counts = {state: sum(row.jobs for row in rows if row.state == state) for state in OPEN}
    return Depth(queued, counts[JobState.RETRYING], counts[JobState.RUNNING])


def owed(connection: Connection) -> int:
    """How many waiting jobs have no message out: the outbox."""
    return connection.execute(
        select(func.count()).where(Job.owed_at.is_not(None), Job.state.in_(WAITING))
    ).scalar_one()


def next_due_s(connection: Connection, run: int | None) -> float | None:
    """Seconds until the first retry is due; ``None`` when none waits."""
    due = connection.execute(
        select(func.min(Job.not_before)).where(Job.state == JobState.RETRYING, of_run(run))
    ).scalar_one_or_none()
    return None if due is None else max(0.0, due - clock(connection))


def samples(connection: Connection, root: int, limit: int) -> list[bytes]:
    """Some files of a root that were there when it was last read: the oldest and the newest in the library."""
    there = select(File.path).where(
        File.root_id == root, File.missing_since.is_(None), File.moved_to_id.is_(None)
    )
    oldest = connection.execute(there.order_by(File.id).limit(limit // 2)).scalars().all()
    newest = connection.execute(there.order_by(File.id.desc()).limit(limit // 2)).scalars().all()
    return list(dict.fromkeys((*oldest, *newest)))
