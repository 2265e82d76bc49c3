"""Figures over a whole library at one moment, for monitoring: its queue, its workers, its outbox, suspect files."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import Connection, func, select

from tonearm.events.states import RunState
from tonearm.jobs import failed_jobs, queue_depth
from tonearm.jobs.job import OPEN, JobState
from tonearm.jobs.job_sql import IS_OPEN, clock
from tonearm.jobs.worker_rows import ALONE
from tonearm.library.schema import job_table, run_table, worker_table
from tonearm.settings import Level
from tonearm.views.workers import STATES, state_of

PAUSED = "paused"
"""Stands for the jobs that wait in a paused run, which no worker takes."""
JOB_STATES = (*OPEN, PAUSED)


@dataclass(frozen=True, slots=True)
class Figures:
    """A library at one moment.

    jobs: number of open jobs by level and state. oldest_s: by level, how long the first of the jobs that may be taken
    has been waiting. workers: their number by state. outbox: waiting jobs whose message is to be sent.
    suspects: files that were being analysed when children died more than once, and were not analysed since.
    """

    jobs: Mapping[tuple[str, str], int]
    oldest_s: Mapping[str, float]
    workers: Mapping[str, int]
    outbox: int
    suspects: int


def read_figures(connection: Connection) -> Figures:
    """Read the figures. Makes a fixed number of queries, none over the jobs that have ended."""
    now = clock(connection)
    paused = (run_table.c.state == RunState.PAUSED).label("paused")
    rows = connection.execute(
        select(
            job_table.c.level,
            job_table.c.state,
            paused,
            func.count().label("jobs"),
            func.min(job_table.c.queued_at).label("since"),
        )
        .join(run_table, run_table.c.id == job_table.c.run_id)
        .where(job_table.c.state.in_(OPEN), IS_OPEN)
        .group_by(job_table.c.level, job_table.c.state, paused)
    ).all()
    jobs = {(level.label, state): 0 for level in Level for state in JOB_STATES}
    oldest_s = {level.label: 0.0 for level in Level}
    for row in rows:
        level = Level(row.level).label
        waits = row.state != JobState.RUNNING
        jobs[level, PAUSED if waits and row.paused else row.state] += row.jobs
        if waits and not row.paused:
            oldest_s[level] = max(oldest_s[level], now - row.since)
    running = sum(row.jobs for row in rows if row.state == JobState.RUNNING)
    return Figures(
        jobs=jobs,
        oldest_s=oldest_s,
        workers=_workers(connection, now)
        if connection.dialect.name != "sqlite"
        else _only_worker(connection, running),
        outbox=queue_depth.count_unsent(connection),
        suspects=failed_jobs.count_suspects(connection),
    )


def _workers(connection: Connection, now: float) -> dict[str, int]:
    rows = connection.execute(
        select(
            worker_table.c.seen_at,
            worker_table.c.ended_at,
            worker_table.c.drain,
            worker_table.c.running,
            worker_table.c.rest_code,
        ).where(worker_table.c.ended_at.is_(None))
    )
    return dict.fromkeys(STATES, 0) | Counter(state_of(row, now) for row in rows)


def _only_worker(connection: Connection, running: int) -> dict[str, int]:
    """The process that holds a library in a folder is its only worker."""
    rests = connection.execute(
        select(func.count()).where(
            worker_table.c.ended_at.is_(None),
            worker_table.c.instance.startswith(ALONE),
            worker_table.c.rest_code.is_not(None),
        )
    ).scalar_one()
    state = "resting" if rests else "working" if running else "idle"
    return dict.fromkeys(STATES, 0) | {state: 1}
