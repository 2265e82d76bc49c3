"""Each trouble of docs/how-to/troubleshoot.md, planted for real, is told by the tools that the page names."""

import json
import os
import re
import signal
from collections.abc import Callable, Iterator
from http.client import HTTPConnection
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests import material
from tests.fleet import Fleet
from tests.integration.test_plugin import Environment
from tests.program import Event, Program, until, wait_for
from tests.proxy import proxy_of, through
from tests.served_folder import served_folder
from tests.servers import OwnServers

pytestmark = [pytest.mark.timeout(600)]
PAGE = Path(__file__).parents[2] / "docs" / "how-to" / "troubleshoot.md"

DECLARATION = """
from tonearm.analysis.declaration import AnalyserSpec, Column

CROSSINGS = AnalyserSpec(
    name="crossings",
    version=1,
    implementation="crossings_for_tonearm.analyser:Crossings",
    inputs=("samples",),
    columns=(Column("crossings", float, "zero crossings", "are not counted", "", 0),),
)
"""
LEAKS = """
from tonearm.analysis.analyser import Findings

KEPT = []


class Crossings:
    def __init__(self, signal):
        self._files = len(KEPT)

    def feed(self, block):
        pass

    def finish(self):
        KEPT.append(bytearray(190_000_000))
        return Findings({"crossings": float(self._files)}, {})
"""


@pytest.fixture(scope="module")
def music(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four different files of twenty seconds."""
    folder = tmp_path_factory.mktemp("music")
    for number in range(4):
        (folder / f"{number}.flac").write_bytes(material.good("flac", 20.0, seed=number))
    return folder


@pytest.fixture
def fleet(tmp_path: Path, namespace: str, postgres_url: str) -> Iterator[Fleet]:
    """Workers of a library in PostgreSQL, without other servers."""
    with Fleet(tmp_path, {"TONEARM_DATABASE_URL": postgres_url}, namespace, ("DATABASE",)) as made:
        made.program.run("migrate", check=True)
        yield made


def printed(program: Program, *arguments: str) -> str:
    """What a command prints for a person, whatever its exit status."""
    process = program.start(*arguments)
    output, errors = process.communicate(timeout=60)
    return (output + errors).decode()


def longest_stage(program: Program) -> str:
    """The stage that took most of the time, of those that ``tonearm slow`` lists."""
    stages = [row for row in program.run("slow", check=True).events if row["by"] == "stage"]
    return str(max(stages, key=lambda row: row["share"] or 0.0)["stage"])


def on_the_page(sign: str) -> str:
    """A sign that the page shows, as it stands there."""
    assert sign in re.sub(r"\s+", " ", PAGE.read_text(encoding="utf-8")), sign
    return sign


def test_memory_that_an_analyser_keeps_is_named_and_costs_no_file(tmp_path: Path, music: Path) -> None:
    environment = Environment(tmp_path / "venv")
    environment.install(__init__=DECLARATION, analyser=LEAKS)
    limits = {"TONEARM_MEMORY_MB": "600", "TONEARM_WORKERS": "1"}
    with Program(tmp_path / "data", python=str(environment.python), **limits) as program:
        outcome = program.run("analyze", music, "--metrics-file", tmp_path / "metrics.prom", check=True)
        assert outcome.summary["done"] == 4, "no file fails for what others have left"
        endings = {event["ending"] for event in outcome.of("child_ended")}
        assert on_the_page("kept-memory") in endings
        lines = [json.loads(line) for line in outcome.errors.splitlines()]
        [line] = [line for line in lines if line["event"] == "child_ended"][:1]
        assert line["level"] == "warning"
        assert on_the_page("an analyser or a decoder does not free what it takes") in line["reason"]
        metrics = (tmp_path / "metrics.prom").read_text()
        counted = on_the_page('tonearm_child_ended_total{reason="kept-memory"}')
        assert re.search(rf"^{re.escape(counted)} [1-9]", metrics, re.MULTILINE)


def test_a_backlog_says_whether_workers_are_missing_or_a_run_is_paused(fleet: Fleet, music: Path) -> None:
    run = fleet.enqueue(music)
    assert on_the_page("no worker takes files") in printed(fleet.program, "status")
    assert on_the_page("jobs wait and no worker takes jobs; start `tonearm worker`") in printed(
        fleet.program, "status", "--check"
    )
    fleet.program.run("runs", "pause", str(run), check=True)
    assert "is paused" in printed(fleet.program, "status")
    assert re.search(r"\bpaused=4\b", printed(fleet.program, "status", "--check"))


def test_slow_storage_is_told_by_the_stage_that_reads(program: Program, tmp_path: Path, music: Path) -> None:
    (tmp_path / "nas").mkdir()
    with served_folder(music, tmp_path / "nas", delay_s=0.2):
        outcome = program.run("analyze", tmp_path / "nas", check=True)
        assert outcome.summary["done"] == 4
    assert longest_stage(program) == on_the_page("identify")


def test_a_slow_database_is_told_by_the_stages_that_wait_for_it(fleet: Fleet, music: Path) -> None:
    url = fleet.urls["TONEARM_DATABASE_URL"]
    with proxy_of(url) as proxy:
        proxy.delay_s = 0.05
        far = through(proxy, url)
        run = fleet.enqueue(music)
        fleet.worker("far", environment={"TONEARM_DATABASE_URL": far, "TONEARM_LEASE_S": "60"})
        fleet.finished(run)
        assert longest_stage(fleet.program) in {on_the_page("lookup"), on_the_page("store"), "other"}
        known = {row["stage"]: row["total_s"] for row in fleet.program.run("slow").events if "stage" in row}
        assert known["lookup"] + known["store"] > 4 * proxy.delay_s
        fleet.process("far").kill()


def test_a_stuck_worker_is_told_by_its_heartbeat_and_by_health(fleet: Fleet, music: Path) -> None:
    process = fleet.worker("attic", environment={"TONEARM_LISTEN": "127.0.0.1:0"})
    fleet.until_event("attic", "listening")
    url = fleet.events("attic", "listening")[0]["url"]
    fleet.until_event("attic", "worker_state_changed")
    assert json.loads(asked(url, "/health"))["status"] == "pass"
    process.send_signal(signal.SIGSTOP)
    with pytest.raises(TimeoutError):
        asked(url, "/health", 0.5)
    fleet.query("UPDATE workers SET seen_at = seen_at - 31 RETURNING name")  # half a minute later
    fleet.enqueue(music)
    assert re.search(r"^attic\s+lost", printed(fleet.program, "workers"), re.MULTILINE)
    assert on_the_page("no heartbeat from attic") in printed(fleet.program, "status", "--check")
    assert on_the_page("attic is lost: its last heartbeat from") in printed(
        fleet.program, "profile", "attic", "-o", str(fleet.folder / "stuck.svg")
    )
    process.send_signal(signal.SIGCONT)
    until(
        lambda: bool(re.search(r"^attic\s+(idle|working)", printed(fleet.program, "workers"), re.MULTILINE))
    )


def test_a_stuck_child_is_told_by_the_time_that_it_has_its_file(fleet: Fleet, music: Path) -> None:
    fleet.worker("attic", environment={"TONEARM_READ_MB_S": "0.02"})  # it has the file for half a minute
    fleet.until_event("attic", "worker_state_changed")
    fleet.enqueue(music, "--fresh")
    fleet.until_event("attic", "job_started")
    stop(fleet.events("attic", "job_started")[-1]["pid"])
    answer = fleet.program.run(
        "profile", "attic", "--seconds", "0.2", "-o", str(fleet.folder / "p.json"), check=True
    ).events[0]
    [note] = answer["notes"]
    assert on_the_page("did not answer within 3 s: it waits for a disk, or its machine is busy") in note

    def running() -> list[Event]:
        [worker] = fleet.program.run("workers", check=True).events
        return list(worker["running"])

    until(lambda: bool(running()))
    [file] = running()
    assert file["for_s"] > 2


def test_a_full_broker_is_told_as_one_that_accepts_no_messages(
    own_servers: OwnServers, private_script: Callable[..., str], tmp_path: Path, namespace: str, music: Path
) -> None:
    own_servers.up("postgres", "rabbitmq")
    with Fleet(tmp_path, own_servers.urls, namespace, ("DATABASE", "RABBITMQ")) as fleet:
        fleet.program.run("migrate", check=True)
        fleet.worker("studio", environment={"TONEARM_LISTEN": "127.0.0.1:0"})
        fleet.until_event("studio", "worker_state_changed")
        [listening] = fleet.events("studio", "listening")
        private_script("rabbitmqctl", "set_vm_memory_high_watermark", "0.00001")
        try:
            run = fleet.enqueue(music)
            sign = on_the_page("accepts no messages: an alarm for memory or disk space is in effect")
            assert sign in printed(fleet.program, "status")
            assert sign in printed(fleet.program, "status", "--check")
            assert "waiting for a server" in printed(fleet.program, "status")
            assert "rabbitmq.alarm" in printed(fleet.program, "doctor", "--json")
            sign = on_the_page("accepts no messages: it has too little memory")
            until(lambda: sign in asked(listening["url"], "/ready"))
        finally:
            private_script("rabbitmqctl", "set_vm_memory_high_watermark", "0.6")
        fleet.finished(run)


def test_a_mount_that_hangs_is_named_by_the_doctor(program: Program, tmp_path: Path, music: Path) -> None:
    nas = tmp_path / "nas"
    nas.mkdir()
    with served_folder(music, nas) as server:
        program.run("analyze", nas, check=True)
        server.send_signal(signal.SIGSTOP)
        found = program.run("doctor").events
        [hangs] = [one for one in found if one["id"] == on_the_page("folders.hangs")]
        assert str(nas) in hangs["detail"]


def test_a_mount_whose_server_dies_in_the_middle_of_a_file_ends_no_worker(
    program: Program, tmp_path: Path, music: Path
) -> None:
    nas = tmp_path / "nas"
    nas.mkdir()
    with served_folder(music, nas, delay_s=0.05) as server:
        running = program.start("analyze", nas, "--json")
        wait_for(running, "job_started")
        server.kill()
        server.wait()
        wait_for(running, "job_retrying")
        running.send_signal(signal.SIGINT)
        outcome = program.wait(running)  # which fails on a mistake of the program
        assert outcome.status in {1, 130}


def asked(url: str, path: str, limit_s: float = 10.0) -> str:
    """The answer of a process to a request, whatever its status. Raises TimeoutError."""
    connection = HTTPConnection(urlsplit(url).netloc, timeout=limit_s)
    try:
        connection.request("GET", path)
        return connection.getresponse().read().decode()
    finally:
        connection.close()


def stop(child: int) -> None:
    """Keep a process from running, as a disk that does not answer does."""
    os.kill(child, signal.SIGSTOP)
