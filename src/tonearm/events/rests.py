"""Facts about the times in which a worker takes no jobs, because it is to leave the machine to others."""

from dataclasses import dataclass

from tonearm.events.event import Event
from tonearm.events.states import RestCode


@dataclass(frozen=True, slots=True)
class WorkerResting(Event):
    """A worker takes no jobs for now; the files that are being analysed are finished.

    code: why; reason: the same as a sentence. until: when it goes on, as a Unix time; ``None``: nobody knows.
    """

    worker: str
    code: RestCode
    reason: str
    until: int | None = None


@dataclass(frozen=True, slots=True)
class WorkerResumed(Event):
    """A worker takes jobs again. code: why it rested; rested_s: for how long."""

    worker: str
    code: RestCode
    rested_s: float


@dataclass(frozen=True, slots=True)
class WorkTimesKnown(Event):
    """When a worker that keeps hours works: from when until when, as Unix times, for more than a week to come."""

    worker: str
    times: tuple[tuple[int, int], ...]
