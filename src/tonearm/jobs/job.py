"""A job and its states. The diagram stands in docs/explanation/jobs.md."""

import os
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from tonearm.events.facts import JobRef
from tonearm.settings import Level


class JobState(StrEnum):
    """Where a job is."""

    QUEUED = "queued"  # waits for a free worker
    RUNNING = "running"  # a worker has it, under a lease; the attempt is already counted
    RETRYING = "retrying"  # an attempt failed; waits for its back-off to pass
    DONE = "done"  # results are stored
    PARTIAL = "partial"  # results are stored, but of less audio than the file declares
    QUARANTINED = "quarantined"  # given up, kept with its reason, can be retried by command
    CANCELLED = "cancelled"  # no longer wanted: by a person, or because the file is gone


OPEN = (JobState.QUEUED, JobState.RUNNING, JobState.RETRYING)
"""States of which a file has one job at the most."""


@dataclass(frozen=True, slots=True)
class Lease:
    """A job in a worker's hands. ``attempt`` fences: a result of an older attempt is not stored.

    path: relative to root, exact bytes. size: what the scan saw.
    fresh: measure again even where results exist.
    uncharged_attempts: attempts before this one that do not count against the file.
    taken_at: by the database's clock. waited_s: how long the job was ready to be taken before that.
    traceparent: trace context of the message that announced the job, if a valid one came.
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

    @property
    def ref(self) -> JobRef:
        """This attempt, as facts name it."""
        return JobRef(
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
        )


class UnmountedPlace(NamedTuple):
    """What a host can't see of the library: all in a folder of a root, or all of the root when ``scope`` is empty."""

    root: int
    scope: bytes = b""


class Refusal(StrEnum):
    """Why a job whose message came is not to be worked on now. In every case its message is done with."""

    SETTLED = "settled"  # it has ended, or a worker has it
    EARLY = "early"  # its back-off is not over; a message will come when it is
    PAUSED = "paused"  # its run is paused; a message will come when that goes on
    OUTDATED = "outdated"  # a person has moved it back since; a later message of it is out


@dataclass(frozen=True, slots=True)
class Depth:
    """How much is open: waiting jobs by level, waiting for a back-off, running."""

    queued: dict[str, int]
    retrying: int
    running: int

    @property
    def open(self) -> int:
        """All jobs that have not ended."""
        return sum(self.queued.values()) + self.retrying + self.running
