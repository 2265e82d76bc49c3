"""Changes many jobs in short transactions, so that no row is locked for long and no statement times out."""

from collections.abc import Callable, Sequence
from typing import Any

from sqlalchemy import Connection, Select

from tonearm.library.database import Database
from tonearm.library.schema import job_table

BATCH_JOBS = 5_000


def update_in_batches(
    database: Database, chosen: Select[int], change: Callable[[Connection, Sequence[Any]], int]
) -> int:
    """Change the selected jobs, ``BATCH_JOBS`` at a time in the order of their ids; returns how many.

    If it is interrupted, the batches so far stay changed, and calling it again changes the rest.
    """
    changed, after = 0, -1
    while True:
        with database.write() as connection:
            step = (
                chosen.where(job_table.c.id > after)
                .order_by(job_table.c.id)
                .limit(BATCH_JOBS)
                .with_for_update(of=job_table)
            )
            jobs = connection.execute(step).scalars().all()
            changed += change(connection, jobs) if jobs else 0
        if len(jobs) < BATCH_JOBS:
            return changed
        after = jobs[-1]
