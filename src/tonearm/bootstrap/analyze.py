"""Composes `tonearm analyze`: one call over some folders."""

import contextlib
import threading
from collections.abc import Iterator
from typing import TYPE_CHECKING

from tonearm.analysis.catalog import versions
from tonearm.bootstrap.renaming import settle, settle_if_free
from tonearm.bootstrap.servers import job_queue
from tonearm.bootstrap.worker import WorkerParts, background, join, make_supervisor, open_parts
from tonearm.errors import ConfigurationError
from tonearm.events.event import Event, Subscriber
from tonearm.events.facts import ScanProgress
from tonearm.jobs.intake import Intake
from tonearm.jobs.stale_files import StaleFiles
from tonearm.library.files import Files
from tonearm.library.lock import exclusive_lock
from tonearm.progress.live import LiveView
from tonearm.progress.poller import ProgressPoller
from tonearm.progress.run_follower import RunFollower
from tonearm.resilience.storage_retry import StorageRetry
from tonearm.scan.patterns import Patterns
from tonearm.scan.reader import FolderReader, exist
from tonearm.scan.scanner import Scanner
from tonearm.scan.stale import StaleScan
from tonearm.session.coordination import Coordination, EmbeddedRun, SharedRun
from tonearm.session.session import Session
from tonearm.settings import Settings
from tonearm.telemetry.log_facts import FactLog
from tonearm.worker.registration import SoleRegistration, worker_name
from tonearm.worker.signals import StopSwitch
from tonearm.worker.supervisor import Supervisor

if TYPE_CHECKING:
    from tonearm.bootstrap.metrics import Exporter
    from tonearm.worker.profiler import WholeRun


@contextlib.contextmanager
def open_session(
    settings: Settings,
    view: LiveView,
    show: Subscriber,
    stop: StopSwitch,
    exporter: "Exporter | None" = None,
    log: FactLog | None = None,
    whole_run: "WholeRun | None" = None,
) -> Iterator[Session]:
    """Compose one call of ``analyze``. ``view`` and ``show`` are subscribed to all events; ``exporter`` counts and
    ``log`` logs them. ``whole_run`` gets a profile of the call.

    Raises:
        LibraryInUse: another process is analysing with this library, which is not shared.
        NameTaken: another worker with the same name is alive.
        StorageError: the database can't be opened.
        ConfigurationError: no slots in a library that is not shared, or settings that contradict each other.
    """
    if settings.database_url is None and not settings.workers:
        raise ConfigurationError(
            "--workers 0 leaves the work to other processes, and there are none without PostgreSQL: "
            "set TONEARM_DATABASE_URL, or take --workers 1 or more"
        )
    kind = _embedded if settings.database_url is None else _shared
    with open_parts(settings, view, show, stop, exporter, log, whole_run) as parts, kind(parts) as session:
        yield session


@contextlib.contextmanager
def _embedded(parts: WorkerParts) -> Iterator[Session]:
    library = parts.library
    worker = worker_name(library.settings)

    def supervisor(run: int) -> Supervisor:
        return make_supervisor(parts, job_queue(None, library.job_store, worker, run), worker, registration)

    registration = SoleRegistration(library.settings, library.workers)
    with exclusive_lock(library.settings.data_dir), background(parts, worker, None, {}):
        settle(library, parts.bus)
        registration.begin()
        try:
            yield _session(
                parts, worker, EmbeddedRun(library.job_store, library.runs, parts.view, supervisor, parts.bus)
            )
        finally:
            registration.deregister()


@contextlib.contextmanager
def _shared(parts: WorkerParts) -> Iterator[Session]:
    library = parts.library
    settle_if_free(library, parts.bus)
    with join(parts) as membership:
        registration = membership.registration
        others = {"heartbeat": registration.keep_alive}
        poller = None
        if parts.progress is not None:
            poller = ProgressPoller(parts.progress)
            others["progress poller"] = poller.run
        follow = RunFollower(library.database, library.workers, parts.bus, poller, registration.name)

        def supervisor() -> Supervisor:
            return make_supervisor(parts, membership.queue, registration.name, registration)

        with background(parts, registration.name, membership.broker, others):
            shared = SharedRun(library.job_store, library.runs, supervisor, follow)
            yield _session(parts, registration.name, shared)


def _session(parts: WorkerParts, worker: str, coordination: Coordination) -> Session:
    library, settings, bus, stop = parts.library, parts.library.settings, parts.bus, parts.stop
    cancelled = threading.Event()

    def wake(event: Event) -> None:
        if isinstance(event, ScanProgress):  # there may be jobs to take
            stop.wake()

    bus.subscribe(wake, "the waking of the supervisor")

    def stopping() -> bool:
        return stop.requests > 0 or cancelled.is_set()

    storage_retry = StorageRetry(bus, stopping, settings.storage_wait_s)
    present = versions()
    intake = Intake(library.database, present, settings.rules, settings.ageing_s, parts.tracing.sampler)
    stale = StaleFiles(library.database, present)
    scanner = Scanner(
        Files(library.database),
        intake,
        library.roots,
        library.runs,
        Patterns(
            settings.include,
            settings.excluded,
            settings.extensions,
            settings.ignore_files,
            settings.follow_links,
        ),
        bus,
        stopping,
        storage_retry,
        FolderReader(stopping).walk,
        exist,
    )
    return Session(
        worker=worker,
        coordination=coordination,
        roots=library.roots,
        runs=library.runs,
        scanner=scanner,
        stale_scan=StaleScan(stale, intake, library.runs, bus, stopping, storage_retry),
        view=parts.view,
        announce=bus,
        stop=stop,
        storage_retry=storage_retry,
        workers=settings.workers,
        scan_cancelled=cancelled,
    )
