"""The real command exports what the database says, as Prometheus reads it."""

import re
import shutil
import signal
import socket
import subprocess
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.fleet import BASIC, Fleet
from tests.program import Program, children_of, kill, until, wait_for
from tests.scrapes import OPENMETRICS, Scrape, parsed, scrape, text_of
from tests.servers import SCRIPT, FleetUrls

WAITING = "tonearm_queue_jobs"


@pytest.fixture
def music(tmp_path: Path, every_format: Path) -> Path:
    """Files of which some fail."""
    folder = tmp_path / "music"
    shutil.copytree(every_format, folder)
    (folder / "empty.mp3").write_bytes(b"")
    (folder / "text.flac").write_bytes(b"no music at all" * 100)
    whole = (folder / "flac.flac").read_bytes()
    (folder / "cut.flac").write_bytes(whole[: len(whole) // 2])
    return folder


def checked_by_promtool(text: str) -> None:
    """Have Prometheus' own tool judge names, types and units; without it, do nothing."""
    if subprocess.run([SCRIPT, "tool", "promtool", "--version"], capture_output=True).returncode:
        return
    done = subprocess.run(
        [SCRIPT, "tool", "promtool", "check", "metrics"], input=text, capture_output=True, text=True
    )
    assert (done.returncode, done.stdout + done.stderr) == (0, "")


def test_a_run_exports_what_the_database_says(program: Program, music: Path, tmp_path: Path) -> None:
    file = tmp_path / "tonearm.prom"
    process = program.start("analyze", music, "--json", "--listen", "0", "--metrics-file", file)
    url = wait_for(process, "listening")["url"]
    wait_for(process, "job_started")
    for child in children_of(process.pid):
        kill(child, signal.SIGSTOP)  # or all may be done before the next line
    text, exemplars = text_of(url), text_of(url, OPENMETRICS)
    during = parsed(text)
    for child in children_of(process.pid):
        kill(child, signal.SIGCONT)
    checked_by_promtool(text)
    assert exemplars.endswith("# EOF\n")
    assert re.search(r'_bucket\{.*\} \S+ # \{correlation_id="[0-9a-f]{32}"\} ', exemplars)
    assert not during.has("tonearm_jobs_taken_created")
    assert during.sum("tonearm_workers") == 1
    assert during.sum("tonearm_slots") == 2
    assert during.sum("process_resident_memory_bytes") > 0
    outcome = program.wait(process)
    assert outcome.status == 1
    after = parsed(file.read_text())
    assert not after.has("process_resident_memory_bytes")
    agree(after, program)


def agree(metrics: Scrape, program: Program) -> None:
    """Compare counters with the tables, to the last count."""
    jobs = Counter(state for (state,) in program.query("SELECT state FROM jobs"))
    assert metrics.by("state", "tonearm_jobs_finished_total") == jobs
    codes = program.query("SELECT code FROM attempts WHERE outcome = 'failed'")
    assert metrics.by("code", "tonearm_attempts_failed_total") == Counter(code for (code,) in codes)
    [(attempts, waited_s)] = program.query("SELECT count(*), sum(queue_wait_s) FROM attempts")
    assert metrics.sum("tonearm_jobs_taken_total") == attempts
    assert metrics.sum("tonearm_queue_wait_seconds_sum") == pytest.approx(waited_s)
    [(audio_s,)] = program.query("SELECT sum(decoded_s) FROM jobs")
    assert metrics.sum("tonearm_audio_seconds_total") == pytest.approx(audio_s)
    codecs = "SELECT codec FROM files JOIN audio ON audio.id = audio_id"
    found = Counter(codec for (codec,) in program.query(codecs))
    known = {
        name: n for name, n in metrics.by("codec", "tonearm_jobs_finished_total").items() if name in found
    }
    assert known == found
    assert metrics.sum(WAITING) == 0


def test_a_stopped_run_writes_its_metrics(program: Program, music: Path, tmp_path: Path) -> None:
    file = tmp_path / "tonearm.prom"
    process = program.start("analyze", music, "--json", "--metrics-file", file)
    wait_for(process, "job_started")
    process.send_signal(signal.SIGINT)
    program.wait(process)
    agree_so_far = parsed(file.read_text())
    [(finished,)] = program.query("SELECT count(*) FROM jobs WHERE finished_at IS NOT NULL")
    assert agree_so_far.sum("tonearm_jobs_finished_total") == finished
    [(left,)] = program.query("SELECT count(*) FROM jobs WHERE finished_at IS NULL")
    assert agree_so_far.sum(WAITING) == left


def test_an_address_in_use_is_a_warning_for_a_run(program: Program, music: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        outcome = program.run("analyze", music / "wav.wav", "--listen", f"127.0.0.1:{port}")
    assert outcome.status == 0
    assert [warning["code"] for warning in outcome.of("warned")] == ["cannot-listen"]
    assert str(port) in outcome.of("warned")[0]["text"]


@pytest.fixture
def fleet(tmp_path: Path, namespace: str, fleet_urls: FleetUrls) -> Iterator[Fleet]:
    """A fleet on the servers that all tests share."""
    with Fleet(tmp_path, fleet_urls(BASIC), namespace, TONEARM_LISTEN="127.0.0.1:0") as fleet:
        yield fleet


def urls_of(fleet: Fleet) -> dict[str, str]:
    """Where the workers serve their metrics, as the list of workers says."""
    alive = "SELECT count(*) FROM workers WHERE url IS NOT NULL AND ended_at IS NULL"
    until(lambda: fleet.query(alive) == [(2,)])
    return {worker["worker"]: worker["url"] for worker in fleet.program.run("workers", check=True).events}


def test_workers_export_together_what_the_database_says_and_one_of_them_speaks_for_the_library(
    fleet: Fleet, music: Path
) -> None:
    for name in ("a", "b"):
        fleet.worker(name)
    run = fleet.enqueue(music)
    urls = urls_of(fleet)
    assert set(urls) == {"a", "b"}
    targets: Any = fleet.program.run("workers", "--prometheus-sd", check=True).events[0]
    found = {target["labels"]["worker"]: target["targets"] for target in targets}
    assert found == {name: [url.removeprefix("http://")] for name, url in urls.items()}
    fleet.finished(run)
    until(lambda: sum(scrape(url).sum("tonearm_jobs_finished_total") for url in urls.values()) == 13)
    scrapes = {name: scrape(url) for name, url in urls.items()}
    states = Counter(state for (state,) in fleet.query("SELECT state FROM jobs"))
    a, b = (Counter(each.by("state", "tonearm_jobs_finished_total")) for each in scrapes.values())
    assert a + b == states
    codes = fleet.query("SELECT code FROM attempts WHERE outcome = 'failed'")
    assert sum(each.sum("tonearm_attempts_failed_total") for each in scrapes.values()) == len(codes)
    calls = {name: each.by("service", "tonearm_service_calls_total") for name, each in scrapes.items()}
    assert all(each["postgresql"] > 0 for each in calls.values())
    [leader] = [name for name, each in scrapes.items() if each.has(WAITING)]
    assert scrapes[leader].sum(WAITING) == 0
    until(
        lambda: scrape(urls[leader]).sum("tonearm_workers", state="idle") == 2
    )  # their next heartbeats say so
    assert scrapes[leader].has("tonearm_outbox_jobs")
    assert scrapes[leader].has("tonearm_broker_messages")
    checked_by_promtool(text_of(urls[leader]))
    fleet.stop(leader, signal.SIGKILL)
    [other] = set(urls) - {leader}
    until(lambda: scrape(urls[other]).has(WAITING))


def test_a_worker_does_not_start_where_its_address_is_in_use(fleet: Fleet) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        outcome = fleet.program.run("worker", "--listen", str(port))
    assert outcome.status == 2
    assert "in use" in outcome.errors
