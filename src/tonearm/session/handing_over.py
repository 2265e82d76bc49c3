"""One call of ``analyze`` where another process keeps the library up to date: that one works, this one follows."""

import functools
import secrets
import select
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from tonearm.errors import StorageError
from tonearm.events.event import Announce
from tonearm.events.facts import (
    ProgressEstimated,
    Remote,
    RunStarted,
    RunStateChanged,
    Summary,
    WorkloadKnown,
)
from tonearm.events.states import RunState
from tonearm.jobs.asked_runs import AskedRuns, ScanRequest
from tonearm.jobs.runs import Runs
from tonearm.library.roots import Roots
from tonearm.progress.live import LiveView
from tonearm.progress.remote_events import RemoteEvents
from tonearm.resilience.storage_retry import StorageRetry
from tonearm.session.session import ESTIMATE_S, AnalyzeRequest
from tonearm.session.summary import summary_of
from tonearm.worker.signals import StopSwitch

LOOK_S = 0.5


@dataclass(slots=True)
class HandedOver:
    """Asks the process that keeps the library up to date for a run, and follows it to its end.

    keeper: the id of that process, or ``None`` once it has ended. events: finds what is done in a run. patterns: which
    files are wanted. left: what a person is told of a run that goes on without this process.
    """

    roots: Roots
    runs: Runs
    asked: AskedRuns
    keeper: Callable[[], int | None]
    events: Callable[[int], RemoteEvents]
    patterns: Mapping[str, Any]
    view: LiveView
    announce: Announce
    stop: StopSwitch
    storage_retry: StorageRetry
    workers: int
    left: str = ""
    _workload_known: bool = field(default=False)
    _estimated_at: float = field(default=0.0)
    _state: RunState = field(default=RunState.RUNNING)

    def analyze(self, request: AnalyzeRequest) -> Summary:
        """Have the paths scanned and analysed. Raises StorageError."""
        began = time.monotonic()
        paths, correlation_id = [one.path for one in request.paths], secrets.token_hex(16)
        ask = functools.partial(self.asked.ask, paths, self._asked(request), correlation_id)
        run = self.storage_retry(ask)
        self.announce(RunStarted(run, self.workers, correlation_id))
        finished = self._follow(run)
        interrupted = not finished or self.runs.counts(run).pending > 0
        if not finished and (keeper := self.keeper()) is not None:
            self.left = f"Run {run} goes on in process {keeper}; `tonearm runs cancel {run}` cancels it."
        summary = summary_of(
            self.runs, self.view, run, time.monotonic() - began, self.runs.decoded_s(run), interrupted
        )
        self.announce(summary)
        return summary

    def _asked(self, request: AnalyzeRequest) -> ScanRequest:
        budget = request.stale
        return ScanRequest(
            level=request.level,
            fresh=request.fresh,
            stale=budget is not None,
            files=None if budget is None else budget.files,
            seconds=None if budget is None else budget.seconds,
            adopts=budget is None and not request.paths,
            patterns=self.patterns,
        )

    def _follow(self, run: int) -> bool:
        """Announce what is done in the run; returns whether it has ended, and not this process or the other one."""
        events = self.events(run)
        while True:
            alive = self.keeper() is not None  # asked first: what it does at its end is then seen
            try:
                progress = self.asked.progress(run)
                self._announce_news(run, events)
                if progress.scanned and not self._workload_known:
                    self._announce_workload(run)
            except StorageError:
                pass  # asked again in a moment
            else:
                if progress.finished:
                    return progress.scanned or self._state == RunState.CANCELLED
            if not alive or self.stop.requests:
                return False
            select.select([self.stop.wakeup], [], [], LOOK_S)
            self.stop.clear_wakeup()

    def _announce_news(self, run: int, events: RemoteEvents) -> None:
        for event in events.look():
            self.announce(Remote(event))
        while events.behind:
            for event in events.look():
                self.announce(Remote(event))
        state = self.runs.states([run])[run]
        if state != self._state and state in (RunState.RUNNING, RunState.PAUSED, RunState.CANCELLED):
            self._state = state
            self.announce(RunStateChanged(run, state))
        now = time.monotonic()
        if now - self._estimated_at >= ESTIMATE_S:
            self._estimated_at = now
            self.announce(ProgressEstimated(run, self.view.outlook()))

    def _announce_workload(self, run: int) -> None:
        workload, learned = self.runs.workload(run), self.runs.decoded_lately()
        self._workload_known = True
        self.announce(WorkloadKnown(run, self.workers, workload, learned, self.view.ended))
