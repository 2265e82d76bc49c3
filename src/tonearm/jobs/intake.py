"""The transaction that brings scanned files into the library and their jobs into a run."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, select, update

from tonearm.events.job_trace import JobTrace
from tonearm.jobs.enqueue import Priority, enqueue, keep_in_quarantine, lacks_results, needs_job
from tonearm.jobs.job import ANALYSED, LEFT_OUT, JobState
from tonearm.jobs.job_sql import Versions, cancel_unwanted, clock, engine_text
from tonearm.jobs.leaving_out import leave_out
from tonearm.jobs.run_counts import count_left_out
from tonearm.jobs.trace_context import Sampler
from tonearm.library.database import Database, refresh_statistics
from tonearm.library.files import KnownFile, ScannedFile, lock_root, write_files, written_meanwhile
from tonearm.library.found_file import FoundFile
from tonearm.library.left_out import VIDEO
from tonearm.library.roots import Place
from tonearm.library.schema import job_table, run_table
from tonearm.settings import Level, Rule


@dataclass(frozen=True, slots=True)
class IntakeResult:
    """Numbers of scanned files: with a job, up to date and without a job, and in quarantine.

    enqueued: number of jobs that are new. traces: those of new jobs that are recorded.
    """

    to_analyse: int = 0
    up_to_date: int = 0
    quarantined: int = 0
    enqueued: int = 0
    traces: tuple[JobTrace, ...] = ()


class Intake:
    """Records scanned files and enqueues their jobs."""

    def __init__(
        self,
        database: Database,
        versions: Versions,
        rules: Sequence[Rule],
        ageing_s: float,
        sampler: Sampler | None = None,
    ) -> None:
        """``versions``: the current version of each analyser. ``rules`` and ``ageing_s``: see ``Priority``.

        ``sampler``: decides which traces are recorded, if this process records any.
        """
        self._database = database
        self._engine = engine_text(versions)
        self._rules = rules
        self._ageing_s = ageing_s
        self._sampler = sampler
        self._batches: dict[int, int] = {}

    @property
    def is_in_server(self) -> bool:
        """Whether a server does most of the work of ``record``, while this process can do something else."""
        return self._database.shared

    def is_settled(self, found: FoundFile, known: KnownFile) -> bool:
        """Whether a known file needs neither a job nor a change of its row, so that it only has to be counted."""
        return known.engine == self._engine and known.is_as(found) and known.state in ANALYSED

    def needs_only_job(self, found: FoundFile, known: KnownFile) -> bool:
        """Whether a known file needs a job, and its row no change."""
        return known.is_as(found) and lacks_results(known, self._engine)

    def record(
        self,
        run: int,
        root: int,
        scanned_files: Sequence[ScannedFile],
        level: Level | None,
        fresh: bool = False,
        settled: int = 0,
        unchanged: Sequence[tuple[int, FoundFile]] = (),
    ) -> IntakeResult:
        """Write a batch in one transaction: file rows, history, counts of the run, and jobs for files that need one.

        ``level``: a person's choice, which overrides the rules. ``fresh``: every file needs a job. Other files of the
        batch are ``settled``, the number of those that are up to date, and ``unchanged``, the ids of those that need
        only a job. A second call for a batch that was committed, but whose answer was lost, changes nothing.

        Raises:
            NotFound: another process has made the root part of a larger one.
        """
        batch = self._batches.get(run, 0) + 1
        with self._database.write() as connection:
            now = clock(connection)
            if self._database.shared:
                lock_root(connection, root)
            if not _begin_batch(connection, run, batch, now):
                self._batches[run] = batch
                return IntakeResult(to_analyse=len(scanned_files) + len(unchanged))
            if self._database.shared:
                scanned_files = written_meanwhile(connection, root, scanned_files)
            ids = write_files(connection, root, scanned_files, now)
            wanted = list(unchanged)
            quarantined: list[int] = []
            videos = 0
            for scanned, file in zip(scanned_files, ids, strict=True):
                if fresh or needs_job(scanned, self._engine):
                    wanted.append((file, scanned.found))
                elif scanned.known is not None and scanned.known.state == JobState.QUARANTINED:
                    quarantined.append(file)
                elif scanned.known is not None and scanned.known.state == LEFT_OUT:
                    videos += 1
            priority = Priority(level, self._rules, self._ageing_s)
            enqueued = enqueue(connection, run, wanted, priority, fresh, now, self._sampler)
            already_counted = enqueued.already_in_run + keep_in_quarantine(connection, run, quarantined)
            files = settled + len(unchanged) + len(scanned_files)
            up_to_date = files - len(wanted) - len(quarantined)
            discovered = files - already_counted
            if videos:
                count_left_out(connection, run, {VIDEO: videos})
            state = _count(connection, run, discovered, up_to_date)
            if state == "cancelled":
                cancel_unwanted(connection, job_table.c.run_id == run, now)
        self._batches[run] = batch
        if enqueued.new and batch & (batch - 1) == 0:  # after 1, 2, 4, 8 … batches
            refresh_statistics(self._database)
        return IntakeResult(len(wanted), up_to_date, len(quarantined), enqueued.new, enqueued.traces)

    def leave_out(self, place: Place, files: Collection[int], unseen: Collection[int]) -> None:
        """Note which known files at or below a place are left out, and that others, but the unseen ones, are not."""
        leave_out(self._database, place, files, unseen)


def _begin_batch(connection: Connection, run: int, batch: int, now: float) -> bool:
    """Count a batch of a run; ``False`` if it was already committed."""
    updated = connection.execute(
        update(run_table)
        .where(run_table.c.id == run, run_table.c.batches == batch - 1)
        .values(batches=batch, seen_at=now)
    )
    return updated.rowcount == 1


def _count(connection: Connection, run: int, discovered: int, skipped: int) -> str:
    """Add to the counts of a run; returns its state."""
    connection.execute(
        update(run_table)
        .where(run_table.c.id == run)
        .values(
            discovered=run_table.c.discovered + discovered,
            skipped=run_table.c.skipped + skipped,
        )
    )
    return str(connection.execute(select(run_table.c.state).where(run_table.c.id == run)).scalar_one())
