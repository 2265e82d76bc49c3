"""What happens, as facts. The core announces them; the screen, the JSON stream and the live view subscribe."""

from collections.abc import Callable
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened. Paths are the exact bytes, times are seconds."""


@dataclass(frozen=True, slots=True)
class ScanStarted(Event):
    """A folder is about to be read."""

    root: bytes


@dataclass(frozen=True, slots=True)
class ScanProgress(Event):
    """So many music files were met so far."""

    discovered: int
    to_analyse: int


@dataclass(frozen=True, slots=True)
class FileSkipped(Event):
    """An entry that is not taken: a link, a pipe, a device, a socket, a folder that can't be read."""

    path: bytes
    reason: str


@dataclass(frozen=True, slots=True)
class FileMoved(Event):
    """A known file was met at another path; nothing is decoded again."""

    path: bytes
    from_path: bytes


@dataclass(frozen=True, slots=True)
class Warned(Event):
    """Something a person should know, with what to do about it."""

    text: str
    path: bytes | None = None


@dataclass(frozen=True, slots=True)
class ScanFinished(Event):
    """What a scan found; ``missing`` files are known but were not met."""

    root: bytes
    discovered: int
    new: int
    changed: int
    moved: int
    unchanged: int
    missing: int
    skipped: int
    elapsed_s: float


@dataclass(frozen=True, slots=True)
class Workload:
    """Open work of a run by file extension: how many files, how many bytes."""

    files: int
    size: int


@dataclass(frozen=True, slots=True)
class RunStarted(Event):
    """Analysis begins. ``workload`` is what is to be done, ``cost`` what this machine needed before.

    cost: seconds of one process per byte, by extension; empty on a machine that has not learned yet.
    """

    run: int
    workers: int
    workload: dict[str, Workload] = field(default_factory=dict)
    cost: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class JobStarted(Event):
    """A worker process has a file in hand.

    worker: who has it, when that is another worker than this process's own.
    elapsed_s: how long it had been worked on when this was announced.
    uncharged_attempts: how many of the attempts before this one are not held against the file.
    """

    job: int
    path: bytes
    size: int
    extension: str
    attempt: int
    level: str
    run: int = 0
    worker: str = ""
    elapsed_s: float = 0.0
    uncharged_attempts: int = 0


@dataclass(frozen=True, slots=True)
class StageReached(Event):
    """Where a running file is: identify, decode, measure; ``fraction`` of the audio is decoded, if known."""

    job: int
    stage: str
    fraction: float | None = None


@dataclass(frozen=True, slots=True)
class JobFinished(Event):
    """A file came to an end: done, partial or quarantined (failed). ``timings``: seconds by stage.

    worker: who had it, when that was another worker than this process's own; so in what follows.
    """

    job: int
    path: bytes
    state: str
    elapsed_s: float
    decoded_s: float = 0.0
    size: int = 0
    extension: str = ""
    code: str | None = None
    reason: str | None = None
    advice: str | None = None
    attempts: int = 1
    bpm: float | None = None
    key: str | None = None
    timings: dict[str, float] = field(default_factory=dict)
    worker: str = ""


@dataclass(frozen=True, slots=True)
class JobRetrying(Event):
    """An attempt failed and another one will follow after ``delay_s``."""

    job: int
    path: bytes
    code: str
    reason: str
    attempt: int
    delay_s: float
    worker: str = ""


@dataclass(frozen=True, slots=True)
class JobReturned(Event):
    """A file was given back to the queue, or is no longer wanted; no attempt is charged."""

    job: int
    path: bytes
    reason: str
    state: str = "queued"
    worker: str = ""


@dataclass(frozen=True, slots=True)
class ProcessLost(Event):
    """A worker process ended by itself or was killed."""

    pid: int
    reason: str


@dataclass(frozen=True, slots=True)
class WorkersChanged(Event):
    """So many files of the run can be worked on at the same time now, by all workers; 0: nobody is there."""

    slots: int


@dataclass(frozen=True, slots=True)
class BreakerChanged(Event):
    """A circuit breaker went from one state to another: closed, open, half_open."""

    service: str
    before: str
    after: str
    reason: str


@dataclass(frozen=True, slots=True)
class StateChanged(Event):
    """The run as a whole: running, paused, waiting (for storage), stopping."""

    run: int
    state: str
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Slow(Event):
    """One of the slowest files of a run."""

    path: bytes
    elapsed_s: float
    decoded_s: float


@dataclass(frozen=True, slots=True)
class Summary(Event):
    """The end of a run. ``discovered`` is the sum of done, partial, skipped, failed and pending.

    decoded_s: seconds of audio that were decoded by this run.
    unread: how many folders and files could not be read or are not mounted: named paths, and what is below them.
    cancelled: a person cancelled it; what was not analysed by then is among skipped.
    """

    run: int
    discovered: int
    done: int
    partial: int
    skipped: int
    failed: int
    pending: int
    elapsed_s: float
    decoded_s: float
    interrupted: bool = False
    slowest: tuple[Slow, ...] = ()
    unread: int = 0
    cancelled: bool = False


Announce = Callable[[Event], None]
"""Takes an event and returns at once; never raises."""
