"""One call over some folders, from the first look to the summary: scan, analyse, tell."""

import os
import stat
import time
from collections.abc import Sequence
from dataclasses import dataclass

from tonearm.errors import ConfigurationError, TonearmError
from tonearm.events import Announce, RunStarted, Slow, StateChanged, Summary
from tonearm.jobs.port import Ledger
from tonearm.jobs.runs import Runs, RunState
from tonearm.library.roots import Roots, canonical
from tonearm.names import printable
from tonearm.progress.live import LiveView
from tonearm.scan.scanner import Scanner
from tonearm.settings import Level
from tonearm.worker.stopping import StopSwitch
from tonearm.worker.supervisor import Supervisor


@dataclass(frozen=True, slots=True)
class Session:
    """What a call needs, put together in bootstrap. Its owner holds the library's lock."""

    ledger: Ledger
    roots: Roots
    runs: Runs
    scanner: Scanner
    supervisor: Supervisor
    view: LiveView
    announce: Announce
    stop: StopSwitch
    worker: str
    workers: int

    def analyze(self, paths: Sequence[bytes], level: Level | None, fresh: bool) -> Summary:
        """Scan the paths and analyse what needs it; without a path, take up all that is open.

        Raises:
            ConfigurationError: a path does not exist.
            StorageError: the database can't be used; what was stored stays stored.
            CannotStart: analysing processes do not come up.
        """
        paths = [_usable(path) for path in paths]
        began = time.monotonic()
        self.ledger.recover(self.worker)
        self.runs.close_abandoned()
        run = self.runs.open(paths)
        finished = scanned = False
        try:
            scanned = self._scan(run, paths, level, fresh)
            if scanned:
                self.announce(RunStarted(run, self.workers, self.runs.workload(run), self.runs.cost()))
                finished = self.supervisor.work(run)
        except TonearmError as error:
            self.announce(StateChanged(run, "stopped", str(error)))
            self.announce(self._summary(run, began, interrupted=True))
            raise  # the next call closes this run: now the database may not take it
        except KeyboardInterrupt:
            finished = scanned = False
        self.runs.close(run, RunState.FINISHED if finished else RunState.INTERRUPTED)
        left = not scanned or self.runs.counts(run).pending > 0
        summary = self._summary(run, began, interrupted=not finished and left)
        self.announce(summary)
        return summary

    def _scan(self, run: int, paths: Sequence[bytes], level: Level | None, fresh: bool) -> bool:
        """Scan every path; ``False`` when stopped before the last was read."""
        if not paths:
            self.runs.adopt_open(run)
        self.stop.impatient = True
        try:
            return all(self.scanner.scan(run, self.roots.ensure(path), level, fresh) for path in paths)
        finally:
            self.stop.impatient = False

    def _summary(self, run: int, began: float, interrupted: bool) -> Summary:
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
            decoded_s=self.view.decoded_s,
            interrupted=interrupted,
            slowest=tuple(Slow(path, elapsed, decoded) for elapsed, path, decoded in self.view.slowest),
        )


def _usable(path: bytes) -> bytes:
    """The canonical path of a file or folder that a person named. Raises ConfigurationError."""
    try:
        mode = os.stat(path).st_mode
    except OSError as error:
        raise ConfigurationError(f"{printable(path)}: {error.strerror}") from error
    if not (stat.S_ISDIR(mode) or stat.S_ISREG(mode)):
        raise ConfigurationError(f"{printable(path)}: neither a file nor a folder")
    return canonical(path)
