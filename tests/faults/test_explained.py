"""A run with damaged files, killed processes and stopped servers is explained by its outputs, and all of them agree."""

import json
import os
import re
import signal
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import material
from tests.fleet import BASIC, Fleet, started
from tests.program import READ_MB_S, Event, children_of, kill, until
from tests.scrapes import Scrape, scrape
from tests.servers import OwnServers
from tests.sizes import size

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

GOOD = 24
DAMAGED = {
    "empty.mp3": "empty-file",
    "text.mp3": "not-audio",
    "picture.flac": "not-audio",
    "zeros.flac": "not-audio",
    "cut-flac.flac": "incomplete",
    "cut-mp3.mp3": "incomplete",
}
"""Damaged files and the failure code of each."""
AWAY_S = size(1.0, 60.0)
"""How long PostgreSQL is stopped after that was noticed."""


@pytest.fixture
def fleet(own_servers: OwnServers, tmp_path: Path, namespace: str) -> Iterator[Fleet]:
    """A fleet that serves metrics, on servers of its own."""
    urls, pace = started(own_servers, BASIC), str(2 * READ_MB_S)
    with Fleet(tmp_path, urls, namespace, TONEARM_LISTEN="127.0.0.1:0", TONEARM_READ_MB_S=pace) as made:
        yield made


def corpus(folder: Path) -> Path:
    """Good files, one of them with a name full of control characters, and damaged ones."""
    folder.mkdir()
    for number in range(GOOD - 1):
        (folder / f"{number:02}.flac").write_bytes(material.good("flac", 4.0, seed=100 + number))
    (folder / "line\nbreak\x1b[31m\u202e.flac").write_bytes(material.good("flac", 4.0, seed=99))
    poison = material.poison()
    for name in DAMAGED:
        (folder / name).write_bytes(poison[name][0]())
    return folder


def test_every_output_explains_the_same_run(fleet: Fleet, own_servers: OwnServers, tmp_path: Path) -> None:
    folder = corpus(tmp_path / "music")
    for name in ("w0", "w1"):
        fleet.worker(name, 2)
        fleet.until_event(name, "listening")
    run = fleet.enqueue(folder)
    fleet.until_event("w1", "job_finished")
    until(lambda: kill_a_busy_child(fleet, "w0"), 120)
    for child in children_of(fleet.process("w1").pid):
        kill(
            child, signal.SIGSTOP
        )  # it stores what they have sent, and then nothing happens between scrape and end
    until(lambda: counted(scrape(url_of(fleet, "w1"))) == stored(fleet, "w1"))
    last_of_w1 = scrape(url_of(fleet, "w1"))
    fleet.stop("w1", signal.SIGKILL)
    fleet.worker("w2", 2)
    fleet.until_event("w2", "listening")
    own_servers.stop("rabbitmq")
    fleet.until_event("w0", "broker_state_changed")
    own_servers.start("rabbitmq")
    own_servers.stop("postgres")
    for kind in ("breaker_changed", "storage_state_changed"):
        fleet.until_event("w0", kind)
    time.sleep(AWAY_S)
    own_servers.start("postgres")
    fleet.finished(run, 300)
    fleet.assert_nothing_lost(GOOD + len(DAMAGED))

    lived = {name: scrape(url_of(fleet, name)) for name in ("w0", "w2")}
    for name, metrics in lived.items():
        assert counted(metrics) == stored(fleet, name), name
    assert counted(last_of_w1) == stored(fleet, "w1")

    failures = {
        os.path.basename(each["path"]): each for each in fleet.program.run("failures", "--files").events
    }
    assert {name: each["code"] for name, each in failures.items()} == DAMAGED
    groups = fleet.program.run("failures", check=True).events
    assert Counter({group["code"]: group["files"] for group in groups}) == Counter(DAMAGED.values())

    lines = log_lines(fleet, "w0", "w1", "w2")
    for name, failure in failures.items():
        [ended] = [
            line
            for line in lines
            if line["correlation_id"] == failure["correlation_id"] and line["event"] == "job_finished"
        ]
        assert (os.path.basename(ended["path"]), ended["code"], ended["cause"]) == (
            name,
            failure["code"],
            "file",
        )
        story = fleet.program.run("trace", failure["path"], check=True).events
        assert failure["correlation_id"] in json.dumps(story)
        assert failure["code"] in json.dumps(story)

    killed = [line for line in lines if line["event"] == "child_ended" and line.get("code") == "killed"]
    assert killed
    assert all(line["path"] for line in killed if line["job"]), "the file that the child had is named"
    assert any(line["job"] for line in killed)
    logged = {line["event"] for line in log_lines(fleet, *lived)}
    assert {"breaker_changed", "storage_state_changed", "broker_state_changed"} <= logged
    if fleet.query("SELECT 1 FROM attempts WHERE worker = 'w1' AND outcome = 'interrupted'"):
        assert "lease_expired" in logged


def kill_a_busy_child(fleet: Fleet, name: str) -> bool:
    """Kill the child that began a file last; whether any of those that were killed still had its file."""
    *_, started = fleet.events(name, "job_started")
    gone = {event["pid"] for event in fleet.events(name, "child_ended")}
    if started["pid"] not in gone:
        kill(started["pid"])
        until(lambda: any(event["pid"] == started["pid"] for event in fleet.events(name, "child_ended")))
    return any(event.get("job") for event in fleet.events(name, "child_ended"))


def url_of(fleet: Fleet, name: str) -> str:
    """Where a worker serves its metrics."""
    url: str = fleet.events(name, "listening")[-1]["url"]
    return url


def counted(metrics: Scrape) -> Counter[str]:
    """How many jobs of each state a worker has counted, and failed attempts of each code."""
    found = Counter(metrics.by("state", "tonearm_jobs_finished_total"))
    found.update(metrics.by("code", "tonearm_attempts_failed_total"))
    found.pop("interrupted", None)  # counted by the process that recovers the job
    return found


def stored(fleet: Fleet, worker: str) -> Counter[str]:
    """The same from the table of attempts."""
    found: Counter[str] = Counter()
    rows = fleet.query(
        "SELECT a.outcome, a.code, j.state, a.number = j.attempts FROM attempts a JOIN jobs j ON j.id = a.job_id "
        "WHERE a.worker = %s",
        worker,
    )
    for outcome, code, state, is_last in rows:
        if outcome in {"done", "partial"}:
            found[outcome] += 1
        elif outcome == "failed":
            found[code] += 1
            if is_last and state == "quarantined":
                found[state] += 1
    return found


def log_lines(fleet: Fleet, *names: str) -> list[Event]:
    """Every line that these workers have logged; each is a JSON object with a correlation id, and has no raw sign."""
    lines = []
    for name in names:
        text = fleet.log(name).read_text(encoding="utf-8")
        whole = text[: text.rfind("\n") + 1]  # a killed process may stop in the middle of a line
        for line in whole.splitlines():
            fields = json.loads(line)
            assert re.fullmatch("[0-9a-f]{32}", fields["correlation_id"]), line
            assert not re.search("[\x00-\x1f\x7f\u202e]", "".join(map(str, fields.values()))), line
            lines.append(fields)
    return lines
