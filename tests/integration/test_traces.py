"""Traces of the real command, received by OpenTelemetry's own protocol."""

import itertools
import json
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests import material
from tests.fleet import Fleet
from tests.otlp import Collector, Received, collecting
from tests.program import Outcome, Program, until
from tests.servers import FleetUrls
from tonearm.events.job_trace import trace_id

STAGES = [
    "take",
    "identify",
    "tags",
    "lookup",
    "decode",
    "front",
    "tempo",
    "key",
    "loudness",
    "character",
    "waveform",
    "store",
]
Make = Callable[..., Program]


@pytest.fixture
def collector() -> Iterator[Collector]:
    with collecting() as received:
        yield received


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return two_files(tmp_path / "music")


def two_files(music: Path) -> Path:
    """A folder with a file that can be analysed, and one that can't."""
    music.mkdir()
    (music / "good.mp3").write_bytes(material.good("mp3"))
    (music / "bad.flac").write_bytes(b"fLaC" + bytes(5000))
    return music


def one_trace(collector: Collector, outcome: Outcome, name: str) -> list[Received]:
    """The spans of a file's trace in the order of their starts; the trace id is the correlation id of its job."""
    [taken] = [event for event in outcome.of("job_taken") if event["path"].endswith(name)]
    spans = [span for span in collector.spans if span.trace_id == taken["correlation_id"]]
    return sorted(spans, key=lambda span: (span.start_ns, -span.end_ns))


def below(spans: list[Received], parent: Received) -> list[Received]:
    return [span for span in spans if span.parent_id == parent.span_id]


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> tuple[Collector, Outcome]:
    """One run over a folder, with every kind of variable."""
    base = tmp_path_factory.mktemp("traces")
    music = two_files(base / "music")
    with collecting() as collector:
        settings = {
            **collector.environment(),
            "OTEL_SERVICE_NAME": "music",
            "OTEL_RESOURCE_ATTRIBUTES": "site=cellar",
            "OTEL_EXPORTER_OTLP_HEADERS": "x-key=secret",
            "OTEL_EXPORTER_OTLP_COMPRESSION": "gzip",
        }
        with Program(base / "data", **settings) as program:
            return collector, program.run("analyze", music)


def test_each_file_has_one_trace_from_enqueue_to_store_and_the_scan_is_a_trace_of_its_run(
    recorded: tuple[Collector, Outcome],
) -> None:
    collector, outcome = recorded
    enqueue, process, *stages = one_trace(collector, outcome, "good.mp3")
    assert (enqueue.name, enqueue.parent_id, process.name) == ("enqueue", None, "process")
    assert process.parent_id == enqueue.span_id
    assert [span.name for span in stages] == STAGES
    assert {span.parent_id for span in stages} == {process.span_id}
    for former, later in itertools.pairwise(stages):
        assert former.end_ns <= later.start_ns + 1000
    assert process.start_ns <= stages[0].start_ns
    assert abs(stages[-1].end_ns - process.end_ns) < 1000
    assert abs(process.end_ns / 1e9 - time.time()) < 600
    assert process.attributes["file.path"].endswith("/music/good.mp3")
    assert process.attributes["tonearm.outcome"] == "done"
    [scan] = collector.named("scan")
    [run] = collector.named("run")
    assert (scan.trace_id, scan.parent_id, run.parent_id) == (run.trace_id, run.span_id, None)
    assert enqueue.links == [(scan.trace_id, scan.span_id)]
    assert run.attributes["tonearm.failed"] == 1


def test_the_trace_of_a_file_that_failed_says_why(recorded: tuple[Collector, Outcome]) -> None:
    collector, outcome = recorded
    [process] = [span for span in one_trace(collector, outcome, "bad.flac") if span.name == "process"]
    [failed] = [event for event in outcome.of("job_finished") if event["path"].endswith("bad.flac")]
    assert (process.error, process.attributes["error.type"]) == (failed["reason"], failed["code"])
    assert process.attributes["tonearm.outcome"] == "quarantined"


def test_lines_of_the_log_about_a_job_name_its_trace_and_the_span_of_the_attempt(
    recorded: tuple[Collector, Outcome],
) -> None:
    collector, outcome = recorded
    log = [json.loads(line) for line in outcome.errors.splitlines()]
    ended = {line["correlation_id"]: line for line in log if line["event"] == "job_finished"}
    spans = {span.trace_id: span.span_id for span in collector.named("process")}
    assert {line["trace_id"]: line["span_id"] for line in ended.values()} == spans
    assert set(ended) == set(spans)
    [run] = collector.named("run")
    [summary] = [line for line in log if line["event"] == "summary"]
    assert summary["correlation_id"] == run.trace_id


def test_the_standard_variables_describe_the_service_and_how_it_is_reached(
    recorded: tuple[Collector, Outcome],
) -> None:
    collector, _ = recorded
    [run] = collector.named("run")
    assert (run.resource["service.name"], run.resource["site"]) == ("music", "cellar")
    assert (collector.headers[0]["x-key"], collector.headers[0]["Content-Encoding"]) == ("secret", "gzip")


def test_a_retry_is_a_new_trace_that_is_linked_to_the_former_one(
    make_program: Make, tmp_path: Path, folder: Path, collector: Collector
) -> None:
    program = make_program(tmp_path / "data", **collector.environment())
    program.run("analyze", folder)
    assert program.run("retry", "--all", "--yes", check=True).events == [{"queued": 1}]
    program.run("analyze", folder)
    [correlation_id] = [one for (one,) in program.query("SELECT correlation_id FROM jobs WHERE retried")]
    first, again = (
        next(span for span in collector.spans if span.trace_id == trace and span.name == "enqueue")
        for trace in (correlation_id, trace_id(correlation_id, 1))
    )
    assert again.links == [(first.trace_id, first.span_id)]
    [process] = [span for span in collector.named("process") if span.trace_id == again.trace_id]
    assert (process.parent_id, process.attributes["tonearm.attempt"]) == (again.span_id, 2)
    assert process.attributes["tonearm.correlation_id"] == correlation_id


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.mark.parametrize("state", ["dead", "hung"])
def test_a_collector_that_does_not_answer_delays_neither_the_work_nor_its_end(
    make_program: Make, tmp_path: Path, folder: Path, collector: Collector, state: str
) -> None:
    collector.hold.clear()
    url = f"http://127.0.0.1:{free_port()}" if state == "dead" else collector.url
    program = make_program(
        tmp_path / "data", OTEL_EXPORTER_OTLP_ENDPOINT=url, OTEL_EXPORTER_OTLP_TIMEOUT="100"
    )
    process = program.start("analyze", folder, "--json")
    summary_at = 0.0
    assert process.stdout is not None
    lines = b""
    for line in process.stdout:
        lines += line
        if b'"summary"' in line:
            summary_at = time.monotonic()
    process.wait(60)
    assert time.monotonic() - summary_at < 60  # a second for the spans, and the usual end
    assert process.stderr is not None
    errors = process.stderr.read().decode()
    assert process.returncode == 1, errors
    log = [json.loads(line) for line in errors.splitlines()]  # OpenTelemetry's own lines are among them
    [gaps] = [line for line in log if "traces have gaps" in str(line)]
    assert gaps["level"] == "warning"


def test_without_the_package_a_sentence_says_so_and_the_files_are_analysed(
    make_program: Make, tmp_path: Path, folder: Path
) -> None:
    missing = tmp_path / "missing" / "opentelemetry"
    missing.mkdir(parents=True)
    (missing / "__init__.py").write_text("raise ImportError('not here')\n")
    program = make_program(
        tmp_path / "data", OTEL_TRACES_EXPORTER="otlp", PYTHONPATH=str(tmp_path / "missing")
    )
    outcome = program.run("analyze", folder)
    [warning] = [event for event in outcome.of("warned") if event["code"] == "traces-unavailable"]
    assert "pip install 'tonearm[otel]'" in warning["text"]
    assert outcome.summary["done"] == 1


def test_nothing_of_opentelemetry_is_loaded_unless_it_is_asked_for(
    make_program: Make, tmp_path: Path, folder: Path
) -> None:
    program = make_program(tmp_path / "data")
    code = (
        "import sys\nfrom tonearm.cli import main\n"
        "try:\n    main()\nexcept SystemExit:\n    pass\n"
        "print([name for name in sys.modules if name.startswith(('opentelemetry', 'requests'))])"
    )
    told = subprocess.run(
        [sys.executable, "-c", code, "analyze", str(folder)],
        env=program.environment,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert told.stdout.splitlines()[-1] == "[]", told.stdout + told.stderr


# Several hosts.


@pytest.fixture
def fleet(
    tmp_path: Path,
    namespace: str,
    fleet_urls: FleetUrls,
    collector: Collector,
) -> Iterator[Fleet]:
    """A fleet on the servers that all tests share, with traces."""
    services = ("DATABASE", "RABBITMQ", "RABBITMQ_MANAGEMENT", "NEO4J")
    environment = {**collector.environment(), "OTEL_BSP_SCHEDULE_DELAY": "200"}
    with Fleet(tmp_path, fleet_urls(services), namespace, services, **environment) as made:
        yield made


def test_one_trace_leads_from_the_scan_of_one_process_through_rabbitmq_to_another_and_to_the_graph(
    fleet: Fleet, folder: Path, collector: Collector, namespace: str
) -> None:
    run = fleet.enqueue(folder)
    fleet.worker("w")
    fleet.finished(run)
    until(lambda: len(collector.named("graph")) > 0)
    fleet.stop("w")
    for correlation_id, state in fleet.query("SELECT correlation_id, state FROM jobs"):
        spans = [span for span in collector.spans if span.trace_id == correlation_id]
        [enqueue] = below(spans, next(span for span in spans if span.name == "enqueue")) and [
            span for span in spans if span.parent_id is None
        ]
        [publish] = below(spans, enqueue)
        [process] = below(spans, publish)
        assert (enqueue.name, publish.kind, process.kind) == ("enqueue", "producer", "consumer")
        assert publish.name == f"publish {publish.attributes['messaging.destination.name']}"
        assert publish.attributes["messaging.destination.name"] == f"{namespace}.jobs:high"
        assert process.attributes["messaging.destination.name"] == f"{namespace}.jobs:high:{namespace}.jobs"
        for span in (publish, process):
            assert span.attributes["messaging.system"] == "rabbitmq"
            assert span.attributes["messaging.message.conversation_id"] == correlation_id
            assert span.attributes["messaging.message.id"] == str(process.attributes["tonearm.job"])
        assert enqueue.start_ns < publish.end_ns < process.end_ns
        stages = {span.name: span for span in below(spans, process)}
        assert set(stages) >= {"take", "identify", "store"}
        graph = below(spans, stages["store"])
        assert [span.name for span in graph] == (["graph"] if state == "done" else [])
    assert {span.resource["process.pid"] for span in collector.spans} >= {fleet.process("w").pid}


def test_without_a_broker_the_attempt_follows_the_job_that_was_queued_by_another_process(
    tmp_path: Path, namespace: str, postgres_url: str, folder: Path, collector: Collector
) -> None:
    urls = {"TONEARM_DATABASE_URL": postgres_url}
    with Fleet(tmp_path, urls, namespace, ("DATABASE",), **collector.environment()) as fleet:
        run = fleet.enqueue(folder)
        fleet.worker("w")
        fleet.finished(run)
        assert fleet.stop("w") == 0
    enqueued = {span.trace_id: span for span in collector.named("enqueue")}
    processed = {span.trace_id: span for span in collector.named("process")}
    assert len(enqueued) == 2
    assert {trace: span.parent_id for trace, span in processed.items()} == {
        trace: span.span_id for trace, span in enqueued.items()
    }
    assert {span.kind for span in processed.values()} == {"internal"}


def test_what_the_process_that_enqueues_does_not_record_no_other_process_records(
    fleet: Fleet, folder: Path, collector: Collector
) -> None:
    shutil.copyfile(folder / "good.mp3", folder / "again.mp3")
    fleet.program.environment["OTEL_TRACES_SAMPLER"] = "parentbased_always_off"
    run = fleet.enqueue(folder)
    fleet.worker("w", environment={"OTEL_TRACES_SAMPLER": "parentbased_always_on"})
    fleet.finished(run)
    assert fleet.stop("w") == 0
    assert collector.spans == []
