"""A library on a real database, with methods to add files and results for tests."""

import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, text

from tonearm.analysis.built_in import TEMPO
from tonearm.events.states import RunState
from tonearm.jobs.failed_jobs import FailedSelection
from tonearm.jobs.intake import Intake, IntakeResult
from tonearm.jobs.job import ClaimRefusal, UnmountedPlace
from tonearm.jobs.lease import Lease
from tonearm.jobs.lease_watch import LeaseWatch
from tonearm.jobs.port import AttemptOutcome, JobQueue, Result
from tonearm.jobs.queue_admin import QueueAdmin
from tonearm.jobs.runs import Runs
from tonearm.jobs.sql_job_store import SqlJobStore
from tonearm.library.bulk_write import row_batch
from tonearm.library.database import Database, open_sqlite
from tonearm.library.features import FeatureTables, Findings, SearchableColumns
from tonearm.library.file_contents import DecodeFacts, FileFacts, SoundFacts, Tags
from tonearm.library.files import FileChange, Files, ScannedFile
from tonearm.library.found_file import FoundFile
from tonearm.library.moved_files import link_moved_files
from tonearm.library.results import Sound, add_findings, add_tags, mark_graph_due, write_sounds
from tonearm.library.roots import Place, Roots
from tonearm.resilience.backoff import Backoff
from tonearm.settings import Level, Rule
from tonearm.views.failures import FailedFile, FailureList
from tonearm.views.jobs import JobList
from tonearm.views.runs import RunList
from tonearm.views.track_rows import Results
from tonearm.views.tracks import Tracks

VERSIONS = {"tempo": TEMPO.version, "key": 1}
COLUMNS: dict[str, tuple[str, type]] = {
    "bpm": ("tempo", float),
    "key": ("key", str),
    "camelot": ("key", str),
    "open_key": ("key", str),
}
SEARCHED = COLUMNS | {"energy": ("character", float)}
"""Columns that are searched; what mixes asks for the energy by its name."""
SERIES: dict[str, tuple[()] | None] = {
    "beats": (),
    "tempo_windows": (),
    "chroma": None,
    "loudness_curve": None,
}
AGEING_S = 3600.0
LEASE_S = 60.0
AT_ONCE = Backoff(1e-9, 1e-9)
"""So short that the next attempt is due by the time anybody asks."""

WORKER = "here:/data"

SOUND = SoundFacts("flac", 44_100, 2, 16)
FILE = FileFacts("flac", 900_000, 10.0, declared_exact=True)
DECODED = DecodeFacts(10.0, intact=True)

Row = dict[str, Any]


def found(path: bytes, size: int = 1000, mtime_ns: int = 5, inode: int | None = None) -> FoundFile:
    """A file as a walk would meet it; its inode follows from its path unless given."""
    number = inode if inode is not None else int.from_bytes(path[-6:], "big")
    return FoundFile(path, size, mtime_ns, number, path.rpartition(b".")[2].decode("ascii", "replace"))


def result(digest: str = "a" * 8, **changes: Any) -> Result:
    """A whole file that was measured by every analyser; ``complete=False`` makes it a partial one.

    ``known=True``: its sound was known, so that nothing was decoded.
    """
    declared_s = 10.0 if changes.pop("complete", True) else 20.0
    known = changes.pop("known", False)
    values: dict[str, dict[str, Any]] = {
        "tempo": {"bpm": changes.pop("bpm", 120.0)},
        "key": {"key": "A minor", "camelot": "8A", "open_key": "1m"} | changes.pop("keys", {}),
    }
    return Result(
        audio_hash=digest,
        sound=replace(SOUND, **changes.pop("sound", {})),
        file=replace(FILE, **{"declared_s": declared_s, **changes.pop("file", {})}),
        tags=Tags(**changes.pop("tags", {})),
        decoded=None if known else replace(DECODED, **changes.pop("decoded", {})),
        findings={}
        if known
        else changes.pop(
            "findings",
            {name: (version, values[name], {f"{name}_series": [1, 2]}) for name, version in VERSIONS.items()},
        ),
        size=changes.pop("size", 1000),
        mtime_ns=changes.pop("mtime_ns", 5),
        inode=changes.pop("inode", 7),
        work_s=changes.pop("work_s", 0.5),
        timings=changes.pop("timings", {"decode": 0.2}),
        ended_at=changes.pop("ended_at", time.monotonic()),
    )


def features_of(versions: Mapping[str, int]) -> FeatureTables:
    """Where results of these versions are searched."""
    return FeatureTables(
        SearchableColumns(
            analyser,
            version,
            {name: kind for name, (source, kind) in SEARCHED.items() if source == analyser},
        )
        for analyser, version in ({"character": 1} | dict(versions)).items()
    )


def results_of(versions: Mapping[str, int]) -> Results:
    """What tracks have of results of these versions."""
    return Results(versions, tuple(SEARCHED), SERIES)


@dataclass
class Library:
    """Everything that works on one library, and a look at the rows it leaves."""

    database: Database
    rules: Sequence[Rule] = ()
    versions: Mapping[str, int] = field(default_factory=lambda: dict(VERSIONS))

    def __post_init__(self) -> None:
        self.roots = Roots(self.database)
        self.runs = Runs(self.database)
        self.queue_admin = QueueAdmin(self.database, AGEING_S)
        self.elapsed_s = 0.0
        self.features = features_of(self.versions)
        self.features.ensure(self.database)
        self.job_store = SqlJobStore(
            self.database,
            self.versions,
            AT_ONCE,
            LEASE_S,
            LeaseWatch(LEASE_S, lambda: self.elapsed_s),
            self.features,
        )
        self.job_list = JobList(self.database)
        self.failures = FailureList(self.database)
        self.run_list = RunList(self.database)
        self.tracks = Tracks(self.database, self.features, results_of(self.versions))
        self.files = Files(self.database)
        self.intake = Intake(self.database, self.versions, self.rules, AGEING_S)

    def outlive(self, *jobs: int) -> int:
        """Let the time of a lease go by in which these jobs, or all, are not renewed; returns how many it cost them."""
        lost = len(self.job_store.recover_expired())
        for _ in range(3):
            self.elapsed_s += LEASE_S / 3
            for job in self.rows("SELECT id FROM jobs WHERE state = 'running'") if jobs else ():
                if job["id"] not in jobs:
                    self.change("UPDATE jobs SET lease_until = lease_until + 20 WHERE id = :id", id=job["id"])
            lost += len(self.job_store.recover_expired())
        return lost

    def rows(self, statement: str, **values: Any) -> list[Row]:
        """Ask the database in SQL."""
        with self.database.read() as connection:
            return [dict(row) for row in connection.execute(text(statement), values).mappings()]

    def change(self, statement: str, **values: Any) -> None:
        """Change the database in SQL, as time or another program would."""
        with self.database.write() as connection:
            connection.execute(text(statement), values)

    def root(self, path: bytes = b"/music") -> int:
        """A root that need not be on the disk."""
        known = self.rows("SELECT id FROM roots WHERE path = :path", path=path)
        if known:
            return int(known[0]["id"])
        self.change("INSERT INTO roots (path, mounts, added_at) VALUES (:path, '[]', 1)", path=path)
        return self.root(path)

    def run(self) -> int:
        """A new run."""
        return self.runs.open([b"/music"])

    def state(self, run: int) -> RunState:
        """Where a run is now."""
        return self.runs.states([run])[run]

    def meet(
        self,
        run: int,
        *files: FoundFile | bytes,
        level: Level | None = None,
        fresh: bool = False,
        root: bytes = b"/music",
    ) -> IntakeResult:
        """Take in files as a scan of the root that met them would."""
        place = self.root(root)
        known = {row.path: row for row in self.files.known(place, b"", None, 10_000)}
        scanned_files = []
        for item in sorted((found(f) if isinstance(f, bytes) else f for f in files), key=lambda f: f.path):
            before = known.get(item.path)
            if before is None:
                scanned_files.append(ScannedFile(item, FileChange.NEW))
            else:
                same = (before.size, before.mtime_ns) == (item.size, item.mtime_ns)
                scanned_files.append(
                    ScannedFile(item, FileChange.UNCHANGED if same else FileChange.CHANGED, before)
                )
        return self.intake.record(run, place, scanned_files, level, fresh)

    def take(self, run: int | None = None, worker: str = WORKER) -> Lease:
        """The next job, which must be there."""
        [lease] = self.job_store.take(worker, run)
        return lease

    def failed(self, place: Place | None = None, limit: int = 50) -> list[FailedFile]:
        """The failed files at or below a place."""
        return self.failures.page(FailedSelection(place), limit)[0]

    def retry(self, place: Place | None = None, partial: bool = False, codes: Sequence[str] = ()) -> int:
        """Queue failed files again; returns how many."""
        retrying = self.queue_admin.retry(FailedSelection(place, codes, partial))
        files = 0
        while not retrying.ended:
            files += retrying.step()
        return files

    def finish(self, run: int, path: bytes, outcome: Result, root: bytes = b"/music") -> int:
        """Meet a file and store its result; returns the id of the file."""
        self.meet(run, path, root=root)
        lease = self.take(run)
        assert lease.path == path
        assert finish_one(self.job_store, lease, outcome) is not None
        return lease.file

    def job(self, number: int) -> Row:
        """A job's row."""
        return self.rows("SELECT * FROM jobs WHERE id = :id", id=number)[0]

    def file(self, path: bytes) -> Row:
        """A file's row."""
        return self.rows("SELECT * FROM files WHERE path = :path", path=path)[0]

    def history(self, file: int) -> list[str]:
        """What was noted of a file, oldest first."""
        return [
            row["what"]
            for row in self.rows("SELECT what FROM history WHERE file_id = :f ORDER BY id", f=file)
        ]


def take_one(
    job_store: SqlJobStore, worker: str, run: int | None, unmounted: Collection[UnmountedPlace] = ()
) -> Lease | None:
    """The next job, if there is one."""
    return next(iter(job_store.take(worker, run, unmounted)), None)


def take_from(queue: JobQueue, unmounted: Collection[UnmountedPlace]) -> Lease | None:
    """The next job that a queue has for its worker, if there is one."""
    return next(iter(queue.take(unmounted, 1)), None)


def claim_one(
    job_store: SqlJobStore, job: int, worker: str, announced: Level | None = None
) -> Lease | ClaimRefusal:
    """The answer to a claim of one delivered job."""
    return job_store.claim({job: announced}, worker)[job]


def stored_one(job_store: SqlJobStore, lease: Lease, digest: str) -> frozenset[str]:
    """What need not be measured again."""
    [names] = job_store.known_results([(lease, digest)])
    return names


def finish_one(job_store: SqlJobStore, lease: Lease, outcome: Result) -> AttemptOutcome | None:
    """Store one result."""
    [ending] = job_store.finish([(lease, outcome)])
    return ending


def write_one_sound(
    connection: Connection, digest: str, facts: SoundFacts, decoded: DecodeFacts | None, now: float
) -> int:
    """Store one sound; returns its id."""
    return write_sounds(connection, [Sound(digest, facts, decoded)], now)[digest].audio


def write_one_findings(connection: Connection, audio: int, findings: Findings, now: float) -> None:
    """Store what was found in one piece of audio."""
    mark_graph_due(connection, [audio], now)
    with row_batch(connection) as batch:
        add_findings(batch, {audio: findings}, now, features_of(VERSIONS), {})


def write_one_tags(connection: Connection, file: int, said: Tags, now: float) -> None:
    """Store what one file says of itself."""
    with row_batch(connection) as batch:
        add_tags(batch, {file: (now, said)})


def follow_one(connection: Connection, file: int, audio: int, now: float) -> bytes | None:
    """Where a file came from that was met with some audio."""
    return link_moved_files(connection, {file: audio}, now).get(file)


@contextmanager
def opened(folder: Path, empty: bytes, rules: Sequence[Rule] = ()) -> Iterator[Library]:
    """A library in a folder, from the bytes of an empty database."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "tonearm.db").write_bytes(empty)
    database = open_sqlite(folder)
    try:
        yield Library(database, rules)
    finally:
        database.close()
