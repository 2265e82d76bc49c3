"""A job that a worker has, for one attempt."""

import os
from dataclasses import dataclass, field

from tonearm.events.job_ref import JobRef
from tonearm.settings import Level


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
    former_identity: the version of the identity by which the file's results were stored, if it is not the present one.
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
    former_identity: int | None = None
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
        """A job seldom has a second lease."""
        return self.job

    @property
    def charged_attempts(self) -> int:
        """Attempts that count against the file, including this one."""
        return self.attempt - self.uncharged_attempts
