"""What a person orders: this folder now, this file once more; and how the queue looks."""

import os
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, case, func, or_, select, update

from tonearm.jobs.job import OPEN, JobState
from tonearm.jobs.priority import rank
from tonearm.jobs.rows import clock
from tonearm.library.database import Database
from tonearm.library.results import note
from tonearm.library.roots import Place, in_place
from tonearm.library.schema import File, Job, Root
from tonearm.settings import Level


@dataclass(frozen=True, slots=True)
class JobView:
    """A job as it is shown. ``place`` counts from 1 among the waiting jobs."""

    id: int
    run: int
    path: bytes
    state: str
    level: Level
    level_by: str
    place: int | None
    attempts: int
    worker: str | None
    stage: str | None
    queued_at: float
    started_at: float | None
    finished_at: float | None
    not_before: float | None
    work_s: float
    code: str | None
    reason: str | None
    advice: str | None


class Orders:
    """A person's hand on the queue."""

    def __init__(self, database: Database, ageing_s: float) -> None:
        self._database = database
        self._ageing_s = ageing_s

    def prioritize(self, place: Place, level: Level) -> int:
        """Give every open job below a place this level, now; returns how many."""
        with self._database.write() as connection:
            now = clock(connection)
            return connection.execute(
                update(Job)
                .where(Job.state.in_(OPEN), Job.file_id.in_(select(File.id).where(in_place(place))))
                .values(
                    level=int(level),
                    level_by="person",
                    rank=rank(level, now, self._ageing_s),
                    owed_at=case((Job.state == JobState.QUEUED, now), else_=Job.owed_at),
                )
            ).rowcount

    def retry(self, place: Place | None, partial: bool) -> int:
        """Queue quarantined files again, with a clean record; partial ones too on demand. Returns how many."""
        states = [JobState.QUARANTINED, *([JobState.PARTIAL] if partial else [])]
        with self._database.write() as connection:
            now = clock(connection)
            last = _last_jobs().subquery()
            jobs = connection.execute(
                select(Job.id, Job.file_id, Job.code, File.state)
                .join(File, File.id == Job.file_id)
                .join(last, last.c.id == Job.id)
                .where(
                    Job.state.in_(states),
                    File.missing_since.is_(None),
                    File.moved_to_id.is_(None),
                    *([in_place(place)] if place else []),
                )
            ).all()
            for job in jobs:
                connection.execute(
                    update(Job)
                    .where(Job.id == job.id)
                    .values(
                        state=JobState.QUEUED,
                        forgiven=Job.attempts,
                        interruptions=0,
                        fresh=job.state == JobState.PARTIAL,
                        queued_at=now,
                        owed_at=now,
                        not_before=None,
                        finished_at=None,
                        code=None,
                        reason=None,
                        advice=None,
                    )
                )
                connection.execute(update(File).where(File.id == job.file_id).values(state="waiting"))
                note(connection, job.file_id, "retried", {"was": job.state, "code": job.code}, now)
            return len(jobs)

    def jobs(
        self, states: tuple[str, ...], place: Place | None, run: int | None, limit: int
    ) -> list[JobView]:
        """Jobs in the order in which they are or were taken: running, waiting by place, then ended ones."""
        order = select(
            Job.id,
            func.row_number().over(order_by=(Job.rank, Job.id)).label("place"),
        ).where(Job.state.in_((JobState.QUEUED, JobState.RETRYING)))
        places = order.subquery()
        conditions: list[ColumnElement[bool]] = [Job.state.in_(states)]
        if place is not None:
            conditions.append(in_place(place))
        if run is not None:
            conditions.append(Job.run_id == run)
        first = case((Job.state == JobState.RUNNING, 0), (places.c.place.is_not(None), 1), else_=2)
        with self._database.read() as connection:
            rows = connection.execute(
                select(Job, places.c.place, Root.path.label("root"), File.path)
                .join(File, File.id == Job.file_id)
                .join(Root, Root.id == File.root_id)
                .outerjoin(places, places.c.id == Job.id)
                .where(and_(*conditions))
                .order_by(first, places.c.place, Job.finished_at.desc(), Job.id)
                .limit(limit)
            ).all()
        return [_view(row) for row in rows]

    def failures(self, place: Place | None, limit: int | None = None) -> list[JobView]:
        """The last job of each file that is quarantined, retrying or partial, newest first."""
        last = _last_jobs().subquery()
        wrong = or_(
            Job.state.in_((JobState.QUARANTINED, JobState.RETRYING)),
            Job.state == JobState.PARTIAL,
        )
        with self._database.read() as connection:
            rows = connection.execute(
                select(Job, Root.path.label("root"), File.path)
                .join(last, last.c.id == Job.id)
                .join(File, File.id == Job.file_id)
                .join(Root, Root.id == File.root_id)
                .where(
                    wrong,
                    File.missing_since.is_(None),
                    File.moved_to_id.is_(None),
                    *([in_place(place)] if place else []),
                )
                .order_by(Job.state.desc(), Root.path, File.path)
                .limit(limit)
            ).all()
        return [_view(row) for row in rows]


def _last_jobs() -> Select[int]:
    """The newest job of each file."""
    return select(func.max(Job.id).label("id")).group_by(Job.file_id)


def _view(row: Any) -> JobView:
    return JobView(
        id=row.id,
        run=row.run_id,
        path=os.path.join(row.root, row.path),
        state=row.state,
        level=Level(row.level),
        level_by=row.level_by,
        place=getattr(row, "place", None),
        attempts=row.attempts,
        worker=row.worker,
        stage=row.stage,
        queued_at=row.queued_at,
        started_at=row.started_at,
        finished_at=row.finished_at,
        not_before=row.not_before,
        work_s=row.work_s,
        code=row.code,
        reason=row.reason,
        advice=row.advice,
    )
