"""Selects failed jobs: the last job of a file, where that is quarantined, partial or retrying."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from sqlalchemy import ColumnElement, Connection, Select, func, literal_column, not_, select, tuple_

from tonearm.jobs.job import JobState
from tonearm.library.roots import Place, in_place
from tonearm.library.schema import IS_PRESENT, file_table, job_table

FAILED: ColumnElement[bool] = literal_column("jobs.state IN ('quarantined', 'partial', 'retrying')")
"""Condition of the index of failed jobs, written out because SQLite compares it with that of a query word for word."""
SUSPECT: ColumnElement[bool] = literal_column("jobs.child_deaths > 1")
"""Condition of the index of jobs at which children died more than once."""
NOT_ANALYSED = (JobState.QUEUED, JobState.RUNNING, JobState.RETRYING, JobState.QUARANTINED)
"""States of the jobs whose file may be a suspect; a file that was analysed since is none."""

_later = job_table.alias("later")
IS_LAST = not_(
    select(_later.c.id).where(_later.c.file_id == job_table.c.file_id, _later.c.id > job_table.c.id).exists()
)
"""Condition: no later job of the same file exists."""


class FailedPosition(NamedTuple):
    """A position among the failed jobs, which are read by code and then by id."""

    code: str
    id: int


START = FailedPosition("", 0)


@dataclass(frozen=True, slots=True)
class FailedSelection:
    """Which failed files are meant: those at or below a place, with one of some codes; everything by default.

    partial: partial files, too. file: the id of the only one.
    """

    place: Place | None = None
    codes: Sequence[str] = ()
    partial: bool = True
    file: int | None = None

    def conditions(self) -> tuple[ColumnElement[bool], ...]:
        """Conditions on jobs joined with their files."""
        wanted = [FAILED, job_table.c.code.is_not(None), IS_LAST, IS_PRESENT]
        if len(self.codes) == 1:  # read in order from the index, without sorting
            wanted.append(job_table.c.code == self.codes[0])
        elif self.codes:
            wanted.append(job_table.c.code.in_(self.codes))
        if not self.partial:
            wanted.append(job_table.c.state != JobState.PARTIAL)
        if self.place is not None:
            wanted.append(in_place(self.place))
        if self.file is not None:
            wanted.append(job_table.c.file_id == self.file)
        return tuple(wanted)


def after(position: FailedPosition) -> ColumnElement[bool]:
    """Condition: failed jobs that follow after a position."""
    return tuple_(job_table.c.code, job_table.c.id) > tuple_(*position)


def in_order(chosen: Select[*tuple[object, ...]]) -> Select[*tuple[object, ...]]:
    """The order in which failed jobs are read."""
    return chosen.order_by(job_table.c.code, job_table.c.id)


def count_suspects(connection: Connection) -> int:
    """How many files were being analysed when children died more than once, and were not analysed since.

    Reads an index that holds such jobs alone.
    """
    return connection.execute(
        select(func.count())
        .select_from(job_table)
        .join(file_table, file_table.c.id == job_table.c.file_id)
        .where(*suspect_conditions())
    ).scalar_one()


def suspect_conditions() -> tuple[ColumnElement[bool], ...]:
    """Conditions on jobs joined with their files: the file is a suspect."""
    return (SUSPECT, job_table.c.state.in_(NOT_ANALYSED), IS_LAST, IS_PRESENT)
