"""Spans as plain records, and how they are built from facts and their durations. Loads nothing of OpenTelemetry."""

import secrets
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from tonearm.events.batches import GraphUpdated, JobsEnqueued, MessagesPublished, PublishedMessage
from tonearm.events.facts import JobEvent, JobFinished, JobRetrying, JobReturned
from tonearm.events.job_ref import JobRef
from tonearm.events.job_trace import JobTrace
from tonearm.jobs.trace_context import TraceContext
from tonearm.names import printable
from tonearm.telemetry.trace_ids import AttemptTrace

Value = str | int | float | bool


@dataclass(frozen=True, slots=True)
class SpanRecord:
    """One span. Ids are hexadecimal digits, times are nanoseconds since 1970.

    kind: internal, producer or consumer. error: why it failed; ``None`` if it did not. links: spans of other traces.
    """

    name: str
    trace_id: str
    span_id: str
    parent_id: str | None
    start_ns: int
    end_ns: int
    kind: str = "internal"
    attributes: Mapping[str, Value] = field(default_factory=dict)
    links: tuple[TraceContext, ...] = ()
    error: str | None = None


@dataclass(frozen=True, slots=True)
class Messaging:
    """The broker, as the messaging conventions name it (semantic conventions 1.45, in development).

    sent_to, received_from: name of the destination by level.
    """

    address: str
    port: int
    sent_to: Mapping[str, str]
    received_from: Mapping[str, str]

    def attributes(self, operation: str, kind: str, destination: str, level: str) -> dict[str, Value]:
        """Attributes of a span about one message."""
        return {
            "messaging.system": "rabbitmq",
            "messaging.operation.name": operation,
            "messaging.operation.type": kind,
            "messaging.destination.name": destination,
            "messaging.rabbitmq.destination.routing_key": level,
            "server.address": self.address,
            "server.port": self.port,
        }


@dataclass(slots=True)
class AttemptTimes:
    """When parts of an attempt began, by ``time.monotonic``. stages: when each was first reached."""

    take_s: float
    taken_s: float
    started_s: float | None = None
    stages: dict[str, float] = field(default_factory=dict)


def enqueue_spans(event: JobsEnqueued, end_ns: int, scan: TraceContext | None) -> Iterator[SpanRecord]:
    """The first span of each job's trace, linked to the scan that found the file and to the trace before a retry."""
    start_ns = end_ns - _ns(event.elapsed_s)
    for trace in event.traces:
        links = (*((scan,) if scan else ()), *_former(trace))
        attributes: dict[str, Value] = {"tonearm.correlation_id": trace.correlation_id}
        if event.run is not None:
            attributes["tonearm.run"] = event.run
        yield SpanRecord(
            "enqueue", trace.trace_id, trace.enqueue_id, None, start_ns, end_ns, "internal", attributes, links
        )


def publish_spans(event: MessagesPublished, end_ns: int, broker: Messaging) -> Iterator[SpanRecord]:
    """The span of each message, which its receiver continues."""
    start_ns = end_ns - _ns(event.elapsed_s)
    for message in event.messages:
        yield _publish_span(message, event.error, start_ns, end_ns, broker)


def _publish_span(
    message: PublishedMessage, error: str | None, start_ns: int, end_ns: int, broker: Messaging
) -> SpanRecord:
    trace = message.trace
    destination = broker.sent_to[message.level]
    attributes = broker.attributes("publish", "send", destination, message.level) | {
        "messaging.message.id": str(message.job),
        "messaging.message.conversation_id": trace.correlation_id,
    }
    if error is not None:
        attributes["error.type"] = "not-confirmed"
    parent_id = trace.enqueue_id if trace.sampled else None
    links = () if parent_id else _former(trace)
    name = f"publish {destination}"
    return SpanRecord(
        name,
        trace.trace_id,
        message.span_id,
        parent_id,
        start_ns,
        end_ns,
        "producer",
        attributes,
        links,
        error,
    )


def graph_spans(event: GraphUpdated, end_ns: int, recorded: tuple[JobTrace, ...]) -> Iterator[SpanRecord]:
    """The span of each job whose result the graph has now, below the span that stored the result."""
    start_ns = end_ns - _ns(event.elapsed_s)
    attributes: dict[str, Value] = {"tonearm.batch_files": event.files}
    for trace in recorded:
        yield SpanRecord(
            "graph",
            trace.trace_id,
            secrets.token_hex(8),
            trace.store_id,
            start_ns,
            end_ns,
            "internal",
            attributes,
        )


def attempt_spans(
    event: JobFinished | JobRetrying | JobReturned,
    found: AttemptTrace,
    times: AttemptTimes,
    ended_s: float,
    end_ns: int,
    broker: Messaging | None,
) -> Iterator[SpanRecord]:
    """The span of an attempt that ended at ``ended_s`` by ``time.monotonic``, and below it: take, each stage, store."""
    trace = found.trace

    def at(seconds: float) -> int:
        return end_ns - _ns(ended_s - seconds)

    def part(name: str, start_s: float, until_s: float, span_id: str | None = None) -> SpanRecord:
        span_id = span_id or secrets.token_hex(8)
        return SpanRecord(name, trace.trace_id, span_id, trace.process_id, at(start_s), at(until_s))

    yield _process_span(event, found, at(times.take_s), end_ns, broker)
    yield part("take", times.take_s, times.taken_s)
    if times.started_s is None:
        return
    store_s = 0.0 if isinstance(event, JobReturned) else event.store_s
    run_ended_s = ended_s - store_s
    timings = {} if isinstance(event, JobReturned) else event.timings
    left_s = sum(timings.values())
    began_s = min(times.started_s, run_ended_s - left_s)
    for stage, seconds in timings.items():
        reached_s = times.stages.get(stage, began_s)
        began_s = max(began_s, min(reached_s, run_ended_s - left_s))  # the others must end with the run
        yield part(stage, began_s, began_s + seconds)
        began_s += seconds
        left_s -= seconds
    if not isinstance(event, JobReturned):
        yield part("store", run_ended_s, ended_s, trace.store_id)


def _process_span(
    event: JobFinished | JobRetrying | JobReturned,
    found: AttemptTrace,
    start_ns: int,
    end_ns: int,
    broker: Messaging | None,
) -> SpanRecord:
    trace, job = found.trace, event.job
    attributes = _job_attributes(job)
    name, kind = "process", "internal"
    links = (found.message,) if found.message else ()
    if found.parent_id is None:
        links = (*links, *_former(trace))
    if broker is not None:
        kind = "consumer"
        destination = broker.received_from[job.level]
        name = f"process {destination}"
        attributes |= broker.attributes("process", "process", destination, job.level) | {
            "messaging.message.id": str(job.job),
            "messaging.message.conversation_id": job.correlation_id,
        }
    outcome, error = _outcome(event)
    attributes["tonearm.outcome"] = outcome
    if not isinstance(event, JobReturned) and event.code is not None:
        attributes["error.type"] = event.code
    return SpanRecord(
        name,
        trace.trace_id,
        trace.process_id,
        found.parent_id,
        start_ns,
        end_ns,
        kind,
        attributes,
        links,
        error,
    )


def _outcome(event: JobFinished | JobRetrying | JobReturned) -> tuple[str, str | None]:
    """How an attempt ended, and why it failed if it did. A partial result is a result."""
    if isinstance(event, JobRetrying):
        return "retrying", event.reason
    if isinstance(event, JobReturned):
        return event.state if event.state != "queued" else "returned", None
    return event.state, event.reason if event.state == "quarantined" else None


def _job_attributes(job: JobRef) -> dict[str, Value]:
    return {
        "tonearm.job": job.job,
        "tonearm.run": job.run,
        "tonearm.attempt": job.attempt,
        "tonearm.correlation_id": job.correlation_id,
        "tonearm.level": job.level,
        "tonearm.worker": job.worker,
        "tonearm.queue_wait_s": job.waited_s,
        "file.path": printable(job.path),
        "file.size": job.size,
        "file.extension": job.extension,
    }


def recovered_span(event: JobEvent, trace: JobTrace, end_ns: int) -> SpanRecord:
    """The moment when a job was recovered whose worker was lost with the times of its attempt."""
    reason = getattr(event, "reason", None)
    parent_id = trace.enqueue_id if trace.sampled else None
    return SpanRecord(
        "recover",
        trace.trace_id,
        secrets.token_hex(8),
        parent_id,
        end_ns,
        end_ns,
        "internal",
        _job_attributes(event.job),
        (),
        reason,
    )


def _former(trace: JobTrace) -> tuple[TraceContext, ...]:
    """The first span of the trace before the last retry."""
    former = trace.former
    return (TraceContext(former.trace_id, former.enqueue_id),) if former else ()


def _ns(seconds: float) -> int:
    return int(seconds * 1e9)
