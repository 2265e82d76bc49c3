"""Composes the processes that take jobs: a worker, and the parts that `tonearm analyze` shares with it."""

import contextlib
import functools
import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tonearm.analysis.catalog import versions
from tonearm.bootstrap.background import running
from tonearm.bootstrap.health import Health, probes, probing_servers
from tonearm.bootstrap.library import Library, open_library
from tonearm.bootstrap.resting import cpu_budget, rest_watch
from tonearm.bootstrap.servers import Servers, job_queue
from tonearm.bootstrap.traces import Tracing, recording_traces
from tonearm.errors import ConfigurationError
from tonearm.events.bus import EventBus
from tonearm.events.event import Event, Subscriber
from tonearm.events.messages import ChildMessage
from tonearm.events.report import report
from tonearm.events.services import ServiceCalled, StorageStateChanged
from tonearm.events.states import StorageState
from tonearm.graph.relay import GraphRelay
from tonearm.jobs.history_cleanup import History
from tonearm.jobs.outbox_relay import OutboxRelay
from tonearm.jobs.port import JobQueue
from tonearm.names import PathMap
from tonearm.progress.live import LiveView
from tonearm.progress.port import Progress
from tonearm.progress.reporter import Reporter
from tonearm.resilience.storage_retry import StorageRetry
from tonearm.resilience.threads import Body
from tonearm.settings import Settings
from tonearm.telemetry.log_facts import FactLog
from tonearm.views.snapshots import take_snapshot
from tonearm.worker.limits import allow_files
from tonearm.worker.mount_guard import MountGuard
from tonearm.worker.own_cpu import OwnCpu
from tonearm.worker.profiler import Profiler, WholeRun
from tonearm.worker.registration import SoleRegistration, WorkerRegistration
from tonearm.worker.sampling_requests import ChildSampling
from tonearm.worker.signals import StopSwitch
from tonearm.worker.supervisor import Supervisor
from tonearm.worker.work_until_stopped import work_until_stopped

if TYPE_CHECKING:
    from tonearm.bootstrap.metrics import Exporter
    from tonearm.bootstrap.servers import BrokerConnection
    from tonearm.telemetry.service_manager import ServiceManager


OUTPUT = "standard output"
LOG_ONLY = (ServiceCalled, ChildMessage)
"""Facts that the output does not show."""
OUTPUT_ROOM = 100_000
"""Events in the queue of the output, about 50 MB at most."""


@dataclass(frozen=True, slots=True)
class WorkerParts:
    """The parts of a process that takes jobs.

    exporter: ``None`` where its metrics are not exported. whole_run: ``None`` unless the whole run is to be profiled.
    """

    library: Library
    servers: Servers
    progress: Progress | None
    view: LiveView
    bus: EventBus
    stop: StopSwitch
    health: Health
    exporter: "Exporter | None"
    tracing: Tracing
    sampling: ChildSampling
    whole_run: WholeRun | None


@dataclass(frozen=True, slots=True)
class Membership:
    """A registered worker of a shared library. ``broker``: ``None`` where the jobs table is the queue."""

    registration: WorkerRegistration
    broker: "BrokerConnection | None"
    queue: JobQueue


@contextlib.contextmanager
def open_parts(
    settings: Settings,
    view: LiveView,
    show: Subscriber,
    stop: StopSwitch,
    exporter: "Exporter | None" = None,
    log: FactLog | None = None,
    whole_run: WholeRun | None = None,
    manager: "ServiceManager | None" = None,
) -> Iterator[WorkerParts]:
    """Open the library and prepare its servers.

    ``view`` is called with each event at once. ``show`` has a thread of its own, so that a terminal or a program that
    does not read delays no heartbeat. The end waits until ``show`` has taken all events. ``exporter`` counts
    them, ``log`` logs them, and ``manager`` hears of them. ``whole_run`` gets a profile of all that this process does.
    Waits while the database does not answer, with breakers, probes and exports at work.

    Raises:
        StorageError: the database can't be opened, or did not answer until a stop was requested.
        ConfigurationError: settings that contradict each other, or a driver that is not installed.
    """
    bus = EventBus()
    health = Health() if exporter is None else exporter.health
    servers = Servers(settings, bus, health.turns)
    with contextlib.ExitStack() as parts:
        parts.enter_context(contextlib.closing(bus))
        tracing = parts.enter_context(recording_traces(settings, bus))  # first, as the others ask it for ids
        bus.subscribe(view, "the live view")
        if log is not None:
            log.join(bus, tracing.current_ids)
        bus.subscribe_queued(
            show, OUTPUT, OUTPUT_ROOM, stalled_s=math.inf, close_s=math.inf, leave_out=LOG_ONLY
        )
        if exporter is not None:
            exporter.join(bus, servers, tracing)
        if tracing.trouble is not None:
            bus(tracing.trouble)
        parts.enter_context(probing_servers(health, settings, servers, bus))
        if manager is not None:
            parts.enter_context(_telling(manager, bus, health))
        library = _patiently(lambda: parts.enter_context(open_library(settings, servers)), stop, manager)
        progress = parts.enter_context(servers.open_progress())
        sampling = ChildSampling(stop.wake)
        yield WorkerParts(
            library, servers, progress, view, bus, stop, health, exporter, tracing, sampling, whole_run
        )


@contextlib.contextmanager
def _telling(manager: "ServiceManager", bus: EventBus, health: Health) -> Iterator[None]:
    """Tell the service manager what happens, and that the loops turn if it watches for that."""
    bus.subscribe(manager, "the service manager")
    if manager.watchdog_s is None:
        yield
        return
    with running({"watchdog": manager.watching(health.turns, manager.watchdog_s)}, bus, health.turns):
        yield


def _patiently(opened: Callable[[], Library], stop: StopSwitch, hear: Subscriber | None) -> Library:
    """Open the library; repeat while its database does not answer, until a stop is requested. ``hear``: hears of it."""

    def waiting(event: Event) -> None:
        if hear is not None:
            hear(event)
        if isinstance(event, StorageStateChanged) and event.state is StorageState.WAITING:
            report(f"waiting: {event.reason}")

    return StorageRetry(waiting, lambda: stop.requests > 0)(opened)


@contextlib.contextmanager
def open_worker(
    settings: Settings,
    view: LiveView,
    show: Subscriber,
    stop: StopSwitch,
    exporter: "Exporter | None" = None,
    log: FactLog | None = None,
    manager: "ServiceManager | None" = None,
) -> Iterator[Callable[[], None]]:
    """Compose a worker; yields the function that works until it is stopped or drained.

    Raises:
        ConfigurationError: the library is not shared, or there are no slots.
        NameTaken: another worker with the same name is alive.
        StorageError: the database can't be opened.
    """
    if settings.database_url is None:
        raise ConfigurationError(
            "a worker needs a library that hosts can share: set TONEARM_DATABASE_URL to a PostgreSQL database"
        )
    if not settings.workers:
        raise ConfigurationError("a worker with --workers 0 would do nothing")
    with (
        open_parts(settings, view, show, stop, exporter, log, manager=manager) as parts,
        join(parts) as membership,
    ):
        registration = membership.registration
        with background(parts, registration.name, membership.broker, {"heartbeat": registration.keep_alive}):
            supervisor = make_supervisor(parts, membership.queue, registration.name, registration)
            yield functools.partial(
                work_until_stopped,
                supervisor,
                parts.library.runs,
                parts.bus,
                registration.name,
                settings.workers,
            )


@contextlib.contextmanager
def join(parts: WorkerParts, scans: bool = False) -> Iterator[Membership]:
    """Register this process as a worker of a shared library and connect it to the broker.

    scans: whether it carries out scans that others ask for.

    Raises:
        NameTaken: another worker with the same name is alive.
        ConfigurationError: the broker's queues are not as this version needs them.
    """
    library, stop = parts.library, parts.stop
    registration = WorkerRegistration(
        library.settings,
        library.workers,
        library.job_store,
        parts.servers.breakers,
        parts.bus,
        parts.exporter.url if parts.exporter is not None else None,
        scans,
    )
    StorageRetry(parts.bus, lambda: stop.requests > 0)(registration.register)
    try:
        with broker_connection(parts, registration.name) as broker:
            queue = job_queue(broker, library.job_store, registration.name, None)
            yield Membership(registration, broker, queue)
    finally:
        registration.deregister()


@contextlib.contextmanager
def broker_connection(parts: WorkerParts, worker: str) -> Iterator["BrokerConnection | None"]:
    """The connection to RabbitMQ, if the settings name one. An unavailable broker is retried in the background."""
    settings = parts.library.settings
    messages = settings.workers + settings.prefetch if settings.workers else 0
    with parts.servers.open_broker(messages, parts.stop.wake, f"tonearm {worker}") as broker:
        if broker is not None:
            broker.wait_until_known(settings.connect_timeout_s)  # the outbox relay announces that it is away
            if broker.refusal is not None:
                raise ConfigurationError(broker.refusal)
        yield broker


def make_supervisor(
    parts: WorkerParts, queue: JobQueue, worker: str, registration: WorkerRegistration | SoleRegistration
) -> Supervisor:
    """The supervisor, which takes jobs from the queue and has children analyse them."""
    library = parts.library
    own_cpu = OwnCpu()
    parts.bus.subscribe(registration, "the worker's row")
    parts.bus.subscribe(own_cpu, "the CPU time of children")
    allow_files(library.settings.workers)
    paths = PathMap(library.settings.path_map)
    mount_guard = MountGuard(paths, library.job_store.sample_paths)
    if library.database.shared:  # another host may have mounted what is missing here
        mount_guard = MountGuard(paths, library.job_store.sample_paths, library.roots.mounts)
    return Supervisor(
        library.job_store,
        queue,
        library.runs,
        library.settings,
        versions(),
        worker,
        mount_guard,
        registration,
        parts.bus,
        parts.stop,
        turns=parts.health.turns,
        sampling=parts.sampling,
        rest=rest_watch(library.settings, worker, parts.bus, own_cpu),
        cpu_budget=cpu_budget(library.settings, own_cpu),
    )


@contextlib.contextmanager
def background(
    parts: WorkerParts,
    worker: str,
    broker: "BrokerConnection | None",
    others: Mapping[str, Body],
) -> Iterator[None]:
    """Run the background threads: one deletes old history, one samples where the time goes when it is asked to, the
    others send data from the database to the servers."""
    library, settings, bus = parts.library, parts.library.settings, parts.bus
    profiler = Profiler(library.profile_requests, worker, parts.sampling, parts.whole_run)
    bodies = {
        **others,
        "history": History(library.database, settings.keep_history_days).run,
        "profiler": profiler.run,
    }
    if broker is not None:
        relay = OutboxRelay(
            library.database,
            broker.publisher,
            settings.ageing_s,
            settings.reconcile_s,
            bus,
            parts.tracing.sampler,
        )
        bodies["outbox relay"] = relay.run
    reporter = None
    if parts.progress is not None:
        reporter = Reporter(
            parts.progress, functools.partial(take_snapshot, library.database), parts.view, worker, bus
        )
        bus.subscribe(reporter, "the reporter")
        bodies["reporter"] = reporter.run
    with _observing(parts, reporter), parts.servers.open_graph() as graph:
        if graph is not None:
            bodies["graph relay"] = GraphRelay(library.database, graph, library.features, bus).run
        bodies |= probes(parts.health, library, parts.servers, broker, bus)
        with running(bodies, bus, parts.health.turns):
            yield


def _observing(parts: WorkerParts, reporter: Reporter | None) -> contextlib.AbstractContextManager[None]:
    """Export figures of the library, if this process exports anything."""
    if parts.exporter is None:
        return contextlib.nullcontext()
    return parts.exporter.observing(parts.library.database, parts.servers, parts.bus, parts.tracing, reporter)
