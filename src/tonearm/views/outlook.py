"""What is left of the open runs and what holds them up, from the database alone, so that any process can tell it."""

import dataclasses
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, func, select

from tonearm.events.states import BrokerState, Decoded, Obstacle, Outlook, RunState
from tonearm.jobs.job import OPEN, JobState
from tonearm.jobs.job_sql import IS_OPEN, clock
from tonearm.jobs.workload import decoded_lately, workload_of
from tonearm.library.database import Database
from tonearm.library.schema import attempt_table, file_table, job_table
from tonearm.progress.bottleneck import Conditions, SlotTime, reading_s, stopped_by
from tonearm.progress.eta import Eta, FileInProgress
from tonearm.progress.shifts import all_elapsed_s
from tonearm.settings import Level
from tonearm.views.liveness import Liveness
from tonearm.views.reading import reading
from tonearm.views.runs import RunView

BROKER = "RabbitMQ"
"""The name of the broker among the circuit breakers of a worker."""
ATTEMPTS = 50
"""Number of attempts, the latest, from which it is told what the time is spent on."""
SAMPLE = 5000
"""Number of open files of a run of which the sizes are read; of a larger run, one job of so many."""


@dataclass(frozen=True, slots=True)
class _Lately:
    """What is common to all runs."""

    alive: Liveness
    now: float
    learned: Mapping[str, tuple[Decoded, ...]]
    slot_time: SlotTime


def with_outlooks(database: Database, alive: Liveness, runs: Sequence[RunView]) -> list[RunView]:
    """The runs, those that have not ended with their outlook. Raises StorageError."""
    if all(run.finished_at is not None for run in runs):
        return list(runs)
    with reading(database) as connection:
        outlooks = read_outlooks(
            connection, alive, [(run.id, run.state) for run in runs if run.finished_at is None]
        )
    return [dataclasses.replace(run, outlook=outlooks.get(run.id)) for run in runs]


def read_outlooks(
    connection: Connection, alive: Liveness, runs: Iterable[tuple[int, str]]
) -> dict[int, Outlook]:
    """The outlook of each open run, given with their states."""
    lately = _Lately(alive, clock(connection), decoded_lately(connection), _slot_time(connection))
    return {run: _outlook(connection, run, state, lately) for run, state in runs}


def _outlook(connection: Connection, run: int, state: str, lately: _Lately) -> Outlook:
    counts = _open_jobs(connection, run)
    files = sum(counts.values())
    running = [row for row in _running(connection, run) if lately.alive.is_alive(row.worker)]
    slots = lately.alive.slots
    if not lately.alive.shared:  # its process writes down how many slots it has only if it ever rests
        slots = max(len(running), slots, *(shift.slots for shift in lately.alive.shifts))
    obstacle = stopped_by(
        Conditions(
            run=RunState.PAUSED if state == RunState.PAUSED else RunState.RUNNING,
            broker=BrokerState.UNAVAILABLE if BROKER in lately.alive.refused else BrokerState.READY,
            slots=slots,
            running=len(running),
            waiting=counts.get(JobState.QUEUED, 0),
            retrying=counts.get(JobState.RETRYING, 0),
            resting=lately.alive.rest is not None,
        )
    )
    share = None
    if obstacle is None and running:
        most = lately.slot_time.most(
            reading_s((row.stage or "start", lately.now - row.started_at) for row in running)
        )
        obstacle, share = most or (None, None)
    workload = workload_of(connection, run, max(1, files // SAMPLE))
    eta = Eta(workload, lately.learned, max(1, slots), run)
    left = eta.estimate(_in_progress(row, lately.now) for row in running)
    reason = lately.alive.rest.reason if obstacle is Obstacle.RESTING and lately.alive.rest else None
    if left is None:
        return Outlook(files, held_up_by=obstacle, share=share, reason=reason)
    times = all_elapsed_s((left.seconds, left.low_s, left.high_s), time.time(), lately.alive.shifts)
    if obstacle in (Obstacle.PAUSED, Obstacle.NO_WORKER, Obstacle.SERVER) or times is None:
        return Outlook(files, left.audio_s, held_up_by=obstacle, reason=reason)
    return Outlook(files, left.audio_s, *times, obstacle, share, reason)


def _open_jobs(connection: Connection, run: int) -> dict[str, int]:
    """Number of open jobs of a run by state."""
    rows = connection.execute(
        select(job_table.c.state, func.count().label("jobs"))
        .where(job_table.c.run_id == run, job_table.c.state.in_(OPEN), IS_OPEN)
        .group_by(job_table.c.state)
    ).all()
    return {row.state: row.jobs for row in rows}


def _running(connection: Connection, run: int) -> Sequence[Any]:
    columns = (job_table.c.worker, job_table.c.stage, job_table.c.started_at, job_table.c.level)
    return connection.execute(
        select(*columns, file_table.c.extension, file_table.c.size)
        .join(file_table, file_table.c.id == job_table.c.file_id)
        .where(
            job_table.c.run_id == run,
            job_table.c.state == JobState.RUNNING,
            IS_OPEN,
            job_table.c.started_at.is_not(None),
        )
    ).all()


def _in_progress(row: Any, now: float) -> FileInProgress:
    elapsed_s = max(0.0, now - row.started_at)
    return FileInProgress(row.extension, row.size, elapsed_s, level=Level(row.level).label)


def _slot_time(connection: Connection) -> SlotTime:
    """What the attempts that ended last spent their time on."""
    rows = connection.execute(
        select(attempt_table.c.timings, attempt_table.c.store_s)
        .where(attempt_table.c.run_s.is_not(None))
        .order_by(attempt_table.c.ended_at.desc())
        .limit(ATTEMPTS)
    ).all()
    found = SlotTime()
    for row in reversed(rows):
        found.add(row.timings, row.store_s or 0.0)
    return found
