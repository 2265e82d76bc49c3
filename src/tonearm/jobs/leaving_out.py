"""Notes which known files scans leave out now, and cancels their waiting jobs."""

from collections.abc import Collection, Sequence

from sqlalchemy import Connection, select, update

from tonearm.errors import Failure
from tonearm.jobs.job_sql import IS_OPEN, WAITING, cancelled, clock
from tonearm.library.database import Database
from tonearm.library.files import MARK_AT_ONCE
from tonearm.library.history import note_all
from tonearm.library.roots import Place, below
from tonearm.library.schema import file_table, job_table

NOT_WANTED = Failure(
    "left-out",
    "It is left out now, by a pattern or an ignore file, or as it lies behind a link.",
    "Nothing to do, unless you want it: then change what leaves it out, and scan its folder again.",
)


def leave_out(database: Database, place: Place, files: Collection[int], unseen: Collection[int]) -> None:
    """Note which known files at or below a place are left out, and that others, but the unseen ones, are not."""
    condition = [file_table.c.root_id == place.root, file_table.c.left_out_since.is_not(None)]
    if place.scope:
        condition.append(below(place.scope))
    with database.read() as connection:
        marked = set(connection.execute(select(file_table.c.id).where(*condition)).scalars())
    new, back = sorted(set(files) - marked), sorted(marked.difference(files, unseen))
    if not new and not back:
        return
    with database.write() as connection:
        now = clock(connection)
        for start in range(0, len(new), MARK_AT_ONCE):
            _mark(connection, new[start : start + MARK_AT_ONCE], now)
        for start in range(0, len(back), MARK_AT_ONCE):
            part = back[start : start + MARK_AT_ONCE]
            connection.execute(
                update(file_table).where(file_table.c.id.in_(part)).values(left_out_since=None)
            )
            note_all(connection, part, "back", now)


def _mark(connection: Connection, files: Sequence[int], now: float) -> None:
    connection.execute(update(file_table).where(file_table.c.id.in_(files)).values(left_out_since=now))
    note_all(connection, files, "left-out", now)
    connection.execute(
        update(job_table)
        .where(job_table.c.file_id.in_(files), job_table.c.state.in_(WAITING), IS_OPEN)
        .values(**cancelled(NOT_WANTED, now))
    )
