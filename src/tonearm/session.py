"""One call over some folders, from the first look to the summary: scan, analyse, tell."""

import os
import time
from collections.abc import Sequence
from dataclasses import dataclass

from tonearm.errors import ConfigurationError, TonearmError
from tonearm.events import Announce, RunStarted, Slow, StateChanged, Summary
from tonearm.jobs.port import Ledger
from tonearm.jobs.runs import Runs, RunState
from tonearm.library.roots import Roots
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
        for path in paths:
            if not os.path.exists(path):
                raise ConfigurationError(f"{printable(path)}: no such file or folder")
        began = time.monotonic()
        self.ledger.recover(self.worker)
        self.runs.close_abandoned()
        run = self.runs.open(paths)
        finished = False
        try:
            self._scan(run, paths, level, fresh)
            if not self.stop.requests:
                self.announce(RunStarted(run, self.workers, self.runs.workload(run), self.runs.cost()))
                finished = self.supervisor.work(run)
        except TonearmError as error:
            self.announce(StateChanged(run, "stopped", str(error)))
            self.announce(self._summary(run, began, interrupted=True))
            raise  # the next call closes this run: now the database may not take it
        self.runs.close(run, RunState.FINISHED if finished else RunState.INTERRUPTED)
        summary = self._summary(run, began, interrupted=not finished)
        self.announce(summary)
        return summary

    def _scan(self, run: int, paths: Sequence[bytes], level: Level | None, fresh: bool) -> None:
        if not paths:
            self.runs.adopt_open(run)
        for path in paths:
            if self.stop.requests:
                return
            self.scanner.scan(run, self.roots.ensure(path), level, fresh)

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
            interrupted=interrupted and counts.pending > 0,
            slowest=tuple(Slow(path, elapsed, decoded) for elapsed, path, decoded in self.view.slowest),
        )
