"""What a run still has to analyse, and what the files needed that were decoded last: the data of the remaining time."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import ColumnElement, Connection, case, func, literal, select

from tonearm.events.states import Decoded, Workload
from tonearm.jobs.job import OPEN, JobState
from tonearm.jobs.job_sql import IS_OPEN
from tonearm.library.schema import file_table, job_table
from tonearm.settings import Level

LATELY = 2000
"""Number of ended jobs, the latest, whose costs are read."""
SMALLEST, LARGEST = 14, 36
"""Files below 16 kB are of one class of sizes, and so are files from 64 GB."""

BySize = dict[str, tuple[Workload, ...]]


def workload_of(connection: Connection, run: int, every: int = 1) -> BySize:
    """Open files of a run by extension; one ``Workload`` for each level and power of two of the size.

    every: count only one job of so many, and multiply; for a large run of which a rough idea is enough.
    """
    size = file_table.c.size
    rows = connection.execute(
        select(
            file_table.c.extension,
            job_table.c.level,
            func.count().label("files"),
            func.sum(size).label("bytes"),
            func.count(size.distinct()).label("sizes"),
        )
        .select_from(job_table.join(file_table, job_table.c.file_id == file_table.c.id))
        .where(
            job_table.c.run_id == run,
            job_table.c.state.in_(OPEN),
            IS_OPEN,
            *([job_table.c.id % every == 0] if every > 1 else []),
        )
        .group_by(file_table.c.extension, job_table.c.level, _size_class(size))
        .order_by(file_table.c.extension, job_table.c.level, func.min(size))
    ).all()
    found: dict[str, list[Workload]] = {}
    for row in rows:
        load = Workload(
            files=row.files * every,
            size=int(row.bytes) * every,
            level=Level(row.level).label,
            copies=(row.files - row.sizes) * every,
        )
        found.setdefault(row.extension, []).append(load)
    return {extension: tuple(several) for extension, several in found.items()}


def decoded_lately(connection: Connection) -> dict[str, tuple[Decoded, ...]]:
    """What the jobs that ended last have decoded, by extension; one ``Decoded`` for each run and power of two."""
    lately = (
        select(
            job_table.c.file_id,
            job_table.c.run_id,
            job_table.c.state,
            job_table.c.work_s,
            job_table.c.decoded_s,
        )
        .where(job_table.c.finished_at.is_not(None))
        .order_by(job_table.c.finished_at.desc(), job_table.c.id.desc())
        .limit(LATELY)
        .subquery()
    )
    size = file_table.c.size
    rows = connection.execute(
        select(
            file_table.c.extension,
            lately.c.run_id,
            func.count().label("files"),
            func.sum(size).label("bytes"),
            func.sum(lately.c.decoded_s).label("decoded_s"),
            func.sum(lately.c.work_s).label("work_s"),
        )
        .select_from(lately.join(file_table, lately.c.file_id == file_table.c.id))
        .where(lately.c.state.in_((JobState.DONE, JobState.PARTIAL)), lately.c.decoded_s > 0)
        .group_by(file_table.c.extension, lately.c.run_id, _size_class(size))
        .order_by(file_table.c.extension, lately.c.run_id, func.min(size))
    ).all()
    found: dict[str, list[Decoded]] = {}
    for row in rows:
        found.setdefault(row.extension, []).append(_decoded(row))
    return {extension: tuple(several) for extension, several in found.items()}


def _decoded(row: Any) -> Decoded:
    return Decoded(row.run_id, row.files, int(row.bytes), float(row.decoded_s), float(row.work_s))


def _size_class(size: ColumnElement[int]) -> ColumnElement[int]:
    """The number of bits of a size. Both databases can compute a logarithm, but not by the same name."""
    limits: Mapping[int, int] = {bits: 1 << bits for bits in range(SMALLEST, LARGEST)}
    return case(*[(size < limit, literal(bits)) for bits, limit in limits.items()], else_=literal(LARGEST))
