"""Reads which jobs of a run have ended since the last call; returns each once, however late it becomes visible."""

from typing import NamedTuple

from sqlalchemy import ColumnElement, Connection, or_, select

from tonearm.jobs.job import JobState
from tonearm.library.schema import job_table

ENDED = (JobState.DONE, JobState.PARTIAL, JobState.QUARANTINED)
LIMIT = 1000
"""Maximum number of endings that one call reads."""
OVERLAP_S = 10.0
"""A transaction becomes visible after the end that it records for its job, so each call reads this far back again."""
LATE_LIMIT = 10_000
"""Maximum number of rows that are read again."""


class FinishedJob(NamedTuple):
    """A job's end, by the database's clock; a job that is opened again can end again."""

    at: float
    job: int


class FinishedJobsCursor:
    """A position among the ended jobs of one run, without the jobs of worker ``me``.

    ``behind``: whether more jobs had ended than the last call could read.
    """

    def __init__(self, run: int, me: str, from_now: bool) -> None:
        self._run = run
        self._me = me
        self._from_now = from_now
        self._floor: float | None = None
        self._after = FinishedJob(0.0, 0)
        self._returned: set[FinishedJob] = set()
        self._next = self._after, self._returned
        self.behind = False

    def read(self, connection: Connection, now: float) -> list[FinishedJob]:
        """The jobs that have ended and were not returned before, in order.

        Makes two index queries, neither over the whole run.

        The position changes only when ``advance`` is called, as what the caller does with the jobs may fail.
        """
        if self._floor is None:
            self._floor = now if self._from_now else 0.0
            self._after = FinishedJob(self._floor, 0)
        after = min(self._after, FinishedJob(now, 0))  # the database's clock may have been set back
        new = self._later(connection, after)
        since = max(self._floor, after.at - OVERLAP_S)
        missed = [
            finished
            for finished in self._between(connection, since, after.at)
            if finished not in self._returned
        ]
        self.behind = len(new) == LIMIT or len(missed) > LIMIT
        unreturned = {*missed[-LIMIT:], *new} - self._returned
        self._next = (
            new[-1] if len(new) == LIMIT else FinishedJob(now, 0),
            {finished for finished in self._returned if finished.at >= since} | unreturned,
        )
        return sorted(unreturned)

    def advance(self) -> None:
        """Move the position past the jobs that the last call of ``read`` returned."""
        self._after, self._returned = self._next

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
        """Jobs that ended between two times, the newest first."""
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
