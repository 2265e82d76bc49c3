"""Runs that one process asks another one for: the row of the run says what to scan and how, until it is taken up."""

import dataclasses
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, insert, null, select, update

from tonearm.events.states import RunState
from tonearm.jobs.job_sql import clock
from tonearm.jobs.worker_rows import LOST_S
from tonearm.library.database import Database
from tonearm.library.schema import run_table, worker_table
from tonearm.names import from_document, to_document
from tonearm.settings import Level


@dataclass(frozen=True, slots=True)
class ScanRequest:
    """How to scan.

    level: the priority; ``None``: by the rules. fresh: analyse again files that have results. stale: enqueue the files
    whose results are stale, and read no folder; then ``files`` and ``seconds`` limit what is taken up.
    adopts: continue the open jobs of all other runs. patterns: which files, as the settings say it; ``None``: those
    of the process that scans.
    """

    level: Level | None = None
    fresh: bool = False
    stale: bool = False
    files: int | None = None
    seconds: float | None = None
    adopts: bool = False
    patterns: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class AskedRun:
    """A run that was taken up."""

    run: int
    paths: tuple[bytes, ...]
    request: ScanRequest


@dataclass(frozen=True, slots=True)
class RunProgress:
    """How far a run is. scanned: all its files are enqueued. finished: it was closed."""

    scanned: bool
    finished: bool


class AskedRuns:
    """The runs that were asked for and not taken up yet."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def ask(self, paths: Sequence[bytes], request: ScanRequest, correlation_id: str | None = None) -> int:
        """Ask for a run over some paths; returns its id. correlation_id: 32 hexadecimal digits, random by default."""
        with self._database.write() as connection:
            now = clock(connection)
            made = connection.execute(
                insert(run_table).values(
                    paths=[to_document(path) for path in paths],
                    state=RunState.RUNNING,
                    started_at=now,
                    seen_at=now,
                    discovered=0,
                    skipped=0,
                    correlation_id=correlation_id or secrets.token_hex(16),
                    asked=dataclasses.asdict(request),
                )
            )
        assert made.inserted_primary_key is not None  # noqa: S101  one row was inserted
        return int(made.inserted_primary_key[0])

    def take_up(self) -> AskedRun | None:
        """Take up the oldest one, which no other process then does; ``None`` if there is none."""
        with self._database.read() as connection:
            if _oldest(connection) is None:
                return None
        with self._database.write() as connection:
            found = _oldest(connection)
            if found is None:
                return None
            now = clock(connection)
            taken = connection.execute(
                update(run_table)
                .where(run_table.c.id == found.id, run_table.c.asked.is_not(None))
                .values(asked=null(), seen_at=now)
            ).rowcount
        if not taken:
            return None
        asked = dict(found.asked)
        level = asked.pop("level")
        request = ScanRequest(level=None if level is None else Level(level), **asked)
        return AskedRun(found.id, tuple(map(from_document, found.paths)), request)

    def progress(self, run: int) -> RunProgress:
        """How far a run is."""
        with self._database.read() as connection:
            row = connection.execute(
                select(run_table.c.scanned_at, run_table.c.finished_at).where(run_table.c.id == run)
            ).one()
        return RunProgress(row.scanned_at is not None, row.finished_at is not None)

    def someone_scans(self) -> bool:
        """Whether a worker of a shared library is alive that takes them up."""
        with self._database.read() as connection:
            alive = select(worker_table.c.name).where(
                worker_table.c.scans,
                worker_table.c.ended_at.is_(None),
                worker_table.c.seen_at >= clock(connection) - LOST_S,
            )
            return connection.execute(alive.limit(1)).first() is not None


def _oldest(connection: Connection) -> Any:
    return connection.execute(
        select(run_table.c.id, run_table.c.paths, run_table.c.asked)
        .where(
            run_table.c.asked.is_not(None),
            run_table.c.finished_at.is_(None),
            run_table.c.state == RunState.RUNNING,
        )
        .order_by(run_table.c.id)
        .limit(1)
    ).first()
