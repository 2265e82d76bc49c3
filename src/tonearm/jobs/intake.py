"""Takes in what a scan found: files and their jobs, written in one transaction."""

import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from sqlalchemy import ColumnElement, Connection, and_, case, func, insert, select, update

from tonearm.errors import NotFound
from tonearm.jobs.job import OPEN, JobState
from tonearm.jobs.job_sql import Versions, cancel_unwanted, clock, engine_text
from tonearm.jobs.priority import level_for, rank
from tonearm.jobs.run_counts import keep_failed, note_handover
from tonearm.library.bulk_write import add
from tonearm.library.database import Database, refresh_statistics
from tonearm.library.results import note, note_all, whole_path
from tonearm.library.roots import below
from tonearm.library.schema import file_table, job_table, root_table, run_table
from tonearm.names import to_document
from tonearm.settings import Level, Rule


@dataclass(frozen=True, slots=True)
class FoundFile:
    """A music file as the walk met it; ``path`` is relative to its root."""

    path: bytes
    size: int
    mtime_ns: int
    inode: int
    extension: str


@dataclass(frozen=True, slots=True)
class KnownFile:
    """A file as the library remembers it."""

    id: int
    root: int
    path: bytes
    size: int
    mtime_ns: int
    inode: int
    state: str
    engine: str | None
    missing: bool


class FileChange(StrEnum):
    """What a scan makes of a file."""

    NEW = "new"
    CHANGED = "changed"
    MOVED = "moved"
    UNCHANGED = "unchanged"


@dataclass(frozen=True, slots=True)
class ScannedFile:
    """A found file, what it is known as, and what it was judged to be."""

    found: FoundFile
    kind: FileChange
    known: KnownFile | None = None


@dataclass(frozen=True, slots=True)
class IntakeResult:
    """How a batch of sightings was taken: with a job, without need of one, or still in quarantine."""

    to_analyse: int = 0
    settled: int = 0
    quarantined: int = 0

    def __add__(self, other: "IntakeResult") -> "IntakeResult":
        return IntakeResult(
            self.to_analyse + other.to_analyse,
            self.settled + other.settled,
            self.quarantined + other.quarantined,
        )


class SqlIntake:
    """The scan's side of the library: what is known below a root, and what becomes of what was found."""

    def __init__(
        self, database: Database, versions: Versions, rules: Sequence[Rule], ageing_s: float
    ) -> None:
        self._database = database
        self._engine = engine_text(versions)
        self._rules = rules
        self._ageing_s = ageing_s
        self._batches: dict[int, int] = {}

    def known(self, root: int, scope: bytes, after: bytes | None, limit: int) -> list[KnownFile]:
        """The next known files below ``scope`` in the order of their bytes, beginning after a path."""
        conditions: list[ColumnElement[bool]] = [
            file_table.c.root_id == root,
            file_table.c.moved_to_id.is_(None),
        ]
        if scope:
            conditions.append(below(scope))
        if after is not None:
            conditions.append(file_table.c.path > after)
        with self._database.read() as connection:
            return _known(connection, and_(*conditions), limit)

    def elsewhere(self, inodes: Iterable[int]) -> dict[int, list[KnownFile]]:
        """Known files by inode, as candidates for files that moved."""
        wanted = list(inodes)
        with self._database.read() as connection:
            rows = _known(
                connection, and_(file_table.c.inode.in_(wanted), file_table.c.moved_to_id.is_(None)), None
            )
        found: dict[int, list[KnownFile]] = {}
        for row in rows:
            found.setdefault(row.inode, []).append(row)
        return found

    def record(
        self,
        run: int,
        root: int,
        scanned_files: Sequence[ScannedFile],
        level: Level | None,
        fresh: bool = False,
    ) -> IntakeResult:
        """Write a batch: file rows, history, and a job for each file that needs one.

        ``level`` is a person's choice and beats the rules. Jobs that are open already join this run.

        Raises:
            NotFound: the root was taken into a larger one by another process.
        """
        batch = self._batches.get(run, 0) + 1
        with self._database.write() as connection:
            now = clock(connection)
            self._wait_for_turn(connection, root)
            if not _opens(connection, run, batch, now):
                self._batches[run] = batch  # it came through, only the answer did not
                return IntakeResult(to_analyse=len(scanned_files))
            scanned_files = self._agreed(connection, root, scanned_files)
            ids = self._write_files(connection, root, scanned_files, now)
            wanted: list[tuple[int, FoundFile]] = []
            quarantined: list[int] = []
            for scanned, file in zip(scanned_files, ids, strict=True):
                if fresh or self._needs_job(scanned):
                    wanted.append((file, scanned.found))
                elif scanned.known is not None and scanned.known.state == JobState.QUARANTINED:
                    quarantined.append(file)
            again = self._enqueue(connection, run, wanted, level, fresh, now)
            again += _keep_in_quarantine(connection, run, quarantined)
            if (
                connection.execute(select(run_table.c.state).where(run_table.c.id == run)).scalar_one()
                == "cancelled"
            ):
                cancel_unwanted(connection, job_table.c.run_id == run, now)
            settled = len(scanned_files) - len(wanted) - len(quarantined)
            connection.execute(
                update(run_table)
                .where(run_table.c.id == run)
                .values(
                    discovered=run_table.c.discovered + len(scanned_files) - again,
                    skipped=run_table.c.skipped + settled,
                )
            )
        self._batches[run] = batch
        if batch & (batch - 1) == 0:  # the first, second, fourth, eighth …
            refresh_statistics(self._database)
        return IntakeResult(len(wanted), settled, len(quarantined))

    def _wait_for_turn(self, connection: Connection, root: int) -> None:
        """One process at a time takes in files of a root. Raises NotFound when there is no such root any more."""
        if not self._database.shared:
            return
        if (
            connection.execute(
                select(root_table.c.id).where(root_table.c.id == root).with_for_update()
            ).first()
            is None
        ):
            raise NotFound(
                "another process has meanwhile begun to analyse a folder that holds this one; "
                "what was found goes on there, and the rest is found there too"
            )

    def _agreed(
        self, connection: Connection, root: int, scanned_files: Sequence[ScannedFile]
    ) -> Sequence[ScannedFile]:
        """The sightings, beside what another process took in of this root meanwhile."""
        paths = [scanned.found.path for scanned in scanned_files if scanned.known is None]
        if not paths or not self._database.shared:
            return scanned_files
        here = and_(
            file_table.c.root_id == root, file_table.c.path.in_(paths), file_table.c.moved_to_id.is_(None)
        )
        known = {row.path: row for row in _known(connection, here, None)}
        return [
            ScannedFile(scanned.found, FileChange.UNCHANGED, known[scanned.found.path])
            if scanned.known is None and scanned.found.path in known
            else scanned
            for scanned in scanned_files
        ]

    def mark_missing(self, files: Sequence[int]) -> None:
        """Note that known files were not met."""
        with self._database.write() as connection:
            now = clock(connection)
            for start in range(0, len(files), 500):
                part = files[start : start + 500]
                connection.execute(
                    update(file_table)
                    .where(file_table.c.id.in_(part), file_table.c.missing_since.is_(None))
                    .values(missing_since=now, graph_due_at=now)
                )
                note_all(connection, part, "missing", now)

    def _needs_job(self, scanned: ScannedFile) -> bool:
        known = scanned.known
        if known is None or scanned.kind in {FileChange.NEW, FileChange.CHANGED}:
            return True
        if known.state in {JobState.DONE, JobState.PARTIAL}:
            return known.engine != self._engine
        return known.state != JobState.QUARANTINED

    def _write_files(
        self, connection: Connection, root: int, scanned_files: Sequence[ScannedFile], now: float
    ) -> list[int]:
        new = [scanned.found for scanned in scanned_files if scanned.known is None]
        ids: dict[bytes, int] = {}
        if new:
            rows = [
                {
                    "root_id": root,
                    "path": found.path,
                    "size": found.size,
                    "mtime_ns": found.mtime_ns,
                    "inode": found.inode,
                    "extension": found.extension,
                    "state": "waiting",
                    "found_at": now,
                }
                for found in new
            ]
            made = connection.execute(
                insert(file_table).returning(file_table.c.id, sort_by_parameter_order=True), rows
            )
            ids = {found.path: row.id for found, row in zip(new, made, strict=True)}
        for scanned in scanned_files:
            if scanned.known is not None:
                ids[scanned.found.path] = scanned.known.id
                _update_known(connection, root, scanned, scanned.known, now)
        return [ids[scanned.found.path] for scanned in scanned_files]

    def _enqueue(
        self,
        connection: Connection,
        run: int,
        wanted: Sequence[tuple[int, FoundFile]],
        level: Level | None,
        fresh: bool,
        now: float,
    ) -> int:
        """Queue what has no open job, adopt what has one; returns how many this run had met before."""
        files = [file for file, _ in wanted]
        opened = {
            row.file_id: (row.run_id, row.queued_at)
            for row in connection.execute(
                select(job_table.c.file_id, job_table.c.run_id, job_table.c.queued_at)
                .where(job_table.c.file_id.in_(files), job_table.c.state.in_(OPEN))
                .with_for_update()  # a worker that ends one now would end it in the run that it left
            )
        }
        if opened:
            changes: dict[str, object] = {"run_id": run}
            if fresh:
                changes |= {"fresh": True}
            if level is not None:
                changes |= {"level": level, "level_by": "person", "rank": rank(level, now, self._ageing_s)}
                changes |= {
                    "publish_due_at": case(
                        (job_table.c.state == JobState.QUEUED, now), else_=job_table.c.publish_due_at
                    )
                }
            note_handover(connection, opened.values(), run)
            connection.execute(
                update(job_table)
                .where(job_table.c.file_id.in_(opened), job_table.c.state.in_(OPEN))
                .values(**changes)
            )
        rows = []
        for file, found in wanted:
            if file not in opened:
                chosen = level
                if chosen is None:
                    chosen = level_for(self._rules, found.size, found.extension, found.mtime_ns)
                rows.append(
                    {
                        "file_id": file,
                        "run_id": run,
                        "state": JobState.QUEUED,
                        "level": int(chosen),
                        "level_by": "rules" if level is None else "person",
                        "rank": rank(chosen, now, self._ageing_s),
                        "fresh": fresh,
                        "queued_at": now,
                        "publish_due_at": now,
                        "correlation_id": uuid.uuid4().hex,
                    }
                )
        add(connection, job_table, rows)
        return sum(former == run for former, _ in opened.values())


def _opens(connection: Connection, run: int, batch: int, now: float) -> bool:
    """Whether a run's batch is the next one, and not one that was taken in already."""
    return (
        connection.execute(
            update(run_table)
            .where(run_table.c.id == run, run_table.c.batches == batch - 1)
            .values(batches=batch, seen_at=now)
        ).rowcount
        == 1
    )


def _keep_in_quarantine(connection: Connection, run: int, files: Sequence[int]) -> int:
    """Count files that are in quarantine among the failed ones of this run; they are not tried again.

    Returns how many this run had met before.
    """
    if not files:
        return 0
    last = (
        select(func.max(job_table.c.id)).where(job_table.c.file_id.in_(files)).group_by(job_table.c.file_id)
    )
    others = connection.execute(
        select(job_table.c.id, job_table.c.run_id)
        .where(job_table.c.id.in_(last), job_table.c.state == JobState.QUARANTINED, job_table.c.run_id != run)
        .with_for_update()
    ).all()
    keep_failed(connection, [job.run_id for job in others])
    connection.execute(
        update(job_table).where(job_table.c.id.in_([job.id for job in others])).values(run_id=run)
    )
    return len(files) - len(others)


def _known(connection: Connection, condition: ColumnElement[bool], limit: int | None) -> list[KnownFile]:
    rows = connection.execute(
        select(
            file_table.c.id,
            file_table.c.root_id,
            file_table.c.path,
            file_table.c.size,
            file_table.c.mtime_ns,
            file_table.c.inode,
            file_table.c.state,
            file_table.c.engine,
            file_table.c.missing_since,
        )
        .where(condition)
        .order_by(file_table.c.path)
        .limit(limit)
    )
    return [KnownFile(*row[:8], missing=row[8] is not None) for row in rows]


def _update_known(
    connection: Connection, root: int, scanned: ScannedFile, known: KnownFile, now: float
) -> None:
    found = scanned.found
    changes: dict[str, object] = {}
    if scanned.kind == FileChange.CHANGED:
        changes |= {"size": found.size, "mtime_ns": found.mtime_ns, "inode": found.inode, "state": "waiting"}
        note(connection, known.id, "changed", {"size": found.size, "was": known.size}, now)
    if scanned.kind == FileChange.MOVED:
        changes |= {"root_id": root, "path": found.path, "extension": found.extension, "graph_due_at": now}
        note(connection, known.id, "moved", {"from": to_document(whole_path(connection, known.id))}, now)
    if known.missing:
        changes |= {"missing_since": None, "graph_due_at": now}
        if scanned.kind != FileChange.MOVED:
            note(connection, known.id, "back", {}, now)
    if known.inode != found.inode:
        changes |= {"inode": found.inode}
    if changes:
        connection.execute(update(file_table).where(file_table.c.id == known.id).values(**changes))
