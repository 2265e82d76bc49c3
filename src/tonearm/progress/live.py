"""The live view of a run: a subscriber that can be read at any time from any thread."""

import time
from dataclasses import dataclass, field

from tonearm.events.event import Event
from tonearm.events.facts import (
    JobEvent,
    JobFinished,
    JobRetrying,
    JobReturned,
    JobStarted,
    Remote,
    RunStarted,
    RunStateChanged,
    ScanFinished,
    ScanProgress,
    StageReached,
    Summary,
    WorkersChanged,
    WorkerStateChanged,
    WorkloadKnown,
)
from tonearm.events.job_ref import JobRef
from tonearm.events.services import StorageStateChanged
from tonearm.events.states import RunState, StorageState, WorkerState
from tonearm.progress.eta import Eta, FileInProgress

SLOWEST = 5
"""How many of the slowest files are kept."""


@dataclass(slots=True)
class Running:
    """A file that a child has. ``remote``: a child of another worker. ``since``: by ``time.monotonic``."""

    job: JobRef
    since: float
    remote: bool = False
    stage: str = "start"
    fraction: float | None = None


@dataclass(slots=True)
class LiveView:
    """The state of a run: what this worker does in it, and what other workers do, as far as their facts are announced.

    run: the run that is shown; only its files are counted. ``None``: those of all runs, such as a worker's.
    running: files of other runs too. Throughput is measured from the moment when work began.
    """

    run: int | None = None

    discovered: int = 0
    to_analyse: int = 0
    total: int = 0
    done: int = 0
    partial: int = 0
    failed: int = 0
    retrying: int = 0
    decoded_s: float = 0.0
    scanning: bool = True
    running: dict[int, Running] = field(default_factory=dict)
    slowest: list[tuple[float, bytes, float]] = field(default_factory=list)
    summary: Summary | None = None
    _scanned: tuple[int, int] = (0, 0)
    _work_began: float | None = None
    _eta: Eta | None = None
    _run: tuple[RunState, str | None] | None = None
    _storage: tuple[StorageState, str | None] = (StorageState.AVAILABLE, None)
    _worker: tuple[WorkerState, str | None] = (WorkerState.WORKING, None)

    def __call__(self, event: Event) -> None:
        """Update the view."""
        match event:
            case ScanProgress():
                self.discovered = self._scanned[0] + event.discovered
                self.to_analyse = self._scanned[1] + event.to_analyse
            case ScanFinished():
                self.discovered = self._scanned[0] + event.discovered
                self._scanned = (self.discovered, self.to_analyse)
            case RunStarted():
                self._show(event.run)
            case WorkloadKnown():
                self.scanning = False
                self._run = self._run or (RunState.RUNNING, None)
                self.total = event.ended + sum(load.files for load in event.workload.values())
                self._work_began = self._work_began or time.monotonic()
                self._eta = Eta(event.workload, event.cost, event.workers)
            case JobEvent():
                self._job(event, remote=False)
            case Remote():
                self._job(event.fact, remote=True)
            case Summary():
                self.summary = event
            case WorkersChanged() if self._eta is not None:
                self._eta.workers = event.slots
            case RunStateChanged():
                self._run = (event.state, event.reason)
            case StorageStateChanged():
                self._storage = (event.state, event.reason)
            case WorkerStateChanged():
                self._worker = (event.state, event.reason)
            case _:
                pass

    def _job(self, event: JobEvent, remote: bool) -> None:
        job = event.job
        match event:
            case JobStarted():
                if self._is_shown(job):
                    self._work_began = self._work_began or time.monotonic()
                self.running[job.job] = Running(job, time.monotonic() - event.elapsed_s, remote)
            case StageReached() if job.job in self.running:
                self.running[job.job].stage = event.stage
                self.running[job.job].fraction = event.fraction
            case JobFinished():
                self.running.pop(job.job, None)
                if self._is_shown(job):
                    self._finished(event)
            case JobRetrying():
                self.running.pop(job.job, None)
                self.retrying += self._is_shown(job)
            case JobReturned():
                was_running = self.running.pop(job.job, None) is not None
                ended = event.state == "cancelled" and was_running and self._is_shown(job)
                if ended and self._eta is not None:
                    self._eta.dropped(job.extension, job.size)
            case _:
                pass

    def _show(self, run: int) -> None:
        """Count the files of one run from now on; events before it began belong to earlier runs."""
        self.run = run
        self.done = self.partial = self.failed = self.retrying = 0
        self.decoded_s = 0.0
        self.slowest = []

    def _is_shown(self, job: JobRef) -> bool:
        return self.run is None or job.run == self.run

    def _finished(self, event: JobFinished) -> None:
        self.done += event.state == "done"
        self.partial += event.state == "partial"
        self.failed += event.state == "quarantined"
        self.decoded_s += event.decoded_s
        if self._eta is not None:
            self._eta.finished(event.job.extension, event.job.size, event.run_s, event.decoded_s)
        took = (event.run_s, event.job.path, event.decoded_s)
        self.slowest = sorted([*self.slowest, took], reverse=True)[:SLOWEST]

    @property
    def state(self) -> str:
        """What the run does now: scanning, running, paused, cancelled, waiting (for storage), stopping, draining."""
        return self._now[0]

    @property
    def reason(self) -> str | None:
        """Why it does that, a sentence."""
        return self._now[1]

    @property
    def _now(self) -> tuple[str, str | None]:
        """The most serious obstacle comes first: no storage, then this worker's end, then the run's own state."""
        if self._storage[0] is not StorageState.AVAILABLE:
            return self._storage
        if self._worker[0] is not WorkerState.WORKING:
            return self._worker
        return self._run or ("scanning", None)

    @property
    def ended(self) -> int:
        """Number of files that have ended, of the run that is shown."""
        return self.done + self.partial + self.failed

    def eta_s(self) -> float | None:
        """Seconds until all is done; ``None`` while that is unknown, there is no worker, or nothing can be stored."""
        paused = self._run is not None and self._run[0] is RunState.PAUSED
        if self._eta is None or paused or self._storage[0] is not StorageState.AVAILABLE:
            return None
        now = time.monotonic()
        return self._eta.seconds(
            FileInProgress(file.job.extension, file.job.size, now - file.since, file.fraction)
            for file in list(self.running.values())
            if self._is_shown(file.job)
        )

    def throughput(self) -> tuple[float, float]:
        """Files a minute and hours of audio an hour, since work began."""
        if self._work_began is None:
            return 0.0, 0.0
        elapsed = max(time.monotonic() - self._work_began, 1e-3)
        return self.ended / elapsed * 60, self.decoded_s / elapsed
