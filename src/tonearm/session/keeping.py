"""Keeps a library up to date: scans its roots, then what has changed and what others ask for, one run after the other.

The jobs that the scans enqueue are taken by the supervisor of the same process, for as long as it lives.
"""

import contextlib
import functools
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from tonearm.errors import StorageError
from tonearm.events.event import Announce
from tonearm.events.facts import RunStateChanged, Warned
from tonearm.events.states import RunState, Severity, WarningCode
from tonearm.jobs.asked_runs import AskedRuns, ScanRequest
from tonearm.jobs.runs import Runs
from tonearm.jobs.unread_paths import UnreadPath
from tonearm.library.roots import Place, Roots, outermost
from tonearm.names import printable
from tonearm.resilience.storage_retry import StorageRetry
from tonearm.scan.reader import NamedPath, resolved
from tonearm.scan.scanner import Scanner
from tonearm.scan.stale import Budget, StaleScan
from tonearm.scan.walk import PlaceUnreadable
from tonearm.scan.watch import Watch, outermost_paths
from tonearm.session.places import place_of
from tonearm.settings import Level

LOOK_S = 0.5
"""Seconds between looks for changes and requests."""
STATE_S = 1.0
"""Seconds between looks whether the run of a scan was cancelled."""
FIRST, CHANGED, ASKED = "its folders are scanned", "something in its folders has changed", "it was asked for"


@dataclass(slots=True)
class ScanEnd:
    """Tells a scan whether it has to end: the process stops, or the run was cancelled."""

    stopping: Callable[[], bool]
    states: Callable[[int], RunState | None]
    turned: Callable[[], object] = lambda: None
    run: int | None = None
    _asked_at: float = 0.0
    _cancelled: bool = False

    def begin(self, run: int) -> None:
        """Attend to a run."""
        self.run, self._cancelled, self._asked_at = run, False, time.monotonic()

    def __call__(self) -> bool:
        """Whether the scan has to end."""
        now = time.monotonic()
        if self.run is not None and now - self._asked_at > STATE_S:
            self._asked_at = now
            self.turned()
            with contextlib.suppress(StorageError):  # it is asked again in a second
                self._cancelled = self.states(self.run) == RunState.CANCELLED
        return self._cancelled or self.stopping()


@dataclass(slots=True)
class Keeping:
    """The scans of a process that keeps a library up to date.

    scanner: makes what scans, with the patterns of a request or those of the settings. is_sole: whether this is the
    only process of the library that analyses, so that what earlier ones have left is continued here.
    """

    roots: Roots
    runs: Runs
    asked: AskedRuns
    watch: Watch
    scanner: Callable[[ScanRequest], Scanner]
    stale_scan: StaleScan
    announce: Announce
    storage_retry: StorageRetry
    scan_end: ScanEnd
    wake: Callable[[], None]
    is_sole: bool
    _began: bool = field(default=False)

    def run(self, stop: threading.Event) -> None:
        """Scan until the event is set; the body of a thread."""
        self.scan_end.turned = functools.partial(stop.wait, 0)
        while not stop.wait(LOOK_S):
            try:
                self._turn()
            except StorageError:
                continue  # the supervisor tells it, and the paths are scanned by the next start

    def _turn(self) -> None:
        if not self._began:
            paths = [place.path for place in self._follow()]
            if self.is_sole:
                paths = outermost_paths([*paths, *self.runs.unscanned_paths()])
            self._began = True
            self._scan(self.runs.open(paths), paths, ScanRequest(adopts=self.is_sole), FIRST)
        while not self.scan_end.stopping() and (asked := self.asked.take_up()) is not None:
            self._scan(asked.run, asked.paths, asked.request, ASKED)
            self._follow()
        if changed := self._known(self.watch.due()):
            self._scan(self.runs.open(changed), changed, ScanRequest(), CHANGED)

    def _follow(self) -> list[Place]:
        """Watch the roots, and say which of them can't be."""
        places = self.storage_retry(self.roots.every)
        for root, reason in self.watch.follow([place.here for place in places]).items():
            text = f"changes in it are found by a scan now and then only: {reason}"
            self.announce(Warned(WarningCode.NOT_WATCHED, text, root, severity=Severity.INFO))
        return places

    def _known(self, changed: Sequence[bytes]) -> list[bytes]:
        return [path for path in changed if self.roots.locate(path, is_canonical=True) is not None]

    def _scan(self, run: int, paths: Sequence[bytes], request: ScanRequest, why: str) -> None:
        """Carry out the scan of a run. Its jobs are taken, and the run is closed, by others."""
        self.scan_end.begin(run)
        self.announce(RunStateChanged(run, RunState.RUNNING, why))
        if request.adopts:
            self.storage_retry(lambda: self.runs.adopt_open(run))
            self.wake()
        if request.stale:
            self._take_up_stale(run, paths, request)
        else:
            scanner = self.scanner(request)
            for named in resolved(paths, self.scan_end):
                if not self._scan_path(scanner, run, named, request):
                    break
        if self.scan_end():
            self.runs.finish_cancelling()
        else:
            self.storage_retry(lambda: self.runs.mark_scanned(run))
        self.wake()

    def _scan_path(self, scanner: Scanner, run: int, named: NamedPath, request: ScanRequest) -> bool:
        """Scan one path; returns whether to go on."""
        try:
            place = self.storage_retry(functools.partial(place_of, self.roots, named))
            return scanner.scan(run, place, request.level, request.fresh).complete
        except PlaceUnreadable as error:
            self.announce(Warned(WarningCode.PATH_UNREADABLE, str(error), named.path))
            unread = [UnreadPath(named.path, str(error))]
            self.storage_retry(functools.partial(self.runs.note_unread, run, unread))
        return True

    def _take_up_stale(self, run: int, paths: Sequence[bytes], request: ScanRequest) -> None:
        places = [place for path in paths if (place := self.roots.locate(path)) is not None]
        if paths and not places:
            self.announce(
                Warned(WarningCode.PATH_UNREADABLE, f"{printable(paths[0])}: not in the library", paths[0])
            )
        budget = Budget(request.files, request.seconds)
        level = Level.BACKGROUND if request.level is None else request.level
        self.stale_scan.take_up(run, outermost(places or self.roots.every()), level, budget)
