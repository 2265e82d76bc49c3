"""Which processes are alive, and therefore which jobs and runs are really being worked on.

The rows of a process that was killed stay ``running`` until another process recovers them. Everything that is shown
follows the rules below, so that no two parts of an output contradict each other.
"""

import dataclasses
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import Connection, select

from tonearm.events.states import BreakerState, RunState, Shift
from tonearm.jobs.job import JobState
from tonearm.jobs.job_sql import clock
from tonearm.jobs.worker_rows import LOST_S, shift_of
from tonearm.library.database import Database
from tonearm.library.process_lock import analysing_process
from tonearm.library.schema import worker_table
from tonearm.views.runs import RunView
from tonearm.views.workers import RestView, rest_of

if TYPE_CHECKING:
    from tonearm.views.jobs import JobView

INTERRUPTED = "interrupted"
"""Shown for a job or a run whose process has ended and which no other process has recovered yet."""
WAITING = "waiting"
"""Shown for a run of a shared library while no worker is alive to take its jobs."""
RESTING = "resting"
"""Shown for a run while every worker rests."""


@dataclass(frozen=True, slots=True)
class Liveness:
    """The processes that were alive at one moment.

    workers: their names; ``None`` where only one process at a time may analyse and it is alive, whatever its name.
    slots: how many files they can analyse at the same time, without draining workers, which take no jobs.
    shifts: when each takes jobs; empty where that is not known. rest: where all of them rest, the rest that ends first.
    refused: servers that none of these workers can use now, because their circuit breakers are not closed.
    """

    shared: bool
    workers: frozenset[str] | None
    slots: int
    shifts: tuple[Shift, ...] = ()
    rest: RestView | None = None
    refused: frozenset[str] = frozenset()

    @property
    def analysing(self) -> bool:
        """Whether any process takes jobs, now or after a rest."""
        return self.slots > 0

    def is_alive(self, worker: str | None) -> bool:
        """Whether the process with a name is alive."""
        return self.workers is None or worker in self.workers

    def job(self, job: "JobView") -> "JobView":
        """A job as it is shown: a running job whose process has ended is interrupted, and has no worker."""
        if job.state != JobState.RUNNING or self.is_alive(job.worker):
            return job
        return dataclasses.replace(job, state=INTERRUPTED, stage=None, worker=None)

    def run(self, run: RunView) -> RunView:
        """A run as it is shown: a running run that no process works on is interrupted, or waits for a worker."""
        if run.finished_at is not None or run.state != RunState.RUNNING:
            return run
        if self.analysing:
            return run if self.rest is None else dataclasses.replace(run, state=RESTING)
        return dataclasses.replace(run, state=WAITING if self.shared else INTERRUPTED)


def sole_process(database: Database) -> int | None:
    """The process that analyses a library in a folder; ``None`` without one, and for a shared library."""
    return None if database.shared else analysing_process(Path(database.address).parent)


def read_liveness(database: Database) -> Liveness:
    """Find the living processes: by the lock of a library in a folder, by heartbeats in a shared library.

    Call this before the jobs and runs are read: a process that ends in between has then ended its jobs, too.
    """
    if not database.shared:
        if sole_process(database) is None:
            return Liveness(False, frozenset(), 0)
        with database.read() as connection:
            return _sole(connection)
    with database.read() as connection:
        return _by_heartbeats(connection)


def _sole(connection: Connection) -> Liveness:
    """The only process; it has a row once it has rested or keeps hours."""
    row = connection.execute(
        select(worker_table)
        .where(worker_table.c.ended_at.is_(None))
        .order_by(worker_table.c.started_at.desc())
        .limit(1)
    ).one_or_none()
    if row is None:
        return Liveness(False, None, 1)
    return Liveness(False, None, 1, (shift_of(row),), rest_of(row))


def _by_heartbeats(connection: Connection) -> Liveness:
    rows = connection.execute(
        select(worker_table).where(
            worker_table.c.ended_at.is_(None), worker_table.c.seen_at >= clock(connection) - LOST_S
        )
    ).all()
    takers = [row for row in rows if row.slots and not row.drain]
    refused = [
        {service for service, state in row.breakers.items() if state != BreakerState.CLOSED} for row in takers
    ]
    return Liveness(
        True,
        frozenset(row.name for row in rows),
        sum(row.slots for row in takers),
        tuple(map(shift_of, takers)),
        _common_rest([rest_of(row) for row in takers]),
        frozenset(set.intersection(*refused)) if refused else frozenset(),
    )


def _common_rest(rests: Sequence[RestView | None]) -> RestView | None:
    """The rest that ends first, where all rest."""
    found = [rest for rest in rests if rest is not None]
    if not found or len(found) < len(rests):
        return None
    return min(found, key=lambda rest: math.inf if rest.until is None else rest.until)
