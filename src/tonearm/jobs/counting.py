"""How much there is to do."""

from collections.abc import Collection

from sqlalchemy import Connection, bindparam, func, select

from tonearm.jobs.job import OPEN, Depth, JobState, Unseen
from tonearm.jobs.rows import WAITING, in_sight, of_run
from tonearm.library.schema import File, Job
from tonearm.settings import Level

_ONE_OPEN = select(Job.id).where(Job.run_id == bindparam("run"), Job.state.in_(OPEN)).limit(1)


def any_open(connection: Connection, run: int, unseen: Collection[Unseen]) -> bool:
    """Whether a run has jobs that have not ended, those of unseen places left aside."""
    found = _ONE_OPEN
    if unseen:
        found = found.join(File, File.id == Job.file_id).where(in_sight(unseen))
    return connection.execute(found, {"run": run}).first() is not None


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


def samples(connection: Connection, root: int, limit: int) -> list[bytes]:
    """Some files of a root that were there when it was last read: the oldest and the newest in the library."""
    there = select(File.path).where(
        File.root_id == root, File.missing_since.is_(None), File.moved_to_id.is_(None)
    )
    oldest = connection.execute(there.order_by(File.id).limit(limit // 2)).scalars().all()
    newest = connection.execute(there.order_by(File.id.desc()).limit(limit // 2)).scalars().all()
    return list(dict.fromkeys((*oldest, *newest)))
