"""Composes the recording of traces, where the standard variables of OpenTelemetry ask for it."""

import contextlib
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tonearm.addresses import parts_of
from tonearm.errors import ConfigurationError
from tonearm.events.bus import EventBus
from tonearm.events.event import Announce, Event
from tonearm.events.facts import Warned
from tonearm.events.report import report
from tonearm.events.states import Severity, WarningCode
from tonearm.jobs.trace_context import Sampler
from tonearm.settings import Settings, without_password
from tonearm.telemetry.trace_ids import CurrentIds, TraceIds, no_ids

if TYPE_CHECKING:
    from tonearm.telemetry.traces_export import SpanCounts
    from tonearm.telemetry.traces_otel import OpenTelemetry
    from tonearm.telemetry.traces_spans import Messaging

ENDPOINTS = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
DEFAULT_ENDPOINT = "http://localhost:4318"


@dataclass(frozen=True, slots=True)
class Tracing:
    """What a process has that may record traces.

    sampler: decides which are recorded; ``None``: none are. current_ids: ids for log lines and exemplars.
    counts: what became of the spans. trouble: why no traces are recorded although they are asked for.
    """

    sampler: Sampler | None = None
    current_ids: CurrentIds = no_ids
    counts: "SpanCounts | None" = None
    trouble: Warned | None = None


def configured_exporters(environment: Mapping[str, str]) -> list[str]:
    """Names of the exporters that the environment asks for; none unless it names one, or an endpoint."""
    if environment.get("OTEL_SDK_DISABLED", "").strip().lower() == "true":
        return []
    named = environment.get("OTEL_TRACES_EXPORTER", "").strip()
    if not named:
        named = "otlp" if any(environment.get(name) for name in ENDPOINTS) else "none"
    return [name for each in named.split(",") if (name := each.strip()) not in ("", "none")]


@contextlib.contextmanager
def recording_traces(settings: Settings, bus: EventBus) -> Iterator[Tracing]:
    """Record traces until the end, where the environment asks for it; the last spans get a second to be sent.

    A mistake in the variables, or a missing package, is no error: the work goes on without traces.
    """
    exporters = configured_exporters(os.environ)
    if not exporters:
        yield Tracing()
        return
    try:
        open_telemetry = _open_telemetry(exporters)
    except ConfigurationError as error:
        text = f"traces are configured (OTEL_…) and not recorded: {error}"
        yield Tracing(trouble=Warned(WarningCode.TRACES_UNAVAILABLE, text))
        return
    from tonearm.telemetry.traces import Traces
    from tonearm.telemetry.traces_export import ExportThread

    def changed(reason: str | None) -> None:
        bus(_warning(_receiver(exporters), reason))

    export = ExportThread(open_telemetry, open_telemetry.policy, changed)
    ids = TraceIds(open_telemetry.sampler)
    traces = Traces(ids, open_telemetry.sampler, export.put, _messaging(settings))
    bus.subscribe(traces, "traces")
    export.start()
    try:
        yield Tracing(open_telemetry.sampler, ids.current_ids, export.counts)
    finally:
        traces.close()
        export.close()


def _open_telemetry(exporters: list[str]) -> "OpenTelemetry":
    """What the environment configures. Raises ConfigurationError."""
    try:
        from tonearm.telemetry.traces_otel import OpenTelemetry
    except ImportError as error:
        text = f"OpenTelemetry is not installed: pip install 'tonearm[otel]' ({error})"
        raise ConfigurationError(text) from error
    return OpenTelemetry(exporters, os.environ)


@contextlib.contextmanager
def announcing(settings: Settings) -> Iterator[tuple[Announce, Tracing]]:
    """A bus for a command that queues jobs, which records their traces where the environment asks for it."""

    def tell(event: Event) -> None:
        if isinstance(event, Warned):
            report(event.text)

    bus = EventBus()
    bus.subscribe(tell, "standard error")
    with contextlib.closing(bus), recording_traces(settings, bus) as tracing:
        if tracing.trouble is not None:
            bus(tracing.trouble)
        yield bus, tracing


def _receiver(exporters: list[str]) -> str:
    """Where spans are sent, as it may be shown."""
    if exporters != ["otlp"]:
        return ", ".join(exporters)
    named = next((os.environ[name] for name in ENDPOINTS if os.environ.get(name)), DEFAULT_ENDPOINT)
    return without_password(named)


def _warning(receiver: str, reason: str | None) -> Warned:
    if reason is None:
        text = f"traces are sent to {receiver} again"
        return Warned(WarningCode.TRACES_AVAILABLE, text, severity=Severity.INFO)
    text = f"traces have gaps: spans for {receiver} are lost, as {reason}; the analysis goes on"
    return Warned(WarningCode.TRACES_UNAVAILABLE, text)


def _messaging(settings: Settings) -> "Messaging | None":
    """The broker as spans name it; ``None`` where there is none."""
    if settings.rabbitmq_url is None:
        return None
    from tonearm.bootstrap.servers import destinations
    from tonearm.telemetry.traces_spans import Messaging

    parts = parts_of("rabbitmq_url", settings.rabbitmq_url)
    sent_to, received_from = destinations(settings)
    port = parts.port or (5671 if parts.scheme == "amqps" else 5672)
    return Messaging(parts.hostname or "", port, sent_to, received_from)
