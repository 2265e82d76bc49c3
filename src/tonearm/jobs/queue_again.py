"""Queues failed files again, a few at a time, so that no row is locked for long and memory stays bounded."""

import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy import Connection, case, select, update
from sqlalchemy.exc import IntegrityError

from tonearm.errors import StorageBusy
from tonearm.events.batches import JobsEnqueued
from tonearm.events.event import Announce
from tonearm.events.job_trace import JobTrace
from tonearm.events.states import RunState
from tonearm.jobs.failed_jobs import START, FailedPosition, FailedSelection, after, in_order
from tonearm.jobs.job import JobState
from tonearm.jobs.job_sql import clock
from tonearm.jobs.runs import count_discovered, open_again
from tonearm.jobs.trace_context import Sampler
from tonearm.library.bulk_write import add
from tonearm.library.database import Database
from tonearm.library.history import note_each
from tonearm.library.one_of import among
from tonearm.library.schema import file_table, job_table, run_table

BATCH = 1_000
"""Number of jobs that one transaction queues again."""

_QUEUE_AGAIN = (
    update(job_table)
    .where(among(job_table.c.id, "jobs"))
    .values(
        state=JobState.QUEUED,
        uncharged_attempts=job_table.c.attempts,
        interruptions=0,
        child_deaths=0,
        retried=job_table.c.retried + 1,
        fresh=case((job_table.c.state == JobState.PARTIAL, True), else_=job_table.c.fresh),
        not_before=None,
        finished_at=None,
        code=None,
        reason=None,
        advice=None,
    )
)
_WAITING_FILES = update(file_table).where(among(file_table.c.id, "files")).values(state="waiting")


class FailedFilesRetry:
    """Queues selected failed files again, one batch at each call of ``step``, with no attempts charged.

    Files of a cancelled run get a new job in a new run, because jobs of cancelled runs are not taken.
    """

    def __init__(
        self,
        database: Database,
        chosen: FailedSelection,
        announce: Announce | None = None,
        sampler: Sampler | None = None,
    ) -> None:
        """``announce``: told of each batch. ``sampler``: decides which traces are recorded, if any are."""
        self._database = database
        self._chosen = chosen
        self._announce = announce
        self._sampler = sampler
        self._position = START
        self._new_runs: dict[int, int] = {}
        self.ended = False
        """Whether all selected files are queued."""

    def step(self) -> int:
        """Queue the next ``BATCH`` files; returns how many. It can be repeated after an error.

        Raises:
            StorageError: the database can't be written, or another transaction was in the way.
        """
        with self._database.read() as connection:  # it may pass over many failed files that are not selected
            found = connection.execute(
                in_order(
                    select(job_table.c.code, job_table.c.id)
                    .join(file_table, file_table.c.id == job_table.c.file_id)
                    .where(*self._chosen.conditions(), after(self._position))
                ).limit(BATCH)
            ).all()
        new_runs = dict(self._new_runs)
        traces: list[JobTrace] = []
        began = time.monotonic()
        if found:
            try:
                with self._database.write() as connection:
                    ids = [job.id for job in found]
                    traces = _retry(connection, self._chosen, ids, new_runs, self._sampler)
            except IntegrityError as error:  # a scan has made a new job for one of these files meanwhile
                raise StorageBusy(f"{self._database.address}: another transaction was in the way") from error
            self._position = FailedPosition(found[-1].code, found[-1].id)
        self._new_runs = new_runs
        self.ended = len(found) < BATCH
        if traces and self._announce is not None:
            recorded = tuple(trace for trace in traces if trace.sampled)
            self._announce(JobsEnqueued(None, len(traces), time.monotonic() - began, recorded))
        return len(traces)


def _retry(
    connection: Connection,
    chosen: FailedSelection,
    ids: Sequence[int],
    new_runs: dict[int, int],
    sampler: Sampler | None,
) -> list[JobTrace]:
    """Queue those of these jobs again that are still selected; returns the trace that begins for each."""
    jobs = connection.execute(
        select(job_table, run_table.c.state.label("run_state"))
        .join(file_table, file_table.c.id == job_table.c.file_id)
        .join(run_table, run_table.c.id == job_table.c.run_id)
        .where(among(job_table.c.id, "jobs"), *chosen.conditions())
        .order_by(job_table.c.id)
        .with_for_update(of=job_table),
        {"jobs": ids},
    ).all()
    now = clock(connection)
    traces = {job.id: _next_trace(job, sampler) for job in jobs}
    again = [job for job in jobs if job.run_state != RunState.CANCELLED]
    for sampled in {traces[job.id].sampled for job in again}:
        connection.execute(
            _QUEUE_AGAIN.values(queued_at=now, publish_due_at=now, sampled=sampled),
            {"jobs": [job.id for job in again if traces[job.id].sampled == sampled]},
        )
    cancelled = [job for job in jobs if job.run_state == RunState.CANCELLED]
    for run in sorted({job.run_id for job in cancelled}):
        new_runs[run] = _open_run(connection, run, new_runs.get(run), now)
        of_run = [(job, traces[job.id]) for job in cancelled if job.run_id == run]
        _add_new_jobs(connection, of_run, new_runs[run], now)
    connection.execute(_WAITING_FILES, {"files": [job.file_id for job in jobs]})
    note_each(
        connection,
        {job.file_id: {"was": job.state, "code": job.code} for job in jobs},
        "retried",
        now,
    )
    return list(traces.values())


def _next_trace(job: Any, sampler: Sampler | None) -> JobTrace:
    """The trace of a job that is queued again. It is linked to the former one by the correlation id."""
    trace = JobTrace(job.correlation_id, job.retried + 1)
    return replace(trace, sampled=sampler(trace.trace_id, None)) if sampler else trace


def _open_run(connection: Connection, cancelled: int, known: int | None, now: float) -> int:
    """The run that replaces a cancelled one: the known one unless it has ended already, or else a new one."""
    still_open = select(run_table.c.id).where(run_table.c.id == known, run_table.c.finished_at.is_(None))
    if known is not None and connection.execute(still_open.with_for_update()).first() is not None:
        return known
    return open_again(connection, cancelled, now)


def _add_new_jobs(connection: Connection, jobs: Sequence[tuple[Any, JobTrace]], run: int, now: float) -> None:
    """Add new jobs for the files of jobs whose run was cancelled; the old jobs do not change."""
    rows = [
        {
            "file_id": job.file_id,
            "run_id": run,
            "state": JobState.QUEUED,
            "level": job.level,
            "level_by": job.level_by,
            "rank": job.rank,
            "fresh": job.fresh or job.state == JobState.PARTIAL,
            "queued_at": now,
            "publish_due_at": now,
            "correlation_id": trace.correlation_id,
            "retried": trace.retried,
            "sampled": trace.sampled,
        }
        for job, trace in jobs
    ]
    add(connection, job_table, rows)
    count_discovered(connection, run, len(rows))
