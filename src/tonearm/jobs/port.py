"""What the worker asks of the books and of the queue, whoever keeps them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from tonearm.errors import Failure
from tonearm.jobs.job import Depth, Lease


@dataclass(frozen=True, slots=True)
class Result:
    """A finished attempt: plain values, as the child measured them and the parent checked them.

    facts: columns of the audio row. tags: columns of the tags row. report: decoded_s, complete, warnings, or
    empty when nothing had to be decoded. findings: by analyser its version, values and series.
    timings: seconds by stage.
    """

    audio_hash: str
    facts: Mapping[str, Any]
    tags: Mapping[str, Any]
    report: Mapping[str, Any]
    findings: Mapping[str, tuple[int, Mapping[str, Any], Mapping[str, Any]]]
    size: int
    mtime_ns: int
    inode: int
    work_s: float
    timings: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Ending:
    """How an attempt ended in the books: its state, what was found amiss, when the next attempt follows.

    moved_from: path of the missing file that held the same audio; this file is where it went.
    """

    state: str
    failure: Failure | None = None
    retry_in_s: float | None = None
    moved_from: bytes | None = None


class Ledger(Protocol):
    """The books of the jobs. Every verb is one transaction: on disk when it returns, or not happened."""

    def take(self, worker: str, run: int | None) -> Lease | None:
        """Lease the waiting job of the lowest rank, of one run or of all, and count its attempt.

        ``None`` when nothing may be taken now. Jobs of paused runs are not taken.
        """

    def renew(self, worker: str, stages: Mapping[int, str]) -> None:
        """Lengthen the leases of these jobs and note their stage."""

    def stored(self, lease: Lease, audio_hash: str) -> frozenset[str]:
        """Names of the current analysers that already have results for this audio."""

    def finish(self, lease: Lease, result: Result) -> Ending | None:
        """Store the results and end the job; ``None``, and nothing stored, when the lease is no longer ours."""

    def fail(self, lease: Lease, failure: Failure, work_s: float) -> Ending | None:
        """End a failed attempt: retrying or quarantined; ``None`` when the lease is no longer ours."""

    def give_back(self, leases: Sequence[Lease]) -> None:
        """Return jobs to the queue without charging the attempt."""

    def cancel(self, lease: Lease, failure: Failure) -> None:
        """End a job that is no longer wanted."""

    def recover(self, worker: str) -> int:
        """Take back the jobs of workers that are gone; returns how many. Each counts an interruption."""


class Queue(Protocol):
    """What is known of the waiting jobs without taking one."""

    def depth(self, run: int | None) -> Depth:
        """How many jobs are open, by level and state."""

    def next_due_s(self, run: int | None) -> float | None:
        """Seconds until the next retry may be taken; ``None`` when no job is retrying."""
