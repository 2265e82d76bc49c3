"""Every query of the dashboard, and the service levels, return data of a real run from a real Prometheus."""

import math
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import material
from tests.fleet import ALL, Fleet
from tests.program import until
from tests.prometheus import Prometheus, panel_queries, prometheus_can_start
from tests.servers import FleetUrls

SERVICE_LEVELS = {"queue_wait", "processing", "system_failures"}


@pytest.fixture(scope="module")
def prometheus(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prometheus]:
    """A Prometheus of our own; the shared one can't be reconfigured."""
    prometheus_can_start()
    with Prometheus(tmp_path_factory.mktemp("prometheus")) as started:
        yield started


@pytest.fixture
def fleet(fleet_urls: FleetUrls, namespace: str, tmp_path: Path) -> Iterator[Fleet]:
    """One worker that uses every server and serves its metrics."""
    with Fleet(tmp_path, fleet_urls(ALL), namespace, ALL, TONEARM_LISTEN="127.0.0.1:0") as made:
        yield made


def some_music(folder: Path) -> Path:
    """Good files of several formats, a truncated one and one that is no audio."""
    folder.mkdir()
    for seed, name in enumerate(("mp3", "flac", "vorbis", "wav")):
        extension = material.FORMATS[name].extension
        (folder / f"{name}.{extension}").write_bytes(material.good(name, seed=seed))
    (folder / "short.flac").write_bytes(material.truncated(material.good("flac", seed=9)))
    (folder / "text.mp3").write_bytes(b"This is no music.\n" * 100)
    return folder


def test_the_dashboard_and_the_service_levels_show_a_run(
    fleet: Fleet, prometheus: Prometheus, tmp_path: Path
) -> None:
    first = tmp_path / "first"
    first.mkdir()
    (first / "first.mp3").write_bytes(material.good("mp3", seed=7))
    fleet.enqueue(first)
    fleet.worker("w0", 2)
    fleet.until_event("w0", "listening")
    until(lambda: "targets" in discovered(fleet))
    prometheus.scrape(discovered(fleet))
    until(lambda: prometheus.value("sum(tonearm_jobs_finished_total)") == 1)
    run = fleet.enqueue(some_music(tmp_path / "music"))
    fleet.finished(run)
    until(lambda: prometheus.value("sum(tonearm_jobs_finished_total)") == 7)
    until(
        lambda: (
            {
                series["metric"]["service_level"]
                for series in prometheus.query("tonearm:service_level_error_ratio:rate1h")
            }
            >= SERVICE_LEVELS
        )
    )

    empty = panel_queries()
    end = time.monotonic() + 60
    while empty and time.monotonic() < end:
        time.sleep(0.5)
        empty = [(title, query) for title, query in empty if not has_data(prometheus, query)]
    assert empty == []
    assert prometheus.value('sum(tonearm_jobs_finished_total{state="partial"})') == 1
    assert prometheus.value('sum(tonearm_jobs_finished_total{state="quarantined",cause="file"})') == 1
    assert prometheus.firing() == set()
    found = prometheus.exemplars("tonearm_job_duration_seconds_bucket", time.time() - 600, time.time())
    named = {exemplar["labels"]["correlation_id"] for series in found for exemplar in series["exemplars"]}
    assert named
    assert named <= {correlation for (correlation,) in fleet.query("SELECT correlation_id FROM jobs")}


def discovered(fleet: Fleet) -> str:
    """The processes to be scraped, as the command prints them."""
    output, _ = fleet.program.start("workers", "--prometheus-sd").communicate(timeout=60)
    return output.decode()


def has_data(prometheus: Prometheus, query: str) -> bool:
    return any(not math.isnan(float(series["value"][1])) for series in prometheus.query(query))
