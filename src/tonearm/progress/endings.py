"""Which jobs of a run came to an end since the last look: each is told once, however late it becomes visible."""

from typing import NamedTuple

from sqlalchemy import ColumnElement, Connection, or_, select

from tonearm.jobs.job import JobState
from tonearm.library.schema import Job

ENDED = (JobState.DONE, JobState.PARTIAL, JobState.QUARANTINED)
LIMIT = 1000
"""Endings that one look takes in."""
OVERLAP_S = 10.0
"""A transaction becomes visible after the moment it notes as its job's end: so far back is looked again."""
LATE_LIMIT = 10_000


class Ending(NamedTuple):
    """A job's end, by the database's clock; a job that is opened again can end again."""

    at: float
    job: int


class Endings:
    """A place in the endings of one run, those of the jobs of worker ``me`` left out.

    ``behind``: whether more had ended than the last look took in.
    """

    def __init__(self, run: int, me: str, from_now: bool) -> None:
        self._run = run
        self._me = me
        self._from_now = from_now
        self._floor: float | None = None
        self._after = Ending(0.0, 0)
        self._told: set[Ending] = set()
        self._next = self._after, self._told
        self.behind = False

    def look(self, connection: Connection, now: float) -> list[Ending]:
        """What has ended and was not told, in order. Two queries into an index; neither reads the whole run.

        The place stays what it is until ``tell`` is called: a look may fail half-way.
        """
        if self._floor is None:
            self._floor = now if self._from_now else 0.0
            self._after = Ending(self._floor, 0)
        after = min(self._after, Ending(now, 0))  # the database's clock may have been set back
        new = self._later(connection, after)
        since = max(self._floor, after.at - OVERLAP_S)
        missed = [ending for ending in self._between(connection, since, after.at) if ending not in self._told]
        self.behind = len(new) == LIMIT or len(missed) > LIMIT
        untold = {*missed[-LIMIT:], *new} - self._told
        self._next = (
            new[-1] if len(new) == LIMIT else Ending(now, 0),
            {ending for ending in self._told if ending.at >= since} | untold,
        )
        return sorted(untold)

    def tell(self) -> None:
        """What the last look saw is told."""
        self._after, self._told = self._next

    def _later(self, connection: Connection, after: Ending) -> list[Ending]:
        rows = connection.execute(
            select(Job.finished_at, Job.id)
            .where(
                Job.finished_at >= after.at,
                or_(Job.finished_at > after.at, Job.id > after.job),
                *self._others(),
            )
            .order_by(Job.finished_at, Job.id)
            .limit(LIMIT)
        )
        return [Ending(row.finished_at, row.id) for row in rows]

    def _between(self, connection: Connection, first: float, last: float) -> list[Ending]:
        """The newest first."""
        rows = connection.execute(
            select(Job.finished_at, Job.id)
            .where(Job.finished_at.between(first, last), *self._others())
            .order_by(Job.finished_at.desc(), Job.id.desc())
            .limit(LATE_LIMIT)
        )
        return [Ending(row.finished_at, row.id) for row in rows]

    def _others(self) -> tuple[ColumnElement[bool], ...]:
        return (
            Job.run_id == self._run,
            Job.state.in_(ENDED),
            or_(Job.worker.is_(None), Job.worker != self._me),
        )
