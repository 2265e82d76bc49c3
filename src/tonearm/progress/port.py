"""The live view that all hosts share. It is derived from the database, so nothing is lost with it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Protocol, Self

from tonearm.events.states import Outlook

REPORT_VALID_S = 15.0
"""How long a report of running files is valid unless it is repeated."""
LEAD_S = 5.0
"""How long a process is the leader unless it asks again."""
SNAPSHOT_VALID_S = 15.0
"""How long a snapshot is valid unless it is replaced."""


@dataclass(frozen=True, slots=True)
class RunningFile:
    """A file that a worker is analysing. ``since_s``: for how long, at the time of reading.

    path: exact bytes. size: bytes. fraction: share of the audio that is decoded, ``None`` if unknown.
    """

    worker: str
    job: int
    run: int
    path: bytes
    extension: str
    size: int
    stage: str
    fraction: float | None
    attempt: int
    since_s: float


@dataclass(frozen=True, slots=True)
class RunProgress:
    """What became of a run's files; ``discovered`` is the sum of the other five. ``outlook``: of an open run."""

    run: int
    state: str
    discovered: int
    done: int
    partial: int
    skipped: int
    failed: int
    pending: int
    outlook: Outlook | None = None


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The queue and the runs as one transaction saw them. ``at``: when, by the database's clock.

    queued: number of waiting jobs by the name of their level. unsent: jobs whose message is due and not sent.
    runs: those that are open or were closed within the last hour, the newest first.
    """

    at: float
    queued: Mapping[str, int]
    retrying: int
    running: int
    unsent: int
    runs: tuple[RunProgress, ...]


@dataclass(frozen=True, slots=True)
class Notice:
    """What a worker announced as it happened: plain values, at least ``what``."""

    worker: str
    message: Mapping[str, Any]


class Changes(Protocol):
    """Notices from now on, those of each worker in their order. For one thread."""

    def next(self, timeout_s: float) -> Notice | None:
        """The next notice, or ``None`` when none came in time.

        Raises ServiceUnavailable when the connection was lost. The next call subscribes again; notices sent in between
        are lost, so read the whole view after that.
        """

    def close(self) -> None:
        """Stop listening."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close."""


class Progress(Protocol):
    """Where workers report what they do, to be read from any host.

    An adapter may lose everything at any moment. So every value is repeated while it is valid, and no decision depends
    on it. Every method returns within about two seconds, or raises ServiceUnavailable. A value that an
    adapter can't read, for example because another version wrote it, counts as lost. The caller that creates an adapter
    closes it.
    """

    def report(self, worker: str, files: Sequence[RunningFile]) -> None:
        """Replace the running files of this worker. It expires after ``REPORT_VALID_S`` unless it is repeated."""

    def leave(self, worker: str) -> None:
        """Remove the report of this worker; another one may lead."""

    def running(self) -> tuple[RunningFile, ...]:
        """The running files of all workers, ordered by worker and job."""

    def lead(self, worker: str, for_s: float = LEAD_S) -> bool:
        """Whether this worker is the leader, which posts snapshots, for ``for_s`` seconds from now.

        For a moment two workers may both be the leader; that does no harm.
        """

    def post(self, snapshot: Snapshot, for_s: float = SNAPSHOT_VALID_S) -> None:
        """Replace the snapshot; it expires after ``for_s`` seconds."""

    def latest(self) -> Snapshot | None:
        """The snapshot that was posted last, unless it has expired."""

    def announce(self, worker: str, messages: Sequence[Mapping[str, Any]]) -> None:
        """Send notices to the current listeners, in one call. They are not kept for later ones."""

    def changes(self) -> Changes:
        """Listen to the notices from now on."""
