"""`tonearm workers drain --wait` tells a script whether its workers have ended."""

import json
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from sqlalchemy import select

from tests.program import until
from tonearm.cli.app import app
from tonearm.jobs.worker_registry import WorkerInstance, WorkerRegistry
from tonearm.jobs.worker_rows import LOST_S
from tonearm.library.database import Database, open_sqlite
from tonearm.library.schema import worker_table

HERE = socket.gethostname()


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    found = open_sqlite(tmp_path)
    yield found
    found.close()


@pytest.fixture
def registry(database: Database) -> WorkerRegistry:
    return WorkerRegistry(database)


def instance(name: str, host: str = HERE) -> WorkerInstance:
    return WorkerInstance(name, f"{name} 1", host, 1, "1.0", 2)


def drain(folder: Path, *arguments: str) -> Result:
    given = ["workers", "drain", "--data", str(folder), *arguments]
    return CliRunner().invoke(app, given, standalone_mode=False)


def test_it_returns_when_all_have_ended(registry: WorkerRegistry, database: Database, tmp_path: Path) -> None:
    for name in ("a", "b"):
        registry.register(instance(name), 60)

    def are_told() -> bool:
        with database.read() as connection:
            return all(connection.execute(select(worker_table.c.drain)).scalars())

    def end() -> None:
        until(are_told)
        for name in ("a", "b"):
            registry.deregister(instance(name))

    ends = threading.Thread(target=end)
    ends.start()
    outcome = drain(tmp_path, "a", "b", "--wait", "--timeout", "60s", "--json")
    ends.join()
    assert outcome.return_value == 0
    assert [json.loads(line) for line in outcome.stdout.splitlines()] == [
        {"worker": "a", "state": "ended"},
        {"worker": "b", "state": "ended"},
    ]


def test_status_1_is_told_of_one_that_has_not_ended_in_time(registry: WorkerRegistry, tmp_path: Path) -> None:
    registry.register(instance("a"), 60)
    outcome = drain(tmp_path, "a", "--wait", "--timeout", "0.1s")
    assert outcome.return_value == 1
    assert "a has not ended yet" in outcome.output
    outcome = drain(tmp_path, "a", "--wait", "--timeout", "0.1", "--json")
    assert json.loads(outcome.stdout) == {"worker": "a", "state": "draining"}


def test_one_that_dies_meanwhile_is_not_waited_for(
    registry: WorkerRegistry, database: Database, tmp_path: Path
) -> None:
    registry.register(instance("a"), 60)
    with database.write() as connection:
        connection.execute(worker_table.update().values(seen_at=worker_table.c.seen_at - LOST_S - 1))
    outcome = drain(tmp_path, "a", "--wait")
    assert outcome.return_value == 1
    assert "sends no heartbeat any more" in outcome.output


def test_here_means_the_workers_of_this_host(registry: WorkerRegistry, tmp_path: Path) -> None:
    for one in (instance("a"), instance("b"), instance("c", host="elsewhere")):
        registry.register(one, 60)
    outcome = drain(tmp_path, "--here", "--json")
    assert outcome.return_value == 0
    assert [json.loads(line)["worker"] for line in outcome.stdout.splitlines()] == ["a", "b"]


def test_here_means_the_worker_that_the_settings_name(
    registry: WorkerRegistry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("a", "b"):
        registry.register(instance(name), 60)
    monkeypatch.setenv("TONEARM_WORKER_NAME", "b")
    outcome = drain(tmp_path, "--here", "--json")
    assert json.loads(outcome.stdout) == {"worker": "b", "draining": True}


def test_there_must_be_somebody_to_drain(registry: WorkerRegistry, tmp_path: Path) -> None:
    registry.register(instance("c", host="elsewhere"), 60)
    assert "no worker of this host is at work" in str(drain(tmp_path, "--here").exception)
    for arguments in ([], ["c", "--here"], ["c", "--timeout", "5s"]):
        assert type(drain(tmp_path, *arguments).exception).__name__ == "UsageError"
