"""Jobs as they are shown: running jobs, waiting jobs with their position in the queue, ended and failed jobs."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, func, not_, or_, select, tuple_

from tonearm.jobs.job import OPEN, JobState
from tonearm.jobs.job_sql import IS_OPEN, WAITING
from tonearm.library.database import Database
from tonearm.library.one_of import among
from tonearm.library.roots import Place, in_place
from tonearm.library.schema import file_table, job_table, root_table
from tonearm.names import path_fields
from tonearm.settings import Level
from tonearm.views.reading import COUNTED, PAGE, BoundedCount, reading

_PARTS: tuple[tuple[tuple[JobState, ...], ColumnElement[bool], tuple[Any, ...]], ...] = (
    ((JobState.RUNNING,), IS_OPEN, (job_table.c.id,)),
    (WAITING, IS_OPEN, (job_table.c.rank, job_table.c.id)),
    (
        tuple(state for state in JobState if state not in OPEN),
        not_(IS_OPEN),
        (job_table.c.finished_at.desc(), job_table.c.id),
    ),
)
"""The parts of the list, in order: the states, the condition of their index, and the order of jobs within the part."""

_LISTED = (
    select(job_table, root_table.c.path.label("root"), file_table.c.path)
    .join(file_table, file_table.c.id == job_table.c.file_id)
    .join(root_table, root_table.c.id == file_table.c.root_id)
    .where(among(job_table.c.id, "listed"))
)


@dataclass(frozen=True, slots=True)
class JobView:
    """A job as it is shown. ``queue_position`` counts from 1 among the waiting jobs; ``attempts``: those charged."""

    id: int
    run: int
    path: bytes
    state: str
    level: Level
    level_by: str
    queue_position: int | None
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
    correlation_id: str

    def to_json(self) -> dict[str, Any]:
        """Its JSON object."""
        fields = {name: getattr(self, name) for name in self.__slots__ if name != "path"}
        return path_fields(self.path) | fields | {"level": self.level.label}


@dataclass(frozen=True, slots=True)
class JobPosition:
    """A position in the list of jobs: the part of the list, the value that it is sorted by, and the job's id."""

    part: int
    key: float
    id: int


class JobList:
    """The jobs of a library."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def page(
        self,
        states: Sequence[str],
        place: Place | None = None,
        run: int | None = None,
        after: JobPosition | None = None,
        limit: int = PAGE,
    ) -> tuple[list[JobView], JobPosition | None]:
        """Jobs in the order running, waiting in the order of the queue, ended with the latest first.

        Returns the jobs that follow after a position, and where the next page begins; ``None`` after the last one.
        """
        wanted = _wanted(place, run)
        rows: list[tuple[int, Any]] = []
        with reading(self._database) as connection:
            for number, (part, indexed, order) in enumerate(_PARTS):
                chosen = [state for state in states if state in part]
                if not chosen or len(rows) > limit or (after is not None and number < after.part):
                    continue
                later = [_later(after)] if after is not None and number == after.part else []
                needed = limit + 1 - len(rows)
                first: list[int] = []
                # waiting jobs are in the index state by state
                for several in [[state] for state in chosen] if part == WAITING else [chosen]:
                    of_part = job_table.c.state.in_(several), indexed, *wanted, *later
                    ids = select(job_table.c.id).where(*of_part).order_by(*order).limit(needed)
                    first += connection.execute(ids).scalars()
                listed = _LISTED.order_by(*order).limit(needed)
                rows += [(number, row) for row in connection.execute(listed, {"listed": first})]
            positions = _queue_positions(connection, [row for _, row in rows[:limit] if row.state in WAITING])
        jobs = [_view(row, positions.get(row.id)) for _, row in rows[:limit]]
        return jobs, _position(*rows[limit - 1]) if len(rows) > limit else None

    def first(self, states: Sequence[str], place: Place | None, run: int | None, limit: int) -> list[JobView]:
        """The first jobs of the list."""
        return self.page(states, place, run, None, limit)[0]

    def count(self, states: Sequence[str], place: Place | None, run: int | None) -> BoundedCount:
        """How many jobs the list has, counted up to ``COUNTED``."""
        number = 0
        with reading(self._database) as connection:
            for part, indexed, _ in _PARTS:
                chosen = [state for state in states if state in part]
                if chosen and number <= COUNTED:
                    listed = select(job_table.c.id).where(job_table.c.state.in_(chosen), indexed)
                    counted = listed.where(*_wanted(place, run)).limit(COUNTED + 1 - number).subquery()
                    number += connection.execute(select(func.count()).select_from(counted)).scalar_one()
        return BoundedCount.of(number)


def _wanted(place: Place | None, run: int | None) -> list[ColumnElement[bool]]:
    """Conditions on jobs: their file is at or below a path; they are of a run."""
    wanted: list[ColumnElement[bool]] = []
    if place is not None:
        wanted.append(job_table.c.file_id.in_(select(file_table.c.id).where(in_place(place))))
    if run is not None:
        wanted.append(job_table.c.run_id == run)
    return wanted


def _later(after: JobPosition) -> ColumnElement[bool]:
    """Jobs that follow in the same part of the list."""
    if after.part == 0:
        return job_table.c.id > after.id
    if after.part == 1:
        return tuple_(job_table.c.rank, job_table.c.id) > tuple_(after.key, after.id)
    same = and_(job_table.c.finished_at == after.key, job_table.c.id > after.id)
    return or_(job_table.c.finished_at < after.key, same)


def _position(part: int, row: Any) -> JobPosition:
    key = (0.0, row.rank, row.finished_at)[part]
    return JobPosition(part, key, row.id)


def _queue_positions(connection: Connection, shown: Sequence[Any]) -> Mapping[int, int]:
    """Positions in the queue of some waiting jobs, given in their order; jobs behind the last one are not read."""
    if not shown:
        return {}
    counted = (
        select(
            job_table.c.id,
            func.row_number().over(order_by=(job_table.c.rank, job_table.c.id)).label("position"),
        )
        .where(job_table.c.state.in_(WAITING), IS_OPEN, job_table.c.rank <= shown[-1].rank)
        .subquery()
    )
    found = select(counted).where(among(counted.c.id, "shown"))
    return {row.id: row.position for row in connection.execute(found, {"shown": [job.id for job in shown]})}


def _view(row: Any, queue_position: int | None = None) -> JobView:
    return JobView(
        id=row.id,
        run=row.run_id,
        path=os.path.join(row.root, row.path),
        state=row.state,
        level=Level(row.level),
        level_by=row.level_by,
        queue_position=queue_position,
        attempts=row.attempts - row.uncharged_attempts,
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
        correlation_id=row.correlation_id,
    )
