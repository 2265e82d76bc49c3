"""Which attempt a fact about a job belongs to."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class JobRef:
    """One attempt at one job, and its file. Every fact about a job carries it, with the same values all through.

    attempt: counts from 1. uncharged_attempts: attempts before this one that do not count against the file.
    correlation_id: 32 hexadecimal digits; the same from the scan through the message to the stored row.
    worker: name of the worker that has the job. size: bytes. extension: lower case, without the dot.
    waited_s: how long the job was ready to be taken before this attempt.
    retried: how often a person has queued the file again.
    """

    job: int
    run: int
    attempt: int
    correlation_id: str
    worker: str
    level: str
    path: bytes
    size: int = 0
    extension: str = ""
    uncharged_attempts: int = 0
    waited_s: float = 0.0
    retried: int = 0

    @property
    def charged_attempts(self) -> int:
        """Attempts that count against the file, this one included."""
        return self.attempt - self.uncharged_attempts
