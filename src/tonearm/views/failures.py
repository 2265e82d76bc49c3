"""Failed files as they are shown: grouped by what failed, one by one, and those at which children died repeatedly."""

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, case, func, select

from tonearm.jobs import failed_jobs
from tonearm.jobs.failed_jobs import START, FailedPosition, FailedSelection
from tonearm.jobs.failures import CHILD_LOST, cause_of
from tonearm.jobs.job import JobState
from tonearm.library.column_types import without_numbers
from tonearm.library.database import Database
from tonearm.library.one_of import among
from tonearm.library.schema import (
    attempt_table,
    audio_table,
    file_table,
    job_table,
    root_table,
    tags_table,
)
from tonearm.names import path_fields
from tonearm.views.reading import MANY_AT_ONCE, PAGE, reading

_STATES = (JobState.QUARANTINED, JobState.PARTIAL, JobState.RETRYING)
_LAST_ATTEMPT_AT = (
    select(attempt_table.c.ended_at)
    .where(attempt_table.c.job_id == job_table.c.id)
    .order_by(attempt_table.c.number.desc())
    .limit(1)
    .scalar_subquery()
)
_FAILED_AT = func.coalesce(job_table.c.finished_at, _LAST_ATTEMPT_AT, job_table.c.started_at)
_LISTED = (
    select(
        job_table,
        _FAILED_AT.label("failed_at"),
        root_table.c.path.label("root"),
        file_table.c.path,
        file_table.c.container,
        audio_table.c.codec,
        tags_table.c.title,
        tags_table.c.artist,
        tags_table.c.album,
    )
    .join(file_table, file_table.c.id == job_table.c.file_id)
    .join(root_table, root_table.c.id == file_table.c.root_id)
    .outerjoin(audio_table, audio_table.c.id == file_table.c.audio_id)
    .outerjoin(tags_table, tags_table.c.file_id == file_table.c.id)
)
_DEATHS = (
    select(attempt_table)
    .where(among(attempt_table.c.job_id, "jobs"), attempt_table.c.code.in_(CHILD_LOST))
    .order_by(attempt_table.c.job_id, attempt_table.c.number)
)


@dataclass(frozen=True, slots=True)
class FailureGroup:
    """Failed files with the same code and the same reason.

    reason: with ``…`` in place of numbers where these differ. quarantined, partial, retrying: files by state.
    first_at, last_at: when the first and the last of them failed. example: path of one of them.
    """

    code: str
    reason: str
    files: int
    quarantined: int
    partial: int
    retrying: int
    first_at: float
    last_at: float
    example: bytes
    advice: str

    def to_json(self) -> dict[str, Any]:
        """Its JSON object."""
        fields = {name: getattr(self, name) for name in self.__slots__ if name != "example"}
        return fields | {"cause": cause_of(self.code)} | path_fields(self.example, "example")


@dataclass(frozen=True, slots=True)
class FailedFile:
    """A failed file. attempts: those charged. child_deaths: how many of its children died or had to be killed.

    file: the id of its track. title, artist, album, container, codec: as far as they could be read.
    """

    job: int
    run: int
    path: bytes
    state: str
    code: str
    reason: str
    advice: str
    attempts: int
    child_deaths: int
    failed_at: float
    not_before: float | None
    correlation_id: str
    file: int
    title: str | None = None
    artist: str | None = None
    album: str | None = None
    container: str | None = None
    codec: str | None = None

    @property
    def position(self) -> FailedPosition:
        """Its position in the list of failed files."""
        return FailedPosition(self.code, self.job)

    def to_json(self) -> dict[str, Any]:
        """Its JSON object."""
        fields = {name: getattr(self, name) for name in self.__slots__ if name != "path"}
        return path_fields(self.path) | fields | {"cause": cause_of(self.code)}


@dataclass(frozen=True, slots=True)
class ChildDeath:
    """An attempt whose child died or had to be killed. stage: the last one that the file had reached."""

    attempt: int
    code: str
    worker: str
    stage: str | None
    ended_at: float


@dataclass(frozen=True, slots=True)
class Suspect:
    """A file that was being analysed when children died more than once, and was not analysed since."""

    job: int
    run: int
    path: bytes
    state: str
    child_deaths: int
    deaths: tuple[ChildDeath, ...]
    correlation_id: str

    def to_json(self) -> dict[str, Any]:
        """Its JSON object."""
        names = ("job", "run", "state", "child_deaths", "correlation_id")
        deaths = [{name: getattr(death, name) for name in death.__slots__} for death in self.deaths]
        return path_fields(self.path) | {name: getattr(self, name) for name in names} | {"deaths": deaths}


class FailureList:
    """The failed files of a library."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def groups(self, chosen: FailedSelection, limit: int = PAGE) -> tuple[list[FailureGroup], int]:
        """The largest groups by code and reason, and the number of all selected files.

        The database counts them; reads every failed file once.
        """
        pattern = without_numbers(func.coalesce(job_table.c.reason, ""))
        files = func.count()
        grouped = (
            select(
                job_table.c.code,
                pattern.label("pattern"),
                func.min(job_table.c.reason).label("least"),
                func.max(job_table.c.reason).label("greatest"),
                files.label("files"),
                func.sum(files).over().label("all_files"),
                *[func.sum(case((job_table.c.state == state, 1), else_=0)).label(state) for state in _STATES],
                func.min(_FAILED_AT).label("first_at"),
                func.max(_FAILED_AT).label("last_at"),
                func.min(job_table.c.id).label("example"),
            )
            .join(file_table, file_table.c.id == job_table.c.file_id)
            .where(*chosen.conditions())
            .group_by(job_table.c.code, pattern)
            .order_by(files.desc(), job_table.c.code, pattern)
            .limit(limit)
        )
        with self._database.read() as connection:
            rows = connection.execute(grouped).all()
            examples = _by_id(connection, [row.example for row in rows])
        groups = [_group(row, examples[row.example]) for row in rows]
        return groups, int(rows[0].all_files) if rows else 0

    def page(
        self, chosen: FailedSelection, limit: int = PAGE, after: FailedPosition = START
    ) -> tuple[list[FailedFile], FailedPosition | None]:
        """Selected files after a position, by code and then in the order in which their jobs were made.

        Also returns where the next page begins; ``None`` after the last one.
        """
        wanted = _LISTED.where(*chosen.conditions(), failed_jobs.after(after))
        with reading(self._database) as connection:
            rows = connection.execute(failed_jobs.in_order(wanted).limit(limit + 1)).all()
        files = [_file(row) for row in rows[:limit]]
        return files, files[-1].position if len(rows) > limit else None

    def each(self, chosen: FailedSelection, after: FailedPosition = START) -> Iterator[FailedFile]:
        """All selected files after a position, read page by page."""
        position: FailedPosition | None = after
        while position is not None:
            page, position = self.page(chosen, MANY_AT_ONCE, position)
            yield from page

    def latest(self, limit: int) -> list[FailedFile]:
        """The files that were quarantined or found to be partial last, the latest first."""
        wanted = _LISTED.where(job_table.c.finished_at.is_not(None), *FailedSelection().conditions())
        order = (job_table.c.finished_at.desc(), job_table.c.id.desc())
        with reading(self._database) as connection:
            rows = connection.execute(wanted.order_by(*order).limit(limit)).all()
        return [_file(row) for row in rows]

    def suspects(self, limit: int = PAGE, after: int = 0) -> list[Suspect]:
        """Files that were being analysed when children died more than once, by job; ``after``: only later jobs."""
        wanted = _LISTED.where(*failed_jobs.suspect_conditions(), job_table.c.id > after)
        with reading(self._database) as connection:
            rows = connection.execute(wanted.order_by(job_table.c.id).limit(limit)).all()
            deaths: dict[int, list[ChildDeath]] = {}
            for row in connection.execute(_DEATHS, {"jobs": [row.id for row in rows]}):
                deaths.setdefault(row.job_id, []).append(_death(row))
        return [_suspect(row, deaths.get(row.id, [])) for row in rows]

    def count_suspects(self) -> int:
        """How many files were being analysed when children died more than once, and were not analysed since."""
        with self._database.read() as connection:
            return failed_jobs.count_suspects(connection)


def _by_id(connection: Connection, jobs: Sequence[int]) -> dict[int, Any]:
    if not jobs:
        return {}
    rows = connection.execute(_LISTED.where(among(job_table.c.id, "jobs")), {"jobs": jobs})
    return {row.id: row for row in rows}


def _group(row: Any, example: Any) -> FailureGroup:
    return FailureGroup(
        code=row.code,
        reason=row.pattern if row.least != row.greatest else row.least or "",
        files=row.files,
        quarantined=row.quarantined,
        partial=row.partial,
        retrying=row.retrying,
        first_at=row.first_at,
        last_at=row.last_at,
        example=os.path.join(example.root, example.path),
        advice=example.advice or "",
    )


def _file(row: Any) -> FailedFile:
    return FailedFile(
        job=row.id,
        run=row.run_id,
        path=os.path.join(row.root, row.path),
        state=row.state,
        code=row.code,
        reason=row.reason or "",
        advice=row.advice or "",
        attempts=row.attempts - row.uncharged_attempts,
        child_deaths=row.child_deaths,
        failed_at=row.failed_at,
        not_before=row.not_before,
        correlation_id=row.correlation_id,
        file=row.file_id,
        title=row.title,
        artist=row.artist,
        album=row.album,
        container=row.container,
        codec=row.codec,
    )


def _suspect(row: Any, deaths: Sequence[ChildDeath]) -> Suspect:
    return Suspect(
        job=row.id,
        run=row.run_id,
        path=os.path.join(row.root, row.path),
        state=row.state,
        child_deaths=row.child_deaths,
        deaths=tuple(deaths[-row.child_deaths :]),
        correlation_id=row.correlation_id,
    )


def _death(row: Any) -> ChildDeath:
    stage = next(reversed(row.timings), None)
    return ChildDeath(row.number, row.code, row.worker, stage, row.ended_at)
