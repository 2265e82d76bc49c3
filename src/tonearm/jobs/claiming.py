"""Leases waiting jobs to workers: the next ones by rank, or those whose messages were delivered."""

import functools
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, Select, bindparam, literal_column, select, update

from tonearm.jobs.job import ClaimRefusal, JobState, UnmountedPlace
from tonearm.jobs.job_sql import (
    IS_OPEN,
    WAITING,
    cancel_unwanted,
    former_identity,
    in_mounted_places,
    in_state,
)
from tonearm.jobs.lease import Lease
from tonearm.library.bulk_write import change
from tonearm.library.database_time import database_time
from tonearm.library.one_of import among
from tonearm.library.schema import file_table, job_table, root_table, run_table
from tonearm.settings import Level

INACTIVE_RUN_STATES = ("paused", "cancelled")
"""States of runs whose jobs are not taken."""

_JOBS = (
    select(
        job_table.c.id,
        job_table.c.attempts,
        job_table.c.uncharged_attempts,
        job_table.c.run_id,
        job_table.c.file_id,
        job_table.c.level,
        job_table.c.fresh,
        job_table.c.correlation_id,
        job_table.c.retried,
        job_table.c.sampled,
        job_table.c.queued_at,
        job_table.c.rank,
        file_table.c.size,
        file_table.c.extension,
        file_table.c.engine,
        file_table.c.path,
        file_table.c.root_id,
        root_table.c.path.label("root"),
        database_time().label("now"),
    )
    .join(file_table, file_table.c.id == job_table.c.file_id)
    .join(root_table, root_table.c.id == file_table.c.root_id)
)
_LEASE = (
    update(job_table)
    .where(among(job_table.c.id, "taken"))
    .values(
        state=JobState.RUNNING,
        attempts=job_table.c.attempts + 1,
        worker=bindparam("taker"),
        lease_until=bindparam("until"),
        started_at=bindparam("now"),
        not_before=None,
        publish_due_at=None,
        published_level=None,
        stage="start",
    )
)
_IS_ACTIVE = (
    select(run_table.c.state)
    .where(run_table.c.id == bindparam("run"))
    .scalar_subquery()
    .not_in(
        [literal_column(f"'{state}'") for state in INACTIVE_RUN_STATES]
    )  # a parameter would cost more time
)
_PAUSED = select(run_table.c.id).where(run_table.c.state == "paused").limit(1)
_RUNS_WITH_WORK = select(run_table.c.id).where(
    run_table.c.state.not_in(INACTIVE_RUN_STATES),
    select(job_table.c.id)
    .where(job_table.c.run_id == run_table.c.id, in_state(JobState.QUEUED), IS_OPEN)
    .exists(),
)
_QUEUE_DUE_RETRIES = (
    update(job_table)
    .where(
        in_state(JobState.RETRYING),
        job_table.c.not_before <= select(database_time()).scalar_subquery(),
    )
    .values(state=JobState.QUEUED, not_before=None)
)
_DUE_RETRIES = (
    select(job_table.c.id)
    .join(file_table, file_table.c.id == job_table.c.file_id)
    .where(
        in_state(JobState.RETRYING),
        job_table.c.not_before <= select(database_time()).scalar_subquery(),
    )
    .limit(bindparam("at_most"))
)
_DELIVERED = (
    _JOBS.add_columns(
        job_table.c.state,
        job_table.c.not_before,
        job_table.c.publish_due_at,
        job_table.c.published_level,
        run_table.c.state.label("run_state"),
    )
    .join(run_table, run_table.c.id == job_table.c.run_id)
    .where(among(job_table.c.id, "jobs"))
    .order_by(job_table.c.id)
)
_DELIVERED_SKIP_LOCKED = _DELIVERED.with_for_update(of=job_table, skip_locked=True)
_DELIVERED_WAIT = _DELIVERED.with_for_update(of=job_table)
_STILL_WAITING = select(job_table.c.id).where(among(job_table.c.id, "jobs"), job_table.c.state.in_(WAITING))


def take_next(
    connection: Connection,
    worker: str,
    run: int | None,
    unmounted: Collection[UnmountedPlace],
    at_most: int,
    lease_s: float,
) -> list[Lease]:
    """Lease the waiting jobs of the lowest rank; jobs that another worker has locked are skipped."""
    rows = _next(connection, run, unmounted, at_most, lock=True)
    return _lease(connection, rows, worker, lease_s)


def count_next(
    connection: Connection, run: int | None, unmounted: Collection[UnmountedPlace], at_most: int
) -> int:
    """How many jobs could be taken now, counted up to ``at_most``.

    Where no job is queued, due retries are counted, because ``take`` queues them.
    """
    if waiting := _next(connection, run, unmounted, at_most, lock=False):
        return len(waiting)
    due = _DUE_RETRIES if run is None else _DUE_RETRIES.where(job_table.c.run_id == run)
    return len(connection.execute(due.where(in_mounted_places(unmounted)), {"at_most": at_most}).all())


def _next(
    connection: Connection, run: int | None, unmounted: Collection[UnmountedPlace], at_most: int, lock: bool
) -> list[Any]:
    """Queued jobs in the order of their rank, of one run or of all active runs, without those in unmounted places."""
    wanted = {"at_most": at_most}
    of_all, of_one = _next_of(False, lock), _next_of(True, lock)
    if unmounted:
        of_all, of_one = (
            of_all.where(in_mounted_places(unmounted)),
            of_one.where(in_mounted_places(unmounted)),
        )
    if run is not None:
        return [*connection.execute(of_one, wanted | {"run": run})]
    rows = [*connection.execute(of_all, wanted)]
    if rows or connection.execute(_PAUSED).first() is None:
        return rows
    for other in connection.execute(_RUNS_WITH_WORK).scalars().all():
        rows += connection.execute(of_one, wanted | {"run": other})
    return sorted(rows, key=lambda row: (row.rank, row.id))[:at_most]


@functools.cache
def _next_of(one_run: bool, lock: bool) -> Select[*tuple[Any, ...]]:
    """The first jobs of one run, or of all runs while none is paused.

    While a run is paused, the first jobs of each other run are selected separately: one query over all runs might have
    to skip a million jobs of the paused run.
    """
    chosen = _JOBS.where(in_state(JobState.QUEUED), IS_OPEN)
    if one_run:
        chosen = chosen.where(job_table.c.run_id == bindparam("run"), _IS_ACTIVE)
    else:
        cancelled = select(run_table.c.id).where(run_table.c.state == "cancelled")
        chosen = chosen.where(~_PAUSED.exists(), job_table.c.run_id.not_in(cancelled))
    chosen = chosen.order_by(job_table.c.rank, job_table.c.id).limit(bindparam("at_most"))
    return chosen.with_for_update(skip_locked=True, of=job_table) if lock else chosen


def queue_due_retries(connection: Connection) -> int:
    """Queue the retries whose back-off has passed, with their old rank; returns how many."""
    return connection.execute(_QUEUE_DUE_RETRIES).rowcount


def claim_delivered(
    connection: Connection,
    delivered: Mapping[int, Level | None],
    worker: str,
    lease_s: float,
    wait: bool,
) -> dict[int, Lease | ClaimRefusal]:
    """Lease the jobs whose messages were delivered, or return why they can't be taken.

    wait: wait for rows that another transaction has locked; otherwise such rows are left out. Jobs that were moved to
    another run during the wait are left out as well, because the join no longer finds their rows.
    """
    rows = connection.execute(_DELIVERED_WAIT if wait else _DELIVERED_SKIP_LOCKED, {"jobs": delivered}).all()
    refused = {row.id: reason for row in rows if (reason := _refusal(row, delivered[row.id])) is not None}
    _schedule_next_message(connection, [row for row in rows if row.id in refused], refused)
    leases = _lease(connection, [row for row in rows if row.id not in refused], worker, lease_s)
    left = set(delivered) - {row.id for row in rows}
    if left:
        left -= set(connection.execute(_STILL_WAITING, {"jobs": left}).scalars())
    return refused | {lease.job: lease for lease in leases} | dict.fromkeys(left, ClaimRefusal.NOT_WAITING)


def _refusal(row: Any, delivered: Level | None) -> ClaimRefusal | None:
    """Why a job can't be taken now; ``None`` if it can."""
    if row.state not in WAITING or row.run_state == "cancelled":
        return ClaimRefusal.NOT_WAITING
    if delivered is not None and row.publish_due_at is None and delivered < (row.published_level or 0):
        return ClaimRefusal.OUTDATED
    if row.not_before is not None and row.not_before > row.now:
        return ClaimRefusal.EARLY
    return ClaimRefusal.PAUSED if row.run_state == "paused" else None


def _schedule_next_message(
    connection: Connection, rows: Sequence[Any], refused: Mapping[int, ClaimRefusal]
) -> None:
    """Set when the next message of each refused job is due, because the delivered one will be acknowledged."""
    waiting = [row for row in rows if row.state in WAITING and refused[row.id] != ClaimRefusal.OUTDATED]
    if not waiting:
        return
    not_published = {"published_at": None, "published_level": None}
    due = [
        {
            "id": row.id,
            "publish_due_at": row.not_before if refused[row.id] == ClaimRefusal.EARLY else None,
            **not_published,
        }
        for row in waiting
    ]
    change(connection, job_table, due)
    cancel_unwanted(connection, job_table.c.id.in_([row.id for row in waiting]), waiting[0].now)


def _lease(connection: Connection, rows: Sequence[Any], worker: str, lease_s: float) -> list[Lease]:
    """Lease jobs, whose rows are locked, to a worker."""
    if not rows:
        return []
    now = rows[0].now
    taken = [row.id for row in rows]
    connection.execute(_LEASE, {"taken": taken, "taker": worker, "now": now, "until": now + lease_s})
    return [
        Lease(
            job=row.id,
            attempt=row.attempts + 1,
            uncharged_attempts=row.uncharged_attempts,
            worker=worker,
            run=row.run_id,
            file=row.file_id,
            root_id=row.root_id,
            root=row.root,
            path=row.path,
            size=row.size,
            extension=row.extension,
            level=Level(row.level),
            fresh=row.fresh,
            correlation_id=row.correlation_id,
            retried=row.retried,
            sampled=row.sampled,
            former_identity=former_identity(row.engine),
            taken_at=now,
            waited_s=max(0.0, now - row.queued_at),
        )
        for row in rows
    ]
