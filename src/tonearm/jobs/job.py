"""A job and its states; docs/explanation/jobs.md has the diagram."""

from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple


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


class UnmountedPlace(NamedTuple):
    """A folder of a root that is not mounted on a host; the whole root if ``scope`` is empty."""

    root: int
    scope: bytes = b""


class ClaimRefusal(StrEnum):
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
