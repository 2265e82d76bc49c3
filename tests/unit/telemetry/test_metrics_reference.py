"""The reference lists every metric that is exported, with its type and its labels, and no other."""

import contextlib
import re
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

from prometheus_client import CollectorRegistry, Metric, ProcessCollector

from tests.unit.facts import job_ref
from tests.unit.library_fixture import Library
from tonearm.events.facts import JobFinished
from tonearm.library.leader import SoleProcess
from tonearm.telemetry.metrics import Metrics
from tonearm.telemetry.metrics_library import LibraryFigures
from tonearm.telemetry.metrics_process import ProcessFigures, ProcessSources
from tonearm.web.http_metrics import HttpMetrics

PAGE = Path(__file__).parents[3] / "docs" / "reference" / "metrics.md"
Described = dict[str, tuple[str, frozenset[str]]]


def exported(library: Library) -> Iterator[Metric]:
    """Everything that any process exports."""
    metrics = Metrics(["tempo"])
    metrics.expect_services(["Redis"])
    metrics(JobFinished(job_ref(), "done", 1.0, timings={"tempo": 0.5}))
    yield from metrics.registry.collect()
    sources = ProcessSources(
        slots=1,
        places={"data": "/"},
        breakers=lambda: {"Redis": "open"},
        connections=lambda: {"idle": 1},
        dropped=lambda: {"reporter": 1},
        turns=lambda: {"supervisor": 1.0},
        mounted=lambda: {"1": True},
    )
    yield from ProcessFigures(sources).collect()
    yield from ProcessCollector(registry=None).collect()
    http = HttpMetrics(CollectorRegistry())
    http.answered("/api/v1/tracks", "GET", 200, 0.1)
    http.counted("here")
    http.listed("kept")
    yield from http.registry.collect()
    queue = SimpleNamespace(name="jobs", ready=1, unacknowledged=2)
    leader = SoleProcess(library.database)
    with contextlib.closing(LibraryFigures(leader, has_outbox=True, ask_broker=lambda: [queue])) as figures:
        yield from figures.collect()


def described(metric: Metric) -> tuple[str, tuple[str, frozenset[str]]]:
    name = f"{metric.name}_total" if metric.type == "counter" else metric.name
    assert metric.samples, f"{name}: the test has no value for it"
    labels = {label for sample in metric.samples for label in sample.labels if label != "le"}
    return name, (metric.type, frozenset(labels))


def documented() -> Described:
    found: Described = {}
    for line in PAGE.read_text(encoding="utf-8").splitlines():
        cells = [cell.strip() for cell in line.split("|")]
        if len(cells) > 4 and cells[1].startswith("`"):
            for name in re.findall(r"`(\w+)`", cells[1]):
                found[name] = cells[2], frozenset(re.findall(r"`(\w+)`", cells[3]))
    return found


def test_the_reference_lists_what_is_exported_and_nothing_else(library: Library) -> None:
    assert documented() == dict(map(described, exported(library)))


def test_counters_end_in_total_and_no_label_names_a_file() -> None:
    for name, (kind, labels) in documented().items():
        assert (kind == "counter") == name.endswith("_total"), name
        assert not labels & {"path", "file", "job", "folder"}, name
