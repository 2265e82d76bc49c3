"""What happens, as facts. The core announces them; the screen, the JSON stream and the live view subscribe."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from tonearm.events.event import NOT_SHOWN, Event
from tonearm.events.job_ref import JobRef
from tonearm.events.states import (
    ChildEnding,
    Decoded,
    Outlook,
    RunState,
    Severity,
    Shift,
    WarningCode,
    WorkerState,
    Workload,
)

# A scan.


@dataclass(frozen=True, slots=True)
class ScanStarted(Event):
    """A folder is about to be read."""

    root: bytes


@dataclass(frozen=True, slots=True)
class ScanProgress(Event):
    """How many music files a scan has found so far."""

    discovered: int
    to_analyse: int


@dataclass(frozen=True, slots=True)
class FileSkipped(Event):
    """An entry that is not analysed: a link, a pipe, a device, a socket, a folder that can't be read."""

    path: bytes
    reason: str


@dataclass(frozen=True, slots=True)
class FileMoved(Event):
    """A known file was found at another path; nothing is decoded again."""

    path: bytes
    from_path: bytes


@dataclass(frozen=True, slots=True)
class ScanFinished(Event):
    """What a scan found; ``missing`` files are known but were not found.

    left_out: files of other kinds that are not hidden, by extension; see ``library.left_out``.
    """

    root: bytes
    discovered: int
    new: int
    changed: int
    moved: int
    unchanged: int
    missing: int
    skipped: int
    elapsed_s: float
    left_out: Mapping[str, int] = field(default_factory=dict)


# A job.


@dataclass(frozen=True, slots=True)
class JobEvent(Event):
    """Something that happened to a job."""

    job: JobRef


@dataclass(frozen=True, slots=True)
class JobTaken(JobEvent):
    """A worker took a job from the queue; the attempt is counted.

    traceparent: trace context of the message that announced the job (W3C Trace Context), if a valid one came.
    sampled: whether the job's trace is recorded, as decided when it was queued; ``None``: not decided.
    elapsed_s: how long the queue took to give it, and to store the results that were stored in the same transaction.
    """

    traceparent: str | None = None
    sampled: bool | None = None
    elapsed_s: float = 0.0


@dataclass(frozen=True, slots=True)
class JobStarted(JobEvent):
    """A child has the file.

    pid: of the child; ``None`` where that is not known. elapsed_s: how long it had the file when this was announced.
    """

    pid: int | None = None
    elapsed_s: float = 0.0


@dataclass(frozen=True, slots=True)
class StageReached(JobEvent):
    """Where a running file is: identify, decode, measure; ``fraction`` of the audio is decoded, if known."""

    stage: str
    fraction: float | None = None


@dataclass(frozen=True, slots=True)
class JobFinished(JobEvent):
    """The job of a file ended: done, partial or quarantined (failed).

    run_s: how long a child had the file. store_s: how long the result then waited until it was stored.
    timings: seconds by stage; for a failed attempt, the stages that it reached.
    codec: what the audio is coded as, where the file was identified. cause: what failed, by its code: file or system.
    """

    state: str
    run_s: float
    store_s: float = 0.0
    timings: Mapping[str, float] = field(default_factory=dict)
    decoded_s: float = 0.0
    code: str | None = None
    reason: str | None = None
    advice: str | None = None
    bpm: float | None = None
    key: str | None = None
    codec: str | None = None
    cause: str | None = None


@dataclass(frozen=True, slots=True)
class JobRetrying(JobEvent):
    """An attempt failed, or its worker was lost, and another one will follow after ``delay_s``.

    The times and the cause are those of ``JobFinished``.
    """

    code: str
    reason: str
    delay_s: float
    run_s: float = 0.0
    store_s: float = 0.0
    timings: Mapping[str, float] = field(default_factory=dict)
    cause: str | None = None


@dataclass(frozen=True, slots=True)
class JobReturned(JobEvent):
    """A file was given back to the queue, or is no longer wanted; no attempt is charged.

    code: failure code of the attempt, where it had failed or was interrupted when its run was cancelled.
    """

    reason: str
    state: str = "queued"
    run_s: float = 0.0
    code: str | None = None


@dataclass(frozen=True, slots=True)
class LeaseExpired(JobEvent):
    """This process found that the lease of a lost worker has expired. What becomes of the job is the next fact."""


@dataclass(frozen=True, slots=True)
class Remote(Event):
    """What another worker did in the run that is shown, read from the library.

    That worker announces the same fact itself. Views show it; subscribers that count or store facts must leave it out.
    """

    fact: JobEvent


# Children.


@dataclass(frozen=True, slots=True)
class ChildStarted(Event):
    """A child process was started."""

    pid: int


@dataclass(frozen=True, slots=True)
class ChildReady(Event):
    """A child process is ready for its first file, ``start_s`` after it was started."""

    pid: int
    start_s: float


@dataclass(frozen=True, slots=True)
class ChildEnded(Event):
    """A child process ended.

    job: the job that it was working on, if any. code: failure code for the file when its child ends in this way;
    ``None`` when this program ended the child because it was no longer needed. ending: which of these it was.
    """

    pid: int
    reason: str
    code: str | None = None
    job: JobRef | None = None
    ending: ChildEnding = ChildEnding.DIED


# States.


@dataclass(frozen=True, slots=True)
class RunStateChanged(Event):
    """A run went on, was paused or was cancelled.

    Jobs that wait in a run when it is cancelled end without a fact of their own.
    """

    run: int
    state: RunState
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class WorkerStateChanged(Event):
    """This process began to take jobs, stopped taking jobs, or ended."""

    worker: str
    state: WorkerState
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class WorkersChanged(Event):
    """How many files can be worked on at the same time by all workers, at rest or not; 0 when there is none.

    shifts: when each of them takes jobs.
    """

    slots: int
    shifts: tuple[Shift, ...] = field(default=(), metadata=NOT_SHOWN)


@dataclass(frozen=True, slots=True)
class Listening(Event):
    """This process answers requests for its metrics and its health over HTTP."""

    url: str


@dataclass(frozen=True, slots=True)
class Warned(Event):
    """Something a person should know, with what to do about it."""

    code: WarningCode
    text: str
    path: bytes | None = None
    severity: Severity = Severity.WARNING


# A run.


@dataclass(frozen=True, slots=True)
class RunStarted(Event):
    """A run begins: its scan, and the analysis of what that finds.

    slots: files analysed at the same time. correlation_id: 32 hexadecimal digits, of what belongs to no job.
    """

    run: int
    slots: int
    correlation_id: str


@dataclass(frozen=True, slots=True)
class WorkloadKnown(Event):
    """Every file of the run is found, so the amount of work is known. Some files may have been analysed already.

    slots: files analysed at the same time. workload: what is still open, by extension.
    ended: files of the run that this process has analysed before.
    learned: what the library decoded last, by extension; empty in a new library.
    """

    run: int
    slots: int
    workload: dict[str, tuple[Workload, ...]] = field(default_factory=dict)
    learned: dict[str, tuple[Decoded, ...]] = field(default_factory=dict)
    ended: int = 0

    @property
    def files(self) -> int:
        """Number of files of the run that are open or ended."""
        return self.ended + sum(load.files for several in self.workload.values() for load in several)


@dataclass(frozen=True, slots=True)
class ProgressEstimated(Event):
    """What is left of a run, and what holds it up: announced by the process that shows the run, every few seconds."""

    run: int
    outlook: Outlook


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
    unread: number of folders and files, named or below a named path, that could not be read or are not mounted.
    cancelled: a person cancelled it; what was not analysed by then is among skipped.
    left_out: files of other kinds, as in ``ScanFinished``; and videos, which are among skipped.
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
    left_out: Mapping[str, int] = field(default_factory=dict)
