"""A server that can't be reached is told in one form, with its address and in plain words, whatever its driver."""

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, suppress

import psycopg
import pytest

from tonearm.errors import ServiceUnavailable, StorageError, TonearmError
from tonearm.graph.bolt import Bolt
from tonearm.jobs.rabbitmq.inspection import inspect_broker
from tonearm.jobs.rabbitmq.management import Management
from tonearm.jobs.rabbitmq.topology import Topology
from tonearm.library.database import open_postgres
from tonearm.library.postgres_errors import advice_of, kind_of, sentence_of
from tonearm.progress.redis import RedisProgress
from tonearm.resilience.gate import Unguarded


def _broker(where: str, tls: str) -> None:
    inspect_broker(f"amqp{tls}://guest:guest@{where}/", Topology("t"), 5)


def _management(where: str, tls: str) -> None:
    Management(f"http{tls}://guest:guest@{where}", "/", Topology("t"), Unguarded(), 5).ping()


def _redis(where: str, tls: str) -> None:
    with closing(RedisProgress(f"redis{tls}://{where}/0", "t", Unguarded())) as progress:
        progress.latest()


def _neo4j(where: str, tls: str) -> None:
    with closing(Bolt(f"bolt{tls and '+s'}://{where}", 5, 5, Unguarded())) as bolt:
        bolt.read(lambda _: None)


def _postgresql(where: str, tls: str) -> None:
    open_postgres(f"postgresql://me@{where}/music?sslmode={'require' if tls else 'disable'}", 5, 5).close()


CALLS: dict[str, Callable[[str, str], None]] = {
    "RabbitMQ": _broker,
    "RabbitMQ's management API": _management,
    "Redis": _redis,
    "Neo4j": _neo4j,
    "PostgreSQL music": _postgresql,
}


def said(server: str, where: str, tls: str = "") -> str:
    with pytest.raises(TonearmError) as caught:
        CALLS[server](where, tls)
    assert isinstance(caught.value, ServiceUnavailable | StorageError)
    return str(caught.value)


@pytest.mark.parametrize("server", CALLS)
def test_a_port_without_a_server_refuses_the_connection(server: str) -> None:
    assert said(server, "127.0.0.1:1") == f"{server} at 127.0.0.1:1 does not answer: connection refused"


@pytest.fixture
def plain(request: pytest.FixtureRequest) -> Iterator[str]:
    """Where something answers that is none of the servers, and does not speak TLS. Its parameter: what it answers."""
    words: bytes = getattr(request, "param", b"AMQP\0\0\x09\x01")
    with socket.create_server(("127.0.0.1", 0)) as server:

        def answer() -> None:
            with suppress(OSError):  # the end of the test
                while True:
                    client, _ = server.accept()
                    with client:
                        client.recv(4096)
                        client.sendall(words)

        thread = threading.Thread(target=answer)
        thread.start()
        yield f"127.0.0.1:{server.getsockname()[1]}"
        server.shutdown(socket.SHUT_RDWR)
        thread.join()


@pytest.mark.parametrize("server", [name for name in CALLS if name != "PostgreSQL music"])
def test_a_port_without_tls_is_told_as_such(server: str, plain: str) -> None:
    assert said(server, plain, "s") == (
        f"{server} at {plain} does not answer: it does not speak TLS at this port"
    )


@pytest.mark.parametrize("plain", [b""], indirect=True)
def test_neo4j_without_tls_closes_the_connection_and_is_told_as_such(plain: str) -> None:
    assert said("Neo4j", plain, "s").endswith("it may not speak TLS at this port")


def test_what_is_not_postgresql_is_told_as_such(plain: str) -> None:
    assert said("PostgreSQL music", plain, "s").endswith(
        "does not answer: the server at this address is not PostgreSQL"
    )


@pytest.mark.parametrize(
    ("told", "reason", "advice"),
    [
        (
            "server does not support SSL, but SSL was required",
            "it does not speak TLS at this port",
            "sslmode",
        ),
        ('invalid sslmode value: "abc"', "an option has a value that can't be used", "after the ?"),
        (
            'FATAL:  unrecognized configuration parameter "bogus"',
            "the options name a setting that it does not have",
            "after the ?",
        ),
        ('FATAL:  database "x" does not exist', "it has no such database or user", "user, password"),
    ],
)
def test_what_to_check_goes_with_why_postgresql_refused(told: str, reason: str, advice: str) -> None:
    error = psycopg.OperationalError(f"connection failed: {told}")
    assert (kind_of(error), sentence_of(error)) == ("refused", reason)
    assert advice in advice_of(error)
