"""Changing very many jobs in transactions that are each short: nobody waits long for a row, no statement times out."""

from collections.abc import Callable, Sequence
from typing import Any

from sqlalchemy import Connection, Select

from tonearm.library.database import Database
from tonearm.library.schema import job_table

BATCH_JOBS = 5_000


def update_in_batches(
    database: Database, chosen: Select[int], change: Callable[[Connection, Sequence[Any]], int]
) -> int:
    """Change the jobs whose ids are chosen, ``STEP`` at a time in the order of their ids; returns how many.

    When it ends half-way, what was changed stays changed, and the same order given again does the rest.
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
