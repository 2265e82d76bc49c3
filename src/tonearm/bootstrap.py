"""The only place where the parts are put together, and the only one that names the servers' adapters."""

import contextlib
import functools
import os
import socket
import threading
import urllib.parse
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tonearm.addresses import parts_of
from tonearm.analysis.catalog import column_types, versions
from tonearm.errors import ConfigurationError, ServiceAway, ServiceRefused
from tonearm.events.bus import EventBus
from tonearm.events.facts import Announce, Warned
from tonearm.graph.fallback import FallbackGraph
from tonearm.graph.port import TrackGraph
from tonearm.graph.relay import GraphRelay
from tonearm.graph.sql import SqlGraph
from tonearm.jobs.intake import SqlIntake
from tonearm.jobs.outbox_relay import OutboxRelay
from tonearm.jobs.port import JobQueue
from tonearm.jobs.queue_admin import QueueAdmin
from tonearm.jobs.retry import Backoff
from tonearm.jobs.runs import Runs
from tonearm.jobs.sql_job_store import SqlJobStore
from tonearm.jobs.sql_queue import SqlQueue
from tonearm.jobs.worker_registry import WorkerRegistry
from tonearm.library.database import Database, open_postgres, open_sqlite
from tonearm.library.lock import exclusive_lock
from tonearm.library.roots import Roots
from tonearm.library.tracks import Tracks
from tonearm.names import PathMap, printable
from tonearm.progress.live import LiveView
from tonearm.progress.memory import MemoryProgress
from tonearm.progress.poller import ProgressPoller
from tonearm.progress.port import Progress
from tonearm.progress.reporter import Reporter
from tonearm.progress.run_follower import RunFollower
from tonearm.resilience.breaker import BreakerPolicy, CircuitBreaker
from tonearm.resilience.storage_retry import StorageRetry
from tonearm.scan.patterns import Patterns
from tonearm.scan.scanner import Scanner
from tonearm.session import Session
from tonearm.settings import Settings, without_password
from tonearm.worker.limits import allow_files
from tonearm.worker.mount_guard import MountGuard
from tonearm.worker.registration import WorkerRegistration
from tonearm.worker.serve import serve
from tonearm.worker.signals import StopSwitch
from tonearm.worker.supervisor import Supervisor

if TYPE_CHECKING:
    from tonearm.jobs.rabbitmq.connection import BrokerConnection
    from tonearm.jobs.rabbitmq.management import Management

CLOSE_S = 5.0
LONG_S = 3600.0
"""What a statement over a whole table may take."""


@dataclass(frozen=True)
class App:
    """A library opened for use. What not every command needs is opened when it is first asked for."""

    settings: Settings
    database: Database
    roots: Roots
    runs: Runs
    queue_admin: QueueAdmin
    job_store: SqlJobStore
    tracks: Tracks
    workers: WorkerRegistry
    breakers: Mapping[str, CircuitBreaker]
    bus: EventBus
    paths: PathMap
    open_parts: contextlib.ExitStack

    @functools.cached_property
    def progress(self) -> Progress:
        """Where the live view is: in this process, or in Redis for all."""
        return _progress(self.settings, self.breakers, self.open_parts)

    @property
    def graph(self) -> TrackGraph:
        """What answers questions about how tracks and artists belong together."""
        return self._graphs[0]

    @property
    def graph_relay(self) -> GraphRelay | None:
        """What keeps the graph up to date, where it is not the database itself."""
        return self._graphs[1]

    @functools.cached_property
    def _graphs(self) -> tuple[TrackGraph, GraphRelay | None]:
        return _graph(self.settings, self.database, self.breakers, self.bus, self.open_parts)


@contextlib.contextmanager
def open_app(settings: Settings) -> Iterator[App]:
    """Open the library that the settings name.

    Raises:
        StorageError: the database can't be opened.
        ConfigurationError: settings that don't go together, or a driver that is not installed.
    """
    _check(settings)
    bus = EventBus()
    breakers = _breakers(settings, bus)
    database = _open_database(settings, breakers)
    with contextlib.ExitStack() as open_parts:
        open_parts.callback(database.close)
        paths = PathMap(settings.path_map)
        backoff = Backoff(settings.retry_base_s, settings.retry_cap_s)
        yield App(
            settings=settings,
            database=database,
            roots=Roots(database, paths),
            runs=Runs(database),
            queue_admin=QueueAdmin(database, settings.ageing_s),
            job_store=SqlJobStore(database, versions(), backoff, settings.lease_s),
            tracks=Tracks(database, versions(), column_types()),
            workers=WorkerRegistry(database),
            breakers=breakers,
            bus=bus,
            paths=paths,
            open_parts=open_parts,
        )


def _check(settings: Settings) -> None:
    if settings.rabbitmq_url and not settings.database_url:
        raise ConfigurationError(
            "rabbitmq_url without database_url: other hosts can't reach the jobs in a SQLite file; "
            "set TONEARM_DATABASE_URL to a PostgreSQL database"
        )
    try:
        PathMap(settings.path_map)
    except ValueError as error:
        raise ConfigurationError(f"path_map: {error}") from error


def _breakers(settings: Settings, announce: Announce) -> dict[str, CircuitBreaker]:
    """One breaker for each service that the settings name."""
    policy = BreakerPolicy(
        window_s=settings.breaker_window_s,
        minimum_calls=settings.breaker_minimum_calls,
        failure_rate=settings.breaker_failure_rate,
        slow_call_s=settings.breaker_slow_call_s,
        slow_rate=settings.breaker_slow_rate,
        open_s=settings.breaker_open_s,
        half_open_calls=settings.breaker_half_open_calls,
    )
    named = {
        "PostgreSQL": settings.database_url,
        "RabbitMQ": settings.rabbitmq_url,
        "RabbitMQ management": settings.rabbitmq_management_url,
        "Redis": settings.redis_url,
        "Neo4j": settings.neo4j_url,
    }
    return {name: CircuitBreaker(name, policy, announce) for name, url in named.items() if url}


def _open_database(settings: Settings, breakers: Mapping[str, CircuitBreaker]) -> Database:
    if settings.database_url is None:
        return open_sqlite(settings.data_dir)
    return open_postgres(
        settings.database_url, settings.connect_timeout_s, settings.call_timeout_s, breakers["PostgreSQL"]
    )


def _graph(
    settings: Settings,
    database: Database,
    breakers: Mapping[str, CircuitBreaker],
    announce: Announce,
    open_parts: contextlib.ExitStack,
) -> tuple[TrackGraph, GraphRelay | None]:
    answers = SqlGraph(database, versions())
    if settings.neo4j_url is None:
        return answers, None
    try:
        from tonearm.graph.bolt import Bolt
        from tonearm.graph.neo4j import Neo4jGraph
    except ImportError as error:
        raise ConfigurationError(_no_driver("Neo4j", error)) from error
    bolt = Bolt(settings.neo4j_url, settings.connect_timeout_s, settings.call_timeout_s, breakers["Neo4j"])
    graph = Neo4jGraph(bolt, settings.namespace)
    open_parts.callback(graph.close)
    graph_relay = GraphRelay(database, graph, versions(), announce)
    return FallbackGraph(graph, answers, graph_relay.owed, announce), graph_relay


def _progress(
    settings: Settings, breakers: Mapping[str, CircuitBreaker], open_parts: contextlib.ExitStack
) -> Progress:
    if settings.redis_url is None:
        return MemoryProgress()
    try:
        from tonearm.progress.redis import RedisProgress
    except ImportError as error:
        raise ConfigurationError(_no_driver("Redis", error)) from error
    progress = RedisProgress(settings.redis_url, settings.namespace, breakers["Redis"])
    open_parts.callback(progress.close)
    return progress


def ask_broker(app: App) -> None:
    """Connect to RabbitMQ and see that everything is declared as it should be. Raises ServiceAway."""
    link = _make_link(app, 0, lambda: None, "tonearm status")
    link.start()
    try:
        link.wait_settled(app.settings.connect_timeout_s)
        if link.wrong is not None:
            raise ServiceRefused(link.wrong)
        if not link.up:
            raise ServiceAway(link.reason)
    finally:
        link.stop()


def open_management(app: App) -> "Management | None":
    """What asks the broker for its own figures, where the settings name its management API."""
    settings = app.settings
    if settings.rabbitmq_management_url is None or settings.rabbitmq_url is None:
        return None
    from tonearm.jobs.rabbitmq.management import Management
    from tonearm.jobs.rabbitmq.topology import Topology

    vhost = urllib.parse.unquote(parts_of("rabbitmq_url", settings.rabbitmq_url).path[1:]) or "/"
    return Management(
        settings.rabbitmq_management_url,
        vhost,
        Topology(settings.namespace, settings.rabbitmq_replicated),
        app.breakers["RabbitMQ management"],
        settings.connect_timeout_s,
    )


@contextlib.contextmanager
def open_session(app: App, view: LiveView, show: Announce, stop: StopSwitch) -> Iterator[Session]:
    """Put together what one call over some folders needs.

    Raises:
        LibraryInUse: another process is analysing with this library, which is not shared.
    """
    app.bus.subscribe(view)
    app.bus.subscribe(show)
    if app.database.shared:
        with _shared_session(app, view, stop) as session:
            yield session
        return
    if not app.settings.workers:
        raise ConfigurationError(
            "--workers 0 leaves the work to other processes, and there are none without PostgreSQL: "
            "set TONEARM_DATABASE_URL, or take --workers 1 or more"
        )
    worker = f"{socket.gethostname()}:{os.path.abspath(app.settings.data_dir)}"
    with exclusive_lock(app.settings.data_dir), _background(app, view, worker, None):
        yield _session(
            app,
            view,
            stop,
            worker,
            lambda run: _supervisor(app, SqlQueue(app.job_store, worker, run), worker, stop, None),
            lambda _: None,
        )


@contextlib.contextmanager
def _shared_session(app: App, view: LiveView, stop: StopSwitch) -> Iterator[Session]:
    registration = WorkerRegistration(app.settings, app.workers, app.job_store, app.breakers)
    storage_retry = StorageRetry(app.bus, lambda: stop.requests > 0)
    storage_retry(registration.register)
    try:
        poller = ProgressPoller(app.progress)
        with (
            _link(app, stop, registration.name) as link,
            _background(app, view, registration.name, link, poller.run, registration.keep),
        ):
            yield _session(
                app,
                view,
                stop,
                registration.name,
                lambda _: _supervisor(
                    app, _queue(app, link, registration.name), registration.name, stop, registration
                ),
                RunFollower(app.database, app.workers, app.bus, poller, registration.name),
            )
    finally:
        registration.deregister()


def _session(
    app: App,
    view: LiveView,
    stop: StopSwitch,
    worker: str,
    supervisor: Callable[[int], Supervisor],
    follow: Callable[[int], None],
) -> Session:
    settings, bus = app.settings, app.bus

    def stopping() -> bool:
        return stop.requests > 0

    storage_retry = StorageRetry(bus, stopping, settings.storage_wait_s)
    return Session(
        job_store=app.job_store,
        roots=app.roots,
        runs=app.runs,
        scanner=Scanner(
            SqlIntake(app.database, versions(), settings.rules, settings.ageing_s),
            app.roots,
            app.runs,
            Patterns(settings.include, settings.exclude, settings.extensions),
            bus,
            stopping,
            storage_retry,
        ),
        supervisor=supervisor,
        view=view,
        announce=bus,
        stop=stop,
        storage_retry=storage_retry,
        worker=worker,
        workers=settings.workers,
        shared=app.database.shared,
        follow=follow,
    )


def _supervisor(
    app: App, queue: JobQueue, worker: str, stop: StopSwitch, registration: WorkerRegistration | None
) -> Supervisor:
    allow_files(app.settings.workers)
    mount_guard = MountGuard(app.paths, app.job_store.samples)
    if app.database.shared:  # another host may have mounted what is missing here below a folder that is not
        mount_guard = MountGuard(app.paths, app.job_store.samples, app.roots.mounts)
    return Supervisor(
        app.job_store,
        queue,
        app.runs,
        app.settings,
        versions(),
        worker,
        mount_guard,
        registration,
        app.bus,
        stop,
    )


def _queue(app: App, link: "BrokerConnection | None", worker: str) -> JobQueue:
    """Where a worker's jobs come from."""
    table = SqlQueue(app.job_store, worker, None)
    if link is None:
        return table
    from tonearm.jobs.rabbitmq.queue import RabbitQueue

    return RabbitQueue(link.receiver, app.job_store, worker, table)


@contextlib.contextmanager
def _link(app: App, stop: StopSwitch, worker: str) -> Iterator["BrokerConnection | None"]:
    """The connection to RabbitMQ, if the settings name one. A broker that is away is waited for in the background.

    Raises:
        ConfigurationError: the broker's queues are not as this version needs them.
    """
    settings = app.settings
    if settings.rabbitmq_url is None:
        yield None
        return
    link = _make_link(app, settings.workers, stop.wake, f"tonearm {worker}")
    link.start()
    try:
        if not link.wait_settled(settings.connect_timeout_s):
            app.bus(Warned(f"{link.reason}; jobs wait in the database until it answers"))
        if link.wrong is not None:
            raise ConfigurationError(link.wrong)
        yield link
    finally:
        link.stop()


def _make_link(app: App, prefetch: int, wake: Callable[[], None], title: str) -> "BrokerConnection":
    try:
        from tonearm.jobs.rabbitmq.connection import BrokerConnection
        from tonearm.jobs.rabbitmq.topology import Topology
    except ImportError as error:
        raise ConfigurationError(_no_driver("RabbitMQ", error)) from error
    settings = app.settings
    return BrokerConnection(
        settings.rabbitmq_url or "",
        Topology(settings.namespace, settings.rabbitmq_replicated),
        app.breakers["RabbitMQ"],
        prefetch,
        wake,
        settings.connect_timeout_s,
        title,
    )


def _no_driver(service: str, error: ImportError) -> str:
    return f"{service} needs a driver that is not installed: pip install 'tonearm[distributed]' ({error})"


@contextlib.contextmanager
def _background(
    app: App,
    view: LiveView,
    worker: str,
    link: "BrokerConnection | None",
    *others: Callable[[threading.Event], None],
) -> Iterator[None]:
    """Threads that carry what the database owes to where it belongs; each waits out a service that is away."""
    settings = app.settings
    bodies = [*others]
    if link is not None:
        bodies.append(OutboxRelay(app.database, link, settings.ageing_s, settings.reconcile_s, app.bus).run)
    if app.graph_relay is not None:
        bodies.append(app.graph_relay.run)
    if settings.redis_url is not None:
        reporter = Reporter(app.progress, app.database, view, worker, app.bus)
        app.bus.subscribe(reporter)
        bodies.append(reporter.run)
    ending = threading.Event()
    threads = [threading.Thread(target=body, args=(ending,), daemon=True) for body in bodies]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        ending.set()
        for thread in threads:
            thread.join(CLOSE_S)


@contextlib.contextmanager
def open_worker(
    app: App, view: LiveView, show: Announce, stop: StopSwitch
) -> Iterator[tuple[str, Callable[[], None]]]:
    """Put together a worker: its name, and what it does.

    Raises:
        ConfigurationError: the library is not shared.
        NameTaken: another worker of its name is alive.
    """
    if not app.database.shared:
        raise ConfigurationError(
            "a worker needs a library that hosts can share: set TONEARM_DATABASE_URL to a PostgreSQL database"
        )
    if not app.settings.workers:
        raise ConfigurationError("a worker with --workers 0 would do nothing")
    app.bus.subscribe(view)
    app.bus.subscribe(show)
    registration = WorkerRegistration(app.settings, app.workers, app.job_store, app.breakers)
    StorageRetry(app.bus, lambda: stop.requests > 0)(registration.register)
    try:
        with (
            _link(app, stop, registration.name) as link,
            _background(app, view, registration.name, link, registration.keep),
        ):
            supervisor = _supervisor(
                app, _queue(app, link, registration.name), registration.name, stop, registration
            )
            yield registration.name, functools.partial(serve, supervisor, app.runs)
    finally:
        registration.deregister()


@contextlib.contextmanager
def open_migrated(settings: Settings) -> Iterator[Database]:
    """The library's database, its tables brought to the newest revision; ``found`` tells which they had.

    Raises:
        LibraryInUse: workers are at work with the older tables.
        StorageError: the database can't be opened.
    """
    if settings.database_url is None:
        database = open_sqlite(settings.data_dir)
    else:
        database = open_postgres(settings.database_url, settings.connect_timeout_s, LONG_S, migrate=True)
    with contextlib.closing(database):
        yield database


@contextlib.contextmanager
def open_ends(origin: str, goal: str, settings: Settings) -> Iterator[tuple[Database, Database]]:
    """Where a library is to be moved from and where to; each a folder or a URL. No analysis can begin meanwhile.

    Raises:
        ConfigurationError: there is no library to be moved, or it is there already.
        LibraryInUse: a process is analysing with one of them.
        StorageError: a database can't be opened.
    """
    shown = printable(without_password(origin) if "://" in origin else origin)
    if "://" not in origin and not os.path.exists(os.path.join(origin, "tonearm.db")):
        raise ConfigurationError(f"{shown}: holds no library (there is no tonearm.db in it)")
    if os.path.realpath(origin) == os.path.realpath(goal):
        raise ConfigurationError(f"{shown}: the library is there already")
    with _end(origin, settings) as source, _end(goal, settings) as sink:
        yield source, sink


@contextlib.contextmanager
def _end(place: str, settings: Settings) -> Iterator[Database]:
    if "://" in place:
        with contextlib.closing(open_postgres(place, settings.connect_timeout_s, LONG_S)) as database:
            yield database
        return
    folder = Path(place)
    with contextlib.closing(open_sqlite(folder)) as database, exclusive_lock(folder):
        yield database
