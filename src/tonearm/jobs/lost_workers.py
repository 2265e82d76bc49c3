"""Recovers the jobs of workers that were lost, and quarantines those that were interrupted too often."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, select, update

from tonearm.jobs import attempt_outcomes, attempts
from tonearm.jobs.attempts import Outcome
from tonearm.jobs.failures import CANCELLED_BY_PERSON, INTERRUPTED, INTERRUPTED_OFTEN
from tonearm.jobs.job import JobState
from tonearm.jobs.job_sql import cancel_unwanted, clock
from tonearm.jobs.port import AttemptOutcome, InterruptedAttempt
from tonearm.jobs.remote_jobs import job_rows
from tonearm.jobs.retry import MAX_INTERRUPTIONS
from tonearm.library.schema import job_table
from tonearm.resilience.backoff import Backoff


def recover_interrupted(
    connection: Connection, lost: Sequence[Any], backoff: Backoff
) -> list[InterruptedAttempt]:
    """Count an interruption of each job and postpone it; quarantine a job with too many interruptions.

    lost: rows of running jobs, locked.
    """
    if not lost:
        return []
    now = clock(connection)
    ids = [job.id for job in lost]
    attempts.record(connection, [attempts.ended_unreported(job, Outcome.INTERRUPTED, now) for job in lost])
    refs = {job: row.last_attempt for job, row in job_rows(connection, ids).items()}
    delays_s: dict[int, float] = {}
    for job in lost:
        if job.interruptions + 1 >= MAX_INTERRUPTIONS:
            attempt_outcomes.quarantine_interrupted(connection, job.id, job.file_id, now)
            continue
        delays_s[job.id] = backoff.delay_s(1)
        attempt_outcomes.postpone(connection, job.id, now + delays_s[job.id], INTERRUPTED)
        connection.execute(
            update(job_table)
            .where(job_table.c.id == job.id)
            .values(
                interruptions=job.interruptions + 1, uncharged_attempts=job_table.c.uncharged_attempts + 1
            )
        )
    among = job_table.c.id.in_(ids)
    cancelled: set[int] = set()
    if cancel_unwanted(connection, among, now):
        chosen = select(job_table.c.id).where(among, job_table.c.state == JobState.CANCELLED)
        cancelled.update(connection.execute(chosen).scalars())
    return [InterruptedAttempt(refs[job], _outcome(delays_s.get(job), job in cancelled)) for job in ids]


def _outcome(delay_s: float | None, cancelled: bool) -> AttemptOutcome:
    """What became of a job. ``delay_s``: until its next attempt; ``None`` when it is quarantined."""
    if cancelled:
        return AttemptOutcome(JobState.CANCELLED, CANCELLED_BY_PERSON)
    if delay_s is not None:
        return AttemptOutcome(JobState.RETRYING, INTERRUPTED, retry_in_s=delay_s)
    return AttemptOutcome(JobState.QUARANTINED, INTERRUPTED_OFTEN)
