"""What other workers did to the jobs of one run, as the database tells it. No query here looks at a whole run."""

import os
from collections.abc import Collection
from dataclasses import dataclass
from typing import NamedTuple

from sqlalchemy import Connection, select

from tonearm.jobs.job import JobState
from tonearm.library.schema import Analysis, File, Job, Root
from tonearm.settings import Level


class Attempt(NamedTuple):
    """One worker's try at a job. ``forgiven``: the attempts before it that were not held against the file."""

    job: int
    number: int
    forgiven: int
    worker: str
    stage: str
    since: float


@dataclass(frozen=True, slots=True)
class JobRow:
    """A job with its file. path: exact bytes, whole. Times by the database's clock."""

    id: int
    run: int
    state: str
    attempts: int
    forgiven: int
    worker: str | None
    level: str
    code: str | None
    reason: str | None
    advice: str | None
    work_s: float
    decoded_s: float
    not_before: float | None
    path: bytes
    size: int
    extension: str
    audio: int | None


def in_hand(connection: Connection, run: int, me: str, limit: int) -> dict[int, Attempt]:
    """What other workers have in hand, by job."""
    rows = connection.execute(
        select(Job.id, Job.attempts, Job.forgiven, Job.worker, Job.stage, Job.started_at)
        .where(Job.run_id == run, Job.state == JobState.RUNNING, Job.worker != me)
        .order_by(Job.id)
        .limit(limit)
    )
    return {
        row.id: Attempt(row.id, row.attempts, row.forgiven, row.worker, row.stage or "start", row.started_at)
        for row in rows
    }


def retrying(connection: Connection, run: int, limit: int) -> dict[int, int]:
    """Jobs that wait for their back-off, with the attempt that failed."""
    rows = connection.execute(
        select(Job.id, Job.attempts).where(Job.run_id == run, Job.state == JobState.RETRYING).limit(limit)
    )
    return {row.id: row.attempts for row in rows}


def job_rows(connection: Connection, jobs: Collection[int]) -> dict[int, JobRow]:
    """These jobs, by id."""
    if not jobs:
        return {}
    rows = connection.execute(
        select(
            Job.id,
            Job.run_id,
            Job.state,
            Job.attempts,
            Job.forgiven,
            Job.worker,
            Job.level,
            Job.code,
            Job.reason,
            Job.advice,
            Job.work_s,
            Job.decoded_s,
            Job.not_before,
            File.path,
            File.size,
            File.extension,
            File.audio_id,
            Root.path.label("root"),
        )
        .join(File, File.id == Job.file_id)
        .join(Root, Root.id == File.root_id)
        .where(Job.id.in_(jobs))
    )
    return {
        row.id: JobRow(
            id=row.id,
            run=row.run_id,
            state=row.state,
            attempts=row.attempts,
            forgiven=row.forgiven,
            worker=row.worker,
            level=Level(row.level).label,
            code=row.code,
            reason=row.reason,
            advice=row.advice,
            work_s=row.work_s,
            decoded_s=row.decoded_s,
            not_before=row.not_before,
            path=os.path.join(row.root, row.path),
            size=row.size,
            extension=row.extension,
            audio=row.audio_id,
        )
        for row in rows
    }


def tempo_and_key(
    connection: Connection, audio: Collection[int]
) -> dict[int, tuple[float | None, str | None]]:
    """Of each piece of audio its tempo in beats a minute and its key, by the newest version that measured it."""
    if not audio:
        return {}
    rows = connection.execute(
        select(Analysis.audio_id, Analysis.analyser, Analysis.scalars)
        .where(Analysis.audio_id.in_(audio), Analysis.analyser.in_(("tempo", "key")))
        .order_by(Analysis.version)
    )
    found: dict[int, dict[str, object]] = {}
    for row in rows:
        found.setdefault(row.audio_id, {}).update(row.scalars)
    return {audio: (_number(values.get("bpm")), _text(values.get("key"))) for audio, values in found.items()}


def _number(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) else None


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None
