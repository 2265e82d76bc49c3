"""A password that is changed on a server and in the file of its address is used by the next connection."""

import contextlib
import json
import secrets
from base64 import b64encode
from collections.abc import Callable, Iterator
from http.client import HTTPConnection
from pathlib import Path
from urllib.parse import quote, urlsplit

import psycopg
import pytest
import redis
from psycopg import sql
from sqlalchemy.engine import make_url

from tests.program import until
from tests.servers import administer
from tonearm.addresses import Address
from tonearm.errors import ServiceRefused, ServiceUnavailable, StorageUnavailable
from tonearm.graph.bolt import Bolt
from tonearm.graph.neo4j import Neo4jGraph
from tonearm.jobs.rabbitmq.connection import BrokerConnection
from tonearm.jobs.rabbitmq.management import Management
from tonearm.jobs.rabbitmq.topology import Topology
from tonearm.library.database import open_postgres
from tonearm.progress.redis import RedisProgress
from tonearm.resilience.gate import Unguarded
from tonearm.settings import load_settings, url_source

CLOSED = "127.0.0.1:1"


class Secret:
    """A file that holds the address of a server."""

    def __init__(self, path: Path, setting: str) -> None:
        self._path = path
        self._setting = setting

    def write(self, url: str) -> None:
        self._path.write_text(f"{url}\n")

    def remove(self) -> None:
        self._path.unlink()

    @property
    def address(self) -> Address:
        return url_source(load_settings({f"{self._setting}_file": self._path}), self._setting)


@pytest.fixture
def secret(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Secret]:
    def make(setting: str) -> Secret:
        monkeypatch.delenv(f"TONEARM_{setting.upper()}", raising=False)
        return Secret(tmp_path / "secret", setting)

    return make


@contextlib.contextmanager
def postgres_role(admin: psycopg.Connection) -> Iterator[str]:
    name = f"test_{secrets.token_hex(6)}"
    admin.execute(sql.SQL("CREATE ROLE {} LOGIN SUPERUSER").format(sql.Identifier(name)))
    try:
        yield name
    finally:
        admin.execute(sql.SQL("DROP OWNED BY {} CASCADE").format(sql.Identifier(name)))
        admin.execute(sql.SQL("DROP ROLE {}").format(sql.Identifier(name)))


def test_postgresql_is_connected_to_as_the_file_says_now(
    postgres_url: str, secret: Callable[[str], Secret]
) -> None:
    file = secret("database_url")
    url = make_url(postgres_url)
    with administer(postgres_url) as admin, postgres_role(admin) as before, postgres_role(admin) as after:
        file.write(url.set(username=before).render_as_string(hide_password=False))
        with contextlib.closing(open_postgres(file.address, 5, 30)) as database:
            database.ping()
            admin.execute(sql.SQL("ALTER ROLE {} NOLOGIN").format(sql.Identifier(before)))
            admin.execute(
                "SELECT pg_terminate_backend(pid, 60000) FROM pg_stat_activity WHERE usename = %s", (before,)
            )
            for _ in range(2):  # the first finds that its connection has ended
                with pytest.raises(StorageUnavailable) as caught:
                    database.ping()
            assert "the user may not log in; database_url_file is read again" in str(caught.value)
            file.remove()
            with pytest.raises(StorageUnavailable, match=r"database_url_file: .* can't be read"):
                database.ping()
            file.write(url.set(username=after).render_as_string(hide_password=False))
            database.ping()


class Broker:
    """The management API of RabbitMQ, and a user of the test's own."""

    def __init__(self, url: str) -> None:
        self._parts = urlsplit(url)
        login = f"{self._parts.username}:{self._parts.password}"
        self._headers = {"Authorization": f"Basic {b64encode(login.encode()).decode()}"}
        self.user = f"test-{secrets.token_hex(6)}"

    def ask(self, method: str, path: str, **body: object) -> bytes:
        connection = HTTPConnection(self._parts.hostname or "", self._parts.port, timeout=30)
        with contextlib.closing(connection):
            connection.request(method, f"/api/{path}", json.dumps(body) if body else None, self._headers)
            answer = connection.getresponse()
            assert answer.status < 300 or answer.status == 404, (method, path, answer.status)  # gone already
            return answer.read()

    def set_password(self, password: str) -> None:
        self.ask("PUT", f"users/{self.user}", password=password, tags="administrator")
        rights = dict.fromkeys(("configure", "write", "read"), ".*")
        self.ask("PUT", f"permissions/%2F/{self.user}", **rights)

    def disconnect(self, title: str) -> None:
        """End the user's connection once the API knows it; it learns of connections every few seconds."""

        def ended() -> bool:
            found = json.loads(self.ask("GET", "connections"))
            names = [
                one["name"]
                for one in found
                if one.get("client_properties", {}).get("connection_name") == title
            ]
            for name in names:
                self.ask("DELETE", f"connections/{quote(name, safe='')}")
            return bool(names)

        until(ended)


def test_rabbitmq_is_connected_to_as_the_file_says_now(
    rabbitmq_url: str, rabbitmq_management_url: str, namespace: str, secret: Callable[[str], Secret]
) -> None:
    file = secret("rabbitmq_url")
    broker = Broker(rabbitmq_management_url)
    place = urlsplit(rabbitmq_url)

    def write(password: str) -> None:
        file.write(place._replace(netloc=f"{broker.user}:{password}@{place.hostname}:{place.port}").geturl())

    broker.set_password("one")
    write("one")
    link = BrokerConnection(file.address, Topology(namespace), Unguarded(), 0, lambda: None, 5.0, namespace)
    link.start()
    try:
        assert link.wait_until_known(30)
        assert link.connected
        broker.set_password("two")
        broker.disconnect(namespace)
        until(lambda: link.refusal is not None)
        write("two")
        until(lambda: link.connected)
        assert link.refusal is None
    finally:
        link.stop()
        broker.ask("DELETE", f"users/{broker.user}")


def test_the_management_api_is_asked_as_the_file_says_now(
    rabbitmq_management_url: str, namespace: str, secret: Callable[[str], Secret]
) -> None:
    file = secret("rabbitmq_management_url")
    broker = Broker(rabbitmq_management_url)
    place = urlsplit(rabbitmq_management_url)

    def write(password: str) -> None:
        file.write(place._replace(netloc=f"{broker.user}:{password}@{place.hostname}:{place.port}").geturl())

    broker.set_password("one")
    write("one")
    management = Management(file.address, "/", Topology(namespace), Unguarded(), 10)
    try:
        management.ping()
        broker.set_password("two")
        with pytest.raises(ServiceRefused):
            management.ping()
        write("two")
        management.ping()
    finally:
        broker.ask("DELETE", f"users/{broker.user}")


def test_redis_is_connected_to_as_the_file_says_now(
    redis_url: str, namespace: str, secret: Callable[[str], Secret]
) -> None:
    file = secret("redis_url")
    place = urlsplit(redis_url)

    def write(password: str) -> None:
        file.write(place._replace(netloc=f"{namespace}:{password}@{place.hostname}:{place.port}").geturl())

    def allow(admin: redis.Redis, password: str) -> None:
        admin.acl_setuser(
            namespace,
            enabled=True,
            reset=True,
            passwords=[f"+{password}"],
            keys=["*"],
            channels=["*"],
            categories=["+@all"],
        )

    with redis.Redis.from_url(redis_url) as admin:
        allow(admin, "one")
        write("one")
        try:
            with contextlib.closing(RedisProgress(file.address, namespace, Unguarded())) as progress:
                progress.latest()
                allow(admin, "two")
                admin.client_kill_filter(user=namespace)
                with pytest.raises(ServiceUnavailable):  # its connection has ended
                    progress.latest()
                with pytest.raises(ServiceRefused):
                    progress.latest()
                write("two")
                with pytest.raises(ServiceRefused):
                    progress.latest()
                progress.latest()
        finally:
            admin.acl_deluser(namespace)


def test_neo4j_is_connected_to_as_the_file_says_now(
    neo4j_url: str, namespace: str, secret: Callable[[str], Secret]
) -> None:
    file = secret("neo4j_url")
    file.write(f"bolt://{CLOSED}")
    with contextlib.closing(Neo4jGraph(Bolt(file.address, 5, 30, Unguarded()), namespace)) as graph:
        file.write(neo4j_url)
        with pytest.raises(ServiceUnavailable, match=CLOSED):
            graph.track(b"/")
        assert graph.track(b"/") is None
