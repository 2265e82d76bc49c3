"""How much music a library holds."""

from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import Connection, func, select

from tonearm.jobs.job import JobState
from tonearm.library.database import Database
from tonearm.library.schema import IS_PRESENT, audio_table, file_table


@dataclass(frozen=True, slots=True)
class Totals:
    """How much a library holds, of what was last seen on disk."""

    files: int
    duration_s: float
    states: Mapping[str, int]


def read_totals(database: Database) -> Totals:
    """Count files by state and add up their music; this reads the whole library."""
    duration = func.sum(
        func.coalesce(audio_table.c.decoded_s, file_table.c.declared_s)
    )  # the audio that can be played
    with database.read() as connection:
        rows = connection.execute(
            select(file_table.c.state, func.count().label("files"), duration.label("duration_s"))
            .outerjoin(audio_table, audio_table.c.id == file_table.c.audio_id)
            .where(IS_PRESENT)
            .group_by(file_table.c.state)
            .order_by(file_table.c.state)
        ).all()
    return Totals(
        sum(row.files for row in rows),
        sum(row.duration_s or 0.0 for row in rows),
        {row.state: row.files for row in rows},
    )


def count_quarantined(connection: Connection) -> int:
    """How many files of those that were last seen on disk are quarantined."""
    quarantined = select(func.count()).where(file_table.c.state == JobState.QUARANTINED, IS_PRESENT)
    return int(connection.execute(quarantined).scalar_one())
