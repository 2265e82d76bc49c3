"""The trace and the span that log lines and metrics about a job belong to. Loads nothing of OpenTelemetry."""

import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

from tonearm.events.facts import JobTaken
from tonearm.events.job_ref import JobRef
from tonearm.events.job_trace import JobTrace
from tonearm.jobs.trace_context import Sampler, TraceContext, parsed

KEPT = 2000
"""Attempts that are remembered; those that ended are kept for subscribers that hear of their end a little later."""

CurrentIds = Callable[[JobRef], tuple[str, str] | None]
"""The trace id and the span id of an attempt, 32 and 16 hexadecimal digits; ``None`` if its trace is not recorded."""


def no_ids(job: JobRef) -> tuple[str, str] | None:  # noqa: ARG001  has the form of CurrentIds
    """Where no traces are recorded."""
    return None


@dataclass(frozen=True, slots=True)
class AttemptTrace:
    """The trace of an attempt that is recorded.

    parent_id: span that caused the attempt; ``None`` if no process recorded one. message: context of the message that
    brought the job, if it is of another trace: that before a retry.
    """

    trace: JobTrace
    parent_id: str | None
    message: TraceContext | None = None


class TraceIds:
    """Remembers which of the attempts of this process are recorded."""

    def __init__(self, sampler: Sampler) -> None:
        self._sampler = sampler
        self._lock = threading.Lock()
        self._attempts: OrderedDict[tuple[int, int], AttemptTrace | None] = OrderedDict()

    def taken(self, event: JobTaken) -> AttemptTrace | None:
        """Decide whether an attempt is recorded, by the context of its message or by what was decided before."""
        job = event.job
        trace = JobTrace(job.correlation_id, job.retried, event.sampled, job.attempt)
        context = parsed(event.traceparent)
        ours = context if context is not None and context.trace_id == trace.trace_id else None
        found = None
        if self._sampler(trace.trace_id, ours.sampled if ours is not None else event.sampled):
            parent_id = trace.enqueue_id if event.sampled else None
            found = AttemptTrace(trace, ours.parent_id if ours else parent_id, None if ours else context)
        with self._lock:
            self._attempts[job.job, job.attempt] = found
            if len(self._attempts) > KEPT:
                self._attempts.popitem(last=False)
        return found

    def knows(self, job: JobRef) -> bool:
        """Whether this process has taken this attempt, recorded or not."""
        with self._lock:
            return (job.job, job.attempt) in self._attempts

    def of(self, job: JobRef) -> AttemptTrace | None:
        """The trace of an attempt that this process has taken; ``None`` if it is not recorded."""
        with self._lock:
            return self._attempts.get((job.job, job.attempt))

    def current_ids(self, job: JobRef) -> tuple[str, str] | None:
        """The trace id and the span id of an attempt; ``None`` if its trace is not recorded."""
        found = self.of(job)
        return None if found is None else (found.trace.trace_id, found.trace.process_id)
