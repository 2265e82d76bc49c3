"""Updates the graph with what has changed in the library; the outbox is a column of the file's row, ``graph_due_at``.

It is set to the time of the change, in the transaction that changes the file, and cleared only if it still has the
value that was read before the graph was updated, so a change in between is not lost. A repeated update is harmless.
"""

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

from sqlalchemy import Connection, and_, bindparam, delete, func, select, text, update

from tonearm.errors import ServiceUnavailable, StorageBusy, StorageError, TonearmError
from tonearm.events.batches import GraphUpdated
from tonearm.events.event import Announce
from tonearm.events.facts import Warned
from tonearm.events.job_trace import JobTrace
from tonearm.events.states import Severity, WarningCode
from tonearm.graph import library_rows
from tonearm.graph.library_rows import MixColumns
from tonearm.graph.port import GraphCounts, TrackGraph
from tonearm.graph.sql import SqlGraph
from tonearm.graph.track import GraphTrack
from tonearm.library.database import Database
from tonearm.library.database_time import database_time
from tonearm.library.features import FeatureTables
from tonearm.library.schema import file_table, forgotten_file_table, job_table
from tonearm.resilience.backoff import Backoff, Rounds

BATCH = 500
MARKED_AT_ONCE = 10_000
IDLE_S = 1.0
LONGEST_PAUSE_S = 15.0
FINISH_S = 3.0
"""Seconds for which a relay continues to update after a request to stop; the next relay does the rest."""
LOCK = 0x67726170
"""Key of the PostgreSQL advisory lock of the process that updates the graph."""
IN_THE_WAY = Backoff(0.3, 1.0, least=0.3)

_DUE = (
    select(
        file_table.c.id,
        file_table.c.graph_due_at,
        job_table.c.correlation_id,
        job_table.c.retried,
        job_table.c.sampled,
        job_table.c.attempts,
    )
    .outerjoin(  # the job whose result is the change: both times are set in the transaction that stores it
        job_table,
        and_(job_table.c.file_id == file_table.c.id, job_table.c.finished_at == file_table.c.graph_due_at),
    )
    .where(file_table.c.graph_due_at.is_not(None))
    .order_by(file_table.c.graph_due_at, file_table.c.id)
    .limit(bindparam("at_most"))
)


class GraphRelay:
    """Updates a graph with the changes of a library."""

    def __init__(
        self, database: Database, graph: TrackGraph, features: FeatureTables, announce: Announce
    ) -> None:
        """``features``: the tables with key, tempo and energy."""
        self._database = database
        self._graph = graph
        self._features = features
        self._mix = MixColumns(features)
        self._announce = announce

    @property
    def graph(self) -> TrackGraph:
        """The graph that is updated."""
        return self._graph

    def run(self, stop: threading.Event) -> None:
        """Update until stopped; while the graph or the database is unavailable, wait."""
        unavailable = False
        rounds = Rounds(Backoff(2 * IDLE_S, LONGEST_PAUSE_S, least=0.5), stop.wait)
        for _ in rounds:
            try:
                updated = self.update_batch()
            except StorageError:
                continue  # other components announce it
            except TonearmError as error:
                if not unavailable and stop.is_set():  # its connection may have been closed
                    return
                if not unavailable:
                    unavailable = True
                    text = f"the graph is not updated; it catches up by itself: {error}"
                    self._announce(Warned(WarningCode.GRAPH_UNAVAILABLE, text))
                continue
            if unavailable and updated:
                unavailable = False
                text = "the graph answers again and is updated"
                self._announce(Warned(WarningCode.GRAPH_AVAILABLE, text, severity=Severity.INFO))
            rounds.succeeded(0.0 if updated else IDLE_S)
        if not unavailable:
            self._finish()

    def update_batch(self, limit: int = BATCH) -> int:
        """Update the graph with one batch of files, the oldest changes first; returns how many.

        Returns 0 also when another process is updating it.

        Raises:
            ServiceUnavailable: the graph or the database does not answer; the files stay pending.
        """
        with self._locked() as locked:
            due, tracks, traces = self._read(limit) if locked else ({}, {}, ())
            if due:
                began = time.monotonic()
                self._graph.put(list(tracks.values()))
                self._graph.forget([file for file in due if file not in tracks])
                self._clear_due(due, tracks)
                self._announce(GraphUpdated(len(due), time.monotonic() - began, traces))
        return len(due)

    def pending(self) -> int:
        """Number of files with changes that the graph does not have yet."""
        return pending_files(self._database)

    def expected(self) -> GraphCounts:
        """Numbers of nodes that the graph has when no change is pending."""
        return SqlGraph(self._database, self._features).counts()

    def rebuild(self, progress: Callable[[int], None]) -> None:
        """Rebuild the graph from the library; ``progress`` is called with the number of files left.

        If it ends early, the remaining files stay pending, and any relay continues.

        Raises:
            ServiceUnavailable: the graph or the database does not answer.
        """
        while not self._step(self._cleared):
            pass
        while left := self.pending():
            progress(left)
            self._step(self.update_batch)
        progress(0)

    def _step(self, step: Callable[[], int]) -> int:
        """Make a step; if another process holds the lock, wait a moment and return 0."""
        try:
            done = step()
        except StorageBusy:
            done = 0
        if not done:
            time.sleep(IN_THE_WAY.delay_s(1))
        return done

    def _cleared(self) -> bool:
        """Mark every file as pending and clear the graph, in this order: every cleared file must be pending."""
        with self._locked() as locked:
            if locked:
                self._mark_all_due()
                self._graph.clear()
                self._mark_all_due()  # on SQLite, without a lock, another process may have updated meanwhile
        return locked

    def _mark_all_due(self) -> None:
        with self._database.read() as connection:
            last = connection.execute(select(func.max(file_table.c.id))).scalar_one() or 0
        for start in range(0, last, MARKED_AT_ONCE):
            with self._database.write() as connection:
                connection.execute(
                    update(file_table)
                    .where(
                        file_table.c.id > start,
                        file_table.c.id <= start + MARKED_AT_ONCE,
                        file_table.c.audio_id.is_not(None),
                        file_table.c.graph_due_at.is_(None),
                    )
                    .values(graph_due_at=select(database_time()).scalar_subquery())
                )

    def _read(self, limit: int) -> tuple[dict[int, float], dict[int, GraphTrack], tuple[JobTrace, ...]]:
        """A batch of pending files with the time of their change, and the tracks of those that still exist.

        The third value has the traces of the jobs whose results were the changes.
        """
        with self._database.read() as connection:
            rows = connection.execute(_DUE, {"at_most": limit}).all()
            due = {row.id: row.graph_due_at for row in rows}
            traces = tuple(
                JobTrace(row.correlation_id, row.retried, row.sampled, row.attempts)
                for row in rows
                if row.correlation_id is not None
            )
            if len(due) < limit:
                due = _forgotten(connection, limit - len(due)) | due
            among = file_table.c.id.in_(list(due))
            tracks = {track.file: track for track in library_rows.tracks(connection, self._mix, among)}
        return due, tracks, traces

    def _clear_due(self, due: Mapping[int, float], written: Mapping[int, GraphTrack]) -> None:
        """Clear ``graph_due_at`` of the updated files; set it again if another process has written another state."""
        with self._database.write() as connection:
            found = connection.execute(
                select(file_table.c.id, file_table.c.graph_due_at)
                .where(file_table.c.id.in_(list(due)))
                .order_by(file_table.c.id)
                .with_for_update()
            ).all()
            stored = {file for file, _ in found}
            done = [
                file for file in due if file in stored or file not in written
            ]  # the others were removed meanwhile
            connection.execute(delete(forgotten_file_table).where(forgotten_file_table.c.file_id.in_(done)))
            as_read = [file for file, since in found if since == due[file]]
            connection.execute(
                update(file_table).where(file_table.c.id.in_(as_read)).values(graph_due_at=None)
            )
            cleared = [file for file, since in found if since is None]
            if not cleared:
                return
            among = file_table.c.id.in_(cleared)
            now = {track.file: track for track in library_rows.tracks(connection, self._mix, among)}
            outdated = [file for file in cleared if now.get(file) != written.get(file)]
            connection.execute(
                update(file_table)
                .where(file_table.c.id.in_(outdated))
                .values(graph_due_at=select(database_time()).scalar_subquery())
            )

    @contextmanager
    def _locked(self) -> Iterator[bool]:
        """Whether this process holds the lock for updating the graph.

        The lock only saves work: two processes that update at the same time, as on SQLite, write some nodes twice.
        """
        if not self._database.shared:
            yield True
            return
        with self._database.read() as connection:
            connection.execute(text("SET LOCAL idle_in_transaction_session_timeout = '120s'"))
            yield connection.execute(select(func.pg_try_advisory_xact_lock(LOCK))).scalar_one()

    def _finish(self) -> None:
        """Update pending files for up to ``FINISH_S``."""
        until = time.monotonic() + FINISH_S
        try:
            while time.monotonic() < until and self.update_batch():
                pass
        except (ServiceUnavailable, StorageError):
            return


def pending_files(database: Database) -> int:
    """Number of files with changes that the graph does not have yet."""
    with database.read() as connection:
        changed = select(func.count()).select_from(file_table).where(file_table.c.graph_due_at.is_not(None))
        forgotten = select(func.count()).select_from(forgotten_file_table)
        return connection.execute(changed).scalar_one() + connection.execute(forgotten).scalar_one()


def _forgotten(connection: Connection, limit: int) -> dict[int, float]:
    """Files that were removed from the library and may still be in the graph."""
    rows = connection.execute(
        select(forgotten_file_table.c.file_id, forgotten_file_table.c.graph_due_at)
        .order_by(forgotten_file_table.c.graph_due_at, forgotten_file_table.c.file_id)
        .limit(limit)
    )
    return {row.file_id: row.graph_due_at for row in rows}
