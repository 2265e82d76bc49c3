"""Enqueues the files whose results are stale, from the library alone: no folder is read."""

import functools
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from tonearm.events.batches import JobsEnqueued
from tonearm.events.event import Announce
from tonearm.events.facts import ScanProgress
from tonearm.jobs.intake import Intake
from tonearm.jobs.runs import Runs
from tonearm.jobs.stale_files import StaleFiles
from tonearm.library.files import FileChange, KnownFile, ScannedFile
from tonearm.library.found_file import FoundFile
from tonearm.library.roots import Place
from tonearm.names import extension_of
from tonearm.resilience.storage_retry import StorageRetry
from tonearm.settings import Level

BATCH = 2000
AHEAD_S = 20.0
"""With a limited time, files are enqueued for about so many seconds of work."""
FIRST = 16
"""Number of files that are enqueued before it is known how quickly they are analysed."""
LOOK_S = 0.5


@dataclass(frozen=True, slots=True)
class Budget:
    """How much is taken up at most: a number of files, and seconds; ``None``: without a limit."""

    files: int | None = None
    seconds: float | None = None


@dataclass(frozen=True, slots=True)
class StaleScan:
    """Takes up stale files within a budget. ``stopping``: returns whether it has to end."""

    stale: StaleFiles
    intake: Intake
    runs: Runs
    announce: Announce
    stopping: Callable[[], bool]
    storage_retry: StorageRetry

    def take_up(self, run: int, places: Sequence[Place], level: Level, budget: Budget) -> int:
        """Enqueue the stale files at or below some places in a run; returns their number."""
        began, taken = time.monotonic(), 0
        for place in places:
            after: bytes | None = None
            while not self.stopping():
                limit = self._next_batch(run, began, taken, budget)
                read = functools.partial(self.stale.next, place, after, limit)
                page = self.storage_retry(read) if limit else []
                if not page:
                    break
                self._enqueue(run, place, page, level)
                taken, after = taken + len(page), page[-1].path
                self.announce(ScanProgress(taken, taken))
        return taken

    def _next_batch(self, run: int, began: float, taken: int, budget: Budget) -> int:
        """How many files to enqueue now; 0 once the budget is spent. With a limited time, waits until few are left."""
        left = BATCH if budget.files is None else min(BATCH, budget.files - taken)
        if budget.seconds is None or left <= 0:
            return left
        if not taken:
            return min(left, FIRST)
        while not self.stopping():
            elapsed = time.monotonic() - began
            if elapsed > budget.seconds:
                return 0
            pending = self.storage_retry(lambda: self.runs.counts(run).pending)
            ahead = max(FIRST, int((taken - pending) / elapsed * AHEAD_S))
            if pending < ahead / 2:
                return min(left, ahead - pending)
            time.sleep(LOOK_S)
        return 0

    def _enqueue(self, run: int, place: Place, page: Sequence[KnownFile], level: Level) -> None:
        files = [ScannedFile(_as_known(file), FileChange.UNCHANGED, file) for file in page]
        began = time.monotonic()
        result = self.storage_retry(lambda: self.intake.record(run, place.root, files, level))
        if result.enqueued:
            self.announce(JobsEnqueued(run, result.enqueued, time.monotonic() - began, result.traces))


def _as_known(file: KnownFile) -> FoundFile:
    return FoundFile(
        file.path, file.size, file.mtime_ns, file.inode, extension_of(file.path).decode("latin-1")
    )
