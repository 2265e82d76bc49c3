"""One call of ``analyze``: scans and analyses at the same time, follows the run to its end, and summarises it."""

import functools
import secrets
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from tonearm.errors import NotFound, StorageError, TonearmError
from tonearm.events.event import Announce
from tonearm.events.facts import (
    ProgressEstimated,
    RunStarted,
    Summary,
    Warned,
    WorkerStateChanged,
    WorkloadKnown,
)
from tonearm.events.states import Obstacle, RunState, WarningCode, WorkerState
from tonearm.jobs.job import UnmountedPlace
from tonearm.jobs.runs import Runs
from tonearm.jobs.unread_paths import UnreadPath
from tonearm.library.roots import Place, Roots, outermost
from tonearm.names import printable
from tonearm.progress.live import LiveView
from tonearm.resilience.storage_retry import StorageRetry
from tonearm.scan.reader import NamedPath, resolved
from tonearm.scan.scanner import Scanner
from tonearm.scan.stale import Budget, StaleScan
from tonearm.scan.walk import PlaceUnreadable
from tonearm.session.background_scan import BackgroundScan
from tonearm.session.coordination import Coordination
from tonearm.session.places import place_of
from tonearm.session.summary import summary_of
from tonearm.settings import Level
from tonearm.worker.signals import StopSwitch
from tonearm.worker.task import Task

ESTIMATE_S = 5.0
"""Seconds between announcements of what is left."""


@dataclass(frozen=True, slots=True)
class AnalyzeRequest:
    """Arguments of one call.

    paths: folders and files; if empty, all open jobs and the paths whose scans ended early.
    level: the priority; ``None``: by the rules. fresh: analyse again files that have results.
    detach: scan and enqueue only, and leave the analysis to other workers.
    stale: enqueue the files whose results are stale, within this budget, and read no folder; ``None``: scan the paths.
    """

    paths: Sequence[NamedPath]
    level: Level | None = None
    fresh: bool = False
    detach: bool = False
    stale: Budget | None = None


@dataclass(slots=True)
class _Run:
    """State of the run of this call."""

    id: int
    began: float
    unread: set[bytes] = field(default_factory=set)
    workload_known: bool = False
    cancelled: bool = False
    estimated_at: float = 0.0
    held_up_by: Obstacle | None = None


@dataclass(frozen=True, slots=True)
class Session:
    """Runs one call with its collaborators, which bootstrap has composed.

    worker: the name under which this process takes jobs. workers: how many files it analyses at the same time.
    scan_cancelled: set to end the scan; a request to stop also ends it. left: nothing goes on in another process.
    """

    worker: str
    coordination: Coordination
    roots: Roots
    runs: Runs
    scanner: Scanner
    stale_scan: StaleScan
    view: LiveView
    announce: Announce
    stop: StopSwitch
    storage_retry: StorageRetry
    workers: int
    scan_cancelled: threading.Event
    left: str = ""

    def analyze(self, request: AnalyzeRequest) -> Summary:
        """Scan the paths and analyse the files that need it.

        Raises:
            NotFound: a path of which the stale results are wanted is not in the library.
            StorageError: the database can't be used; results stored so far are kept.
            CannotStart: too many child processes in a row end before they are ready.
        """
        named = request.paths
        began = time.monotonic()
        self.coordination.prepare()
        if request.stale is None and not request.paths:
            unscanned = self.storage_retry(self.runs.unscanned_paths)
            named = resolved(unscanned, lambda: self.stop.requests > 0)
        paths = [one.path for one in named]
        stale_places = [] if request.stale is None else self._known_places(paths)
        correlation_id = secrets.token_hex(16)
        run = _Run(self.storage_retry(lambda: self.runs.open(paths, correlation_id)), began)
        self.announce(RunStarted(run.id, self.workers, correlation_id))
        if request.stale is None:
            find = functools.partial(self._scan, run, named, request)
        else:
            find = functools.partial(self._take_up_stale, run, stale_places, request)
        scan = BackgroundScan(find, self.scan_cancelled, self.stop)
        try:
            finished = self._work(run, scan, request)
        except TonearmError as error:
            scan.abandon()
            self.announce(WorkerStateChanged(self.worker, WorkerState.FAILED, str(error)))
            self._announce_partial_summary(run)
            raise  # the next call closes this run, as the database may not be writable now
        return self._close(run, finished, scan.complete, request.detach)

    def _work(self, run: _Run, scan: BackgroundScan, request: AnalyzeRequest) -> bool:
        """Scan, and analyse the files that are found; returns whether no open job is left."""
        if request.stale is None and not request.paths:
            self.storage_retry(lambda: self.runs.adopt_open(run.id))
        scan.start()
        finished = False
        if not request.detach:
            self.coordination.follow(run.id)  # from here on it knows what this process announces itself

            def is_over(unmounted: frozenset[UnmountedPlace]) -> bool:
                return self._scan_is_over(run, scan) and self.coordination.is_over(run.id, unmounted)

            def each_second() -> None:
                self._check_scan(run, scan)
                self.coordination.follow(run.id)
                self._announce_estimate(run)

            finished = self.coordination.supervisor(run.id).work(Task(run.id, is_over, each_second))
        scan.wait()
        return finished

    def _scan_is_over(self, run: _Run, scan: BackgroundScan) -> bool:
        """Whether every file of the run is enqueued; announces the workload once this is so."""
        if not scan.ended:
            return False
        if run.cancelled:
            self.runs.finish_cancelling()  # cancels jobs that were enqueued after the run was cancelled
        elif not run.workload_known:
            self._announce_workload(run)
        return True

    def _check_scan(self, run: _Run, scan: BackgroundScan) -> None:
        """Announce the workload once it is known, and cancel the scan of a cancelled run."""
        scan.raise_failure()
        try:
            if scan.ended and not run.workload_known:
                self._announce_workload(run)
            if not scan.ended and self.runs.states([run.id])[run.id] == RunState.CANCELLED:
                run.cancelled = True
                scan.cancel()
        except StorageError:
            return  # checked again in a second

    def _announce_workload(self, run: _Run) -> None:
        """Announce the workload, from the thread that announces finished files, so that no file is counted twice."""
        workload, learned = self.runs.workload(run.id), self.runs.decoded_lately()
        run.workload_known = True
        self.announce(WorkloadKnown(run.id, self.workers, workload, learned, self.view.ended))

    def _announce_estimate(self, run: _Run) -> None:
        """Announce what is left, every few seconds and when something else holds the run up."""
        now, outlook = time.monotonic(), self.view.outlook()
        if outlook.held_up_by == run.held_up_by and now - run.estimated_at < ESTIMATE_S:
            return
        run.estimated_at, run.held_up_by = now, outlook.held_up_by
        self.announce(ProgressEstimated(run.id, outlook))

    def _scan(self, run: _Run, named: Sequence[NamedPath], request: AnalyzeRequest) -> bool:
        """Scan every path and collect the unreadable ones; ``False`` if stopped before the end."""
        for one in named:
            path = one.path
            try:
                place = self.storage_retry(functools.partial(place_of, self.roots, one))
                outcome = self.scanner.scan(run.id, place, request.level, request.fresh)
                run.unread.update(outcome.unread)
                if not outcome.complete:
                    return False
            except PlaceUnreadable as error:
                run.unread.add(path)
                unread = [UnreadPath(path, str(error))]
                self.storage_retry(functools.partial(self.runs.note_unread, run.id, unread))
                self.announce(Warned(WarningCode.PATH_UNREADABLE, str(error), path))
        self.storage_retry(lambda: self.runs.mark_scanned(run.id))
        return True

    def _take_up_stale(self, run: _Run, places: Sequence[Place], request: AnalyzeRequest) -> bool:
        """Enqueue the files with stale results; what is not enqueued stays stale, so the scan is always complete."""
        level = Level.BACKGROUND if request.level is None else request.level
        self.stale_scan.take_up(run.id, outermost(places), level, request.stale or Budget())
        self.storage_retry(lambda: self.runs.mark_scanned(run.id))
        return True

    def _known_places(self, paths: Sequence[bytes]) -> list[Place]:
        """The places of some paths, or all roots. Raises NotFound for a path outside of all roots."""
        if not paths:
            return self.storage_retry(self.roots.every)
        found = []
        for path in paths:
            place = self.storage_retry(functools.partial(self.roots.locate, path))
            if place is None:
                raise NotFound(
                    f"{printable(path)}: not in the library; `tonearm analyze` without --stale adds it"
                )
            found.append(place)
        return found

    def _close(self, run: _Run, finished: bool, scanned: bool, detach: bool) -> Summary:
        self.coordination.follow(run.id)
        cancelled = self.runs.states([run.id])[run.id] == RunState.CANCELLED
        left = not (scanned or cancelled) or self.runs.counts(run.id).pending > 0
        self.coordination.close(run.id, finished and not left)
        summary = self._summary(run, interrupted=left and not (detach and scanned))
        self.announce(summary)
        return summary

    def _announce_partial_summary(self, run: _Run) -> None:
        try:
            summary = self._summary(run, interrupted=True)
        except StorageError:
            return  # the counts can't be read without the database
        self.announce(summary)

    def _summary(self, run: _Run, interrupted: bool) -> Summary:
        return summary_of(
            self.runs,
            self.view,
            run.id,
            time.monotonic() - run.began,
            self.coordination.decoded_s(run.id),
            interrupted,
            len(run.unread),
        )
