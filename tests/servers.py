"""The real servers for tests, given by the variables that ``scripts/servers up`` prints.

A server that no variable names skips the test on a laptop and fails it where ``CI`` is set. A server that is
named and does not answer fails it everywhere.
"""

import json
import os
import secrets
import subprocess
from base64 import b64encode
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from http.client import HTTPConnection
from pathlib import Path
from typing import NoReturn
from urllib.parse import quote, unquote, urlsplit

import neo4j
import psycopg
import pytest
import redis
from psycopg import sql
from sqlalchemy.engine import make_url

from tests.program import until

FleetUrls = Callable[[Iterable[str]], dict[str, str]]
"""Tells the addresses of services, such as ``RABBITMQ``, by the names of their variables."""
DURABLE = 20_417
"""The advisory lock that processes of tests share while PostgreSQL has to wait for the disk."""
SCRIPT = Path(__file__).parents[1] / "scripts" / "servers"
VARIABLES = (
    "TONEARM_DATABASE_URL",
    "TONEARM_RABBITMQ_URL",
    "TONEARM_RABBITMQ_MANAGEMENT_URL",
    "TONEARM_REDIS_URL",
    "TONEARM_NEO4J_URL",
    "TONEARM_PROMETHEUS_URL",
)


class OwnServers:
    """Servers that one test at a time may stop, kill and wipe; every process of pytest has a set of its own.

    ``urls`` are the variables to give the program, for the servers that the test asked for.
    """

    def __init__(self, script: Callable[..., str]) -> None:
        self.urls: dict[str, str] = {}
        self._script = script

    def up(self, *names: str) -> None:
        """Have these servers run and answer, however the last test left them."""
        for line in self._script("up", *names).splitlines():
            name, url = line.removeprefix("export ").split("=", 1)
            if name == "TONEARM_DATABASE_URL":
                url = self.urls.get(name) or create_database(url)
            self.urls[name] = url

    def stop(self, name: str) -> None:
        """End a server in order, and wait until it is gone. It keeps its data."""
        self._script("stop", name)

    def start(self, name: str) -> None:
        """Start a server at its old port with its old data, and wait until it answers."""
        self._script("start", name)

    def kill(self, name: str) -> None:
        """End every process of a server at once (SIGKILL). It keeps what it had written."""
        self._script("kill", name)

    def wipe_rabbitmq(self) -> None:
        """Have RabbitMQ back with nothing in it: no exchange, no queue, no message."""
        self._script("wipe", "rabbitmq")

    def pid(self, name: str) -> int:
        """The server's main process, to be sent signals."""
        return int(self._script("pid", name))


@pytest.fixture(scope="session")
def servers() -> dict[str, str]:
    """The variables that name a server, as the environment has them."""
    return {name: os.environ[name] for name in VARIABLES if os.environ.get(name)}


@pytest.fixture
def postgres_url(servers: Mapping[str, str]) -> Iterator[str]:
    """An empty PostgreSQL database, dropped after the test whoever is still connected."""
    server = named(servers, "TONEARM_DATABASE_URL")
    url = create_database(server)
    yield url
    drop_database(server, url)


@pytest.fixture
def fleet_urls(servers: Mapping[str, str], postgres_url: str) -> FleetUrls:
    """Tells the addresses for a fleet on the servers that all tests share; its database is the test's own."""

    def of(services: Iterable[str]) -> dict[str, str]:
        urls = {name: named(servers, name) for name in (f"TONEARM_{service}_URL" for service in services)}
        return urls | {"TONEARM_DATABASE_URL": postgres_url}

    return of


@pytest.fixture
def rabbitmq_url(servers: Mapping[str, str]) -> str:
    """RabbitMQ; keep to names that start with ``namespace``."""
    return named(servers, "TONEARM_RABBITMQ_URL")


@pytest.fixture
def rabbitmq_management_url(servers: Mapping[str, str]) -> str:
    """RabbitMQ's management API."""
    return named(servers, "TONEARM_RABBITMQ_MANAGEMENT_URL")


@pytest.fixture
def redis_url(servers: Mapping[str, str]) -> str:
    """Redis; keep to keys that start with ``namespace``."""
    return named(servers, "TONEARM_REDIS_URL")


@pytest.fixture
def neo4j_url(servers: Mapping[str, str]) -> str:
    """Neo4j; keep to nodes whose property ``library`` is ``namespace``."""
    return named(servers, "TONEARM_NEO4J_URL")


@pytest.fixture
def prometheus_url(servers: Mapping[str, str]) -> str:
    """Prometheus, which scrapes RabbitMQ."""
    return named(servers, "TONEARM_PROMETHEUS_URL")


@pytest.fixture
def namespace(servers: Mapping[str, str]) -> Iterator[str]:
    """A short name nobody else uses; what the test leaves under it on the servers is deleted."""
    with own_namespace(servers) as name:
        yield name


@contextmanager
def own_namespace(servers: Mapping[str, str]) -> Iterator[str]:
    """As the fixture ``namespace``, for fixtures that last longer than a test."""
    name = f"t{secrets.token_hex(5)}"
    try:
        yield name
    finally:
        if (url := servers.get("TONEARM_RABBITMQ_MANAGEMENT_URL")) is not None:
            delete_from_rabbitmq(url, name)
        if (url := servers.get("TONEARM_REDIS_URL")) is not None:
            delete_from_redis(url, name)
        if (url := servers.get("TONEARM_NEO4J_URL")) is not None:
            delete_from_neo4j(url, name)


@pytest.fixture(scope="session")
def private_script(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., str]]:
    """Calls ``scripts/servers`` for servers of this process's own; they are taken down after the session."""
    above = os.environ.get("TONEARM_SERVERS")  # what is below it goes with it, even when pytest was killed
    process = os.environ.get("PYTEST_XDIST_WORKER", "alone")
    folder = Path(above) / f"own-{process}" if above else tmp_path_factory.mktemp("servers")
    environment = {
        **{name: value for name, value in os.environ.items() if name not in VARIABLES},
        "TONEARM_SERVERS": str(folder),
    }

    def script(*arguments: str) -> str:
        call = subprocess.run(
            [SCRIPT, *arguments], env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True
        )
        assert call.returncode == 0, call.stderr
        return call.stdout

    try:
        yield script
    finally:
        script("down")


@pytest.fixture
def own_servers(private_script: Callable[..., str]) -> OwnServers:
    """A PostgreSQL with a fresh database, and what else the test wants up."""
    made = OwnServers(private_script)
    try:
        made.up("postgres")
    except AssertionError as error:
        missing(f"servers of its own: {error}")
    return made


def named(servers: Mapping[str, str], variable: str) -> str:
    """A server's address; without one the test is skipped, or fails where CI is set."""
    if variable not in servers:
        missing(f"{variable} (`scripts/servers up` prints it)")
    return servers[variable]


def missing(what: str) -> NoReturn:
    """Skip on a laptop, fail in CI."""
    if os.environ.get("CI"):
        pytest.fail(f"needs {what}", pytrace=False)
    pytest.skip(f"needs {what}")


@pytest.fixture(scope="module")
def durable_postgres(servers: Mapping[str, str]) -> Iterator[None]:
    """Have PostgreSQL wait for the disk meanwhile, as one in order does; for other tests it may wait for nothing."""
    with administer(named(servers, "TONEARM_DATABASE_URL")) as connection:
        connection.execute("SELECT pg_advisory_lock_shared(%s)", (DURABLE,))
        connection.execute("ALTER SYSTEM SET fsync = on")
        connection.execute("SELECT pg_reload_conf()")
        until(lambda: connection.execute("SHOW fsync").fetchone() == ("on",))
        yield
        connection.execute("SELECT pg_advisory_unlock_shared(%s)", (DURABLE,))
        if connection.execute("SELECT pg_try_advisory_lock(%s)", (DURABLE,)).fetchone() == (True,):
            connection.execute("ALTER SYSTEM RESET fsync")  # no other process of tests needs it
            connection.execute("SELECT pg_reload_conf()")


def create_database(server: str) -> str:
    """Make an empty database and return its address."""
    name = f"test_{secrets.token_hex(6)}"
    with administer(server) as connection:
        connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
    return make_url(server).set(database=name).render_as_string(hide_password=False)


def drop_database(server: str, url: str) -> None:
    """Drop a database and end every connection to it."""
    name = make_url(url).database or ""
    with administer(server) as connection:
        connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))


def administer(server: str) -> psycopg.Connection:
    """A connection without transactions."""
    plain = make_url(server).set(drivername="postgresql").render_as_string(hide_password=False)
    return psycopg.connect(plain, autocommit=True, connect_timeout=60)


def delete_from_rabbitmq(url: str, start: str) -> None:
    """Delete the queues and exchanges whose names have this start, in every virtual host."""
    parts = urlsplit(url)
    login = f"{unquote(parts.username or 'guest')}:{unquote(parts.password or 'guest')}"
    headers = {"Authorization": f"Basic {b64encode(login.encode()).decode()}"}
    connection = HTTPConnection(parts.hostname or "127.0.0.1", parts.port or 15672, timeout=30)

    def ask(method: str, path: str) -> bytes:
        connection.request(method, f"{parts.path.rstrip('/')}/api/{path}", headers=headers)
        answer = connection.getresponse()
        body = answer.read()
        assert answer.status < 300 or answer.status == 404, (method, path, answer.status, body)
        return body

    try:
        for kind in ("queues", "exchanges"):
            for each in json.loads(ask("GET", f"{kind}?columns=name,vhost")):
                if each["name"].startswith(start):
                    ask("DELETE", f"{kind}/{quote(each['vhost'], safe='')}/{quote(each['name'], safe='')}")
    finally:
        connection.close()


def delete_from_redis(url: str, start: str) -> None:
    """Delete the keys that have this start."""
    with redis.Redis.from_url(url) as connection:
        for key in connection.scan_iter(match=f"{start}*", count=1000):
            connection.unlink(key)


def delete_from_neo4j(url: str, library: str) -> None:
    """Delete the nodes of a library, with what connects them."""
    parts = urlsplit(url)
    place = parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()
    login = (unquote(parts.username), unquote(parts.password or "")) if parts.username else None
    with neo4j.GraphDatabase.driver(place, auth=login) as driver:
        driver.execute_query("MATCH (n {library: $library}) DETACH DELETE n", library=library)
