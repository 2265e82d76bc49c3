"""Runs: one call over many files, with its own id, counts, state, pause, resume and cancel."""

import functools
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from enum import StrEnum

from sqlalchemy import Connection, func, insert, or_, select, update

from tonearm.errors import NotFound
from tonearm.events.facts import Workload
from tonearm.jobs.batched_update import update_in_batches
from tonearm.jobs.job import OPEN, JobState
from tonearm.jobs.job_sql import WAITING, cancel_unwanted, clock
from tonearm.library.database import Database
from tonearm.library.schema import file_table, job_table, run_table
from tonearm.names import from_document, to_document

SCAN_SILENCE_S = 120.0


class RunState(StrEnum):
    """Where a run is."""

    RUNNING = "running"
    PAUSED = "paused"  # by a person; its waiting jobs are not taken
    CANCELLED = "cancelled"  # by a person; its waiting jobs have ended
    INTERRUPTED = "interrupted"  # stopped with work left; the next analyze takes that up
    FINISHED = "finished"


@dataclass(frozen=True, slots=True)
class RunCounts:
    """What became of a run's files; ``discovered`` is the sum of the other five."""

    discovered: int
    done: int
    partial: int
    skipped: int
    failed: int
    pending: int


@dataclass(frozen=True, slots=True)
class RunView:
    """A run as it is shown."""

    id: int
    paths: tuple[bytes, ...]
    state: str
    started_at: float
    finished_at: float | None
    counts: RunCounts


class Runs:
    """The runs of a library."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def open(self, paths: Sequence[bytes]) -> int:
        """Begin a run."""
        with self._database.write() as connection:
            return _open(connection, [to_document(path) for path in paths], clock(connection), None)

    def adopt_open(self, run: int) -> int:
        """Bring every open job of any run into this one; returns how many."""
        with self._database.read() as connection:
            elsewhere = (
                select(job_table.c.run_id)
                .where(job_table.c.state.in_(OPEN), job_table.c.run_id != run)
                .distinct()
            )
            others = connection.execute(elsewhere).scalars().all()
        return sum(
            update_in_batches(
                self._database,
                select(job_table.c.id).where(job_table.c.run_id == other, job_table.c.state.in_(OPEN)),
                functools.partial(move_jobs, other=other, run=run),
            )
            for other in others
        )

    def scanned(self, run: int) -> None:
        """Every file of a run is taken in: it is over when its last job has ended."""
        with self._database.write() as connection:
            now = clock(connection)
            connection.execute(
                update(run_table).where(run_table.c.id == run).values(scanned_at=now, seen_at=now)
            )

    def close_ended(self) -> list[int]:
        """End the runs of which nothing is open any more; returns which.

        A run whose scan was not heard of for ``SCAN_SILENCE_S`` ends as interrupted.
        """
        self._finish_cancelling()
        with self._database.write() as connection:
            now = clock(connection)
            is_open = (
                select(job_table.c.id)
                .where(job_table.c.run_id == run_table.c.id, job_table.c.state.in_(OPEN))
                .exists()
            )
            over = connection.execute(
                select(run_table.c.id, run_table.c.scanned_at)
                .where(
                    run_table.c.finished_at.is_(None),
                    ~is_open,
                    or_(run_table.c.scanned_at.is_not(None), run_table.c.seen_at < now - SCAN_SILENCE_S),
                )
                .with_for_update(skip_locked=True)
            ).all()
            for run in over:
                _close(connection, run.id, RunState.FINISHED if run.scanned_at else RunState.INTERRUPTED, now)
            return [run.id for run in over]

    def decoded_s(self, run: int) -> float:
        """Seconds of audio that the jobs of a run decoded."""
        with self._database.read() as connection:
            return float(
                connection.execute(
                    select(func.coalesce(func.sum(job_table.c.decoded_s), 0.0)).where(
                        job_table.c.run_id == run
                    )
                ).scalar_one()
            )

    def skip(self, run: int, files: int) -> None:
        """Count entries that were met and are not taken."""
        with self._database.write() as connection:
            connection.execute(
                update(run_table)
                .where(run_table.c.id == run)
                .values(discovered=run_table.c.discovered + files, skipped=run_table.c.skipped + files)
            )

    def states(self, runs: Collection[int]) -> dict[int, RunState]:
        """Where several runs are now."""
        with self._database.read() as connection:
            rows = connection.execute(
                select(run_table.c.id, run_table.c.state).where(run_table.c.id.in_(runs))
            ).all()
        return {row.id: RunState(row.state) for row in rows}

    def counts(self, run: int) -> RunCounts:
        """What has become of a run's files so far."""
        with self._database.read() as connection:
            return counts_of(connection, run)

    def workload(self, run: int) -> dict[str, Workload]:
        """Open work by file extension."""
        with self._database.read() as connection:
            rows = connection.execute(
                select(
                    file_table.c.extension,
                    func.count().label("files"),
                    func.sum(file_table.c.size).label("size"),
                )
                .join(job_table, job_table.c.file_id == file_table.c.id)
                .where(job_table.c.run_id == run, job_table.c.state.in_(OPEN))
                .group_by(file_table.c.extension)
            ).all()
        return {row.extension: Workload(row.files, int(row.size)) for row in rows}

    def cost(self) -> dict[str, float]:
        """Seconds of one process per byte by extension, from the last jobs that decoded on this machine."""
        recent = (
            select(job_table.c.work_s, file_table.c.size, file_table.c.extension)
            .join(file_table, file_table.c.id == job_table.c.file_id)
            .where(job_table.c.state.in_((JobState.DONE, JobState.PARTIAL)), job_table.c.decoded_s > 0)
            .order_by(job_table.c.id.desc())
            .limit(2000)
            .subquery()
        )
        with self._database.read() as connection:
            rows = connection.execute(
                select(recent.c.extension, func.sum(recent.c.work_s), func.sum(recent.c.size)).group_by(
                    recent.c.extension
                )
            ).all()
        return {extension: float(work) / float(size) for extension, work, size in rows if size}

    def close(self, run: int, state: RunState) -> None:
        """End a run and fix its counts; a cancelled run stays cancelled."""
        with self._database.write() as connection:
            _close(connection, run, state, clock(connection))

    def close_abandoned(self) -> None:
        """End the runs whose process is gone. Only for who holds the library's lock."""
        self._finish_cancelling()
        with self._database.write() as connection:
            now = clock(connection)
            for run in (
                connection.execute(select(run_table.c.id).where(run_table.c.finished_at.is_(None)))
                .scalars()
                .all()
            ):
                _close(connection, run, RunState.INTERRUPTED, now)

    def pause(self, run: int) -> None:
        """Keep a run's waiting jobs from being taken; what runs is finished."""
        with self._database.write() as connection:
            _switch(connection, run, (RunState.RUNNING,), RunState.PAUSED)

    def resume(self, run: int) -> None:
        """Let a paused run go on; messages of its jobs that came meanwhile come again."""
        with self._database.write() as connection:
            known = _switch(connection, run, (RunState.PAUSED, RunState.RUNNING), RunState.RUNNING)
        unsent = select(job_table.c.id).where(
            job_table.c.run_id == run,
            job_table.c.state.in_(WAITING),
            job_table.c.publish_due_at.is_(None),
            job_table.c.published_level.is_(None),
        )
        owed = update_in_batches(self._database, unsent, _owe)
        if known == RunState.RUNNING and not owed:  # else this order was cut off the last time
            raise _is_not(run, known, RunState.PAUSED)

    def cancel(self, run: int) -> int:
        """End a run: its waiting jobs are cancelled, its running ones given up. Returns how many waited."""
        with self._database.write() as connection:
            now = clock(connection)
            known = connection.execute(
                select(run_table.c.state).where(run_table.c.id == run)
            ).scalar_one_or_none()
            if known is None:
                raise NotFound(f"there is no run {run}; `tonearm runs` lists them")
            if known == RunState.FINISHED:
                raise NotFound(f"run {run} is {known} already")
            connection.execute(
                update(run_table).where(run_table.c.id == run).values(state=RunState.CANCELLED)
            )
        ended = self._end_waiting(run, now)
        if known == RunState.CANCELLED and not ended:
            raise NotFound(f"run {run} is {known} already")
        return ended

    def _end_waiting(self, run: int, now: float) -> int:
        """End what waits of a cancelled run; returns how many jobs."""
        return update_in_batches(
            self._database,
            select(job_table.c.id).where(job_table.c.run_id == run, job_table.c.state.in_(WAITING)),
            lambda connection, jobs: cancel_unwanted(connection, job_table.c.id.in_(jobs), now),
        )

    def _finish_cancelling(self) -> None:
        """Do the rest of orders to cancel a run that were cut off."""
        with self._database.read() as connection:
            now = clock(connection)
            cancelled = connection.execute(
                select(run_table.c.id).where(
                    run_table.c.state == RunState.CANCELLED, run_table.c.finished_at.is_(None)
                )
            )
            runs = cancelled.scalars().all()
        for run in runs:
            self._end_waiting(run, now)

    def every(self, limit: int) -> list[RunView]:
        """The newest runs first."""
        with self._database.read() as connection:
            rows = connection.execute(select(run_table).order_by(run_table.c.id.desc()).limit(limit)).all()
            return [
                RunView(
                    row.id,
                    tuple(from_document(path) for path in row.paths),
                    row.state,
                    row.started_at,
                    row.finished_at,
                    RunCounts(**row.counts) if row.counts else counts_of(connection, row.id),
                )
                for row in rows
            ]


def _open(connection: Connection, paths: Sequence[str], now: float, scanned_at: float | None) -> int:
    made = connection.execute(
        insert(run_table).values(
            paths=list(paths),
            state=RunState.RUNNING,
            started_at=now,
            seen_at=now,
            scanned_at=scanned_at,
            discovered=0,
            skipped=0,
        )
    )
    assert made.inserted_primary_key is not None  # noqa: S101  one row was inserted
    return int(made.inserted_primary_key[0])


def open_again(connection: Connection, run: int, now: float) -> int:
    """Begin another run over the same paths, with nothing to be scanned; it ends with its last job."""
    paths = connection.execute(select(run_table.c.paths).where(run_table.c.id == run)).scalar_one()
    return _open(connection, paths, now, scanned_at=now)


def move_jobs(connection: Connection, jobs: Sequence[int], other: int, run: int) -> int:
    """Bring jobs of another run into this one; returns how many."""
    moved = connection.execute(
        update(job_table).where(job_table.c.id.in_(jobs), job_table.c.run_id == other).values(run_id=run)
    ).rowcount
    still_open = update(run_table).where(run_table.c.id == other, run_table.c.finished_at.is_(None))
    connection.execute(still_open.values(discovered=run_table.c.discovered - moved))
    connection.execute(
        update(run_table).where(run_table.c.id == run).values(discovered=run_table.c.discovered + moved)
    )
    return moved


def _owe(connection: Connection, jobs: Sequence[int]) -> int:
    """Owe waiting jobs a message, when their back-off is over."""
    due = func.coalesce(job_table.c.not_before, clock(connection))
    return connection.execute(
        update(job_table).where(job_table.c.id.in_(jobs)).values(publish_due_at=due)
    ).rowcount


def _switch(connection: Connection, run: int, before: Sequence[RunState], after: RunState) -> RunState:
    """Bring a run from one of some states to another; returns which it was. Raises NotFound."""
    known = connection.execute(select(run_table.c.state).where(run_table.c.id == run)).scalar_one_or_none()
    if known is None:
        raise NotFound(f"there is no run {run}; `tonearm runs` lists them")
    if known not in before:
        raise _is_not(run, known, before[0])
    connection.execute(update(run_table).where(run_table.c.id == run).values(state=after))
    return RunState(known)


def _is_not(run: int, known: str, wanted: RunState) -> NotFound:
    return NotFound(f"run {run} is {known}, not {wanted}")


def counts_of(connection: Connection, run: int) -> RunCounts:
    """What has become of a run's files, as one transaction sees it."""
    row = connection.execute(
        select(run_table.c.discovered, run_table.c.skipped).where(run_table.c.id == run)
    ).one()
    ended = connection.execute(
        select(job_table.c.state, func.count().label("jobs"))
        .where(job_table.c.run_id == run)
        .group_by(job_table.c.state)
    ).all()
    jobs = {group.state: group.jobs for group in ended}
    done, partial = jobs.get(JobState.DONE, 0), jobs.get(JobState.PARTIAL, 0)
    skipped = row.skipped + jobs.get(JobState.CANCELLED, 0)
    failed = jobs.get(JobState.QUARANTINED, 0)
    pending = sum(jobs.get(state, 0) for state in OPEN)
    return RunCounts(row.discovered, done, partial, skipped, failed, pending)


def _close(connection: Connection, run: int, state: RunState, now: float) -> None:
    counts = counts_of(connection, run)
    current = connection.execute(select(run_table.c.state).where(run_table.c.id == run)).scalar_one()
    connection.execute(
        update(run_table)
        .where(run_table.c.id == run)
        .values(
            state=RunState.CANCELLED if current == RunState.CANCELLED else state,
            finished_at=now,
            counts={name: getattr(counts, name) for name in counts.__slots__},
        )
    )
