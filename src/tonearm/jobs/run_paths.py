"""Finds the paths of files that earlier runs have not scanned or not analysed."""

from collections.abc import Sequence

from sqlalchemy import Connection, func, select

from tonearm.events.states import RunState
from tonearm.jobs.job import JobState
from tonearm.jobs.job_sql import IS_OPEN
from tonearm.library.schema import IS_PRESENT, file_table, job_table, root_table, run_table
from tonearm.names import from_document


def unscanned(connection: Connection) -> list[bytes]:
    """Paths whose last run ended before its scan was complete, so that some of their files may be unknown.

    Paths of cancelled runs are left out.
    """
    rows = connection.execute(
        select(run_table.c.paths, run_table.c.scanned_at)
        .where(run_table.c.finished_at.is_not(None), run_table.c.state != RunState.CANCELLED)
        .order_by(run_table.c.id)
    )
    found: dict[bytes, None] = {}
    for row in rows:
        paths = [from_document(path) for path in row.paths]
        if row.scanned_at is None:
            found |= dict.fromkeys(paths)
        else:
            found = {path: None for path in found if not _is_within(path, paths)}
    return list(found)


def left_out(connection: Connection, run: int) -> list[bytes]:
    """The paths of a cancelled run, or the roots of its cancelled jobs if it was started without paths."""
    paths = connection.execute(select(run_table.c.paths).where(run_table.c.id == run)).scalar_one()
    if paths:
        return [from_document(path) for path in paths]
    cancelled = (
        select(file_table.c.root_id)
        .join(job_table, job_table.c.file_id == file_table.c.id)
        .where(
            job_table.c.run_id == run,
            job_table.c.state == JobState.CANCELLED,
            job_table.c.finished_at.is_not(None),
        )
    )
    roots = select(root_table.c.path).where(root_table.c.id.in_(cancelled)).order_by(root_table.c.path)
    return list(connection.execute(roots).scalars())


def of_cancelled_runs(connection: Connection) -> tuple[int, list[bytes]]:
    """How many files are not analysed and have no job, because a run was cancelled; and the roots where they are."""
    has_job = select(job_table.c.id).where(job_table.c.file_id == file_table.c.id, IS_OPEN).exists()
    rows = connection.execute(
        select(root_table.c.path, func.count().label("files"))
        .join(file_table, file_table.c.root_id == root_table.c.id)
        .where(file_table.c.state == "waiting", IS_PRESENT, file_table.c.left_out_since.is_(None), ~has_job)
        .group_by(root_table.c.path)
        .order_by(root_table.c.path)
    ).all()
    return sum(row.files for row in rows), [row.path for row in rows]


def _is_within(path: bytes, folders: Sequence[bytes]) -> bool:
    """Whether a path is one of these folders or below one of them."""
    return any(path == folder or path.startswith(folder.rstrip(b"/") + b"/") for folder in folders)
