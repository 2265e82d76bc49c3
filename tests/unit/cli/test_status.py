"""``tonearm status`` shows the state of services and runs, above all faults."""

import json
import os
import re
import time
from pathlib import Path
from typing import Any, NoReturn

import pytest
from click.testing import CliRunner

from tests.unit.library_fixture import Library
from tonearm.cli.app import app
from tonearm.errors import ConfigurationError, StorageUnavailable
from tonearm.events.rests import WorkerResting
from tonearm.events.states import RestCode
from tonearm.graph.neo4j import Neo4jGraph
from tonearm.graph.port import GraphCounts
from tonearm.jobs.worker_registry import WorkerRegistry
from tonearm.library.process_lock import exclusive_lock
from tonearm.settings import load_settings
from tonearm.worker.registration import SoleRegistration

pytestmark = pytest.mark.usefixtures("library")


@pytest.fixture(autouse=True)
def data(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("TONEARM_DATA_DIR", str(tmp_path / "data"))


def services() -> dict[str, Any]:
    said = CliRunner().invoke(app, ["status", "--json"])
    assert said.exit_code == 0, said.output
    found: dict[str, Any] = json.loads(said.stdout)["services"]
    shown = CliRunner().invoke(app, ["status"])
    assert all(service in shown.stdout for service in found)
    return found


def test_a_server_whose_address_is_wrong_is_shown_as_such(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TONEARM_REDIS_URL", "redis://host:port")
    monkeypatch.setenv("TONEARM_NEO4J_URL", "http://host")
    found = services()
    assert {name: service["state"] for name, service in found.items()} == dict.fromkeys(
        ("Redis", "Neo4j"), "misconfigured"
    )
    assert found["Redis"]["reason"].startswith("redis_url: ")
    assert found["Neo4j"]["reason"].startswith("neo4j_url: ")


def checked(*options: str) -> tuple[int, str]:
    """The exit status and the line of ``status --check``."""
    said = CliRunner().invoke(app, ["status", "--check", *options], standalone_mode=False)
    assert said.exception is None
    return int(said.return_value), said.stdout


def test_a_check_of_a_calm_library_is_one_line_with_figures_and_status_0() -> None:
    status, line = checked()
    assert (status, line.count("\n")) == (0, 1)
    assert line.startswith("OK - 0 jobs waiting, 0 running, 0 files failed | waiting=0 ")
    assert re.search(r" 'disk:data'=\d+B$", line)


def test_a_check_tells_of_jobs_that_nobody_takes(library: Library) -> None:
    library.meet(library.run(), b"a.flac", b"b.flac")
    status, line = checked()
    assert (status, line.partition(";")[0]) == (1, "WARNING - 2 jobs wait and no process is analysing")
    assert " waiting=2 " in line


def test_a_check_that_is_not_possible_is_unknown(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    status, line = checked("--data", str(tmp_path / "none"))
    assert (status, line.startswith(f"UNKNOWN - {tmp_path}/none: no library is there")) == (3, True)
    assert checked("--json") == (3, "UNKNOWN - --check and --json exclude each other\n")
    monkeypatch.setenv("TONEARM_WORKERS", "many")
    status, line = checked()
    assert (status, line.startswith("UNKNOWN - ")) == (3, True)
    monkeypatch.setattr("tonearm.cli.status.existing_library", None)
    status, line = checked()
    assert (status, line.startswith("UNKNOWN - the check itself failed: ")) == (3, True)


def test_a_check_of_a_database_that_does_not_answer_is_critical(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TONEARM_DATABASE_URL", "postgresql://u:s3cret@127.0.0.1:1/name")
    monkeypatch.setenv("TONEARM_REDIS_URL", "redis://127.0.0.1:1/0")
    status, line = checked()
    assert status == 2
    assert line.startswith("CRITICAL - postgresql: PostgreSQL name at 127.0.0.1:1 does not answer: ")
    assert "; redis: Redis at 127.0.0.1:1 does not answer: " in line
    assert "s3cret" not in line


def test_a_process_that_renames_files_is_named(tmp_path: Path) -> None:
    with exclusive_lock(tmp_path / "data", changes=True):
        said = CliRunner().invoke(app, ["status"])
        found = json.loads(CliRunner().invoke(app, ["status", "--json"]).stdout)
    assert f"Process {os.getpid()} is renaming files, or writing their tags." in said.stdout.splitlines()
    assert found["changing"] == {"process": os.getpid()}


def test_a_process_at_work_that_has_no_running_file_is_told_so(tmp_path: Path) -> None:
    with exclusive_lock(tmp_path / "data"):
        said = CliRunner().invoke(app, ["status"])
    assert said.stdout.splitlines()[-1] == (
        f"Process {os.getpid()} is analysing; no file is being analysed at this moment."
    )


def test_one_file_that_the_graph_has_yet_to_learn_of_is_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Neo4jGraph, "counts", lambda _: GraphCounts(0, 0, 0, 0, 0, 0))
    monkeypatch.setattr("tonearm.graph.relay.pending_files", lambda _: 1)
    monkeypatch.setenv("TONEARM_NEO4J_URL", "bolt://host")
    monkeypatch.setenv("COLUMNS", "200")
    assert "1 file not yet in the graph" in CliRunner().invoke(app, ["status"]).stdout


def test_a_server_that_refuses_the_login_is_shown_as_such(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_: Neo4jGraph) -> NoReturn:
        raise ConfigurationError("Neo4j at host:7687 refuses the login of neo4j_url")

    monkeypatch.setattr(Neo4jGraph, "counts", refuse)
    monkeypatch.setenv("TONEARM_NEO4J_URL", "bolt://ada:hush@host")
    found = services()["Neo4j"]
    assert (found["state"], found["pending"]) == ("misconfigured", 0)
    assert "refuses the login" in found["reason"]


def test_without_its_database_it_still_says_how_the_other_servers_are(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("TONEARM_DATABASE_URL", "postgresql://u:p@127.0.0.1:1/name")
    monkeypatch.setenv("TONEARM_REDIS_URL", "redis://127.0.0.1:1/0")
    said = CliRunner().invoke(app, ["status", "--json"])
    assert isinstance(said.exception, StorageUnavailable)
    found = json.loads(said.stdout)
    assert found["library"] is None
    assert {name: service["state"] for name, service in found["services"].items()} == {
        "PostgreSQL": "unavailable",
        "Redis": "unavailable",
    }
    assert found["services"]["PostgreSQL"]["reason"].endswith("does not answer: connection refused")
    assert found["services"]["Redis"]["reason"] == "Redis at 127.0.0.1:1 does not answer: connection refused"
    shown = CliRunner().invoke(app, ["status"])
    assert "PostgreSQL" in shown.stdout
    assert "Redis" in shown.stdout


def test_a_rest_is_shown_with_its_end_and_jobs_may_wait_meanwhile(library: Library, tmp_path: Path) -> None:
    library.meet(library.run(), b"a.flac")
    library.change("UPDATE jobs SET queued_at = queued_at - 100000")
    registry = WorkerRegistry(library.database)
    registration = SoleRegistration(load_settings({"data_dir": tmp_path / "data"}), registry)
    tomorrow = int(time.time()) + 86_400
    with exclusive_lock(tmp_path / "data"):
        registration.heartbeat([], [], 0, 0)
        assert checked()[1].startswith("WARNING - a job of level normal has been waiting for")
        registration(WorkerResting("a", RestCode.HOURS, "outside the hours", tomorrow))
        registration.heartbeat([], [], 0, 0)
        status, line = checked()
        assert (status, line.partition(" | ")[0]) == (
            0,
            "OK - 1 jobs waiting, 0 running, 0 files failed, every worker rests",
        )
        shown = CliRunner().invoke(app, ["status"]).stdout
        until = time.strftime("%a %H:%M", time.localtime(tomorrow))
        assert f"Process {os.getpid()} is resting until {until}: outside the hours." in shown
        assert "Run 1 is resting" in shown
