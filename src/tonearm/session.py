"""One call over some folders, from the first look to the summary: scan, analyse, tell."""

import functools
import os
import stat
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from tonearm.errors import ConfigurationError, StorageError, TonearmError
from tonearm.events.facts import Announce, RunStarted, Slow, Summary, Warned, WorkerStateChanged
from tonearm.events.states import RunState, WarningCode, WorkerState
from tonearm.jobs.job import UnmountedPlace
from tonearm.jobs.runs import Runs
from tonearm.jobs.sql_job_store import SqlJobStore
from tonearm.library.roots import Roots, canonical
from tonearm.names import printable
from tonearm.progress.live import LiveView
from tonearm.resilience.storage_retry import StorageRetry
from tonearm.scan.scanner import PlaceUnread, Scanner
from tonearm.settings import Level
from tonearm.worker.signals import StopSwitch
from tonearm.worker.supervisor import Supervisor, Task


@dataclass(frozen=True, slots=True)
class Session:
    """What a call needs, put together in bootstrap.

    shared: other processes work on the same library. Then this call follows its run to the end whoever does the
    work, and leaves it to them when it is stopped; else its owner holds the library's lock.
    follow: announces what others did in a run since it was last called.
    """

    job_store: SqlJobStore
    roots: Roots
    runs: Runs
    scanner: Scanner
    supervisor: Callable[[int], Supervisor]
    view: LiveView
    announce: Announce
    stop: StopSwitch
    storage_retry: StorageRetry
    worker: str
    workers: int
    shared: bool
    follow: Callable[[int], None]

    def analyze(
        self, paths: Sequence[bytes], level: Level | None, fresh: bool, detach: bool = False
    ) -> Summary:
        """Scan the paths and analyse what needs it; without a path, continue all open jobs
        and the scans that ended early.

        ``detach``: scan and enqueue only, and leave the work to others.

        Raises:
            ConfigurationError: a path does not exist.
            StorageError: the database can't be used; what was stored stays stored.
            CannotStart: analysing processes do not come up.
        """
        paths = [_usable(path) for path in paths]
        began = time.monotonic()
        if not self.shared:
            self.job_store.reclaim(None)  # who holds the lock is alone
            self.runs.close_abandoned()
        adopt = not paths
        if adopt:
            paths = self.storage_retry(self.runs.unscanned_paths)
        run = self.storage_retry(lambda: self.runs.open(paths))
        finished = scanned = False
        unread: list[bytes] = []
        try:
            scanned = self._scan(run, paths, adopt, level, fresh, unread)
            if scanned:
                self.storage_retry(lambda: self.runs.mark_scanned(run))
                if not detach:
                    finished = self._work(run)
        except TonearmError as error:
            self.announce(WorkerStateChanged(self.worker, WorkerState.FAILED, str(error)))
            self._say_how_far(run, began)
            raise  # the next call closes this run: now the database may not take it
        except KeyboardInterrupt:
            finished = scanned = False
        return self._ended(run, began, finished, scanned, detach, len(set(unread)))

    def _work(self, run: int) -> bool:
        self.announce(
            RunStarted(
                run,
                self.workers,
                self.storage_retry(lambda: self.runs.workload(run)),
                self.storage_retry(self.runs.cost),
            )
        )

        def over(unmounted: frozenset[UnmountedPlace]) -> bool:
            return not self.job_store.open_jobs(run, () if self.shared else unmounted)

        return self.supervisor(run).work(Task(run, over, lambda: self.follow(run)))

    def _ended(
        self, run: int, began: float, finished: bool, scanned: bool, detach: bool, unread: int
    ) -> Summary:
        self.follow(run)
        left = not scanned or self.runs.counts(run).pending > 0
        if not self.shared:
            self.runs.close(run, RunState.FINISHED if finished and not left else RunState.INTERRUPTED)
        else:
            self.runs.close_ended()
        summary = self._summary(run, began, interrupted=left and not (detach and scanned), unread=unread)
        self.announce(summary)
        return summary

    def _say_how_far(self, run: int, began: float) -> None:
        try:
            summary = self._summary(run, began, interrupted=True)
        except StorageError:
            return  # the database that is away is the only one who knows
        self.announce(summary)

    def _scan(
        self,
        run: int,
        paths: Sequence[bytes],
        adopt: bool,
        level: Level | None,
        fresh: bool,
        unread: list[bytes],
    ) -> bool:
        """Scan every path, gather those that can't be read; ``False`` when stopped before the last was read."""
        if adopt:
            self.storage_retry(lambda: self.runs.adopt_open(run))
        self.stop.interrupts = True
        try:
            for path in paths:
                place = self.storage_retry(functools.partial(self.roots.ensure, path))
                try:
                    outcome = self.scanner.scan(run, place, level, fresh)
                    unread.extend(outcome.unread)
                    if not outcome.complete:
                        return False
                except PlaceUnread as error:
                    unread.append(path)
                    self.announce(Warned(WarningCode.PATH_UNREADABLE, str(error), path))
            return True
        finally:
            self.stop.interrupts = False

    def _summary(self, run: int, began: float, interrupted: bool, unread: int = 0) -> Summary:
        counts = self.runs.counts(run)
        return Summary(
            run=run,
            discovered=counts.discovered,
            done=counts.done,
            partial=counts.partial,
            skipped=counts.skipped,
            failed=counts.failed,
            pending=counts.pending,
            elapsed_s=time.monotonic() - began,
            decoded_s=self.runs.decoded_s(run) if self.shared else self.view.decoded_s,
            interrupted=interrupted,
            unread=unread,
            cancelled=self.runs.states([run])[run] == RunState.CANCELLED,
            slowest=tuple(Slow(path, elapsed, decoded) for elapsed, path, decoded in self.view.slowest),
        )


def _usable(path: bytes) -> bytes:
    """The canonical path of a file or folder that a person named. Raises ConfigurationError."""
    try:
        mode = os.stat(path).st_mode
    except (FileNotFoundError, NotADirectoryError) as error:
        raise ConfigurationError(f"{printable(path)}: {error.strerror}") from error
    except OSError:
        return canonical(
            path
        )  # such as a mount whose server is gone: the scan will say so, and go on with the rest
    if not (stat.S_ISDIR(mode) or stat.S_ISREG(mode)):
        raise ConfigurationError(f"{printable(path)}: neither a file nor a folder")
    return canonical(path)
