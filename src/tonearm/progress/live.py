"""The live view, in memory: subscribes to events and can be looked at whenever one likes."""

import time
from dataclasses import dataclass, field

from tonearm.events.facts import (
    Event,
    JobFinished,
    JobRetrying,
    JobReturned,
    JobStarted,
    RunStarted,
    ScanFinished,
    ScanProgress,
    StageReached,
    StateChanged,
    WorkersChanged,
)
from tonearm.progress.eta import Eta


@dataclass(slots=True)
class Running:
    """A file that a process has in hand. ``worker``: whose process, when it is not one of this process's own.

    uncharged_attempts: how many of the attempts before this one are not held against the file.
    """

    path: bytes
    size: int
    extension: str
    since: float
    attempt: int
    stage: str = "start"
    fraction: float | None = None
    run: int = 0
    worker: str = ""
    uncharged_attempts: int = 0

    @property
    def tries(self) -> int:
        """Attempts that count, this one included."""
        return self.attempt - self.uncharged_attempts


@dataclass(slots=True)
class LiveView:
    """What a run looks like now. Throughput is measured from the first file to the last that ended."""

    discovered: int = 0
    to_analyse: int = 0
    total: int = 0
    done: int = 0
    partial: int = 0
    failed: int = 0
    retrying: int = 0
    decoded_s: float = 0.0
    state: str = "scanning"
    reason: str | None = None
    running: dict[int, Running] = field(default_factory=dict)
    started: float = field(default_factory=time.monotonic)
    slowest: list[tuple[float, bytes, float]] = field(default_factory=list)
    _scanned: tuple[int, int] = (0, 0)
    _work_began: float | None = None
    _eta: Eta | None = None

    def __call__(self, event: Event) -> None:
        """Take note of an event."""
        match event:
            case ScanProgress():
                self.discovered = self._scanned[0] + event.discovered
                self.to_analyse = self._scanned[1] + event.to_analyse
            case ScanFinished():
                self.discovered = self._scanned[0] + event.discovered
                self._scanned = (self.discovered, self.to_analyse)
            case RunStarted():
                self.state = "running"
                self.total = sum(load.files for load in event.workload.values())
                self._work_began = time.monotonic()
                self._eta = Eta(event.workload, event.cost, event.workers)
            case JobStarted():
                self.running[event.job] = Running(
                    event.path,
                    event.size,
                    event.extension,
                    time.monotonic() - event.elapsed_s,
                    event.attempt,
                    run=event.run,
                    worker=event.worker,
                    uncharged_attempts=event.uncharged_attempts,
                )
            case StageReached() if event.job in self.running:
                self.running[event.job].stage = event.stage
                self.running[event.job].fraction = event.fraction
            case JobFinished():
                self._ended(event)
            case JobRetrying():
                self.running.pop(event.job, None)
                self.retrying += 1
            case JobReturned():
                file = self.running.pop(event.job, None)
                if event.state == "cancelled" and file is not None and self._eta is not None:
                    self._eta.dropped(file.extension, file.size)
            case WorkersChanged() if self._eta is not None:
                self._eta.workers = event.slots
            case StateChanged():
                self.state, self.reason = event.state, event.reason
            case _:
                pass

    def _ended(self, event: JobFinished) -> None:
        self.running.pop(event.job, None)
        self.done += event.state == "done"
        self.partial += event.state == "partial"
        self.failed += event.state == "quarantined"
        self.decoded_s += event.decoded_s
        if self._eta is not None:
            self._eta.finished(event.extension, event.size, event.elapsed_s)
        self.slowest = sorted([*self.slowest, (event.elapsed_s, event.path, event.decoded_s)], reverse=True)[
            :5
        ]

    @property
    def ended(self) -> int:
        """Files of this run that came to an end."""
        return self.done + self.partial + self.failed

    def eta_s(self) -> float | None:
        """Seconds until all is done, ``None`` while that is not known or nobody works."""
        if self._eta is None or self.state in {"paused", "waiting"}:
            return None
        now = time.monotonic()
        return self._eta.seconds(
            {job: (file.extension, file.size, now - file.since) for job, file in self.running.items()}
        )

    def throughput(self) -> tuple[float, float]:
        """Files a minute and hours of audio an hour, since work began."""
        if self._work_began is None:
            return 0.0, 0.0
        elapsed = max(time.monotonic() - self._work_began, 1e-3)
        return self.ended / elapsed * 60, self.decoded_s / elapsed
