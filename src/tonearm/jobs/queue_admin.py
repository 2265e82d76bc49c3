"""Commands on the queue: change priorities, retry files."""

from sqlalchemy import Select, case, func, select, update

from tonearm.events.event import Announce
from tonearm.jobs.batched_update import update_in_batches
from tonearm.jobs.failed_jobs import FailedSelection
from tonearm.jobs.job import OPEN, JobState
from tonearm.jobs.job_sql import IS_OPEN, clock
from tonearm.jobs.priority import rank
from tonearm.jobs.queue_again import FailedFilesRetry
from tonearm.jobs.trace_context import Sampler
from tonearm.library.database import Database
from tonearm.library.roots import Place, in_place
from tonearm.library.schema import file_table, job_table
from tonearm.settings import Level


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
        return update_in_batches(
            self._database,
            _open_jobs(place),
            lambda connection, jobs: (
                connection.execute(update(job_table).where(job_table.c.id.in_(jobs)).values(values)).rowcount
            ),
        )

    def count_open(self, place: Place) -> int:
        """How many open jobs there are at or below a place."""
        with self._database.read() as connection:
            counted = select(func.count()).select_from(_open_jobs(place).subquery())
            return int(connection.execute(counted).scalar_one())

    def retry(
        self, chosen: FailedSelection, announce: Announce | None = None, sampler: Sampler | None = None
    ) -> FailedFilesRetry:
        """Prepare to queue failed files again; each call of ``step`` queues some of them.

        ``announce``: told of each batch. ``sampler``: decides which traces are recorded, if any are.
        """
        return FailedFilesRetry(self._database, chosen, announce, sampler)


def _open_jobs(place: Place) -> Select[int]:
    there = select(file_table.c.id).where(file_table.c.id == job_table.c.file_id, in_place(place)).exists()
    return select(job_table.c.id).where(job_table.c.state.in_(OPEN), IS_OPEN, there)
