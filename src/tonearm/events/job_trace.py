"""Which trace a job belongs to (OpenTelemetry). Every process computes the same ids from the job's row."""

import hashlib
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class JobTrace:
    """The trace of a job. A retry by a person begins a new one.

    correlation_id: 32 hexadecimal digits. retried: how often a person has queued the file again.
    sampled: whether the trace is recorded, as decided by the process that queued the job; ``None``: that process
    recorded no traces. attempt: number of the last attempt, 0 before the first.
    """

    correlation_id: str
    retried: int = 0
    sampled: bool | None = None
    attempt: int = 0

    @property
    def trace_id(self) -> str:
        """32 hexadecimal digits: at first the correlation id."""
        return trace_id(self.correlation_id, self.retried)

    @property
    def enqueue_id(self) -> str:
        """Id of the span that every other span of the trace is below, if the trace was recorded from the start."""
        return span_id(self.trace_id, "enqueue")

    @property
    def process_id(self) -> str:
        """Id of the span of the last attempt."""
        return span_id(self.trace_id, f"process {self.attempt}")

    @property
    def store_id(self) -> str:
        """Id of the span in which the result of the last attempt was stored."""
        return span_id(self.trace_id, f"store {self.attempt}")

    @property
    def former(self) -> "JobTrace | None":
        """The trace before the last retry; ``None`` if nobody has retried the job."""
        return JobTrace(self.correlation_id, self.retried - 1) if self.retried else None


def trace_id(correlation_id: str, retried: int) -> str:
    """The trace id of a job: 32 hexadecimal digits."""
    if not retried:
        return correlation_id
    return hashlib.blake2b(f"{correlation_id} {retried}".encode(), digest_size=16).hexdigest()


def span_id(trace: str, name: str) -> str:
    """The id of the one span of this name in a trace: 16 hexadecimal digits."""
    return hashlib.blake2b(f"{trace} {name}".encode(), digest_size=8).hexdigest()
