"""Deletes ended jobs, their attempts and the history of files after ``keep_history_days``, a few rows at a time.

Profiles that nobody has read are deleted after a day.
"""

import contextlib
import threading

from sqlalchemy import Connection, Delete, Select, and_, delete, func, not_, or_, select, tuple_

from tonearm.errors import StorageError
from tonearm.jobs.job import JobState
from tonearm.jobs.job_sql import IS_OPEN, clock
from tonearm.library.database import Database
from tonearm.library.schema import attempt_table, history_table, job_table, profile_table, worker_table

BATCH = 500
"""Maximum number of rows of a table that one transaction deletes."""
BETWEEN_BATCHES_S = 0.2
BETWEEN_PASSES_S = 3600.0
PRUNING = 0x746F6E6572  # any number that nothing else in the database uses
"""Key of the PostgreSQL advisory lock that the deleting process holds."""
DAY_S = 86_400.0

Position = tuple[float, int]
"""The last job that a pass has examined: when it ended, and its id."""


class History:
    """Deletes old rows.

    Never deletes results, the counts of runs, open jobs, or the last job of a file that is quarantined or partial,
    because that job holds the reason.
    """

    def __init__(self, database: Database, keep_days: float) -> None:
        self._database = database
        self._keep_s = keep_days * DAY_S
        self._after: Position = (0.0, 0)

    def run(self, stop: threading.Event) -> None:
        """Delete old rows now and once an hour, until stopped; skips a pass while the database is unavailable."""
        pause_s = 0.0
        while not stop.wait(pause_s):
            pause_s = BETWEEN_PASSES_S
            with contextlib.suppress(StorageError):
                if self.prune_batch():
                    pause_s = BETWEEN_BATCHES_S

    def prune(self) -> None:
        """Delete all old rows, batch by batch. Raises StorageError."""
        while self.prune_batch():
            pass

    def prune_batch(self) -> bool:
        """Delete the oldest rows in one short transaction; returns whether there may be more.

        On PostgreSQL one process deletes at a time; meanwhile this returns ``False`` in the others.
        """
        with self._database.write() as connection:
            if not _may_delete(connection):
                return False
            before = clock(connection) - self._keep_s
            jobs = self._prune_jobs(connection, before)
            others = [
                connection.execute(statement).rowcount
                for statement in (_old_attempts(before), _old_history(before), _old_workers(before))
            ]
            connection.execute(_unread_profiles(clock(connection) - DAY_S))
        return jobs or BATCH in others

    def _prune_jobs(self, connection: Connection, before: float) -> bool:
        """Delete some jobs that ended before a time, except those to be kept. Returns whether there may be more."""
        examined = connection.execute(_ended(before, self._after)).all()
        old = [row.id for row in examined if not row.needed]
        connection.execute(delete(attempt_table).where(attempt_table.c.job_id.in_(old)))
        connection.execute(delete(job_table).where(job_table.c.id.in_(old)))
        more = len(examined) == BATCH
        self._after = (examined[-1].finished_at, examined[-1].id) if more else (0.0, 0)
        return more


def _may_delete(connection: Connection) -> bool:
    """Whether no other process is deleting now; with SQLite only one process works on a library."""
    if connection.dialect.name != "postgresql":
        return True
    return bool(connection.execute(select(func.pg_try_advisory_xact_lock(PRUNING))).scalar_one())


def _ended(before: float, after: Position) -> Select[tuple[int, float, bool]]:
    """The next jobs that ended before a time, and whether each holds the reason of a quarantined or partial file."""
    later = job_table.alias("later")
    is_last = not_(
        select(later.c.id).where(later.c.file_id == job_table.c.file_id, later.c.id > job_table.c.id).exists()
    )
    needed = and_(job_table.c.state.in_((JobState.QUARANTINED, JobState.PARTIAL)), is_last)
    return (
        select(job_table.c.id, job_table.c.finished_at, needed.label("needed"))
        .where(
            not_(IS_OPEN),
            job_table.c.finished_at < before,
            job_table.c.finished_at >= after[0],
            or_(
                job_table.c.finished_at > after[0],
                and_(job_table.c.finished_at == after[0], job_table.c.id > after[1]),
            ),
        )
        .order_by(job_table.c.finished_at, job_table.c.id)
        .limit(BATCH)
    )


def _old_attempts(before: float) -> Delete:
    """Old attempts at jobs that are kept themselves, such as a job that is retried after a year."""
    key = tuple_(attempt_table.c.job_id, attempt_table.c.number)
    oldest = select(attempt_table.c.job_id, attempt_table.c.number).where(attempt_table.c.ended_at < before)
    return delete(attempt_table).where(key.in_(oldest.order_by(attempt_table.c.ended_at).limit(BATCH)))


def _old_history(before: float) -> Delete:
    oldest = select(history_table.c.id).where(history_table.c.at < before).order_by(history_table.c.at)
    return delete(history_table).where(history_table.c.id.in_(oldest.limit(BATCH)))


def _old_workers(before: float) -> Delete:
    ended = select(worker_table.c.name).where(worker_table.c.ended_at < before).limit(BATCH)
    return delete(worker_table).where(worker_table.c.name.in_(ended))


def _unread_profiles(before: float) -> Delete:
    return delete(profile_table).where(profile_table.c.asked_at < before)
