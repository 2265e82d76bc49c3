"""Composes `tonearm analyze`: one call over some folders."""

import contextlib
import threading
from collections.abc import Iterator
from typing import TYPE_CHECKING

from tonearm.bootstrap.renaming import settle, settle_if_free
from tonearm.bootstrap.scanning import asked_of, patterns_of, scanning
from tonearm.bootstrap.servers import job_queue
from tonearm.bootstrap.worker import WorkerParts, background, join, make_supervisor, open_parts
from tonearm.errors import ConfigurationError
from tonearm.events.event import Subscriber
from tonearm.jobs.asked_runs import AskedRuns
from tonearm.library.process_lock import analysing_process, exclusive_lock, takes_requests
from tonearm.progress.live import LiveView
from tonearm.progress.poller import ProgressPoller
from tonearm.progress.remote_events import RemoteEvents
from tonearm.progress.run_follower import RunFollower
from tonearm.resilience.storage_retry import StorageRetry
from tonearm.session.coordination import Coordination, EmbeddedRun, SharedRun
from tonearm.session.handing_over import HandedOver
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
) -> Iterator[Session | HandedOver]:
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
    with open_parts(settings, view, show, stop, exporter, log, whole_run) as parts:
        if settings.database_url is None and takes_requests(settings.data_dir):
            yield _handed_over(parts)
            return
        kind = _embedded if settings.database_url is None else _shared
        with kind(parts) as session:
            yield session


def _handed_over(parts: WorkerParts) -> HandedOver:
    """A call whose work is done by the process that keeps the library up to date."""
    library, stop, settings = parts.library, parts.stop, parts.library.settings

    def keeper() -> int | None:
        return analysing_process(settings.data_dir) if takes_requests(settings.data_dir) else None

    def events(run: int) -> RemoteEvents:
        return RemoteEvents(library.database, None, run, "")

    return HandedOver(
        roots=library.roots,
        runs=library.runs,
        asked=AskedRuns(library.database),
        keeper=keeper,
        events=events,
        patterns=asked_of(settings),
        view=parts.view,
        announce=parts.bus,
        stop=stop,
        storage_retry=StorageRetry(parts.bus, lambda: stop.requests > 0, settings.storage_wait_s),
        workers=settings.workers,
    )


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
    library, stop = parts.library, parts.stop
    cancelled = threading.Event()

    def stopping() -> bool:
        return stop.requests > 0 or cancelled.is_set()

    scans = scanning(parts, stopping)
    return Session(
        worker=worker,
        coordination=coordination,
        roots=library.roots,
        runs=library.runs,
        scanner=scans.scanner(patterns_of(library.settings)),
        stale_scan=scans.stale_scan,
        view=parts.view,
        announce=parts.bus,
        stop=stop,
        storage_retry=scans.storage_retry,
        workers=library.settings.workers,
        scan_cancelled=cancelled,
    )
