"""Jaeger takes what Tonearm sends, and shows it as whole traces. Runs where ``JAEGER`` names the program."""

import json
import os
import socket
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests import material
from tests.fleet import Fleet
from tests.program import until
from tests.servers import FleetUrls

JAEGER = os.environ.get("JAEGER", "")
pytestmark = pytest.mark.skipif(not JAEGER, reason="needs JAEGER (`scripts/jaeger` builds it and prints it)")
FILES = 12

CONFIGURATION = """
service:
  extensions: [jaeger_storage, jaeger_query]
  pipelines:
    traces: {receivers: [otlp], exporters: [jaeger_storage_exporter]}
  telemetry: {metrics: {level: none}}
extensions:
  jaeger_query:
    storage: {traces: memory}
    grpc: {endpoint: "127.0.0.1:%(grpc)d"}
    http: {endpoint: "127.0.0.1:%(query)d"}
  jaeger_storage: {backends: {memory: {memory: {max_traces: 10000}}}}
receivers:
  otlp: {protocols: {http: {endpoint: "127.0.0.1:%(otlp)d"}}}
exporters:
  jaeger_storage_exporter: {trace_storage: memory}
"""


class Jaeger:
    """A running Jaeger that keeps traces in memory."""

    def __init__(self, otlp: int, query: int) -> None:
        self.endpoint = f"http://127.0.0.1:{otlp}"
        self._api = f"http://127.0.0.1:{query}/api"

    def ask(self, path: str) -> Any:
        """What its query API answers."""
        with urllib.request.urlopen(f"{self._api}/{path}", timeout=10) as answer:  # noqa: S310  our own process
            return json.load(answer)["data"]

    def answers(self) -> bool:
        """Whether it is up."""
        try:
            self.ask("services")
        except OSError:
            return False
        return True


@pytest.fixture
def jaeger(tmp_path: Path) -> Iterator[Jaeger]:
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(3)]
    grpc, query, otlp = (each.getsockname()[1] for each in sockets)
    for each in sockets:
        each.close()
    configuration = tmp_path / "jaeger.yaml"
    configuration.write_text(CONFIGURATION % {"grpc": grpc, "query": query, "otlp": otlp})
    with open(tmp_path / "jaeger.log", "wb") as log:
        process = subprocess.Popen([JAEGER, "--config", configuration], stdout=log, stderr=log)
    try:
        made = Jaeger(otlp, query)
        until(made.answers, 60)
        yield made
    finally:
        process.kill()
        process.wait()


def test_jaeger_shows_each_file_as_one_whole_trace(
    tmp_path: Path,
    namespace: str,
    fleet_urls: FleetUrls,
    jaeger: Jaeger,
) -> None:
    music = tmp_path / "music"
    music.mkdir()
    for number in range(FILES - 1):
        (music / f"{number}.mp3").write_bytes(material.good("mp3", seed=number))
    (music / "bad.flac").write_bytes(b"fLaC" + bytes(5000))
    services = ("DATABASE", "RABBITMQ", "RABBITMQ_MANAGEMENT", "NEO4J")
    settings = {"OTEL_EXPORTER_OTLP_ENDPOINT": jaeger.endpoint, "OTEL_BSP_SCHEDULE_DELAY": "200"}
    with Fleet(tmp_path, fleet_urls(services), namespace, services, **settings) as fleet:
        run = fleet.enqueue(music)
        fleet.worker("one", 2)
        fleet.worker("two", 2)
        fleet.finished(run)
        until(lambda: fleet.query("SELECT count(*) FROM files WHERE graph_due_at IS NOT NULL") == [(0,)], 60)
        assert [fleet.stop(name) for name in ("one", "two")] == [0, 0]
        jobs = fleet.query("SELECT correlation_id, state FROM jobs")
    time.sleep(1)  # Jaeger stores in batches
    traces = {trace["traceID"]: trace for trace in jaeger.ask("traces?service=tonearm&limit=200")}
    assert len(traces) == FILES + 1  # the run, too
    for correlation_id, state in jobs:
        spans = traces[correlation_id]["spans"]
        names = [span["operationName"].split(" ")[0] for span in spans]
        expected = ["enqueue", "publish", "process", "take", "store", *(["graph"] if state == "done" else [])]
        assert [names.count(name) for name in expected] == [1] * len(expected), names
        warnings = [text for span in spans for text in span["warnings"] or ()]
        # It takes a receiver that ends after its sender for one whose clock is wrong.
        assert [text for text in warnings if "clock skew" not in text] == []
        ids = {span["spanID"] for span in spans}
        parents = [
            one["spanID"] for span in spans for one in span["references"] if one["refType"] == "CHILD_OF"
        ]
        assert set(parents) <= ids
        assert len(parents) == len(spans) - 1
        [process] = [span for span in spans if span["operationName"].startswith("process ")]
        tags = {tag["key"]: tag["value"] for tag in process["tags"]}
        assert tags.get("error", False) is (state == "quarantined")
        assert tags["span.kind"] == "consumer"
