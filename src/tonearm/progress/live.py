"""The live view of a run: a subscriber that can be read at any time from any thread."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace

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
from tonearm.events.rests import WorkerResting, WorkerResumed, WorkTimesKnown
from tonearm.events.services import BrokerStateChanged, StorageStateChanged
from tonearm.events.states import (
    BrokerState,
    Obstacle,
    Outlook,
    RunState,
    Shift,
    StorageState,
    WorkerState,
)
from tonearm.progress.bottleneck import Conditions, SlotTime, reading_s, stopped_by
from tonearm.progress.eta import Eta
from tonearm.progress.running import Running
from tonearm.progress.shifts import all_elapsed_s, resting

SLOWEST = 5
"""How many of the slowest files are kept."""
_NO_TIME = frozenset({Obstacle.PAUSED, Obstacle.SERVER, Obstacle.NO_WORKER})
"""Obstacles of which nobody knows how long they last."""


@dataclass(slots=True)
class LiveView:
    """The state of a run: what this worker does in it, and what other workers do, as far as their facts are announced.

    run: the run that is shown; only its files are counted. ``None``: those of all runs, such as a worker's.
    running: files of other runs too. Throughput is measured from the moment when work began.
    clock: a monotonic clock, in seconds. wall_clock: gives Unix times.
    """

    run: int | None = None
    clock: Callable[[], float] = lambda: time.monotonic()
    wall_clock: Callable[[], float] = lambda: time.time()

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
    _broker: tuple[BrokerState, str | None] = (BrokerState.READY, None)
    _rest: WorkerResting | None = None
    _own_shift: Shift = Shift(1)  # noqa: RUF009  it can't be changed
    _shifts: tuple[Shift, ...] = ()
    _retrying_now: set[int] = field(default_factory=set)
    _slot_time: SlotTime = field(default_factory=SlotTime)

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
                self.total = event.files
                self._work_began = self._work_began or self.clock()
                self._eta = Eta(event.workload, event.learned, event.slots, event.run)
            case JobEvent():
                self._job(event, remote=False)
            case Remote():
                self._job(event.fact, remote=True)
            case Summary():
                self.summary = event
            case WorkersChanged():
                self._shifts = event.shifts
                if self._eta is not None:
                    self._eta.workers = event.slots
            case WorkTimesKnown() | WorkerResting() | WorkerResumed():
                self._rests(event)
            case RunStateChanged():
                self._run = (event.state, event.reason)
            case StorageStateChanged():
                self._storage = (event.state, event.reason)
            case BrokerStateChanged():
                self._broker = (event.state, event.reason)
            case WorkerStateChanged():
                self._worker = (event.state, event.reason)
            case _:
                pass
        self._observe()

    def _rests(self, event: WorkTimesKnown | WorkerResting | WorkerResumed) -> None:
        """Note when this worker works."""
        if isinstance(event, WorkTimesKnown):
            self._own_shift = replace(self._own_shift, times=event.times)
            return
        self._rest = event if isinstance(event, WorkerResting) else None
        stopped = self._rest is not None and self._rest.until is None
        self._own_shift = replace(self._own_shift, stopped=stopped)

    def _observe(self) -> None:
        if self._eta is None:
            return
        running = sum(self._is_shown(file.job) for file in self.running.values())
        self._eta.observe(self.clock(), running, self.state == RunState.RUNNING)

    def _job(self, event: JobEvent, remote: bool) -> None:
        job = event.job
        if not isinstance(event, StageReached):
            self._retrying_now.discard(job.job)
        match event:
            case JobStarted():
                if self._is_shown(job):
                    self._work_began = self._work_began or self.clock()
                self.running[job.job] = Running(job, self.clock() - event.elapsed_s, remote)
            case StageReached() if job.job in self.running:
                self.running[job.job].reach(event.stage, event.fraction, self.clock())
            case JobFinished():
                self.running.pop(job.job, None)
                if self._is_shown(job):
                    self._finished(event)
            case JobRetrying():
                self.running.pop(job.job, None)
                if self._is_shown(job):
                    self.retrying += 1
                    self._retrying_now.add(job.job)
                    if self._eta is not None:
                        self._eta.repeated(event.run_s)
            case JobReturned():
                was_running = self.running.pop(job.job, None) is not None
                ended = event.state == "cancelled" and was_running and self._is_shown(job)
                if ended and self._eta is not None:
                    self._eta.dropped(job.extension, job.size, job.level)
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
        self._slot_time.add(event.timings, event.store_s)
        if self._eta is not None:
            job = event.job
            self._eta.finished(job.extension, job.size, event.run_s, event.decoded_s, job.level)
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
        if self._resting and (self._run is None or self._run[0] is RunState.RUNNING):
            return "resting", self._rest.reason if self._rest is not None else "every worker rests"
        return self._run or ("scanning", None)

    @property
    def _resting(self) -> bool:
        """Whether no worker takes files now: this one, or those of the run where other workers are known."""
        if self.run is not None and self._shifts:
            return resting(self._shifts, self.wall_clock())
        return self._rest is not None

    def _all_elapsed_s(self, works_s: tuple[float, float, float]) -> tuple[float, float, float] | None:
        """How long work takes with the rests of the workers."""
        return all_elapsed_s(works_s, self.wall_clock(), self._shifts or (self._own_shift,))

    @property
    def ended(self) -> int:
        """Number of files that have ended, of the run that is shown."""
        return self.done + self.partial + self.failed

    def outlook(self) -> Outlook:
        """What is left and what holds the run up. No time is told while the run does not work."""
        now, eta = self.clock(), self._eta
        running = [file for file in list(self.running.values()) if self._is_shown(file.job)]
        obstacle = stopped_by(self._conditions(len(running)))
        share = None
        if obstacle is None and (running or not self.scanning):
            idle = eta.idle_share if eta is not None else 0.0
            most = self._slot_time.most(reading_s((file.stage, now - file.since) for file in running), idle)
            obstacle, share = most or (None, None)
        left = eta.estimate(file.in_progress(now) for file in running) if eta is not None else None
        if eta is None or left is None:
            return Outlook(
                None if eta is None else eta.files_left,
                held_up_by=obstacle,
                share=share,
                reason=self._why(obstacle),
            )
        times = self._all_elapsed_s((left.seconds, left.low_s, left.high_s))
        if obstacle in _NO_TIME or times is None:
            return Outlook(left.files, left.audio_s, held_up_by=obstacle, reason=self._why(obstacle))
        return Outlook(
            left.files,
            left.audio_s,
            *times,
            obstacle,
            share,
            self._why(obstacle),
        )

    def _conditions(self, running: int) -> Conditions:
        eta, retrying = self._eta, len(self._retrying_now)
        return Conditions(
            run=self._run[0] if self._run is not None else RunState.RUNNING,
            storage=self._storage[0],
            broker=self._broker[0],
            slots=None if eta is None else eta.workers,
            running=running,
            waiting=0 if eta is None else max(0, eta.files_left - running - retrying),
            retrying=retrying,
            scanning=self.scanning,
            resting=self._resting,
        )

    def _why(self, obstacle: Obstacle | None) -> str | None:
        """The reason that was announced with a state."""
        if obstacle is Obstacle.SERVER:
            return self._broker[1] if self._storage[0] is StorageState.AVAILABLE else self._storage[1]
        if obstacle is Obstacle.RESTING:
            return self._now[1]
        return self._run[1] if obstacle is Obstacle.PAUSED and self._run is not None else None

    def throughput(self) -> tuple[float, float]:
        """Files a minute and hours of audio an hour, since work began."""
        if self._work_began is None:
            return 0.0, 0.0
        elapsed = max(self.clock() - self._work_began, 1e-3)
        return self.ended / elapsed * 60, self.decoded_s / elapsed
