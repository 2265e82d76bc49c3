"""OpenTelemetry, as the standard ``OTEL_…`` variables configure it. The only module that imports it."""

import os
import platform
import sys
from collections.abc import Mapping, Sequence
from importlib.metadata import entry_points
from urllib.parse import urlsplit

from opentelemetry import trace as api
from opentelemetry.sdk.environment_variables import (
    OTEL_BSP_MAX_EXPORT_BATCH_SIZE,
    OTEL_BSP_MAX_QUEUE_SIZE,
    OTEL_BSP_SCHEDULE_DELAY,
    OTEL_EXPORTER_OTLP_ENDPOINT,
    OTEL_EXPORTER_OTLP_TRACES_ENDPOINT,
)
from opentelemetry.sdk.resources import OTELResourceDetector, Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import ConsoleSpanExporter, SpanExportResult
from opentelemetry.sdk.trace.export import SpanExporter as SdkExporter
from opentelemetry.sdk.trace.sampling import Decision
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import Link, NonRecordingSpan, SpanContext, SpanKind, Status, StatusCode, TraceFlags

from tonearm import __version__
from tonearm.errors import ConfigurationError
from tonearm.jobs.trace_context import TraceContext
from tonearm.telemetry.log_levels import silence_drivers
from tonearm.telemetry.traces_export import ExportPolicy
from tonearm.telemetry.traces_spans import SpanRecord

SCHEMA = "https://opentelemetry.io/schemas/1.45.0"
KINDS = {"internal": SpanKind.INTERNAL, "producer": SpanKind.PRODUCER, "consumer": SpanKind.CONSUMER}
_SAMPLED = TraceFlags(TraceFlags.SAMPLED)
_UNSAMPLED = TraceFlags(TraceFlags.DEFAULT)
_SOME_SPAN = 1


class OpenTelemetry:
    """The sampler, the resource and the exporters that the environment names."""

    def __init__(self, exporters: Sequence[str], environment: Mapping[str, str]) -> None:
        """``exporters``: names as in ``OTEL_TRACES_EXPORTER``.

        Raises:
            ConfigurationError: an exporter is unknown, not installed or not configured correctly.
        """
        silence_drivers()
        provider = TracerProvider(resource=_resource(), shutdown_on_exit=False)
        self._sampler = provider.sampler
        self._resource = provider.resource
        self._scope = InstrumentationScope("tonearm", __version__, SCHEMA)
        self._exporters = [_exporter(name, environment) for name in exporters]
        self.policy = _policy(environment)

    def sampler(self, trace_id: str, decided: bool | None) -> bool:
        """Whether a trace is recorded. ``decided``: what its earlier spans were told; ``None`` for its first span."""
        context = None
        if decided is not None:
            context = api.set_span_in_context(NonRecordingSpan(_context(trace_id, _SOME_SPAN, decided)))
        answer = self._sampler.should_sample(context, int(trace_id, 16), "tonearm")
        return answer.decision is Decision.RECORD_AND_SAMPLE

    def export(self, spans: Sequence[SpanRecord]) -> str | None:
        """Send spans by every exporter; returns why one of them failed."""
        readable = [self._readable(span) for span in spans]
        results = [exporter.export(readable) for exporter in self._exporters]
        return (
            None if all(result is SpanExportResult.SUCCESS for result in results) else "they are not accepted"
        )

    def interrupt(self) -> None:
        """End the exporters, also one that waits for a repetition."""
        for exporter in self._exporters:
            exporter.shutdown()

    def _readable(self, span: SpanRecord) -> ReadableSpan:
        parent = None if span.parent_id is None else _context(span.trace_id, int(span.parent_id, 16), True)
        failed = span.error is not None
        return ReadableSpan(
            span.name,
            context=_context(span.trace_id, int(span.span_id, 16), True),
            parent=parent,
            resource=self._resource,
            attributes=dict(span.attributes),
            links=[_link(context) for context in span.links],
            kind=KINDS[span.kind],
            status=Status(StatusCode.ERROR, span.error) if failed else Status(StatusCode.UNSET),
            start_time=span.start_ns,
            end_time=max(span.start_ns + 1, span.end_ns),  # Jaeger warns of a span without duration
            instrumentation_scope=self._scope,
        )


def _context(trace_id: str, span_id: int, sampled: bool) -> SpanContext:
    return SpanContext(int(trace_id, 16), span_id, False, _SAMPLED if sampled else _UNSAMPLED)


def _link(context: TraceContext) -> Link:
    return Link(_context(context.trace_id, int(context.parent_id, 16), context.sampled))


def _resource() -> Resource:
    """Describes this process; ``OTEL_SERVICE_NAME`` and ``OTEL_RESOURCE_ATTRIBUTES`` override what we say."""
    ours = Resource(
        {
            "service.name": "tonearm",
            "service.version": __version__,
            "host.name": platform.node(),
            "process.pid": os.getpid(),
        }
    )
    return Resource.create().merge(ours).merge(OTELResourceDetector().detect())


def _exporter(name: str, environment: Mapping[str, str]) -> SdkExporter:
    if name == "console":
        return ConsoleSpanExporter(out=sys.stderr)  # standard output belongs to the command
    entry = name
    if name == "otlp":
        protocol = (
            environment.get("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL")
            or environment.get("OTEL_EXPORTER_OTLP_PROTOCOL")
            or "http/protobuf"
        )
        entry = {"http/protobuf": "otlp_proto_http", "grpc": "otlp_proto_grpc"}.get(protocol, protocol)
        if protocol == "http/protobuf":
            _check_endpoint(environment)
    found = next(iter(entry_points(group="opentelemetry_traces_exporter", name=entry)), None)
    if found is None:
        raise ConfigurationError(f"the exporter {entry} is not installed (OTEL_TRACES_EXPORTER)")
    try:
        exporter = found.load()()
    except Exception as error:  # any exporter may be installed, and raise anything
        raise ConfigurationError(f"the exporter {entry} does not start with these variables") from error
    assert isinstance(exporter, SdkExporter)  # noqa: S101  what the group of entry points promises
    return exporter


def _check_endpoint(environment: Mapping[str, str]) -> None:
    """Raises ConfigurationError: the exporter could send nothing to such an address."""
    for name in (OTEL_EXPORTER_OTLP_TRACES_ENDPOINT, OTEL_EXPORTER_OTLP_ENDPOINT):
        if not (url := environment.get(name)):
            continue
        try:
            parts = urlsplit(url)
            valid = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
        except ValueError:
            valid = False
        if not valid:
            raise ConfigurationError(f"{name}: not an address like http://host:4318")
        return


def _policy(environment: Mapping[str, str]) -> ExportPolicy:
    default = ExportPolicy()
    batch = _number(environment, OTEL_BSP_MAX_EXPORT_BATCH_SIZE, default.batch)
    room = _number(environment, OTEL_BSP_MAX_QUEUE_SIZE, default.room)
    delay_ms = _number(environment, OTEL_BSP_SCHEDULE_DELAY, round(default.delay_s * 1000))
    return ExportPolicy(room, min(batch, room), delay_ms / 1000)


def _number(environment: Mapping[str, str], name: str, default: int) -> int:
    """A number above zero. Raises ConfigurationError."""
    text = environment.get(name) or str(default)
    if not text.strip().isdecimal() or int(text) < 1:
        raise ConfigurationError(f"{name}: must be a number above zero, not {text!r}")
    return int(text)
