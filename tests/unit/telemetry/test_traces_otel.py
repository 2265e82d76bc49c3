"""The standard variables of OpenTelemetry configure traces, and spans arrive by its protocol as they were made."""

import logging
from collections.abc import Iterator

import pytest

from tests.otlp import Collector, collecting
from tonearm.bootstrap.traces import configured_exporters
from tonearm.errors import ConfigurationError
from tonearm.jobs.enqueue import new_correlation_id
from tonearm.jobs.trace_context import TraceContext
from tonearm.telemetry.traces_export import ExportPolicy
from tonearm.telemetry.traces_otel import OpenTelemetry
from tonearm.telemetry.traces_spans import SpanRecord

T = "4bf92f3577b34da6a3ce929d0e0e4736"


@pytest.fixture(autouse=True)
def bare(monkeypatch: pytest.MonkeyPatch) -> None:
    """No variable of the machine that runs the tests."""
    for name in ("OTEL_TRACES_SAMPLER", "OTEL_TRACES_SAMPLER_ARG", "OTEL_SERVICE_NAME"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(scope="module")
def collector() -> Iterator[Collector]:
    with collecting() as received:
        yield received


@pytest.mark.parametrize(
    ("environment", "exporters"),
    [
        ({}, []),
        ({"OTEL_SERVICE_NAME": "music"}, []),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://c:4318"}, ["otlp"]),
        ({"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://c:4318/v1/traces"}, ["otlp"]),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": ""}, []),
        ({"OTEL_TRACES_EXPORTER": "console, otlp"}, ["console", "otlp"]),
        ({"OTEL_TRACES_EXPORTER": "none", "OTEL_EXPORTER_OTLP_ENDPOINT": "http://c:4318"}, []),
        ({"OTEL_SDK_DISABLED": "True", "OTEL_TRACES_EXPORTER": "otlp"}, []),
        ({"OTEL_SDK_DISABLED": "false", "OTEL_TRACES_EXPORTER": "otlp"}, ["otlp"]),
    ],
)
def test_traces_are_recorded_only_where_they_are_asked_for(
    environment: dict[str, str], exporters: list[str]
) -> None:
    assert configured_exporters(environment) == exporters


def test_a_span_arrives_as_it_was_made(collector: Collector, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url)
    made = SpanRecord(
        "process",
        T,
        "1" * 16,
        "2" * 16,
        1_000_000_000,
        3_500_000_001,
        "consumer",
        {"text": "ä", "number": 7, "share": 0.5, "yes": True},
        (TraceContext("3" * 32, "4" * 16),),
        "It failed.",
    )
    assert OpenTelemetry(["otlp"], {}).export([made]) is None
    [span] = collector.spans
    assert (span.name, span.trace_id, span.span_id, span.parent_id) == ("process", T, "1" * 16, "2" * 16)
    assert (span.start_ns, span.end_ns, span.kind) == (1_000_000_000, 3_500_000_001, "consumer")
    assert span.attributes == made.attributes
    assert (span.links, span.error) == ([("3" * 32, "4" * 16)], "It failed.")
    assert span.resource["service.name"] == "tonearm"


def sampler_of(monkeypatch: pytest.MonkeyPatch, name: str | None, rate: str = "") -> OpenTelemetry:
    if name is not None:
        monkeypatch.setenv("OTEL_TRACES_SAMPLER", name)
        monkeypatch.setenv("OTEL_TRACES_SAMPLER_ARG", rate)
    return OpenTelemetry(["console"], {})


@pytest.mark.parametrize(
    ("name", "decided", "sampled"),
    [
        (None, None, True),
        (None, False, False),
        (None, True, True),
        ("always_off", True, False),
        ("parentbased_always_off", None, False),
        ("parentbased_always_off", True, True),
        ("always_on", False, True),
    ],
)
def test_the_sampler_is_the_one_that_the_environment_names(
    monkeypatch: pytest.MonkeyPatch, name: str | None, decided: bool | None, sampled: bool
) -> None:
    assert sampler_of(monkeypatch, name).sampler(T, decided) is sampled


def test_a_ratio_of_the_jobs_is_recorded_and_every_process_chooses_the_same(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    first = sampler_of(monkeypatch, "parentbased_traceidratio", "0.25")
    other = sampler_of(monkeypatch, "traceidratio", "0.25")
    ids = [new_correlation_id() for _ in range(2000)]
    chosen = [first.sampler(one, None) for one in ids]
    assert 400 < sum(chosen) < 600
    assert [other.sampler(one, None) for one in ids] == chosen


@pytest.mark.parametrize("name", ["zipkin-of-old", "otlp"])
def test_an_exporter_that_is_not_installed_is_named(name: str) -> None:
    with pytest.raises(ConfigurationError, match="is not installed"):
        OpenTelemetry([name], {"OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"})


@pytest.mark.parametrize(
    "endpoint", ["http://u:s3cret@[bad", "u:s3cret@host", "http://host:port", "http:///x"]
)
def test_an_address_that_nothing_can_be_sent_to_is_named_without_its_password(endpoint: str) -> None:
    with pytest.raises(ConfigurationError, match="OTEL_EXPORTER_OTLP_ENDPOINT: not an address") as refused:
        OpenTelemetry(["otlp"], {"OTEL_EXPORTER_OTLP_ENDPOINT": endpoint})
    assert "s3cret" not in str(refused.value)


@pytest.mark.parametrize("value", ["0", "-1", "many", "1.5"])
def test_a_number_that_is_none_is_named(value: str) -> None:
    with pytest.raises(ConfigurationError, match="OTEL_BSP_MAX_QUEUE_SIZE"):
        OpenTelemetry(["console"], {"OTEL_BSP_MAX_QUEUE_SIZE": value})


def test_batches_are_as_the_environment_says() -> None:
    variables = {
        "OTEL_BSP_MAX_QUEUE_SIZE": "30",
        "OTEL_BSP_MAX_EXPORT_BATCH_SIZE": "64",
        "OTEL_BSP_SCHEDULE_DELAY": "250",
    }
    assert OpenTelemetry(["console"], variables).policy == ExportPolicy(30, 30, 0.25)
    assert OpenTelemetry(["console"], {}).policy == ExportPolicy()


def test_lines_of_the_exporter_go_to_no_terminal(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:1")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_TIMEOUT", "0.01")
    monkeypatch.setattr(logging.getLogger(), "handlers", [])
    assert OpenTelemetry(["otlp"], {}).export([SpanRecord("s", T, "1" * 16, None, 0, 1)]) is not None
    assert capfd.readouterr().err == ""
