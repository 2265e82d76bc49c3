"""When the slots of a worker had files, from the facts that its supervisor announces."""

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from tonearm.events.event import Event
from tonearm.events.facts import (
    ChildEnded,
    ChildReady,
    ChildStarted,
    JobFinished,
    JobRetrying,
    JobReturned,
    JobStarted,
)
from tonearm.events.states import ChildEnding
from tonearm.jobs.job import JobState

WHOLE = 0.75
"""Share of a file's time that must lie in the window, in which all slots had files, so that it counts for the speed."""


@dataclass(frozen=True, slots=True)
class Work:
    """What a child did with one file.

    began, ended: when it got the file and when it was done, by ``time.monotonic``. timings: seconds by stage.
    store_s: how long the result then waited until it was stored. finished: whether it has a result.
    """

    path: bytes
    began: float
    ended: float
    finished: bool = False
    timings: Mapping[str, float] | None = None
    store_s: float = 0.0
    decoded_s: float = 0.0


class Occupancy:
    """A subscriber that notes what each slot did, and when all of them had files."""

    def __init__(self, slots: int, jobs: int, clock: Callable[[], float] = time.monotonic) -> None:
        """``jobs``: number of jobs in the queue."""
        self._slots = slots
        self._jobs = jobs
        self._clock = clock
        self._running: dict[int, tuple[bytes, float]] = {}
        self._started = 0
        self._last_start = 0.0
        self._with_files: set[int] = set()
        self._full_at: float | None = None
        self.full = threading.Event()
        """Set when every slot has had a file."""
        self.children: set[int] = set()
        """Process ids of the living children."""
        self.start_s: list[float] = []
        """Seconds that each child took until it was ready."""
        self.works: list[Work] = []
        self.failures: list[str] = []
        """Why attempts failed."""

    def __call__(self, event: Event) -> None:
        """Note what an event says of a child or a file."""
        match event:
            case ChildStarted():
                self.children.add(event.pid)
            case ChildReady():
                self.start_s.append(event.start_s)
            case ChildEnded():
                self.children.discard(event.pid)
                if event.ending is ChildEnding.DIED:
                    self.failures.append(event.reason)
            case JobStarted():
                self._begun(event)
            case JobFinished() if event.state in {JobState.DONE, JobState.PARTIAL}:
                ended = self._clock() - event.store_s
                self._ended(event, ended, event.timings, event.store_s, event.decoded_s)
            case JobFinished() | JobRetrying():
                self.failures.append(event.reason or "")
                self._ended(event, self._clock() - event.store_s)
            case JobReturned():
                self._ended(event, self._clock())

    def _begun(self, event: JobStarted) -> None:
        now = self._clock()
        self._running[event.job.job] = (event.job.path, now)
        self._started, self._last_start = self._started + 1, now
        if event.pid is not None:
            self._with_files.add(event.pid)
        if self._full_at is None and len(self._with_files) >= self._slots:
            self._full_at = now
            self.full.set()

    def _ended(
        self,
        event: JobFinished | JobRetrying | JobReturned,
        ended: float,
        timings: Mapping[str, float] | None = None,
        store_s: float = 0.0,
        decoded_s: float = 0.0,
    ) -> None:
        path, began = self._running.pop(event.job.job, (event.job.path, ended))
        self.works.append(Work(path, began, ended, timings is not None, timings, store_s, decoded_s))

    def has_finished(self, files_a_slot: int) -> bool:
        """Whether so many files were finished for each slot."""
        return sum(work.finished for work in self.works) >= files_a_slot * self._slots

    def window(self, until: float) -> tuple[float, float] | None:
        """From when every slot had had a file, to ``until`` or to when one found the queue empty."""
        if self._full_at is None:
            return None
        end = until
        if self._started >= self._jobs:
            later = [work.ended for work in self.works if work.ended > self._last_start]
            end = min([until, *later])
        return (self._full_at, end) if end > self._full_at else None

    def busy_share(self, window: tuple[float, float]) -> float:
        """Share of the window in which a slot had a file."""
        began, ended = window
        busy = sum(max(0.0, min(ended, work.ended) - max(began, work.began)) for work in self.works)
        return busy / (self._slots * (ended - began))

    def finished_in(self, window: tuple[float, float]) -> list[Work]:
        """The files that were finished, and worked on while all slots had files."""
        began, ended = window
        return [
            work
            for work in self.works
            if work.finished
            and work.ended > work.began
            and min(ended, work.ended) - max(began, work.began) >= WHOLE * (work.ended - work.began)
        ]
