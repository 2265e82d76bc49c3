"""What a worker asks of the books, and of the queue, whoever keeps them."""

import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Protocol

from tonearm.errors import Failure
from tonearm.jobs.job import Lease, Refusal, UnmountedPlace
from tonearm.library.file_contents import DecodeFacts, FileFacts, SoundFacts, Tags
from tonearm.settings import Level

NO_TIMINGS: Mapping[str, float] = MappingProxyType({})
NO_WORK: Mapping[int, float] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Result:
    """A finished attempt: plain values, as the child measured them and the parent checked them.

    decoded: ``None`` when nothing had to be decoded.
    findings: by analyser its version, values and series.
    timings: seconds by stage. ended_at: when the child gave the file back, by ``time.monotonic``.
    """

    audio_hash: str
    sound: SoundFacts
    file: FileFacts
    tags: Tags
    decoded: DecodeFacts | None
    findings: Mapping[str, tuple[int, Mapping[str, Any], Mapping[str, Any]]]
    size: int
    mtime_ns: int
    inode: int
    work_s: float
    timings: Mapping[str, float]
    ended_at: float = field(default_factory=time.monotonic)


@dataclass(frozen=True, slots=True)
class AttemptOutcome:
    """How an attempt ended in the books: its state, what was found amiss, when the next attempt follows.

    moved_from: path of the missing file that held the same audio; this file is where it went.
    """

    state: str
    failure: Failure | None = None
    retry_in_s: float | None = None
    moved_from: bytes | None = None


class JobStore(Protocol):
    """The books of the jobs. What a verb says is on disk when it returns.

    Every verb may be called again after StorageAway, when nobody knows whether a transaction came through. Verbs
    that take several things do them in one transaction if they can, and answer for each in the order given.
    """

    def claim(self, announced: Mapping[int, Level | None], worker: str) -> Mapping[int, Lease | Refusal]:
        """Lease waiting jobs, whose messages came, and count their attempts; or say why not.

        announced: the level of each message; one that is more urgent than the latest of its job is out of date.
        """

    def renew(self, worker: str, stages: Mapping[int, str]) -> frozenset[int]:
        """Lengthen the leases of these jobs and note their stage; returns those that are still this worker's."""

    def stored(self, asked: Sequence[tuple[Lease, str]]) -> Sequence[frozenset[str]]:
        """Names of the current analysers that already have results, for each lease and the hash of its audio."""

    def finish(self, finished: Sequence[tuple[Lease, Result]]) -> Sequence[AttemptOutcome | None]:
        """Store results and end their jobs; ``None``, and nothing stored, for a lease that is no longer ours.

        No result suffers from another. One that can't be stored for a reason of its own ends as a failed attempt.
        """

    def fail(
        self,
        lease: Lease,
        failure: Failure,
        work_s: float,
        timings: Mapping[str, float] = NO_TIMINGS,
        ended_at: float | None = None,
    ) -> AttemptOutcome | None:
        """End a failed attempt: retrying or quarantined; ``None`` when another worker has the job.

        timings: seconds by stage. ended_at: when the run ended, by ``time.monotonic``.
        """

    def give_back(
        self, leases: Sequence[Lease], after_s: float = 0.0, work_s: Mapping[int, float] = NO_WORK
    ) -> None:
        """Return jobs to the queue without charging the attempt; they may be taken again after ``after_s``.

        work_s: by job, how long a child had its file.
        """

    def cancel(self, lease: Lease, failure: Failure, work_s: float = 0.0) -> None:
        """End a job that is no longer wanted."""

    def disown(self, worker: str, in_hand: Collection[int]) -> int:
        """Give back what the books say this worker has and it has not; returns how many jobs."""

    def recover(self) -> int:
        """Take back the jobs whose lease was not renewed while this was asked again and again; returns how many.

        Each counts an interruption. Retries that are due wait in the queue again.
        """


class JobQueue(Protocol):
    """Where a worker's next job comes from, at least once. What it means is decided in the books alone.

    A job that was taken comes to nobody else while its lease holds. Of waiting jobs that of the highest level
    comes first, and of the same level roughly the one that waited longest. Verbs return at once.
    """

    def take(self, unmounted: Collection[UnmountedPlace], at_most: int) -> Sequence[Lease]:
        """Lease the next jobs and count their attempts; none when there is none for this worker now.

        unseen: places whose files this worker can't see; their jobs are left to others.

        Raises StorageError when the books can't be asked; the jobs then come again.
        """

    def waiting(self, unmounted: Collection[UnmountedPlace], at_most: int) -> int:
        """How many jobs could be taken now, counted no further than ``at_most``."""

    def acknowledge(self, lease: Lease) -> None:
        """What became of the job is in the books; whatever announced it need not be kept."""

    def bury(self, lease: Lease) -> None:
        """The job is in quarantine; a queue that has a place for the dead keeps its message there."""

    def close(self) -> None:
        """Take no more; what was announced and not taken comes to others. What was taken can still be settled."""
