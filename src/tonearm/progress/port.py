"""The live view as all hosts share it, whoever holds it. It is derived: what it has lost, the database still knows."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Protocol, Self

HELD_S = 15.0
"""How long what a worker has in hand is believed when it is not said again."""
LEAD_S = 5.0
KEPT_S = 15.0


@dataclass(frozen=True, slots=True)
class RunningFile:
    """A file in a worker's hands. ``since_s``: for how long it has been, when this is looked at.

    path: exact bytes. size: bytes. fraction: share of the audio that is decoded, where that is known.
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
    """What became of a run's files; ``discovered`` is the sum of the other five."""

    run: int
    state: str
    discovered: int
    done: int
    partial: int
    skipped: int
    failed: int
    pending: int


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The queue and the runs as one transaction saw them, at a moment of the database's clock.

    queued: waiting jobs by the name of their level. owed: jobs whose message is due and not out.
    runs: those that are open or were closed within the last hour, the newest first.
    """

    at: float
    queued: Mapping[str, int]
    retrying: int
    running: int
    owed: int
    runs: tuple[RunProgress, ...]


@dataclass(frozen=True, slots=True)
class Notice:
    """Something small that a worker said as it happened: plain values, at least ``what``."""

    worker: str
    message: Mapping[str, Any]


class Changes(Protocol):
    """Notices from now on, in the order of each worker, to one listener in one thread."""

    def next(self, timeout_s: float) -> Notice | None:
        """The next notice, or ``None`` when none came in time.

        Raises ServiceAway when the connection was lost. Asking again listens anew; what was said meanwhile
        is not heard, so look at the whole view then.
        """

    def close(self) -> None:
        """Listen no more."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close."""


class Progress(Protocol):
    """Where workers say what they do and whoever looks can see it.

    An adapter may forget everything at any moment; every value is therefore said again while it holds, and
    nothing is decided by what stands here. Every verb is cheap: it returns within about two seconds, or raises
    ServiceAway. A value that an adapter can't read, as when another version wrote it, counts as forgotten.
    Whoever made an adapter closes it.
    """

    def report(self, worker: str, files: Sequence[RunningFile]) -> None:
        """Replace what this worker has in hand. Forgotten by itself when not said again within ``HELD_S``."""

    def leave(self, worker: str) -> None:
        """Forget what this worker has in hand; another may lead."""

    def running(self) -> tuple[RunningFile, ...]:
        """What all workers have in hand, by worker and job."""

    def lead(self, worker: str, for_s: float = LEAD_S) -> bool:
        """Whether this worker is the one that posts snapshots, now and for ``for_s`` seconds from now.

        Seldom, for a moment, two may be told so; that does no harm.
        """

    def post(self, snapshot: Snapshot, for_s: float = KEPT_S) -> None:
        """Replace the snapshot; it is forgotten after ``for_s`` seconds."""

    def latest(self) -> Snapshot | None:
        """The snapshot that was posted last, unless it is forgotten."""

    def announce(self, worker: str, messages: Sequence[Mapping[str, Any]]) -> None:
        """Tell whoever listens now, in one call. Nothing is kept for those who don't."""

    def changes(self) -> Changes:
        """Listen to what is announced from now on."""
