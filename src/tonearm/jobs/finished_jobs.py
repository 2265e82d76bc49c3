"""Which jobs of a run came to an end since the last look: each is told once, however late it becomes visible."""

from typing import NamedTuple

from sqlalchemy import ColumnElement, Connection, or_, select

from tonearm.jobs.job import JobState
from tonearm.library.schema import job_table

ENDED = (JobState.DONE, JobState.PARTIAL, JobState.QUARANTINED)
LIMIT = 1000
"""Endings that one look takes in."""
OVERLAP_S = 10.0
"""A transaction becomes visible after the moment it notes as its job's end: so far back is looked again."""
LATE_LIMIT = 10_000


class FinishedJob(NamedTuple):
    """A job's end, by the database's clock; a job that is opened again can end again."""

    at: float
    job: int


class FinishedJobsCursor:
    """A place in the endings of one run, those of the jobs of worker ``me`` left out.

    ``behind``: whether more had ended than the last look took in.
    """

    def __init__(self, run: int, me: str, from_now: bool) -> None:
        self._run = run
        self._me = me
        self._from_now = from_now
        self._floor: float | None = None
        self._after = FinishedJob(0.0, 0)
        self._told: set[FinishedJob] = set()
        self._next = self._after, self._told
        self.behind = False

    def look(self, connection: Connection, now: float) -> list[FinishedJob]:
        """What has ended and was not told, in order. Two queries into an index; neither reads the whole run.

        The place stays what it is until ``tell`` is called: a look may fail half-way.
        """
        if self._floor is None:
            self._floor = now if self._from_now else 0.0
            self._after = FinishedJob(self._floor, 0)
        after = min(self._after, FinishedJob(now, 0))  # the database's clock may have been set back
        new = self._later(connection, after)
        since = max(self._floor, after.at - OVERLAP_S)
        missed = [
            finished for finished in self._between(connection, since, after.at) if finished not in self._told
        ]
        self.behind = len(new) == LIMIT or len(missed) > LIMIT
        untold = {*missed[-LIMIT:], *new} - self._told
        self._next = (
            new[-1] if len(new) == LIMIT else FinishedJob(now, 0),
            {finished for finished in self._told if finished.at >= since} | untold,
        )
        return sorted(untold)

    def tell(self) -> None:
        """What the last look saw is told."""
        self._after, self._told = self._next

    def _later(self, connection: Connection, after: FinishedJob) -> list[FinishedJob]:
        rows = connection.execute(
            select(job_table.c.finished_at, job_table.c.id)
            .where(
                job_table.c.finished_at >= after.at,
                or_(job_table.c.finished_at > after.at, job_table.c.id > after.job),
                *self._others(),
            )
            .order_by(job_table.c.finished_at, job_table.c.id)
            .limit(LIMIT)
        )
        return [FinishedJob(row.finished_at, row.id) for row in rows]

    def _between(self, connection: Connection, first: float, last: float) -> list[FinishedJob]:
        """The newest first."""
        rows = connection.execute(
            select(job_table.c.finished_at, job_table.c.id)
            .where(job_table.c.finished_at.between(first, last), *self._others())
            .order_by(job_table.c.finished_at.desc(), job_table.c.id.desc())
            .limit(LATE_LIMIT)
        )
        return [FinishedJob(row.finished_at, row.id) for row in rows]

    def _others(self) -> tuple[ColumnElement[bool], ...]:
        return (
            job_table.c.run_id == self._run,
            job_table.c.state.in_(ENDED),
            or_(job_table.c.worker.is_(None), job_table.c.worker != self._me),
        )
