"""``tonearm status`` shows the state of services and runs, above all faults."""

import json
import os
from pathlib import Path
from typing import Any, NoReturn

import pytest
from click.testing import CliRunner

from tonearm.cli.app import app
from tonearm.errors import ConfigurationError, StorageUnavailable
from tonearm.graph.neo4j import Neo4jGraph
from tonearm.graph.port import GraphCounts
from tonearm.library.lock import exclusive_lock

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
    assert {name: service["state"] for name, service in found.items()} == {"Redis": "wrong", "Neo4j": "wrong"}
    assert found["Redis"]["reason"].startswith("redis_url: ")
    assert found["Neo4j"]["reason"].startswith("neo4j_url: ")


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
    assert (found["state"], found["pending"]) == ("wrong", 0)
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
    assert found["services"]["Redis"]["reason"] == "Redis does not answer: Connection refused"
    shown = CliRunner().invoke(app, ["status"])
    assert "PostgreSQL" in shown.stdout
    assert "Redis" in shown.stdout
