"""Puts together `tonearm analyze`: one call over some folders."""

import contextlib
import os
import socket
from collections.abc import Callable, Iterator

from tonearm.analysis.catalog import versions
from tonearm.bootstrap.servers import job_queue
from tonearm.bootstrap.worker import WorkerParts, background, join, make_supervisor, open_parts
from tonearm.errors import ConfigurationError
from tonearm.events.facts import Announce
from tonearm.jobs.intake import Intake
from tonearm.library.files import Files
from tonearm.library.lock import exclusive_lock
from tonearm.progress.live import LiveView
from tonearm.progress.poller import ProgressPoller
from tonearm.progress.run_follower import RunFollower
from tonearm.resilience.storage_retry import StorageRetry
from tonearm.scan.patterns import Patterns
from tonearm.scan.scanner import Scanner
from tonearm.session import Session
from tonearm.settings import Settings
from tonearm.worker.signals import StopSwitch
from tonearm.worker.supervisor import Supervisor


@contextlib.contextmanager
def open_session(settings: Settings, view: LiveView, show: Announce, stop: StopSwitch) -> Iterator[Session]:
    """Put together what one call over some folders needs. ``view`` and ``show`` hear every event.

    Raises:
        LibraryInUse: another process is analysing with this library, which is not shared.
        NameTaken: another worker of this one's name is alive.
        StorageError: the database can't be opened.
        ConfigurationError: no slots and nobody else to do the work, or settings that contradict each other.
    """
    if settings.database_url is None and not settings.workers:
        raise ConfigurationError(
            "--workers 0 leaves the work to other processes, and there are none without PostgreSQL: "
            "set TONEARM_DATABASE_URL, or take --workers 1 or more"
        )
    kind = _embedded if settings.database_url is None else _shared
    with open_parts(settings, view, show, stop) as parts, kind(parts) as session:
        yield session


@contextlib.contextmanager
def _embedded(parts: WorkerParts) -> Iterator[Session]:
    data_dir = parts.library.settings.data_dir
    worker = f"{socket.gethostname()}:{os.path.abspath(data_dir)}"
    with exclusive_lock(data_dir), background(parts, worker, None, {}):

        def supervisor(run: int) -> Supervisor:
            return make_supervisor(parts, job_queue(None, parts.library.job_store, worker, run), worker, None)

        yield _session(parts, worker, supervisor, lambda _: None)


@contextlib.contextmanager
def _shared(parts: WorkerParts) -> Iterator[Session]:
    library = parts.library
    with join(parts) as membership:
        registration = membership.registration
        poller = ProgressPoller(parts.progress)
        others = {"progress poller": poller.run, "heartbeat": registration.keep_alive}
        with background(parts, registration.name, membership.broker, others):

            def supervisor(_: int) -> Supervisor:
                return make_supervisor(parts, membership.queue, registration.name, registration)

            follow = RunFollower(library.database, library.workers, parts.bus, poller, registration.name)
            yield _session(parts, registration.name, supervisor, follow)


def _session(
    parts: WorkerParts,
    worker: str,
    supervisor: Callable[[int], Supervisor],
    follow: Callable[[int], None],
) -> Session:
    library, settings, bus, stop = parts.library, parts.library.settings, parts.bus, parts.stop

    def stopping() -> bool:
        return stop.requests > 0

    storage_retry = StorageRetry(bus, stopping, settings.storage_wait_s)
    return Session(
        job_store=library.job_store,
        roots=library.roots,
        runs=library.runs,
        scanner=Scanner(
            Files(library.database),
            Intake(library.database, versions(), settings.rules, settings.ageing_s),
            library.roots,
            library.runs,
            Patterns(settings.include, settings.exclude, settings.extensions),
            bus,
            stopping,
            storage_retry,
        ),
        supervisor=supervisor,
        view=parts.view,
        announce=bus,
        stop=stop,
        storage_retry=storage_retry,
        worker=worker,
        workers=settings.workers,
        shared=library.database.shared,
        follow=follow,
    )
