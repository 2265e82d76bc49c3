"""``tonearm doctor`` finds faults that are planted in real servers, and changes nothing on them."""

import base64
import json
import secrets
import socket
import time
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import pytest
import redis
from psycopg import sql
from sqlalchemy import inspect
from sqlalchemy.engine import make_url

from tests.contracts.broker import Broker
from tests.doctored import doctor
from tests.program import until
from tests.servers import administer, drop_database, named
from tonearm.jobs.worker_registry import Heartbeat, WorkerInstance, WorkerRegistry
from tonearm.library.database import open_postgres, reach_postgres

pytestmark = pytest.mark.usefixtures("durable_postgres")
CLOCK = "import time; time.time = lambda now=time.time: now() + 3600"
"""Lets the process of the command have a clock that is an hour ahead."""


def in_database(url: str, statement: str) -> None:
    """Have the administrator change a database; ``{}`` stands for its name."""
    with administer(url) as connection:
        name = sql.Identifier(make_url(url).database or "")
        connection.execute(sql.SQL(statement).format(name))


def with_login(url: str, user: str) -> str:
    """The address of a server with a user that it does not know."""
    parts = urlsplit(url)
    return parts._replace(netloc=f"{user}:wrong@{parts.netloc.rpartition('@')[2]}").geturl()


def manage(url: str, method: str, path: str, body: Mapping[str, Any] | None = None) -> Any:
    """A request to RabbitMQ's management API, and its answer."""
    parts = urlsplit(url)
    request = urllib.request.Request(
        f"http://{parts.hostname}:{parts.port}/api/{path}",
        method=method,
        data=None if body is None else json.dumps(body).encode(),
        headers={
            "Authorization": "Basic "
            + base64.b64encode(f"{parts.username}:{parts.password}".encode()).decode(),
            "Content-Type": "application/json",
        },
    )
    with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310  the same request
        return json.loads(answer.read() or "null")


@contextmanager
def policy(url: str, namespace: str, **definition: int) -> Iterator[None]:
    """Have a policy apply to the queues of a namespace."""
    path = f"policies/%2F/{namespace}"
    body = {"pattern": f"^{namespace}[.]jobs", "apply-to": "queues", "definition": definition}
    manage(url, "PUT", path, body)
    try:
        yield
    finally:
        manage(url, "DELETE", path)


def register(url: str) -> None:
    """Live workers of another version and with trouble, one that is lost, and many more."""
    database = open_postgres(url, 5, 30)
    registry = WorkerRegistry(database)
    for number in range(17):
        worker = WorkerInstance(f"w{number:02}", f"{number}@", "elsewhere", 7, "0.0.1", 4)
        registry.register(worker, 60)
        registry.heartbeat(worker, Heartbeat(breakers={"Redis": "open"}, unmounted=["/music"]))
    database.close()
    in_database(url, "UPDATE workers SET seen_at = seen_at - 100 WHERE name = 'w00'")


def test_servers_in_order_have_facts_alone_and_are_left_as_they_were(
    postgres_url: str,
    rabbitmq_url: str,
    rabbitmq_management_url: str,
    redis_url: str,
    neo4j_url: str,
    namespace: str,
    tmp_path: Path,
) -> None:
    environment = {
        "TONEARM_DATABASE_URL": postgres_url,
        "TONEARM_RABBITMQ_URL": rabbitmq_url,
        "TONEARM_RABBITMQ_MANAGEMENT_URL": rabbitmq_management_url,
        "TONEARM_REDIS_URL": redis_url,
        "TONEARM_NEO4J_URL": neo4j_url,
        "TONEARM_NAMESPACE": namespace,
    }
    ended = doctor(tmp_path / "none", **environment)
    assert (ended.ids, ended.status) == (set(), 0)
    servers = {"postgresql", "rabbitmq", "rabbitmq-management", "redis", "neo4j"}
    assert {f"{server}.server" for server in servers} <= {each["id"] for each in ended.found}
    assert ended.of("library.empty")["severity"] == ended.of("rabbitmq.queues")["severity"] == "fact"

    database = reach_postgres(postgres_url, 5, 30)
    with database.read() as connection:
        assert inspect(connection).get_table_names() == []
    database.close()
    with Broker(rabbitmq_url) as broker:
        assert {broker.ready(f"{namespace}.{name}") for name in ("jobs", "dead")} == {-1}
    with redis.Redis.from_url(redis_url) as live:
        assert list(live.scan_iter(match=f"{namespace}*")) == []


def test_faults_of_a_database_its_workers_and_a_broker_are_found(
    postgres_url: str, rabbitmq_url: str, rabbitmq_management_url: str, namespace: str, tmp_path: Path
) -> None:
    register(postgres_url)
    in_database(postgres_url, "ALTER DATABASE {} SET synchronous_commit = off")
    in_database(postgres_url, "ALTER DATABASE {} SET idle_session_timeout = 9000")
    in_database(postgres_url, "ALTER DATABASE {} SET default_transaction_read_only = on")
    with (
        Broker(rabbitmq_url) as broker,
        policy(rabbitmq_management_url, namespace, **{"max-length": 9, "consumer-timeout": 60_000}),
    ):
        broker.declare(f"{namespace}.jobs", {})
        queue = f"queues/%2F/{namespace}.jobs"
        until(lambda: bool(manage(rabbitmq_management_url, "GET", queue).get("policy")))
        environment = {
            "TONEARM_DATABASE_URL": postgres_url,
            "TONEARM_RABBITMQ_URL": rabbitmq_url,
            "TONEARM_RABBITMQ_MANAGEMENT_URL": rabbitmq_management_url,
            "TONEARM_NAMESPACE": namespace,
            "TONEARM_LEASE_S": "20",
        }
        ended = doctor(tmp_path / "none", CLOCK, **environment)
        assert broker.ready(f"{namespace}.dead") == -1
    assert ended.ids == {
        "clock.differs",
        "postgresql.commit-asynchronous",
        "postgresql.connections-few",
        "postgresql.read-only",
        "postgresql.timeout",
        "rabbitmq.arguments",
        "rabbitmq.consumer-timeout",
        "rabbitmq.policy",
        "rabbitmq.queue-missing",
        "rabbitmq.unbound",
        "settings.lease-short",
        "workers.breaker",
        "workers.lost",
        "workers.unmounted",
        "workers.version",
    }
    assert ended.status == 2
    assert {each["subject"] for each in ended.found if each["id"] == "clock.differs"} == {
        "PostgreSQL",
        "RabbitMQ",
    }
    assert f"{namespace}.dead" in ended.of("rabbitmq.queue-missing")["detail"]


@pytest.fixture
def stranger(servers: Mapping[str, str]) -> Iterator[str]:
    """The address of a database in another encoding, for a user who may do nothing in it."""
    server = named(servers, "TONEARM_DATABASE_URL")
    name = f"test_{secrets.token_hex(6)}"
    url = make_url(server).set(database=name, username=name).render_as_string(hide_password=False)
    with administer(server) as connection:
        connection.execute(sql.SQL("CREATE ROLE {} LOGIN").format(sql.Identifier(name)))
        connection.execute(
            sql.SQL("CREATE DATABASE {} ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0").format(
                sql.Identifier(name)
            )
        )
    yield url
    drop_database(server, url)
    with administer(server) as connection:
        connection.execute(sql.SQL("DROP ROLE {}").format(sql.Identifier(name)))


def test_refused_logins_and_missing_rights_are_found(
    stranger: str,
    rabbitmq_url: str,
    rabbitmq_management_url: str,
    redis_url: str,
    neo4j_url: str,
    tmp_path: Path,
) -> None:
    environment = {
        "TONEARM_DATABASE_URL": stranger,
        "TONEARM_RABBITMQ_URL": with_login(rabbitmq_url, "nobody"),
        "TONEARM_RABBITMQ_MANAGEMENT_URL": with_login(rabbitmq_management_url, "nobody"),
        "TONEARM_REDIS_URL": with_login(redis_url, "nobody"),
        "TONEARM_NEO4J_URL": f"{neo4j_url}/nowhere",
    }
    ended = doctor(tmp_path / "none", **environment)
    assert ended.ids == {
        "neo4j.refused",
        "postgresql.encoding",
        "postgresql.permission",
        "rabbitmq-management.refused",
        "rabbitmq.refused",
        "redis.refused",
    }
    assert "wrong" not in str(ended.found)


def test_a_database_that_lets_nobody_in_is_found(
    stranger: str, servers: Mapping[str, str], tmp_path: Path
) -> None:
    with administer(named(servers, "TONEARM_DATABASE_URL")) as connection:
        role = sql.Identifier(make_url(stranger).username or "")
        connection.execute(sql.SQL("ALTER ROLE {} CONNECTION LIMIT 0").format(role))
    ended = doctor(tmp_path / "none", TONEARM_DATABASE_URL=stranger)
    assert (ended.ids, ended.status) == ({"postgresql.connections-exhausted"}, 2)
    unknown = doctor(tmp_path / "none", TONEARM_DATABASE_URL=with_login(stranger, "nobody"))
    assert (unknown.ids, unknown.status) == ({"postgresql.refused"}, 2)


def test_older_tables_on_a_server_are_found_and_left(postgres_url: str, tmp_path: Path) -> None:
    open_postgres(postgres_url, 5, 30).close()
    in_database(postgres_url, "UPDATE alembic_version SET version_num = '0004'")
    ended = doctor(tmp_path / "none", TONEARM_DATABASE_URL=postgres_url)
    assert (ended.ids, ended.status) == ({"library.migrate"}, 2)
    assert "tonearm migrate" in ended.of("library.migrate")["remedy"]
    with administer(postgres_url) as connection:
        assert connection.execute("SELECT version_num FROM alembic_version").fetchall() == [("0004",)]


def test_servers_that_accept_connections_and_never_answer_are_found_in_time(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0), backlog=50) as silent:
        there = f"127.0.0.1:{silent.getsockname()[1]}"
        began = time.monotonic()
        ended = doctor(
            tmp_path / "none",
            TONEARM_DATABASE_URL=f"postgresql://user:{quote('pass word')}@{there}/name",
            TONEARM_RABBITMQ_URL=f"amqp://user:word@{there}/",
            TONEARM_RABBITMQ_MANAGEMENT_URL=f"http://user:word@{there}",
            TONEARM_REDIS_URL=f"redis://{there}/0",
            TONEARM_NEO4J_URL=f"bolt://{there}",
            TONEARM_CONNECT_TIMEOUT_S="1",
        )
    assert ended.ids == {
        "postgresql.unreachable",
        "rabbitmq.unreachable",
        "rabbitmq-management.unreachable",
        "redis.unreachable",
        "neo4j.unreachable",
    }
    assert time.monotonic() - began < 60  # or it would never end
