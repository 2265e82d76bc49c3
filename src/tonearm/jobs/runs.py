"""Starts, closes, pauses, resumes and cancels runs. A run is one call of ``analyze`` over many files."""

import functools
import secrets
from collections.abc import Collection, Mapping, Sequence

from sqlalchemy import Connection, func, insert, or_, select, update

from tonearm.errors import NotFound
from tonearm.events.states import Decoded, RunState, Workload
from tonearm.jobs import run_counts, run_paths
from tonearm.jobs.batched_update import update_in_batches
from tonearm.jobs.job import OPEN, JobState
from tonearm.jobs.job_sql import IS_OPEN, WAITING, cancel_unwanted, clock
from tonearm.jobs.run_counts import RunCounts
from tonearm.jobs.unread_paths import UnreadPath, note_unread
from tonearm.jobs.workload import decoded_lately, workload_of
from tonearm.library.database import Database
from tonearm.library.schema import job_table, run_table
from tonearm.names import to_document

SCAN_SILENCE_S = 120.0
"""Seconds after which a scan that records nothing counts as ended; its process was probably killed."""


class Runs:
    """Starts, ends, pauses, resumes and cancels the runs of a library, and counts their files."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def open(self, paths: Sequence[bytes], correlation_id: str | None = None) -> int:
        """Start a run over some paths; returns its id. correlation_id: 32 hexadecimal digits, random by default."""
        documents = [to_document(path) for path in paths]
        with self._database.write() as connection:
            return _open(connection, documents, clock(connection), None, correlation_id)

    def adopt_open(self, run: int) -> int:
        """Continue every open job of all other runs in this run; returns how many."""
        with self._database.read() as connection:
            elsewhere = (
                select(job_table.c.run_id)
                .where(job_table.c.state.in_(OPEN), IS_OPEN, job_table.c.run_id != run)
                .distinct()
            )
            others = connection.execute(elsewhere).scalars().all()
        return sum(
            update_in_batches(
                self._database,
                select(job_table.c.id).where(
                    job_table.c.run_id == other, job_table.c.state.in_(OPEN), IS_OPEN
                ),
                functools.partial(_move_jobs, former=other, run=run),
            )
            for other in others
        )

    def unscanned_paths(self) -> list[bytes]:
        """Paths whose last run ended before its scan was complete, so that some of their files may be unknown."""
        with self._database.read() as connection:
            return run_paths.unscanned(connection)

    def mark_scanned(self, run: int) -> None:
        """Record that the scan of a run is complete; from now on the run ends when its last job ends."""
        with self._database.write() as connection:
            now = clock(connection)
            connection.execute(
                update(run_table).where(run_table.c.id == run).values(scanned_at=now, seen_at=now)
            )

    def close_ended(self) -> list[int]:
        """Close the runs that have no open job left; returns their ids.

        A run whose scan recorded nothing for ``SCAN_SILENCE_S`` is closed as interrupted.
        """
        self.finish_cancelling()
        with self._database.write() as connection:
            now = clock(connection)
            is_open = (
                select(job_table.c.id)
                .where(job_table.c.run_id == run_table.c.id, job_table.c.state.in_(OPEN), IS_OPEN)
                .exists()
            )
            over = connection.execute(
                select(run_table.c.id, run_table.c.scanned_at)
                .where(
                    run_table.c.finished_at.is_(None),
                    run_table.c.asked.is_(None),
                    ~is_open,
                    or_(run_table.c.scanned_at.is_not(None), run_table.c.seen_at < now - SCAN_SILENCE_S),
                )
                .with_for_update(skip_locked=True)
            ).all()
            for run in over:
                _close(connection, run.id, RunState.FINISHED if run.scanned_at else RunState.INTERRUPTED, now)
            return [run.id for run in over]

    def count_skipped(self, run: int, files: int) -> None:
        """Count files that were found and are not analysed."""
        with self._database.write() as connection:
            connection.execute(
                update(run_table)
                .where(run_table.c.id == run)
                .values(discovered=run_table.c.discovered + files, skipped=run_table.c.skipped + files)
            )

    def count_left_out(self, run: int, counts: Mapping[str, int]) -> None:
        """Count files of other kinds that a scan left out."""
        with self._database.write() as connection:
            run_counts.count_left_out(connection, run, counts)

    def note_unread(self, run: int, found: Sequence[UnreadPath]) -> None:
        """Note folders and files that a scan could not read."""
        with self._database.write() as connection:
            note_unread(connection, run, found)

    def left_out(self, run: int) -> dict[str, int]:
        """How many files of other kinds a run has left out so far, the most frequent kind first."""
        with self._database.read() as connection:
            return run_counts.left_out_of(connection, run)

    def states(self, runs: Collection[int]) -> dict[int, RunState]:
        """The current states of some runs; ids that do not exist are left out."""
        with self._database.read() as connection:
            rows = connection.execute(
                select(run_table.c.id, run_table.c.state).where(run_table.c.id.in_(runs))
            ).all()
        return {row.id: RunState(row.state) for row in rows}

    def counts(self, run: int) -> RunCounts:
        """A run's files by outcome: as stored when it was closed, or the current counts while it is open."""
        with self._database.read() as connection:
            return run_counts.counts_of(connection, run)

    def decoded_s(self, run: int) -> float:
        """Seconds of audio that the jobs of a run decoded."""
        with self._database.read() as connection:
            return run_counts.decoded_seconds(connection, run)

    def workload(self, run: int) -> dict[str, tuple[Workload, ...]]:
        """Open files of a run by extension, in classes of about one size."""
        with self._database.read() as connection:
            return workload_of(connection, run)

    def decoded_lately(self) -> dict[str, tuple[Decoded, ...]]:
        """What the files needed that the library decoded last, by extension, in classes of about one size."""
        with self._database.read() as connection:
            return decoded_lately(connection)

    def close(self, run: int, state: RunState) -> None:
        """End a run and store its counts. A cancelled run stays cancelled; a run with pending files is interrupted."""
        with self._database.write() as connection:
            _close(connection, run, state, clock(connection))

    def close_abandoned(self) -> None:
        """Close the runs whose process has ended. The caller must hold the library's lock."""
        self.finish_cancelling()
        with self._database.write() as connection:
            now = clock(connection)
            for run in (
                connection.execute(select(run_table.c.id).where(run_table.c.finished_at.is_(None)))
                .scalars()
                .all()
            ):
                _close(connection, run, RunState.INTERRUPTED, now)

    def pause(self, run: int) -> None:
        """Stop taking a run's waiting jobs; its running jobs are finished. Raises NotFound."""
        with self._database.write() as connection:
            _change_state(connection, run, (RunState.RUNNING,), RunState.PAUSED)

    def resume(self, run: int) -> None:
        """Take jobs of a paused run again, and publish new messages for those refused meanwhile. Raises NotFound."""
        with self._database.write() as connection:
            known = _change_state(connection, run, (RunState.PAUSED, RunState.RUNNING), RunState.RUNNING)
        unsent = select(job_table.c.id).where(
            job_table.c.run_id == run,
            job_table.c.state.in_(WAITING),
            IS_OPEN,
            job_table.c.publish_due_at.is_(None),
            job_table.c.published_level.is_(None),
        )
        due = update_in_batches(self._database, unsent, _publish_again)
        if known == RunState.RUNNING and not due:  # otherwise an earlier call for this run was incomplete
            raise _is_not(run, known, RunState.PAUSED)

    def cancel(self, run: int) -> int:
        """Cancel a run's waiting jobs and have its running ones stopped; returns how many were waiting.

        Raises:
            NotFound: there is no such run, or it has ended and none of its jobs is left.
        """
        with self._database.write() as connection:
            now = clock(connection)
            known = connection.execute(
                select(run_table.c.state).where(run_table.c.id == run)
            ).scalar_one_or_none()
            if known is None:
                raise NotFound(f"there is no run {run}; `tonearm runs` lists them")
            if known == RunState.FINISHED or (
                known == RunState.INTERRUPTED and not run_counts.open_jobs(connection, run)
            ):
                raise NotFound(f"run {run} is {known} already{_handed_over_text(connection, run)}")
            connection.execute(
                update(run_table).where(run_table.c.id == run).values(state=RunState.CANCELLED)
            )
        ended = self._cancel_waiting(run, now)
        if known == RunState.CANCELLED and not ended:
            raise NotFound(f"run {run} is {known} already")
        return ended

    def running_jobs(self, run: int) -> int:
        """How many jobs of a run are being analysed, or were when their process ended."""
        with self._database.read() as connection:
            return run_counts.open_jobs(connection, run).get(JobState.RUNNING, 0)

    def _cancel_waiting(self, run: int, now: float) -> int:
        """Cancel the waiting jobs of a cancelled run; returns how many."""
        return update_in_batches(
            self._database,
            select(job_table.c.id).where(job_table.c.run_id == run, job_table.c.state.in_(WAITING), IS_OPEN),
            lambda connection, jobs: cancel_unwanted(connection, job_table.c.id.in_(jobs), now),
        )

    def finish_cancelling(self) -> None:
        """Cancel the jobs that an incomplete ``cancel`` has left waiting."""
        with self._database.read() as connection:
            now = clock(connection)
            cancelled = connection.execute(
                select(run_table.c.id).where(
                    run_table.c.state == RunState.CANCELLED, run_table.c.finished_at.is_(None)
                )
            )
            runs = cancelled.scalars().all()
        for run in runs:
            self._cancel_waiting(run, now)

    def paths_to_analyse_again(self, run: int) -> list[bytes]:
        """Arguments for ``analyze`` to analyse the files that a cancelled run has left out."""
        with self._database.read() as connection:
            return run_paths.left_out(connection, run)

    def files_of_cancelled_runs(self) -> tuple[int, list[bytes]]:
        """How many files have no results and no job, since a run was cancelled; and the roots where they are."""
        with self._database.read() as connection:
            return run_paths.of_cancelled_runs(connection)


def _open(
    connection: Connection,
    paths: Sequence[str],
    now: float,
    scanned_at: float | None,
    correlation_id: str | None = None,
) -> int:
    made = connection.execute(
        insert(run_table).values(
            paths=list(paths),
            state=RunState.RUNNING,
            started_at=now,
            seen_at=now,
            scanned_at=scanned_at,
            discovered=0,
            skipped=0,
            correlation_id=correlation_id or secrets.token_hex(16),
        )
    )
    assert made.inserted_primary_key is not None  # noqa: S101  one row was inserted
    return int(made.inserted_primary_key[0])


def open_again(connection: Connection, run: int, now: float) -> int:
    """Start a new run with the paths of an earlier one, without a scan; it ends with its last job."""
    paths = connection.execute(select(run_table.c.paths).where(run_table.c.id == run)).scalar_one()
    return _open(connection, paths, now, scanned_at=now)


def _move_jobs(connection: Connection, jobs: Sequence[int], former: int, run: int) -> int:
    """Continue jobs of another run in this run; returns how many."""
    moved = connection.execute(
        update(job_table).where(job_table.c.id.in_(jobs), job_table.c.run_id == former).values(run_id=run)
    ).rowcount
    run_counts.record_handover(connection, [former] * moved, run)
    count_discovered(connection, run, moved)
    return moved


def count_discovered(connection: Connection, run: int, files: int) -> None:
    """Count files whose jobs were moved into a run."""
    connection.execute(
        update(run_table).where(run_table.c.id == run).values(discovered=run_table.c.discovered + files)
    )


def _publish_again(connection: Connection, jobs: Sequence[int]) -> int:
    """Schedule messages of waiting jobs, now or for the end of their back-off."""
    due = func.coalesce(job_table.c.not_before, clock(connection))
    return connection.execute(
        update(job_table).where(job_table.c.id.in_(jobs)).values(publish_due_at=due)
    ).rowcount


def _change_state(connection: Connection, run: int, before: Sequence[RunState], after: RunState) -> RunState:
    """Change a run's state if it is one of ``before``; returns the former state. Raises NotFound."""
    known = connection.execute(select(run_table.c.state).where(run_table.c.id == run)).scalar_one_or_none()
    if known is None:
        raise NotFound(f"there is no run {run}; `tonearm runs` lists them")
    if known not in before:
        raise _is_not(run, known, before[0])
    connection.execute(update(run_table).where(run_table.c.id == run).values(state=after))
    return RunState(known)


def _handed_over_text(connection: Connection, run: int) -> str:
    """Which later runs have the jobs that a run has left."""
    later = run_counts.handovers(connection, [run]).get(run, {})
    return "".join(f"; {files:,} of its files were handed over to run {to}" for to, files in later.items())


def _is_not(run: int, known: str, wanted: RunState) -> NotFound:
    return NotFound(f"run {run} is {known}, not {wanted}")


def _close(connection: Connection, run: int, state: RunState, now: float) -> None:
    counts = run_counts.counts_of(connection, run)
    if counts.pending:
        state = RunState.INTERRUPTED
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
