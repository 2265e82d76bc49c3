"""Reads from the database what other workers did with the jobs of one run. No query here reads a whole run."""

import os
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from sqlalchemy import Connection, and_, select

from tonearm.events.job_ref import JobRef
from tonearm.jobs.job import JobState
from tonearm.jobs.job_sql import IS_OPEN
from tonearm.library.schema import (
    analysis_table,
    attempt_table,
    audio_table,
    file_table,
    job_table,
    root_table,
)
from tonearm.settings import Level

UNKNOWN_WORKER = "unknown"
"""Stands for the worker's name where the database no longer has it."""


class Attempt(NamedTuple):
    """One worker's attempt at a job. ``uncharged_attempts``: earlier attempts that do not count against the file."""

    job: int
    number: int
    uncharged_attempts: int
    worker: str
    stage: str
    since: float


@dataclass(frozen=True, slots=True)
class JobRow:
    """A job with its file and its last attempt. path: absolute, exact bytes. Times by the database's clock.

    waited_s, run_s, store_s and timings are those of the last attempt; ``None`` and empty while it runs.
    """

    id: int
    run: int
    state: str
    correlation_id: str
    retried: int
    attempts: int
    uncharged_attempts: int
    worker: str | None
    level: str
    code: str | None
    reason: str | None
    advice: str | None
    work_s: float
    decoded_s: float
    queued_at: float
    not_before: float | None
    waited_s: float | None
    store_s: float | None
    timings: Mapping[str, float]
    path: bytes
    size: int
    extension: str
    audio: int | None
    codec: str | None

    @property
    def last_attempt(self) -> JobRef:
        """The last attempt, as facts name it."""
        worker = self.worker or UNKNOWN_WORKER
        return self.ref(self.attempts, worker, self.uncharged_attempts, self.waited_s or 0.0)

    def ref(self, attempt: int, worker: str, uncharged_attempts: int, waited_s: float) -> JobRef:
        """An attempt at this job, as facts name it."""
        return JobRef(
            job=self.id,
            run=self.run,
            attempt=attempt,
            correlation_id=self.correlation_id,
            retried=self.retried,
            worker=worker,
            level=self.level,
            path=self.path,
            size=self.size,
            extension=self.extension,
            uncharged_attempts=uncharged_attempts,
            waited_s=max(0.0, waited_s),
        )


def running(connection: Connection, run: int, me: str, limit: int) -> dict[int, Attempt]:
    """The running attempts of other workers, by job."""
    rows = connection.execute(
        select(
            job_table.c.id,
            job_table.c.attempts,
            job_table.c.uncharged_attempts,
            job_table.c.worker,
            job_table.c.stage,
            job_table.c.started_at,
        )
        .where(
            job_table.c.run_id == run,
            job_table.c.state == JobState.RUNNING,
            IS_OPEN,
            job_table.c.worker != me,
        )
        .order_by(job_table.c.id)
        .limit(limit)
    )
    return {
        row.id: Attempt(
            row.id, row.attempts, row.uncharged_attempts, row.worker, row.stage or "start", row.started_at
        )
        for row in rows
    }


def retrying(connection: Connection, run: int, limit: int) -> dict[int, int]:
    """Jobs that wait for their back-off, with the number of the attempt that failed."""
    rows = connection.execute(
        select(job_table.c.id, job_table.c.attempts)
        .where(job_table.c.run_id == run, job_table.c.state == JobState.RETRYING, IS_OPEN)
        .limit(limit)
    )
    return {row.id: row.attempts for row in rows}


def job_rows(connection: Connection, jobs: Collection[int]) -> dict[int, JobRow]:
    """These jobs, by id."""
    if not jobs:
        return {}
    rows = connection.execute(
        select(
            job_table.c.id,
            job_table.c.run_id,
            job_table.c.state,
            job_table.c.attempts,
            job_table.c.uncharged_attempts,
            job_table.c.worker,
            job_table.c.level,
            job_table.c.code,
            job_table.c.reason,
            job_table.c.advice,
            job_table.c.work_s,
            job_table.c.decoded_s,
            job_table.c.queued_at,
            job_table.c.not_before,
            job_table.c.correlation_id,
            job_table.c.retried,
            attempt_table.c.queue_wait_s,
            attempt_table.c.store_s,
            attempt_table.c.timings,
            file_table.c.path,
            file_table.c.size,
            file_table.c.extension,
            file_table.c.audio_id,
            audio_table.c.codec,
            root_table.c.path.label("root"),
        )
        .join(file_table, file_table.c.id == job_table.c.file_id)
        .join(root_table, root_table.c.id == file_table.c.root_id)
        .outerjoin(audio_table, audio_table.c.id == file_table.c.audio_id)
        .outerjoin(
            attempt_table,
            and_(attempt_table.c.job_id == job_table.c.id, attempt_table.c.number == job_table.c.attempts),
        )
        .where(job_table.c.id.in_(jobs))
    )
    return {
        row.id: JobRow(
            id=row.id,
            run=row.run_id,
            state=row.state,
            correlation_id=row.correlation_id,
            retried=row.retried,
            attempts=row.attempts,
            uncharged_attempts=row.uncharged_attempts,
            worker=row.worker,
            level=Level(row.level).label,
            code=row.code,
            reason=row.reason,
            advice=row.advice,
            work_s=row.work_s,
            decoded_s=row.decoded_s,
            queued_at=row.queued_at,
            not_before=row.not_before,
            waited_s=row.queue_wait_s,
            store_s=row.store_s,
            timings=row.timings or {},
            path=os.path.join(row.root, row.path),
            size=row.size,
            extension=row.extension,
            audio=row.audio_id,
            codec=row.codec,
        )
        for row in rows
    }


def tempo_and_key(
    connection: Connection, audio: Collection[int]
) -> dict[int, tuple[float | None, str | None]]:
    """Tempo in beats a minute and key of each piece of audio, as the newest version of the analyser measured them."""
    if not audio:
        return {}
    rows = connection.execute(
        select(analysis_table.c.audio_id, analysis_table.c.analyser, analysis_table.c.scalars)
        .where(analysis_table.c.audio_id.in_(audio), analysis_table.c.analyser.in_(("tempo", "key")))
        .order_by(analysis_table.c.version)
    )
    found: dict[int, dict[str, object]] = {}
    for row in rows:
        found.setdefault(row.audio_id, {}).update(row.scalars)
    return {audio: (_number(values.get("bpm")), _text(values.get("key"))) for audio, values in found.items()}


def _number(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) else None


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None
