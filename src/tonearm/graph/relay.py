"""Tells the graph what it has yet to learn. The file's own row is the outbox: ``graph_due_at`` says since when.

It is written in the transaction that changes what the graph shows, and cleared only where it still has the value
that was read before the graph was told; so a change in between is not lost. Telling twice does no harm.
"""

import random
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

from sqlalchemy import Connection, delete, func, select, text, update

from tonearm.errors import ServiceAway, StorageBusy, StorageError, TonearmError
from tonearm.events.facts import Announce, Warned
from tonearm.events.states import Severity, WarningCode
from tonearm.graph import library_rows
from tonearm.graph.library_rows import MixColumns
from tonearm.graph.port import GraphCounts, TrackGraph
from tonearm.graph.sql import SqlGraph
from tonearm.graph.track import GraphTrack
from tonearm.library.database import Database, database_time
from tonearm.library.features import FeatureTables
from tonearm.library.schema import file_table, forgotten_file_table

BATCH = 500
MARKED_AT_ONCE = 10_000
IDLE_S = 1.0
LONGEST_PAUSE_S = 15.0
LAST_WORDS_S = 3.0
"""How long a feeder that is told to stop goes on telling; what is left then is told by the next."""
TURN = 0x67726170
"""PostgreSQL's advisory lock of whoever feeds."""


class GraphRelay:
    """Carries changes from the library to a graph."""

    def __init__(
        self, database: Database, graph: TrackGraph, features: FeatureTables, announce: Announce
    ) -> None:
        """``features``: where key, tempo and energy are kept."""
        self._database = database
        self._graph = graph
        self._features = features
        self._mix = MixColumns(features)
        self._announce = announce

    @property
    def graph(self) -> TrackGraph:
        """The graph that is told."""
        return self._graph

    def run(self, stop: threading.Event) -> None:
        """Feed until told to stop; wait out a graph or a database that is away."""
        pause = IDLE_S
        away = False
        while not stop.is_set():
            try:
                fed = self.feed()
            except TonearmError as error:
                if not away and not isinstance(error, StorageError):  # of the database others tell
                    text = f"the graph is not updated; it catches up by itself: {error}"
                    self._announce(Warned(WarningCode.GRAPH_UNAVAILABLE, text))
                    away = True
                pause = min(LONGEST_PAUSE_S, pause * 2)
            else:
                if away and fed:
                    text = "the graph answers again and is updated"
                    self._announce(Warned(WarningCode.GRAPH_AVAILABLE, text, severity=Severity.INFO))
                    away = False
                pause = IDLE_S
                if fed:
                    continue
            stop.wait(pause * random.uniform(0.5, 1.5))  # noqa: S311  spreads the return of many
        if not away:
            self._finish()

    def feed(self, limit: int = BATCH) -> int:
        """Tell the graph of one batch of files, those that wait longest first; returns how many.

        Returns 0 also when another process is at it.

        Raises:
            ServiceAway: the graph or the database does not answer; what was not told stays owed.
        """
        with self._turn() as ours:
            owed, tracks = self._read(limit) if ours else ({}, {})
            if owed:
                self._graph.put(list(tracks.values()))
                self._graph.forget([file for file in owed if file not in tracks])
                self._settle(owed, tracks)
        return len(owed)

    def owed(self) -> int:
        """Of how many files the graph has yet to learn."""
        return pending_files(self._database)

    def expected(self) -> GraphCounts:
        """What the graph holds once it has learned everything."""
        return SqlGraph(self._database, self._features).counts()

    def rebuild(self, progress: Callable[[int], None]) -> None:
        """Make the graph anew from the library; ``progress`` is told how many files are left.

        When it ends half-way, whatever the reason, the rest stays owed and any feeder goes on with it.

        Raises:
            ServiceAway: the graph or the database does not answer.
        """
        while not self._patiently(self._cleared):
            pass
        while left := self.owed():
            progress(left)
            self._patiently(self.feed)
        progress(0)

    def _patiently(self, step: Callable[[], int]) -> int:
        """Take a step; when another process is in the way, wait for a moment instead and return 0."""
        try:
            done = step()
        except StorageBusy:
            done = 0
        if not done:
            time.sleep(random.uniform(0.1, 0.3))  # noqa: S311
        return done

    def _cleared(self) -> bool:
        """Owe every file and clear the graph, in this order: nothing may be cleared that is not owed."""
        with self._turn() as ours:
            if ours:
                self._owe_all()
                self._graph.clear()
                self._owe_all()  # without the lock of PostgreSQL another process may have fed meanwhile
        return ours

    def _owe_all(self) -> None:
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

    def _read(self, limit: int) -> tuple[dict[int, float], dict[int, GraphTrack]]:
        """A batch of files with since when they are owed, and those of them that are there."""
        with self._database.read() as connection:
            owed = {
                file: since
                for file, since in connection.execute(
                    select(file_table.c.id, file_table.c.graph_due_at)
                    .where(file_table.c.graph_due_at.is_not(None))
                    .order_by(file_table.c.graph_due_at, file_table.c.id)
                    .limit(limit)
                )
                if since is not None
            }
            if len(owed) < limit:
                owed = _forgotten(connection, limit - len(owed)) | owed
            among = file_table.c.id.in_(list(owed))
            tracks = {track.file: track for track in library_rows.tracks(connection, self._mix, among)}
        return owed, tracks

    def _settle(self, owed: Mapping[int, float], told: Mapping[int, GraphTrack]) -> None:
        """Clear what was told. What somebody else has cleared, having told of another state, is owed again."""
        with self._database.write() as connection:
            found = connection.execute(
                select(file_table.c.id, file_table.c.graph_due_at)
                .where(file_table.c.id.in_(list(owed)))
                .order_by(file_table.c.id)
                .with_for_update()
            ).all()
            stored = {file for file, _ in found}
            done = [
                file for file in owed if file in stored or file not in told
            ]  # others were forgotten meanwhile
            connection.execute(delete(forgotten_file_table).where(forgotten_file_table.c.file_id.in_(done)))
            as_read = [file for file, since in found if since == owed[file]]
            connection.execute(
                update(file_table).where(file_table.c.id.in_(as_read)).values(graph_due_at=None)
            )
            cleared = [file for file, since in found if since is None]
            if not cleared:
                return
            among = file_table.c.id.in_(cleared)
            now = {track.file: track for track in library_rows.tracks(connection, self._mix, among)}
            outdated = [file for file in cleared if now.get(file) != told.get(file)]
            connection.execute(
                update(file_table)
                .where(file_table.c.id.in_(outdated))
                .values(graph_due_at=select(database_time()).scalar_subquery())
            )

    @contextmanager
    def _turn(self) -> Iterator[bool]:
        """Whether it is our turn to feed: of the processes that share a database one at a time saves work.

        Nothing depends on it: two that feed at once, as they may on SQLite, tell some things twice.
        """
        if not self._database.shared:
            yield True
            return
        with self._database.read() as connection:
            connection.execute(text("SET LOCAL idle_in_transaction_session_timeout = '120s'"))
            yield connection.execute(select(func.pg_try_advisory_xact_lock(TURN))).scalar_one()

    def _finish(self) -> None:
        """Tell what is left, for a moment."""
        until = time.monotonic() + LAST_WORDS_S
        try:
            while time.monotonic() < until and self.feed():
                pass
        except (ServiceAway, StorageError):
            return


def pending_files(database: Database) -> int:
    """How many files have changes that the graph does not show yet."""
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
