"""Enqueues jobs for files in the caller's transaction. A file that has an open job gets no second one."""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, case, select, update

from tonearm.events.job_trace import JobTrace
from tonearm.jobs.job import ANALYSED, LEFT_OUT, OPEN, JobState
from tonearm.jobs.job_sql import last_jobs
from tonearm.jobs.priority import level_for, rank
from tonearm.jobs.run_counts import keep_failed, record_handover
from tonearm.jobs.trace_context import Sampler
from tonearm.library.bulk_write import add
from tonearm.library.files import FileChange, KnownFile, ScannedFile
from tonearm.library.found_file import FoundFile
from tonearm.library.one_of import among
from tonearm.library.schema import job_table
from tonearm.settings import Level, Rule


@dataclass(frozen=True, slots=True)
class Priority:
    """How jobs are ordered: by the level that a person chose or else the first matching rule, and by their age."""

    level: Level | None
    rules: Sequence[Rule]
    ageing_s: float

    def columns(self, file: FoundFile, now: float) -> dict[str, Any]:
        """The columns of a new job that decide its place in the queue."""
        level = self.level
        if level is None:
            level = level_for(self.rules, file.size, file.extension, file.mtime_ns)
        return {
            "level": int(level),
            "level_by": "rules" if self.level is None else "person",
            "rank": rank(level, now, self.ageing_s),
        }


@dataclass(frozen=True, slots=True)
class Enqueued:
    """How many jobs are new, the traces of those that are recorded, and how many jobs were in the run already."""

    new: int
    traces: tuple[JobTrace, ...]
    already_in_run: int


_OPEN_JOBS = (
    select(job_table.c.id, job_table.c.file_id, job_table.c.run_id)
    .where(among(job_table.c.file_id, "files"), job_table.c.state.in_(OPEN))
    .with_for_update()  # otherwise a worker could end a job in the run that it leaves
)


def new_correlation_id() -> str:
    """32 hexadecimal digits, all of them random: samplers decide by the last 16."""
    return secrets.token_hex(16)


def needs_job(scanned: ScannedFile, engine: str) -> bool:
    """Whether a file has to be analysed: it is new or changed, or lacks results."""
    known = scanned.known
    if known is None or scanned.change in {FileChange.NEW, FileChange.CHANGED}:
        return True
    return lacks_results(known, engine)


def lacks_results(known: KnownFile, engine: str) -> bool:
    """Whether an unchanged file has no results of the current analysers.

    One in quarantine, or of another kind, is not tried again.
    """
    if known.state in ANALYSED:
        return known.engine != engine
    return known.state not in {JobState.QUARANTINED, LEFT_OUT}


def enqueue(
    connection: Connection,
    run: int,
    files: Sequence[tuple[int, FoundFile]],
    priority: Priority,
    fresh: bool,
    now: float,
    sampler: Sampler | None,
) -> Enqueued:
    """Enqueue a job for each file; the open jobs of files that have one are moved to this run instead.

    files: id of each file, and what the scan found. sampler: decides which traces are recorded, if any are.
    """
    open_jobs = connection.execute(_OPEN_JOBS, {"files": [file for file, _ in files]}).all() if files else []
    _take_over(connection, run, open_jobs, priority, fresh, now)
    having = {job.file_id for job in open_jobs}
    new = [(file, found) for file, found in files if file not in having]
    traces = [_new_trace(sampler) for _ in new]
    rows = [
        {
            "file_id": file,
            "run_id": run,
            "state": JobState.QUEUED,
            "fresh": fresh,
            "queued_at": now,
            "publish_due_at": now,
            "correlation_id": trace.correlation_id,
            "sampled": trace.sampled,
        }
        | priority.columns(found, now)
        for (file, found), trace in zip(new, traces, strict=True)
    ]
    add(connection, job_table, rows)
    recorded = tuple(trace for trace in traces if trace.sampled)
    return Enqueued(len(new), recorded, sum(job.run_id == run for job in open_jobs))


def _new_trace(sampler: Sampler | None) -> JobTrace:
    correlation_id = new_correlation_id()
    return JobTrace(correlation_id, sampled=sampler(correlation_id, None) if sampler else None)


def keep_in_quarantine(connection: Connection, run: int, files: Sequence[int]) -> int:
    """Count files in quarantine as failed in this run; they are not tried again.

    Returns how many of them were in this run already.
    """
    if not files:
        return 0
    others = connection.execute(
        select(job_table.c.id, job_table.c.run_id)
        .where(
            job_table.c.id.in_(last_jobs(files)),
            job_table.c.state == JobState.QUARANTINED,
            job_table.c.run_id != run,
        )
        .with_for_update()
    ).all()
    keep_failed(connection, [job.run_id for job in others])
    connection.execute(
        update(job_table).where(job_table.c.id.in_([job.id for job in others])).values(run_id=run)
    )
    return len(files) - len(others)


def _take_over(
    connection: Connection, run: int, jobs: Sequence[Any], priority: Priority, fresh: bool, now: float
) -> None:
    """Move open jobs to a run, at the level that a person has chosen, if any. ``jobs``: id and run of each."""
    if not jobs:
        return
    changes: dict[str, object] = {"run_id": run}
    if fresh:
        changes |= {"fresh": True}
    if priority.level is not None:
        changes |= {
            "level": priority.level,
            "level_by": "person",
            "rank": rank(priority.level, now, priority.ageing_s),
            "publish_due_at": case(
                (job_table.c.state == JobState.QUEUED, now), else_=job_table.c.publish_due_at
            ),
        }
    record_handover(connection, [job.run_id for job in jobs], run)
    connection.execute(
        update(job_table).where(among(job_table.c.id, "open")).values(**changes),
        {"open": [job.id for job in jobs]},
    )
