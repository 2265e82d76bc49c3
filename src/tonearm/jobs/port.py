"""What a worker needs of the store of jobs and of the queue: the ports, and the values they exchange."""

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
    """How an attempt was recorded: the state of the job, the failure, and when the next attempt follows.

    moved_from: path of the missing file with the same audio, of which this file is the new place.
    """

    state: str
    failure: Failure | None = None
    retry_in_s: float | None = None
    moved_from: bytes | None = None


class JobClaims(Protocol):
    """What a queue that delivers messages asks of the store before it hands a job to its worker."""

    def claim(self, announced: Mapping[int, Level | None], worker: str) -> Mapping[int, Lease | Refusal]:
        """Lease the waiting jobs that messages have announced and count their attempts, or say why not.

        announced: by job the level of its message. A message that is more urgent than the last one published for its
        job is outdated, and refused. Raises StorageError.
        """


class JobStore(Protocol):
    """Where the states of jobs are kept. An adapter must have every change on disk when a method returns.

    Every method must be idempotent: after StorageUnavailable it is not known whether the transaction was committed,
    and the method is called again. A method that takes several items does them in one transaction if it can, and
    returns one answer for each, in the order given. Every method may raise StorageError.
    """

    def renew(self, worker: str, stages: Mapping[int, str]) -> frozenset[int]:
        """Extend the leases of a worker's jobs and note the stage of each; returns the jobs it still has."""

    def known_results(self, asked: Sequence[tuple[Lease, str]]) -> Sequence[frozenset[str]]:
        """For each lease and the hash of its audio, the names of the current analysers that have results stored."""

    def finish(self, finished: Sequence[tuple[Lease, Result]]) -> Sequence[AttemptOutcome | None]:
        """Store results and end their jobs; ``None``, and nothing stored, where the lease has been lost.

        A result that the database refuses ends its own job as failed, and must not affect the others.
        """

    def fail(
        self,
        lease: Lease,
        failure: Failure,
        work_s: float,
        timings: Mapping[str, float] = NO_TIMINGS,
        ended_at: float | None = None,
    ) -> AttemptOutcome | None:
        """End a failed attempt: retrying or quarantined; ``None`` where the lease has been lost.

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

    def release_unheld(self, worker: str, held: Collection[int]) -> int:
        """Return to the queue the jobs that a worker has in the store but does not hold; returns how many.

        Such jobs remain when the answer to a claim was lost.
        """

    def recover(self) -> int:
        """Return to the queue the jobs whose leases have expired, counting an interruption each; returns how many.

        A lease has expired when it was not renewed while this method was called repeatedly. Also lets retries wait in
        the queue again when their back-off has passed.
        """


class JobQueue(Protocol):
    """Where a worker's next jobs come from, at least once each; the store alone decides whether a job may run.

    An adapter must not give a job to another worker while its lease holds. It delivers jobs of a more urgent level
    first, and jobs of the same level roughly in the order in which they were queued. No method blocks.
    """

    def take(self, unmounted: Collection[UnmountedPlace], at_most: int) -> Sequence[Lease]:
        """Lease the next jobs and count their attempts; empty when there is none for this worker now.

        unmounted: places that are not mounted on this host; their jobs are left to other workers.

        Raises StorageError: the store did not answer; the jobs are delivered again.
        """

    def count_waiting(self, unmounted: Collection[UnmountedPlace], at_most: int) -> int:
        """How many jobs could be taken now, counted up to ``at_most``."""

    def acknowledge(self, lease: Lease) -> None:
        """The end of the attempt is stored; the message of the job can be deleted."""

    def dead_letter(self, lease: Lease) -> None:
        """The job is quarantined; a queue with a dead-letter queue moves the message there."""

    def close(self) -> None:
        """Take no more jobs, and return messages that were not taken. Taken jobs can still be acknowledged."""
