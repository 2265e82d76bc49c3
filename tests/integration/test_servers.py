"""`scripts/servers` starts missing servers, prints their addresses, and stops everything that it has started."""

import os
import re
import shutil
import signal
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pika
import psycopg
import pytest
from pika.exceptions import ChannelClosedByBroker

from tests.program import alive
from tests.servers import SCRIPT, VARIABLES, OwnServers, missing

Call = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def call(tmp_path: Path, servers: dict[str, str]) -> Iterator[Call]:
    """Calls the script for a folder of its own, where the servers that start slowly are somebody else's."""
    slow = [name for name in VARIABLES if "RABBITMQ" in name or "NEO4J" in name]
    if not all(name in servers for name in slow):
        missing(" and ".join(slow))
    environment = {
        **{name: value for name, value in os.environ.items() if name not in (*VARIABLES, "CI")},
        **{name: servers[name] for name in slow},
        "TONEARM_SERVERS": str(tmp_path / "servers"),
    }

    def script(*arguments: str | Path, **more: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            arguments if arguments[0] == "unshare" else [SCRIPT, *arguments],
            env={**environment, **more},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
        )

    yield script
    script("down")


def processes_of(folder: Path) -> list[int]:
    """Processes with the folder mounted, in whatever namespace they are."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            if (
                str(folder) in (entry / "mounts").read_text()
                or str(folder) in (entry / "cmdline").read_text()
            ):
                found.append(int(entry.name))
        except OSError:
            continue
    return [pid for pid in found if alive(pid)]


def test_up_prints_exports_alone_and_does_nothing_the_second_time(
    call: Call, servers: dict[str, str]
) -> None:
    first = call("up")
    assert first.returncode == 0, first.stderr
    lines = first.stdout.splitlines()
    urls = dict(re.findall(r"^export (TONEARM_\w+_URL)=(\S+)$", first.stdout, re.MULTILINE))
    assert sorted(urls) == sorted(VARIABLES)
    assert len(lines) == len(urls)
    assert urls["TONEARM_NEO4J_URL"] == servers["TONEARM_NEO4J_URL"]
    assert urls["TONEARM_DATABASE_URL"] != servers.get("TONEARM_DATABASE_URL")
    before = [call("pid", name).stdout for name in ("postgres", "redis", "prometheus")]
    again = call("up")
    assert (again.returncode, again.stdout) == (0, first.stdout)
    assert [call("pid", name).stdout for name in ("postgres", "redis", "prometheus")] == before


def test_what_the_environment_names_is_passed_on_and_not_started(call: Call, servers: dict[str, str]) -> None:
    if sorted(servers) != sorted(VARIABLES):
        missing(" and ".join(VARIABLES))
    passed = call("up", **servers)
    assert passed.stdout.splitlines() == [f"export {name}={servers[name]}" for name in VARIABLES]
    assert "runs" not in call("status").stdout
    away = call("up", **{**servers, "TONEARM_REDIS_URL": "redis://127.0.0.1:1/0"})
    assert "TONEARM_REDIS_URL is set, but nobody answers there" in away.stderr
    assert [line for line in call("status").stdout.splitlines() if "runs" in line] == [
        f"redis runs at {line.split('/')[2]}" for line in away.stdout.splitlines() if "REDIS" in line
    ]


def test_one_of_them_can_be_had_alone(call: Call) -> None:
    alone = call("up", "redis")
    assert (alone.returncode, alone.stdout.count("export"), "REDIS" in alone.stdout) == (0, 1, True)
    assert [line for line in call("status").stdout.splitlines() if " runs " in line] == [
        f"redis runs at {alone.stdout.split('/')[2]}"
    ]
    beside = call("up", "prometheus", "redis")
    assert beside.stdout.splitlines()[1] == alone.stdout.strip()
    assert call("up", "mysql").returncode == 2
    assert call("stop", "redis", "mysql").returncode == 2
    assert call("stop", "redis", "prometheus").returncode == 0
    assert " runs " not in call("status").stdout


def test_down_leaves_nothing_even_of_servers_that_were_stopped_halfway(call: Call, tmp_path: Path) -> None:
    assert call("up").returncode == 0
    status = call("status")
    assert status.returncode == 3  # two of the five are not ours
    assert [line.split(" at ")[0] for line in status.stdout.splitlines()] == [
        "postgres runs",
        "rabbitmq does not run",
        "redis runs",
        "neo4j does not run",
        "prometheus runs",
    ]
    if os.geteuid() == 0:
        for name in ("postgres", "redis"):
            os.kill(int(call("pid", name).stdout), signal.SIGSTOP)
    for _ in range(2):
        assert call("down").returncode == 0
        assert "runs" not in call("status").stdout
    assert processes_of(tmp_path / "servers") == []
    assert str(tmp_path) not in Path("/proc/mounts").read_text()
    assert call("pid", "redis").returncode == 1


def test_a_command_is_run_with_servers_that_go_after_it(call: Call, tmp_path: Path) -> None:
    seen = call("run", "sh", "-c", "echo $TONEARM_REDIS_URL; exit 7")
    assert (seen.returncode, seen.stdout.startswith("redis://127.0.0.1:")) == (7, True)
    assert processes_of(tmp_path / "servers") == []


def test_where_servers_cannot_be_started_a_laptop_goes_on_and_ci_does_not(call: Call) -> None:
    nobody = ("unshare", "--user", "--")
    if subprocess.run([*nobody, "true"], capture_output=True).returncode != 0:
        pytest.skip("needs user namespaces")
    if shutil.which("docker") and subprocess.run(["docker", "info"], capture_output=True).returncode == 0:
        pytest.skip("anybody can start servers here, with Docker")
    laptop = call(*nobody, SCRIPT, "run", "echo", "went on")
    assert (laptop.returncode, laptop.stdout) == (0, "went on\n")
    assert "needs root" in laptop.stderr
    assert "skipped" in laptop.stderr
    ci = call(*nobody, SCRIPT, "run", "echo", "went on", CI="true")
    assert (ci.returncode, ci.stdout) == (1, "")


@pytest.mark.slow
def test_own_servers_keep_what_they_had_through_a_kill_and_lose_it_when_wiped(
    own_servers: OwnServers, namespace: str
) -> None:
    own_servers.up("rabbitmq")
    broker = pika.URLParameters(own_servers.urls["TONEARM_RABBITMQ_URL"])
    with pika.BlockingConnection(broker) as connection:
        connection.channel().queue_declare(namespace, durable=True)
    own_servers.stop("rabbitmq")  # a broker that is killed at once may not have written a new queue down
    own_servers.start("rabbitmq")
    own_servers.kill("rabbitmq")
    own_servers.start("rabbitmq")
    with pika.BlockingConnection(broker) as connection:
        connection.channel().queue_declare(namespace, durable=True, passive=True)
    own_servers.wipe_rabbitmq()
    with pika.BlockingConnection(broker) as connection, pytest.raises(ChannelClosedByBroker):
        connection.channel().queue_declare(namespace, durable=True, passive=True)

    database = own_servers.urls["TONEARM_DATABASE_URL"].replace("+psycopg", "")
    with psycopg.connect(database) as session:
        session.execute("CREATE TABLE kept AS SELECT 1")
        session.commit()
        own_servers.kill("postgres")
    own_servers.start("postgres")
    own_servers.stop("postgres")
    own_servers.start("postgres")
    with psycopg.connect(database) as session:
        assert session.execute("SELECT * FROM kept").fetchall() == [(1,)]
