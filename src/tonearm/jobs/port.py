"""The ports between a worker and its job store and queue, and the values that they exchange.

Three verbs return running jobs to the queue:
give back: the worker returns a job itself; the attempt is not charged.
recover: the store returns a job whose worker has ended; the attempt is not charged, and an interruption is counted.
retry: the attempt failed, was charged, and the job is tried again after a back-off; see ``fail``.
"""

import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Protocol

from tonearm.errors import Failure
from tonearm.events.job_ref import JobRef
from tonearm.jobs.job import ClaimRefusal, UnmountedPlace
from tonearm.jobs.lease import Lease
from tonearm.library.file_contents import DecodeFacts, FileFacts, SoundFacts, Tags
from tonearm.library.former_identities import FormerIdentity
from tonearm.settings import Level

NO_TIMINGS: Mapping[str, float] = MappingProxyType({})
NO_IDENTITIES: Mapping[str, FormerIdentity] = MappingProxyType({})
NO_WORK: Mapping[int, float] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Result:
    """The result of a finished attempt: plain values that the child measured and the parent checked.

    decoded: ``None`` if nothing had to be decoded.
    findings: version, values and series by analyser.
    timings: seconds by stage. ended_at: when the child finished the file, by ``time.monotonic``.
    former_hash: the audio's hash by the previous version of the identity, if the file was stored by another one.
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
    former_hash: str | None = None


@dataclass(frozen=True, slots=True)
class ReadFile:
    """What was read of a file before its attempt failed.

    file, audio_hash, sound: ``None`` if it failed before the file was identified.
    """

    tags: Tags
    file: FileFacts | None = None
    audio_hash: str | None = None
    sound: SoundFacts | None = None


@dataclass(frozen=True, slots=True)
class AttemptOutcome:
    """How an attempt was recorded: the state of the job, the failure, and when the next attempt follows.

    moved_from: former path of this file, if it is a missing file with the same audio that was moved.
    """

    state: str
    failure: Failure | None = None
    retry_in_s: float | None = None
    moved_from: bytes | None = None


@dataclass(frozen=True, slots=True)
class InterruptedAttempt:
    """An attempt whose worker was lost before its end, and how it was recorded. ``job`` names the lost worker."""

    job: JobRef
    outcome: AttemptOutcome


class JobClaims(Protocol):
    """The part of the job store that a queue with a message broker uses."""

    def claim(self, delivered: Mapping[int, Level | None], worker: str) -> Mapping[int, Lease | ClaimRefusal]:
        """Lease waiting jobs whose messages were delivered and count their attempts, or return why that is refused.

        delivered: level of the message by job. A message that is more urgent than the last one published for its job
        is outdated and is refused. Raises StorageError.
        """

    def finish_and_claim(
        self, finished: Sequence[tuple[Lease, Result]], delivered: Mapping[int, Level | None], worker: str
    ) -> tuple[Sequence[AttemptOutcome | None], Mapping[int, Lease | ClaimRefusal]]:
        """Store results as ``JobStore.finish`` does and claim jobs as ``claim`` does, in one transaction.

        There is no answer for a job whose row another transaction has locked, and for none where the results can't be
        stored in one transaction. Raises StorageError.
        """


class JobStore(Protocol):
    """Stores the states of jobs. An adapter must have every change on disk when a method returns.

    Every method must be idempotent: after StorageUnavailable it is unknown whether the transaction was committed,
    and the method is called again. A method that takes several items processes them in one transaction if possible,
    and returns one answer for each, in the order given. Every method may raise StorageError.
    """

    def renew(self, worker: str, stages: Mapping[int, str]) -> frozenset[int]:
        """Renew the leases of a worker's jobs and store the stage of each; returns the jobs still leased to it."""

    def known_results(
        self, asked: Sequence[tuple[Lease, str]], former: Mapping[str, FormerIdentity] = NO_IDENTITIES
    ) -> Sequence[frozenset[str]]:
        """For each lease and the hash of its audio, the names of the current analysers that have results stored.

        former: former identities by hash; a sound that is stored by one of them gets the hash.
        """

    def finish(self, finished: Sequence[tuple[Lease, Result]]) -> Sequence[AttemptOutcome | None]:
        """Store results and end their jobs; ``None``, and nothing is stored, for a lease that was lost.

        A result that the database refuses ends its own job as failed, and must not affect the others.
        """

    def fail(
        self,
        lease: Lease,
        failure: Failure,
        work_s: float,
        timings: Mapping[str, float] = NO_TIMINGS,
        ended_at: float | None = None,
        read: ReadFile | None = None,
    ) -> AttemptOutcome | None:
        """End a failed attempt: the job becomes retrying or quarantined; ``None`` if the lease was lost.

        timings: seconds by stage. ended_at: when the run ended, by ``time.monotonic``. read: stored with a file that
        is quarantined.
        """

    def give_back(
        self, leases: Sequence[Lease], after_s: float = 0.0, work_s: Mapping[int, float] = NO_WORK
    ) -> None:
        """Return jobs to the queue without charging the attempts; they may be taken again after ``after_s``.

        work_s: by job, for how many seconds a child worked on it.
        """

    def cancel(self, lease: Lease, failure: Failure, work_s: float = 0.0) -> None:
        """End a job that is no longer wanted. work_s: for how many seconds a child worked on it."""

    def give_back_except(self, worker: str, known: Collection[int]) -> int:
        """Give back the jobs that are leased to a worker, except those it knows of; returns how many.

        A worker does not know of a lease when the answer to ``take`` or ``claim`` was lost with the connection.
        """

    def recover_expired(self) -> Sequence[InterruptedAttempt]:
        """Recover the jobs whose leases have expired, counting an interruption each.

        The caller announces what became of them, as no other process does.

        A lease has expired when it was not renewed for ``lease_s`` while this method was called repeatedly. Also
        queues the retries whose back-off has passed.
        """


class JobQueue(Protocol):
    """Delivers a worker's next jobs, each at least once; the store alone decides whether a job may run.

    An adapter must not deliver a job to another worker before its lease has expired. It delivers jobs of a more urgent
    level first, and jobs of the same level roughly in the order in which they were queued. No method blocks.
    """

    def take(self, unmounted: Collection[UnmountedPlace], at_most: int) -> Sequence[Lease]:
        """Lease the next jobs and count their attempts; empty if this worker can take none now.

        unmounted: places that are not mounted on this host; their jobs are left to other workers.

        Raises StorageError: the database can't be used now; the jobs are delivered again.
        """

    def finish_and_take(
        self,
        finished: Sequence[tuple[Lease, Result]],
        unmounted: Collection[UnmountedPlace],
        at_most: int,
    ) -> tuple[Sequence[AttemptOutcome | None], Sequence[Lease]]:
        """Store results as ``JobStore.finish`` does, and lease the next jobs as ``take`` does, in one transaction.

        It need not take all jobs that ``take`` would; it takes none where the results can't be stored in one
        transaction. Raises StorageError: the results may be stored, and no lease is known.
        """

    def count_waiting(self, unmounted: Collection[UnmountedPlace], at_most: int) -> int:
        """How many jobs could be taken now, counted up to ``at_most``."""

    def acknowledge(self, lease: Lease) -> None:
        """Delete the message of a job, because the end of the attempt is stored."""

    def dead_letter(self, lease: Lease) -> None:
        """Move the message of a quarantined job to the dead-letter queue, if there is one."""

    def rest(self) -> None:
        """Return messages that were not taken, until the next call of ``take``; called again and again meanwhile."""

    def close(self) -> None:
        """Take no more jobs, and return messages that were not taken; taken jobs can still be acknowledged."""
