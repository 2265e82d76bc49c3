"""The subscriber that turns facts into spans. It notes when things began; another thread builds the spans."""

import time
from collections.abc import Callable

from tonearm.events.batches import GraphUpdated, JobsEnqueued, MessagesPublished
from tonearm.events.event import Event
from tonearm.events.facts import (
    JobFinished,
    JobRetrying,
    JobReturned,
    JobStarted,
    JobTaken,
    RunStarted,
    ScanFinished,
    ScanStarted,
    StageReached,
    Summary,
)
from tonearm.events.job_trace import JobTrace
from tonearm.jobs.trace_context import Sampler
from tonearm.telemetry.trace_ids import KEPT, AttemptTrace, TraceIds
from tonearm.telemetry.traces_run import Put, RunTrace
from tonearm.telemetry.traces_spans import (
    AttemptTimes,
    Messaging,
    attempt_spans,
    enqueue_spans,
    graph_spans,
    publish_spans,
    recovered_span,
)

Ended = JobFinished | JobRetrying | JobReturned


class Traces:
    """Records the traces of jobs that this process enqueues, publishes, takes or brings to the graph, and of its run.

    Facts of other workers (``Remote``) are theirs to record.
    """

    def __init__(
        self,
        ids: TraceIds,
        sampler: Sampler,
        put: Put,
        broker: Messaging | None,
        clock: Callable[[], float] = time.monotonic,
        wall_ns: Callable[[], int] = time.time_ns,
    ) -> None:
        """``put``: called with a number of spans, and with the spans, which it may build later, by iterating.

        ``broker``: ``None`` where there is none. ``clock``: seconds by which durations are measured."""
        self._clock = clock
        self._ids = ids
        self._sampler = sampler
        self._put = put
        self._broker = broker
        self._wall_ns = wall_ns
        self._attempts: dict[int, tuple[AttemptTrace, AttemptTimes, bool]] = {}
        self._run = RunTrace(sampler, put, clock)

    def __call__(self, event: Event) -> None:
        """Note a fact, or queue the spans of what it ends."""
        match event:
            case StageReached():
                self._reached(event)
            case JobTaken():
                self._taken(event)
            case JobStarted():
                self._started(event)
            case JobFinished() | JobRetrying() | JobReturned():
                self._ended(event)
            case JobsEnqueued(traces=traces) if traces:
                self._put(len(traces), enqueue_spans(event, self._wall_ns(), self._run.scan))
            case MessagesPublished(messages=messages) if messages and self._broker is not None:
                self._put(len(messages), publish_spans(event, self._wall_ns(), self._broker))
            case GraphUpdated(traces=traces) if traces:
                self._graph_updated(event)
            case RunStarted() | ScanStarted() | ScanFinished() | Summary():
                self._run(event, self._wall_ns())
            case _:
                pass

    def close(self) -> None:
        """End the trace of a run that was cut off."""
        self._run.close(self._wall_ns())

    def _taken(self, event: JobTaken) -> None:
        found = self._ids.taken(event)
        if found is not None:
            now = self._clock()
            times = AttemptTimes(now - event.elapsed_s, now)
            self._attempts[event.job.job] = (found, times, event.traceparent is not None)
            if len(self._attempts) > KEPT:  # the ends of some were not announced, as their leases were lost
                del self._attempts[next(iter(self._attempts))]

    def _started(self, event: JobStarted) -> None:
        if (known := self._attempts.get(event.job.job)) is not None:
            known[1].started_s = self._clock()

    def _reached(self, event: StageReached) -> None:
        if (known := self._attempts.get(event.job.job)) is not None:
            known[1].stages.setdefault(event.stage, self._clock())

    def _ended(self, event: Ended) -> None:
        job = event.job
        known = self._attempts.get(job.job)
        if known is not None and known[0].trace.attempt == job.attempt:
            del self._attempts[job.job]
            found, times, delivered = known
            broker = self._broker if delivered else None
            count = 3 + (0 if isinstance(event, JobReturned) else len(event.timings))
            spans = attempt_spans(event, found, times, self._clock(), self._wall_ns(), broker)
            self._put(count, spans)
        elif not self._ids.knows(job) and not isinstance(event, JobReturned):
            self._recovered(event)

    def _recovered(self, event: Ended) -> None:
        """Another process had the job, and was lost."""
        job = event.job
        trace = JobTrace(job.correlation_id, job.retried, attempt=job.attempt)
        if self._sampler(trace.trace_id, None):
            self._put(1, (recovered_span(event, trace, self._wall_ns()),))

    def _graph_updated(self, event: GraphUpdated) -> None:
        recorded = tuple(trace for trace in event.traces if self._sampler(trace.trace_id, trace.sampled))
        if recorded:
            self._put(len(recorded), graph_spans(event, self._wall_ns(), recorded))
