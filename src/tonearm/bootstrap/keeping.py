"""Composes what keeps a library up to date: scans of its roots when something changes, and the analysis of files."""

import contextlib
import functools
import select
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from tonearm.bootstrap.renaming import settle, settle_if_free
from tonearm.bootstrap.scanning import patterns_from, patterns_of, scanning
from tonearm.bootstrap.servers import job_queue
from tonearm.bootstrap.worker import WorkerParts, background, join, make_supervisor, open_parts
from tonearm.errors import LibraryInUse, NotFound
from tonearm.events.event import Event
from tonearm.events.report import report
from tonearm.jobs.asked_runs import AskedRuns, ScanRequest
from tonearm.library.process_lock import exclusive_lock, takes_requests
from tonearm.progress.live import LiveView
from tonearm.scan.watch import Watch
from tonearm.session.coordination import take_over
from tonearm.session.keeping import Keeping, ScanEnd
from tonearm.settings import Settings
from tonearm.telemetry.log_facts import FactLog
from tonearm.worker.registration import SoleRegistration, worker_name
from tonearm.worker.signals import StopSwitch
from tonearm.worker.work_until_stopped import work_until_stopped

if TYPE_CHECKING:
    from tonearm.bootstrap.metrics import Exporter
    from tonearm.telemetry.service_manager import ServiceManager

LOOK_S = 1.0
"""Seconds between looks whether the library's lock is free."""
CLOSE_RUNS_S = 1.0
"""Seconds between looks for runs whose last job has ended: others follow them."""
Work = Callable[[], None]


@contextlib.contextmanager
def open_keeper(
    settings: Settings,
    stop: StopSwitch,
    exporter: "Exporter | None" = None,
    log: FactLog | None = None,
    manager: "ServiceManager | None" = None,
) -> Iterator[Work]:
    """Compose a process that keeps a library up to date; yields the function that works until it is stopped.

    Over a library in a folder it waits until no other process analyses, and asks one that keeps the library to scan it.

    Raises:
        NotFound: the library has no roots.
        NameTaken: another worker with the same name is alive.
        StorageError: the database can't be opened.
    """
    kind = _sole if settings.database_url is None else _shared
    with (
        open_parts(settings, LiveView(), _show_nothing, stop, exporter, log, manager=manager) as parts,
        kind(parts) as work,
    ):
        yield work


@contextlib.contextmanager
def _sole(parts: WorkerParts) -> Iterator[Work]:
    library, stop = parts.library, parts.stop
    _require_roots(parts)
    worker = worker_name(library.settings)
    registration = SoleRegistration(library.settings, library.workers)
    with contextlib.ExitStack() as opened:
        if not _lock(parts, opened):
            yield lambda: None
            return
        settle(library, parts.bus)
        registration.begin()
        take_over(library.job_store, library.runs, parts.bus)
        keeping = _keeping(parts, opened, is_sole=True)
        with background(parts, worker, None, {"scans": keeping.run}):
            queue = job_queue(None, library.job_store, worker, None)
            supervisor = make_supervisor(parts, queue, worker, registration)
            try:
                yield functools.partial(
                    work_until_stopped,
                    supervisor,
                    library.runs,
                    parts.bus,
                    worker,
                    library.settings.workers,
                    CLOSE_RUNS_S,
                )
            finally:
                stop.request()
        library.runs.close_abandoned()
        registration.deregister()


@contextlib.contextmanager
def _shared(parts: WorkerParts) -> Iterator[Work]:
    library = parts.library
    _require_roots(parts)
    settle_if_free(library, parts.bus)
    with contextlib.ExitStack() as opened, join(parts, scans=True) as membership:
        registration = membership.registration
        keeping = _keeping(parts, opened, is_sole=False)
        others = {"heartbeat": registration.keep_alive, "scans": keeping.run}
        with background(parts, registration.name, membership.broker, others):
            supervisor = make_supervisor(parts, membership.queue, registration.name, registration)
            yield functools.partial(
                work_until_stopped,
                supervisor,
                library.runs,
                parts.bus,
                registration.name,
                library.settings.workers,
            )


def _require_roots(parts: WorkerParts) -> None:
    if not parts.library.roots.every():
        raise NotFound("nothing was analysed yet; name a folder, as in: tonearm analyze ~/Music")


def _lock(parts: WorkerParts, opened: contextlib.ExitStack) -> bool:
    """Take the library's lock once it is free; ``False`` if a stop was requested before."""
    folder, stop, told = parts.library.settings.data_dir, parts.stop, False
    while not stop.requests:
        try:
            opened.enter_context(exclusive_lock(folder, scans=True))
        except LibraryInUse as error:
            if not told:
                report(f"waiting: {error}")
                if takes_requests(folder):
                    roots = [place.path for place in parts.library.roots.every()]
                    AskedRuns(parts.library.database).ask(roots, ScanRequest())
            told = True
            select.select([stop.wakeup], [], [], LOOK_S)
            stop.clear_wakeup()
        else:
            return True
    return False


def _keeping(parts: WorkerParts, opened: contextlib.ExitStack, is_sole: bool) -> Keeping:
    library, stop, settings = parts.library, parts.stop, parts.library.settings
    ends = ScanEnd(lambda: stop.requests > 0, lambda run: library.runs.states([run]).get(run))
    scans = scanning(parts, ends)
    own = patterns_of(settings)
    watch = Watch(own, settings.watch_folders, settings.rescan_s)
    opened.callback(watch.close)
    return Keeping(
        roots=library.roots,
        runs=library.runs,
        asked=AskedRuns(library.database),
        watch=watch,
        scanner=lambda asked: scans.scanner(own if asked.patterns is None else patterns_from(asked.patterns)),
        stale_scan=scans.stale_scan,
        announce=parts.bus,
        storage_retry=scans.storage_retry,
        scan_end=ends,
        wake=stop.wake,
        is_sole=is_sole,
    )


def _show_nothing(_: Event) -> None:
    """In place of output: the log tells what happens."""
