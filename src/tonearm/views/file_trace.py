"""What happened to a file, step by step, from the scan to the stored results, as the database knows it."""

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, select

from tonearm.jobs.job import OPEN, JobState
from tonearm.library.database import Database
from tonearm.library.roots import Place, in_place
from tonearm.library.schema import (
    analysis_table,
    attempt_table,
    audio_table,
    file_table,
    history_table,
    job_table,
    root_table,
    run_table,
    worker_table,
)
from tonearm.names import from_document, path_fields
from tonearm.settings import Level
from tonearm.views.reading import reading


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that happened: when, by the database's clock, and what. ``fields``: what is known of it."""

    at: float
    what: str
    fields: Mapping[str, Any]

    def to_json(self) -> dict[str, Any]:
        """Its JSON object."""
        return {"at": self.at, "what": self.what, **self.fields}


@dataclass(frozen=True, slots=True)
class FileTrace:
    """A file, and what happened to it.

    file: its id. state: how its last job ended, or waiting. graph_due_at: since when a change is not in the graph;
    ``None``: it is up to date. steps: in the order of time.
    """

    file: int
    path: bytes
    state: str
    graph_due_at: float | None
    steps: tuple[Step, ...]

    def to_json(self) -> dict[str, Any]:
        """Its JSON object."""
        return path_fields(self.path) | {
            "state": self.state,
            "graph_due_at": self.graph_due_at,
            "steps": [step.to_json() for step in self.steps],
        }


class FileTraces:
    """Reads the traces of files."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def of_job(self, job: int) -> FileTrace | None:
        """The file of a job, with this job only; ``None`` where there is no such job."""
        return self._of_jobs(job_table.c.id == job)

    def of_correlation_id(self, correlation_id: str) -> FileTrace | None:
        """The file of the jobs with a correlation id, with these only; ``None`` where there are none."""
        return self._of_jobs(job_table.c.correlation_id == correlation_id)

    def run_of(self, correlation_id: str) -> int | None:
        """The run with a correlation id."""
        with reading(self._database) as connection:
            return connection.execute(
                select(run_table.c.id).where(run_table.c.correlation_id == correlation_id)
            ).scalar()

    def of_place(self, place: Place) -> FileTrace | None:
        """A file with all its jobs; ``None`` where the library has no file at this very place."""
        with reading(self._database) as connection:
            file = connection.execute(
                _FILE.where(
                    in_place(place), file_table.c.path == place.scope, file_table.c.moved_to_id.is_(None)
                )
            ).one_or_none()
            return None if file is None else _trace(connection, file, job_table.c.file_id == file.id)

    def of_file(self, file: int) -> FileTrace | None:
        """A file with all its jobs, by its id; ``None`` where there is no such file."""
        with reading(self._database) as connection:
            found = connection.execute(_FILE.where(file_table.c.id == file)).one_or_none()
            return None if found is None else _trace(connection, found, job_table.c.file_id == file)

    def _of_jobs(self, chosen: ColumnElement[bool]) -> FileTrace | None:
        with reading(self._database) as connection:
            of_job = select(job_table.c.file_id).where(chosen).limit(1).scalar_subquery()
            file = connection.execute(_FILE.where(file_table.c.id == of_job)).one_or_none()
            return None if file is None else _trace(connection, file, chosen)


_ENDS = frozenset(state for state in JobState if state not in OPEN)
"""Steps that come last among those at the same time."""
_FILE = select(
    file_table,
    root_table.c.path.label("root"),
    audio_table.c.hash.label("audio_hash"),
    audio_table.c.codec,
    audio_table.c.decoded_s,
).select_from(
    file_table.join(root_table, root_table.c.id == file_table.c.root_id).outerjoin(
        audio_table, audio_table.c.id == file_table.c.audio_id
    )
)


def _trace(connection: Connection, file: Any, chosen: ColumnElement[bool]) -> FileTrace:
    jobs = connection.execute(select(job_table).where(chosen).order_by(job_table.c.id)).all()
    attempts = connection.execute(
        select(attempt_table, worker_table.c.host)
        .outerjoin(worker_table, worker_table.c.name == attempt_table.c.worker)
        .where(attempt_table.c.job_id.in_([job.id for job in jobs]))
        .order_by(attempt_table.c.job_id, attempt_table.c.number)
    ).all()
    steps = [Step(file.found_at, "found", {"size": file.size, "extension": file.extension})]
    steps += _history(connection, file.id)
    for job in jobs:
        steps += _of_job(job, [attempt for attempt in attempts if attempt.job_id == job.id])
    steps += _results(connection, file)
    steps.sort(key=lambda step: (step.at, step.what in _ENDS))  # what happened at once stays in its order
    path = os.path.join(file.root, file.path)
    return FileTrace(file.id, path, file.state, file.graph_due_at, tuple(steps))


def _history(connection: Connection, file: int) -> Iterator[Step]:
    rows = select(history_table).where(history_table.c.file_id == file).order_by(history_table.c.id)
    for row in connection.execute(rows):
        detail = dict(row.detail)
        if "from" in detail:
            detail |= path_fields(from_document(detail["from"]), "from")
        yield Step(row.at, row.what, detail)


def _of_job(job: Any, attempts: Sequence[Any]) -> Iterator[Step]:
    """The steps of a job: queued, published, its attempts, and its end or what it waits for."""
    which = {"job": job.id}
    queued_at = attempts[0].taken_at - attempts[0].queue_wait_s if attempts else job.queued_at
    about = {
        "run": job.run_id,
        "correlation_id": job.correlation_id,
        "priority": Level(job.level).label,
        "priority_by": job.level_by,
    }
    yield Step(queued_at, "queued", which | about)
    if job.published_at is not None:
        yield Step(job.published_at, "published", which)
    for attempt in attempts:
        yield from _of_attempt(which, attempt)
    why = {"code": job.code, "reason": job.reason, "advice": job.advice}
    if job.state not in OPEN:
        yield Step(job.finished_at, job.state, which | why)
    elif job.state == JobState.RUNNING:
        now = {"attempt": job.attempts, "worker": job.worker, "stage": job.stage}
        yield Step(job.started_at or job.queued_at, "running", which | now)
    elif job.state == JobState.RETRYING:
        yield Step(job.not_before or job.queued_at, "due", which | why)
    else:
        yield Step(job.queued_at, "waiting", which | {"message_due_at": job.publish_due_at})


def _of_attempt(which: Mapping[str, Any], attempt: Any) -> Iterator[Step]:
    who = {**which, "attempt": attempt.number, "worker": attempt.worker, "host": attempt.host}
    yield Step(attempt.taken_at, "taken", who | {"queue_wait_s": attempt.queue_wait_s})
    ending = {
        "outcome": attempt.outcome,
        "code": attempt.code,
        "charged": attempt.charged,
        "run_s": attempt.run_s,
        "store_s": attempt.store_s,
        "stages": dict(attempt.timings),
    }
    yield Step(attempt.ended_at, "ended", who | ending)


def _results(connection: Connection, file: Any) -> Iterator[Step]:
    """The results that are stored for the audio of a file; they may be of an earlier job, or of another file."""
    if file.audio_id is None:
        return
    audio = {"audio_hash": file.audio_hash, "codec": file.codec, "decoded_s": file.decoded_s}
    rows = connection.execute(
        select(analysis_table.c.analyser, analysis_table.c.version, analysis_table.c.made_at)
        .where(analysis_table.c.audio_id == file.audio_id)
        .order_by(analysis_table.c.made_at, analysis_table.c.analyser, analysis_table.c.version)
    ).all()
    for made_at in dict.fromkeys(row.made_at for row in rows):
        versions = {row.analyser: row.version for row in rows if row.made_at == made_at}
        yield Step(made_at, "stored", audio | {"analysers": versions})
