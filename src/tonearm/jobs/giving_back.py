"""Gives running jobs back to the queue, in the caller's transaction; their attempts are not charged."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, select, update

from tonearm.jobs import attempt_outcomes, attempts
from tonearm.jobs.attempts import Outcome
from tonearm.jobs.job import JobState
from tonearm.jobs.job_sql import IS_OPEN, cancel_unwanted, clock, in_state
from tonearm.jobs.lease import Lease
from tonearm.library.schema import job_table

_RUNNING_JOBS = (
    select(
        job_table.c.id,
        job_table.c.file_id,
        job_table.c.attempts,
        job_table.c.lease_until,
        job_table.c.interruptions,
        job_table.c.worker,
        job_table.c.started_at,
        job_table.c.queued_at,
    )
    .where(in_state(JobState.RUNNING), IS_OPEN)
    .order_by(job_table.c.rank)
    .with_for_update(skip_locked=True)
)
_RETURNED = {
    "state": JobState.QUEUED,
    "uncharged_attempts": job_table.c.uncharged_attempts + 1,
    "worker": None,
    "lease_until": None,
    "stage": None,
}


def running_jobs(connection: Connection, *conditions: ColumnElement[bool]) -> Sequence[Any]:
    """Lock the running jobs that match all conditions, but those that another transaction has locked."""
    return connection.execute(_RUNNING_JOBS.where(*conditions)).all()


def give_back(
    connection: Connection, leases: Sequence[Lease], after_s: float, work_s: Mapping[int, float]
) -> None:
    """Give back those jobs whose leases were not lost; they may be taken again after ``after_s``.

    work_s: for how many seconds a child worked on each job.
    """
    rows = attempt_outcomes.lock_leased(connection, leases)
    if not rows:
        return
    now = next(iter(rows.values())).now
    attempts.record(
        connection,
        [attempts.ended(lease, Outcome.RETURNED, now, run_s=work_s.get(lease.job, 0.0)) for lease in rows],
    )
    later = {"state": JobState.RETRYING, "not_before": now + after_s} if after_s else {}
    _requeue(connection, [lease.job for lease in rows], now, now + after_s, later)


def give_back_except(connection: Connection, worker: str, known: Collection[int]) -> int:
    """Give back the running jobs of a worker but those that it knows of; returns how many."""
    lost = running_jobs(connection, job_table.c.worker == worker, job_table.c.id.not_in(known))
    if lost:
        now = clock(connection)
        attempts.record(connection, [attempts.ended_unreported(job, Outcome.RETURNED, now) for job in lost])
        _requeue(connection, [job.id for job in lost], now, now, {})
    return len(lost)


def _requeue(
    connection: Connection, jobs: Sequence[int], now: float, ready_at: float, later: Mapping[str, Any]
) -> None:
    """Queue running jobs, to be taken from ``ready_at`` on, with other values if ``later`` has them.

    Jobs of cancelled runs are cancelled.
    """
    chosen = job_table.c.id.in_(jobs)
    connection.execute(
        update(job_table)
        .where(chosen)
        .values(queued_at=ready_at, publish_due_at=ready_at, **{**_RETURNED, **later})
    )
    cancel_unwanted(connection, chosen, now)
