"""Values that facts carry: states of a run, a worker, the storage and the broker; codes of warnings; workloads."""

from dataclasses import dataclass
from enum import StrEnum


class RunState(StrEnum):
    """Where a run is."""

    RUNNING = "running"
    PAUSED = "paused"  # by a person; its waiting jobs are not taken
    CANCELLED = "cancelled"  # by a person; its waiting jobs have ended
    INTERRUPTED = "interrupted"  # stopped with work left; the next analyze continues it
    FINISHED = "finished"


class WorkerState(StrEnum):
    """What a process that takes jobs is doing."""

    WORKING = "working"  # takes jobs
    DRAINING = "draining"  # a person asked it to finish what runs and take no more
    STOPPING = "stopping"  # a signal asked it to end; it finishes or gives back what runs
    ENDED = "ended"  # has finished or given back every job
    FAILED = "failed"  # ended because it could not go on


class RestCode(StrEnum):
    """Why a worker takes no jobs for now."""

    HOURS = "hours"  # it is not to work at this hour
    BATTERY = "battery"  # the machine runs on its battery
    LOAD = "load"  # other programs need the CPU or the disks


class StorageState(StrEnum):
    """Whether the database can be used."""

    AVAILABLE = "available"
    WAITING = "waiting"  # it can't be used now; what is to be stored is kept and tried again


class BrokerState(StrEnum):
    """Whether the broker delivers messages."""

    READY = "ready"
    UNAVAILABLE = "unavailable"  # it does not answer; jobs wait in the database
    REPUBLISHING = "republishing"  # its queue was empty or new; every waiting job is sent again


class ChildEnding(StrEnum):
    """Why a child process ended."""

    DIED = (
        "died"  # by itself, killed from outside, or killed because of its file; the failure code tells which
    )
    RECYCLED = "recycled"  # it has reached the maximum number of files or bytes for one child
    KEPT_MEMORY = (
        "kept-memory"  # it holds much more memory after a file than it needs; an analyser or decoder leaks
    )
    NOT_NEEDED = "not-needed"  # its worker takes no more jobs
    LEASE_LOST = "lease-lost"  # its job is not its worker's any more
    CANCELLED = "cancelled"  # the run of its job was cancelled


class BreakerState(StrEnum):
    """State of a circuit breaker."""

    CLOSED = "closed"  # calls pass
    OPEN = "open"  # calls are refused
    HALF_OPEN = "half_open"  # a few calls pass on trial


class CallOutcome(StrEnum):
    """How a call of a server ended."""

    SUCCEEDED = "succeeded"
    FAILED = "failed"  # no answer, or the server could not carry it out
    REFUSED = "refused"  # the circuit breaker let no call pass


class Obstacle(StrEnum):
    """What keeps a run from ending sooner. The codes are stable; docs/reference/json.md explains each."""

    PAUSED = "paused"  # by a person
    RESTING = "resting"  # every worker leaves the machine to others for now
    SERVER = "server"  # the database or the broker does not answer, or the disk is full
    NO_WORKER = "no-worker"  # no process takes jobs
    SCANNING = "scanning"  # slots wait for files to be found
    RETRIES = "retries"  # only files are left that wait for their next attempt
    READING = "reading"  # the files, from the disk or over the network
    DECODING = "decoding"
    ANALYSING = "analysing"
    STORING = "storing"  # results, and taking the next jobs: the database


class Severity(StrEnum):
    """How much a warning matters."""

    INFO = "info"  # something that was wrong is over
    WARNING = "warning"  # work goes on; a person may want to act
    ERROR = "error"  # a mistake of this program, or something that keeps files from being analysed


class WarningCode(StrEnum):
    """What a warning is about. The codes are stable; docs/reference/json.md explains each."""

    BROKER_LOST_MESSAGES = "broker-lost-messages"
    CANNOT_LISTEN = "cannot-listen"
    CHILD_LEFT_BEHIND = "child-left-behind"
    EVENTS_DROPPED = "events-dropped"
    FOLDER_ANSWERS = "folder-answers"
    FOLDER_HANGS = "folder-hangs"
    FOLDER_LOOKS_UNMOUNTED = "folder-looks-unmounted"
    FOLDER_UNREADABLE = "folder-unreadable"
    GRAPH_AVAILABLE = "graph-available"
    GRAPH_FALLBACK = "graph-fallback"
    GRAPH_UNAVAILABLE = "graph-unavailable"
    IGNORE_FILE_INVALID = "ignore-file-invalid"
    LOG_UNWRITABLE = "log-unwritable"
    LIVE_VIEW_AVAILABLE = "live-view-available"
    LIVE_VIEW_UNAVAILABLE = "live-view-unavailable"
    MOUNT_POINT_GONE = "mount-point-gone"
    NO_SANDBOX = "no-sandbox"
    NOT_MOUNTED = "not-mounted"
    NOT_WATCHED = "not-watched"
    PATH_UNREADABLE = "path-unreadable"
    RESULT_NOT_STORED = "result-not-stored"
    SUBSCRIBER_FAILED = "subscriber-failed"
    THREAD_FAILED = "thread-failed"
    THREAD_LEFT_BEHIND = "thread-left-behind"
    TRACES_AVAILABLE = "traces-available"
    TRACES_UNAVAILABLE = "traces-unavailable"


@dataclass(frozen=True, slots=True)
class Workload:
    """Open files of a run of about one size (up to a factor of 2): how many, how many bytes together, their level.

    copies: how many of them are as long as another one to the byte, and therefore probably copies of it.
    """

    files: int
    size: int
    level: str = "normal"
    copies: int = 0


@dataclass(frozen=True, slots=True)
class Decoded:
    """Files of about one size (up to a factor of 2) that a run decoded: how many, and together their bytes, their
    seconds of audio, and the seconds that a child worked on them.
    """

    run: int
    files: int
    size: int
    decoded_s: float
    work_s: float

    @property
    def usable(self) -> bool:
        """Whether anything can be predicted from it."""
        return self.files > 0 and self.size > 0 and min(self.decoded_s, self.work_s) > 1e-3 * self.files


@dataclass(frozen=True, slots=True)
class Shift:
    """When a worker takes jobs.

    slots: files that it can analyse at the same time. times: from when until when it works, as Unix times, for more
    than a week to come; empty: always. stopped: it rests now and nobody knows until when.
    """

    slots: int
    times: tuple[tuple[float, float], ...] = ()
    stopped: bool = False


@dataclass(frozen=True, slots=True)
class Outlook:
    """What is left of a run, and what holds it up most.

    files: that have not ended. audio_s: seconds of audio in them, as far as they will be decoded. eta_s: seconds until
    the last file ends, with the hours at which workers rest; in four of five cases it is from ``eta_low_s`` to
    ``eta_high_s``. All of them are ``None`` while too little is known. share: of the time of all slots that the
    obstacle takes, where it is a part of the work. reason: a sentence, where there is one.
    """

    files: int | None = None
    audio_s: float | None = None
    eta_s: float | None = None
    eta_low_s: float | None = None
    eta_high_s: float | None = None
    held_up_by: Obstacle | None = None
    share: float | None = None
    reason: str | None = None
