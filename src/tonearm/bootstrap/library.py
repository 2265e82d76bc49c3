"""Opens a library, for commands that read it or change its jobs, and for processes that take jobs."""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass

from tonearm.analysis.catalog import analysers, versions
from tonearm.bootstrap.servers import Servers
from tonearm.events.report import unheard
from tonearm.jobs.profile_requests import ProfileRequests
from tonearm.jobs.queue_admin import QueueAdmin
from tonearm.jobs.runs import Runs
from tonearm.jobs.sql_job_store import SqlJobStore
from tonearm.jobs.worker_registry import WorkerRegistry
from tonearm.library.audit import Audit
from tonearm.library.database import Database
from tonearm.library.features import FeatureTables, SearchableColumns
from tonearm.library.roots import Roots
from tonearm.library.value_locks import ValueLocks
from tonearm.names import PathMap
from tonearm.resilience.backoff import Backoff
from tonearm.settings import Settings
from tonearm.views.failures import FailureList
from tonearm.views.file_trace import FileTraces
from tonearm.views.jobs import JobList
from tonearm.views.runs import RunList
from tonearm.views.slow import SlowWork
from tonearm.views.track_rows import Results
from tonearm.views.tracks import Tracks
from tonearm.views.workers import WorkerList


@dataclass(frozen=True, slots=True)
class Library:
    """An opened library: its database, and the objects that read and change each part of it."""

    settings: Settings
    database: Database
    roots: Roots
    features: FeatureTables
    tracks: Tracks
    job_list: JobList
    failures: FailureList
    slow_work: SlowWork
    run_list: RunList
    worker_list: WorkerList
    file_traces: FileTraces
    runs: Runs
    queue_admin: QueueAdmin
    job_store: SqlJobStore
    workers: WorkerRegistry
    profile_requests: ProfileRequests
    audit: Audit
    value_locks: ValueLocks


@contextlib.contextmanager
def open_library(settings: Settings, servers: Servers | None = None) -> Iterator[Library]:
    """Open the library that the settings name. ``servers``: opens the database; made from the settings by default.

    Raises:
        StorageError: the database can't be opened.
        ConfigurationError: settings that contradict each other, or a driver that is not installed.
    """
    servers = servers or Servers(settings, unheard)
    with contextlib.closing(servers.open_database()) as database:
        features = feature_tables()
        features.ensure(database)
        yield Library(
            settings=settings,
            database=database,
            roots=Roots(database, PathMap(settings.path_map)),
            features=features,
            tracks=Tracks(database, features, results()),
            job_list=JobList(database),
            failures=FailureList(database),
            slow_work=SlowWork(database),
            run_list=RunList(database),
            worker_list=WorkerList(database),
            file_traces=FileTraces(database),
            runs=Runs(database),
            queue_admin=QueueAdmin(database, settings.ageing_s),
            job_store=SqlJobStore(
                database,
                versions(),
                Backoff(settings.retry_base_s, settings.retry_cap_s),
                settings.lease_s,
                features=features,
            ),
            workers=WorkerRegistry(database),
            profile_requests=ProfileRequests(database),
            audit=Audit(database),
            value_locks=ValueLocks(database, features, versions()),
        )


def feature_tables() -> FeatureTables:
    """The tables of the columns that tracks can be searched by, as the analysers declare them."""
    return FeatureTables(
        SearchableColumns(
            spec.name, spec.version, {each.name: each.type for each in spec.columns if each.searchable}
        )
        for spec in analysers().values()
    )


def results() -> Results:
    """The versions, columns and series of the analysers, as the views read them."""
    specs = analysers().values()
    return Results(
        versions=versions(),
        columns=tuple(column.name for spec in specs for column in spec.columns),
        series={series.name: series.absent for spec in specs for series in spec.series},
    )
