"""Which processes are alive, and therefore which jobs and runs are really being worked on.

The rows of a process that was killed stay ``running`` until another process recovers them. Everything that is shown
follows the rules below, so that no two parts of an output contradict each other.
"""

import dataclasses
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Connection, select

from tonearm.events.states import RunState
from tonearm.jobs.job import JobState
from tonearm.jobs.job_sql import clock
from tonearm.jobs.worker_registry import LOST_S
from tonearm.library.database import Database
from tonearm.library.lock import holder
from tonearm.library.schema import worker_table
from tonearm.views.jobs import JobView
from tonearm.views.runs import RunView

INTERRUPTED = "interrupted"
"""Shown for a job or a run whose process has ended and which no other process has recovered yet."""
WAITING = "waiting"
"""Shown for a run of a shared library while no worker is alive to take its jobs."""


@dataclass(frozen=True, slots=True)
class Liveness:
    """The processes that were alive at one moment.

    workers: their names; ``None`` where only one process at a time may analyse and it is alive, whatever its name.
    slots: how many files they can analyse at the same time, without draining workers, which take no jobs.
    """

    shared: bool
    workers: frozenset[str] | None
    slots: int

    @property
    def analysing(self) -> bool:
        """Whether any process takes jobs."""
        return self.slots > 0

    def is_alive(self, worker: str | None) -> bool:
        """Whether the process with a name is alive."""
        return self.workers is None or worker in self.workers

    def job(self, job: JobView) -> JobView:
        """A job as it is shown: a running job whose process has ended is interrupted, and has no worker."""
        if job.state != JobState.RUNNING or self.is_alive(job.worker):
            return job
        return dataclasses.replace(job, state=INTERRUPTED, stage=None, worker=None)

    def run(self, run: RunView) -> RunView:
        """A run as it is shown: a running run that no process works on is interrupted, or waits for a worker."""
        if run.finished_at is not None or run.state != RunState.RUNNING or self.analysing:
            return run
        return dataclasses.replace(run, state=WAITING if self.shared else INTERRUPTED)


def read_liveness(database: Database) -> Liveness:
    """Find the living processes: by the lock of a library in a folder, by heartbeats in a shared library.

    Call this before the jobs and runs are read: a process that ends in between has then ended its jobs, too.
    """
    if not database.shared:
        locked = holder(Path(database.address).parent) is not None
        return Liveness(False, None if locked else frozenset(), int(locked))
    with database.read() as connection:
        return _by_heartbeats(connection)


def _by_heartbeats(connection: Connection) -> Liveness:
    rows = connection.execute(
        select(worker_table.c.name, worker_table.c.slots, worker_table.c.drain).where(
            worker_table.c.ended_at.is_(None), worker_table.c.seen_at >= clock(connection) - LOST_S
        )
    ).all()
    slots = sum(row.slots for row in rows if not row.drain)
    return Liveness(True, frozenset(row.name for row in rows), slots)
