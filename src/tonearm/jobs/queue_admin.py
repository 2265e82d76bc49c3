"""Commands on the queue: change priorities, retry files."""

import uuid
from typing import Any

from sqlalchemy import Connection, Select, case, func, insert, select, update

from tonearm.events.states import RunState
from tonearm.jobs.batched_update import update_in_batches
from tonearm.jobs.job import OPEN, JobState
from tonearm.jobs.job_sql import IS_OPEN, clock
from tonearm.jobs.priority import rank
from tonearm.jobs.runs import count_discovered, open_again
from tonearm.library.database import Database
from tonearm.library.history import note
from tonearm.library.roots import Place, in_place
from tonearm.library.schema import file_table, job_table, run_table
from tonearm.settings import Level

RETRY_BATCH = 500


class QueueAdmin:
    """Changes jobs on behalf of a command."""

    def __init__(self, database: Database, ageing_s: float) -> None:
        self._database = database
        self._ageing_s = ageing_s

    def prioritize(self, place: Place, level: Level) -> int:
        """Set the level of every open job at or below a place; returns how many."""
        with self._database.read() as connection:
            now = clock(connection)
        values = {
            "level": int(level),
            "level_by": "person",
            "rank": rank(level, now, self._ageing_s),
            "publish_due_at": case(
                (job_table.c.state == JobState.QUEUED, now), else_=job_table.c.publish_due_at
            ),
        }
        there = (
            select(file_table.c.id).where(file_table.c.id == job_table.c.file_id, in_place(place)).exists()
        )
        return update_in_batches(
            self._database,
            select(job_table.c.id).where(job_table.c.state.in_(OPEN), IS_OPEN, there),
            lambda connection, jobs: (
                connection.execute(update(job_table).where(job_table.c.id.in_(jobs)).values(values)).rowcount
            ),
        )

    def retry(self, place: Place | None, partial: bool) -> int:
        """Queue quarantined files again with no attempts charged, and on request partial ones; returns how many.

        Files of a cancelled run get a new job in a new run, because jobs of cancelled runs are not taken.
        """
        last = _last_jobs().subquery()
        with self._database.read() as connection:
            jobs = connection.execute(
                select(
                    job_table.c.id,
                    job_table.c.file_id,
                    job_table.c.code,
                    job_table.c.state,
                    job_table.c.run_id,
                    run_table.c.state.label("run_state"),
                )
                .join(file_table, file_table.c.id == job_table.c.file_id)
                .join(run_table, run_table.c.id == job_table.c.run_id)
                .join(last, last.c.id == job_table.c.id)
                .where(
                    job_table.c.state.in_([JobState.QUARANTINED, *([JobState.PARTIAL] if partial else [])]),
                    file_table.c.missing_since.is_(None),
                    file_table.c.moved_to_id.is_(None),
                    *([in_place(place)] if place else []),
                )
            ).all()
        into: dict[int, int] = {}
        retried = 0
        for start in range(0, len(jobs), RETRY_BATCH):
            with self._database.write() as connection:
                now = clock(connection)
                for job in jobs[start : start + RETRY_BATCH]:
                    if job.run_state == RunState.CANCELLED and job.run_id not in into:
                        into[job.run_id] = open_again(connection, job.run_id, now)
                    retried += _retry(connection, job, into.get(job.run_id), now)
        return retried


def _retry(connection: Connection, job: Any, run: int | None, now: float) -> int:
    """Queue a job again, unless another call has done so meanwhile; returns 1 or 0.

    run: the run in which a new job replaces it; ``None``: the job itself is queued again, in its own run.
    """
    again = _queue_anew(connection, job, run, now) if run is not None else _queue_again(connection, job, now)
    if again:
        connection.execute(update(file_table).where(file_table.c.id == job.file_id).values(state="waiting"))
        note(connection, job.file_id, "retried", {"was": job.state, "code": job.code}, now)
    return again


def _queue_again(connection: Connection, job: Any, now: float) -> int:
    return connection.execute(
        update(job_table)
        .where(job_table.c.id == job.id, job_table.c.state == job.state)
        .values(
            state=JobState.QUEUED,
            uncharged_attempts=job_table.c.attempts,
            interruptions=0,
            fresh=job.state == JobState.PARTIAL,
            queued_at=now,
            publish_due_at=now,
            not_before=None,
            finished_at=None,
            code=None,
            reason=None,
            advice=None,
        )
    ).rowcount


def _queue_anew(connection: Connection, job: Any, run: int, now: float) -> int:
    """Add a new job for the file of a job whose run was cancelled; the old job does not change."""
    old = connection.execute(
        select(job_table.c.level, job_table.c.level_by, job_table.c.rank)
        .where(job_table.c.id == job.id, job_table.c.state == job.state)
        .with_for_update()
    ).one_or_none()
    newer = select(job_table.c.id).where(job_table.c.file_id == job.file_id, job_table.c.id > job.id).limit(1)
    if old is None or connection.execute(newer).first() is not None:
        return 0
    connection.execute(
        insert(job_table).values(
            file_id=job.file_id,
            run_id=run,
            state=JobState.QUEUED,
            level=old.level,
            level_by=old.level_by,
            rank=old.rank,
            fresh=job.state == JobState.PARTIAL,
            queued_at=now,
            publish_due_at=now,
            correlation_id=uuid.uuid4().hex,
        )
    )
    count_discovered(connection, run, 1)
    return 1


def _last_jobs() -> Select[int]:
    """The newest job of each file."""
    return select(func.max(job_table.c.id).label("id")).group_by(job_table.c.file_id)
