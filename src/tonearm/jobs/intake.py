"""Takes in what a scan found: files and their jobs, written in one transaction."""

import uuid
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from sqlalchemy import ColumnElement, Connection, and_, case, func, insert, select, update

from tonearm.errors import NotFound
from tonearm.jobs.job import OPEN, JobState
from tonearm.jobs.priority import level_for, rank
from tonearm.jobs.rows import Versions, cancel_unwanted, clock, engine_text
from tonearm.library.database import Database, take_stock
from tonearm.library.many import add
from tonearm.library.results import note, note_all, table_of, whole_path
from tonearm.library.roots import below
from tonearm.library.schema import File, Job, Root, Run
from tonearm.names import to_document
from tonearm.settings import Level, Rule


@dataclass(frozen=True, slots=True)
class Found:
    """A music file as the walk met it; ``path`` is relative to its root."""

    path: bytes
    size: int
    mtime_ns: int
    inode: int
    extension: str


@dataclass(frozen=True, slots=True)
class Known:
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


class Kind(StrEnum):
    """What a scan makes of a file."""

    NEW = "new"
    CHANGED = "changed"
    MOVED = "moved"
    UNCHANGED = "unchanged"


@dataclass(frozen=True, slots=True)
class Sighting:
    """A found file, what it is known as, and what it was judged to be."""

    found: Found
    kind: Kind
    known: Known | None = None


@dataclass(frozen=True, slots=True)
class Taken:
    """How a batch of sightings was taken: with a job, without need of one, or still in quarantine."""

    to_analyse: int = 0
    settled: int = 0
    quarantined: int = 0

    def __add__(self, other: "Taken") -> "Taken":
        return Taken(
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

    def known(self, root: int, scope: bytes, after: bytes | None, limit: int) -> list[Known]:
        """The next known files below ``scope`` in the order of their bytes, beginning after a path."""
        conditions: list[ColumnElement[bool]] = [File.root_id == root, File.moved_to_id.is_(None)]
        if scope:
            conditions.append(below(scope))
        if after is not None:
            conditions.append(File.path > after)
        with self._database.read() as connection:
            return _known(connection, and_(*conditions), limit)

    def elsewhere(self, inodes: Iterable[int]) -> dict[int, list[Known]]:
        """Known files by inode, as candidates for files that moved."""
        wanted = list(inodes)
        with self._database.read() as connection:
            rows = _known(connection, and_(File.inode.in_(wanted), File.moved_to_id.is_(None)), None)
        found: dict[int, list[Known]] = {}
        for row in rows:
            found.setdefault(row.inode, []).append(row)
        return found

    def record(
        self, run: int, root: int, sightings: Sequence[Sighting], level: Level | None, fresh: bool = False
    ) -> Taken:
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
                return Taken(to_analyse=len(sightings))
            sightings = self._agreed(connection, root, sightings)
            ids = self._write_files(connection, root, sightings, now)
            wanted: list[tuple[int, Found]] = []
            quarantined: list[int] = []
            for sighting, file in zip(sightings, ids, strict=True):
                if fresh or self._needs_job(sighting):
                    wanted.append((file, sighting.found))
                elif sighting.known is not None and sighting.known.state == JobState.QUARANTINED:
                    quarantined.append(file)
            again = self._enqueue(connection, run, wanted, level, fresh, now)
            again += _keep_in_quarantine(connection, run, quarantined)
            if connection.execute(select(Run.state).where(Run.id == run)).scalar_one() == "cancelled":
                cancel_unwanted(connection, Job.run_id == run, now)
            settled = len(sightings) - len(wanted) - len(quarantined)
            connection.execute(
                update(Run)
                .where(Run.id == run)
                .values(
                    discovered=Run.discovered + len(sightings) - again,
                    skipped=Run.skipped + settled,
                )
            )
        self._batches[run] = batch
        if batch & (batch - 1) == 0:  # the first, second, fourth, eighth …
            take_stock(self._database)
        return Taken(len(wanted), settled, len(quarantined))

    def _wait_for_turn(self, connection: Connection, root: int) -> None:
        """One process at a time takes in files of a root. Raises NotFound when there is no such root any more."""
        if not self._database.shared:
            return
        if connection.execute(select(Root.id).where(Root.id == root).with_for_update()).first() is None:
            raise NotFound(
                "another process has meanwhile begun to analyse a folder that holds this one; "
                "what was found goes on there, and the rest is found there too"
            )

    def _agreed(self, connection: Connection, root: int, sightings: Sequence[Sighting]) -> Sequence[Sighting]:
        """The sightings, beside what another process took in of this root meanwhile."""
        paths = [sighting.found.path for sighting in sightings if sighting.known is None]
        if not paths or not self._database.shared:
            return sightings
        here = and_(File.root_id == root, File.path.in_(paths), File.moved_to_id.is_(None))
        known = {row.path: row for row in _known(connection, here, None)}
        return [
            Sighting(sighting.found, Kind.UNCHANGED, known[sighting.found.path])
            if sighting.known is None and sighting.found.path in known
            else sighting
            for sighting in sightings
        ]

    def mark_missing(self, files: Sequence[int]) -> None:
        """Note that known files were not met."""
        with self._database.write() as connection:
            now = clock(connection)
            for start in range(0, len(files), 500):
                part = files[start : start + 500]
                connection.execute(
                    update(File)
                    .where(File.id.in_(part), File.missing_since.is_(None))
                    .values(missing_since=now, graph_owed_at=now)
                )
                note_all(connection, part, "missing", now)

    def _needs_job(self, sighting: Sighting) -> bool:
        known = sighting.known
        if known is None or sighting.kind in {Kind.NEW, Kind.CHANGED}:
            return True
        if known.state in {JobState.DONE, JobState.PARTIAL}:
            return known.engine != self._engine
        return known.state != JobState.QUARANTINED

    def _write_files(
        self, connection: Connection, root: int, sightings: Sequence[Sighting], now: float
    ) -> list[int]:
        new = [sighting.found for sighting in sightings if sighting.known is None]
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
                insert(table_of(File)).returning(table_of(File).c.id, sort_by_parameter_order=True), rows
            )
            ids = {found.path: row.id for found, row in zip(new, made, strict=True)}
        for sighting in sightings:
            if sighting.known is not None:
                ids[sighting.found.path] = sighting.known.id
                _update_known(connection, root, sighting, sighting.known, now)
        return [ids[sighting.found.path] for sighting in sightings]

    def _enqueue(
        self,
        connection: Connection,
        run: int,
        wanted: Sequence[tuple[int, Found]],
        level: Level | None,
        fresh: bool,
        now: float,
    ) -> int:
        """Queue what has no open job, adopt what has one; returns how many this run had met before."""
        files = [file for file, _ in wanted]
        opened = {
            row.file_id: row.run_id
            for row in connection.execute(
                select(Job.file_id, Job.run_id)
                .where(Job.file_id.in_(files), Job.state.in_(OPEN))
                .with_for_update()  # a worker that ends one now would end it in the run that it left
            )
        }
        if opened:
            changes: dict[str, object] = {"run_id": run}
            if fresh:
                changes |= {"fresh": True}
            if level is not None:
                changes |= {"level": level, "level_by": "person", "rank": rank(level, now, self._ageing_s)}
                changes |= {"owed_at": case((Job.state == JobState.QUEUED, now), else_=Job.owed_at)}
            _leave_runs(connection, run, list(opened.values()))
            connection.execute(
                update(Job).where(Job.file_id.in_(opened), Job.state.in_(OPEN)).values(**changes)
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
                        "owed_at": now,
                        "correlation_id": uuid.uuid4().hex,
                    }
                )
        add(connection, table_of(Job), rows)
        return sum(before == run for before in opened.values())


def _opens(connection: Connection, run: int, batch: int, now: float) -> bool:
    """Whether a run's batch is the next one, and not one that was taken in already."""
    return (
        connection.execute(
            update(Run).where(Run.id == run, Run.batches == batch - 1).values(batches=batch, seen_at=now)
        ).rowcount
        == 1
    )


def _leave_runs(connection: Connection, run: int, before: Sequence[int]) -> None:
    """Take jobs that join a run off the books of the runs that they leave and that are still going on."""
    for other, jobs in Counter(before).items():
        if other != run:
            connection.execute(
                update(Run)
                .where(Run.id == other, Run.finished_at.is_(None))
                .values(discovered=Run.discovered - jobs)
            )


def _keep_in_quarantine(connection: Connection, run: int, files: Sequence[int]) -> int:
    """Count files that are in quarantine among the failed ones of this run; they are not tried again.

    Returns how many this run had met before.
    """
    if not files:
        return 0
    last = select(func.max(Job.id)).where(Job.file_id.in_(files)).group_by(Job.file_id)
    others = connection.execute(
        select(Job.id, Job.run_id)
        .where(Job.id.in_(last), Job.state == JobState.QUARANTINED, Job.run_id != run)
        .with_for_update()
    ).all()
    _leave_runs(connection, run, [job.run_id for job in others])
    connection.execute(update(Job).where(Job.id.in_([job.id for job in others])).values(run_id=run))
    return len(files) - len(others)


def _known(connection: Connection, condition: ColumnElement[bool], limit: int | None) -> list[Known]:
    rows = connection.execute(
        select(
            File.id,
            File.root_id,
            File.path,
            File.size,
            File.mtime_ns,
            File.inode,
            File.state,
            File.engine,
            File.missing_since,
        )
        .where(condition)
        .order_by(File.path)
        .limit(limit)
    )
    return [Known(*row[:8], missing=row[8] is not None) for row in rows]


def _update_known(connection: Connection, root: int, sighting: Sighting, known: Known, now: float) -> None:
    found = sighting.found
    changes: dict[str, object] = {}
    if sighting.kind == Kind.CHANGED:
        changes |= {"size": found.size, "mtime_ns": found.mtime_ns, "inode": found.inode, "state": "waiting"}
        note(connection, known.id, "changed", {"size": found.size, "was": known.size}, now)
    if sighting.kind == Kind.MOVED:
        changes |= {"root_id": root, "path": found.path, "extension": found.extension, "graph_owed_at": now}
        note(connection, known.id, "moved", {"from": to_document(whole_path(connection, known.id))}, now)
    if known.missing:
        changes |= {"missing_since": None, "graph_owed_at": now}
        if sighting.kind != Kind.MOVED:
            note(connection, known.id, "back", {}, now)
    if known.inode != found.inode:
        changes |= {"inode": found.inode}
    if changes:
        connection.execute(update(File).where(File.id == known.id).values(**changes))
