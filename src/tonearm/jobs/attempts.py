"""Writes the table of attempts: how each ended, and how long its stages took.

A row is written in the transaction that ends the attempt, so a running attempt has none.
"""

import time
from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import Any

from sqlalchemy import Connection

from tonearm.jobs.lease import Lease
from tonearm.jobs.port import NO_TIMINGS
from tonearm.library.bulk_write import Row, RowBatch, row_batch
from tonearm.library.schema import attempt_table


class Outcome(StrEnum):
    """How an attempt ended."""

    DONE = "done"  # results were stored
    PARTIAL = "partial"  # results were stored, but of less audio than the file declares
    FAILED = "failed"  # the job is tried again, or its file is quarantined
    RETURNED = "returned"  # the worker gave the job back to the queue
    CANCELLED = "cancelled"  # the file was no longer wanted, or gone
    INTERRUPTED = "interrupted"  # the worker ended, or its lease expired


CHARGED = (Outcome.DONE, Outcome.PARTIAL, Outcome.FAILED)
"""Outcomes of attempts that count against the file."""


def ended(
    lease: Lease,
    outcome: Outcome,
    now: float,
    code: str | None = None,
    run_s: float | None = None,
    timings: Mapping[str, float] = NO_TIMINGS,
    ended_at: float | None = None,
) -> Row:
    """The row of an attempt whose end its worker reports. ``now``: the database's time.

    ended_at: when the run ended, by ``time.monotonic``.
    """
    store_s = None if ended_at is None else time.monotonic() - ended_at
    return _row(lease.job, lease.attempt, lease.worker, lease.taken_at, lease.waited_s, outcome, now) | {
        "code": code,
        "run_s": run_s,
        "store_s": store_s,
        "timings": dict(timings),
    }


def ended_unreported(job: Any, outcome: Outcome, now: float) -> Row:
    """The row of an attempt whose worker has not reported its end. ``job``: the running job's row."""
    taken_at = job.started_at or now
    waited_s = max(0.0, taken_at - job.queued_at)
    return _row(job.id, job.attempts, job.worker or "", taken_at, waited_s, outcome, now) | {
        "code": None,
        "run_s": None,
        "store_s": None,
        "timings": {},
    }


def record(connection: Connection, rows: Iterable[Row]) -> None:
    """Write rows of attempts."""
    with row_batch(connection) as batch:
        add_to(batch, rows)


def add_to(batch: RowBatch, rows: Iterable[Row]) -> None:
    """Add rows of attempts to a batch."""
    batch.upsert(attempt_table, ("job_id", "number"), rows)


def _row(
    job: int, number: int, worker: str, taken_at: float, waited_s: float, outcome: Outcome, now: float
) -> Row:
    return {
        "job_id": job,
        "number": number,
        "worker": worker,
        "taken_at": taken_at,
        "ended_at": now,
        "outcome": outcome,
        "charged": outcome in CHARGED,
        "queue_wait_s": waited_s,
    }
