"""What a person orders: this folder now, this file once more; and how the queue looks."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, case, func, or_, select, update

from tonearm.jobs.job import OPEN, JobState
from tonearm.jobs.priority import rank
from tonearm.jobs.rows import WAITING, clock
from tonearm.jobs.runs import RunState, move_jobs, open_again
from tonearm.jobs.steps import in_steps
from tonearm.library.database import Database
from tonearm.library.many import among
from tonearm.library.results import note
from tonearm.library.roots import Place, in_place
from tonearm.library.schema import File, Job, Root, Run
from tonearm.settings import Level

RETRIED_AT_ONCE = 500

_PARTS: tuple[tuple[tuple[JobState, ...], tuple[Any, ...]], ...] = (
    ((JobState.RUNNING,), (Job.id,)),
    (WAITING, (Job.rank, Job.id)),
    (tuple(state for state in JobState if state not in OPEN), (Job.finished_at.desc(), Job.id)),
)
"""The states in the order in which their jobs are listed, and the order of jobs among each other."""

_LISTED = (
    select(Job, Root.path.label("root"), File.path)
    .join(File, File.id == Job.file_id)
    .join(Root, Root.id == File.root_id)
)


@dataclass(frozen=True, slots=True)
class JobView:
    """A job as it is shown. ``place`` counts from 1 among the waiting jobs; ``attempts`` are those that count."""

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
        with self._database.read() as connection:
            now = clock(connection)
        values = {
            "level": int(level),
            "level_by": "person",
            "rank": rank(level, now, self._ageing_s),
            "owed_at": case((Job.state == JobState.QUEUED, now), else_=Job.owed_at),
        }
        there = select(File.id).where(File.id == Job.file_id, in_place(place)).exists()
        return in_steps(
            self._database,
            select(Job.id).where(Job.state.in_(OPEN), there),
            lambda connection, jobs: (
                connection.execute(update(Job).where(Job.id.in_(jobs)).values(values)).rowcount
            ),
        )

    def retry(self, place: Place | None, partial: bool) -> int:
        """Queue quarantined files again, with a clean record; partial ones too on demand. Returns how many.

        Those of a run that was cancelled wait in a new one: of the old one nothing is taken any more.
        """
        last = _last_jobs().subquery()
        with self._database.read() as connection:
            jobs = connection.execute(
                select(Job.id, Job.file_id, Job.code, Job.state, Job.run_id, Run.state.label("run_state"))
                .join(File, File.id == Job.file_id)
                .join(Run, Run.id == Job.run_id)
                .join(last, last.c.id == Job.id)
                .where(
                    Job.state.in_([JobState.QUARANTINED, *([JobState.PARTIAL] if partial else [])]),
                    File.missing_since.is_(None),
                    File.moved_to_id.is_(None),
                    *([in_place(place)] if place else []),
                )
            ).all()
        into: dict[int, int] = {}
        retried = 0
        for start in range(0, len(jobs), RETRIED_AT_ONCE):
            with self._database.write() as connection:
                now = clock(connection)
                for job in jobs[start : start + RETRIED_AT_ONCE]:
                    if job.run_state == RunState.CANCELLED and job.run_id not in into:
                        into[job.run_id] = open_again(connection, job.run_id, now)
                    retried += _retry(connection, job, into.get(job.run_id), now)
        return retried

    def jobs(
        self, states: tuple[str, ...], place: Place | None, run: int | None, limit: int
    ) -> list[JobView]:
        """Jobs in the order in which they are or were taken: running, waiting by place, then ended ones."""
        wanted: list[ColumnElement[bool]] = []
        if place is not None:
            wanted.append(Job.file_id.in_(select(File.id).where(in_place(place))))
        if run is not None:
            wanted.append(Job.run_id == run)
        rows: list[Any] = []
        with self._database.read() as connection:
            for part, order in _PARTS:
                chosen = [state for state in states if state in part]
                if chosen and len(rows) < limit:
                    first = select(Job.id).where(Job.state.in_(chosen), *wanted).order_by(*order)
                    first = first.limit(limit - len(rows))
                    rows += connection.execute(_LISTED.where(Job.id.in_(first)).order_by(*order))
            places = _places(connection, [row for row in rows if row.state in WAITING])
        return [_view(row, places.get(row.id)) for row in rows]

    def failures(self, place: Place | None, limit: int | None = None) -> list[JobView]:
        """The last job of each file that is quarantined, retrying or partial, newest first."""
        last = _last_jobs().subquery()
        wrong = or_(
            Job.state.in_((JobState.QUARANTINED, JobState.RETRYING)),
            Job.state == JobState.PARTIAL,
        )
        with self._database.read() as connection:
            rows = connection.execute(
                _LISTED.join(last, last.c.id == Job.id)
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


def _retry(connection: Connection, job: Any, run: int | None, now: float) -> int:
    """Queue one job again, unless somebody was quicker; ``run``: where it is to wait from now on."""
    again = connection.execute(
        update(Job)
        .where(Job.id == job.id, Job.state == job.state)
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
    ).rowcount
    if again:
        connection.execute(update(File).where(File.id == job.file_id).values(state="waiting"))
        note(connection, job.file_id, "retried", {"was": job.state, "code": job.code}, now)
        if run is not None:
            move_jobs(connection, [job.id], job.run_id, run)
    return again


def _last_jobs() -> Select[int]:
    """The newest job of each file."""
    return select(func.max(Job.id).label("id")).group_by(Job.file_id)


def _places(connection: Connection, shown: Sequence[Any]) -> Mapping[int, int]:
    """Places of some waiting jobs, which come in their order; what waits behind the last of them is left alone."""
    if not shown:
        return {}
    counted = (
        select(Job.id, func.row_number().over(order_by=(Job.rank, Job.id)).label("place"))
        .where(Job.state.in_(WAITING), Job.rank <= shown[-1].rank)
        .subquery()
    )
    found = select(counted).where(among(counted.c.id, "shown"))
    return {row.id: row.place for row in connection.execute(found, {"shown": [job.id for job in shown]})}


def _view(row: Any, place: int | None = None) -> JobView:
    return JobView(
        id=row.id,
        run=row.run_id,
        path=os.path.join(row.root, row.path),
        state=row.state,
        level=Level(row.level),
        level_by=row.level_by,
        place=place,
        attempts=row.attempts - row.forgiven,
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
