"""A job and its states; docs/explanation/jobs.md has the diagram."""

import os
from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple

from tonearm.events.job_ref import JobRef
from tonearm.settings import Level


class JobState(StrEnum):
    """State of a job."""

    QUEUED = "queued"  # waits to be taken by a worker
    RUNNING = "running"  # a worker has it, under a lease; the attempt is already counted
    RETRYING = "retrying"  # an attempt failed; waits until its back-off has passed
    DONE = "done"  # results are stored
    PARTIAL = "partial"  # results are stored, but of less audio than the file declares
    QUARANTINED = "quarantined"  # given up, kept with its reason; can be retried by command
    CANCELLED = "cancelled"  # no longer wanted: by a person, because the file is gone, or is a video


OPEN = (JobState.QUEUED, JobState.RUNNING, JobState.RETRYING)
"""States of jobs that have not ended; a file has at most one such job."""
ANALYSED = (JobState.DONE, JobState.PARTIAL)
"""States of jobs whose results are stored."""


LEFT_OUT = "left-out"
"""State of a file whose job was cancelled because the file is of another kind: a video."""


@dataclass(frozen=True, slots=True)
class Lease:
    """A job that is leased to a worker for one attempt; the result of an earlier attempt is not stored.

    path: relative to root, exact bytes. size: bytes, as the last scan found.
    fresh: analyse again even where results exist.
    uncharged_attempts: attempts before this one that do not count against the file.
    taken_at: by the database's clock. waited_s: how long the job was ready to be taken before that.
    traceparent: trace context of the message that announced the job, if a valid one came.
    retried: how often a person has queued the file again.
    sampled: whether its trace is recorded, as decided when it was queued; ``None``: not decided.
    has_former_identity: the file has results that were stored by another version of the identity of sounds.
    """

    job: int
    attempt: int
    worker: str
    run: int
    file: int
    root_id: int
    root: bytes
    path: bytes
    size: int
    extension: str
    level: Level
    fresh: bool
    correlation_id: str
    uncharged_attempts: int = 0
    taken_at: float = 0.0
    waited_s: float = 0.0
    traceparent: str | None = None
    retried: int = 0
    sampled: bool | None = None
    has_former_identity: bool = False
    ref: JobRef = field(init=False, repr=False, compare=False)
    """This attempt, as events refer to it."""

    def __post_init__(self) -> None:
        """Make ``ref``, which every event about the job has."""
        ref = JobRef(
            job=self.job,
            run=self.run,
            attempt=self.attempt,
            correlation_id=self.correlation_id,
            worker=self.worker,
            level=self.level.label,
            path=os.path.join(self.root, self.path),
            size=self.size,
            extension=self.extension,
            uncharged_attempts=self.uncharged_attempts,
            waited_s=self.waited_s,
            retried=self.retried,
        )
        object.__setattr__(self, "ref", ref)  # the class is frozen

    def __hash__(self) -> int:
        """A job has one lease for each attempt."""
        return hash((self.job, self.attempt))

    @property
    def charged_attempts(self) -> int:
        """Attempts that count against the file, including this one."""
        return self.attempt - self.uncharged_attempts


class UnmountedPlace(NamedTuple):
    """A folder of a root that is not mounted on a host; the whole root if ``scope`` is empty."""

    root: int
    scope: bytes = b""


class Refusal(StrEnum):
    """Why a job whose message was delivered can't be taken now. The message is acknowledged in every case."""

    NOT_WAITING = "not waiting"  # it has ended, or is running
    EARLY = "early"  # its back-off has not passed; another message follows when it has
    PAUSED = "paused"  # its run is paused; another message follows when it is resumed
    OUTDATED = "outdated"  # its level was lowered since; a later message has been published


@dataclass(frozen=True, slots=True)
class Depth:
    """Numbers of open jobs: queued by level, retrying, and running."""

    queued: dict[str, int]
    retrying: int
    running: int

    @property
    def open(self) -> int:
        """All jobs that have not ended."""
        return sum(self.queued.values()) + self.retrying + self.running
