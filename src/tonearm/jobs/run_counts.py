"""Counts the files of a run by outcome, and the jobs that later runs have taken over."""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, func, insert, select, update

from tonearm.jobs.job import OPEN, JobState
from tonearm.jobs.job_sql import IS_OPEN
from tonearm.library.left_out import add_counts, most_frequent
from tonearm.library.schema import handover_table, job_table, run_table


@dataclass(frozen=True, slots=True)
class RunCounts:
    """A run's files by outcome; ``discovered`` is the sum of the other five.

    skipped: files without a job in this run, files whose job was cancelled, and files whose job a later run took over.
    """

    discovered: int
    done: int
    partial: int
    skipped: int
    failed: int
    pending: int


def counts_of(connection: Connection, run: int) -> RunCounts:
    """The counts of a run: as stored when it was closed, or the current ones while it is open."""
    row = connection.execute(
        select(run_table.c.discovered, run_table.c.skipped, run_table.c.failed, run_table.c.counts).where(
            run_table.c.id == run
        )
    ).one()
    if not row.counts:
        return _count(connection, run, row)
    stored = RunCounts(**row.counts)
    if not stored.pending:
        return stored
    taken_over = min(stored.pending, sum(handovers(connection, [run]).get(run, {}).values()))
    return replace(stored, pending=stored.pending - taken_over, skipped=stored.skipped + taken_over)


def open_jobs(connection: Connection, run: int) -> dict[JobState, int]:
    """How many jobs of a run have not ended, by state."""
    rows = connection.execute(
        select(job_table.c.state, func.count()).where(_parts(run)[1]).group_by(job_table.c.state)
    )
    return {JobState(state): jobs for state, jobs in rows}


def _count(connection: Connection, run: int, row: Any) -> RunCounts:
    ended, unfinished = (
        select(job_table.c.state, func.count().label("jobs")).where(part).group_by(job_table.c.state)
        for part in _parts(run)
    )
    groups = connection.execute(ended.union_all(unfinished)).all()
    jobs = {group.state: group.jobs for group in groups}
    handed_over = sum(handovers(connection, [run]).get(run, {}).values())
    return RunCounts(
        discovered=row.discovered,
        done=jobs.get(JobState.DONE, 0),
        partial=jobs.get(JobState.PARTIAL, 0),
        skipped=row.skipped + jobs.get(JobState.CANCELLED, 0) + handed_over,
        failed=row.failed + jobs.get(JobState.QUARANTINED, 0),
        pending=sum(jobs.get(state, 0) for state in OPEN),
    )


def _parts(run: int) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    """Conditions for the jobs of a run that have ended, and for its open ones: each part has an index."""
    of_run = job_table.c.run_id == run
    return and_(of_run, job_table.c.finished_at.is_not(None)), and_(of_run, IS_OPEN)


def count_left_out(connection: Connection, run: int, counts: Mapping[str, int]) -> None:
    """Count files of other kinds that a run has left out, by extension."""
    known = left_out_of(connection, run, lock=True)
    add_counts(known, counts)
    connection.execute(update(run_table).where(run_table.c.id == run).values(left_out=known))


def left_out_of(connection: Connection, run: int, lock: bool = False) -> dict[str, int]:
    """How many files of other kinds a run has left out, the most frequent kind first."""
    wanted = select(run_table.c.left_out).where(run_table.c.id == run)
    counts = connection.execute(wanted.with_for_update() if lock else wanted).scalar_one()
    return most_frequent(counts)


def handovers(connection: Connection, runs: Collection[int]) -> dict[int, dict[int, int]]:
    """For each run, how many of its jobs later runs have taken over, by the id of the later run."""
    found: dict[int, dict[int, int]] = {}
    rows = connection.execute(
        select(handover_table)
        .where(handover_table.c.from_run.in_(runs))
        .order_by(handover_table.c.from_run, handover_table.c.to_run)
    )
    for row in rows:
        found.setdefault(row.from_run, {})[row.to_run] = row.jobs
    return found


def record_handover(connection: Connection, former: Iterable[int], run: int) -> None:
    """Record that open jobs of other runs continue in this run.

    former: for each job, the run that it leaves. For a closed run, no more jobs are counted than were pending when it
    was closed, because the others were retried since then.
    """
    left = Counter(other for other in former if other != run)
    before = handovers(connection, left)
    for other, jobs in sorted(left.items()):
        counts = connection.execute(select(run_table.c.counts).where(run_table.c.id == other)).scalar_one()
        handed_over = before.get(other, {})
        if counts:
            jobs = min(jobs, counts["pending"] - sum(handed_over.values()))
        if jobs <= 0:
            continue
        if run in handed_over:
            known = and_(handover_table.c.from_run == other, handover_table.c.to_run == run)
            connection.execute(update(handover_table).where(known).values(jobs=handover_table.c.jobs + jobs))
        else:
            connection.execute(insert(handover_table).values(from_run=other, to_run=run, jobs=jobs))


def keep_failed(connection: Connection, former: Iterable[int]) -> None:
    """Keep quarantined files in the failed counts of their former runs, although their jobs move to another run."""
    for run, jobs in sorted(Counter(former).items()):
        connection.execute(
            update(run_table)
            .where(run_table.c.id == run, run_table.c.finished_at.is_(None))
            .values(failed=run_table.c.failed + jobs)
        )


def decoded_seconds(connection: Connection, run: int) -> float:
    """Seconds of audio that the jobs of a run decoded."""
    ended, unfinished = (select(job_table.c.decoded_s).where(part) for part in _parts(run))
    decoded = ended.union_all(unfinished).subquery()
    return float(connection.execute(select(func.coalesce(func.sum(decoded.c.decoded_s), 0.0))).scalar_one())
